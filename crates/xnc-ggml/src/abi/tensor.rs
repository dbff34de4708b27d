//! `ggml_tensor`, the same in every version that a unit names; the host tells its size, which is compared.

use std::ffi::{CStr, c_char, c_int, c_void};

use xnc::Dtype;

use super::Buffer;

/// `GGML_MAX_DIMS`.
const AXES: usize = 4;
/// `GGML_MAX_SRC`.
const SOURCES: usize = 10;
/// `GGML_MAX_NAME`.
const NAME: usize = 64;
/// `GGML_MAX_OP_PARAMS` in words.
const PARAMS: usize = 16;

/// `ggml_type` of what we read and write; the numbers are those of GGUF files.
const F32: c_int = 0;
const F16: c_int = 1;
const I32: c_int = 26;
const BF16: c_int = 30;

/// `ggml_tensor`.
#[repr(C)]
pub struct Tensor {
    kind: c_int,
    /// Where it lies; of a view that is told by what it views.
    pub buffer: *mut Buffer,
    ne: [i64; AXES],
    nb: [usize; AXES],
    /// `ggml_op`, whose numbers the host tells.
    pub op: c_int,
    op_params: [i32; PARAMS],
    flags: i32,
    src: [*mut Tensor; SOURCES],
    view_src: *mut Tensor,
    view_offs: usize,
    /// Its first byte.
    pub data: *mut c_void,
    name: [c_char; NAME],
    extra: *mut c_void,
    padding: [c_char; 8],
}

/// What a 2-D tensor of 16-bit words is as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Type of the words.
    pub dtype: Dtype,
    /// Rows.
    pub rows: usize,
    /// Words in a row.
    pub dim: usize,
}

impl Words {
    /// Bytes of all words.
    pub fn bytes(self) -> usize {
        2 * self.rows * self.dim
    }
}

impl Tensor {
    /// Its name, cut where the host's is.
    pub fn name(&self) -> String {
        let bytes = self.name.map(|letter| letter as u8);
        let text = CStr::from_bytes_until_nul(&bytes).map_or(&bytes[..], CStr::to_bytes);
        String::from_utf8_lossy(text).into_owned()
    }

    /// The operand `at`.
    pub fn source(&self, at: usize) -> Option<&Tensor> {
        // SAFETY: the host keeps operands, each null or a tensor, for as long as the tensor itself.
        unsafe { self.src[at].as_ref() }
    }

    /// Whether it is a part, or another shape, of another tensor.
    pub fn is_view(&self) -> bool {
        !self.view_src.is_null()
    }

    /// The tensor whose bytes it has: itself, or what it views.
    pub fn base(&self) -> &Tensor {
        // SAFETY: null or a tensor that the host keeps as long as its views.
        unsafe { self.view_src.as_ref() }.unwrap_or(self)
    }

    /// Its shape as a table, if it is a whole 2-D tensor of 16-bit words without gaps.
    pub fn words(&self) -> Option<Words> {
        let dtype = match self.kind {
            BF16 => Dtype::Bf16,
            F16 => Dtype::F16,
            _ => return None,
        };
        let [dim, rows, 1, 1] = self.extents()? else { return None };
        (self.is_packed(2) && dim > 0 && rows > 0).then_some(Words { dtype, rows, dim })
    }

    /// Its values, if it holds F32 without gaps, as a number of vectors of `dim`.
    pub fn vectors(&self, dim: usize) -> Option<usize> {
        let [length, rest @ ..] = self.extents()?;
        (self.kind == F32 && length == dim && self.is_packed(4)).then(|| rest.iter().product())
    }

    /// How many row numbers it holds, if it holds I32 without gaps.
    pub fn row_numbers(&self) -> Option<usize> {
        let extents = self.extents()?;
        (self.kind == I32 && self.is_packed(4)).then(|| extents.iter().product())
    }

    /// The extents, where their product is a number of bytes that memory can hold.
    fn extents(&self) -> Option<[usize; AXES]> {
        let extents = self.ne.map(|extent| usize::try_from(extent).ok());
        let [Some(a), Some(b), Some(c), Some(d)] = extents else { return None };
        let bytes = [a, b, c, d].iter().try_fold(4usize, |bytes, &extent| bytes.checked_mul(extent))?;
        isize::try_from(bytes).ok().map(|_| [a, b, c, d])
    }

    fn is_packed(&self, value: usize) -> bool {
        let mut step = value;
        self.ne.iter().zip(self.nb).all(|(&extent, stride)| {
            let fits = extent == 1 || stride == step;
            step = step.wrapping_mul(extent as usize);
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: c_int, ne: [i64; 4], nb: [usize; 4]) -> Tensor {
        // SAFETY: numbers and pointers may be zero.
        let zeros: Tensor = unsafe { std::mem::zeroed() };
        Tensor { kind, ne, nb, ..zeros }
    }

    #[test]
    fn shapes_are_taken_only_where_they_are_what_they_seem() {
        assert_eq!(size_of::<Tensor>(), 336);
        let table = tensor(BF16, [64, 100, 1, 1], [2, 128, 12800, 12800]);
        assert_eq!(table.words(), Some(Words { dtype: Dtype::Bf16, rows: 100, dim: 64 }));
        assert!(tensor(F32, [64, 100, 1, 1], [4, 256, 25600, 25600]).words().is_none());
        assert!(tensor(BF16, [64, 100, 1, 1], [2, 130, 13000, 13000]).words().is_none());
        assert!(tensor(BF16, [64, 100, 2, 1], [2, 128, 12800, 25600]).words().is_none());
        assert!(tensor(F16, [0, 100, 1, 1], [2, 0, 0, 0]).words().is_none());
        assert!(tensor(F16, [-1, 100, 1, 1], [2, 0, 0, 0]).words().is_none());
        assert!(tensor(F16, [i64::MAX, 4, 1, 1], [2, 0, 0, 0]).words().is_none());
        let x = tensor(F32, [64, 3, 2, 1], [4, 256, 768, 1536]);
        assert_eq!((x.vectors(64), x.vectors(63), x.row_numbers()), (Some(6), None, None));
        assert_eq!(tensor(I32, [7, 1, 1, 1], [4, 28, 28, 28]).row_numbers(), Some(7));
    }
}
