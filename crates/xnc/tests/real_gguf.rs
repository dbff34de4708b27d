//! Whole GGUF models with a 16-bit table, as users have them. Needs the files of `cargo xtask data`.

mod support;

use std::path::PathBuf;

use support::{open, options, restore};
use xnc::{Codec, Selection};

#[test]
fn whole_models_and_their_quantised_originals() {
    let Some(data) = std::env::var_os("XNC_TEST_DATA").map(PathBuf::from) else {
        eprintln!("whole models are tried by `cargo xtask test` only");
        return;
    };
    let temporary = tempfile::tempdir_in(&data).expect("temporary folder");
    let [packed, back] = ["packed.gguf", "back.gguf"].map(|name| temporary.path().join(name));
    for kind in ["bf16", "f16"] {
        let plain = data.join(format!("SmolLM2-135M.{kind}.gguf"));
        let report = xnc::compress(&plain, &packed, &options(Codec::Xnc, Selection::Embeddings, 0))
            .expect("compresses");
        assert_eq!(report.tensors.len(), 1);
        assert_eq!(report.tensors[0].name, "token_embd.weight");
        assert!(report.output_bytes.expect("written") < report.source_bytes);
        restore(&packed, &back).expect("restores");
        assert!(std::fs::read(&back).expect("restored") == std::fs::read(&plain).expect("source"));
        let rows = [0, 100, 49151].map(|id| {
            [&plain, &packed].map(|file| {
                let table = open(file, "token_embd.weight");
                let mut row = vec![0; table.dim()];
                table.row(id, &mut row).expect("row");
                row
            })
        });
        assert!(rows.iter().all(|[plain, packed]| plain == packed));
    }
    let quantised = data.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    let report =
        xnc::compress(&quantised, &packed, &options(Codec::Xnc, Selection::Embeddings, 0)).expect("no error");
    assert_eq!(report.output_bytes, None);
    assert!(report.nothing.expect("a reason").contains("token_embd.weight is Q8_0"));
}
