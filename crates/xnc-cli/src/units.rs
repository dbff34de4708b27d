//! Numbers as people read them, and the size of this process.

use xnc_page::number::percent;

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
    status("VmHWM:")
}

/// The resident size that this process has now.
pub fn rss_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// `1 table`, `2 tables`.
pub fn tables(n: usize) -> String {
    format!("{n} table{}", if n == 1 { "" } else { "s" })
}

/// What a file's new size means beside its old one. A file that grew saves nothing.
pub fn change(before: u64, after: u64) -> String {
    let share = |part: u64| percent(part as f64 / before.max(1) as f64);
    if after <= before {
        format!("{} saved", share(before - after))
    } else {
        format!("{} larger", share(after - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_no_saving() {
        let cases = [(100, 75, "25.00 % saved"), (100, 128, "28.00 % larger"), (100, 100, "0.00 % saved")];
        for (before, after, expected) in cases.into_iter().chain([(0, 0, "0.00 % saved")]) {
            assert_eq!(change(before, after), expected);
        }
    }
}
