//! What may help against an error.

/// An error that knows what the user can do about it.
pub trait Hint {
    /// What may help, if there is something to say. It stands beside the error's text and does not repeat it.
    fn hint(&self) -> Option<String>;
}
