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

/// Rows anywhere that are decoded together.
const STEP: usize = 16;

/// Rows anywhere that are at hand at a time: a step that is decoded, one whose lines are asked for meanwhile, one whose
/// pages are.
const AT_HAND: usize = 4 * STEP;

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

/// Decodes rows anywhere: `decode` gets some of them, the places of rows to ask memory for meanwhile, and where words
/// go.
///
/// A row goes through four stages, each a step of rows before the next: the index is asked for its place; it is found,
/// and a line of each page that it lies in is asked for; all its lines are asked for; it is decoded. Asking for a line
/// waits where the processor has to look up where the page is, and holds up what is behind; one right behind the other
/// such waits pass together. Asked for between groups they cost half of a lookup (Zen 4).
///
/// # Errors
/// As [`check`].
pub fn gather<R: ByRow>(
    reader: &R,
    view: &View<'_>,
    ids: &[usize],
    out: &mut [u16],
    mut decode: impl FnMut(&[R::Row], &[usize], &mut [u16]),
) -> Result<()> {
    let (stored, dim) = (view.stored, reader.shape().dim);
    let step = |first: usize| ids.get(first..).unwrap_or_default().iter().take(STEP);
    let ask_for_index = |first: usize| step(first).for_each(|&id| reader.ask(stored, id));
    let mut hand = Hand { rows: [R::Row::default(); AT_HAND], places: [0; AT_HAND] };
    (0..3).for_each(|early| ask_for_index(early * STEP));
    hand.find(reader, stored, 0, step(0));
    hand.find(reader, stored, STEP, step(STEP));
    for row in &hand.rows[..ids.len().min(STEP)] {
        Plan::of_machine().ask_for_row(&stored.payload[reader.bytes(*row)]);
    }
    for (out, first) in out.chunks_mut(STEP * dim).zip((0..).step_by(STEP)) {
        ask_for_index(first + 3 * STEP);
        hand.find(reader, stored, first + 2 * STEP, step(first + 2 * STEP));
        let rows = &hand.rows[first % AT_HAND..][..out.len() / dim];
        rows.iter().try_for_each(|row| check(reader, view, std::slice::from_ref(row)))?;
        let next = &hand.places[(first + STEP) % AT_HAND..][..step(first + STEP).len()];
        decode(rows, next, out);
    }
    Ok(())
}

/// Rows anywhere that were found: row `i` is at `i % AT_HAND`.
struct Hand<Row> {
    rows: [Row; AT_HAND],
    /// Where they begin in the payload.
    places: [usize; AT_HAND],
}

impl<Row: Copy> Hand<Row> {
    /// Finds the rows of a step, from number `first` on, and asks for a line of each of their pages.
    fn find<'a>(
        &mut self,
        reader: &impl ByRow<Row = Row>,
        stored: Stored<'_>,
        first: usize,
        ids: impl ExactSizeIterator<Item = &'a usize>,
    ) {
        let (count, first) = (ids.len(), first % AT_HAND);
        let (rows, places) = (&mut self.rows[first..][..count], &mut self.places[first..][..count]);
        for ((row, place), &id) in rows.iter_mut().zip(&mut *places).zip(ids) {
            *row = reader.row(stored, id);
            *place = reader.bytes(*row).start;
        }
        let (plan, payload) = (Plan::of_machine(), stored.payload.as_ptr());
        for (row, &place) in rows.iter().zip(&*places) {
            plan.ask_for_line(payload.wrapping_add(place));
            let next_page = place + PAGE - (payload.addr() + place) % PAGE;
            for page in (next_page..reader.bytes(*row).end).step_by(PAGE) {
                plan.ask_for_line(payload.wrapping_add(page));
            }
        }
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
