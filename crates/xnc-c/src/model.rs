//! Files that are open: handles that hand out tables.

use std::ffi::{CString, OsStr, c_char, c_void};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::memory::{self, Place, lent, text};
use crate::status::{Failure, Status, call, value};
use crate::table::Table;

/// An open model file, compressed or plain.
pub struct Model {
    model: xnc::Model,
    /// Of its tables, as C spells them.
    names: Vec<CString>,
}

/// Called once, when the library needs some bytes no more, with what was passed along with them; on the thread
/// that freed the last handle to them. It must not throw.
pub type Release = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// The length of a part of a file that goes on to the file's end.
pub const XNC_TO_END: u64 = u64::MAX;

/// Opens a file: .safetensors or .gguf, compressed by XNC or plain. It is mapped, and little of it is read.
///
/// `path` is lent for the call: bytes as the system has them, on Windows UTF-8. `*model` is the caller's, who
/// frees it with xnc_model_free(). The file must keep its length while a handle to it or to one of its tables
/// lives: where another program cuts it, reading beyond its end raises SIGBUS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_open(path: *const c_char, model: *mut *mut Model) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (place, path) = unsafe { (Place::new("model", model)?, text("path", path)?) };
        place.put(Model::new(xnc::Model::open(os_text(path.to_bytes())?)?));
        Ok(())
    })
}

/// Opens a part of a file that is open already, such as a model stored in an archive: `length` bytes from
/// `offset` on, XNC_TO_END for all that follow.
///
/// `descriptor` is a file descriptor, on Windows a HANDLE. It stays the caller's, and may be closed after the
/// call; where it stands in the file does not matter and does not change. The rest is as for xnc_model_open().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_open_descriptor(
    descriptor: isize,
    offset: u64,
    length: u64,
    model: *mut *mut Model,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let place = unsafe { Place::new("model", model)? };
        let file = file_of(descriptor).map_err(|e| xnc::Error::Io { path: PathBuf::new(), cause: e })?;
        let length = (length != XNC_TO_END).then_some(length);
        place.put(Model::new(xnc::Model::open_part(&file, offset, length)?));
        Ok(())
    })
}

/// Opens a file that is in memory; nothing is copied.
///
/// `bytes` are lent for longer than the call: they must stay, and stay the same, until the library calls
/// `release` with `context`, which it does when this model and the last of its tables are freed. `release` may be
/// NULL: then the caller knows when that is. After a failure the bytes are the caller's at once, and `release`
/// is not called. `*model` is the caller's, who frees it with xnc_model_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_open_bytes(
    bytes: *const c_void,
    length: usize,
    release: Release,
    context: *mut c_void,
    model: *mut *mut Model,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers; the slice lives until `release` is called.
        let (place, bytes) =
            unsafe { (Place::new("model", model)?, memory::input("bytes", bytes.cast::<u8>(), length)?) };
        let taken = Arc::new(AtomicBool::new(false));
        let lent = Lent { bytes, release, context, taken: Arc::clone(&taken) };
        let opened = Model::new(xnc::Model::from_bytes(lent)?);
        taken.store(true, Ordering::Release);
        place.put(opened);
        Ok(())
    })
}

/// Frees a model; NULL is none. Tables that came from it go on to work, and keep its file mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_free(model: *mut Model) {
    value((), || {
        // SAFETY: as the header asks of callers.
        unsafe { memory::free(model) };
        Ok(())
    });
}

/// Number of tables: compressed tensors, then plain 16-bit ones of two dimensions. 0 when `model` is NULL, which
/// xnc_last_error() tells.
///
/// A table whose name holds a zero byte cannot be named in C, and is not among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_table_count(model: *const Model) -> usize {
    // SAFETY: as the header asks of callers.
    value(0, || Ok(unsafe { lent("model", model)? }.names.len()))
}

/// Name of a table, of xnc_model_table_count(): UTF-8, the model's, and there until the model is freed. NULL
/// after a failure, which xnc_last_error() tells.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_table_name(model: *const Model, index: usize) -> *const c_char {
    value(std::ptr::null(), || {
        // SAFETY: as the header asks of callers.
        let names = &unsafe { lent("model", model)? }.names;
        let past = || Failure::new(Status::Range, format!("no table {index}: there are {}", names.len()));
        Ok(names.get(index).ok_or_else(past)?.as_ptr())
    })
}

/// Opens a table by its name.
///
/// `name` is lent for the call. `*table` is the caller's, who frees it with xnc_table_free(), before or after the
/// model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_model_table(
    model: *const Model,
    name: *const c_char,
    table: *mut *mut Table,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (place, model, name) =
            unsafe { (Place::new("table", table)?, lent("model", model)?, text("name", name)?) };
        let name = name.to_str().map_err(|_| Failure::argument("`name` is not UTF-8"))?;
        place.put(Table(model.model.table(name)?));
        Ok(())
    })
}

impl Model {
    fn new(model: xnc::Model) -> Model {
        let names = model.tables().into_iter().filter_map(|name| CString::new(name).ok()).collect();
        Model { model, names }
    }
}

/// Bytes that the caller keeps until they are released.
struct Lent {
    bytes: &'static [u8],
    release: Release,
    context: *mut c_void,
    /// Whether the model was opened; before, the bytes are still the caller's.
    taken: Arc<AtomicBool>,
}

// SAFETY: the bytes are only read, and the header says that `release` is called on any thread.
unsafe impl Send for Lent {}
// SAFETY: as above; what is shared is only read.
unsafe impl Sync for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(release) = self.release.filter(|_| self.taken.load(Ordering::Acquire)) {
            // SAFETY: the caller passed the two together, and this is the one call.
            unsafe { release(self.context) }
        }
    }
}

#[cfg(unix)]
pub(crate) fn os_text(bytes: &[u8]) -> Result<&OsStr, Failure> {
    Ok(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(crate) fn os_text(bytes: &[u8]) -> Result<&OsStr, Failure> {
    Ok(OsStr::new(std::str::from_utf8(bytes).map_err(|_| Failure::argument("`path` is not UTF-8"))?))
}

/// The caller's file under a descriptor of our own.
#[cfg(unix)]
fn file_of(descriptor: isize) -> io::Result<File> {
    let descriptor = i32::try_from(descriptor).ok().filter(|&descriptor| descriptor >= 0);
    let descriptor = descriptor.ok_or_else(|| io::Error::other("a file descriptor is not negative"))?;
    // SAFETY: it is not -1, and is used for one system call, which refuses one that is not open.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
    borrowed.try_clone_to_owned().map(File::from)
}

/// The caller's file under a handle of our own.
#[cfg(windows)]
fn file_of(descriptor: isize) -> io::Result<File> {
    // SAFETY: it is used for one system call, which refuses one that is not open.
    let borrowed =
        unsafe { std::os::windows::io::BorrowedHandle::borrow_raw(descriptor as *mut std::ffi::c_void) };
    borrowed.try_clone_to_owned().map(File::from)
}

#[cfg(not(any(unix, windows)))]
fn file_of(_: isize) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
