//! What is measured of a cold table, and how.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::ids::Ids;
use super::subjects::{Subjects, Twin};
use crate::units;

/// Times that each case is measured.
const ROUNDS: usize = 3;

/// Rows of a call, and reads in flight.
const CALLS: [(usize, usize); 7] = [(1, 1), (8, 8), (64, 64), (4096, 1), (4096, 8), (4096, 64), (4096, 128)];

/// A way of asking for rows.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub ids: Ids,
    pub count: usize,
    pub depth: usize,
    pub direct: bool,
}

/// What one subject gave.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    pub rows_per_s: f64,
    pub bytes_per_row: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub rss_bytes: u64,
}

/// What all gave.
pub struct Found {
    pub coded: Rate,
    pub plain: Rate,
    /// Where the page cache is used.
    pub mapped: Option<Rate>,
}

/// Measures all cases, several times in random order; the round of middle speed counts.
pub fn run(subjects: &mut Subjects, budget: Duration) -> Result<Vec<(Case, Found)>> {
    let mut cases = Vec::new();
    for ids in [Ids::Uniform, Ids::Zipf] {
        for direct in [true, false] {
            cases.extend(CALLS.map(|(count, depth)| Case { ids, count, depth, direct }));
        }
    }
    let each = budget / (3 * ROUNDS * cases.len()) as u32;
    let mut rates: Vec<[Vec<Rate>; 3]> = cases.iter().map(|_| Default::default()).collect();
    let mut random = fastrand::Rng::new();
    for _ in 0..ROUNDS {
        let mut order: Vec<(usize, usize)> =
            (0..cases.len()).flat_map(|i| (0..3).map(move |of| (i, of))).collect();
        random.shuffle(&mut order);
        for (i, of) in order {
            let case = cases[i];
            let rate = match of {
                0 => Some(stored(subjects, Twin::Coded, case, each)?),
                1 => Some(stored(subjects, Twin::Plain, case, each)?),
                _ if case.direct || case.depth != case.count.min(64) => None,
                _ => Some(mapped(subjects, case, each)?),
            };
            rates[i][of].extend(rate);
        }
    }
    let middle = |mut of: Vec<Rate>| {
        of.sort_by(|a, b| a.rows_per_s.total_cmp(&b.rows_per_s));
        of.get(of.len() / 2).copied()
    };
    let found = rates.into_iter().map(|[coded, plain, mapped]| Found {
        coded: middle(coded).unwrap_or_default(),
        plain: middle(plain).unwrap_or_default(),
        mapped: middle(mapped),
    });
    Ok(cases.into_iter().zip(found).collect())
}

fn stored(subjects: &Subjects, twin: Twin, case: Case, time: Duration) -> Result<Rate> {
    subjects.drop_pages()?;
    // A plain store gets as many bytes for its cache.
    let store = subjects.store(twin, case.depth, case.direct, subjects.cache_bytes)?;
    let mut words = vec![0; case.count * subjects.dim];
    let mut rate = calls(subjects, case, time, &mut |ids| Ok(store.gather(ids, &mut words)?))?;
    let counters = store.counters();
    rate.bytes_per_row = counters.bytes as f64 / counters.rows.max(1) as f64;
    Ok(rate)
}

fn mapped(subjects: &Subjects, case: Case, time: Duration) -> Result<Rate> {
    subjects.drop_pages()?;
    let table = subjects.mapped()?;
    let mut words = vec![0; case.count * subjects.dim];
    calls(subjects, case, time, &mut |ids| Ok(table.gather(ids, &mut words)?))
}

/// Calls for some time, and once at least.
fn calls(
    subjects: &Subjects,
    case: Case,
    time: Duration,
    call: &mut dyn FnMut(&[usize]) -> Result<()>,
) -> Result<Rate> {
    let mut random = fastrand::Rng::new();
    let mut ids = vec![0; case.count];
    let (began, mut spent) = (Instant::now(), Vec::new());
    while spent.is_empty() || began.elapsed() < time {
        ids.fill_with(|| case.ids.next(subjects.rows, &mut random));
        let one = Instant::now();
        call(&ids)?;
        spent.push(one.elapsed().as_secs_f64());
    }
    let rows_per_s = (spent.len() * case.count) as f64 / spent.iter().sum::<f64>();
    spent.sort_by(f64::total_cmp);
    let [p50_us, p99_us] =
        [50, 99].map(|share| spent[(spent.len() * share / 100).min(spent.len() - 1)] * 1e6);
    let rss_bytes = units::rss_bytes().unwrap_or(0);
    Ok(Rate { rows_per_s, bytes_per_row: 0.0, p50_us, p99_us, rss_bytes })
}

/// Rows asked for together when what is in memory is measured, and how many there are to choose from: a few times what
/// caches of the processor hold.
const WARM: [usize; 2] = [512, 1 << 16];

/// Nanoseconds for a row that is in the store's cache, and for one of the plain twin, mapped, that is in memory.
pub fn warm(subjects: &Subjects, time: Duration) -> Result<[f64; 2]> {
    let mut random = fastrand::Rng::new();
    let known: Vec<usize> = (0..WARM[1]).map(|_| random.usize(..subjects.rows)).collect();
    let all = (WARM[1] * (2 * subjects.dim + 256)) as u64;
    let store = subjects.store(Twin::Coded, 64, false, 2 * all)?;
    let table = subjects.mapped()?;
    let mut words = vec![0; WARM[0] * subjects.dim];
    for ids in known.chunks(WARM[0]) {
        store.gather(ids, &mut words)?;
        table.gather(ids, &mut words)?;
    }
    let (began, mut spent, mut ids) = (Instant::now(), [Vec::new(), Vec::new()], vec![0; WARM[0]]);
    while spent[0].len() < 8 || began.elapsed() < time {
        for (of, spent) in spent.iter_mut().enumerate() {
            ids.fill_with(|| known[random.usize(..known.len())]);
            let one = Instant::now();
            if of == 0 {
                store.gather(&ids, &mut words)?
            } else {
                table.gather(&ids, &mut words)?
            }
            spent.push(one.elapsed().as_secs_f64() * 1e9 / WARM[0] as f64);
        }
    }
    Ok(spent.map(|mut spent| {
        spent.sort_by(f64::total_cmp);
        spent[spent.len() / 2]
    }))
}
