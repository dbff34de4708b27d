//! Targets that exist already, and folders that something happened to since they were written.

mod support;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::folders::{bf16, compress, names, restore, small_model, tensor, transcode};
use support::{options, safetensors_file};
use xnc::{Codec, Error, Progress, Selection};

#[test]
fn a_folder_that_is_replaced_keeps_nothing_of_the_old_model() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [old, new, packed] = ["old", "new", "packed"].map(|name| temporary.path().join(name));
    small_model(&old, 1);
    small_model(&new, 2);
    fs::remove_file(new.join("b.safetensors")).expect("removes");
    fs::remove_file(new.join("text/README.md")).expect("removes");
    for own in [None, Some("notes of mine.txt")] {
        fs::remove_dir_all(&packed).ok();
        compress(&old, &packed, false).expect("compresses");
        own.iter().for_each(|name| fs::write(packed.join(name), "mine").expect("writes"));
        compress(&new, &packed, false).expect_err("another model is there");
        assert!(packed.join("b.safetensors").exists());
        compress(&new, &packed, true).expect("replaces");
        assert!(!packed.join("b.safetensors").exists() && !packed.join("text/README.md").exists());
        assert!(own.is_none_or(|name| packed.join(name).exists()), "what no record tells of stays");
        xnc::verify(&packed, 2, &Progress::default()).expect("whole");
    }
}

#[test]
fn a_folder_whose_record_takes_what_tables_save_is_not_written() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "packed"].map(|name| temporary.path().join(name));
    fs::create_dir(&source).expect("makes");
    let file = safetensors_file(&[tensor("wte.weight", bf16(3, 300, 64))]);
    fs::write(source.join("model.safetensors"), file).expect("writes");
    for number in 0..400 {
        fs::write(source.join(format!("{number}.txt")), "one").expect("writes");
    }
    let report = compress(&source, &packed, false).expect("looks");
    assert!(report.output_bytes.is_none() && report.nothing.is_some_and(|told| told.contains("401 files")));
    assert_eq!(names(temporary.path()), ["m"]);
}

#[test]
fn a_damaged_file_that_is_no_text_is_not_taken_for_an_edited_one() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "packed", "back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    fs::write(source.join("pytorch_model.bin"), [0, 1, 2, 3].repeat(100)).expect("writes");
    compress(&source, &packed, false).expect("compresses");
    fs::write(packed.join("pytorch_model.bin"), [0, 1, 2, 7].repeat(100)).expect("writes");
    for error in [restore(&packed, &back, false).map(drop), transcode(&packed, &back, false).map(drop)] {
        let error = error.expect_err("damaged").to_string();
        assert!(error.contains("pytorch_model.bin") && error.contains("SHA-256"), "{error}");
        assert!(!back.exists());
    }
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

#[test]
fn a_target_that_cannot_be_meant_is_refused_before_the_work() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, target] = ["m.safetensors", "t.safetensors"].map(|name| temporary.path().join(name));
    fs::write(&source, safetensors_file(&[tensor("wte.weight", bf16(3, 300, 64))])).expect("writes");
    let work = AtomicUsize::new(0);
    let hear = |_, _, _| _ = work.fetch_add(1, Ordering::Relaxed);
    let run = |codec| {
        work.store(0, Ordering::Relaxed);
        let mut options = options(codec, Selection::All, 1);
        (options.force, options.progress) = (false, Progress::from(&hear));
        let done = xnc::compress(&source, &target, &options);
        (done.map(drop), work.load(Ordering::Relaxed))
    };
    fs::write(&target, "somebody's text").expect("writes");
    assert!(matches!(run(Codec::Fast), (Err(Error::TargetExists { .. }), 0)));
    fs::remove_file(&target).expect("removes");
    assert!(matches!(run(Codec::Fast), (Ok(()), 1..)));
    assert!(matches!(run(Codec::Fast), (Ok(()), 1..)), "the same again is fine");
    assert!(matches!(run(Codec::Xnc), (Err(Error::TargetExists { .. }), 0)));
}
