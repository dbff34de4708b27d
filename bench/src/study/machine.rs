//! Where and when something was measured.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xnc::Backend;

use crate::sources;

/// A machine, a day, and versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Processors that the system gives.
    pub processors: usize,
    /// Cores of a processor package, where the system tells.
    #[serde(default)]
    pub cores: Option<u64>,
    /// Bytes of the last cache that cores share, where the system tells.
    #[serde(default)]
    pub l3_bytes: Option<u64>,
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
    /// Hash of the sources that were measured, see [`crate::sources`]; empty where older results do not tell.
    #[serde(default)]
    pub sources: String,
}

/// The name, and the family and model that tell processors apart whose name a hypervisor cuts short.
fn processor(name: Option<String>, family: Option<String>, model: Option<String>) -> String {
    match (name, family, model) {
        (Some(name), Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        (name, ..) => name.unwrap_or_else(|| std::env::consts::ARCH.into()),
    }
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
        let changed = told(
            "git",
            &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results.*", ":!docs/*.svg"],
        );
        let mark = if changed.is_some_and(|files| !files.is_empty()) { "-dirty" } else { "" };
        let commit = told("git", &["describe", "--always", "--exclude=*"]).map(|commit| commit + mark);
        Ok(Machine {
            processor: processor(field("model name"), field("cpu family"), field("model\t")),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            cores: field("cpu cores").and_then(|cores| cores.parse().ok()),
            l3_bytes: l3_bytes(),
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
            sources: sources::hash()?,
        })
    }

    /// Whether figures of both may stand side by side: one processor, one state of the code.
    pub fn agrees(&self, other: &Machine) -> bool {
        fn about(one: &Machine) -> [&str; 5] {
            [&one.processor, &one.backend, &one.commit, &one.sources, &one.rustc]
        }
        about(self) == about(other) && self.processors == other.processors
    }

    /// The processor as a reader wants it: model, cores, the last cache.
    pub fn told(&self) -> String {
        let cores = self.cores.map_or(String::new(), |cores| format!("{cores} cores, "));
        let l3 = self.l3_bytes.map_or("L3 unknown".into(), |bytes| format!("{} MiB of L3", bytes >> 20));
        format!("{}, {} processors ({cores}{l3})", self.processor, self.processors)
    }
}

/// What the system says of the first processor's third cache.
fn l3_bytes() -> Option<u64> {
    let size = fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").ok()?;
    let (digits, unit) = size.trim().split_at(size.trim().find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()? << shift)
}
