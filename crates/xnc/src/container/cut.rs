//! What happens when another program cuts a file that is mapped: reading beyond its new end raises SIGBUS.
//!
//! `unsafe`, since a mapping is what makes such a read possible, and no safe library serves: they hand the
//! signal on to the handler of Rust's own runtime as well, which ends the process before anybody is told.
//!
//! A library must not take a signal from its caller, so nothing here runs by itself: the command asks for
//! it. The handler does only what a handler may: it writes the address to a pipe and stops the thread that
//! read there, for good. A thread of its own reads the pipe, finds out which file was mapped there, and
//! tells the caller, who ends the process.
#![cfg_attr(target_os = "linux", allow(unsafe_code))]

use std::io;
use std::path::PathBuf;

/// Calls `tell`, on a thread of its own, when a mapped file turns out to have been cut: with its path,
/// where the system tells it. The thread that read beyond the end stands still from then on, so `tell` must
/// end the process. Once in a process, and on Linux only: elsewhere nothing is watched, and the signal ends
/// the process as it always did.
///
/// # Errors
/// Those of starting a thread, making a pipe, and of setting a handler.
#[cfg(target_os = "linux")]
pub fn watch_for_cuts(tell: impl FnOnce(Option<PathBuf>) + Send + 'static) -> io::Result<()> {
    use std::io::Read as _;
    use std::os::fd::IntoRawFd as _;
    use std::sync::atomic::Ordering;

    let (mut reader, writer) = io::pipe()?;
    std::thread::Builder::new().name("cuts".into()).spawn(move || {
        let mut address = [0; size_of::<usize>()];
        if reader.read_exact(&mut address).is_ok() {
            tell(linux::mapped_at(usize::from_ne_bytes(address)));
        }
    })?;
    // Never closed: the handler may write at any time.
    linux::PIPE.store(writer.into_raw_fd(), Ordering::SeqCst);
    linux::set_handler()
}

/// As on Linux, where it does something.
#[cfg(not(target_os = "linux"))]
pub fn watch_for_cuts(_: impl FnOnce(Option<PathBuf>) + Send + 'static) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// Where the handler writes.
    pub static PIPE: AtomicI32 = AtomicI32::new(-1);

    pub fn set_handler() -> io::Result<()> {
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = heard;
        // SAFETY: all zeros is a valid `sigaction`: no flags, an empty mask, the default action. The
        // pointers are to locals, and the handler has the signature that SA_SIGINFO asks for.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut())
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// The handler. Only calls that `signal-safety(7)` lists.
    extern "C" fn heard(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: with SA_SIGINFO the kernel passes a valid pointer; the address stands there for every
        // SIGBUS that it raises.
        let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
        if code != libc::BUS_ADRERR {
            // Not a place that is mapped and not there: somebody's `kill`, or broken memory. It ends the
            // process, as without a handler. SAFETY: both calls may be made in a handler; the signal that
            // is raised arrives when this one returns.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
            return;
        }
        let address = address.to_ne_bytes();
        // SAFETY: the buffer is a local of that size; both calls may be made in a handler. A write that
        // fails leaves a process that waits for its end, so the default action is taken then: returning
        // reads the same place again.
        unsafe {
            let written = libc::write(PIPE.load(Ordering::SeqCst), address.as_ptr().cast(), address.len());
            if written < 0 {
                libc::signal(signal, libc::SIG_DFL);
                return;
            }
            loop {
                libc::pause();
            }
        }
    }

    /// The file that is mapped at an address.
    pub fn mapped_at(address: usize) -> Option<PathBuf> {
        path_in(&std::fs::read_to_string("/proc/self/maps").ok()?, address)
    }

    /// A line is `FROM-TO rwxp OFFSET DEVICE INODE   PATH`, the first three in hexadecimal.
    fn path_in(maps: &str, address: usize) -> Option<PathBuf> {
        let hex = |text| usize::from_str_radix(text, 16).ok();
        let line = maps.lines().find(|line| {
            let ends = line.split(' ').next().and_then(|range| range.split_once('-'));
            ends.is_some_and(|(from, to)| hex(from) <= Some(address) && Some(address) < hex(to))
        })?;
        let path = &line[line.find('/')?..];
        Some(path.strip_suffix(" (deleted)").unwrap_or(path).into())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn addresses_lead_to_files() {
            let maps = "1000-3000 r-xp 00000000 fe:01 12         /a b/c\n\
                        7fff0000-7fff2000 r--p 00001000 fe:01 13     /m.safetensors (deleted)\n\
                        8fff0000-8fff2000 rw-p 00000000 00:00 0 \n";
            let cases = [
                (0xfff, None),
                (0x1000, Some("/a b/c")),
                (0x2fff, Some("/a b/c")),
                (0x3000, None),
                (0x7fff_0001, Some("/m.safetensors")),
                (0x8fff_0000, None),
            ];
            for (address, expected) in cases {
                assert_eq!(path_in(maps, address), expected.map(PathBuf::from), "{address:x}");
            }
            assert_eq!(path_in("what is this", 1), None);
        }

        #[test]
        fn a_mapped_file_is_found() {
            let file = tempfile::NamedTempFile::new().expect("temporary file");
            std::fs::write(file.path(), [1; 10_000]).expect("writes");
            let map = crate::container::Map::open(file.path()).expect("maps");
            let inside = map.as_ptr().addr() + 5000;
            assert_eq!(mapped_at(inside), Some(file.path().canonicalize().expect("there")));
        }
    }
}
