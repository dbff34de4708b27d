//! Arguments of the commands that read model files and write none.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use xnc::Codec;

use super::values::{self, RowFormat};

#[derive(Clone, ClapArgs)]
pub struct Verify {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Compare what it restores to with this file or folder, too, byte for byte; tells the first difference
    #[arg(long, value_name = "SOURCE")]
    pub against: Option<PathBuf>,
    /// At most so many threads; results do not depend on it [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Inspect {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// Print one JSON object instead of tables
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write one self-contained page: tables, histograms, size under each codec
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replace an existing FILE of --html
    #[arg(long, requires = "html")]
    pub force: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Analyze {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// At most so many threads; results do not depend on it [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Rows {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// Name of the table
    #[arg(long)]
    pub tensor: String,
    /// Row numbers from 0 and ranges with both ends, such as `0,5,40-42`; @FILE reads them from a file, -
    /// from standard input
    ///
    /// Commas, blanks and ends of lines separate them. The option may be given several times; rows come in
    /// the order asked for.
    #[arg(long, required = true, allow_hyphen_values = true)]
    pub ids: Vec<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub format: RowFormat,
    /// Print one JSON object instead
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Bench {
    /// Model file, plain or compressed
    pub input: PathBuf,
    /// Name of the table [default: the largest]
    #[arg(long)]
    pub tensor: Option<String>,
    /// Codec [default: the one the file is compressed with, else `fast`]
    #[arg(long, value_parser = values::codec())]
    pub codec: Option<Codec>,
    /// At most so many threads at a product or a read [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Time to spend measuring, in seconds
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Only find out how products of `fast` had best ask for memory ahead on this processor; takes half a
    /// minute, and prints what to set XNC_PREFETCH to
    #[arg(long, conflicts_with_all = ["codec", "seconds"])]
    pub tune: bool,
    /// Only measure rows read from disk, with the page cache by-passed and dropped, beside plain rows read in the same
    /// way; Linux
    #[arg(long, conflicts_with = "tune")]
    pub cold: bool,
    /// Megabytes of memory for rows that were read
    #[arg(long, requires = "cold", default_value_t = 0)]
    pub cache: u64,
    /// Source of a compressed file, which is restored to a temporary file otherwise
    #[arg(long, value_name = "SOURCE")]
    pub against: Option<PathBuf>,
    /// Measure one product and print JSON: a part of `--tune`
    #[arg(long, hide = true, requires = "tensor")]
    pub probe: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
