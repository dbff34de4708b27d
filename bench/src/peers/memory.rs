//! Memory of this process, as Linux counts it. Elsewhere there is nothing to report.

use std::fs;

/// A point from which memory is counted.
pub struct Memory {
    before: Option<u64>,
}

impl Memory {
    /// Forgets earlier peaks.
    pub fn start() -> Memory {
        let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
        Memory { before: reset.then(|| field("VmRSS:")).flatten() }
    }

    /// Most bytes held since then, beyond those held at that time.
    pub fn extra(&self) -> Option<u64> {
        Some(field("VmHWM:")?.saturating_sub(self.before?))
    }
}

fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}
