//! What the host's C structures look like.
//!
//! ggml promises no stable ABI for backends: it has a number, `GGML_BACKEND_API_VERSION`, and two layouts have
//! been published under one number. So each layout is a unit (a file) of its own, whose structures are filled by
//! field name, and a unit is chosen by ggml's version *and* the number. A host that no unit names is refused.

mod tensor;
mod v2;
mod v3;

use std::ffi::{c_char, c_int, c_void};

pub use tensor::{Tensor, Words};

/// A `ggml_backend_buffer`, whose fields the unit knows.
pub enum Buffer {}
/// A `ggml_backend_buffer_type`.
pub enum BufferType {}
/// A `ggml_backend`.
pub enum Backend {}
/// A `ggml_backend_device`.
pub enum Device {}
/// A `ggml_backend_reg`.
pub enum Registry {}
/// A `ggml_cgraph`, which only the host looks into.
pub enum Graph {}
/// A `ggml_backend_dev_props`.
pub enum Properties {}

/// `ggml_status`.
pub type Status = c_int;
/// The operation was done.
pub const SUCCESS: Status = 0;
/// The operation failed; the host reports it and goes on.
pub const FAILED: Status = -1;

/// `GGML_BACKEND_BUFFER_USAGE_WEIGHTS`.
pub const USAGE_WEIGHTS: c_int = 1;

/// `GGML_BACKEND_DEVICE_TYPE_ACCEL` from API 2 on. A GPU would take part in the split of layers; accelerators are
/// asked first for each weight that stays with the CPU.
pub const DEVICE_ACCEL: c_int = 3;

/// One layout of the host's structures.
pub struct Unit {
    /// `GGML_BACKEND_API_VERSION`.
    pub api: c_int,
    /// The first and the last version of ggml, major and minor, that have this layout.
    pub versions: [(u32, u32); 2],
    /// The versions as a person reads them.
    pub named: &'static str,
    /// Makes registry, device and buffer type: once, for the life of the process.
    pub register: fn() -> *mut Registry,
    /// A buffer of the host's own making with our functions; null when it has no memory.
    pub new_buffer: unsafe fn(*mut BufferType, *mut c_void, usize) -> *mut Buffer,
    /// What [`Unit::new_buffer`] was given.
    pub buffer_context: unsafe fn(*const Buffer) -> *mut c_void,
    /// A backend with our functions.
    pub new_backend: unsafe fn(*mut Device, *mut c_void) -> *mut Backend,
    /// What [`Unit::new_backend`] was given.
    pub backend_context: unsafe fn(*const Backend) -> *mut c_void,
    /// Gives back what [`Unit::new_backend`] made.
    pub free_backend: unsafe fn(*mut Backend),
    /// Fills in what the host asks of a device.
    pub properties: unsafe fn(*mut Properties, name: *const c_char, description: *const c_char),
}

/// All layouts, oldest first.
pub const UNITS: [&Unit; 2] = [&v2::UNIT, &v3::UNIT];

impl Unit {
    /// The unit for a host, if there is one.
    pub fn of(version: (u32, u32), api: c_int) -> Option<&'static Unit> {
        let fits =
            |unit: &&&Unit| unit.api == api && unit.versions[0] <= version && version <= unit.versions[1];
        UNITS.iter().find(fits).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_chosen_by_version_and_number() {
        let of = |major, minor, api| Unit::of((major, minor), api).map(|unit| unit.named);
        assert_eq!(of(0, 25, 2), Some(v2::UNIT.named));
        assert_eq!(of(0, 27, 3), Some(v3::UNIT.named));
        // The version says one layout, the number another: neither is believed.
        assert_eq!((of(0, 25, 3), of(0, 27, 2)), (None, None));
        assert_eq!((of(0, 9, 2), of(0, 28, 3), of(1, 25, 2), of(0, 25, 1)), (None, None, None, None));
    }
}
