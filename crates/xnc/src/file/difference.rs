//! How a restored file and a source differ, as an error tells it.

use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::model::{Layout, Tensor};

/// What stands for a tensor or file that is not there.
pub const NOTHING: &str = "nothing";

/// A difference that no byte is to blame for.
pub fn of_whole(tensor: Option<&str>, restored: &str, there: &str) -> Error {
    differs(tensor, None, None, (restored, there))
}

/// A difference in a byte that belongs to no tensor.
pub fn outside(offset: u64, restored: &str, there: &str) -> Error {
    differs(None, None, Some(offset), (restored, there))
}

fn differs(
    tensor: Option<&str>,
    element: Option<[u64; 2]>,
    offset: Option<u64>,
    (restored, there): (&str, &str),
) -> Error {
    let [restored, there] = [restored, there].map(str::to_owned);
    Error::Differs { tensor: tensor.map(str::to_owned), element, offset, restored, there }
}

/// Compares what two headers say of tensors.
///
/// # Errors
/// [`Error::Differs`] with the first tensor that one of them has not, or has otherwise; or with the formats.
pub fn structure(here: &Layout, there: &Layout) -> Result<()> {
    if here.format() != there.format() {
        return Err(of_whole(None, here.format().name(), there.format().name()));
    }
    for tensor in here.tensors() {
        let other = there.tensor(&tensor.name);
        let same = other.is_some_and(|other| {
            (&other.dtype, &other.shape, other.bytes()) == (&tensor.dtype, &tensor.shape, tensor.bytes())
        });
        if !same {
            return Err(of_whole(Some(&tensor.name), &kind(tensor), &other.map_or(NOTHING.into(), kind)));
        }
    }
    match there.tensors().iter().find(|tensor| here.tensor(&tensor.name).is_none()) {
        Some(more) => Err(of_whole(Some(&more.name), NOTHING, &kind(more))),
        None => Ok(()),
    }
}

/// Type and shape.
fn kind(tensor: &Tensor) -> String {
    let shape = tensor.shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
    format!("{} {}", tensor.dtype, if shape.is_empty() { "scalar" } else { &shape })
}

/// A difference in byte `first` of some bytes of a tensor, which begin at `from` in the source and after
/// `before` bytes of the tensor.
pub fn inside(
    tensor: &Tensor,
    (from, before): (u64, u64),
    first: usize,
    [restored, there]: [&[u8]; 2],
) -> Error {
    let count = tensor.shape.iter().try_fold(1u64, |n, &axis| n.checked_mul(axis));
    let size = count.filter(|&n| n > 0 && tensor.bytes().is_multiple_of(n)).map_or(0, |n| tensor.bytes() / n);
    let (mut begin, mut end, mut element) = (first, first + 1, None);
    if (1..=8).contains(&size) {
        let number = (before + first as u64) / size;
        // Zero only where there are no elements at all.
        let dim = tensor.shape.iter().skip(1).product::<u64>().max(1);
        element = Some([number / dim, number % dim]);
        let at = (number * size).checked_sub(before).map(|at| (at as usize, (at + size) as usize));
        // Elements lie whole in what is compared; if one did not, its byte would be shown alone.
        (begin, end) = at.filter(|(_, end)| *end <= restored.len()).unwrap_or((begin, end));
    }
    let [restored, there] = [restored, there].map(|bytes| shown(&tensor.dtype, &bytes[begin..end]));
    differs(Some(&tensor.name), element, Some(from + first as u64), (&restored, &there))
}

/// The bits of an element, in hexadecimal, and its value where the type is one of tables.
fn shown(dtype: &str, bytes: &[u8]) -> String {
    let bits: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
    let value = match (Element::from_name(dtype), bytes) {
        (Some(Element::F32), &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (Some(element), &[low, high]) => match element.dtype() {
            Some(dtype) => dtype.to_f32(u16::from_le_bytes([low, high])),
            None => return bits,
        },
        _ => return bits,
    };
    format!("{bits} ({value:?})")
}
