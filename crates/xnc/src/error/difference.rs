//! Where two models differ.

use std::fmt;

/// The first place where a compressed file does not restore to what stands in the source that it was compared
/// with. Tensors are compared before all other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The tensor; none where all tensors are the same, and where a file holds none.
    pub tensor: Option<String>,
    /// Row and column of the element; none where the tensor is of another type or shape, or its elements have
    /// no bytes of their own, as in quantised blocks.
    pub element: Option<[u64; 2]>,
    /// Offset in the source of the first byte that differs; none where no byte is to blame.
    pub offset: Option<u64>,
    /// What is restored there: an element, a byte, a type and shape.
    pub restored: String,
    /// What the source has there.
    pub source: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.tensor {
            write!(f, " in tensor `{name}`")?;
        }
        if let Some([row, column]) = self.element {
            write!(f, ", row {row}, column {column}")?;
        }
        if let Some(offset) = self.offset {
            let comma = if self.tensor.is_some() { "," } else { "" };
            write!(f, "{comma} at byte {offset}")?;
        }
        write!(f, ": {} restored, {} there", self.restored, self.source)
    }
}
