//! Doors for this repository's own crates, hidden from the documentation. None of them is part of the
//! library's interface, and each may change with any version.

#[cfg(feature = "write")]
mod tools;

/// For `xnc-cli`.
#[cfg(feature = "write")]
pub use crate::container::watch_for_cuts;
/// For `xnc-cli`.
#[cfg(feature = "write")]
pub use crate::kernel::give_back;
/// For `xnc-fuzz`.
#[cfg(feature = "write")]
pub use crate::kernel::operations::compare as compare_backends;
/// For `xnc-store`.
pub use crate::kernel::prefetch;
/// For `xnc-store`.
pub use crate::table::Distant;
/// For `xnc-cli`.
#[cfg(feature = "write")]
pub use crate::target::remove_temporaries;

#[cfg(feature = "write")]
pub use tools::{
    decode_block, decode_table, encode_block, encode_table, parse_header, restore_around, write_file,
    write_like,
};
