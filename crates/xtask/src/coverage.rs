//! `cargo xtask coverage`: which lines of the library its tests run; writes `docs/coverage.md`.
//!
//! The tests of the library, of the command, of the refused files and of the row store are built with counters; what
//! every process of them counted is added up by LLVM's own tools.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::toolchain::{Toolchain, Tools};
use crate::{data, python, root, say, timed};

/// Packages whose tests count.
const PACKAGES: &[&str] = &["xnc", "xnc-cli", "xnc-fuzz", "xnc-store"];

/// Folders of the library that are held to a share of lines, in per cent.
const HELD: &[(&str, f64)] = &[("codec", 95.0), ("container", 95.0), ("table", 95.0)];

/// Lines of a file, by number: whether a test ran each.
type Lines = BTreeMap<usize, bool>;

pub fn all() -> Result<()> {
    let tools = Toolchain::get()?.tools()?;
    let folder = root().join("target/coverage");
    let counts = folder.join("counts");
    if counts.exists() {
        fs::remove_dir_all(&counts)?;
    }
    fs::create_dir_all(&counts)?;
    data::tables()?;
    let programs = timed("tests are built with counters", || build(&folder))?;
    timed("tests are run with counters", || test(&folder, &counts))?;
    let files = lines(&tools, &counts, &programs)?;
    let page = page(&files)?;
    fs::write(root().join("docs/coverage.md"), &page)?;
    print!("{page}");
    for (name, least) in HELD {
        let share = share(files.iter().filter(|(file, _)| part(file) == *name).map(|(_, lines)| lines));
        ensure!(share >= *least, "{name}/: tests run {share:.1} % of the lines, and {least} % are asked for");
    }
    say("docs/coverage.md is written");
    Ok(())
}

/// Cargo for the tests of [`PACKAGES`], with counters in what it builds.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).arg("test").args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", "-Cinstrument-coverage");
    // Build scripts count too, and would leave their files beside the sources.
    cargo.env("LLVM_PROFILE_FILE", folder.join("unused-%m.profraw"));
    cargo
}

/// The programs that count: those of tests, and the command, which tests start.
fn build(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = cargo(folder);
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "the tests do not build with counters");
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    Ok(messages.iter().filter_map(|message| message["executable"].as_str()).map(PathBuf::from).collect())
}

fn test(folder: &Path, counts: &Path) -> Result<()> {
    let mut cargo = cargo(folder);
    // Processes of one program share a file, which each adds to.
    cargo.env("LLVM_PROFILE_FILE", counts.join("%m.profraw")).args(["--quiet", "--no-fail-fast"]);
    cargo.env("XNC_TEST_PYTHON", python::interpreter()?).env("XNC_TEST_DATA", root().join("data"));
    let status = cargo.stdout(Stdio::null()).status().context("cannot start cargo")?;
    ensure!(status.success(), "tests fail with counters");
    Ok(())
}

/// The lines of each file of the library, by path from its `src`.
fn lines(tools: &Tools, counts: &Path, programs: &[PathBuf]) -> Result<BTreeMap<String, Lines>> {
    let raw = fs::read_dir(counts)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let merged = counts.join("all.profdata");
    let status = tools
        .command("llvm-profdata")
        .args(["merge", "--sparse", "-o"])
        .arg(&merged)
        .args(raw)
        .status()
        .context("cannot start llvm-profdata")?;
    ensure!(status.success(), "llvm-profdata cannot add up what the tests counted");
    let mut export = tools.command("llvm-cov");
    export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
    let [first, others @ ..] = programs else { anyhow::bail!("no test was built") };
    export.arg(first).args(others.iter().flat_map(|program| ["--object".into(), program.clone()]));
    let output = export.stderr(Stdio::inherit()).output().context("cannot start llvm-cov")?;
    ensure!(output.status.success(), "llvm-cov cannot read what the tests counted");
    let source = root().join("crates/xnc/src");
    let (mut files, mut current) = (BTreeMap::<String, Lines>::new(), None);
    for line in String::from_utf8(output.stdout)?.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let path = Path::new(path).strip_prefix(&source).ok();
            current = path.filter(|path| is_code(path)).map(|path| path.display().to_string());
        } else if let (Some(count), Some(file)) = (line.strip_prefix("DA:"), &current) {
            let mut fields = count.split(',').map(str::parse::<u64>);
            let (Some(Ok(number)), Some(Ok(ran))) = (fields.next(), fields.next()) else {
                anyhow::bail!("llvm-cov wrote a line that is none of lcov: {line}");
            };
            *files.entry(file.clone()).or_default().entry(number as usize).or_default() |= ran > 0;
        }
    }
    Ok(files)
}

/// Whether a file is none of tests alone.
fn is_code(path: &Path) -> bool {
    let tests = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs" || part == "trial.rs";
    !path.iter().any(tests)
}

/// The folder that a file is in, or its own name.
fn part(file: &str) -> &str {
    file.split_once('/').map_or(file, |(folder, _)| folder)
}

fn share<'a>(files: impl Iterator<Item = &'a Lines>) -> f64 {
    let (ran, all) = files
        .flat_map(|lines| lines.values())
        .fold((0_u32, 0_u32), |(ran, all), &line| (ran + u32::from(line), all + 1));
    100.0 * f64::from(ran) / f64::from(all.max(1))
}

fn page(files: &BTreeMap<String, Lines>) -> Result<String> {
    let mut parts = BTreeMap::<&str, Vec<&Lines>>::new();
    for (file, lines) in files {
        parts.entry(part(file)).or_default().push(lines);
    }
    let mut page = String::from(
        "# Lines that tests run\n\nWritten by `cargo xtask coverage`, which builds the tests of the library, of the \
         command, of the\nrefused files and of the row store with counters and runs them. Files of tests alone are \
         left out.\nUnsafe loops for other processors than the one it ran on are not built, and not \
         counted.\n\n| part of \
         `crates/xnc/src` | lines | run |\n|---|---|---|\n",
    );
    for (name, lines) in &parts {
        let all: usize = lines.iter().map(|lines| lines.len()).sum();
        writeln!(page, "| `{name}` | {all} | {:.1} % |", share(lines.iter().copied()))?;
    }
    page.push_str("\n## Lines that no test runs\n\n| file | lines |\n|---|---|\n");
    for (file, lines) in files {
        let holes = holes(lines);
        if !holes.is_empty() {
            writeln!(page, "| `{file}` | {} |", holes.join(", "))?;
        }
    }
    Ok(page)
}

/// Runs of lines that were not run, as numbers.
fn holes(lines: &Lines) -> Vec<String> {
    let (mut holes, mut open) = (Vec::new(), None::<(usize, usize)>);
    for (&number, &ran) in lines.iter().chain([(&usize::MAX, &true)]) {
        match (&mut open, ran) {
            (Some((_, last)), false) => *last = number,
            (None, false) => open = Some((number, number)),
            (Some((first, last)), true) => {
                holes.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
                open = None;
            }
            (None, true) => {}
        }
    }
    holes
}
