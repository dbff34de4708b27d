//! An open store: its options, its face, and what its calls share.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use xnc::{Backend, Codec, Dtype, Error, Result};

use crate::cache::Cache;
use crate::counters::{Counters, Counting, more};
use crate::fetch::TOGETHER;
use crate::gather::Put;
use crate::parts::{Part, Parts};
use crate::reads::Reads;

/// Most reads of a call that may be in flight: what a ring takes.
const DEEPEST: usize = 4096;
/// Bytes that share a checksum.
const PAGE: usize = 4096;

/// Calls of [`Store::prefetch`] that may wait for their turn.
const CALLS: usize = 64;

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Bytes of memory for rows that were read: coded rows, and what keeping them takes. 0 keeps none.
    pub cache_bytes: u64,
    /// Whether reads by-pass the system's page cache; Linux only. Without it, the system keeps pages as it sees fit.
    pub direct: bool,
    /// Most reads of one call that are in flight at a time.
    pub depth: usize,
    /// Reads on threads of the store's own, also where the kernel has io_uring.
    pub threads: bool,
    /// The instruction set that rows are decoded with; none for the one that [`Backend::detect`] finds.
    pub backend: Option<Backend>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions { cache_bytes: 0, direct: false, depth: 64, threads: false, backend: None }
    }
}

/// A table whose rows are read from disk when they are asked for. Its index is in memory, so that a row takes one read
/// at most. Cheap to clone; all calls work from any number of threads at a time.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    inner: Arc<Inner>,
    /// To the thread that reads early.
    early: OnceLock<SyncSender<Vec<usize>>>,
}

/// What calls and the thread that reads early have in common.
pub struct Inner {
    pub parts: Parts,
    pub cache: Cache,
    pub counting: Counting,
    depth: usize,
    /// Longest read, and bytes behind it that decoding may look at.
    longest: usize,
    guard: usize,
    /// Threads that read for all calls, once there are some.
    pool: OnceLock<Reads>,
    threads: bool,
    /// What calls that ended read with.
    spare: Mutex<Vec<Reads>>,
}

impl Store {
    /// Opens the table `name` of a file, or of a model folder: a tensor of that name, or several that follow each
    /// other, `name.0`, `name.1` and so on, in whichever files.
    ///
    /// # Errors
    /// Those of [`xnc::Model::open`] and [`xnc::Model::table`]; [`Error::NotATable`] where rows do not decode alone, or
    /// pieces do not fit each other; [`Error::Io`] where the file system refuses reads that by-pass the page cache.
    pub fn open(path: impl AsRef<Path>, name: &str, options: &StoreOptions) -> Result<Store> {
        let parts = Parts::open(path.as_ref(), name, options.backend, options.direct)?;
        Ok(Store(Arc::new(Shared { inner: Arc::new(Inner::new(parts, options)), early: OnceLock::new() })))
    }

    /// Number of rows, of all pieces together.
    pub fn rows(&self) -> usize {
        self.0.inner.parts.rows
    }

    /// Words in a row.
    pub fn dim(&self) -> usize {
        self.0.inner.parts.shape().0
    }

    /// Type of the words, as [`xnc::Table::dtype`].
    pub fn dtype(&self) -> Dtype {
        self.0.inner.parts.shape().1
    }

    /// Codec of the first piece, none where that is plain.
    pub fn codec(&self) -> Option<Codec> {
        self.0.inner.parts.parts[0].table.codec()
    }

    /// Bytes of memory that finding and checking rows takes, which is held all the time.
    pub fn index_bytes(&self) -> usize {
        self.0.inner.parts.parts.iter().map(|part| part.table.index_bytes()).sum()
    }

    /// Reads rows into `out`, one after another, as the words of the source. Each is read once, however often it is
    /// asked for.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`], [`Error::WrongLength`]: nothing was read. [`Error::Io`] and [`Error::Corrupt`], which
    /// name the file and the row: of `out` some rows were written. Later calls are not disturbed.
    pub fn gather(&self, ids: &[usize], out: &mut [u16]) -> Result<()> {
        self.expect(ids, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        self.0.inner.gather(ids, &mut Words { out, dim: self.dim() })
    }

    /// As [`Store::gather`], as exact values.
    ///
    /// # Errors
    /// As [`Store::gather`].
    pub fn gather_f32(&self, ids: &[usize], out: &mut [f32]) -> Result<()> {
        self.expect(ids, out.len())?;
        if out.is_empty() {
            return Ok(());
        }
        self.0.inner.gather(ids, &mut Values { out, words: vec![0; self.dim()] })
    }

    /// Has rows read into the cache, and returns at once. Where earlier calls are still waiting for their turn, or
    /// there is no cache, nothing is done; rows that cannot be read are left to whoever asks for them.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`]; [`Error::Threads`] where the system starts no thread.
    pub fn prefetch(&self, ids: &[usize]) -> Result<()> {
        self.check(ids)?;
        if self.0.inner.cache.is_none() {
            return Ok(());
        }
        let early = match self.0.early.get() {
            Some(early) => early,
            None => {
                let started = start(self.0.inner.clone())?;
                // Of two calls that start a thread at once, one thread finds nobody who sends, and ends.
                self.0.early.get_or_init(|| started)
            }
        };
        match early.try_send(ids.to_vec()) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Ok(()),
        }
    }

    /// What this store has done so far.
    pub fn counters(&self) -> Counters {
        self.0.inner.counting.so_far()
    }

    fn expect(&self, ids: &[usize], found: usize) -> Result<()> {
        self.check(ids)?;
        let expected = ids.len().saturating_mul(self.dim());
        if found == expected { Ok(()) } else { Err(Error::WrongLength { what: "`out`", found, expected }) }
    }

    fn check(&self, ids: &[usize]) -> Result<()> {
        match ids.iter().find(|&&id| id >= self.rows()) {
            Some(&row) => Err(Error::RowOutOfRange { row: row as u64, rows: self.rows() as u64 }),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({} x {} {})", self.rows(), self.dim(), self.dtype())
    }
}

impl Inner {
    fn new(parts: Parts, options: &StoreOptions) -> Inner {
        let (dim, _) = parts.shape();
        // No row takes more bytes than a plain one, which may begin and end anywhere in its pages.
        let longest = (2 * dim + 2 * PAGE).max(TOGETHER as usize);
        let guard = parts.parts.iter().map(|part| part.table.guard()).max().unwrap_or(0);
        let usual = parts.parts.iter().find(|part| part.table.rows() > 0).map_or(0, |part| {
            let place = part.table.place(part.table.rows() / 2);
            place.end - place.start
        });
        Inner {
            parts,
            cache: Cache::new(options.cache_bytes, usual),
            counting: Counting::default(),
            depth: options.depth.clamp(1, DEEPEST),
            longest,
            guard,
            pool: OnceLock::new(),
            threads: options.threads,
            spare: Mutex::default(),
        }
    }

    /// What a call reads with.
    pub fn reads(&self) -> Result<Reads> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(reads) = spare.or_else(|| self.pool.get().and_then(Reads::share)) {
            return Ok(reads);
        }
        let reads = Reads::new(self.depth, self.longest, self.guard, self.threads)?;
        if let Some(shared) = reads.share() {
            // Of two calls that start threads at once, the threads of one end with its call.
            let _ = self.pool.set(shared);
        }
        Ok(reads)
    }

    /// Keeps it for the next call.
    pub fn give_back(&self, reads: Reads) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(reads);
    }
}

/// Starts the thread that reads early; it ends with the last clone of the store.
fn start(inner: Arc<Inner>) -> Result<SyncSender<Vec<usize>>> {
    let (early, calls) = sync_channel::<Vec<usize>>(CALLS);
    let work = move || {
        for mut ids in calls {
            ids.retain(|&id| !inner.cache.has(id as u64));
            // Whoever asks for a row that cannot be read hears why.
            if inner.early(&ids).is_ok() {
                more(&inner.counting.prefetched, ids.len());
            }
        }
    };
    let started = std::thread::Builder::new().name("xnc-store-early".into()).spawn(work);
    started.map_err(|e| Error::Threads { threads: 1, reason: e.to_string() })?;
    Ok(early)
}

/// Rows to the words of the source.
struct Words<'a> {
    out: &'a mut [u16],
    dim: usize,
}

impl Put for Words<'_> {
    fn put(&mut self, part: &Part, row: usize, bytes: &[u8], position: usize) {
        let out = &mut self.out[position * self.dim..][..self.dim];
        part.table.decode(row - part.first, bytes, out);
        part.table.leave(out);
    }

    fn again(&mut self, from: usize, position: usize) {
        self.out.copy_within(from * self.dim..(from + 1) * self.dim, position * self.dim);
    }
}

/// Rows to their values.
struct Values<'a> {
    out: &'a mut [f32],
    words: Vec<u16>,
}

impl Put for Values<'_> {
    fn put(&mut self, part: &Part, row: usize, bytes: &[u8], position: usize) {
        let dim = self.words.len();
        part.table.decode(row - part.first, bytes, &mut self.words);
        part.table.widen(&self.words, &mut self.out[position * dim..][..dim]);
    }

    fn again(&mut self, from: usize, position: usize) {
        let dim = self.words.len();
        self.out.copy_within(from * dim..(from + 1) * dim, position * dim);
    }
}
