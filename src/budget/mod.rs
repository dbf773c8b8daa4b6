//! Limits on an image, what it was before, and the verdict.
