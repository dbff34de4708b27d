//! Compressed folders: a golden one, and one of each codec, come back from both decoders byte for byte.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::folders::{small_model, snapshot};
use support::options;
use xnc::{Codec, RestoreOptions, Selection};

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

/// Restores a folder with the decoder that was written from the specification alone.
fn restore_with_python(source: &Path, target: &Path) {
    let python = std::env::var_os("XNC_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let decoder = spec().join("decode.py");
    let output = Command::new(python)
        .arg(decoder)
        .arg("restore")
        .args([source, target])
        .output()
        .expect("Python 3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn compress(codec: Codec, source: &Path, target: &Path) {
    xnc::compress(source, target, &options(codec, Selection::Embeddings, 2)).expect("compresses");
}

#[test]
fn both_decoders_restore_folders_of_every_codec() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let source = folder.path().join("source");
    small_model(&source, 25);
    for codec in Codec::ALL {
        let [packed, back] = ["packed", "back"].map(|name| folder.path().join(format!("{name}-{codec}")));
        compress(*codec, &source, &packed);
        restore_with_python(&packed, &back);
        assert!(snapshot(&back) == snapshot(&source), "{codec}");
    }
}

#[test]
fn the_golden_folder_is_what_this_version_writes_and_restores() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [source, packed, ours, theirs] =
        ["source", "packed", "ours", "theirs"].map(|name| folder.path().join(name));
    let golden = spec().join("vectors/1.0-folder");
    small_model(&source, 25);
    if !golden.exists() && std::env::var_os("XNC_BLESS").is_some() {
        compress(Codec::Fast, &source, &golden);
    }
    compress(Codec::Fast, &source, &packed);
    assert!(snapshot(&packed) == snapshot(&golden), "the folder is written differently");
    xnc::restore(&golden, &ours, &RestoreOptions::default()).expect("restores");
    restore_with_python(&golden, &theirs);
    assert!(snapshot(&ours) == snapshot(&source) && snapshot(&theirs) == snapshot(&source));
}

#[test]
fn the_decoder_in_python_takes_edited_texts_and_leaves_other_files_out() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["source", "packed", "back"].map(|name| folder.path().join(name));
    small_model(&source, 25);
    compress(Codec::Fast, &source, &packed);
    let mut expected = snapshot(&source);
    fs::write(packed.join("config.json"), "{}").expect("edits");
    expected.insert("config.json".into(), b"{}".to_vec());
    fs::remove_file(packed.join("text/README.md")).expect("removes");
    expected.remove("text/README.md");
    fs::write(packed.join("notes.txt"), "of somebody").expect("adds");
    restore_with_python(&packed, &back);
    assert!(snapshot(&back) == expected);
}
