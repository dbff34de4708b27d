use std::io::{self, BufWriter, Write};

use anyhow::{Context, Result};
use xnc::container::Container;
use xnc::model::folder::model_files;
use xnc::{Dtype, Table, Verify};

use crate::args::{self, RowFormat};

pub fn run(args: &args::Rows) -> Result<()> {
    let table = Table::from_container(&find(args)?, &args.tensor, Verify::OnTouch)?;
    // A first pass finds every error before anything is printed.
    let mut row = vec![0; if table.rows() > 0 { table.dim() } else { 0 }];
    for &id in &args.ids {
        table.row(id, &mut row)?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if args.format == RowFormat::Npy {
        out.write_all(&npy_header(table.dtype(), args.ids.len(), table.dim()))?;
    }
    for &id in &args.ids {
        table.row(id, &mut row)?;
        match args.format {
            RowFormat::Text => {
                write!(out, "{id}")?;
                for &word in &row {
                    write!(out, " {}", table.dtype().to_f32(word))?;
                }
                writeln!(out)?;
            }
            RowFormat::Npy | RowFormat::Raw => {
                for &word in &row {
                    out.write_all(&word.to_le_bytes())?;
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// The model file that holds the tensor: the input, or one of a folder's. Where none does, the last one says so.
fn find(args: &args::Rows) -> Result<Container> {
    let mut last = None;
    for path in model_files(&args.input)? {
        let file = Container::open(&path)?;
        if file.layout().tensor(&args.tensor).is_some() {
            return Ok(file);
        }
        last = Some(file);
    }
    last.context("no model file")
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
