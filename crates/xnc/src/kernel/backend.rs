//! The instruction set a kernel runs on, as a value.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that this machine has. Only detection makes one, so holding it is proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(pub(super) Isa);

/// The instruction sets that kernels are written for, slowest first. Each `match` on one names every variant, so that
/// the compiler finds all operations that a new one lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    Scalar,
    /// AVX2, BMI1, BMI2, FMA, F16C, LZCNT, POPCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// All of AVX2's, and AVX-512 F, BW, DQ, VL, VBMI, VBMI2, VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512 {
        /// `vdpbf16ps`.
        bf16: bool,
    },
    /// Advanced SIMD of 64-bit ARM, with which every machine of the kind has FMA and conversions from FP16.
    #[cfg(target_arch = "aarch64")]
    Neon {
        /// `bfmlalb` and `bfmlalt`.
        bf16: bool,
        /// `sdot` and `udot`.
        dotprod: bool,
    },
}

impl Backend {
    /// Portable code; on every machine.
    pub(crate) const SCALAR: Backend = Backend(Isa::Scalar);

    /// Every backend of this machine, slowest first.
    pub(crate) fn available() -> Vec<Backend> {
        // Elsewhere there is no other yet.
        #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(unused_mut))]
        let mut all = vec![Backend::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            macro_rules! has { ($($feature:tt),*) => { true $(&& is_x86_feature_detected!($feature))* } }
            if has!("avx2", "bmi1", "bmi2", "fma", "f16c", "lzcnt", "popcnt") {
                all.push(Backend(Isa::Avx2));
                if has!(
                    "avx512f",
                    "avx512bw",
                    "avx512dq",
                    "avx512vl",
                    "avx512vbmi",
                    "avx512vbmi2",
                    "avx512vnni"
                ) {
                    let bf16 = has!("avx512bf16");
                    all.push(Backend(Isa::Avx512 { bf16 }));
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected as has;
            if has!("neon") {
                all.push(Backend(Isa::Neon { bf16: has!("bf16"), dotprod: has!("dotprod") }));
            }
        }
        all
    }

    /// The fastest backend of this machine. No pin is read: [`Backend::detect`] does that.
    pub(crate) fn best() -> Backend {
        static BEST: OnceLock<Backend> = OnceLock::new();
        *BEST.get_or_init(|| {
            let all = Backend::available();
            all[all.len() - 1]
        })
    }

    /// `scalar`, `avx2`, `avx512` or `neon`.
    pub(crate) const fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => "avx512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => "neon",
        }
    }

    /// Every backend of this machine, and those of a lesser machine that share a name with one of them: AVX-512
    /// without `vdpbf16ps`, and NEON without one of its extensions, take other loops.
    pub(crate) fn every_kind() -> Vec<Backend> {
        // As above.
        #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(unused_mut))]
        let mut all = Backend::available();
        #[cfg(target_arch = "x86_64")]
        if all.contains(&Backend(Isa::Avx512 { bf16: true })) {
            all.insert(all.len() - 1, Backend(Isa::Avx512 { bf16: false }));
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(&best @ Backend(Isa::Neon { bf16, dotprod })) = all.last() {
            let lesser =
                [Isa::Neon { bf16: false, dotprod }, Isa::Neon { bf16, dotprod: false }].map(Backend);
            all.splice(all.len() - 1..all.len() - 1, lesser.into_iter().filter(|lesser| *lesser != best));
        }
        all
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        #[cfg(target_arch = "x86_64")]
        if self.0 == (Isa::Avx512 { bf16: false }) {
            f.write_str(" without vdpbf16ps")?;
        }
        #[cfg(target_arch = "aarch64")]
        if let Isa::Neon { bf16, dotprod } = self.0 {
            for (_, name) in [(bf16, "bf16"), (dotprod, "dotprod")].into_iter().filter(|(has, _)| !has) {
                write!(f, " without {name}")?;
            }
        }
        Ok(())
    }
}
