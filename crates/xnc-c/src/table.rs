//! Tables: looked up by row, multiplied, encoded in memory.

use xnc::EncodeOptions;

use crate::info::{TableInfo, codec_of, dtype_of};
use crate::memory::{self, Place, apart, input, lent, output};
use crate::status::{Failure, Status, call, value};

/// A table: of a file, compressed or plain, or encoded in memory.
pub struct Table(pub(crate) xnc::Table);

/// Encodes a table in memory.
///
/// `dtype` is an xnc_dtype, `codec` an xnc_codec, but not XNC_CODEC_PLAIN. `words` are lent for the call, `length`
/// of them: `rows` times `columns`, row after row. No copy of them is made, and the table keeps none. At most
/// `threads` threads encode, 0 for one a processor. `*table` is the caller's, who frees it with xnc_table_free().
///
/// A table without words stays plain.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_encode(
    dtype: u32,
    rows: usize,
    columns: usize,
    words: *const u16,
    length: usize,
    codec: u32,
    threads: usize,
    table: *mut *mut Table,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let place = unsafe { Place::new("table", table)? };
        let (dtype, options) = (dtype_of(dtype)?, options(codec, threads)?);
        // SAFETY: as above.
        let words = unsafe { input("words", words, length)? };
        place.put(Table(xnc::Table::encode(dtype, rows, columns, words, &options)?));
        Ok(())
    })
}

/// The same table in memory under another codec: one of XNC_CODEC_DENSE becomes one of XNC_CODEC_FAST, for running.
///
/// `table` is lent for the call. `codec` and `threads` are as for xnc_table_encode(). `*result` is the caller's,
/// who frees it with xnc_table_free(); a table that is under that codec already becomes a second handle to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_transcode(
    table: *const Table,
    codec: u32,
    threads: usize,
    result: *mut *mut Table,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (place, table) = unsafe { (Place::new("result", result)?, lent("table", table)?) };
        place.put(Table(table.0.transcode(&options(codec, threads)?)?));
        Ok(())
    })
}

/// Frees a table; NULL is none. The last of a file's handles to be freed lets the file go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_free(table: *mut Table) {
    value((), || {
        // SAFETY: as the header asks of callers.
        unsafe { memory::free(table) };
        Ok(())
    });
}

/// Tells what a table is. `info` is the caller's; `size` is sizeof(xnc_table_info) where the caller was compiled,
/// so that a later library does not write beyond it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_get_info(
    table: *const Table,
    info: *mut TableInfo,
    size: usize,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        unsafe { memory::tell("info", info, size, TableInfo::of(&lent("table", table)?.0)?) }
    })
}

/// Reads row `row` into `out`: `length` words, as many as the table has columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_row(
    table: *const Table,
    row: usize,
    out: *mut u16,
    length: usize,
) -> Status {
    call(|| {
        // SAFETY: as the header asks of callers.
        let (table, out) = unsafe { (lent("table", table)?, output("out", out, length)?) };
        Ok(table.0.row(row, out)?)
    })
}

/// Reads `count` rows, by their numbers in `rows`, into `out`: `length` words, `count` times as many as the table
/// has columns. A row may be asked for several times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_gather(
    table: *const Table,
    rows: *const usize,
    count: usize,
    out: *mut u16,
    length: usize,
) -> Status {
    call(|| {
        apart(("rows", rows, count), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (table, rows, out) =
            unsafe { (lent("table", table)?, input("rows", rows, count)?, output("out", out, length)?) };
        Ok(table.0.gather(rows, out)?)
    })
}

/// As xnc_table_gather(), but gives the exact values of the words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_gather_f32(
    table: *const Table,
    rows: *const usize,
    count: usize,
    out: *mut f32,
    length: usize,
) -> Status {
    call(|| {
        apart(("rows", rows, count), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (table, rows, out) =
            unsafe { (lent("table", table)?, input("rows", rows, count)?, output("out", out, length)?) };
        Ok(table.0.gather_f32(rows, out)?)
    })
}

/// Multiplies the table with `x`: `x_length` values, one or more vectors of as many as the table has columns. `out`
/// becomes as many vectors of as many values as the table has rows, `length` in all.
///
/// At most `threads` threads work, the calling one among them: 1 for it alone, 0 for one a processor. The others
/// are the library's; it starts them with the first product or table that asks for more than one, and keeps them.
/// A process that forked afterwards has none of them, and must pass 1. Results do not depend on `threads`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_product(
    table: *const Table,
    x: *const f32,
    x_length: usize,
    threads: usize,
    out: *mut f32,
    length: usize,
) -> Status {
    call(|| {
        apart(("x", x, x_length), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (table, x, out) =
            unsafe { (lent("table", table)?, input("x", x, x_length)?, output("out", out, length)?) };
        Ok(table.0.product(x, threads, out)?)
    })
}

/// As xnc_table_product(), of `count` rows from `first` on, on the calling thread alone: for callers that share the
/// rows out to threads of their own. `out` becomes as many vectors of `count` values as `x` has vectors, `length`
/// in all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xnc_table_product_rows(
    table: *const Table,
    x: *const f32,
    x_length: usize,
    first: usize,
    count: usize,
    out: *mut f32,
    length: usize,
) -> Status {
    call(|| {
        apart(("x", x, x_length), ("out", out, length))?;
        // SAFETY: as the header asks of callers; the buffers do not overlap.
        let (table, x, out) =
            unsafe { (lent("table", table)?, input("x", x, x_length)?, output("out", out, length)?) };
        let end = first
            .checked_add(count)
            .ok_or(xnc::Error::RowOutOfRange { row: first as u64, rows: table.0.rows() as u64 })?;
        Ok(table.0.activations(x)?.product(first..end, out)?)
    })
}

fn options(codec: u32, threads: usize) -> Result<EncodeOptions, Failure> {
    let mut options = EncodeOptions::default();
    (options.codec, options.threads) = (codec_of(codec)?.1, threads);
    Ok(options)
}
