//! Rows of embedding tables that are larger than memory, read from disk when they are asked for.
//!
//! A [`Store`] keeps a table's index in memory, and nothing of its payload but a cache whose size the caller chooses.
//! A row takes one read, of the pages that its coded bytes lie in, which are checked before they are decoded. Reads of
//! a call are in flight together: through io_uring where the kernel has it, on threads elsewhere.
//!
//! ```
//! # fn main() -> xnc::Result<()> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/1.0-fast.safetensors");
//! use xnc_store::{Store, StoreOptions};
//!
//! let mut options = StoreOptions::default();
//! options.cache_bytes = 1 << 20;
//! let store = Store::open(path, "model.embed_tokens.weight", &options)?;
//! let ids = [42, 7, 42];
//! store.prefetch(&ids)?; // returns at once
//! let mut words = vec![0; ids.len() * store.dim()];
//! store.gather(&ids, &mut words)?; // the source's words
//! assert_eq!(store.counters().rows, 3);
//! # Ok(())
//! # }
//! ```
//!
//! Files are those of `xnc compress`, under codec `fast` or `tight`, or plain ones. Rows lie in as few pages as they
//! need where they were compressed with `--pages`. A table that fits into memory had better be mapped: [`xnc::Model`].
//!
//! A call goes this way: `gather` takes what `cache` has; `fetch` plans reads of the other rows where `parts` says that
//! they lie; `reads` does them; what arrives is checked, kept, and decoded to where it goes.

mod cache;
mod counters;
mod fetch;
mod gather;
mod parts;
mod probe;
mod reads;
mod store;

pub use counters::Counters;
#[doc(hidden)]
pub use probe::probe;
pub use store::{Store, StoreOptions};
