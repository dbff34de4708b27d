//! What C hands over, refused where it can be seen to be wrong: null, not aligned, longer than memory can be,
//! lying in a buffer that is written.

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::slice;

use crate::status::Failure;

/// A handle or structure that the caller lends.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to a `T` for the time of the call.
pub unsafe fn lent<'a, T>(name: &str, pointer: *const T) -> Result<&'a T, Failure> {
    let pointer = aligned(name, pointer.cast_mut())?;
    // SAFETY: it is not null and aligned; the rest is the caller's promise.
    Ok(unsafe { pointer.as_ref() })
}

/// A text that the caller lends.
///
/// # Safety
/// A pointer that is not null points to bytes that end with a zero.
pub unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a CStr, Failure> {
    let pointer = aligned(name, pointer.cast_mut())?;
    // SAFETY: it is not null; the rest is the caller's promise.
    Ok(unsafe { CStr::from_ptr(pointer.as_ptr()) })
}

/// Elements that the caller lends to be read. Null will do where there are none.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to `length` elements, which nobody writes during the call.
pub unsafe fn input<'a, T: Number>(name: &str, pointer: *const T, length: usize) -> Result<&'a [T], Failure> {
    let pointer = elements(name, pointer.cast_mut(), length)?;
    // SAFETY: it is not null, aligned, and no longer than a slice can be; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(pointer.as_ptr(), length) })
}

/// Elements that the caller lends to be written. Null will do where there are none.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to `length` elements, which nobody else uses during the
/// call. What they hold does not matter: every pattern of bits is a number.
pub unsafe fn output<'a, T: Number>(
    name: &str,
    pointer: *mut T,
    length: usize,
) -> Result<&'a mut [T], Failure> {
    let pointer = elements(name, pointer, length)?;
    // SAFETY: as in `input`.
    Ok(unsafe { slice::from_raw_parts_mut(pointer.as_ptr(), length) })
}

/// Types of which every pattern of bits is a value.
pub trait Number: Copy {}

impl Number for u8 {}
impl Number for u16 {}
impl Number for usize {}
impl Number for f32 {}

/// Writes a structure that the caller lends, of `size` bytes as its header has it: at least as many as this one. What a
/// later header added becomes zero.
///
/// # Safety
/// A pointer that is neither null nor misaligned points to `size` bytes, which nobody else uses during the call.
pub unsafe fn tell<T>(name: &str, pointer: *mut T, size: usize, told: T) -> Result<(), Failure> {
    let pointer = aligned(name, pointer)?;
    if !(size_of::<T>()..=MOST).contains(&size) {
        let expected = size_of::<T>();
        return Err(
            xnc::Error::WrongLength { what: "`size`, the structure's,", found: size, expected }.into()
        );
    }
    // SAFETY: there are `size` bytes, aligned, and the structure takes no more.
    unsafe {
        pointer.cast::<u8>().write_bytes(0, size);
        pointer.write(told);
    }
    Ok(())
}

/// Bytes that no structure of an interface will ever have: who says so is wrong.
const MOST: usize = 4096;

/// Where the caller wants a new handle.
pub struct Place<T>(NonNull<*mut T>);

impl<T> Place<T> {
    /// # Safety
    /// A pointer that is neither null nor misaligned points to where a pointer can be written.
    pub unsafe fn new(name: &str, pointer: *mut *mut T) -> Result<Place<T>, Failure> {
        let place = aligned(name, pointer)?;
        // SAFETY: it is not null and aligned; the rest is the caller's promise.
        unsafe { place.write(std::ptr::null_mut()) };
        Ok(Place(place))
    }

    /// Hands a handle over to the caller.
    pub fn put(self, handle: T) {
        // SAFETY: as when it was made; it does not outlive the call.
        unsafe { self.0.write(Box::into_raw(Box::new(handle))) }
    }
}

/// Frees a handle; null is none.
///
/// # Safety
/// A pointer that is not null came out of [`Place::put`], and is not used again.
pub unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: it was a box, and it is the last use, as the caller promises.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// That a buffer to write has nothing in common with one to read.
pub fn apart<A, B>(
    (read_name, read, read_length): (&str, *const A, usize),
    (written_name, written, written_length): (&str, *mut B, usize),
) -> Result<(), Failure> {
    let (read, read_bytes) = (read.addr(), read_length.saturating_mul(size_of::<A>()));
    let (written, written_bytes) = (written.addr(), written_length.saturating_mul(size_of::<B>()));
    let ends_before = |first: usize, bytes, second| first.saturating_add(bytes) <= second;
    let empty = read_bytes == 0 || written_bytes == 0;
    if empty || ends_before(read, read_bytes, written) || ends_before(written, written_bytes, read) {
        return Ok(());
    }
    Err(Failure::argument(format!("`{read_name}` and `{written_name}` overlap")))
}

fn elements<T>(name: &str, pointer: *mut T, length: usize) -> Result<NonNull<T>, Failure> {
    if length == 0 {
        return Ok(NonNull::dangling());
    }
    let pointer = aligned(name, pointer)?;
    let bytes = length.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= isize::MAX as usize);
    if bytes.and_then(|bytes| pointer.addr().get().checked_add(bytes)).is_none() {
        return Err(Failure::argument(format!("`{name}` cannot have {length} elements: memory ends before")));
    }
    Ok(pointer)
}

fn aligned<T>(name: &str, pointer: *mut T) -> Result<NonNull<T>, Failure> {
    let pointer = NonNull::new(pointer).ok_or_else(|| Failure::argument(format!("`{name}` is null")))?;
    if !pointer.is_aligned() {
        return Err(Failure::argument(format!("`{name}` is not aligned to {} bytes", align_of::<T>())));
    }
    Ok(pointer)
}
