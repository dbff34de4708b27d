//! Words to streams: predicted where that pays, counted elsewhere.

use std::io::Write;
use std::ops::Range;

use super::counted::{Counts, stream_rows};
use super::index::chunk_rows;
use super::levels::refs;
use super::plan::{Planned, plan};
use super::records::{self, Record};
use super::row::{self, Plan, Predictor, TOGETHER};
use super::stream::Pending;
use super::{Effort, Params};
use crate::codec::ordered::for_each_in_order;
use crate::codec::{Encoded, Source, TableShape, write_failed};
use crate::error::Result;
use crate::kernel::Backend;
use crate::kernel::dense::residual::{Lane, Tables};

/// Chunks of one unit of work.
const CHUNKS: usize = 4;

/// A table to encode.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    pub backend: Backend,
    pub shape: TableShape,
    pub words: &'a dyn Source,
}

impl Table<'_> {
    /// The words of some rows.
    pub fn rows(&self, rows: Range<usize>) -> Result<Vec<u16>> {
        let mut words = vec![0; rows.len() * self.shape.dim];
        self.words.read(rows.start * self.shape.dim, &mut words)?;
        Ok(words)
    }

    /// The numbers of up to `most` rows, spread over the table.
    pub fn spread(&self, most: usize) -> Vec<usize> {
        let rows = self.shape.rows;
        let n = rows.min(most);
        (0..n).map(|i| i * rows / n).collect()
    }

    /// The words of the rows with these numbers.
    pub fn take(&self, rows: &[usize]) -> Result<Vec<u16>> {
        let mut words = vec![0; rows.len() * self.shape.dim];
        self.words.rows(rows, self.shape.dim, &mut words)?;
        Ok(words)
    }
}

pub fn encode(
    backend: Backend,
    shape: TableShape,
    words: &dyn Source,
    effort: Effort,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let table = Table { backend, shape, words };
    let mut share = Share { advance, total: shape.words(), given: 0 };
    let (counts, counted_bits) = Counts::fit(table)?;
    share.to(0.03);
    let planned = plan(table, effort, &mut share)?.filter(|planned| planned.bits < counted_bits);
    let out = Out { payload, bytes: 0, checksums: Vec::new(), records: Vec::new() };
    let encoded = match &planned {
        Some(planned) => predicted(table, planned, out, &mut share),
        None => counted(table, &counts, out, &mut share),
    };
    share.to(1.0);
    encoded
}

/// A chunk's bytes, and the records of its streams.
type Chunk = (Vec<u8>, Vec<Record>);

/// What was written so far.
struct Out<'a> {
    payload: &'a mut dyn Write,
    bytes: u64,
    checksums: Vec<u8>,
    records: Vec<Record>,
}

impl Out<'_> {
    fn take(&mut self, (bytes, records): Chunk) -> Result<()> {
        self.payload.write_all(&bytes).map_err(write_failed)?;
        self.bytes += bytes.len() as u64;
        self.checksums.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        self.records.extend(records);
        Ok(())
    }

    /// Puts the index together: what is `shared`, checksums, records.
    fn finish(self, shared: Vec<u8>, predicted: bool) -> Encoded {
        let mut index = shared;
        index.extend_from_slice(&self.checksums);
        records::write(&self.records, predicted, &mut index);
        let params = serde_json::json!(Params { predicted });
        Encoded { payload_bytes: self.bytes, index, params }
    }
}

/// Codes a table as planned.
fn predicted(
    table: Table<'_>,
    planned: &Planned,
    mut out: Out<'_>,
    share: &mut Share<'_>,
) -> Result<Encoded> {
    let TableShape { rows, dim, .. } = table.shape;
    let tables = planned.model.expand();
    let chunk = chunk_rows(dim);
    let span = chunk * CHUNKS;
    let work = |part: usize| chunks(table, planned, &tables, part * span..rows.min((part + 1) * span));
    for_each_in_order(0..rows.div_ceil(span), work, |chunks: Result<Vec<Chunk>>| {
        for chunk in chunks? {
            out.take(chunk)?;
        }
        share.to(0.8 + 0.2 * out.records.len() as f64 / rows as f64);
        Ok(())
    })?;
    let mut shared = Vec::new();
    planned.model.write(&mut shared);
    Ok(out.finish(shared, true))
}

/// Codes the rows of some chunks.
fn chunks(table: Table<'_>, planned: &Planned, tables: &Tables, rows: Range<usize>) -> Result<Vec<Chunk>> {
    let dim = table.shape.dim;
    let words = table.rows(rows.clone())?;
    let plans = &planned.plans[rows];
    let mut predictor = Predictor::new(table.backend, tables);
    let (mut pending, mut all) = (Pending::default(), Vec::new());
    let chunk = chunk_rows(dim);
    for (plans, words) in plans.chunks(TOGETHER).zip(words.chunks(TOGETHER * dim)) {
        let lane = |plan: &Plan| Lane::given(plan.head, refs(plan, &planned.innovations));
        let lanes: Vec<Lane<'_>> = plans.iter().map(lane).collect();
        let coded = predictor.slots(&lanes, words);
        for ((plan, words), coded) in plans.iter().zip(words.chunks_exact(dim)).zip(coded) {
            let begins = all.last().is_none_or(|(_, records): &Chunk| records.len() == chunk);
            if begins {
                all.push((Vec::new(), Vec::new()));
            }
            let (out, records) = all.last_mut().expect("a chunk has begun");
            let start = out.len();
            let first = row::encode(&planned.model, plan, words, coded, &mut pending, out);
            records.push(Record { level: plan.level, first, others: ((out.len() - start) / 2) as u64 });
        }
    }
    Ok(all)
}

/// Codes a table by counts.
fn counted(table: Table<'_>, counts: &Counts, mut out: Out<'_>, share: &mut Share<'_>) -> Result<Encoded> {
    let TableShape { rows, dim, .. } = table.shape;
    let rows = if dim == 0 { 0 } else { rows };
    let chunk = chunk_rows(dim);
    let work = |number: usize| {
        let words = table.rows(number * chunk..rows.min((number + 1) * chunk))?;
        let (mut bytes, mut records, mut pending) = (Vec::new(), Vec::new(), Pending::default());
        for part in words.chunks(stream_rows(dim) * dim) {
            let start = bytes.len();
            let first = counts.encode(part, &mut pending, &mut bytes);
            records.push(Record { level: 0, first, others: ((bytes.len() - start) / 2) as u64 });
        }
        Ok((bytes, records))
    };
    let mut done = 0;
    for_each_in_order(0..rows.div_ceil(chunk), work, |chunk: Result<Chunk>| {
        out.take(chunk?)?;
        done += 1;
        share.to(0.8 + 0.2 * f64::from(done) * chunk_rows(dim) as f64 / rows as f64);
        Ok(())
    })?;
    let mut shared = Vec::new();
    counts.write(&mut shared);
    Ok(out.finish(shared, false))
}

/// Tells how much of all the work is done, in words.
pub struct Share<'a> {
    advance: &'a mut dyn FnMut(usize),
    total: usize,
    given: usize,
}

impl Share<'_> {
    pub fn to(&mut self, fraction: f64) {
        let words = (self.total as f64 * fraction.min(1.0)) as usize;
        if words > self.given {
            (self.advance)(words - self.given);
            self.given = words;
        }
    }
}
