//! Model folders as hubs hand them out: caches and links, pointers, absent shards, indexes of variants, files
//! that only look like models.

mod support;

use std::fs;

use support::folders::{compress, names, restore, small_model, snapshot, there_and_back, transcode, verify};

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
fn caches_are_told_from_one_level_above_and_below() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let hub = temporary.path().join("hub");
    let cache = hub.join("models--a--b");
    small_model(&cache.join("snapshots/r1"), 1);
    fs::create_dir(cache.join("blobs")).expect("makes");
    for folder in [&hub, &cache, &cache.join("snapshots")] {
        let error =
            compress(folder, &temporary.path().join("packed"), false).expect_err("a cache").to_string();
        assert!(error.contains("cache") && error.contains("r1"), "{error}");
    }
    compress(&cache.join("snapshots/r1"), &temporary.path().join("packed"), false).expect("a model");
}
