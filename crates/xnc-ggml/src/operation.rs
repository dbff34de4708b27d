//! The two operations on a table: rows, and the product with activations.

use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use xnc::{Activations, Dtype, Table};

use crate::abi::{Tensor, Words};
use crate::buffer::place_of;
use crate::host::Operations;
use crate::team::Team;

/// Rows that a thread takes at a time: enough to hide the taking, few enough that threads end together.
const PIECE_ROWS: usize = 1024;
/// Where there are several vectors, so many values together: half a megabyte.
const PIECE_VALUES: usize = 1 << 17;
/// However many vectors there are, rows are unpacked for all of them by so many.
const LEAST_ROWS: usize = 128;

/// Computes the tensor, on at most so many threads.
pub fn run(tensor: &Tensor, is: &Operations, team: &Team, threads: usize) -> Result<(), String> {
    if is.idle.contains(&tensor.op) {
        return Ok(());
    }
    let missing = || format!("{} has no operands", tensor.name());
    let (weight, other) = (tensor.source(0).ok_or_else(missing)?, tensor.source(1).ok_or_else(missing)?);
    let words = weight.words().ok_or_else(|| format!("{} is no table of 16-bit words", weight.name()))?;
    let place = place_of(weight).ok_or_else(|| format!("{} is not with this backend", weight.name()))?;
    let table = place.table(weight, words)?;
    if tensor.op == is.get_rows {
        rows(tensor, other, words, &table)
    } else if tensor.op == is.mul_mat {
        product(tensor, other, words, &table, team, threads)
    } else {
        Err(format!("{} is an operation that this backend does not know", tensor.name()))
    }
}

fn rows(tensor: &Tensor, numbers: &Tensor, words: Words, table: &Table) -> Result<(), String> {
    let count = numbers.row_numbers().filter(|&count| tensor.vectors(words.dim) == Some(count));
    let count = count.ok_or_else(|| format!("{} has operands of another shape", tensor.name()))?;
    if count == 0 {
        return Ok(());
    }
    // SAFETY: packed I32 and F32 of these numbers, which the host has computed, and given room for.
    let (numbers, out) = unsafe {
        let out = from_raw_parts_mut(tensor.data.cast::<f32>(), count * words.dim);
        (from_raw_parts(numbers.data.cast::<i32>(), count), out)
    };
    // A negative number is past the end, too.
    let ids: Vec<usize> = numbers.iter().map(|&id| usize::try_from(id).unwrap_or(usize::MAX)).collect();
    table.gather_f32(&ids, out).map_err(|e| e.to_string())
}

fn product(
    tensor: &Tensor,
    x: &Tensor,
    words: Words,
    table: &Table,
    team: &Team,
    threads: usize,
) -> Result<(), String> {
    let count = x.vectors(words.dim).filter(|&count| tensor.vectors(words.rows) == Some(count));
    let count = count.ok_or_else(|| format!("{} has operands of another shape", tensor.name()))?;
    if count == 0 {
        return Ok(());
    }
    // SAFETY: packed F32 of this number, which the host has computed.
    let x = unsafe { from_raw_parts(x.data.cast::<f32>(), count * words.dim) };
    let activations = ready(table, words.dtype, x).map_err(|e| e.to_string())?;
    let out = Columns { base: tensor.data.cast(), rows: words.rows, count };
    shared_out(&activations, &out, team, threads)
}

/// Activations as ggml takes them for a table of such words: rounded to the words' type. `XNC_ACTIVATIONS=f32`
/// takes them as they are.
fn ready(table: &Table, dtype: Dtype, x: &[f32]) -> xnc::Result<Activations> {
    static AS_THEY_ARE: LazyLock<bool> =
        LazyLock::new(|| std::env::var_os("XNC_ACTIVATIONS").is_some_and(|value| value == "f32"));
    match dtype {
        _ if *AS_THEY_ARE => table.activations(x),
        // Where the processor multiplies BF16 itself, ggml has it do so, and so do we.
        Dtype::Bf16 if multiplies_bf16() => {
            let mut words = vec![bf16::ZERO; x.len()];
            words.convert_from_f32_slice(x);
            table.activations_bf16(words.reinterpret_cast())
        }
        Dtype::Bf16 => table.activations(&x.iter().map(|&x| bf16::from_f32(x).to_f32()).collect::<Vec<_>>()),
        _ => {
            let (mut words, mut wide) = (vec![f16::ZERO; x.len()], vec![0.0; x.len()]);
            words.convert_from_f32_slice(x);
            words.convert_to_f32_slice(&mut wide);
            table.activations(&wide)
        }
    }
}

fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The result: a vector of `rows` values for each of `count` activations.
struct Columns {
    base: *mut f32,
    rows: usize,
    count: usize,
}

// SAFETY: the host gives this memory for the result; threads take parts of it that do not meet.
unsafe impl Sync for Columns {}

impl Columns {
    /// The values of some rows in every vector.
    ///
    /// # Safety
    /// No row is in two parts that are in use at a time, and none is in use after the host's operation.
    unsafe fn part<'a>(&self, rows: &Range<usize>) -> Vec<&'a mut [f32]> {
        assert!(rows.end <= self.rows);
        // SAFETY: inside the memory of the result; what the caller promises keeps parts apart.
        let part = |column| unsafe {
            from_raw_parts_mut(self.base.add(column * self.rows + rows.start), rows.len())
        };
        (0..self.count).map(part).collect()
    }
}

/// Pieces of rows are taken one by one, not dealt out: a core that something else runs on does less.
fn shared_out(activations: &Activations, out: &Columns, team: &Team, threads: usize) -> Result<(), String> {
    // The library gives several vectors one after another, for as many rows as stay in a cache until they are
    // where the host wants them.
    let piece = (PIECE_VALUES / out.count).clamp(LEAST_ROWS, PIECE_ROWS);
    let pieces = out.rows.div_ceil(piece);
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
    team.run(threads.min(pieces), &|| {
        let mut buffer = vec![0.0; if out.count > 1 { piece * out.count } else { 0 }];
        let taken =
            std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < pieces));
        for first in taken.map(|at| at * piece) {
            let rows = first..out.rows.min(first + piece);
            // SAFETY: a piece is taken once.
            let mut parts = unsafe { out.part(&rows) };
            match times(activations, &rows, &mut buffer, &mut parts) {
                Ok(()) => {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
                }
            }
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None if done.into_inner() < pieces => Err("a thread ended before its work did".into()),
        None => Ok(()),
    }
}

/// Some rows times all vectors, into one slice a vector; `buffer` takes all of it when there are several.
fn times(
    activations: &Activations,
    rows: &Range<usize>,
    buffer: &mut [f32],
    parts: &mut [&mut [f32]],
) -> xnc::Result<()> {
    if let [part] = parts {
        return activations.product(rows.clone(), part);
    }
    let values = &mut buffer[..rows.len() * parts.len()];
    activations.product(rows.clone(), values)?;
    for (part, values) in parts.iter_mut().zip(values.chunks_exact(rows.len())) {
        part.copy_from_slice(values);
    }
    Ok(())
}
