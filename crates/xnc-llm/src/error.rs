//! What can go wrong, named with the file's own words.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a file and its tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file or its token table.
    #[error(transparent)]
    Xnc(#[from] xnc::Error),
    /// Reading a layer.
    #[error("cannot read a layer: {0}")]
    Io(#[from] std::io::Error),
    /// A product of a quantised layer.
    #[error("a quantised product failed: {0}")]
    Product(#[from] candle_core::Error),
    /// A key is missing or has another type.
    #[error("the file's key `{key}` {what}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A tensor is missing, or its type or shape is not what the model needs.
    #[error("tensor `{name}` {what}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The model is of a kind that this crate does not run.
    #[error("cannot run this model: {0}")]
    Unsupported(String),
    /// The caller asked for more positions than the session has.
    #[error("position {position} is past the end of the session, which has {capacity}")]
    Full {
        /// The position asked for.
        position: usize,
        /// Positions in the session.
        capacity: usize,
    },
    /// A token number that the vocabulary does not have.
    #[error("the model has no token {0}")]
    NoToken(u32),
}

impl Error {
    pub(crate) fn tensor(name: &str, what: impl Into<String>) -> Error {
        Error::Tensor { name: name.into(), what: what.into() }
    }
}
