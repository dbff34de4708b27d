//! XNC beside its peers, on the same tables: what the project's study measures and shows.

pub mod clock;
pub mod lines;
pub mod patterns;
pub mod peers;
pub mod report;
pub mod sources;
pub mod spread;
pub mod study;
pub mod tables;
