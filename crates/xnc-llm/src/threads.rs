//! Work on candle's threads, so that layers, attention and head share one pool and never compete.

use std::sync::{Mutex, PoisonError};

use candle_core::utils::barrier_pool;

/// Number of threads that work: the caller and candle's.
pub fn count() -> usize {
    barrier_pool().n_workers() + 1
}

/// Calls `work` for each piece of `out`, `piece` values long but for the last, with the piece's number; in parallel.
///
/// # Errors
/// One of those of `work`.
pub fn for_each_piece<E: Send>(
    out: &mut [f32],
    piece: usize,
    work: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let failed = Mutex::new(None);
    let pieces: Vec<_> = out.chunks_mut(piece.max(1)).map(Mutex::new).collect();
    barrier_pool().execute_chunked(pieces.len(), |numbers| {
        for number in numbers {
            let mut piece = pieces[number].lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = work(number, &mut piece) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
