//! Real processes: several into one target, some killed in the middle, some that end on a signal.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::folders::{bf16, compress, names, restore, restore_options, small_model, snapshot, tensor};
use support::{options, safetensors_file};
use xnc::{Codec, Progress, Selection, Stage};

/// What a process is to do, through its environment.
const TASK: &str = "XNC_TEST_TASK";
const STAGES: [(&str, Stage); 4] =
    [("encode", Stage::Encode), ("write", Stage::Write), ("restore", Stage::Restore), ("copy", Stage::Copy)];

/// The body of the processes that the tests here start: compresses or restores, pausing at a stage.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn a_run_of_its_own() {
    let task = std::env::var(TASK).expect("a task");
    let task: Vec<&str> = task.split('|').collect();
    let [way, source, target, force, stage, marker] = task[..] else { panic!("not a task: {task:?}") };
    let (source, target, force) = (Path::new(source), Path::new(target), force == "force");
    let hear = |now: Stage, done: u64, _: u64| {
        if done > 0 && STAGES.contains(&(stage, now)) {
            fs::write(marker, "").expect("writes");
            while Path::new(marker).exists() {
                sleep(Duration::from_millis(2));
            }
        }
        if done > 0 && stage == "signal" {
            xnc::internals::remove_temporaries();
            xnc::internals::remove_temporaries();
        }
    };
    let progress = Progress::from(&hear);
    if way == "compress" {
        let mut options = options(Codec::Fast, Selection::All, 2);
        (options.force, options.progress) = (force, progress);
        xnc::compress(source, target, &options).expect("compresses");
    } else {
        let mut options = restore_options(force);
        options.progress = progress;
        xnc::restore(source, target, &options).expect("restores");
    }
}

struct Task<'a> {
    way: &'a str,
    source: &'a Path,
    target: &'a Path,
    force: bool,
    stage: &'a str,
}

impl Task<'_> {
    fn start(&self) -> Child {
        let force = if self.force { "force" } else { "" };
        let marker = self.marker();
        let (source, target) = (self.source.display(), self.target.display());
        let task = format!("{}|{source}|{target}|{force}|{}|{}", self.way, self.stage, marker.display());
        support::this_program()
            .args(["--ignored", "--exact", "a_run_of_its_own"])
            .env(TASK, task)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts")
    }

    /// In a folder of its own, away from what is compared.
    fn marker(&self) -> PathBuf {
        let names = self.target.iter().rev().take(2).map(|name| name.to_string_lossy());
        std::env::temp_dir().join(format!("xnc-marker-{}", names.collect::<Vec<_>>().join("-")))
    }

    /// Starts, and returns when it pauses at its stage.
    fn start_and_pause(&self) -> Child {
        let mut child = self.start();
        let begun = Instant::now();
        while !self.marker().exists() {
            let ended = child.try_wait().expect("asks");
            assert!(
                ended.is_none(),
                "ended before stage {}: {}",
                self.stage,
                said(child.wait_with_output().expect("ends"))
            );
            assert!(begun.elapsed() < Duration::from_secs(60), "never came to stage {}", self.stage);
            sleep(Duration::from_millis(1));
        }
        child
    }

    /// Lets a paused run end; it would pause at every step of its stage.
    fn go_on(&self, mut child: Child) -> Output {
        while child.try_wait().expect("asks").is_none() {
            fs::remove_file(self.marker()).ok();
            sleep(Duration::from_millis(1));
        }
        fs::remove_file(self.marker()).ok();
        child.wait_with_output().expect("ends")
    }
}

fn said(output: Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn kill(mut child: Child) {
    child.kill().expect("SIGKILL, or what the system has");
    child.wait().expect("ends");
}

fn file(path: &Path, seed: u64) {
    let tensors = [
        tensor("model.embed_tokens.weight", bf16(seed, 400, 64)),
        ("norm.weight", "F32", vec![1000], vec![seed as u8; 4000]),
    ];
    fs::write(path, safetensors_file(&tensors)).expect("writes");
}

/// Everything below a folder but what is temporary.
fn kept(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    snapshot(folder).into_iter().filter(|(name, _)| !name.contains(".xnc-")).collect()
}

#[test]
fn a_killed_run_leaves_the_old_target_and_the_next_one_cleans_up() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [old, new, target, want] = ["old", "new", "target", "want"].map(|name| folder.join(name));
    file(&old, 1);
    file(&new, 2);
    compress(&new, &want, false).expect("compresses");
    let want = fs::read(&want).expect("reads");
    for stage in ["encode", "write", "restore"] {
        for force in [true, false] {
            fs::remove_file(&target).ok();
            if force {
                compress(&old, &target, false).expect("compresses");
            }
            let before = fs::read(&target).ok();
            let task = Task { way: "compress", source: &new, target: &target, force, stage };
            kill(task.start_and_pause());
            assert!(fs::read(&target).ok() == before, "{stage}: the target is as it was");
            assert_eq!(names(folder).iter().filter(|name| name.starts_with(".xnc-")).count(), 1);
            fs::remove_file(task.marker()).expect("removes");
            compress(&new, &target, force).expect("the next run");
            assert!(fs::read(&target).expect("reads") == want);
            assert!(!names(folder).iter().any(|name| name.starts_with(".xnc-")), "{stage}: cleaned up");
        }
    }
}

#[test]
fn a_killed_run_leaves_the_old_folder_and_the_next_one_cleans_up() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [old, new, target, want] = ["old", "new", "target", "want"].map(|name| folder.join(name));
    small_model(&old, 1);
    small_model(&new, 5);
    compress(&new, &want, false).expect("compresses");
    let want = snapshot(&want);
    for stage in ["encode", "write", "restore", "copy"] {
        for force in [true, false] {
            fs::remove_dir_all(&target).ok();
            if force {
                compress(&old, &target, false).expect("compresses");
                fs::write(target.join("mine.txt"), "not of the model").expect("writes");
            }
            let before = target.exists().then(|| kept(&target));
            let task = Task { way: "compress", source: &new, target: &target, force, stage };
            kill(task.start_and_pause());
            fs::remove_file(task.marker()).expect("removes");
            assert!(target.exists().then(|| kept(&target)) == before, "{stage}: the target is as it was");
            compress(&new, &target, force).expect("the next run");
            let mut after = snapshot(&target);
            assert_eq!(after.remove("mine.txt").is_some(), force, "what is not of the model stays");
            assert!(after == want, "{stage}");
            assert_eq!(names(folder), ["new", "old", "target", "want"], "{stage}: cleaned up");
        }
    }
    // A restored folder is no different.
    let packed = folder.join("want");
    fs::remove_dir_all(&target).expect("removes");
    small_model(&target, 1);
    let before = kept(&target);
    let task = Task { way: "restore", source: &packed, target: &target, force: true, stage: "restore" };
    kill(task.start_and_pause());
    fs::remove_file(task.marker()).expect("removes");
    assert!(kept(&target) == before);
    restore(&packed, &target, true).expect("the next run");
    assert!(snapshot(&target) == snapshot(&new));
    assert_eq!(names(folder), ["new", "old", "target", "want"]);
}

#[test]
fn a_run_killed_at_any_moment_leaves_old_or_new() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [old, new, target] = ["old", "new", "target"].map(|name| folder.join(name));
    small_model(&old, 1);
    small_model(&new, 5);
    compress(&new, &target, false).expect("compresses");
    let new_files = snapshot(&target);
    compress(&old, &target, true).expect("compresses");
    let old_files = snapshot(&target);
    let task = Task { way: "compress", source: &new, target: &target, force: true, stage: "" };
    let begun = Instant::now();
    assert!(task.start().wait().expect("ends").success());
    let whole = begun.elapsed();
    let mut seen = [0; 2];
    for n in 0..40 {
        compress(&old, &target, true).expect("compresses");
        let child = task.start();
        sleep(whole * n / 36);
        kill(child);
        let after = snapshot(&target);
        assert!(after == old_files || after == new_files, "after {n} of 36 parts");
        seen[usize::from(after == new_files)] += 1;
    }
    assert!(seen[0] > 0, "{seen:?}");
}

#[test]
fn a_second_run_into_a_target_is_told_of_the_first() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [plain, model] = ["plain", "model"].map(|name| folder.join(name));
    file(&plain, 1);
    small_model(&model, 1);
    let existing = folder.join("existing");
    compress(&model, &existing, false).expect("compresses");
    for (source, name, force) in [
        (&plain, "busy", false),
        (&plain, "busy-forced", true),
        (&model, "busy-folder", false),
        (&model, "existing", true),
    ] {
        let target = folder.join(name);
        let task = Task { way: "compress", source, target: &target, force, stage: "encode" };
        let first = task.start_and_pause();
        for force in [false, true] {
            let error = compress(source, &target, force).expect_err("busy").to_string();
            assert!(error.contains("another run is writing to") && error.contains(name), "{error}");
        }
        let first = task.go_on(first);
        assert!(first.status.success(), "{}", said(first));
        xnc::verify(&target, None, 2, &Progress::default()).expect("whole");
    }
    assert_eq!(names(folder), ["busy", "busy-folder", "busy-forced", "existing", "model", "plain"]);
}

#[test]
fn many_runs_at_once_do_not_harm_each_other() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [plain, model] = ["plain", "model"].map(|name| folder.join(name));
    file(&plain, 1);
    small_model(&model, 1);
    for (source, force) in [(&plain, false), (&plain, true), (&model, false), (&model, true)] {
        let target = folder.join(format!("many-{force}-{}", source.is_dir()));
        let task = Task { way: "compress", source, target: &target, force, stage: "" };
        let mut done = 0;
        for _ in 0..5 {
            let runs: Vec<Child> = (0..4).map(|_| task.start()).collect();
            for run in runs {
                let output = run.wait_with_output().expect("ends");
                done += usize::from(output.status.success());
                assert!(output.status.success() || said(output).contains("Busy"));
            }
        }
        assert!(done >= 5, "one in each round");
        xnc::verify(&target, None, 2, &Progress::default()).expect("whole");
    }
    assert!(!names(folder).iter().any(|name| name.starts_with(".xnc-")));
}

#[test]
fn temporaries_are_removed_on_demand_and_the_run_fails() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let [plain, model] = ["plain", "model"].map(|name| folder.join(name));
    file(&plain, 1);
    small_model(&model, 1);
    let (packed, packed_model) = (folder.join("packed"), folder.join("packed-model"));
    compress(&plain, &packed, false).expect("compresses");
    compress(&model, &packed_model, false).expect("compresses");
    let before = names(folder);
    let target = folder.join("target");
    let tasks =
        [("compress", &plain), ("compress", &model), ("restore", &packed), ("restore", &packed_model)];
    for (way, source) in tasks {
        let output = Task { way, source, target: &target, force: false, stage: "signal" }.start();
        let output = output.wait_with_output().expect("ends");
        assert!(!output.status.success(), "{way} {}: {}", source.display(), said(output));
        assert_eq!(names(folder), before, "{way} {}", source.display());
    }
}
