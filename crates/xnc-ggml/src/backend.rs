//! The backend: does the operations of a graph that were given to it, one after another.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::abi::{Backend, Device, FAILED, Graph, SUCCESS, Status};
use crate::device::NAME;
use crate::guard::guard;
use crate::host::host;
use crate::operation;
use crate::team::Team;

/// What one backend knows; a host has one for each context.
struct State {
    threads: AtomicUsize,
    team: Team,
}

/// # Safety
/// A backend that [`new`] made and that was not freed.
unsafe fn state<'a>(backend: *const Backend) -> &'a State {
    // SAFETY: the context of such a backend is its state.
    unsafe { &*(host().unit.backend_context)(backend).cast::<State>() }
}

pub unsafe extern "C" fn new(device: *mut Device, _: *const c_char) -> *mut Backend {
    let state = State { threads: AtomicUsize::new(1), team: Team::new(host().parallel) };
    let context: *mut c_void = Box::into_raw(Box::new(state)).cast();
    // SAFETY: the unit is the host's.
    unsafe { (host().unit.new_backend)(device, context) }
}

pub unsafe extern "C" fn free(backend: *mut Backend) {
    let unit = host().unit;
    // SAFETY: what `new` made, which the host does not use any more.
    unsafe {
        drop(Box::from_raw((unit.backend_context)(backend).cast::<State>()));
        (unit.free_backend)(backend);
    }
}

pub unsafe extern "C" fn name(_: *mut Backend) -> *const c_char {
    NAME.as_ptr()
}

/// As many threads as the host's own operations have.
pub unsafe extern "C" fn set_threads(backend: *mut Backend, threads: c_int) {
    // SAFETY: the host sets it on a backend of ours.
    let threads_now = unsafe { &state(backend).threads };
    threads_now.store(usize::try_from(threads).unwrap_or(1).max(1), Ordering::Relaxed);
}

pub unsafe extern "C" fn compute(backend: *mut Backend, graph: *mut Graph) -> Status {
    // SAFETY: a backend of ours.
    let State { threads, team } = unsafe { state(backend) };
    let (threads, host) = (threads.load(Ordering::Relaxed), host());
    // SAFETY: a graph of the host's.
    let nodes = unsafe { (host.graph_nodes)(graph) };
    let done = |node: c_int| {
        guard("compute", FAILED, || {
            // SAFETY: the graph has so many tensors, all of which live while it is computed.
            let tensor = unsafe { &*(host.graph_node)(graph, node) };
            operation::run(tensor, &host.operations, team, threads).map(|()| SUCCESS)
        })
    };
    (0..nodes).map(done).find(|&status| status != SUCCESS).unwrap_or(SUCCESS)
}
