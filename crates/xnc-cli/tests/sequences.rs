//! Random sequences of the folder commands, beside a model of what must be on disk: after every step the targets
//! are what one whole run made, or what stood there before.
#![cfg(unix)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fastrand::Rng;
use support::{command, model, names, xnc};

/// Files of a folder by path, with their bytes.
type Files = BTreeMap<String, Vec<u8>>;

const CODECS: [&str; 4] = ["fast", "tight", "dense --effort 1", "xnc"];

/// Exit codes: success, damage, refusal.
const DONE: i32 = 0;
const DAMAGED: i32 = 4;
const REFUSED: i32 = 5;

fn snapshot(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&below)).expect("lists") {
            let entry = entry.expect("entry");
            let path = below.join(entry.file_name());
            if entry.path().is_dir() {
                waiting.push(path);
            } else {
                files.insert(path.display().to_string(), fs::read(entry.path()).expect("reads"));
            }
        }
    }
    files
}

/// What is on disk, as it must be.
struct World {
    root: tempfile::TempDir,
    random: Rng,
    /// What a whole compressed folder `m.xnc` restores to; none where there is no folder.
    packed: Option<Files>,
    /// Whether a payload in it was damaged since.
    damaged: bool,
    /// What stands in `back`.
    restored: Option<Files>,
    /// Targets of runs that were killed: these may leave files of temporary names, and a target that is not whole,
    /// until another run to the same target ends well.
    killed: BTreeSet<&'static str>,
    said: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            root: tempfile::tempdir().expect("temporary folder"),
            random: Rng::with_seed(seed),
            packed: None,
            damaged: false,
            restored: None,
            killed: BTreeSet::new(),
            said: Vec::new(),
        };
        world.make_source();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A model folder of random shape: one file, or shards with their index; other files, some of them deeper.
    fn make_source(&mut self) {
        let source = self.path("m");
        fs::create_dir_all(source.join("deeper")).expect("makes");
        let shards = self.random.usize(1..4);
        let mut map = serde_json::Map::new();
        for shard in 0..shards {
            let name = match shards {
                1 => "model.safetensors".to_owned(),
                _ => format!("model-0000{}-of-0000{shards}.safetensors", shard + 1),
            };
            let table = if shard == 0 { "model.embed_tokens.weight" } else { "lm_head.weight" };
            let other = format!("model.layers.{shard}.mlp.up_proj.weight");
            let rows = self.random.usize(200..900);
            let tensors: &[(&str, [usize; 2])] =
                if shard < 2 { &[(table, [rows, 64]), (&other, [8, 16])] } else { &[(&other, [8, 16])] };
            fs::write(source.join(&name), model(tensors.iter().copied())).expect("writes");
            tensors.iter().for_each(|tensor| drop(map.insert(tensor.0.into(), name.clone().into())));
        }
        if shards > 1 {
            let index = serde_json::json!({"metadata": {"total_size": 0}, "weight_map": map});
            fs::write(source.join("model.safetensors.index.json"), index.to_string()).expect("writes");
        }
        fs::write(source.join("config.json"), r#"{"model_type": "llama"}"#).expect("writes");
        fs::write(source.join("deeper/notes.txt"), "as it is").expect("writes");
    }

    fn run(&mut self, line: &str) -> i32 {
        let (code, _, err) = xnc(self.root.path(), line);
        self.said.push(format!("{line} -> {code} {err}"));
        code
    }

    fn step(&mut self) {
        match self.random.usize(0..12) {
            0..3 => self.compress(),
            3..5 => self.restore(),
            5 | 6 => self.edit(),
            7 | 8 => self.interrupt(),
            9 => self.two_at_once(),
            10 => self.damage(),
            _ => self.verify(),
        }
        self.check();
    }

    fn compress(&mut self) {
        let force = self.random.bool();
        let codec = CODECS[self.random.usize(0..4)];
        let source = snapshot(&self.path("m"));
        let before = self.path("m.xnc").exists().then(|| snapshot(&self.path("m.xnc")));
        let code =
            self.run(&format!("compress m -o m.xnc --codec {codec}{}", if force { " --force" } else { "" }));
        let after = self.path("m.xnc").exists().then(|| snapshot(&self.path("m.xnc")));
        if before.is_none() || force {
            assert_eq!(code, DONE);
        }
        match code {
            DONE => self.is_packed(source),
            REFUSED => assert!(before == after, "a refused run changed its target"),
            _ => panic!("code {code}"),
        }
    }

    fn restore(&mut self) {
        let force = self.random.bool();
        let code = self.run(if force { "restore m.xnc -o back --force" } else { "restore m.xnc -o back" });
        if code == DONE {
            assert!(self.packed.is_some() && !self.damaged, "what is not whole was restored");
            self.is_restored();
        } else if self.killed.is_empty() && self.packed.is_some() {
            let packed = self.packed.as_ref().expect("something is packed");
            let differs =
                |(name, bytes): (&String, &Vec<u8>)| packed.get(name).is_some_and(|new| new != bytes);
            let other = self.restored.iter().flatten().any(differs);
            match self.damaged {
                true => assert!(code == DAMAGED || code == REFUSED && !force && other),
                false => assert!(code == REFUSED && !force && other),
            }
        }
    }

    /// Changes a file of the source, adds one, or takes one away.
    fn edit(&mut self) {
        let source = self.path("m");
        let extra = source.join("deeper/extra.txt");
        match self.random.usize(0..4) {
            0 => fs::write(source.join("config.json"), format!("{{\"n\": {}}}", self.random.u32(..))),
            1 => fs::write(&extra, self.random.u64(..).to_le_bytes()),
            2 => fs::remove_file(&extra).or(Ok(())),
            _ => {
                let file = snapshot(&source).into_keys().find(|name| name.ends_with(".safetensors"));
                let path = source.join(file.expect("a shard"));
                let mut bytes = fs::read(&path).expect("reads");
                let at = bytes.len() - 1 - self.random.usize(0..1000);
                bytes[at] ^= 1;
                fs::write(&path, bytes)
            }
        }
        .expect("edits");
        self.said.push("edited the source".into());
    }

    /// Stops a run somewhere, gently or not.
    fn interrupt(&mut self) {
        let line = ["compress m -o m.xnc --codec dense --force", "restore m.xnc -o back --force"]
            [self.random.usize(0..2)];
        let signal = ["TERM", "INT", "KILL"][self.random.usize(0..3)];
        let source = snapshot(&self.path("m"));
        let mut child = command(self.root.path(), line)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_millis(self.random.u64(0..120)));
        let id = child.id().to_string();
        // The run may have ended.
        let _ = std::process::Command::new("kill").args(["-s", signal, &id]).stderr(Stdio::null()).status();
        let code = child.wait().expect("ends").code();
        self.said.push(format!("{line}, {signal} -> {code:?}"));
        let compressing = line.starts_with("compress");
        if code == Some(DONE) {
            if compressing {
                self.is_packed(source)
            } else {
                self.is_restored()
            }
            return;
        }
        if signal == "KILL" {
            self.killed.insert(if compressing { "m.xnc" } else { "back" });
        }
        // Whatever was there may have been replaced just before the end, by a whole folder and nothing else.
        if self.is_whole("m.xnc") && compressing && self.restores_to() == Some(source.clone()) {
            (self.packed, self.damaged) = (Some(source), false);
        } else if compressing && !self.path("m.xnc").join("xnc.json").exists() {
            self.packed = None;
        }
        // Files are replaced one by one where the folder holds others: each is the old one or the new one.
        if !compressing && self.path("back").exists() {
            let there = snapshot(&self.path("back"));
            let (old, new) = (self.restored.take().unwrap_or_default(), self.packed.as_ref());
            for (name, bytes) in &there {
                let new = new.and_then(|new| new.get(name));
                assert!(new == Some(bytes) || old.get(name) == Some(bytes), "{name} is neither old nor new");
            }
            assert!(old.keys().all(|name| there.contains_key(name)), "a file is gone");
            self.restored = Some(there);
        }
    }

    /// Two runs to one target: one of them at least succeeds, and what is there is of one of them.
    fn two_at_once(&mut self) {
        let source = snapshot(&self.path("m"));
        let start = |codec: &str| {
            let line = format!("compress m -o m.xnc --force --codec {codec}");
            command(self.root.path(), &line)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts")
        };
        let codes = [start("fast"), start("xnc")].map(|mut child| child.wait().expect("ends").code());
        self.said.push(format!("two at once -> {codes:?}"));
        assert!(codes.contains(&Some(DONE)), "{codes:?}");
        assert!(codes.iter().all(|code| [Some(DONE), Some(REFUSED)].contains(code)), "{codes:?}");
        self.is_packed(source);
    }

    /// A run has made the compressed folder whole.
    fn is_packed(&mut self, source: Files) {
        (self.packed, self.damaged) = (Some(source), false);
        self.killed.remove("m.xnc");
    }

    /// A run has restored what is packed; what else stood there stays.
    fn is_restored(&mut self) {
        let packed = self.packed.clone().expect("something is packed");
        self.restored.get_or_insert_default().extend(packed);
        self.killed.remove("back");
    }

    /// Flips a bit of a payload.
    fn damage(&mut self) {
        let packed = self.path("m.xnc");
        if self.packed.is_none() || self.damaged || !self.killed.is_empty() {
            return;
        }
        let file =
            snapshot(&packed).into_keys().find(|name| name.ends_with(".safetensors")).expect("a shard");
        let path = packed.join(file);
        let mut bytes = fs::read(&path).expect("reads");
        let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        bytes[8 + header + 40] ^= 4;
        fs::write(&path, bytes).expect("writes");
        self.damaged = true;
        self.said.push("damaged a payload".into());
    }

    fn verify(&mut self) {
        let code = self.run("verify m.xnc");
        if self.killed.is_empty() && self.packed.is_some() {
            assert_eq!(code, if self.damaged { DAMAGED } else { DONE });
        }
    }

    fn is_whole(&self, name: &str) -> bool {
        self.path(name).join("xnc.json").exists()
    }

    /// What the compressed folder restores to, if it does.
    fn restores_to(&self) -> Option<Files> {
        let place = tempfile::tempdir().expect("temporary folder");
        let line = format!("restore m.xnc -o {}", place.path().join("whole").display());
        (xnc(self.root.path(), &line).0 == DONE).then(|| snapshot(&place.path().join("whole")))
    }

    /// What must hold between steps.
    fn check(&self) {
        if let (Some(packed), false) = (&self.packed, self.damaged)
            && (!self.killed.contains("m.xnc") || self.is_whole("m.xnc"))
        {
            assert!(
                self.restores_to().as_ref() == Some(packed),
                "the compressed folder restores to something else"
            );
        }
        if let Some(restored) = &self.restored
            && !self.killed.contains("back")
        {
            assert!(&snapshot(&self.path("back")) == restored, "what was restored has changed");
        }
        if self.killed.is_empty() {
            let known = ["back", "m", "m.xnc"];
            let strange: Vec<String> = names(self.root.path());
            assert!(strange.iter().all(|name| known.contains(&&name[..])), "left behind: {strange:?}");
        }
    }
}

/// Tells what was done before a step failed.
struct Told<'a>(&'a mut World, u64);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("sequence {}:\n{}", self.1, self.0.said.join("\n"));
        }
    }
}

#[test]
fn what_is_on_disk_is_what_one_whole_run_made() {
    let sequences = std::env::var("XNC_SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for seed in 0..sequences {
        let mut world = World::new(seed);
        let told = Told(&mut world, seed);
        for _ in 0..14 {
            told.0.step();
        }
    }
}
