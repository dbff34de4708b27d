//! The portable loop, in vectors of four.
use super::{Turned, scalar};

#[target_feature(enable = "avx2")]
pub fn subtract(turned: &Turned, rows: &mut [&mut [f64]], at: usize) {
    scalar::subtract(turned, rows, at);
}
