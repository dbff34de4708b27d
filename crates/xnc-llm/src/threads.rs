//! One pool for layers, attention and head.
//!
//! A piece that nobody has begun is taken by whoever is free, so that a thread whose core is busy elsewhere is
//! not waited for. Threads that wait at barriers, some hundred a token, made a token take twenty times as long
//! beside another busy program.

use std::sync::OnceLock;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The pool; none where there is one thread.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let make = || ThreadPoolBuilder::new().num_threads(count()).build().ok();
    POOL.get_or_init(|| if count() > 1 { make() } else { None }).as_ref()
}

/// Number of threads that work.
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let told = std::env::var("CANDLE_NUM_THREADS").ok().and_then(|told| told.parse().ok());
        told.filter(|&told| told > 0)
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    })
}

/// Calls `work` on one of the pool's threads: what it asks of the others then starts at once.
pub fn within<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Calls `work` for each piece of `out`, `piece` values long but for the last, with the piece's number; in
/// parallel when called [`within`] the pool.
///
/// # Errors
/// One of those of `work`.
pub fn for_each_piece<E: Send>(
    out: &mut [f32],
    piece: usize,
    work: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let piece = piece.max(1);
    if pool().is_none() || out.len() <= piece {
        return out.chunks_mut(piece).enumerate().try_for_each(|(number, out)| work(number, out));
    }
    out.par_chunks_mut(piece).enumerate().try_for_each(|(number, out)| work(number, out))
}

/// What `work` gives for each number below `items`, in order.
pub fn collect<T: Send>(items: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    within(|| match pool() {
        Some(_) => (0..items).into_par_iter().map(&work).collect(),
        None => (0..items).map(&work).collect(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn in_order() {
        assert_eq!(
            super::collect(100, |number| number * number),
            (0..100).map(|n| n * n).collect::<Vec<_>>()
        );
        assert!(super::collect(0, |number| number).is_empty());
    }
}
