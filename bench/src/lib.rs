//! XNC beside its peers, on the same tables: what the project's study measures.

pub mod lines;
pub mod patterns;
