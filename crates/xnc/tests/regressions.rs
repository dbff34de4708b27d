//! What fuzzing found, one test a finding.

use xnc::model::{Layout, safetensors};

#[test]
fn a_tensor_of_more_bits_than_a_number_takes_is_an_error() {
    // Restoring parses headers for files of any size, so the size does not bound the offsets. Found by target `safetensors`.
    for (dtype, shape) in [("U8", vec![1 << 62]), ("F64", vec![1 << 59]), ("X", vec![1])] {
        let head = safetensors::header(&[], [("a", dtype, &shape[..], 1u64 << 62)].into_iter(), 8);
        let error = Layout::parse(&head, head.len() as u64 + (1 << 62)).expect_err("too large").to_string();
        assert!(error.contains("cannot take"), "{error}");
    }
}
