//! Numbers as people read them, and the size of this process.

/// An extent such as `49152 x 576`.
pub fn shape(axes: &[u64]) -> String {
    if axes.is_empty() {
        return "scalar".into();
    }
    axes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// `1 tensor`, `2 tensors`.
pub fn tensors(n: usize) -> String {
    format!("{n} tensor{}", if n == 1 { "" } else { "s" })
}

/// The largest resident size this process had, as the system counts it; none where it does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    // Not `getrusage`: there a process inherits the peak of the one that started it.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
