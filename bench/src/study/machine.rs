//! Where and when something was measured.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xnc::Backend;

/// A machine, a day, and versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Processors that the system gives.
    pub processors: usize,
    /// Instruction sets that matter here and that the processor has.
    pub instructions: Vec<String>,
    /// The backend that XNC picks.
    pub backend: String,
    /// Memory in 10^9 bytes.
    pub memory_gb: Option<f64>,
    /// Kernel of the system.
    pub system: String,
    /// UTC.
    pub date: String,
    /// Compiler.
    pub rustc: String,
    /// Version of XNC.
    pub xnc: String,
    /// The commit, marked when the tree differed from it.
    pub commit: String,
}

impl Machine {
    /// This one, now.
    ///
    /// # Errors
    /// When a backend is asked for that the machine does not have.
    pub fn this() -> Result<Machine> {
        let told = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output().ok().filter(|out| out.status.success());
            output.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        };
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
        };
        let flags = field("flags").unwrap_or_default();
        let known = ["avx2", "bmi2", "fma", "avx512f", "avx512_vbmi2", "avx512_bf16"];
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<f64>().ok());
        // What sections write while the study runs is no change to what is measured.
        let changed = told("git", &["status", "--porcelain", "--", ".", ":!docs/results.*"]);
        let mark = if changed.is_some_and(|files| !files.is_empty()) { "-dirty" } else { "" };
        let commit = told("git", &["describe", "--always", "--exclude=*"]).map(|commit| commit + mark);
        Ok(Machine {
            processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            instructions: known
                .iter()
                .filter(|name| flags.split(' ').any(|flag| flag == **name))
                .map(|name| name.to_string())
                .collect(),
            backend: Backend::detect()?.to_string(),
            memory_gb: kib.map(|kib| kib * 1024e-9),
            system: told("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.into()),
            date: told("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default(),
            rustc: told("rustc", &["--version"]).unwrap_or_default(),
            xnc: env!("CARGO_PKG_VERSION").into(),
            commit: commit.unwrap_or_default(),
        })
    }
}
