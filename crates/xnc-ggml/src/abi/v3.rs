//! Backend API 3: ggml 0.26 and 0.27. The buffer type has two functions more; all else is as in API 2.

use std::ffi::c_char;

use super::{Buffer, BufferType, Unit, v2};
use crate::{buffer, device};

pub const UNIT: Unit = Unit {
    api: 3,
    versions: [(0, 26), (0, 27)],
    named: "0.26 and 0.27 (API 3)",
    register: || v2::register(3, &BUFFER_TYPE),
    ..v2::UNIT
};

/// A function that this backend leaves out.
type No = Option<unsafe extern "C" fn()>;

#[repr(C)]
#[derive(Clone, Copy)]
struct BufferTypeI {
    get_name: unsafe extern "C" fn(*mut BufferType) -> *const c_char,
    alloc_buffer: unsafe extern "C" fn(*mut BufferType, usize) -> *mut Buffer,
    alloc_buffer_n: No,
    get_alignment: unsafe extern "C" fn(*mut BufferType) -> usize,
    get_max_size: No,
    get_alloc_size: No,
    get_alloc_size_n: No,
    is_host: unsafe extern "C" fn(*mut BufferType) -> bool,
}

const BUFFER_TYPE: BufferTypeI = BufferTypeI {
    get_name: device::name_of_type,
    alloc_buffer: buffer::allocate,
    alloc_buffer_n: None,
    get_alignment: buffer::alignment,
    get_max_size: None,
    get_alloc_size: None,
    get_alloc_size_n: None,
    is_host: buffer::is_host,
};
