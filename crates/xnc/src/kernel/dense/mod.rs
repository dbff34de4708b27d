//! Loops of codec `dense`: rows from their residuals, and the rows that are similar to a row.

pub mod factor;
pub mod gram;
pub mod residual;
pub mod similar;

#[cfg(target_arch = "aarch64")]
mod sdot;
