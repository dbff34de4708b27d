//! The files of a release that are built: packages of crates, the C library, the programs, wheels.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::metadata::Workspace;
use super::{archive, build, contents, notices, sorted};
use crate::{root, run, runs, say};

/// Whether this is the machine that releases are built on.
pub const HERE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
/// The same, as it stands in names of archives.
const MACHINE: &str = "x86_64-linux-gnu";
/// A shell, and where its completions lie under a prefix.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/xnc"),
    ("zsh", "share/zsh/site-functions/_xnc"),
    ("fish", "share/fish/vendor_completions.d/xnc.fish"),
];

/// The `.crate` files, each unpacked and built as those who depend on it build it.
pub fn crates(workspace: &Workspace, folder: &Path) -> Result<()> {
    // All at once: each is built with the others' packages, of which crates.io may have none yet.
    let mut cargo = Command::new("cargo");
    cargo.args(["package", "--quiet", "--locked"]).args(workspace.selected());
    run(cargo.args(["--target-dir", "target/package"]).current_dir(root()))?;
    for name in workspace.names() {
        let file = format!("{name}-{}.crate", workspace.version);
        fs::copy(root().join("target/package/package").join(&file), folder.join(&file)).context(file)?;
    }
    Ok(())
}

/// The C library: header, libraries, pkg-config file, examples.
pub fn library(workspace: &Workspace, folder: &Path) -> Result<()> {
    let made = tempfile::tempdir()?;
    let prefix = made.path().join(format!("libxnc-{}-{MACHINE}", workspace.version));
    run(build::task(&["c", "--prefix"])?.arg(&prefix))?;
    // Where it is unpacked, not where it was built.
    let pc = prefix.join("lib/pkgconfig/xnc.pc");
    let lines = fs::read_to_string(&pc)?;
    let (first, rest) = lines.split_once('\n').context("an empty xnc.pc")?;
    ensure!(first.starts_with("prefix="), "xnc.pc does not begin with its prefix");
    fs::write(&pc, format!("prefix=${{pcfiledir}}/../..\n{rest}"))?;
    // The standard library's parts come with debug information, most of the static library.
    let archive = prefix.join("lib/libxnc.a");
    if runs("strip", &["--version"]) {
        run(Command::new("strip").arg("--strip-debug").arg("--enable-deterministic-archives").arg(&archive))?;
    }
    tell_glibc(&prefix.join("lib/libxnc.so"))?;
    for name in ["lookup.c", "head.cpp"] {
        copy(&format!("crates/xnc-c/examples/{name}"), &prefix.join("share/doc/xnc/examples").join(name))?;
    }
    copy("docs/c.md", &prefix.join("share/doc/xnc/c.md"))?;
    finish(&prefix, "xnc-c", folder)
}

/// The command, its completions and its page, and the backend beside it, where `xnc run` looks for it.
pub fn programs(workspace: &Workspace, folder: &Path) -> Result<()> {
    let made = tempfile::tempdir()?;
    let prefix = made.path().join(format!("xnc-{}-{MACHINE}", workspace.version));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--locked", "-p", "xnc-cli"]).current_dir(root());
    build::released(&mut cargo)?;
    run(&mut cargo)?;
    run(&mut build::task(&["ggml"])?)?;
    fs::create_dir_all(prefix.join("bin"))?;
    for name in ["xnc", "libggml-xnc.so"] {
        let built = build::target().join("release").join(name);
        fs::copy(&built, prefix.join("bin").join(name)).with_context(|| built.display().to_string())?;
        tell_glibc(&built)?;
    }
    for (shell, place) in COMPLETIONS {
        print(&prefix, &["completions", shell], place)?;
    }
    print(&prefix, &["man"], "share/man/man1/xnc.1")?;
    copy("docs/llama.cpp.md", &prefix.join("share/doc/xnc/llama.cpp.md"))?;
    copy("CHANGELOG.md", &prefix.join("share/doc/xnc/CHANGELOG.md"))?;
    finish(&prefix, "xnc-cli", folder)
}

/// What the built command prints, as a file.
fn print(prefix: &Path, args: &[&str], place: &str) -> Result<()> {
    let output = Command::new(prefix.join("bin/xnc")).args(args).output()?;
    ensure!(output.status.success() && !output.stdout.is_empty(), "xnc {} prints nothing", args.join(" "));
    let path = prefix.join(place);
    fs::create_dir_all(path.parent().unwrap_or(prefix))?;
    Ok(fs::write(path, output.stdout)?)
}

/// Wheels, and the sources that pip builds elsewhere.
pub fn wheels(workspace: &Workspace, folder: &Path) -> Result<()> {
    let made = tempfile::tempdir()?;
    let mut wheels = build::task(&["wheels", "--out"])?;
    run(wheels.arg(made.path()).env("SOURCE_DATE_EPOCH", build::time()?.to_string()))?;
    for path in sorted(made.path())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(name.starts_with(&format!("xnc-{}", workspace.version)), "{name} is of another version");
        fs::copy(&path, folder.join(name))?;
    }
    Ok(())
}

fn copy(from: &str, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
    fs::copy(root().join(from), to).with_context(|| from.to_owned())?;
    Ok(())
}

/// Licences, those of what is linked in, and the archive.
fn finish(prefix: &Path, package: &str, folder: &Path) -> Result<()> {
    for licence in contents::LICENCES {
        copy(licence, &prefix.join("share/doc/xnc").join(licence))?;
    }
    fs::write(prefix.join("share/doc/xnc/THIRD-PARTY.txt"), notices::of(package)?)?;
    let name = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    archive::pack(prefix, &folder.join(format!("{name}.tar.gz")), build::time()?)
}

/// Says which systems a program or library is for: it is linked with this one's C library.
fn tell_glibc(built: &Path) -> Result<()> {
    let needs = least_glibc(&fs::read(built)?).context("a program that needs no glibc")?;
    let name = built.file_name().unwrap_or_default().to_string_lossy();
    say(&format!("{name} runs with glibc 2.{needs} or later"));
    Ok(())
}

/// N of the highest GLIBC_2.N among the versions of symbols that a program asks for.
fn least_glibc(program: &[u8]) -> Option<u32> {
    let mark = b"GLIBC_2.";
    let number = |at: usize| {
        let digits = program[at + mark.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |number: u32, byte| number.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
    };
    let found = program.windows(mark.len()).enumerate().filter(|(_, bytes)| bytes == mark);
    found.map(|(at, _)| number(at)).max()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_highest_version_counts() {
        assert_eq!(super::least_glibc(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0"), Some(34));
        assert_eq!(super::least_glibc(b"GLIBC_PRIVATE GLIBC_2"), None);
    }
}
