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
}

impl Backend {
    /// Portable code; on every machine.
    pub(crate) const SCALAR: Backend = Backend(Isa::Scalar);

    /// Every backend of this machine, slowest first.
    pub(crate) fn available() -> Vec<Backend> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))] // there is no other yet
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

    /// `scalar`, `avx2` or `avx512`.
    pub(crate) const fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => "avx512",
        }
    }

    /// Every backend of this machine, and those of a lesser machine that share a name with one of them: AVX-512
    /// without `vdpbf16ps` takes other loops.
    pub(crate) fn every_kind() -> Vec<Backend> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))] // as above
        let mut all = Backend::available();
        #[cfg(target_arch = "x86_64")]
        if all.contains(&Backend(Isa::Avx512 { bf16: true })) {
            all.insert(all.len() - 1, Backend(Isa::Avx512 { bf16: false }));
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
        Ok(())
    }
}
