//! What is left when a run ends early: by a signal, by a source that is cut, by a full disk, beside another
//! run.
#![cfg(unix)]

mod support;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{command, model, names, run, xnc};

/// A folder with a model that takes long enough to be interrupted.
fn large() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("m.safetensors"), model([("embed_tokens.weight", [40_000, 256])]))
        .expect("writes");
    dir
}

/// Starts a run, and waits until it has begun to write.
fn start(dir: &Path, line: &str) -> Child {
    let before = names(dir).len();
    let child = command(dir, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let begin = Instant::now();
    while names(dir).len() == before {
        assert!(begin.elapsed() < Duration::from_secs(60), "{line} writes nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn kill(signal: &str, child: &Child) {
    let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.expect("runs").success());
}

#[test]
fn signals_leave_nothing_and_end_as_signals_do() {
    let dir = large();
    let dir = dir.path();
    for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let child = start(dir, "compress m.safetensors --codec dense --json");
        kill(signal, &child);
        let output = child.wait_with_output().expect("ends");
        assert_eq!(output.status.signal(), Some(number), "{signal}: {output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(names(dir), ["m.safetensors"], "{signal}");
    }
    fs::create_dir(dir.join("model")).expect("makes");
    fs::rename(dir.join("m.safetensors"), dir.join("model/model.safetensors")).expect("moves");
    fs::write(dir.join("model/README.md"), "a model").expect("writes");
    let child = start(dir, "compress model --codec dense");
    std::thread::sleep(Duration::from_millis(50));
    kill("TERM", &child);
    assert_eq!(child.wait_with_output().expect("ends").status.signal(), Some(15));
    assert_eq!(names(dir), ["model"], "folders that are being filled go, too");
}

#[test]
fn signals_that_are_ignored_stay_ignored() {
    let dir = large();
    let dir = dir.path();
    let binary = command(dir, "").get_program().to_owned();
    // As `nohup` does it.
    let script = "trap '' HUP INT; exec \"$0\" compress m.safetensors --codec dense --effort 1";
    let before = names(dir).len();
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(binary)
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    while names(dir).len() == before {
        std::thread::sleep(Duration::from_millis(1));
    }
    kill("HUP", &child);
    kill("INT", &child);
    assert!(child.wait().expect("ends").success());
    assert_eq!(names(dir), ["m.safetensors", "m.xnc.safetensors"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_that_is_cut_is_named_and_nothing_is_left() {
    for (what, json) in [
        ("compress m.safetensors --codec dense", false),
        ("compress m.safetensors --codec dense --json", true),
    ] {
        let dir = large();
        let dir = dir.path();
        let child = start(dir, what);
        File::options()
            .write(true)
            .open(dir.join("m.safetensors"))
            .expect("opens")
            .set_len(1000)
            .expect("cuts");
        let output = child.wait_with_output().expect("ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{err}");
        assert!(err.contains("m.safetensors: another program cut this file"), "{err}");
        assert_eq!(names(dir), ["m.safetensors"]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(told.contains("\"kind\": \"cut\""), json, "{told}");
    }
}

#[test]
fn two_runs_to_one_target_do_not_disturb_each_other() {
    let dir = large();
    let dir = dir.path();
    let first = start(dir, "compress m.safetensors --codec dense --effort 1");
    let (code, _, err) = xnc(dir, "compress m.safetensors --codec dense --effort 1 --json");
    assert!(code == 5 && err.contains("another run is writing"), "{code}: {err}");
    assert!(first.wait_with_output().expect("ends").status.success());
    assert_eq!(names(dir), ["m.safetensors", "m.xnc.safetensors"]);
    assert_eq!(xnc(dir, "verify m.xnc.safetensors").0, 0);
    assert_eq!(
        run(&mut command(dir, "compress m.safetensors --codec dense --effort 1")).0,
        0,
        "done already"
    );
}

#[test]
fn pipes_are_refused_at_once_with_a_remedy() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    fs::write(dir.join("m.safetensors"), model([("embed_tokens.weight", [512, 64])])).expect("writes");
    assert!(Command::new("mkfifo").arg(dir.join("p")).status().expect("runs").success());
    for line in [
        "compress m.safetensors -o p",
        "compress m.safetensors -o p --force",
        "inspect m.safetensors --html p --force",
    ] {
        let (code, _, err) = xnc(dir, line);
        assert!(
            code == 5 && err.contains("pipe") && err.contains("name another target"),
            "{line}: {code}: {err}"
        );
    }
    for line in
        ["compress p -o x", "restore p -o x", "verify p", "inspect p", "rows p --tensor e --ids 0", "bench p"]
    {
        let (code, _, err) = xnc(dir, line);
        assert!(
            (code == 3 || code == 5) && err.contains('p') && !err.contains("target"),
            "{line}: {code}: {err}"
        );
    }
    assert_eq!(names(dir), ["m.safetensors", "p"]);
}

#[test]
fn a_target_that_cannot_grow_is_named_and_nothing_is_left() {
    let dir = large();
    let dir = dir.path();
    let binary = command(dir, "").get_program().to_owned();
    for (line, json) in
        [("compress m.safetensors", false), ("compress m.safetensors --codec dense --effort 1 --json", true)]
    {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -f 1000; exec \"$0\" {line}")).arg(&binary).current_dir(dir);
        let (code, out, err) = run(&mut shell);
        assert!(code == 3 && err.contains("m.xnc.safetensors: File too large"), "{line}: {code}: {err}");
        assert_eq!((out.contains("\"kind\": \"io\""), out.is_empty()), (json, !json), "{out}");
        assert_eq!(names(dir), ["m.safetensors"]);
    }
    assert_eq!(xnc(dir, "compress m.safetensors").0, 0);
    let mut shell = Command::new("sh");
    let line = "ulimit -f 1000; exec \"$0\" restore m.xnc.safetensors -o back.safetensors";
    let (code, _, err) = run(shell.arg("-c").arg(line).arg(&binary).current_dir(dir));
    assert!(code == 3 && err.contains("back.safetensors: File too large"), "{code}: {err}");
    assert_eq!(names(dir), ["m.safetensors", "m.xnc.safetensors"]);
}

#[test]
fn a_measurement_that_is_interrupted_leaves_nothing() {
    let dir = large();
    let dir = dir.path();
    let scratch = dir.join("scratch");
    fs::create_dir(&scratch).expect("makes");
    let mut bench = command(dir, "bench m.safetensors --seconds 30");
    let child = bench.env("TMPDIR", &scratch).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("starts");
    let begin = Instant::now();
    while !scratch.read_dir().expect("lists").flatten().any(|entry| !names(&entry.path()).is_empty()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "bench writes nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    kill("TERM", &child);
    assert_eq!(child.wait_with_output().expect("ends").status.signal(), Some(15));
    assert_eq!(names(&scratch), Vec::<String>::new());
}
