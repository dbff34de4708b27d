//! A few figures measured again, chosen at random, beside what results.json has of them: for whoever doubts.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xnc_page::number::{ratio, seconds, three};

use super::{Results, Study, ratios};
use crate::peers::{Host, Numbers, Pace, SETTINGS, Setting, measure};
use crate::sources;
use crate::spread::Spread;
use crate::tables::{Random, TableFile};

/// How far beyond the recorded quartiles a figure may lie before it is called outside, as a share of the median: what
/// a quiet machine gives from one day to another.
const TOLERANCE: f64 = 0.1;
/// Figures that are measured.
const FIGURES: usize = 5;

/// One figure of the results.
#[derive(Clone, Copy)]
struct Figure<'a> {
    kind: Kind,
    whose: Whose<'a>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ratio,
    Encode,
    Decode,
    Row,
}

#[derive(Clone, Copy)]
enum Whose<'a> {
    /// A file of `xnc compress`.
    File(&'a ratios::Row),
    /// A setting of a peer, ours among them, on the main table.
    Peer(&'static Setting, &'a Numbers),
}

/// Measures five figures again and prints both. `seed` chooses the same ones again.
///
/// # Errors
/// When there are no results, a figure cannot be measured, a size differs, or a speed is worse than half.
pub fn run(study: &Study, out: &Path, seed: Option<u64>) -> Result<()> {
    let path = out.join("results.json");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let results: Results = serde_json::from_slice(&bytes).with_context(|| format!("{}", path.display()))?;
    ensure!(results.sample == study.sample, "{} is from other tables", path.display());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) ^ nanoseconds());
    let (files, peers) = (results.ratios.as_ref(), results.peers.as_ref());
    let machine = peers.map(|taken| &taken.machine).or(files.map(|taken| &taken.machine));
    let machine = machine.context("neither ratios nor peers were measured")?;
    println!("recorded on {}, {}, commit {}", machine.told(), machine.date, machine.commit);
    println!("now on      {}, {}, commit {}", study.machine.told(), study.machine.date, study.machine.commit);
    if machine.sources != sources::hash()? {
        println!("the measured code has changed since");
    }
    let (here, there) = (&study.machine, machine);
    let same = here.processor == there.processor && here.processors == there.processors;
    if !same {
        println!("another processor: speeds are not compared, only sizes");
    }
    let chosen = choose(&candidates(study, &results, same), &mut Random::new(seed));
    println!("{FIGURES} figures at random, again with --seed {seed}:\n");
    let mut wrong = Vec::new();
    for figure in &chosen {
        let (name, line, good) = figure.compare(study)?;
        println!("{name}\n    {line}");
        if !good {
            wrong.push(name);
        }
    }
    ensure!(!chosen.is_empty(), "there is nothing to compare");
    ensure!(wrong.is_empty(), "other sizes, or speeds worse than half: {}", wrong.join("; "));
    Ok(())
}

fn nanoseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Whatever does not take minutes.
fn candidates<'a>(study: &Study, results: &'a Results, speeds: bool) -> Vec<Figure<'a>> {
    let files = results.ratios.iter().flat_map(|taken| &taken.found.rows);
    let files = files.filter(|row| row.codec != "dense" && row.ratio.is_some() && file(study, row).is_some());
    let mut all: Vec<Figure<'a>> =
        files.map(|row| Figure { kind: Kind::Ratio, whose: Whose::File(row) }).collect();
    for row in results.peers.iter().flat_map(|taken| &taken.found.rows) {
        let setting = SETTINGS.iter().find(|one| one.peer == row.peer && one.key == row.key);
        let (Some(setting), Some(numbers)) = (setting, &row.numbers) else { continue };
        let installed = setting.host == Host::Rust || study.place.python.is_some();
        if setting.pace == Pace::Quick && installed {
            let kinds: &[Kind] =
                if speeds { &[Kind::Ratio, Kind::Encode, Kind::Decode, Kind::Row] } else { &[Kind::Ratio] };
            all.extend(kinds.iter().map(|&kind| Figure { kind, whose: Whose::Peer(setting, numbers) }));
        }
    }
    all
}

/// One of each kind that there is, then any.
fn choose<'a>(candidates: &[Figure<'a>], random: &mut Random) -> Vec<Figure<'a>> {
    let mut left = candidates.to_vec();
    let mut chosen = Vec::new();
    let kinds = [Kind::Ratio, Kind::Encode, Kind::Decode, Kind::Row].map(Some);
    for kind in kinds.into_iter().chain([None; FIGURES]) {
        let fits: Vec<usize> =
            (0..left.len()).filter(|&one| kind.is_none_or(|kind| left[one].kind == kind)).collect();
        if chosen.len() < FIGURES && !fits.is_empty() {
            chosen.push(left.swap_remove(fits[random.below(fits.len())]));
        }
    }
    chosen
}

fn file<'a>(study: &'a Study, row: &ratios::Row) -> Option<&'a TableFile> {
    let tables = study.tables.iter().flat_map(|pair| [&pair.bf16, &pair.f16]);
    tables.into_iter().find(|table| table.label == row.table && table.dtype.to_string() == row.dtype)
}

impl Figure<'_> {
    /// Its name, both values in words, and whether that is good enough.
    fn compare(&self, study: &Study) -> Result<(String, String, bool)> {
        match self.whose {
            Whose::File(row) => {
                let table = file(study, row).context("the table")?;
                let report = study.compress(&table.path, &["--codec", &row.codec])?;
                let now = ratios::ratio(&report["tensors"][0]).context("the table stays plain")?;
                let name = format!("ratio of {}, {}, codec {}", row.table, row.dtype, row.codec);
                let (line, good) = sizes(row.ratio.context("a ratio")?, now);
                Ok((name, line, good))
            }
            Whose::Peer(setting, numbers) => {
                let measured = measure(&study.place, setting, study.main());
                let name = format!("{} {}", setting.peer, setting.key);
                let now = measured
                    .numbers
                    .with_context(|| measured.unavailable.unwrap_or("not available".into()))?;
                let gb_s = |value: f64| format!("{} GB/s", three(value));
                Ok(match self.kind {
                    Kind::Ratio => {
                        let (line, good) = sizes(numbers.ratio, now.ratio);
                        (format!("ratio of {name}"), line, good)
                    }
                    Kind::Encode => {
                        let (line, good) = speeds(&numbers.encode_gb_s, &now.encode_gb_s, true, gb_s);
                        (format!("encoding speed of {name}"), line, good)
                    }
                    Kind::Decode => {
                        let (line, good) = speeds(&numbers.decode_gb_s, &now.decode_gb_s, true, gb_s);
                        (format!("decoding speed of {name}"), line, good)
                    }
                    Kind::Row => {
                        let show = |us: f64| seconds(1e-6 * us);
                        let (line, good) = speeds(&numbers.row_us, &now.row_us, false, show);
                        (format!("one row of {name}"), line, good)
                    }
                })
            }
        }
    }
}

fn sizes(recorded: f64, now: f64) -> (String, bool) {
    let same = (now / recorded - 1.0).abs() < 1e-9;
    let verdict = if same { "the same" } else { "ANOTHER SIZE" };
    (format!("{} recorded, {} now: {verdict}", ratio(recorded), ratio(now)), same)
}

/// `more`: more is better.
fn speeds(recorded: &Spread, now: &Spread, more: bool, show: impl Fn(f64) -> String) -> (String, bool) {
    let times = now.median / recorded.median;
    let good = if more { times >= 0.5 } else { times <= 2.0 };
    let verdict = match (recorded.holds(now.median, TOLERANCE), good) {
        (true, _) => "within",
        (false, true) => "outside of",
        (false, false) => "WORSE THAN HALF, outside of",
    };
    let line = format!(
        "{} recorded, {} now: {times:.2} times as much, {verdict} the quartiles of {} widened by {:.0} %",
        show(recorded.median),
        show(now.median),
        recorded.shown(&show),
        100.0 * TOLERANCE
    );
    (line, good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_equal_or_wrong_and_speeds_may_vary() {
        assert!(sizes(1.5, 1.5).1 && !sizes(1.5, 1.501).1);
        let recorded = Spread { runs: 9, q1: 1.9, median: 2.0, q3: 2.1 };
        let now = |value: f64| Spread { runs: 9, q1: value, median: value, q3: value };
        let judged = |value: f64, more| speeds(&recorded, &now(value), more, three);
        assert!(judged(2.2, true).0.contains("within") && judged(2.2, true).1);
        assert!(judged(1.2, true).0.contains("outside of") && judged(1.2, true).1);
        assert!(!judged(0.9, true).1 && judged(0.9, false).1 && !judged(4.1, false).1);
    }
}
