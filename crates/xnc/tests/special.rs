//! Targets and sources that are no regular files, and who may read what is written.
#![cfg(unix)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::folders::{bf16, compress, names, restore, small_model, snapshot, tensor, transcode};
use support::{options, safetensors_file};
use xnc::{Codec, Error, Progress, Selection};

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("makes a pipe");
}

fn model(path: &Path) {
    fs::write(path, safetensors_file(&[tensor("lm_head.weight", bf16(1, 300, 64))])).expect("writes");
}

type Run = fn(&Path, &Path, bool) -> Option<Error>;

/// The three ways to a target, each with the name of its source in a folder that [`sources`] fills.
const WAYS: [(&str, Run); 3] = [
    ("plain", |source, target, force| compress(source, target, force).err()),
    ("packed", |source, target, force| restore(source, target, force).err()),
    ("packed", |source, target, force| transcode(source, target, force).err()),
];

fn sources(folder: &Path) {
    model(&folder.join("plain"));
    compress(&folder.join("plain"), &folder.join("packed"), false).expect("compresses");
}

#[test]
fn a_target_that_is_no_regular_file_is_refused_and_stays() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    sources(folder);
    pipe(&folder.join("pipe"));
    let _listener = UnixListener::bind(folder.join("socket")).expect("binds");
    fs::write(folder.join("precious"), "bytes").expect("writes");
    symlink("precious", folder.join("link")).expect("links");
    symlink("nowhere", folder.join("dangling")).expect("links");
    symlink("pipe", folder.join("link-to-pipe")).expect("links");
    fs::create_dir(folder.join("folder")).expect("makes");
    let before = names(folder);
    let targets = [
        ("pipe", "pipe"),
        ("socket", "socket"),
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("link-to-pipe", "symbolic link"),
        ("folder", "directory"),
    ];
    for (target, says) in targets {
        for (source, run) in WAYS {
            for force in [false, true] {
                let error =
                    run(&folder.join(source), &folder.join(target), force).expect("refused").to_string();
                assert!(error.contains(says) && error.contains(target), "{target}: {error}");
            }
        }
    }
    assert_eq!(names(folder), before);
    assert!(fs::symlink_metadata(folder.join("pipe")).expect("there").file_type().is_fifo());
    assert!(fs::symlink_metadata(folder.join("socket")).expect("there").file_type().is_socket());
    assert_eq!(fs::read(folder.join("precious")).expect("reads"), b"bytes");
    assert!(fs::symlink_metadata(folder.join("dangling")).expect("there").is_symlink());
}

#[test]
fn a_source_that_is_no_regular_file_is_refused_unopened() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    pipe(&folder.join("pipe"));
    symlink("pipe", folder.join("link")).expect("links");
    for source in ["pipe", "link"] {
        for (_, run) in WAYS {
            let error =
                run(&folder.join(source), &folder.join("target"), false).expect("refused").to_string();
            assert!(error.contains("pipe"), "{error}");
        }
        let error = xnc::verify(&folder.join(source), None, 1, &Progress::default())
            .expect_err("refused")
            .to_string();
        assert!(error.contains("pipe"), "{error}");
    }
    assert_eq!(names(folder), ["link", "pipe"]);
}

#[test]
fn what_is_no_file_in_a_folder_is_refused_by_name_before_any_work() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "m.xnc", "back"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    for (place, make) in
        [("text/odd", pipe as fn(&Path)), ("odd", |path| drop(UnixListener::bind(path).expect("binds")))]
    {
        make(&source.join(place));
        let error = compress(&source, &packed, false).expect_err("refused");
        assert!(matches!(&error, Error::SpecialFile { path, .. } if path.ends_with(place)), "{error}");
        assert_eq!(names(temporary.path()), ["m"]);
        fs::remove_file(source.join(place)).expect("removes");
    }
    symlink("nowhere", source.join("dangling")).expect("links");
    let error = compress(&source, &packed, false).expect_err("refused").to_string();
    assert!(error.contains("dangling"), "{error}");
    fs::remove_file(source.join("dangling")).expect("removes");

    // In a compressed folder, where a file was.
    compress(&source, &packed, false).expect("compresses");
    for file in ["config.json", "a.safetensors"] {
        let bytes = fs::read(packed.join(file)).expect("reads");
        fs::remove_file(packed.join(file)).expect("removes");
        pipe(&packed.join(file));
        let errors = [
            restore(&packed, &back, false).expect_err("refused"),
            transcode(&packed, &back, false).expect_err("refused"),
            xnc::verify(&packed, None, 2, &Progress::default()).expect_err("refused"),
        ];
        for error in errors {
            assert!(error.to_string().contains(file), "{error}");
        }
        fs::remove_file(packed.join(file)).expect("removes");
        fs::write(packed.join(file), bytes).expect("writes");
    }
    assert_eq!(names(temporary.path()), ["m", "m.xnc"]);
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("there").permissions().mode() & 0o7777
}

#[test]
fn permission_bits_are_those_of_the_source() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [plain, packed, other, back] =
        ["plain", "packed", "other", "back"].map(|name| temporary.path().join(name));
    model(&plain);
    for bits in [0o600, 0o640, 0o644, 0o444, 0o666, 0o4755] {
        fs::set_permissions(&plain, Permissions::from_mode(bits)).expect("sets");
        compress(&plain, &packed, true).expect("compresses");
        transcode(&packed, &other, true).expect("transcodes");
        restore(&other, &back, true).expect("restores");
        for target in [&packed, &other, &back] {
            assert_eq!(mode(target), bits & 0o777, "{} of {bits:o}", target.display());
        }
    }
    // Folders too.
    let [m, m_packed, m_other, m_back] =
        ["m", "m.packed", "m.other", "m.back"].map(|name| temporary.path().join(name));
    small_model(&m, 1);
    let bits = [
        ("", 0o700),
        ("text", 0o750),
        ("config.json", 0o600),
        ("a.safetensors", 0o640),
        ("b.safetensors", 0o400),
    ];
    for (path, bits) in bits {
        fs::set_permissions(m.join(path), Permissions::from_mode(bits)).expect("sets");
    }
    compress(&m, &m_packed, false).expect("compresses");
    transcode(&m_packed, &m_other, false).expect("transcodes");
    restore(&m_other, &m_back, false).expect("restores");
    for folder in [&m_packed, &m_other, &m_back] {
        for (path, bits) in bits {
            assert_eq!(mode(&folder.join(path)), bits, "{}", folder.join(path).display());
        }
    }
    assert_eq!(mode(&m_packed.join("xnc.json")), 0o640, "as a model in it");
    assert!(snapshot(&m) == snapshot(&m_back));
}

#[test]
fn what_is_being_written_is_private() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    model(&folder.join("plain"));
    small_model(&folder.join("m"), 1);
    let seen = Mutex::new(Vec::new());
    let hear = |_, _, _| {
        for name in names(folder).into_iter().filter(|name| name.starts_with(".xnc-")) {
            seen.lock().expect("whole").push((name.ends_with("s"), mode(&folder.join(name))));
        }
    };
    for source in ["plain", "m"] {
        let mut options = options(Codec::Fast, Selection::All, 1);
        options.progress = Progress::from(&hear);
        xnc::compress(&folder.join(source), &folder.join(format!("{source}.packed")), &options)
            .expect("compresses");
    }
    let seen = seen.into_inner().expect("whole");
    assert!(seen.contains(&(true, 0o700)) && seen.contains(&(false, 0o600)));
    assert!(seen.iter().all(|(is_folder, mode)| *mode == if *is_folder { 0o700 } else { 0o600 }), "{seen:?}");
}
