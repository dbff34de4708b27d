//! `cargo xtask c`: the C library built and installed under a prefix, as libxnc: header, shared library with the
//! links that linkers and programs look for, static library, pkg-config file.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::profile::Profile;
use crate::{root, run, say};

/// One version for all crates.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What cargo built.
struct Built {
    shared: PathBuf,
    fixed: PathBuf,
    /// What a program that is linked with the static library needs from the system.
    needs: String,
}

/// Installs under `prefix`; with `test`, runs the tests of the interface with what is installed, in a folder of its
/// own if there is no prefix.
pub fn all(prefix: Option<PathBuf>, test: bool) -> Result<()> {
    let prefix = match prefix {
        Some(prefix) => prefix,
        None if test => root().join("target/c"),
        None => bail!("--prefix says where to install, --test tries it in target/c"),
    };
    install(&prefix, Profile::Release)?;
    if test {
        let mut tests = Command::new("cargo");
        tests
            .args(["test", "--package", "xnc-c"])
            .current_dir(root())
            .env("XNC_C_PREFIX", absolute(&prefix)?);
        run(&mut tests)?;
    }
    Ok(())
}

/// Builds and installs.
pub fn install(prefix: &Path, profile: Profile) -> Result<()> {
    ensure!(
        !cfg!(windows),
        "on Windows nothing is installed: cargo build --release -p xnc-c makes xnc_c.dll"
    );
    let prefix = absolute(prefix)?;
    let built = build(profile)?;
    let source = root().join("crates/xnc-c");
    let library = prefix.join("lib");
    let file = |folder: &Path, name: &str, bytes: &[u8], mode| write(&folder.join(name), bytes, mode);
    file(&prefix.join("include"), "xnc.h", &fs::read(source.join("include/xnc.h"))?, 0o644)?;
    file(&library, "libxnc.a", &fs::read(&built.fixed)?, 0o644)?;
    let [whole, major, plain] = names();
    file(&library, &whole, &fs::read(&built.shared)?, 0o755)?;
    link(&library, &major, &whole)?;
    link(&library, &plain, &major)?;
    let pc = fs::read_to_string(source.join("xnc.pc.in"))?;
    let shown = prefix.to_str().context("pkg-config files name their prefix in UTF-8")?;
    let pc = pc.replace("@PREFIX@", shown).replace("@VERSION@", VERSION).replace("@LIBS@", &built.needs);
    file(&library.join("pkgconfig"), "xnc.pc", pc.as_bytes(), 0o644)?;
    say(&format!("installed libxnc {VERSION} under {}; pkg-config finds it with", prefix.display()));
    say(&format!("    PKG_CONFIG_PATH={}", library.join("pkgconfig").display()));
    Ok(())
}

/// The shared library's own name, the one that programs look for, and the one that linkers do.
fn names() -> [String; 3] {
    let major = VERSION.split('.').next().unwrap_or_default();
    if cfg!(target_vendor = "apple") {
        [format!("libxnc.{VERSION}.dylib"), format!("libxnc.{major}.dylib"), "libxnc.dylib".into()]
    } else {
        [format!("libxnc.so.{VERSION}"), format!("libxnc.so.{major}"), "libxnc.so".into()]
    }
}

/// The two libraries alone: with the third kind, cargo would leave out what the release profile optimises across
/// crates.
fn build(profile: Profile) -> Result<Built> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["rustc", "--package", "xnc-c", "--lib", "--crate-type", "cdylib,staticlib"])
        .args(profile.flag());
    cargo.args(["--message-format", "json", "--", "--print", "native-static-libs"]);
    cargo.current_dir(root()).stderr(Stdio::inherit());
    say(&format!("{cargo:?}"));
    let output = cargo.output().context("cannot start cargo")?;
    let messages: Vec<Value> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("cargo's messages")?;
    let mut texts = messages.iter().filter_map(|message| message["message"]["rendered"].as_str());
    if !output.status.success() {
        texts.for_each(|text| eprint!("{text}"));
        bail!("cargo rustc: {}", output.status);
    }
    let needs = texts.find_map(|text| text.split_once("native-static-libs: ")?.1.lines().next());
    let files: Vec<PathBuf> = messages
        .iter()
        .filter(|message| message["target"]["name"] == "xnc_c")
        .flat_map(|message| message["filenames"].as_array().into_iter().flatten())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .collect();
    let of = |suffix: &str| {
        let file = files.iter().find(|file| file.to_string_lossy().ends_with(suffix));
        file.cloned().with_context(|| format!("cargo built no {suffix}"))
    };
    Ok(Built {
        shared: of(std::env::consts::DLL_SUFFIX)?,
        fixed: of(".a")?,
        needs: needs.context("the compiler does not tell what the static library needs")?.trim().into(),
    })
}

/// Writes a file that takes the place of another one at once: programs that run go on with the old library.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let file = NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
    fs::write(file.path(), bytes)?;
    #[cfg(unix)]
    fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = mode;
    file.persist(path).with_context(|| path.display().to_string())?;
    Ok(())
}

#[cfg(unix)]
fn link(folder: &Path, name: &str, to: &str) -> Result<()> {
    let fresh = tempfile::tempdir_in(folder)?;
    let link = fresh.path().join(name);
    std::os::unix::fs::symlink(to, &link)?;
    fs::rename(link, folder.join(name)).with_context(|| folder.join(name).display().to_string())
}

#[cfg(not(unix))]
fn link(_: &Path, _: &str, _: &str) -> Result<()> {
    Ok(())
}
