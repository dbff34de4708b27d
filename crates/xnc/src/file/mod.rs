//! One model file through its whole way: compressed, restored, or under another codec.

mod before;
mod compress;
mod encode;
mod restore;
mod transcode;
mod write;

pub(crate) use compress::{compress, compress_bytes};
pub(crate) use restore::restore;
pub use restore::{restore_into, restore_unchecked};
pub(crate) use transcode::transcode;
