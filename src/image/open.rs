//! Opening a target: find what is there, choose the image, read its layers.

use super::layers::Layers;
use super::options::{OpenOptions, Progress};
use super::target::Target;
use super::{Image, ImageError};

/// Reads the image that a target names.
///
/// # Errors
///
/// There is none, it is not plain which, or it cannot be read.
pub fn open(target: &Target, options: &OpenOptions, progress: &dyn Progress) -> Result<Image, ImageError> {
    open_with_layers(target, options, progress).map(|(image, _)| image)
}

/// [`open`], and the way back to the bytes of the layers.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_with_layers(
    target: &Target,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<(Image, Layers), ImageError> {
    target.read(options, progress)
}
