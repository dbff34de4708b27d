//! `spec/vectors/refused/`: a file, or a folder, for each rule that a reader enforces. Both decoders refuse all
//! of them, and the library for the reason meant.
//!
//! `XNC_BLESS=1 cargo test -p xnc-fuzz --test refused` writes those that are missing; the list of
//! rules is `README.md` there.

mod dense;
mod fast;
mod files;
mod folders;
mod forge;
mod headers;
mod levels;
mod records;
mod tables;
mod taken;
mod tight;
mod xnc_codec;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xnc::{Model, RestoreOptions, Result, restore};

/// What breaks a rule.
enum Made {
    File(Vec<u8>),
    /// Files by path.
    Folder(Vec<(&'static str, Vec<u8>)>),
}

/// A rule of the specification.
struct Rule {
    /// Name of what breaks it; a file's ends as its format does.
    name: String,
    /// Part of what the library says.
    told: &'static str,
    made: Made,
}

/// A rule that a file breaks.
fn rule(name: &str, told: &'static str, file: Vec<u8>) -> Rule {
    let extension = if file.starts_with(b"GGUF") { "gguf" } else { "safetensors" };
    Rule { name: format!("{name}.{extension}"), told, made: Made::File(file) }
}

fn rules() -> Vec<Rule> {
    let parts = [
        headers::safetensors(),
        headers::gguf(),
        records::all(),
        files::all(),
        tables::all(),
        fast::all(),
        tight::all(),
        dense::all(),
        xnc_codec::all(),
        folders::all(),
    ];
    parts.into_iter().flatten().collect()
}

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

fn refused() -> PathBuf {
    spec().join("vectors/refused")
}

/// Names in the list of rules, whose lines also tell section and rule.
fn listed() -> Vec<String> {
    let page = fs::read_to_string(refused().join("README.md")).expect("the list of rules");
    let name = |line: &str| {
        let [name, section, rule] =
            line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("not a line of the list: {line}")
        };
        let pages = [("C", "container"), ("F", "fast"), ("T", "tight"), ("D", "dense"), ("X", "xnc")];
        let (_, page) = pages.into_iter().find(|page| section.starts_with(page.0)).expect("a page");
        let page =
            fs::read_to_string(spec().join(format!("{page}.md"))).expect("a page of the specification");
        assert!(page.contains(&format!("\n## {}. ", &section[1..])) && !rule.is_empty(), "{line}");
        name.trim_matches('`').to_owned()
    };
    page.lines().filter(|line| line.starts_with("| `")).map(name).collect()
}

/// Writes what is missing, when asked to.
fn bless(rules: &[Rule]) {
    let folder = refused();
    let write = |path: &Path, bytes: &[u8]| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes a folder");
        fs::write(path, bytes).expect("writes");
    };
    for rule in rules.iter().filter(|rule| !folder.join(&rule.name).exists()) {
        let path = folder.join(&rule.name);
        match &rule.made {
            Made::File(bytes) => write(&path, bytes),
            Made::Folder(files) => files.iter().for_each(|(file, bytes)| write(&path.join(file), bytes)),
        }
    }
}

#[test]
fn every_rule_has_its_file_and_every_file_its_rule() {
    let rules = rules();
    if std::env::var_os("XNC_BLESS").is_some() {
        bless(&rules);
    }
    let names: BTreeSet<String> = rules.iter().map(|rule| rule.name.clone()).collect();
    assert_eq!(names.len(), rules.len(), "a name stands twice");
    let listed = listed();
    assert_eq!(listed.len(), names.len(), "a line stands twice, or is missing");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), names, "the list of rules");
    let there = fs::read_dir(refused()).expect("the folder of refused files");
    let mut there: BTreeSet<String> =
        there.map(|entry| entry.expect("an entry").file_name().into_string().expect("a text")).collect();
    assert!(there.remove("README.md"));
    assert_eq!(there, names, "files");
    for rule in &rules {
        match &rule.made {
            Made::File(bytes) => same(&refused().join(&rule.name), bytes),
            Made::Folder(files) => {
                files.iter().for_each(|(file, bytes)| same(&refused().join(&rule.name).join(file), bytes));
            }
        }
    }
}

fn same(path: &Path, bytes: &[u8]) {
    let there = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(there == bytes, "{} would be made differently", path.display());
}

/// `spec/vectors/taken/`, and what is in it.
fn taken_files() -> Vec<(PathBuf, Vec<u8>)> {
    let place = |(name, bytes)| (spec().join("vectors/taken").join(name), bytes);
    let files: Vec<_> = taken::all().into_iter().map(place).collect();
    if std::env::var_os("XNC_BLESS").is_some() {
        fs::create_dir_all(spec().join("vectors/taken")).expect("makes a folder");
        for (path, bytes) in files.iter().filter(|file| !file.0.exists()) {
            fs::write(path, bytes).expect("writes");
        }
    }
    files
}

#[test]
fn both_decoders_take_what_readers_take() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = taken_files();
    let listed = fs::read_to_string(spec().join("vectors/taken/README.md")).expect("the list");
    let there =
        fs::read_dir(spec().join("vectors/taken")).expect("the folder of files that are taken").count();
    assert_eq!(there, files.len() + 1);
    for (path, bytes) in files {
        same(&path, &bytes);
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(listed.contains(&format!("| `{name}` |")), "{name} is not in the list");
        let target = folder.path().join(name);
        restore(&path, &target, &RestoreOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let source = fs::read(target).expect("restored");
        let answer = xnc_fuzz::second::ask(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer.source == Some(Ok(source)), "{name}: the decoder in Python gives something else");
        xnc_fuzz::decoders::compare(&bytes);
    }
}

/// Fails with all that is wrong at once.
fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} rules:\n{}", faults.len(), faults.join("\n"));
}

/// Opens a file and reads its compressed tables, where it is one.
fn read(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let model = Model::open(path)?;
    for tensor in model.tensors().filter(|tensor| tensor.codec.is_some() || tensor.same_as.is_some()) {
        let table = model.table(&tensor.name)?;
        table.read(0, &mut vec![0; table.rows() * table.dim()])?;
    }
    Ok(())
}

#[test]
fn the_library_refuses_all_of_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut faults = Vec::new();
    for (number, rule) in rules().into_iter().enumerate() {
        let target = folder.path().join(number.to_string());
        let path = refused().join(&rule.name);
        let Err(error) = restore(&path, &target, &RestoreOptions::default()) else {
            faults.push(format!("{} is restored", rule.name));
            continue;
        };
        let error = read(&path).err().unwrap_or(error).to_string();
        if !error.contains(rule.told) || target.exists() {
            faults.push(format!("{}: {error}", rule.name));
        }
    }
    none(&faults);
}

/// What `decode.py restore` does, for many files in one process; prints how each ends.
const RESTORE_ALL: &str = r#"
import os, struct, sys, zlib
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from decoder.checks import Refused
from decoder.restore import restore
for number, source in enumerate(sys.argv[3:]):
    target = os.path.join(sys.argv[2], str(number))
    try:
        restore(source, target)
        print("restored")
    except (Refused, ValueError, OSError, struct.error, zlib.error) as error:
        print("kept" if os.path.lexists(target) or os.path.lexists(target + ".part") else "refused")
"#;

#[test]
fn the_decoder_written_from_the_spec_refuses_all_of_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let python = std::env::var_os("XNC_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let rules = rules();
    let output = Command::new(python)
        .args(["-c", RESTORE_ALL])
        .args([spec().as_path(), folder.path()])
        .args(rules.iter().map(|rule| refused().join(&rule.name)))
        .output()
        .expect("Python 3 runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let ends: Vec<&str> =
        told.lines().filter(|line| ["restored", "kept", "refused"].contains(line)).collect();
    assert_eq!(ends.len(), rules.len());
    let faults = rules.iter().zip(ends).filter(|(_, end)| *end != "refused");
    none(&faults.map(|(rule, end)| format!("{}: {end}", rule.name)).collect::<Vec<_>>());
}
