//! Backends agree: every operation gives the same on every instruction set of this machine.

/// Target `backends`: the operations that the library lists.
pub fn run(data: &[u8]) {
    xnc::kernel::operations::compare(data);
}
