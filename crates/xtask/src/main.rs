//! Project automation, a file a task. What a task needs beyond Rust and Python it installs into the ignored
//! folders `.tools/` and `data/`, and says so.

mod apt;
mod arm;
mod beside;
mod book;
mod c;
mod coverage;
mod data;
mod dist;
mod dither;
mod emulate;
mod fuzz;
mod ggml;
mod made;
mod mca;
mod models;
mod package;
mod profile;
mod python;
mod rtl;
mod sanitize;
mod study;
mod targets;
mod test;
mod toolchain;
mod wasm;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch the two development models and write their tables as safetensors into data/
    Data,
    /// Write a table of any size, with the statistics of a real one, for measuring reads from disk
    Made {
        /// Rows
        rows: usize,
        /// Words in a row
        dim: usize,
        /// The file to write
        file: PathBuf,
    },
    /// Run every test: format, lints, unit and integration tests, Python readers, real tables
    Test,
    /// Run fuzz targets for a while
    Fuzz {
        /// Seconds a target
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Names of targets; without any, all of them
        targets: Vec<String>,
    },
    /// Check the hardware in rtl/: lint, simulation, proofs, synthesis; writes the tables of rtl/README.md
    Rtl {
        /// A standard cell library (Liberty, plain or gzipped) to synthesise with instead of the default one
        #[arg(long)]
        liberty: Option<PathBuf>,
    },
    /// Run the kernel tests on emulated processors that have AVX-512
    Emulate {
        /// Parts of test names; without any, the kernels' tests
        names: Vec<String>,
    },
    /// Measure everything that the documents say and write docs/results.md and docs/results.html
    Study {
        /// Sections to measure again: patterns, ratios, lines, peers, large, models, running, scaling,
        /// limits; without any, all of them
        sections: Vec<String>,
        /// Only the committed sample and the peers in Rust, reduced, into target/study
        #[arg(long)]
        sample: bool,
        /// Measure five figures of the results again, chosen at random, and compare: a minute
        #[arg(long, conflicts_with = "sections")]
        check: bool,
        /// With --check, the choice of an earlier one
        #[arg(long, requires = "check")]
        seed: Option<u64>,
    },
    /// Run the kernel tests under AddressSanitizer
    Sanitize,
    /// Run the library's tests on an emulated ARM processor
    Arm {
        /// Check everything, run a sample of the tests
        #[arg(long)]
        short: bool,
    },
    /// Build the documentation as a site, into target/book/html, and follow every link
    Book,
    /// Run the library in Node, as WebAssembly, and compare everything with what it gives here
    Wasm,
    /// Build the ggml backend, libggml-xnc.so; its path is the last line
    Ggml {
        /// Run it in a prebuilt llama.cpp of npm's
        #[arg(long)]
        test: bool,
    },
    /// Build llama.cpp and measure it with the ggml backend and without; outside CI
    Llama {
        /// Seconds for which a server answers four requests at once, each model
        #[arg(long, default_value_t = 10)]
        soak: u64,
    },
    /// Type-check the library for Windows, macOS, Android and 32 bits
    Targets {
        /// Leave Android out
        #[arg(long)]
        short: bool,
    },
    /// What `test` does beside the rest: `targets`, `arm` and `wasm`, in short, and 10 seconds of each fuzz target
    Beside,
    /// Build the C library and install it: header, shared and static library, pkg-config file
    C {
        /// Where to: include/ and lib/ are made in it
        #[arg(long)]
        prefix: Option<PathBuf>,
        /// Compile the examples against what is installed, and run them; without a prefix, in target/c
        #[arg(long)]
        test: bool,
    },
    /// Build the Python package, install it, and test it
    Python {
        /// With Ray, torch and several versions of Transformers too, which are installed: 5 GB
        #[arg(long)]
        all: bool,
    },
    /// Build the Python package as wheels for x86-64 and 64-bit ARM, and as sources
    Wheels {
        /// Where to; without it, target/wheels
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Make everything that a release consists of, in target/dist
    Dist {
        /// Check only what can be checked without building it
        #[arg(long)]
        check: bool,
    },
    /// Estimate what hot loops take on processors that are not here; writes docs/estimates.md
    Mca,
    /// Say which lines of the library its tests run; writes docs/coverage.md
    Coverage,
    /// Rebuild samples/ from the model package it was cut from
    Sample,
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Data => data::tables(),
        Task::Made { rows, dim, file } => made::table(rows, dim, &file),
        Task::Test => test::all(),
        Task::Fuzz { seconds, targets } => fuzz::some(seconds, None, &targets),
        Task::Rtl { liberty } => rtl::all(liberty.as_deref()),
        Task::Emulate { names } => emulate::all(&names),
        Task::Study { sections, sample, check: true, seed } if sections.is_empty() => {
            study::check(sample, seed)
        }
        Task::Study { sections, sample: false, .. } => study::full(&sections),
        Task::Study { sections, sample: true, .. } => study::sample(&sections),
        Task::Sanitize => sanitize::all(),
        Task::Arm { short } => arm::all(short),
        Task::Book => book::all(),
        Task::Wasm => wasm::all(),
        Task::Ggml { test } => ggml::all(test),
        Task::Llama { soak } => ggml::llama::all(Duration::from_secs(soak)),
        Task::Targets { short } => targets::all(short),
        Task::Beside => test::beside(),
        Task::C { prefix, test } => c::all(prefix, test),
        Task::Python { all } => package::test(all),
        Task::Wheels { out } => package::wheels(&out.unwrap_or_else(|| root().join("target/wheels"))),
        Task::Dist { check: true } => dist::check(),
        Task::Dist { check: false } => dist::all(),
        Task::Mca => mca::all(),
        Task::Coverage => coverage::all(),
        Task::Sample => data::sample(),
    }
}

/// The repository's root folder.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// Prints what is about to happen.
fn say(what: &str) {
    println!("xtask: {what}");
}

/// Waits until no other process makes the tools of that name; until the file is dropped, others wait.
fn alone(name: &str) -> Result<File> {
    let folder = root().join(".tools");
    std::fs::create_dir_all(&folder)?;
    // Names may hold a folder, which need not be there yet.
    let lock = File::create(folder.join(format!("{}.lock", name.replace('/', "-"))))?;
    if lock.try_lock().is_err() {
        say(&format!("waiting for another process that makes .tools/{name}"));
        lock.lock().with_context(|| format!("cannot lock .tools/{name}"))?;
    }
    Ok(lock)
}

/// Does `work` and prints how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(what);
    let start = Instant::now();
    let done = work()?;
    say(&format!("{what}: {:.0} s", start.elapsed().as_secs_f64()));
    Ok(done)
}

/// Runs a command and fails when it does.
fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    say(&shown);
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    ensure!(status.success(), "{shown}: {status}");
    Ok(())
}

/// Whether a program is there and runs.
fn runs(program: &str, args: &[&str]) -> bool {
    let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
