//! `cargo xtask python` and `cargo xtask wheels`: the Python package, installed as its users install it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::toolchain::Toolchain;
use crate::{python, root, run, say, timed};

/// What the package and its tests need, without torch.
const PACKAGES: &[&str] = &[
    "numpy==2.3.5",
    "ml_dtypes==0.6.0",
    "tqdm==4.70.1",
    "pytest==9.2.0",
    "mypy==2.4.1",
    "obstore==0.12.1",
    "moto[s3,server]==5.2.5",
];

/// A Ray cluster on this machine, and the S3 server that it works with.
const RAY: &[&str] =
    &["numpy==2.3.5", "pytest==9.2.0", "obstore==0.12.1", "moto[s3,server]==5.2.5", "ray==2.60.0"];

/// What builds wheels, for this machine and for others.
const BUILDERS: &[&str] = &["maturin==1.16.0", "ziglang==0.17.1"];

/// Versions of Transformers that compressed folders are loaded with, and what comes with each.
const TRANSFORMERS: &[(&str, &[&str])] = &[
    ("transformers-4.57", &["transformers==4.57.6", "accelerate==1.15.0", "peft==0.21.2"]),
    ("transformers-5.0", &["transformers==5.0.0", "accelerate==1.15.0", "peft==0.21.2"]),
    (
        "transformers-newest",
        &[
            "transformers==5.24.0",
            "accelerate==1.15.0",
            "peft==0.21.2",
            "sentence-transformers==6.2.0",
            "model2vec==0.10.0",
            "gguf==0.19.0",
            "torchao==0.18.0",
            "bitsandbytes==0.50.2",
        ],
    ),
];

/// One torch for all of them, into whose environment theirs look.
const TORCH: &[&str] = &["numpy==2.3.5", "torch==2.15.0", "safetensors==0.8.0", "pytest==9.2.0"];

/// The package without torch and Ray: its types, its stubs, its tests. Then those with each, if `everything`, or
/// where it is installed already.
pub fn test(everything: bool) -> Result<()> {
    let python = python::environment("package", &[PACKAGES, &BUILDERS[..1]].concat(), &[])?;
    timed("the Python package is built", || install(&python))?;
    run(tool(&python, "mypy").args(["--config-file", "pyproject.toml"]))?;
    // Away from the sources, which would stand before the installed package.
    run(tool(&python, "mypy.stubtest").arg("xnc._xnc").current_dir(root().join(".tools")))?;
    run(&mut pytest(&python, &["tests"]))?;
    if everything || python::is_there("ray") {
        with_ray()?;
    } else {
        say("Ray (240 MB) is not installed in .tools: xnc.batch is tested without it");
    }
    if everything || python::is_there("torch") {
        return with_transformers();
    }
    say("torch (5 GB) is not installed in .tools: xnc.torch and xnc.transformers are NOT tested;");
    say("`cargo xtask python --all` installs it and tests them");
    Ok(())
}

fn with_ray() -> Result<()> {
    let python = python::environment("ray", RAY, &[])?;
    let pip = ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"];
    run(Command::new(&python).args(pip).arg(wheel()?))?;
    timed("batches run on a Ray cluster", || run(&mut pytest(&python, &["tests_ray"])))
}

fn with_transformers() -> Result<()> {
    let torch = python::environment("torch", TORCH, &[])?;
    let folder = wheel()?;
    for (name, packages) in TRANSFORMERS {
        let python = python::beside(name, &torch, packages)?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--force-reinstall",
            "--no-deps",
            "--disable-pip-version-check",
        ];
        run(Command::new(&python).args(pip).arg(&folder))?;
        let mut tests = pytest(&python, &["tests_torch"]);
        timed(&format!("models load and run with {name}"), || {
            run(tests.env("XNC_TEST_DATA", root().join("data")))
        })?;
    }
    Ok(())
}

/// Builds the package for this machine, quickly: with the profile that all tests are built with.
fn install(python: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    // The builder is there, and would be fetched anew.
    pip.args(["--no-build-isolation", "--no-deps", "--force-reinstall", "./python"]);
    pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("PATH", path_with(python)?);
    run(pip.current_dir(root()))
}

/// As [`install`], into a file.
fn wheel() -> Result<PathBuf> {
    let python = python::environment("package", &[PACKAGES, &BUILDERS[..1]].concat(), &[])?;
    let folder = root().join("target/wheels/test");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-build-isolation"]);
    pip.args(["--no-deps", "--wheel-dir"]).arg(&folder).arg("./python");
    pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("PATH", path_with(&python)?);
    run(pip.current_dir(root()))?;
    let made = std::fs::read_dir(&folder)?.next().context("pip made no wheel")??;
    Ok(made.path())
}

/// Wheels for x86-64 and 64-bit ARM Linux, and the sources for other machines, in `folder`.
pub fn wheels(folder: &Path) -> Result<()> {
    let python = python::environment("wheels", BUILDERS, &[])?;
    let mut sources = Command::new(python.with_file_name("maturin"));
    sources
        .arg("sdist")
        .arg("--manifest-path")
        .arg(root().join("python/Cargo.toml"))
        .arg("--out")
        .arg(folder);
    run(sources.current_dir(root()))?;
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let mut maturin = Command::new(python.with_file_name("maturin"));
        maturin.args(["build", "--release", "--zig", "--compatibility", "manylinux2014", "--target", target]);
        maturin.arg("--manifest-path").arg(root().join("python/Cargo.toml")).arg("--out").arg(folder);
        maturin.env("PATH", path_with(&python)?);
        if target.starts_with("aarch64") && !has_library(target) {
            Toolchain::get()?.compile_with(&mut maturin);
        }
        timed(&format!("a wheel for {target}"), || run(maturin.current_dir(root())))?;
    }
    for wheel in std::fs::read_dir(folder)? {
        let wheel = wheel?;
        if wheel.path().extension().is_some_and(|extension| extension == "whl" || extension == "gz") {
            say(&format!("{}: {} bytes", wheel.path().display(), wheel.metadata()?.len()));
        }
    }
    Ok(())
}

/// Whether this compiler can build for `target`.
fn has_library(target: &str) -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    folder.is_ok_and(|folder| Path::new(&folder).is_dir())
}

fn tool(python: &Path, module: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", module]).current_dir(root().join("python"));
    command
}

fn pytest(python: &Path, folders: &[&str]) -> Command {
    let package = root().join("python");
    // Away from the sources, which Python would find before the installed package, and with nothing of where it runs.
    let mut command = Command::new(python);
    command
        .args(["-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"])
        .arg(package.join("pyproject.toml"));
    command.args(folders.iter().map(|folder| package.join(folder))).current_dir(root().join(".tools"));
    command
}

/// The search path with the programs of an environment first.
fn path_with(python: &Path) -> Result<std::ffi::OsString> {
    let own = python.parent().context("an interpreter without a folder")?.to_owned();
    ensure!(own.is_dir(), "{} is not there", own.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path)))?)
}
