//! Asking for memory before it is read.
// Portable loops ask for nothing.
#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a loop over coded rows asks for what it will read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How far ahead.
    pub bytes: usize,
    /// Into the second-level cache only.
    pub second: bool,
}

/// Measured (Zen 5): from 6 to 10 KiB on all is the same; 3 and 16 KiB are a twentieth slower.
const USUAL: Plan = Plan { bytes: 8 * 1024, second: false };

/// Zen 4 takes up to 1.7 times as long where lines are asked for into its first cache; on Zen 5 it is the other way
/// round, by a tenth.
#[cfg(target_arch = "x86_64")]
const ZEN_4: Plan = Plan { bytes: 8 * 1024, second: true };

/// Measured on a server with 480 MB of cache, behind which memory is far: 22 ms where [`USUAL`] takes 28. On one with
/// 260 MB both are the same.
#[cfg(target_arch = "x86_64")]
const INTEL: Plan = Plan { bytes: 16 * 1024, second: true };

/// Twice the bytes of the plan that was pinned, and 1 where it is for the second level; 0 where none was.
static PINNED: AtomicUsize = AtomicUsize::new(0);

impl Plan {
    /// The plan that was pinned, or what suits this machine's family of processors.
    pub fn of_machine() -> Plan {
        // Asked once: in a virtual machine the question takes microseconds.
        static SUITS: OnceLock<Plan> = OnceLock::new();
        match PINNED.load(Ordering::Relaxed) {
            0 => *SUITS.get_or_init(suits),
            pinned => Plan { bytes: pinned / 2, second: pinned % 2 == 1 },
        }
    }

    /// Asks for the lines of a row that is to be looked up, into the cache that suits this machine.
    pub fn ask_for_row(self, row: &[u8]) {
        for line in (0..row.len()).step_by(64) {
            self.ask_for_line(row.as_ptr().wrapping_add(line));
        }
    }

    /// As [`Plan::ask_for_row`], for the line in which a byte would lie, be it there or not.
    #[inline]
    pub fn ask_for_line(self, at: *const u8) {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if self.second {
            return prefetch_second(at);
        }
        prefetch_line(at);
    }

    /// Takes this plan from now on: one of some bytes.
    pub fn pin(self) {
        PINNED.store(2 * self.bytes + usize::from(self.second), Ordering::Relaxed);
    }
}

/// What suits this machine's family of processors.
fn suits() -> Plan {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::__cpuid;
        let vendor = __cpuid(0);
        let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        let signature = __cpuid(1).eax;
        let family = (signature >> 8 & 15) + (signature >> 20 & 255);
        let model = signature >> 4 & 15 | signature >> 12 & 0xf0;
        match vendor.as_flattened() {
            b"AuthenticAMD" if family == 0x19 && matches!(model, 0x10..=0x1f | 0x60..=0x7f | 0xa0..=0xaf) => {
                ZEN_4
            }
            b"GenuineIntel" => INTEL,
            _ => USUAL,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    USUAL
}

/// Asks the machine for the cache lines of `values`, to be there when they are read. Changes nothing.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    for line in (0..size_of_val(values)).step_by(64) {
        prefetch_line(values.as_ptr().cast::<u8>().wrapping_add(line));
    }
}

/// As [`prefetch`], of the line in which a byte would lie, be it there or not.
#[inline]
pub fn prefetch_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 machine has the instruction, and a prefetch reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) at, options(nomem, nostack, preserves_flags));
    }
    // Stable Rust has no such instruction of other machines.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// As [`prefetch_line`], into the second-level cache.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline]
fn prefetch_second(at: *const u8) {
    // SAFETY: as above.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) at, options(nomem, nostack, preserves_flags));
    }
}

/// Lines to ask for one after another, in the order in which they lie.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub struct Lines {
    /// The next one.
    pub next: *const u8,
    /// As in [`Plan`].
    pub second: bool,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Lines {
    /// As far ahead of byte `at` of `bytes` as the plan says, be it behind their end.
    #[inline]
    pub fn from(plan: Plan, bytes: &[u8], at: usize) -> Lines {
        let at = bytes.as_ptr().wrapping_add(at + plan.bytes);
        Lines { next: at.wrapping_sub(at.addr() % 64), second: plan.second }
    }

    /// Asks for the next lines.
    #[inline]
    pub fn ask<const LINES: usize>(&mut self) {
        for i in 0..LINES {
            let line = self.next.wrapping_add(64 * i);
            if self.second { prefetch_second(line) } else { prefetch_line(line) }
        }
        self.next = self.next.wrapping_add(64 * LINES);
    }
}

/// Lines that a row takes, asked for between the groups of another row: two at a time, for many at once would stand in
/// each other's way, and so soon that a group of no codec takes more.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub struct Share {
    next: *const u8,
    end: *const u8,
    second: bool,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Share {
    /// Those in which some bytes lie, be they there or not.
    #[inline]
    pub fn new(from: *const u8, bytes: usize, second: bool) -> Share {
        Share { next: from.wrapping_sub(from.addr() % 64), end: from.wrapping_add(bytes), second }
    }

    /// Asks for the next ones.
    #[inline]
    pub fn ask(&mut self) {
        for _ in 0..2 {
            if self.next < self.end {
                if self.second {
                    prefetch_second(self.next)
                } else {
                    prefetch_line(self.next)
                }
                self.next = self.next.wrapping_add(64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_pinned_counts() {
        let before = Plan::of_machine();
        for plan in [Plan { bytes: 4096, second: true }, Plan { bytes: 64, second: false }, before] {
            plan.pin();
            assert_eq!(Plan::of_machine(), plan);
        }
    }
}
