//! One model file through its whole way, there and back.

mod compress;
mod restore;

pub(crate) use compress::compress;
pub(crate) use restore::restore;
pub use restore::restore_into;
