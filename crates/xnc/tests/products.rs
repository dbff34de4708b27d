//! Products on many threads: the same numbers, whoever asks and on however many threads.

mod support;

use std::sync::Barrier;

use support::{Random, assert_same, plain_twin};
use xnc::{Codec, Dtype, EncodeOptions, Table};

/// More rows than threads take at a time, and not a whole number of such pieces.
const ROWS: usize = 3 * 1024 + 77;
const DIM: usize = 64;

/// A plain table and the same under every codec.
fn tables() -> Vec<Table> {
    let words = Random(21).bf16_weights(ROWS * DIM, 400);
    let coded = Codec::ALL.iter().map(|&codec| {
        let mut options = EncodeOptions::default();
        options.codec = codec;
        Table::encode(Dtype::Bf16, ROWS, DIM, &words, &options).expect("encodes")
    });
    [plain_twin(Dtype::Bf16, ROWS, DIM, &words)].into_iter().chain(coded).collect()
}

/// Both kinds of products of `vectors` vectors on `threads` threads.
fn products(table: &Table, vectors: usize, threads: usize) -> [Vec<f32>; 2] {
    let mut random = Random(22);
    let x: Vec<f32> = (0..vectors * DIM).map(|_| random.normal()).collect();
    let x_bf16: Vec<u16> = x.iter().map(|&x| half::bf16::from_f32(x).to_bits()).collect();
    let mut out = [vec![7.0; vectors * ROWS], vec![7.0; vectors * ROWS]];
    table.product(&x, threads, &mut out[0]).expect("multiplies");
    table.product_bf16(&x_bf16, threads, &mut out[1]).expect("multiplies");
    out
}

fn assert_both(a: &[Vec<f32>; 2], b: &[Vec<f32>; 2], what: &str) {
    assert_same(&a[0], &b[0], what);
    assert_same(&a[1], &b[1], &format!("{what}, BF16"));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let tables = tables();
    // Of five vectors, each alone: the first one's product on one thread is that of the others' batch.
    for vectors in [1, 2, 5] {
        let expected = products(&tables[0], vectors, 1);
        for table in &tables {
            for threads in [0, 1, 2, 5, ROWS + 1, usize::MAX] {
                let what = format!("{table:?}, {vectors} vectors, {threads} threads");
                assert_both(&products(table, vectors, threads), &expected, &what);
            }
        }
    }
}

#[test]
fn a_column_of_a_batch_is_the_single_product() {
    let mut random = Random(23);
    let x: Vec<f32> = (0..7 * DIM).map(|_| random.normal()).collect();
    for table in tables() {
        let mut batch = vec![0.0; 7 * ROWS];
        table.product(&x, 3, &mut batch).expect("multiplies");
        for (vector, column) in x.chunks(DIM).zip(batch.chunks(ROWS)) {
            let mut single = vec![0.0; ROWS];
            table.product(vector, 1, &mut single).expect("multiplies");
            assert_same(&single, column, &format!("{table:?}"));
        }
    }
}

#[test]
fn a_caller_s_pool_does_the_work() {
    let tables = tables();
    let expected = products(&tables[0], 2, 1);
    for size in [1, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(size).build().expect("starts");
        for table in &tables {
            for threads in [0, 1, 2, 5] {
                let what = format!("{table:?} in a pool of {size}, {threads} threads");
                assert_both(&pool.install(|| products(table, 2, threads)), &expected, &what);
                // From tasks that share the pool, all at once.
                pool.scope(|scope| {
                    for _ in 0..size {
                        scope.spawn(|_| assert_both(&products(table, 2, threads), &expected, &what));
                    }
                });
            }
        }
    }
}

#[test]
fn vectors_made_ready_once_serve_many_threads_and_any_ranges() {
    let mut random = Random(24);
    let x: Vec<f32> = (0..3 * DIM).map(|_| random.normal()).collect();
    for table in tables() {
        let mut expected = vec![0.0; 3 * ROWS];
        table.product(&x, 1, &mut expected).expect("multiplies");
        let ready = table.activations(&x).expect("whole vectors");
        assert_eq!(ready.count(), 3);
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (ready, barrier, expected) = (&ready, &barrier, &expected);
                scope.spawn(move || {
                    barrier.wait();
                    let mut random = Random(thread);
                    for _ in 0..40 {
                        let first = random.next() as usize % ROWS;
                        let rows = first..first + random.next() as usize % (ROWS - first).min(90);
                        let mut out = vec![0.0; 3 * rows.len()];
                        ready.product(rows.clone(), &mut out).expect("multiplies");
                        for vector in 0..3 {
                            let want = &expected[vector * ROWS..][rows.clone()];
                            assert_same(&out[vector * rows.len()..][..rows.len()], want, "a range");
                        }
                    }
                    let mut all = vec![0.0; 3 * ROWS];
                    ready.product_all(thread as usize, &mut all).expect("multiplies");
                    assert_same(&all, expected, "all rows");
                });
            }
        });
    }
}

#[test]
fn tables_with_fewer_rows_than_threads_are_multiplied_too() {
    for rows in [1, 2, 3] {
        let words = Random(25).bf16_weights(rows * DIM, 0);
        let plain = plain_twin(Dtype::Bf16, rows, DIM, &words);
        let x = vec![0.5; DIM];
        let mut expected = vec![0.0; rows];
        plain.product(&x, 1, &mut expected).expect("multiplies");
        for &codec in Codec::ALL {
            let mut options = EncodeOptions::default();
            options.codec = codec;
            let table = Table::encode(Dtype::Bf16, rows, DIM, &words, &options).expect("encodes");
            for threads in [0, 1, 2, 5, 100] {
                let mut out = vec![0.0; rows];
                table.product(&x, threads, &mut out).expect("multiplies");
                assert_same(&out, &expected, codec.name());
            }
        }
    }
}
