//! Work on candle's threads, so that layers, attention and head share one pool and never compete.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

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

/// What `work` gives for each number below `items`, in order; on as many threads, which are not candle's: `work` may call candle, whose
/// pool waits for itself when it is used from within.
pub fn collect<T: Send>(items: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || -> Vec<(usize, T)> {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers.take_while(|&number| number < items).map(|number| (number, work(number))).collect()
    };
    let mut all = thread::scope(|scope| {
        let others: Vec<_> = (1..count().min(items)).map(|_| scope.spawn(take)).collect();
        let mut all = take();
        all.extend(
            others.into_iter().flat_map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))),
        );
        all
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, made)| made).collect()
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
