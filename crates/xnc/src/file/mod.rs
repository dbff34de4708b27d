//! One model file through its whole way: compressed, restored, compared, or under another codec.

mod before;
mod behind;
mod compare;
mod compress;
mod difference;
mod encode;
mod restore;
mod transcode;
mod walk;
mod write;

pub(crate) use compare::{Beside, compare};
pub(crate) use compress::{compress, compress_bytes};
pub(crate) use difference::{NOTHING, of_whole};
pub(crate) use restore::restore;
pub use restore::{restore_into, restore_unchecked};
pub(crate) use transcode::transcode;
pub use walk::{Places, around};

/// What is up to this size stays mapped for what follows, which saves mapping it again; of more, pages are let go.
const LET_BE: usize = 64 << 20;
