//! Numbers as people read them.

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

/// How many times smaller something is.
pub fn ratio(times: f64) -> String {
    format!("{times:.3}x")
}

/// Three digits that count, without an exponent.
pub fn three(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size => (2 - size.log10().floor() as i32).clamp(0, 6) as usize,
    };
    format!("{value:.digits$}")
}

/// Seconds with a unit that fits.
pub fn seconds(value: f64) -> String {
    match value {
        s if s >= 1.0 => format!("{} s", three(s)),
        s if s >= 1e-3 => format!("{} ms", three(1e3 * s)),
        s if s >= 1e-6 => format!("{} µs", three(1e6 * s)),
        s => format!("{} ns", three(1e9 * s)),
    }
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

    #[test]
    fn three_digits_count() {
        assert_eq!(
            [0.0, 0.00123, 0.5, 1.2345, 12.345, 1234.5].map(three),
            ["0", "0.00123", "0.500", "1.23", "12.3", "1234"]
        );
        assert_eq!([2.5, 0.0025, 2.5e-6, 2.5e-7].map(seconds), ["2.50 s", "2.50 ms", "2.50 µs", "250 ns"]);
    }
}
