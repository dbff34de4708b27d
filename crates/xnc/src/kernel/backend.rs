//! The instruction set a kernel runs on, as a value.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that this machine has. Only detection makes one, so holding it is proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(pub(super) Isa);

/// The instruction sets that kernels are written for, slowest first. Each `match` on one names every variant,
/// so that the compiler finds all operations that a new one lacks.
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

/// A pinned backend that this machine does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend {
    /// The name that was asked for.
    pub name: String,
    /// Names of those that the machine has, slowest first.
    pub available: Vec<&'static str>,
}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no backend {:?}: this machine has {}", self.name, self.available.join(", "))
    }
}

impl std::error::Error for UnknownBackend {}

impl Backend {
    /// Environment variable that pins what [`Backend::detect`] returns.
    pub const PIN: &str = "XNC_BACKEND";

    /// Portable code; on every machine.
    pub const SCALAR: Backend = Backend(Isa::Scalar);

    /// Every backend of this machine, slowest first.
    pub fn available() -> Vec<Backend> {
        std::iter::once(Isa::Scalar).chain(detected()).map(Backend).collect()
    }

    /// The backend that the environment variable [`Backend::PIN`] names; where it is not set or empty, the
    /// fastest. Reads the variable at each call: what is to stay on one backend keeps the value.
    ///
    /// # Errors
    /// [`UnknownBackend`] where the variable names one that this machine does not have.
    pub fn detect() -> Result<Backend, UnknownBackend> {
        match std::env::var_os(Self::PIN) {
            Some(name) if !name.is_empty() => Backend::from_name(&name.to_string_lossy()),
            _ => Ok(Backend::best()),
        }
    }

    /// The fastest backend of this machine. No pin is read: [`Backend::detect`] does that.
    pub fn best() -> Backend {
        static BEST: OnceLock<Backend> = OnceLock::new();
        *BEST.get_or_init(|| {
            let all = Backend::available();
            all[all.len() - 1]
        })
    }

    /// The backend of a name.
    ///
    /// # Errors
    /// [`UnknownBackend`] where this machine has none of that name.
    pub fn from_name(name: &str) -> Result<Backend, UnknownBackend> {
        let all = Backend::available();
        all.iter().find(|backend| backend.name() == name).copied().ok_or_else(|| UnknownBackend {
            name: name.into(),
            available: all.iter().map(|backend| backend.name()).collect(),
        })
    }

    /// `scalar`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
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
    pub fn every_kind() -> Vec<Backend> {
        let kinds = |backend: Backend| match backend.0 {
            Isa::Scalar => vec![backend],
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => vec![backend],
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => vec![Backend(Isa::Avx512 { bf16: false }), backend],
        };
        Backend::available().into_iter().flat_map(kinds).collect()
    }
}

/// Instruction sets of this machine beside the portable one, slowest first.
#[cfg(target_arch = "x86_64")]
fn detected() -> Vec<Isa> {
    macro_rules! has { ($($feature:tt),*) => { true $(&& is_x86_feature_detected!($feature))* } }
    if !has!("avx2", "bmi1", "bmi2", "fma", "f16c", "lzcnt", "popcnt") {
        return Vec::new();
    }
    if !has!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512vbmi2", "avx512vnni") {
        return vec![Isa::Avx2];
    }
    vec![Isa::Avx2, Isa::Avx512 { bf16: has!("avx512bf16") }]
}

/// No loops are written for other machines yet.
#[cfg(not(target_arch = "x86_64"))]
fn detected() -> [Isa; 0] {
    []
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_backends() {
        for backend in Backend::available() {
            assert_eq!(Backend::from_name(backend.name()), Ok(backend));
        }
        assert_eq!(Backend::available().last(), Some(&Backend::best()));
    }

    #[test]
    fn a_name_that_the_machine_lacks_is_an_error_that_tells_the_others() {
        let error = Backend::from_name("avx1024").expect_err("no such backend");
        assert_eq!((error.name.as_str(), error.available[0]), ("avx1024", "scalar"));
        assert!(error.to_string().contains("\"avx1024\"") && error.to_string().contains("scalar"));
    }
}
