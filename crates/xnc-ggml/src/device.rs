//! The registry and its one device: what the host asks before it uses anything.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::{
    Backend, Buffer, BufferType, DEVICE_ACCEL, Device, Properties, Registry, Tensor, USAGE_WEIGHTS,
};
use crate::backend;
use crate::host::host;

/// Name of registry, device, backend and buffer type: what `-ot token_embd.weight=XNC` names.
pub const NAME: &CStr = c"XNC";
const DESCRIPTION: &CStr = c"16-bit tables, compressed without loss";

/// Tables that are taken without being asked for by `-ot`.
const TABLES: [&str; 3] = ["token_embd.weight", "output.weight", "per_layer_token_embd.weight"];

static DEVICE: AtomicPtr<Device> = AtomicPtr::new(std::ptr::null_mut());
static BUFFER_TYPE: AtomicPtr<BufferType> = AtomicPtr::new(std::ptr::null_mut());

/// The unit has made these.
pub fn made(device: *mut Device, buft: *mut BufferType) {
    DEVICE.store(device, Ordering::Release);
    BUFFER_TYPE.store(buft, Ordering::Release);
}

/// Whether a buffer is of our type.
pub fn is_ours(buffer: *const Buffer) -> bool {
    // SAFETY: a buffer of the host, which knows its type; null is not handed on.
    !buffer.is_null() && unsafe { (host().buffer_type_of)(buffer) } == BUFFER_TYPE.load(Ordering::Acquire)
}

/// Whether a buffer of ours holds weights: only these are compressed. Activations may land in ours, too.
pub fn holds_weights(buffer: *const Buffer) -> bool {
    // SAFETY: as above.
    !buffer.is_null() && unsafe { (host().buffer_usage)(buffer) } == USAGE_WEIGHTS
}

/// A weight that lies in a buffer of ours, or may. Without `-ot`, llama.cpp asks for every weight whether we
/// would multiply it, and lets it lie for the question in an empty buffer of ours that is not one of weights.
/// So nothing here may look into a buffer.
fn is_table(weight: &Tensor) -> bool {
    let placed = || holds_weights(weight.buffer) || TABLES.contains(&&weight.name()[..]);
    !weight.is_view() && weight.words().is_some() && is_ours(weight.buffer) && placed()
}

pub unsafe extern "C" fn supports(_: *mut Device, operation: *const Tensor) -> bool {
    // SAFETY: the host asks about a tensor.
    let operation = unsafe { &*operation };
    let is = &host().operations;
    if is.idle.contains(&operation.op) {
        return true;
    }
    let (Some(weight), Some(other)) = (operation.source(0), operation.source(1)) else { return false };
    let Some(words) = weight.words() else { return false };
    let fits = if operation.op == is.get_rows {
        other.row_numbers().is_some()
    } else {
        operation.op == is.mul_mat && other.vectors(words.dim).is_some()
    };
    fits && is_table(weight)
}

pub unsafe extern "C" fn supports_type(_: *mut Device, buft: *mut BufferType) -> bool {
    // SAFETY: a buffer type of the host's.
    buft == BUFFER_TYPE.load(Ordering::Acquire) || unsafe { (host().type_is_host)(buft) }
}

pub unsafe extern "C" fn name_of_type(_: *mut BufferType) -> *const c_char {
    NAME.as_ptr()
}

pub unsafe extern "C" fn name(_: *mut Device) -> *const c_char {
    NAME.as_ptr()
}

pub unsafe extern "C" fn description(_: *mut Device) -> *const c_char {
    DESCRIPTION.as_ptr()
}

/// None to report: tables lie in the system's memory.
pub unsafe extern "C" fn memory(_: *mut Device, free: *mut usize, total: *mut usize) {
    // SAFETY: the host gives room for two numbers.
    unsafe { (*free, *total) = (0, 0) };
}

pub unsafe extern "C" fn kind(_: *mut Device) -> c_int {
    DEVICE_ACCEL
}

pub unsafe extern "C" fn properties(_: *mut Device, properties: *mut Properties) {
    // SAFETY: the host gives room for its structure.
    unsafe { (host().unit.properties)(properties, NAME.as_ptr(), DESCRIPTION.as_ptr()) };
}

pub unsafe extern "C" fn buffer_type(_: *mut Device) -> *mut BufferType {
    BUFFER_TYPE.load(Ordering::Acquire)
}

pub unsafe extern "C" fn name_of_registry(_: *mut Registry) -> *const c_char {
    NAME.as_ptr()
}

pub unsafe extern "C" fn count(_: *mut Registry) -> usize {
    1
}

pub unsafe extern "C" fn at(_: *mut Registry, _: usize) -> *mut Device {
    DEVICE.load(Ordering::Acquire)
}

/// Functions beside the interface: the host tells how many threads it has.
pub unsafe extern "C" fn procedure(_: *mut Registry, name: *const c_char) -> *mut c_void {
    let set: unsafe extern "C" fn(*mut Backend, c_int) = backend::set_threads;
    // SAFETY: the host asks with a string.
    match unsafe { CStr::from_ptr(name) } == c"ggml_backend_set_n_threads" {
        true => set as *mut c_void,
        false => std::ptr::null_mut(),
    }
}
