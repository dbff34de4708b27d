//! How a call ends: with a status, and with a message that the calling thread can ask for.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use xnc::Error;

/// How a call ended.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The call did what it says.
    Ok = 0,
    /// A pointer is null or not aligned, buffers overlap, a number names no type or codec, a text is not UTF-8.
    Argument = 1,
    /// A buffer has more or fewer elements than the call asks for.
    Length = 2,
    /// A row or a place in a list is past the end.
    Range = 3,
    /// The operating system refused to open or map a file.
    Io = 4,
    /// The file is no model file that this library reads.
    NotAModel = 5,
    /// Stored bytes contradict themselves or a checksum.
    Corrupt = 6,
    /// The file was written by a newer version than this library reads.
    Unsupported = 7,
    /// No tensor of that name; the message has the nearest names.
    NotFound = 8,
    /// The tensor is no table of 16-bit words, or no table that the codec takes.
    NotATable = 9,
    /// The environment variable XNC_BACKEND names an instruction set that this machine does not have.
    NoBackend = 10,
    /// The system starts no threads.
    Threads = 11,
    /// A fault of the library itself.
    Internal = 12,
}

/// Why a call failed.
pub struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    pub fn new(status: Status, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    pub fn argument(message: impl Into<String>) -> Failure {
        Failure::new(Status::Argument, message)
    }

    fn panic(panic: &(dyn Any + Send)) -> Failure {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("a fault of the library, please report it: {}", text.unwrap_or("no message"));
        Failure::new(Status::Internal, message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = match &error {
            Error::Io { .. } | Error::SpecialFile { .. } => Status::Io,
            Error::NotAModel { .. } => Status::NotAModel,
            Error::Corrupt { .. } => Status::Corrupt,
            Error::UnsupportedVersion { .. } | Error::Unknown { .. } => Status::Unsupported,
            Error::TensorNotFound { .. } => Status::NotFound,
            Error::NotATable { .. } => Status::NotATable,
            Error::RowOutOfRange { .. } => Status::Range,
            Error::NoBackend { .. } => Status::NoBackend,
            Error::Threads { .. } => Status::Threads,
            Error::WrongLength { .. } => Status::Length,
            _ => Status::Internal,
        };
        Failure::new(status, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs the body of a function of the interface. A panic ends here: unwinding into C is undefined.
pub fn call(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    ended(work).map_or_else(|status| status, |()| Status::Ok)
}

/// As [`call`], for functions that return a value, which is `otherwise` after a failure.
pub fn value<T>(otherwise: T, work: impl FnOnce() -> Result<T, Failure>) -> T {
    ended(work).unwrap_or(otherwise)
}

fn ended<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Status> {
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::panic(&*panic)));
    result.map_err(|Failure { status, message }| {
        let message = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
        // A thread that is ending has no message any more; its calls still have a status.
        let _ = LAST.try_with(|last| last.replace(message));
        status
    })
}

/// The message of the last call that failed on this thread; empty before the first. Calls that succeed leave it.
///
/// The text is UTF-8 and the library's, and lasts until the next call that fails on this thread, or the thread
/// ends.
#[unsafe(no_mangle)]
pub extern "C" fn xnc_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(CStr::as_ptr(c""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        // SAFETY: what the function returns is a string of this thread, and no call fails in between.
        unsafe { CStr::from_ptr(xnc_last_error()) }.to_str().expect("UTF-8").to_owned()
    }

    #[test]
    fn panics_become_a_status_with_their_message() {
        assert_eq!(call(|| panic!("row {} fell over", 7)), Status::Internal);
        assert!(last().ends_with("row 7 fell over"), "{}", last());
        assert_eq!(call(|| std::panic::panic_any(7)), Status::Internal);
        assert!(last().ends_with("no message"), "{}", last());
        assert_eq!(value(5, || panic!("again")), 5);
    }

    #[test]
    fn messages_stay_with_their_thread_and_after_success() {
        assert_eq!(call(|| Err(Failure::argument("a\0b"))), Status::Argument);
        std::thread::spawn(|| assert_eq!(last(), "")).join().expect("no message of another thread");
        assert_eq!(call(|| Ok(())), Status::Ok);
        assert_eq!(last(), "a\u{fffd}b");
    }
}
