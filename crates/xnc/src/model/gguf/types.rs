//! The element types of ggml.

use crate::error::{Error, Result};

/// A ggml element type: id, name, elements a block, bytes a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type(pub u32, pub &'static str, pub u64, pub u64);

/// Ids and block sizes of ggml's types. Those that ggml has dropped again, for blocks stored in another
/// order, still stand in files.
const TYPES: &[Type] = &[
    Type(0, "F32", 1, 4),
    Type(1, "F16", 1, 2),
    Type(2, "Q4_0", 32, 18),
    Type(3, "Q4_1", 32, 20),
    Type(6, "Q5_0", 32, 22),
    Type(7, "Q5_1", 32, 24),
    Type(8, "Q8_0", 32, 34),
    Type(9, "Q8_1", 32, 36),
    Type(10, "Q2_K", 256, 84),
    Type(11, "Q3_K", 256, 110),
    Type(12, "Q4_K", 256, 144),
    Type(13, "Q5_K", 256, 176),
    Type(14, "Q6_K", 256, 210),
    Type(15, "Q8_K", 256, 292),
    Type(16, "IQ2_XXS", 256, 66),
    Type(17, "IQ2_XS", 256, 74),
    Type(18, "IQ3_XXS", 256, 98),
    Type(19, "IQ1_S", 256, 50),
    Type(20, "IQ4_NL", 32, 18),
    Type(21, "IQ3_S", 256, 110),
    Type(22, "IQ2_S", 256, 82),
    Type(23, "IQ4_XS", 256, 136),
    Type(24, "I8", 1, 1),
    Type(25, "I16", 1, 2),
    Type(26, "I32", 1, 4),
    Type(27, "I64", 1, 8),
    Type(28, "F64", 1, 8),
    Type(29, "IQ1_M", 256, 56),
    Type(30, "BF16", 1, 2),
    Type(31, "Q4_0_4_4", 32, 18),
    Type(32, "Q4_0_4_8", 32, 18),
    Type(33, "Q4_0_8_8", 32, 18),
    Type(34, "TQ1_0", 256, 54),
    Type(35, "TQ2_0", 256, 66),
    Type(36, "IQ4_NL_4_4", 32, 18),
    Type(37, "IQ4_NL_4_8", 32, 18),
    Type(38, "IQ4_NL_8_8", 32, 18),
    Type(39, "MXFP4", 32, 17),
    Type(40, "NVFP4", 64, 36),
    Type(41, "Q1_0", 128, 18),
    Type(42, "Q2_0", 64, 18),
];

/// Id of the type of that name.
pub fn type_id(name: &str) -> Option<u32> {
    TYPES.iter().find(|t| t.1 == name).map(|t| t.0)
}

/// The type of that id.
///
/// # Errors
/// [`Error::Unknown`] for one that is newer than this build, [`Error::Corrupt`] for one that no file has.
pub(super) fn of_id(id: u32, tensor: &str) -> Result<&'static Type> {
    let newest = TYPES.last().map_or(0, |newest| newest.0);
    TYPES.iter().find(|known| known.0 == id).ok_or_else(|| {
        if id > newest {
            Error::Unknown { what: format!("tensor `{tensor}`"), kind: "ggml type", found: id.to_string() }
        } else {
            Error::corrupt(format!("tensor `{tensor}` has the ggml type {id}, which no GGUF file has"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_stand_in_order_once_and_are_found() {
        assert!(TYPES.windows(2).all(|two| two[0].0 < two[1].0));
        for kind in TYPES {
            assert_eq!(type_id(kind.1), Some(kind.0));
            assert_eq!(of_id(kind.0, "a").expect("known").1, kind.1);
        }
        assert!(matches!(of_id(4, "a"), Err(Error::Corrupt { .. })));
        for newer in [43, 1000, u32::MAX] {
            let error = of_id(newer, "a").expect_err("unknown").to_string();
            assert!(error.contains("ggml type") && error.contains("upgrade xnc"), "{error}");
        }
    }
}
