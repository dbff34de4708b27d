//! `libggml-xnc.so`: a ggml backend that an unmodified llama.cpp loads, and that holds its token table
//! compressed. [docs/llama.cpp.md](../../../docs/llama.cpp.md) says how it is used and how it works.
//!
//! The host calls [`ggml_backend_init`], which finds out who calls (`host`) and how its structures look (`abi`).
//! The `device` claims tables; a `buffer` takes their words, and its `place` holds them, compressed while they
//! were uploaded (`upload`, `memory`) or from a compressed file (`standin`); the `backend` does the operations
//! (`operation`) on the host's threads (`team`). What fails is said on standard error, and the host gets the
//! status that says so (`guard`).
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod abi;
mod backend;
mod buffer;
mod device;
mod guard;
mod host;
mod memory;
mod operation;
mod place;
pub mod run;
mod standin;
mod team;
mod upload;

use std::ffi::c_void;
use std::sync::OnceLock;

/// What a host calls after loading this library: its registry, or null when the host is not known.
///
/// # Safety
/// To be called by ggml's function that loads backends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ggml_backend_init() -> *mut c_void {
    /// The address of what was registered, which is never given back.
    static REGISTERED: OnceLock<usize> = OnceLock::new();
    guard::guard("be a backend here", std::ptr::null_mut(), || {
        let host = host::find()?;
        standin::open()?;
        if std::env::var_os(run::PROBE).is_some() {
            guard::line(format_args!("{}ggml {}", run::KNOWN, host.unit.named));
        }
        let registered = REGISTERED.get_or_init(|| (host.unit.register)() as usize);
        Ok(*registered as *mut c_void)
    })
}
