//! Backends agree: every operation gives the same on every instruction set of this machine.

use xnc::Backend;

use crate::block;
use crate::choices::Choices;

/// What one operation makes of any bytes on one backend.
pub type Operation = fn(Backend, &[u8]) -> Vec<u16>;

/// All operations. A new folder of `kernel/` gets a line here and a function below.
const OPERATIONS: &[(&str, Operation)] = &[("decode of xnc chunks", decode)];

/// Target `backends`.
pub fn run(data: &[u8]) {
    for (name, operation) in OPERATIONS {
        let scalar = operation(Backend::SCALAR, data);
        for backend in Backend::available() {
            assert_eq!(operation(backend, data), scalar, "{name} with {backend:?}");
        }
    }
}

/// The codec picks its backend by itself so far, so this compares the one it picks with itself; target `block` holds it against the model.
fn decode(_: Backend, data: &[u8]) -> Vec<u16> {
    block::Table::new(&mut Choices(data)).decode().expect("any bits are blocks")
}
