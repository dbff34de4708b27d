//! `cargo xtask llama`: llama.cpp built from PyPI's source package, outside CI, and what it measures with the backend
//! and without.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::measure;
use crate::profile::Profile;
use crate::{data, python, root, run, runs, say, timed};

/// Its source package holds llama.cpp.
const SOURCE: &str = "llama-cpp-python==0.3.36";
/// What builds it.
const TOOLS: &[&str] = &["cmake==3.31.10", "ninja==1.13.0"];
const PROGRAMS: [&str; 4] = ["llama-completion", "llama-bench", "llama-server", "llama-perplexity"];

/// Builds llama.cpp where it is missing, and measures; a server answers for as long as `soak`, a model each.
pub fn all(soak: Duration) -> Result<()> {
    ensure!(runs("c++", &["--version"]), "llama.cpp is built with a C++ compiler, which is not there");
    data::tables()?;
    let backend = super::build(Profile::Release)?;
    let xnc = super::command(Profile::Release)?;
    let programs = timed("llama.cpp", build)?;
    measure::all(&programs, &backend, &xnc, soak)
}

/// The folder of the programs.
fn build() -> Result<PathBuf> {
    let folder = root().join(".tools/llama.cpp");
    let (stamp, programs) = (folder.join("built.txt"), folder.join("build/bin"));
    let wanted = format!("{SOURCE} {}", flags().join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(programs);
    }
    let source = source(&folder)?;
    let tools = python::environment("llama-build", TOOLS, &[])?;
    let bin = tools.parent().context("an interpreter lies in a folder")?;
    say("building llama.cpp takes some 10 minutes of two cores");
    let mut configure = Command::new("nice");
    configure.arg(bin.join("cmake")).args(["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]).args(flags());
    configure.arg(format!("-DCMAKE_MAKE_PROGRAM={}", bin.join("ninja").display()));
    run(configure.arg("-S").arg(source).arg("-B").arg(folder.join("build")))?;
    let mut make = Command::new("nice");
    run(make.arg(bin.join("cmake")).arg("--build").arg(folder.join("build")).arg("--target").args(PROGRAMS))?;
    fs::write(&stamp, wanted)?;
    Ok(programs)
}

/// Unpacks the source package.
fn source(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let python = python::interpreter()?;
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"];
    // Of this package alone: what builds it may come built.
    let dest = ["--no-binary", "llama-cpp-python", "--dest"];
    run(Command::new(python).args(pip).args(dest).arg(folder).arg(SOURCE))?;
    let named = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    let paths = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = paths.into_iter().find(named).context("pip downloaded no source package")?;
    let unpacked = folder.join("source");
    fs::create_dir_all(&unpacked)?;
    run(Command::new("tar").arg("xzf").arg(&package).args(["--strip-components=1", "-C"]).arg(&unpacked))?;
    Ok(unpacked.join("vendor/llama.cpp"))
}

/// As distributions build it, with backends as libraries, but for this processor alone: what the variants for
/// all processors would choose here.
fn flags() -> Vec<String> {
    let mut flags: Vec<String> = ["GGML_BACKEND_DL=ON", "BUILD_SHARED_LIBS=ON", "GGML_NATIVE=OFF"]
        .into_iter()
        .chain(["LLAMA_CURL=OFF", "LLAMA_OPENSSL=OFF", "LLAMA_BUILD_TESTS=OFF", "LLAMA_BUILD_EXAMPLES=OFF"])
        .map(|flag| format!("-D{flag}"))
        .collect();
    let has = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has = |name: &str| has.split_ascii_whitespace().any(|word| word == name);
    let features = [
        ("sse4_2", "SSE42"),
        ("avx", "AVX"),
        ("avx2", "AVX2"),
        ("bmi2", "BMI2"),
        ("fma", "FMA"),
        ("f16c", "F16C"),
        ("avx512bw", "AVX512"),
        ("avx512_vbmi2", "AVX512_VBMI"),
        ("avx512_vnni", "AVX512_VNNI"),
        ("avx512_bf16", "AVX512_BF16"),
        ("amx_tile", "AMX_TILE"),
        ("amx_int8", "AMX_INT8"),
        ("amx_bf16", "AMX_BF16"),
    ];
    flags.extend(features.iter().filter(|(name, _)| has(name)).map(|(_, flag)| format!("-DGGML_{flag}=ON")));
    flags
}
