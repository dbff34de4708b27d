//! Stores: rows read from disk when they are asked for.

use std::ffi::c_char;

use xnc_store::StoreOptions;

use crate::info::TableInfo;
use crate::memory::{self, Place, apart, input, lent, output, text};
use crate::model::os_text;
use crate::status::{Failure, Status, call, value};

/// A table whose rows are read from disk when they are asked for.
pub struct Store(xnc_store::Store);

/// What a store has done since it was opened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StoreCounters {
    /// Rows that were asked for; one that stands twice in a call counts twice.
    pub rows: u64,
    /// Those of them that were in the cache.
    pub hits: u64,
    /// Reads that were asked of the system.
    pub reads: u64,
    /// Bytes that these asked for.
    pub bytes: u64,
    /// How often a call waited for a read to end.
    pub waits: u64,
    /// Rows that xnc_store_prefetch() had read.
    pub prefetched: u64,
}

/// Opens a table of a file, or of a model folder, for rows that are read from disk: the tensor `name`, or the tensors
/// `name`.0, `name`.1 and so on, which follow each other. It must be plain, or under XNC_CODEC_FAST or XNC_CODEC_TIGHT.
///
/// The index of the table is held in memory, and up to `cache_bytes` of rows that were read; of the table's bytes
/// nothing else is. `direct` other than 0 by-passes the system's page cache, on Linux. `depth` is the most reads of one
/// call that are in flight at a time, 0 for 64. `path` and `name` are lent for the call. `*store` is the caller's, who
/// frees it with xnc_store_free(). Unlike a mapped file, one that is cut gives errors, not signals.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_open(
    path: *const c_char,
    name: *const c_char,
    cache_bytes: u64,
    direct: u32,
    depth: usize,
    store: *mut *mut Store,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (place, path, name) =
            unsafe { (Place::new("store", store)?, text("path", path)?, text("name", name)?) };
        let name = name.to_str().map_err(|_| Failure::argument("`name` is not UTF-8"))?;
        let mut options = StoreOptions::default();
        (options.cache_bytes, options.direct) = (cache_bytes, direct != 0);
        if depth != 0 {
            options.depth = depth;
        }
        place.put(Store(xnc_store::Store::open(os_text(path.to_bytes())?, name, &options)?));
        Ok(())
    })
}

/// Frees a store; NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_free(store: *mut Store) {
    value((), || {
        // SAFETY: as the header asks of callers.
        unsafe { memory::free(store) };
        Ok(())
    });
}

/// Tells what a store's table is, as xnc_table_get_info() does; `stored_bytes` are those of its index, in memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_get_info(
    store: *const Store,
    info: *mut TableInfo,
    size: usize,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        unsafe { memory::tell("info", info, size, TableInfo::of_store(&lent("store", store)?.0)?) }
    })
}

/// Reads `count` rows, by their numbers in `rows`, into `out`: `length` words, `count` times as many as the table
/// has columns. A row that is asked for several times is read once. After an error, `out` may hold some of the rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_gather(
    store: *const Store,
    rows: *const usize,
    count: usize,
    out: *mut u16,
    length: usize,
) -> Status {
    call(|| {
        apart(("rows", rows, count), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (store, rows, out) =
            unsafe { (lent("store", store)?, input("rows", rows, count)?, output("out", out, length)?) };
        Ok(store.0.gather(rows, out)?)
    })
}

/// As xnc_store_gather(), but gives the exact values of the words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_gather_f32(
    store: *const Store,
    rows: *const usize,
    count: usize,
    out: *mut f32,
    length: usize,
) -> Status {
    call(|| {
        apart(("rows", rows, count), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (store, rows, out) =
            unsafe { (lent("store", store)?, input("rows", rows, count)?, output("out", out, length)?) };
        Ok(store.0.gather_f32(rows, out)?)
    })
}

/// Has `count` rows read into the cache, and returns at once. Does nothing where the store has no cache, or earlier
/// calls still wait for their turn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_prefetch(store: *const Store, rows: *const usize, count: usize) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (store, rows) = unsafe { (lent("store", store)?, input("rows", rows, count)?) };
        Ok(store.0.prefetch(rows)?)
    })
}

/// Tells what a store has done. `counters` is the caller's; `size` is sizeof(xnc_store_counters) where the caller was
/// compiled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_store_get_counters(
    store: *const Store,
    counters: *mut StoreCounters,
    size: usize,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let so_far = unsafe { lent("store", store)? }.0.counters();
        let told = StoreCounters {
            rows: so_far.rows,
            hits: so_far.hits,
            reads: so_far.reads,
            bytes: so_far.bytes,
            waits: so_far.waits,
            prefetched: so_far.prefetched,
        };
        // SAFETY: as the header asks of callers.
        unsafe { memory::tell("counters", counters, size, told) }
    })
}
