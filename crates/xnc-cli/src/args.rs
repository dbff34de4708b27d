//! The command line: what the user may say.

mod reading;
mod values;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args as ClapArgs, Parser, Subcommand};
use xnc::{Codec, CompressOptions};

use crate::exit::Failure;

pub use reading::{Analyze, Bench, Inspect, Rows, Verify};
pub use values::{RowFormat, selection};

/// Keeps the 16-bit embedding tables of small language models compressed, bit for bit.
#[derive(Clone, Parser)]
#[command(name = "xnc", bin_name = "xnc", version, after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; also when nothing was worth compressing
  1  any other failure
  2  wrong usage
  3  a file could not be read or written, was cut while it was read, or would not fit
  4  a file is damaged, edited since compressing, or no model file
  5  refused: already compressed, not compressed, target exists or is being written, newer format,
     no such tensor or row
  6  `verify --against`: what is restored differs from the source it was compared with

A source is never changed, and an existing target only where --force replaces it. Ctrl-C leaves
neither a part of a target nor a temporary file.

With --json, standard output is one object: what was done, or {\"error\": {kind, message, exit_code}}.
XNC_BACKEND=scalar|avx2|avx512|neon takes another instruction set than the fastest of the machine.
XNC_PREFETCH=t0:BYTES|t1:BYTES asks for memory so far ahead; `xnc bench --tune` finds the best.";

#[derive(Clone, Subcommand)]
pub enum Command {
    /// Compress the tables of a model file into a new file of the same format
    #[command(
        after_help = "Examples:\n  xnc compress model.safetensors          writes model.xnc.safetensors\n  \
        xnc compress model.gguf --codec dense --tensors '*embed*,output.weight'\n\n\
        The new file is restored in memory and compared with the source's SHA-256 before it appears."
    )]
    Compress(Compress),
    /// Bring the tables of a compressed file under another codec, without its source
    #[command(
        after_help = "Example:\n  xnc transcode small.xnc.safetensors -o model.xnc.safetensors --codec fast\n\n\
        Tables that the source's file keeps plain stay so; of the others the new file has what `compress` \
        with that codec makes. It is restored in memory and \
        compared with the source's SHA-256 before it appears. Tables are read a few rows at a time: memory \
        stays about the size of the larger file. Only `--codec dense` takes all words of a table at once."
    )]
    Transcode(Transcode),
    /// Bring back the source of a compressed file, byte for byte
    #[command(after_help = "Example:\n  xnc restore model.xnc.safetensors -o model.safetensors")]
    Restore(Restore),
    /// Check every checksum and digest of a compressed file, and that it restores; write nothing
    #[command(after_help = "Examples:\n  xnc verify model.xnc.safetensors\n  \
        xnc verify model.xnc.safetensors --against model.safetensors\n\n\
        --against rests on no checksum: it reads both and compares every byte, tensors first, each with the \
        one of its name, then all other bytes of the file, then the files of a folder that hold no tensors. \
        The first difference is told with its tensor, row, column and both values, or its offset in SOURCE; \
        damage of what is compared, if there is any, is told instead. \
        With --json, it is `error.difference`: {file, tensor, row, column, offset, restored, source}; \
        what does not apply is null.")]
    Verify(Verify),
    /// Show which tables a file holds, their share of it, and their exponents
    #[command(after_help = "Examples:\n  xnc inspect model.safetensors\n  \
        xnc inspect model.safetensors --html model.html\n\n\
        The page needs nothing but a browser. Its sizes are found by encoding the tables: \
        seconds for each 100 MB.")]
    Inspect(Inspect),
    /// Count words as the paper does, the order-0 entropy, and what compressed tables take; write nothing
    #[command(after_help = "Examples:\n  xnc analyze model.safetensors --json\n  \
        xnc analyze model.xnc.safetensors\n\n\
        The paper's statistics are taken on FP16 words; a BF16 table is cast as torch casts it.\n\
        A narrow word has an upper byte of all zeros or all ones and is not zero.\n\n\
        Of a compressed table every byte that it adds to its file is counted: payload; index; model (what \
        all rows share: in `dense` what rows are predicted with, in `fast` the codes); metadata. \
        `order-0` is the entropy of its words one by one, in bytes, without the counts that a coder \
        would need for it; `ratio to it` is that against all bytes, above 1 where the table is smaller. \
        The last line restores everything with the decoder in Python. --json has these in \
        `stored`, which is null for a plain table: {codec, same_as, payload_bytes, index_bytes, \
        model_bytes, metadata_bytes, bytes, bits_per_weight, source_bytes, ratio, order0_bytes, \
        ratio_to_order0}; and beside `tensors`, where a file is compressed, file_bytes, source_bytes and \
        repeat, the line to run. docs/lossless.md explains them.")]
    Analyze(Analyze),
    /// Print rows of a table, compressed or plain
    #[command(after_help = "Examples:\n  xnc rows model.xnc.safetensors --tensor model.embed_tokens.weight \
            --ids 0,5,40-42\n  \
        tokenize < text | xnc rows model.gguf --tensor token_embd.weight --ids - --format raw\n\n\
        text: a line a row, the values exact and as short as they can be\n\
        npy:  one array of shape (rows, columns): float16, or uint16 holding BF16 words\n\
        raw:  the words, little-endian, one row after another\n\n\
        --json gives a list `rows` of objects `id` and `values`; what JSON has no \
        number for is \"NaN\", \"inf\" or \"-inf\".\n\
        Every id is checked, and every row read, before the first is printed.")]
    Rows(Rows),
    /// Measure ratio, encoding, decoding, lookups and products of a table beside plain words
    #[command(after_help = "Example:\n  xnc bench model.safetensors --json\n\n\
        Everything runs in one process, interleaved in random order; medians are reported.\n\
        The plain product is the fastest of several loops and prefetch distances over a mapped file; with one\n\
        vector it has to reach 0.9 of reading on as many threads, or the comparison is said not to hold.\n\
        GB = 10^9 bytes of source words.\n\
        Temporary files of the size of the input are written to the system's temporary folder.")]
    Bench(Bench),
    /// Run a llama.cpp program with the model's tables compressed in memory
    #[command(after_help = "Examples:\n  xnc run model.xnc.gguf -- llama-server -c 4096\n  \
        xnc run model.gguf -- llama-completion -p 'Once upon a time'\n\n\
        The program is one of an unmodified llama.cpp that can load backends; libggml-xnc.so lies beside this \
        command. `-m`, and `-ot` where it is needed, are added at the end; where an argument holds `{model}`, the \
        model's path goes there instead, and nothing is added. Linux only; docs/llama.cpp.md has the rest.")]
    Run(Run),
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

#[derive(Clone, ClapArgs)]
pub struct Compress {
    /// Model file or folder
    pub input: PathBuf,
    /// Target [default: STEM.xnc.EXT or FOLDER.xnc beside the input]
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Codec of the tables
    #[arg(long, value_parser = values::codec(), default_value_t = Codec::default())]
    pub codec: Codec,
    /// Which tensors: `embeddings` (token and per-layer embeddings and output heads, by name), `all`, or
    /// NAME,NAME
    ///
    /// A name with `*` (any characters) or `?` (one) is a pattern, such as '*embed*'; quote it, or the
    /// shell may take it for files. Tensors of BF16 and F16 values are compressed, and those of F32 whose
    /// values are all BF16 or all F16 values.
    #[arg(long, default_value = "embeddings")]
    pub tensors: String,
    /// Write a section for the model card, too: what was done, how to load and restore it, checksums
    ///
    /// It is XNC.md in a folder, which restoring leaves out, and TARGET.md beside a file.
    #[arg(long)]
    pub card: bool,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Clone, ClapArgs)]
pub struct Transcode {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Target
    #[arg(short, long)]
    pub output: PathBuf,
    /// Codec that the tables get
    #[arg(long, value_parser = values::codec())]
    pub codec: Codec,
    #[command(flatten)]
    pub writing: Writing,
}

/// How a compressed file is made.
#[derive(Clone, ClapArgs)]
pub struct Writing {
    /// Only with --codec dense: 1 (fast, rows independent of each other) to 4 (smallest) [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub effort: Option<u8>,
    /// Only with --codec fast or tight: a row that fits in a page of 4 KiB lies in one, for reading rows from disk
    #[arg(long)]
    pub pages: bool,
    /// At most so many threads; results do not depend on it [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Replace an existing target
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Restore {
    /// Compressed file or folder
    pub input: PathBuf,
    /// Target [default: the input's name without `.xnc`]
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// At most so many threads; results do not depend on it [default: as many as the machine has]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Replace an existing target
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, ClapArgs)]
pub struct Run {
    /// Model file, compressed or plain, as GGUF
    pub input: PathBuf,
    /// Say what would be run, and run the program with `--list-devices` only
    #[arg(long)]
    pub print: bool,
    /// The program and its arguments, after `--`
    #[arg(last = true, required = true)]
    pub program: Vec<std::ffi::OsString>,
}

impl Writing {
    /// Options for the library, but for what is to be compressed.
    ///
    /// # Errors
    /// Something is asked for that the codec does not have.
    pub fn options(&self, codec: Codec) -> Result<CompressOptions<'static>> {
        let refused = |option, of| {
            let why = format!("{option} is for --codec {of}; {codec} knows only one way");
            Err(Failure::Usage(why).into())
        };
        if self.effort.is_some() && codec != Codec::Dense {
            return refused("--effort", Codec::Dense);
        }
        if self.pages && !matches!(codec, Codec::Fast | Codec::Tight) {
            let why = format!("--pages is for --codec fast and tight; {codec} does not place rows");
            return Err(Failure::Usage(why).into());
        }
        let mut options = CompressOptions::default();
        (options.codec, options.effort, options.pages) = (codec, self.effort.unwrap_or_default(), self.pages);
        (options.threads, options.force) = (self.threads, self.force);
        Ok(options)
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
            Command::Run(args) => Some(&args.input),
            Command::Completions { .. } | Command::Man { .. } => None,
        }
    }

    /// What the command compares its input with.
    pub fn against(&self) -> Option<&Path> {
        match self {
            Command::Verify(args) => args.against.as_deref(),
            _ => None,
        }
    }

    /// Whether a program reads what the command prints.
    pub fn json(&self) -> bool {
        match self {
            Command::Compress(args) => args.writing.json,
            Command::Transcode(args) => args.writing.json,
            Command::Restore(args) => args.json,
            Command::Verify(args) => args.json,
            Command::Inspect(args) => args.json,
            Command::Analyze(args) => args.json,
            Command::Rows(args) => args.json,
            Command::Bench(args) => args.json,
            Command::Run(_) | Command::Completions { .. } | Command::Man { .. } => false,
        }
    }
}
