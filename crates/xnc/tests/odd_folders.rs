//! Model folders as they are found: odd names, sidecars, pointers, absent shards, edited texts, leftovers, a
//! hub's cache.

mod support;

use std::fs;
use std::path::Path;

use support::folders::{bf16, compress, names, restore, small_model, snapshot, tensor, transcode};
use support::safetensors_file;
use xnc::{Error, Progress};

fn verify(folder: &Path) -> xnc::Result<xnc::RestoreReport> {
    xnc::verify(folder, 2, &Progress::default())
}

/// Compresses, verifies, transcodes and restores `m`, which must come back whole; gives all warnings of
/// compressing.
fn there_and_back(root: &Path) -> Vec<String> {
    let [source, packed, other, back] = ["m", "m.xnc", "m.other", "back"].map(|name| root.join(name));
    let report = compress(&source, &packed, false).expect("compresses");
    verify(&packed).expect("verifies");
    transcode(&packed, &other, false).expect("transcodes");
    verify(&other).expect("verifies");
    for packed in [&packed, &other] {
        restore(packed, &back, false).expect("restores");
        assert!(snapshot(&back) == snapshot(&source));
        fs::remove_dir_all(&back).expect("removes");
    }
    report.warnings
}

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
fn files_that_only_look_like_models_are_copied() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let source = temporary.path().join("m");
    small_model(&source, 1);
    fs::write(source.join("._a.safetensors"), b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ").expect("writes");
    fs::write(source.join("._model.safetensors.index.json"), b"\0\x05\x16\x07").expect("writes");
    assert_eq!(there_and_back(temporary.path()), Vec::<String>::new(), "sidecars are common");

    let others: [(&str, &[u8]); 4] = [
        ("page.safetensors", b"<!DOCTYPE html><html>Repository not found</html>"),
        ("empty.gguf", b""),
        ("short.safetensors", b"short"),
        ("zip.safetensors", b"PK\x03\x04............................"),
    ];
    for (name, bytes) in others {
        fs::write(source.join(name), bytes).expect("writes");
    }
    fs::write(source.join("other.safetensors.index.json"), "[]").expect("writes");
    for folder in ["m.xnc", "m.other"] {
        fs::remove_dir_all(temporary.path().join(folder)).expect("removes");
    }
    let warnings = there_and_back(temporary.path());
    for name in others.map(|(name, _)| name).into_iter().chain(["other.safetensors.index.json"]) {
        assert!(warnings.iter().any(|told| told.contains(name)), "{name} is told of: {warnings:?}");
    }
    assert_eq!(warnings.len(), 5);
}

#[test]
fn pointers_and_cut_files_are_errors_that_name_them() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "deep/er/m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    let whole = fs::read(source.join("b.safetensors")).expect("reads");
    let pointer: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    let bad: [(&[u8], &str); 4] = [
        (pointer, "git lfs pull"),
        (&whole[..whole.len() - 1], ""),
        (&whole[..60], ""),
        (&b"GGUF\x01\0\0\0"[..], ""),
    ];
    for (bytes, says) in bad {
        fs::write(source.join("b.safetensors"), bytes).expect("writes");
        let error = compress(&source, &packed, false).expect_err("refused").to_string();
        assert!(error.contains("b.safetensors") && error.contains(says), "{error}");
        assert_eq!(names(temporary.path()), ["m"], "nothing is left, nor the folders above it");
    }
}

#[test]
fn absent_shards_are_told_by_all() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, other, back] =
        ["m", "m.xnc", "m.other", "back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    fs::remove_file(source.join("b.safetensors")).expect("removes");
    let told = [
        compress(&source, &packed, false).expect("compresses").warnings,
        verify(&packed).expect("what is there is good").warnings,
        transcode(&packed, &other, false).expect("transcodes").warnings,
        verify(&other).expect("what is there is good").warnings,
        restore(&packed, &back, false).expect("restores").warnings,
    ];
    for warnings in told {
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].contains("b.safetensors") && warnings[0].contains("model.safetensors.index.json")
        );
    }
}

#[test]
fn variants_of_the_index_are_rewritten_too() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    let text = fs::read(source.join("model.safetensors.index.json")).expect("reads");
    let variants = ["model.safetensors.index.fp16.json", "diffusion.fp16.safetensors.index.json"];
    for name in variants {
        fs::write(source.join(name), &text).expect("writes");
    }
    let not = "model.safetensors.indexes.json";
    fs::write(source.join(not), &text).expect("writes");
    there_and_back(temporary.path());
    for name in variants {
        let index: serde_json::Value =
            serde_json::from_slice(&fs::read(packed.join(name)).expect("reads")).expect("JSON");
        for shard in ["a.safetensors", "b.safetensors"] {
            let bytes = fs::read(packed.join(shard)).expect("reads");
            let stored = safetensors::SafeTensors::deserialize(&bytes).expect("a file of the format");
            for tensor in stored.names().into_iter().filter(|tensor| *tensor != "xnc.file") {
                assert_eq!(index["weight_map"][tensor], shard, "{name}");
            }
        }
    }
    assert!(fs::read(packed.join(not)).expect("reads") == text);
}

#[test]
fn an_edited_text_stops_nothing_but_a_changed_model_does() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, other, back] =
        ["m", "m.xnc", "m.other", "back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    let plain = safetensors_file(&[("x", "F32", vec![2], vec![0; 8])]);
    fs::write(source.join("c.safetensors"), &plain).expect("writes");
    compress(&source, &packed, false).expect("compresses");
    fs::write(packed.join("config.json"), "{\"edited\": 1}\r\n").expect("writes");
    fs::write(packed.join("text/README.md"), "model 1\r\n").expect("writes");
    let error = verify(&packed).expect_err("edited");
    assert!(matches!(&error, Error::Edited { files } if files.len() == 2), "{error}");
    for name in ["config.json", "README.md"] {
        assert!(error.to_string().contains(name), "{error}");
    }
    let report = restore(&packed, &back, false).expect("restores");
    assert_eq!((report.warnings.len(), report.files), (2, 6));
    let mut want = snapshot(&source);
    want.insert("config.json".into(), b"{\"edited\": 1}\r\n".to_vec());
    want.insert("text/README.md".into(), b"model 1\r\n".to_vec());
    assert!(snapshot(&back) == want);
    // Under another codec they are edited still.
    assert_eq!(transcode(&packed, &other, false).expect("transcodes").warnings.len(), 2);
    assert!(matches!(verify(&other).expect_err("edited"), Error::Edited { files } if files.len() == 2));

    // One that is gone is no different.
    fs::remove_file(packed.join("config.json")).expect("removes");
    assert!(matches!(verify(&packed).expect_err("gone"), Error::Edited { files } if files.len() == 2));
    fs::remove_dir_all(&back).expect("removes");
    let report = restore(&packed, &back, false).expect("restores");
    assert!(report.warnings.iter().any(|told| told.contains("config.json is gone")), "{:?}", report.warnings);
    assert!(!back.join("config.json").exists());

    // Damage after that is found all the same, first or last, in compressed and plain models; nothing is
    // left.
    fs::remove_dir_all(&back).expect("removes");
    for name in ["c.safetensors", "a.safetensors", "b.safetensors"] {
        let good = fs::read(packed.join(name)).expect("reads");
        let mut bad = good.clone();
        *bad.last_mut().expect("bytes") ^= 1;
        for change in [Some(&bad), None] {
            match change {
                Some(bad) => fs::write(packed.join(name), bad).expect("writes"),
                None => fs::remove_file(packed.join(name)).expect("removes"),
            }
            let errors = [verify(&packed).map(drop), restore(&packed, &back, false).map(drop)];
            for error in errors {
                assert!(error.expect_err("damage").to_string().contains(name));
            }
            assert!(!back.exists(), "{name}");
        }
        fs::write(packed.join(name), good).expect("writes");
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
fn a_hubs_cache_is_refused_with_the_snapshot_to_take() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let cache = temporary.path().join("models--a--b");
    let packed = temporary.path().join("packed");
    small_model(&cache.join("snapshots/0123abc"), 1);
    fs::create_dir_all(cache.join("blobs")).expect("makes");
    for main in [false, true] {
        if main {
            fs::create_dir(cache.join("snapshots/fff")).expect("makes");
            fs::create_dir(cache.join("refs")).expect("makes");
            fs::write(cache.join("refs/main"), "0123abc\n").expect("writes");
        }
        let error = compress(&cache, &packed, false).expect_err("refused").to_string();
        assert!(error.contains("snapshots/0123abc") || cfg!(windows), "{error}");
        assert!(!packed.exists());
    }
    compress(&cache.join("snapshots/0123abc"), &packed, false).expect("a snapshot is a model folder");
}

#[cfg(unix)]
#[test]
fn a_snapshot_of_links_is_a_model_folder() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [blobs, source] = ["blobs", "m"].map(|name| temporary.path().join(name));
    small_model(&blobs, 1);
    for name in snapshot(&blobs).into_keys() {
        let link = source.join(&name);
        fs::create_dir_all(link.parent().expect("a folder")).expect("makes");
        std::os::unix::fs::symlink(blobs.join(&name), link).expect("links");
    }
    assert_eq!(there_and_back(temporary.path()), Vec::<String>::new());
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

#[test]
fn a_folder_that_stands_there_is_completed_or_left_as_it_is() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, other, target, want] = ["m", "n", "target", "want"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    small_model(&other, 5);
    compress(&source, &want, false).expect("compresses");
    fs::create_dir(&target).expect("makes");
    fs::write(target.join("mine.txt"), "mine").expect("writes");
    compress(&source, &target, false).expect("an empty folder, or one of other files, is filled");
    compress(&source, &target, false).expect("the same again is success");
    let mut filled = snapshot(&target);
    // Another model, without force: all stays.
    let error = compress(&other, &target, false).expect_err("differs");
    assert!(matches!(error, Error::TargetExists { .. }), "{error}");
    assert!(snapshot(&target) == filled);
    // With force: that model, and what is not of it.
    compress(&other, &target, true).expect("replaces");
    verify(&target).expect("whole");
    compress(&source, &target, true).expect("replaces");
    assert!(snapshot(&target) == filled);
    assert_eq!(filled.remove("mine.txt").as_deref(), Some(&b"mine"[..]));
    assert!(filled == snapshot(&want));
    // A folder in the place of a file, a file in the place of a folder.
    fs::remove_file(target.join("config.json")).expect("removes");
    fs::create_dir(target.join("config.json")).expect("makes");
    let before = names(&target);
    for force in [false, true] {
        assert!(
            compress(&source, &target, force).expect_err("in the way").to_string().contains("config.json")
        );
    }
    assert_eq!(names(&target), before);
    fs::remove_dir_all(target.join("text")).expect("removes");
    fs::write(target.join("text"), "").expect("writes");
    assert!(compress(&source, &target, true).is_err());
    assert!(compress(&source, &target.join("text"), true).is_err(), "a file is no folder");
    assert_eq!(names(temporary.path()), ["m", "n", "target", "want"]);
}

#[test]
fn restoring_over_a_compressed_folder_takes_its_record_away() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, target] = ["m", "m.xnc", "target"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source, &packed, false).expect("compresses");
    compress(&source, &target, false).expect("compresses");
    assert!(restore(&packed, &target, false).is_err());
    verify(&target).expect("as it was");
    restore(&packed, &target, true).expect("replaces");
    assert!(snapshot(&target) == snapshot(&source));
}
