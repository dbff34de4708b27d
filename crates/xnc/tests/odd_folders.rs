//! Model folders as people keep them: odd names, leftovers, compressed neighbours, too little space.

mod support;

use std::fs;

use support::folders::{
    bf16, compress, names, restore, small_model, snapshot, tensor, there_and_back, transcode, verify,
};
use support::safetensors_file;
use xnc::Error;

#[cfg(unix)]
#[test]
fn whatever_name_the_system_allows_comes_back() {
    use std::os::unix::ffi::OsStrExt as _;
    let temporary = tempfile::tempdir().expect("temporary folder");
    let source = temporary.path().join("m");
    small_model(&source, 1);
    let odd = [
        "log_12:30:05.txt",
        r"a\b.txt",
        "C:",
        "-o",
        " ",
        "a\nb",
        "~",
        "*?<>|\"'",
        "...",
        "con",
        "é",
        "e\u{301}",
        "a.",
        "%41",
        "\u{202e}x",
    ];
    for name in odd {
        fs::write(source.join(name), name).expect("this system takes it");
        fs::create_dir_all(source.join(format!("in {name}"))).expect("makes");
        fs::write(source.join(format!("in {name}")).join(name), name).expect("writes");
    }
    fs::write(source.join("n".repeat(255)), "long").expect("writes");
    fs::write(source.join("text/xnc.json"), "no record: it lies deeper").expect("writes");
    assert_eq!(there_and_back(temporary.path()), Vec::<String>::new());

    // A name that is no text cannot stand in the record, and is told before any work.
    let [source, packed] = ["m", "again"].map(|name| temporary.path().join(name));
    fs::write(source.join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt")), "latin").expect("writes");
    let error = compress(&source, &packed, false).expect_err("no UTF-8").to_string();
    assert!(error.contains(r"caf\xE9.txt") && error.contains("UTF-8"), "{error}");
    assert!(!packed.exists());
}

#[test]
fn a_record_cannot_name_places_outside() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "m.xnc", "in/back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source, &packed, false).expect("compresses");
    let text = fs::read_to_string(packed.join("xnc.json")).expect("reads");
    for name in [
        "../../evil.txt",
        "/tmp/xnc-evil",
        "..",
        "",
        "text//README.md",
        "text/../x",
        "./x",
        "xnc.json",
        "a\\u0000",
    ] {
        let lie = text.replace("\"text/README.md\"", &format!("\"{name}\""));
        fs::write(packed.join("xnc.json"), sealed(&lie)).expect("writes");
        for error in [restore(&packed, &back, true).expect_err(name), verify(&packed).expect_err(name)] {
            assert!(
                matches!(&error, Error::Corrupt { what, .. } if what.contains("file name")),
                "{name}: {error}"
            );
        }
        assert_eq!(names(temporary.path()), ["m", "m.xnc"], "not even the folder that it was to be in");
    }
}

/// A record's text with its checksum made right.
fn sealed(text: &str) -> Vec<u8> {
    let mut bytes = text.trim_end().as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(64), b' ');
    let check = format!("{:08x}", crc32c::crc32c(&bytes[21..]));
    bytes[11..19].copy_from_slice(check.as_bytes());
    bytes
}

#[cfg(unix)] // elsewhere nobody asks how much is free
#[test]
fn space_that_is_not_there_is_told_before_any_work() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "m.xnc", "in/back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source, &packed, false).expect("compresses");
    let text = fs::read_to_string(packed.join("xnc.json")).expect("reads");
    let lie = text.replacen("\"size\":", "\"size\":90000000000000", 1);
    fs::write(packed.join("xnc.json"), sealed(&lie)).expect("writes");
    for error in [restore(&packed, &back, true).map(drop), transcode(&packed, &back, true).map(drop)] {
        let error = error.expect_err("no disk holds so much");
        let Error::NoSpace { path, need, have } = &error else { panic!("{error}") };
        assert!(
            path == &back && *need > 9_000_000_000_000 && have < need && error.to_string().contains("free")
        );
        assert_eq!(names(temporary.path()), ["m", "m.xnc"]);
    }
}

#[test]
fn what_killed_runs_left_in_a_source_is_skipped() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, clean, packed, want] =
        ["m", "clean", "m.xnc", "want"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    small_model(&clean, 1);
    for place in
        [".xnc-abcdef.part", "text/.xnc-0123456789abcdef.part", ".xnc-0123456789abcdef.parts/a.safetensors"]
    {
        fs::create_dir_all(source.join(place).parent().expect("a folder")).expect("makes");
        fs::write(source.join(place), "half a file").expect("writes");
    }
    let report = compress(&source, &packed, false).expect("compresses");
    assert_eq!(report.warnings.len(), 3, "{:?}", report.warnings);
    compress(&clean, &want, false).expect("compresses");
    assert!(snapshot(&packed) == snapshot(&want));

    // In a target they are removed, in sub-folders too, when something is written there.
    for place in [".xnc-abcdef.part", "text/.xnc-0123456789abcdef.part", "text/.xnc-0123456789abcdef.parts/x"]
    {
        fs::create_dir_all(packed.join(place).parent().expect("a folder")).expect("makes");
        fs::write(packed.join(place), "half a file").expect("writes");
    }
    fs::remove_file(packed.join("config.json")).expect("removes");
    compress(&clean, &packed, true).expect("compresses");
    assert!(snapshot(&packed) == snapshot(&want));
    assert!(!packed.join("text/.xnc-0123456789abcdef.parts").exists());
}

#[test]
fn a_compressed_neighbour_is_copied() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source.join("a.safetensors"), &source.join("a.xnc.safetensors"), false).expect("compresses");
    let warnings = there_and_back(temporary.path());
    assert!(warnings.len() == 1 && warnings[0].contains("a.xnc.safetensors"), "{warnings:?}");
    // With nothing else to compress it is what the caller should hear of.
    for name in ["a.safetensors", "b.safetensors"] {
        fs::remove_file(source.join(name)).expect("removes");
    }
    fs::remove_dir_all(&packed).expect("removes");
    let error = compress(&source, &packed, false).expect_err("compressed").to_string();
    assert!(error.contains("a.xnc.safetensors") && error.contains("already compressed"), "{error}");
    assert!(!packed.exists());
}

#[test]
fn what_would_not_shrink_is_not_written() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [file, folder, target] = ["a.safetensors", "m", "target"].map(|name| temporary.path().join(name));
    fs::create_dir(&folder).expect("makes");
    let mut written = 0;
    for (rows, dim) in
        [(1, 1), (8, 4), (40, 8), (64, 8), (100, 16), (200, 16), (1000, 8), (20_000, 4), (500, 64)]
    {
        let bytes = safetensors_file(&[tensor("lm_head.weight", bf16(1, rows, dim))]);
        fs::write(&file, &bytes).expect("writes");
        fs::write(folder.join("a.safetensors"), &bytes).expect("writes");
        let report = compress(&file, &target, false).expect("no error");
        match report.output_bytes {
            Some(smaller) => {
                assert!(smaller < bytes.len() as u64, "{rows} x {dim}: {smaller} of {}", bytes.len());
                let packed = temporary.path().join("packed");
                compress(&folder, &packed, false).expect("compresses");
                fs::remove_dir_all(packed).expect("removes");
                fs::remove_file(&target).expect("written");
                written += 1;
            }
            None => {
                let reason = report.nothing.expect("a reason");
                assert!(reason.contains("shrink"), "{reason}");
                assert!(report.tensors.iter().all(|t| t.codec.is_none() && t.stored_bytes == t.source_bytes));
                assert_eq!(compress(&folder, &target, false).expect("no error").output_bytes, None);
            }
        }
        assert_eq!(names(temporary.path()), ["a.safetensors", "m"]);
    }
    assert!((1..9).contains(&written), "some shrink, some do not");
}
