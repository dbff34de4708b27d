//! Every way of reading gives the words that a mapped table gives.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{Files, TABLE, options, ways};
use xnc::{Codec, Model};
use xnc_store::Store;

#[test]
fn all_ways_give_the_words_of_a_mapped_table() {
    for (codec, pages) in
        [(Some(Codec::Fast), false), (Some(Codec::Fast), true), (Some(Codec::Tight), false), (None, false)]
    {
        for dim in [160, 576, 1500, 10_752] {
            let files = Files::new(2000.min(4_000_000 / dim), dim, codec, pages);
            let mapped = Model::open(&files.path).expect("opens").table(TABLE).expect("opens");
            let ids = files.ids(300);
            let mut expected = vec![0; ids.len() * dim];
            mapped.gather(&ids, &mut expected).expect("reads");
            let mut values = vec![0.0; ids.len() * dim];
            mapped.gather_f32(&ids, &mut values).expect("reads");
            for way in ways() {
                let store = Store::open(&files.path, TABLE, &way).expect("opens");
                assert_eq!((store.rows(), store.dim(), store.codec()), (mapped.rows(), dim, codec));
                for _ in 0..2 {
                    let mut words = vec![0; expected.len()];
                    store.gather(&ids, &mut words).expect("reads");
                    assert!(words == expected, "{codec:?}, {dim} columns, pages {pages}, {way:?}");
                }
                let mut found = vec![0.0_f32; values.len()];
                store.gather_f32(&ids, &mut found).expect("reads");
                assert!(
                    found.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()),
                    "{codec:?}, {way:?}"
                );
            }
        }
    }
}

#[test]
fn duplicates_are_read_once_and_neighbours_together() {
    let files = Files::new(2000, 160, Some(Codec::Fast), true);
    let store = Store::open(&files.path, TABLE, &options(0, false, 8, false)).expect("opens");
    let mut words = vec![0; 6 * 160];
    store.gather(&[7, 1500, 7, 7, 1500, 8], &mut words).expect("reads");
    assert_eq!(words[..160], words[2 * 160..3 * 160]);
    let counters = store.counters();
    assert_eq!((counters.rows, counters.hits, counters.reads), (6, 0, 2));
    // One page each: rows 7 and 8 are in the same one.
    assert_eq!(counters.bytes, 2 * 4096);
}

#[test]
fn a_cache_keeps_rows_within_its_bounds() {
    let files = Files::new(20_000, 160, Some(Codec::Fast), true);
    let store = Store::open(&files.path, TABLE, &options(1 << 20, false, 64, false)).expect("opens");
    let mut words = vec![0; 160];
    store.gather(&[5], &mut words).expect("reads");
    store.gather(&[5], &mut words).expect("reads");
    assert_eq!((store.counters().hits, store.counters().reads), (1, 1));
    // All rows take several times what the cache may hold: those that come first are gone at the end.
    let all: Vec<usize> = (0..20_000).collect();
    let mut words = vec![0; all.len() * 160];
    store.gather(&all, &mut words).expect("reads");
    let before = store.counters();
    store.gather(&all, &mut words).expect("reads");
    let hits = store.counters().hits - before.hits;
    assert!((500..5000).contains(&hits), "{hits} rows of some 220 bytes in a megabyte");
}

#[test]
fn rows_that_are_prefetched_are_there() {
    let files = Files::new(3000, 576, Some(Codec::Fast), true);
    let store = Store::open(&files.path, TABLE, &options(4 << 20, false, 16, false)).expect("opens");
    let ids = [1, 2, 900, 2999];
    store.prefetch(&ids).expect("reads");
    while store.counters().prefetched < 4 {
        std::thread::yield_now();
    }
    let mut words = vec![0; 4 * 576];
    store.gather(&ids, &mut words).expect("reads");
    assert_eq!(store.counters().hits, 4);
    assert!(store.prefetch(&[3000]).is_err());
}

/// `XNC_SOAK_SECONDS=3600 cargo test --release -p xnc-store --test rows threads` goes on for an hour.
#[test]
fn threads_share_a_store() {
    let seconds = std::env::var("XNC_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let each = Duration::from_secs_f64(seconds / ways().len() as f64);
    let files = Files::new(4000, 160, Some(Codec::Fast), false);
    let mapped = Model::open(&files.path).expect("opens").table(TABLE).expect("opens");
    for way in ways() {
        let store = Store::open(&files.path, TABLE, &way).expect("opens");
        let (wrong, began) = (AtomicBool::new(false), Instant::now());
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (store, mapped, wrong, files) = (store.clone(), &mapped, &wrong, &files);
                scope.spawn(move || {
                    let mut rounds = 0;
                    while rounds < 20 || began.elapsed() < each {
                        let ids = files.ids(17 + thread + rounds % 500);
                        let [mut a, mut b] = [(); 2].map(|()| vec![0; ids.len() * 160]);
                        store.prefetch(&ids[..4]).expect("reads");
                        store.gather(&ids, &mut a).expect("reads");
                        mapped.gather(&ids, &mut b).expect("reads");
                        // What is wrong is refused, and disturbs nobody.
                        let refused = store.gather(&[4000], &mut b[..160]).is_err();
                        wrong.fetch_or(a != b || !refused, Ordering::Relaxed);
                        rounds += 1;
                    }
                });
            }
        });
        assert!(!wrong.into_inner(), "{way:?}");
    }
}

#[test]
fn pieces_are_one_table() {
    let files = Files::pieces(&[700, 1, 300], 160);
    let store = Store::open(&files.path, TABLE, &options(0, false, 8, false)).expect("opens");
    assert_eq!(store.rows(), 1001);
    let ids = [0, 699, 700, 701, 1000, 699];
    let mut words = vec![0; ids.len() * 160];
    store.gather(&ids, &mut words).expect("reads");
    let mut expected = vec![0; words.len()];
    for (id, out) in ids.iter().zip(expected.chunks_mut(160)) {
        files.row(*id, out);
    }
    assert!(words == expected);
    assert!(store.gather(&[1001], &mut words[..160]).expect_err("is refused").to_string().contains("1001"));
}
