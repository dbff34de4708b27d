//! `xnc-bench study` measures and writes the pages; `xnc-bench peer` is the process in which one peer runs.
//! `cargo xtask study` builds what the first needs and starts it.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xnc_bench::peers::{Task, run_child};
use xnc_bench::study::{self, Section, Study};
use xnc_bench::tables::TableFile;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure sections of the study and write its pages
    Study {
        /// Sections to measure [default: all]
        sections: Vec<Section>,
        /// Folder with the tables of `cargo xtask data`; without it, everything runs reduced on `--sample`
        #[arg(long)]
        data: Option<PathBuf>,
        /// A small BF16 table
        #[arg(long)]
        sample: PathBuf,
        /// The `xnc` program
        #[arg(long)]
        xnc: PathBuf,
        /// An interpreter with the Python peers
        #[arg(long)]
        python: Option<PathBuf>,
        /// Folder for results.json, results.md, results.html; sections that are not measured are taken from there
        #[arg(long)]
        out: PathBuf,
        /// Measure five figures of results.json again, chosen at random, and compare
        #[arg(long, conflicts_with = "sections")]
        check: bool,
        /// The choice of an earlier check
        #[arg(long, requires = "check")]
        seed: Option<u64>,
    },
    /// Run one phase of one peer and report as JSON
    Peer { name: String, phase: String, setting: String, table: PathBuf, file: PathBuf },
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Study { sections, data, sample, xnc, python, out, check, seed } => {
            let study = Study::new(data, sample, xnc, python)?;
            if check { study::check::run(&study, &out, seed) } else { study::run(&study, &sections, &out) }
        }
        Command::Peer { name, phase, setting, table, file } => {
            let table = TableFile::open("", &table)?;
            let report = run_child(&name, &phase, &Task { table: &table, key: &setting, file: &file })?;
            println!("{report}");
            Ok(())
        }
    }
}
