use std::io::{self, Write};

use anyhow::Result;
use serde_json::json;
use xnc::{Dtype, Model, Table, model_files};

use super::not_found;
use crate::args::{self, RowFormat};
use crate::exit::Failure;
use crate::ids::Ids;
use crate::say;

/// Words read at a time.
const BATCH: usize = 1 << 20;

pub fn run(args: &args::Rows) -> Result<()> {
    let ids = Ids::read(&args.ids)?;
    let table = find(args)?;
    let count = ids.count(table.rows())?;
    let batch = (BATCH / table.dim().max(1)).max(1);
    // A first pass finds every error before anything is printed; rows of one batch are read once.
    if count > batch {
        for_each_batch(&table, &ids, batch, |_, _| Ok(()))?;
    }
    let mut out = say::stdout();
    let mut printer = Printer { args, table: &table, first: true };
    for_each_batch(&table, &ids, batch, |ids, words| {
        if printer.first {
            printer.begin(&mut out, count).map_err(Failure::Stdout)?;
        }
        let mut rows = ids.iter().zip(words.chunks(table.dim().max(1)).chain(std::iter::repeat(&words[..0])));
        rows.try_for_each(|(id, row)| printer.row(&mut out, *id, row)).map_err(Failure::Stdout)?;
        Ok(())
    })?;
    printer.end(&mut out).and_then(|()| out.flush()).map_err(Failure::Stdout)?;
    Ok(())
}

/// Reads rows, as many at a time as `batch` says.
fn for_each_batch(
    table: &Table,
    ids: &Ids,
    batch: usize,
    mut take: impl FnMut(&[usize], &[u16]) -> Result<()>,
) -> Result<()> {
    let mut ids = ids.iter();
    let mut words = Vec::new();
    loop {
        let some: Vec<usize> = ids.by_ref().take(batch).collect();
        if some.is_empty() {
            return Ok(());
        }
        words.resize(some.len() * table.dim(), 0);
        table.gather(&some, &mut words)?;
        take(&some, &words)?;
    }
}

/// The table, from the input or from whichever of a folder's files holds it.
fn find(args: &args::Rows) -> Result<Table> {
    let mut names = Vec::new();
    for path in model_files(&args.input)? {
        let model = Model::open(&path)?;
        if model.tensor(&args.tensor).is_some() {
            return Ok(model.table(&args.tensor)?);
        }
        names.extend(model.tables().into_iter().map(str::to_owned));
    }
    Err(not_found(&args.tensor, names).into())
}

/// Writes rows in the format that was asked for.
struct Printer<'a> {
    args: &'a args::Rows,
    table: &'a Table,
    first: bool,
}

impl Printer<'_> {
    fn begin(&mut self, out: &mut impl Write, count: usize) -> io::Result<()> {
        let (table, dtype) = (self.table, self.table.dtype());
        if self.args.json {
            let head = json!({
                "tensor": self.args.tensor,
                "dtype": dtype,
                "codec": table.codec().map(xnc::Codec::name),
                "shape": [table.rows(), table.dim()],
            });
            // The object stays open for its last entry.
            return write!(out, "{},\"rows\":[", head.to_string().trim_end_matches('}'));
        }
        match self.args.format {
            RowFormat::Npy => out.write_all(&npy_header(dtype, count, table.dim())),
            RowFormat::Text | RowFormat::Raw => Ok(()),
        }
    }

    fn row(&mut self, out: &mut impl Write, id: usize, row: &[u16]) -> io::Result<()> {
        let values = row.iter().map(|word| value(self.table.dtype(), *word));
        if self.args.json {
            let comma = if self.first { "" } else { "," };
            write!(out, "{comma}\n{{\"id\":{id},\"values\":[")?;
            for (position, value) in values.enumerate() {
                let comma = if position == 0 { "" } else { "," };
                let quote = if value.is_finite() { "" } else { "\"" };
                write!(out, "{comma}{quote}{value}{quote}")?;
            }
            self.first = false;
            return write!(out, "]}}");
        }
        self.first = false;
        match self.args.format {
            RowFormat::Text => {
                write!(out, "{id}")?;
                for value in values {
                    write!(out, " {value}")?;
                }
                writeln!(out)
            }
            RowFormat::Npy | RowFormat::Raw => {
                row.iter().try_for_each(|word| out.write_all(&word.to_le_bytes()))
            }
        }
    }

    fn end(&self, out: &mut impl Write) -> io::Result<()> {
        if self.args.json { writeln!(out, "\n]}}") } else { Ok(()) }
    }
}

fn value(dtype: Dtype, word: u16) -> f32 {
    match dtype {
        Dtype::Bf16 => half::bf16::from_bits(word).to_f32(),
        Dtype::F16 => half::f16::from_bits(word).to_f32(),
    }
}

/// NPY format 1.0. NumPy has no bfloat16, so such words come as integers.
fn npy_header(dtype: Dtype, rows: usize, dim: usize) -> Vec<u8> {
    let descr = match dtype {
        Dtype::Bf16 => "<u2",
        Dtype::F16 => "<f2",
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.push_str(&" ".repeat(length - 1 - text.len()));
    text.push('\n');
    [b"\x93NUMPY\x01\x00", &(length as u16).to_le_bytes()[..], text.as_bytes()].concat()
}
