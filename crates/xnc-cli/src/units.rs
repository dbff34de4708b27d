//! Numbers as people read them, and the size of this process.

/// Bytes with a decimal unit, as disks and downloads are counted.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let (mut value, mut unit) = (n as f64 / 1000.0, 0);
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A share of 0 to 1 as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// An extent such as `49152 x 576`.
pub fn shape(axes: &[u64]) -> String {
    if axes.is_empty() {
        return "scalar".into();
    }
    axes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// The largest resident size this process had, as the system counts it; none where it does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    // Not `getrusage`: there a process inherits the peak of the one that started it.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short_and_never_1000() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_960), "1.0 MB");
        assert_eq!(bytes(335_544_320), "335.5 MB");
    }
}
