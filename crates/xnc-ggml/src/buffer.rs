//! Buffers of our type: memory that is reserved, and tables that are held compressed instead of lying in it.

use std::ffi::c_void;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use crate::abi::{Buffer, BufferType, Tensor};
use crate::device::holds_weights;
use crate::guard::guard;
use crate::host::host;
use crate::place::Place;

/// What begins on a line of the cache.
const ALIGNMENT: usize = 64;

/// The place of a buffer.
///
/// # Safety
/// A buffer that [`allocate`] made and that was not freed.
unsafe fn place<'a>(buffer: *const Buffer) -> &'a Place {
    // SAFETY: the context of such a buffer is a place, until the buffer is freed.
    unsafe { &*(host().unit.buffer_context)(buffer).cast::<Place>() }
}

/// The place that a tensor of ours lies in.
pub fn place_of(tensor: &Tensor) -> Option<&Place> {
    let buffer = tensor.base().buffer;
    // SAFETY: a buffer of our type with a tensor in it has a place.
    (crate::device::is_ours(buffer) && !tensor.data.is_null()).then(|| unsafe { place(buffer) })
}

pub unsafe extern "C" fn allocate(buft: *mut BufferType, size: usize) -> *mut Buffer {
    guard("allocate memory", std::ptr::null_mut(), || {
        let context = Box::into_raw(Box::new(Place::reserve(size)?));
        // SAFETY: the unit is the host's, and the context is what `place` expects.
        let buffer = unsafe { (host().unit.new_buffer)(buft, context.cast(), size) };
        if buffer.is_null() {
            // SAFETY: nobody has it.
            drop(unsafe { Box::from_raw(context) });
        }
        Ok(buffer)
    })
}

pub unsafe extern "C" fn free(buffer: *mut Buffer) {
    // SAFETY: what `allocate` made; the host deletes its own structure and calls nothing of it any more.
    drop(unsafe { Box::from_raw((host().unit.buffer_context)(buffer).cast::<Place>()) });
}

pub unsafe extern "C" fn base(buffer: *mut Buffer) -> *mut c_void {
    // SAFETY: a buffer of ours.
    unsafe { place(buffer) }.base()
}

pub unsafe extern "C" fn alignment(_: *mut BufferType) -> usize {
    ALIGNMENT
}

/// Not memory as the host knows it, so the host never goes around the functions below, and uploads whole tensors.
pub unsafe extern "C" fn is_host(_: *mut BufferType) -> bool {
    false
}

pub unsafe extern "C" fn set_tensor(
    buffer: *mut Buffer,
    tensor: *mut Tensor,
    data: *const c_void,
    offset: usize,
    size: usize,
) {
    guard("take a tensor", (), || {
        // SAFETY: a tensor of this buffer, and as many bytes as are said.
        let (place, tensor) = unsafe { (place(buffer), &*tensor) };
        // SAFETY: as above.
        let bytes = unsafe { from_raw_parts(data.cast::<u8>(), size) };
        let table = tensor.words().filter(|words| {
            offset == 0 && size == words.bytes() && !tensor.is_view() && holds_weights(buffer)
        });
        match table {
            Some(words) => place.hold(tensor, words, bytes),
            None => place.write(tensor, offset, bytes),
        }
    });
}

pub unsafe extern "C" fn get_tensor(
    buffer: *mut Buffer,
    tensor: *const Tensor,
    data: *mut c_void,
    offset: usize,
    size: usize,
) {
    // SAFETY: room for as many bytes as are said.
    let out = unsafe { from_raw_parts_mut(data.cast::<u8>(), size) };
    guard("give a tensor", (), || {
        // SAFETY: a tensor of this buffer.
        let (place, tensor) = unsafe { (place(buffer), &*tensor) };
        place.read(tensor, offset, out)
    });
}

pub unsafe extern "C" fn fill_tensor(
    buffer: *mut Buffer,
    tensor: *mut Tensor,
    value: u8,
    offset: usize,
    size: usize,
) {
    guard("fill a tensor", (), || {
        // SAFETY: a tensor of this buffer.
        let (place, tensor) = unsafe { (place(buffer), &*tensor) };
        place.fill(tensor, offset, size, value)
    });
}

pub unsafe extern "C" fn clear(buffer: *mut Buffer, value: u8) {
    // SAFETY: a buffer of ours.
    guard("clear a buffer", (), || unsafe { place(buffer) }.clear(value));
}
