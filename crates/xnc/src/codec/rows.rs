//! What codecs share whose rows decode alone: stretches of words, lookups, pages that rows lie in, products by row.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::pages::PAGE;
use super::product::{Arranged, Product, together};
use super::{Reader, Stored, View};
use crate::error::Result;
use crate::kernel::stream::Stream;
use crate::kernel::{Plan, bytes_of};

/// Words that are decoded in one go: as many as the second-level cache takes with ease.
const PART: usize = 1 << 15;

/// Rows anywhere whose places are known before the first of them is decoded.
const LOOKUPS: usize = 64;

/// Rows that are found and checked together, before they are multiplied: few enough for the second-level cache.
const RUN: usize = 512;

/// A reader that knows of every row where it lies.
pub trait ByRow: Reader {
    /// A row in the payload.
    type Row: Copy + Default + Send;

    /// Where a row lies.
    fn row(&self, stored: Stored<'_>, id: usize) -> Self::Row;

    /// Where rows that follow each other lie.
    fn run(&self, stored: Stored<'_>, ids: Range<usize>, out: &mut Vec<Self::Row>);

    /// Its bytes in the payload.
    fn bytes(&self, row: Self::Row) -> Range<usize>;

    /// Asks memory for what [`ByRow::row`] will read.
    fn ask(&self, stored: Stored<'_>, id: usize);
}

/// Words of a chunk: whole rows, `block` at most.
pub fn chunk_words(dim: usize, block: usize) -> usize {
    let dim = dim.max(1);
    (PART / dim).clamp(1, block) * dim
}

/// The pages that words lie in.
pub fn pages(reader: &impl ByRow, stored: Stored<'_>, words: Range<usize>) -> Range<usize> {
    let dim = reader.shape().dim.max(1);
    if words.is_empty() {
        return 0..0;
    }
    let [first, last] = [words.start / dim, (words.end - 1) / dim].map(|id| reader.row(stored, id));
    reader.bytes(first).start / PAGE..reader.bytes(last).end.div_ceil(PAGE)
}

/// Checks the pages that rows which follow each other lie in.
///
/// # Errors
/// [`crate::Error::Corrupt`] where one is damaged.
pub fn check<R: ByRow>(reader: &R, view: &View<'_>, rows: &[R::Row]) -> Result<()> {
    let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Ok(()) };
    let (first, end) = (reader.bytes(first).start, reader.bytes(last).end);
    (first / PAGE..end.div_ceil(PAGE)).try_for_each(|page| view.check(page))
}

/// Decodes the words of a table from word `first` on: `decode` gets whole rows and where they go, and may take them
/// past the caches where it gets a stream.
pub fn stretch<R: ByRow>(
    reader: &R,
    stored: Stored<'_>,
    first: usize,
    out: &mut [u16],
    far: Option<&Stream>,
    mut decode: impl FnMut(&[R::Row], &mut [u16], Option<&Stream>),
) {
    let dim = reader.shape().dim;
    if out.is_empty() {
        return;
    }
    let mut rows = Vec::new();
    reader.run(stored, first / dim..(first + out.len()).div_ceil(dim), &mut rows);
    let mut rows = &rows[..];
    let mut part_of = |row: &R::Row, skip: usize, out: &mut [u16]| {
        let mut whole = vec![0; dim];
        decode(std::slice::from_ref(row), &mut whole, None);
        out.copy_from_slice(&whole[skip..][..out.len()]);
    };
    // What is left of a row that the first word stands in, whole rows, and the beginning of one more.
    let skip = first % dim;
    let (part, out) = out.split_at_mut(out.len().min((dim - skip) % dim));
    if !part.is_empty()
        && let Some(row) = rows.split_off_first()
    {
        part_of(row, skip, part);
    }
    let (out, part) = out.split_at_mut(out.len() / dim * dim);
    let (whole, last) = rows.split_at(out.len() / dim);
    if let Some(row) = last.first() {
        part_of(row, 0, part);
    }
    decode(whole, out, far);
}

/// How rows anywhere are decoded: so many together, and memory is asked for so many rows ahead.
pub struct Lookups {
    pub together: usize,
    pub ahead: usize,
}

impl Lookups {
    /// Finds and checks rows; `decode` gets them, the places to ask for meanwhile, and where words go.
    ///
    /// # Errors
    /// As [`check`].
    pub fn gather<R: ByRow>(
        &self,
        reader: &R,
        view: &View<'_>,
        ids: &[usize],
        out: &mut [u16],
        mut decode: impl FnMut(&[R::Row], &[usize], &mut [u16]),
    ) -> Result<()> {
        let (stored, dim) = (view.stored, reader.shape().dim);
        let (mut rows, mut at) = ([R::Row::default(); LOOKUPS], [0; LOOKUPS]);
        let later = ids.chunks(LOOKUPS).skip(1).chain([&[][..]]);
        for ((ids, out), later) in ids.chunks(LOOKUPS).zip(out.chunks_mut(LOOKUPS * dim)).zip(later) {
            let (rows, at) = (&mut rows[..ids.len()], &mut at[..ids.len()]);
            for ((row, at), &id) in rows.iter_mut().zip(&mut *at).zip(ids) {
                *row = reader.row(stored, id);
                *at = reader.bytes(*row).start;
            }
            for row in rows.iter().take(self.ahead) {
                Plan::of_machine().ask_for_row(&stored.payload[reader.bytes(*row)]);
            }
            // Meanwhile the index is asked for the places of the next rows.
            later.iter().for_each(|&id| reader.ask(stored, id));
            let parts = rows.chunks(self.together).zip(out.chunks_mut(self.together * dim));
            for ((rows, out), first) in parts.zip((0..).step_by(self.together)) {
                rows.iter().try_for_each(|row| check(reader, view, std::slice::from_ref(row)))?;
                decode(rows, &at[at.len().min(first + self.ahead)..], out);
            }
        }
        Ok(())
    }
}

/// What a codec makes of rows that are to be multiplied.
pub trait RowProduct: Send + Sync {
    /// The codec's reader.
    type Reader: ByRow;
    /// What one thread works with.
    type Desk: Send;

    /// The reader of the table.
    fn reader(&self) -> &Self::Reader;

    /// The vectors in the order in which rows of words take them.
    fn arranged(&self) -> &Arranged;

    /// A desk for another thread.
    fn desk(&self) -> Self::Desk;

    /// Rows, which were checked, times all vectors.
    fn rows(
        &self,
        view: &View<'_>,
        desk: &mut Self::Desk,
        rows: &[<Self::Reader as ByRow>::Row],
        out: &mut [&mut [f32]],
    );
}

/// Products of rows that follow each other.
pub struct Runs<P: RowProduct> {
    of: P,
    /// What threads had that are done: pieces of a product are short, and making a desk is not.
    spare: Mutex<Vec<Spare<P>>>,
}

struct Spare<P: RowProduct> {
    desk: P::Desk,
    run: Vec<<P::Reader as ByRow>::Row>,
}

impl<P: RowProduct> Runs<P> {
    pub fn new(of: P) -> Runs<P> {
        Runs { of, spare: Mutex::default() }
    }
}

impl<P: RowProduct> Product for Runs<P> {
    fn vectors(&self) -> usize {
        self.of.arranged().count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let found = spare().pop();
        let mut at_hand = found.unwrap_or_else(|| Spare { desk: self.of.desk(), run: Vec::new() });
        let Spare { desk, run } = &mut at_hand;
        let told = rows.clone().step_by(RUN).try_for_each(|first| {
            let last = rows.end.min(first + RUN);
            self.of.reader().run(view.stored, first..last, run);
            check(self.of.reader(), view, run)?;
            let held = first - rows.start..last - rows.start;
            let mut out: Vec<&mut [f32]> = out.iter_mut().map(|out| &mut out[held.clone()]).collect();
            self.of.rows(view, desk, run, &mut out);
            Ok(())
        });
        spare().push(at_hand);
        told
    }
}

/// Rows times all vectors: decoded to `words` first, as many as these take.
pub fn decoded_first<R>(
    arranged: &Arranged,
    dim: usize,
    rows: &[R],
    words: &mut [u16],
    out: &mut [&mut [f32]],
    mut decode: impl FnMut(&[R], &mut [u16]),
) {
    let mut held = 0;
    for rows in rows.chunks(together(dim)) {
        let words = &mut words[..rows.len() * dim];
        decode(rows, words);
        // Nothing is asked for ahead: what was decoded is there.
        arranged.block(bytes_of(words), 0, held..held + rows.len(), out);
        held += rows.len();
    }
}
