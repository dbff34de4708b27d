//! What the fuzz targets do, apart from who calls them: libFuzzer through `/fuzz`, random bytes through
//! `tests/random.rs`.
//!
//! Every body takes any bytes and panics where the library breaks a promise. The bytes are a list of choices
//! ([`choices::Choices`]), so that random ones are as good as libFuzzer's: they pick a good file and edit it
//! ([`edit`]), or describe tensors ([`files`]).

pub mod block;
pub mod choices;
pub mod coded;
pub mod container;
pub mod decoders;
pub mod dense;
pub mod edit;
pub mod fast;
pub mod files;
pub mod good;
pub mod headers;
pub mod members;
pub mod model;
pub mod round_trip;
pub mod seal;
pub mod second;

/// Target `backends`: every operation of the kernels gives the same on every instruction set of this machine.
pub use xnc::internals::compare_backends as backends;

/// A tensor of a header: name, type, extents, place in the file.
type Stand = (String, String, Vec<u64>, std::ops::Range<u64>);

/// A target: its name, which is that of its file in `/fuzz/fuzz_targets`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("safetensors", headers::safetensors),
    ("gguf", headers::gguf),
    ("container", container::run),
    ("block", block::run),
    ("dense", dense::run),
    ("fast", fast::run),
    ("round_trip", round_trip::run),
    ("backends", backends),
    ("decoders", decoders::run),
];

/// Golden files, the soil of all mutations; the one with every word is too large to be mutated often.
pub const GOLDEN_SAFETENSORS: &[u8] = include_bytes!("../../../spec/vectors/1.0-xnc.safetensors");
/// As [`GOLDEN_SAFETENSORS`], in GGUF.
pub const GOLDEN_GGUF: &[u8] = include_bytes!("../../../spec/vectors/1.0-xnc.gguf");
