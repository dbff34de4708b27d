//! The command line: what the user may say.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use xnc::{Codec, Selection};

/// Keeps the 16-bit embedding tables of small language models compressed, bit for bit.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; also when nothing was worth compressing
  1  any other failure
  2  wrong usage
  3  a file could not be read or written
  4  a file is damaged, or is no model file
  5  refused: already compressed, not compressed, target exists, newer format, no such tensor or row

A source or an existing target is never changed unless --force replaces the target.";

#[derive(Subcommand)]
pub enum Command {
    /// Compress the tables of a model file into a new file of the same format
    #[command(
        after_help = "Example:\n  xnc compress model.safetensors          writes model.xnc.safetensors\n\n\
        The new file is restored in memory and compared with the source's SHA-256 before it appears."
    )]
    Compress(Compress),
    /// Bring the tables of a compressed file under another codec, without its source
    #[command(
        after_help = "Example:\n  xnc transcode small.xnc.safetensors -o model.xnc.safetensors --codec fast\n\n\
        The new file is what `compress` with that codec makes of the source. It is restored in memory and \
        compared with the source's SHA-256 before it appears. Tables are read a few rows at a time: memory stays \
        about the size of the larger file. Only `--codec dense` takes all words of a table at once."
    )]
    Transcode(Transcode),
    /// Bring back the source of a compressed file, byte for byte
    #[command(after_help = "Example:\n  xnc restore model.xnc.safetensors -o model.safetensors")]
    Restore(Restore),
    /// Check every checksum and digest of a compressed file, and that it restores; write nothing
    #[command(after_help = "Example:\n  xnc verify model.xnc.safetensors")]
    Verify(Verify),
    /// Show which tables a file holds, their share of it, and their exponents
    #[command(
        after_help = "Example:\n  xnc inspect model.safetensors\n  xnc inspect model.safetensors --html model.html\n\n\
        The page needs nothing but a browser. Its sizes are found by encoding the tables: seconds for each 100 MB."
    )]
    Inspect(Inspect),
    /// Count words as the paper does, and the order-0 entropy; write nothing
    #[command(after_help = "Example:\n  xnc analyze model.safetensors --json\n\n\
        The paper's statistics are taken on FP16 words; a BF16 table is cast as torch casts it.\n\
        A narrow word has an upper byte of all zeros or all ones and is not zero.")]
    Analyze(Analyze),
    /// Print rows of a table, compressed or plain
    #[command(
        after_help = "Example:\n  xnc rows model.xnc.safetensors --tensor model.embed_tokens.weight --ids 0,5,42\n\n\
        text: a line a row, the values exact and as short as they can be\n\
        npy:  one array of shape (rows, columns): float16, or uint16 holding BF16 words\n\
        raw:  the words, little-endian, one row after another"
    )]
    Rows(Rows),
    /// Measure ratio, encoding, decoding, lookups and products of a table beside plain words
    #[command(after_help = "Example:\n  xnc bench model.safetensors --json\n\n\
        Everything runs in one process, interleaved in random order; medians are reported.\n\
        The plain product is the fastest of several variants. GB = 10^9 bytes of source words.\n\
        Temporary files of the size of the input are written to the system's temporary folder.")]
    Bench(Bench),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  xnc completions bash > ~/.local/share/bash-completion/completions/xnc"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual, or write a page for every command
    #[command(after_help = "Example:\n  xnc man --folder ~/.local/share/man/man1 && man xnc-compress")]
    Man {
        /// Folder for one page a command; without it, the first page goes to standard output
        #[arg(long)]
        folder: Option<PathBuf>,
    },
}

#[derive(ClapArgs)]
pub struct Bench {
    /// Model file, plain or compressed
    pub input: PathBuf,
    /// Name of the table [default: the largest]
    #[arg(long)]
    pub tensor: Option<String>,
    /// Codec [default: the one the file is compressed with, else `fast`]
    #[arg(long, value_enum)]
    pub codec: Option<CodecArg>,
    /// Threads of the product [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Time to spend measuring, in seconds
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs)]
pub struct Compress {
    /// Model file or folder
    pub input: PathBuf,
    /// Target [default: STEM.xnc.EXT or FOLDER.xnc beside the input]
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Codec of the tables
    #[arg(long, value_enum, default_value_t = CodecArg::Fast)]
    pub codec: CodecArg,
    /// Which tensors: `embeddings` (token and per-layer embeddings and output heads, by name), `all` 16-bit tensors, or NAME,NAME
    #[arg(long, default_value = "embeddings")]
    pub tensors: String,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(ClapArgs)]
pub struct Transcode {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Target
    #[arg(short, long)]
    pub output: PathBuf,
    /// Codec that the tables get
    #[arg(long, value_enum)]
    pub codec: CodecArg,
    #[command(flatten)]
    pub writing: Writing,
}

/// How a compressed file is made.
#[derive(ClapArgs)]
pub struct Writing {
    /// For codec dense: 1 (fast, rows independent of each other) to 4 (smallest)
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub effort: u8,
    /// Threads [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Replace an existing target
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs)]
pub struct Restore {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Target [default: the input's name without `.xnc`]
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Threads [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Replace an existing target
    #[arg(long)]
    pub force: bool,
}

#[derive(ClapArgs)]
pub struct Verify {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Threads [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
}

#[derive(ClapArgs)]
pub struct Inspect {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// Print one JSON object instead of tables
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write one self-contained page: tables, histograms, size under each codec
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replace an existing FILE
    #[arg(long, requires = "html")]
    pub force: bool,
}

#[derive(ClapArgs)]
pub struct Analyze {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// Threads [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(ClapArgs)]
pub struct Rows {
    /// Model file or folder, plain or compressed
    pub input: PathBuf,
    /// Name of the table
    #[arg(long)]
    pub tensor: String,
    /// Row numbers, from 0
    #[arg(long, value_delimiter = ',', required = true)]
    pub ids: Vec<usize>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub format: RowFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    Text,
    Npy,
    Raw,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodecArg {
    /// Rows that decode alone at memory speed
    Fast,
    /// The published block scheme
    Xnc,
    /// The smallest files: predicts rows from columns, from themselves and from each other
    Dense,
}

impl From<CodecArg> for Codec {
    fn from(codec: CodecArg) -> Codec {
        match codec {
            CodecArg::Fast => Codec::Fast,
            CodecArg::Xnc => Codec::Xnc,
            CodecArg::Dense => Codec::Dense,
        }
    }
}

impl Command {
    /// The file or folder the command reads.
    pub fn input(&self) -> Option<&Path> {
        match self {
            Command::Compress(args) => Some(&args.input),
            Command::Transcode(args) => Some(&args.input),
            Command::Restore(args) => Some(&args.input),
            Command::Verify(args) => Some(&args.input),
            Command::Inspect(args) => Some(&args.input),
            Command::Analyze(args) => Some(&args.input),
            Command::Rows(args) => Some(&args.input),
            Command::Bench(args) => Some(&args.input),
            Command::Completions { .. } | Command::Man { .. } => None,
        }
    }
}

/// Reads the value of `--tensors`.
pub fn selection(text: &str) -> Selection {
    match text {
        "embeddings" => Selection::Embeddings,
        "all" => Selection::All,
        names => Selection::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
    }
}
