//! Targets that exist already, and folders that something happened to since they were written.

mod support;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::folders::{bf16, compress, names, restore, small_model, snapshot, tensor, transcode, verify};
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
        verify(&packed).expect("whole");
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
