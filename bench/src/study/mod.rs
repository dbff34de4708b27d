//! The study: a section a file, each measured on its own and merged into one results file, from which all
//! pages are made.

pub mod check;
pub mod limits;
pub mod lines;
pub mod machine;
pub mod models;
pub mod patterns;
pub mod peers;
pub mod ratios;
pub mod running;
pub mod scaling;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xnc::Dtype;

use crate::peers::Place;
use crate::report;
use crate::sources;
use crate::tables::{self, TableFile};
use machine::Machine;

/// Part of the study that can be measured alone. `models` builds on `ratios`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Word patterns of FP16 tables, and where they come from
    Patterns,
    /// Sizes of every table under each codec
    Ratios,
    /// Hardware line compressors
    Lines,
    /// Software peers
    Peers,
    /// The quick ones of them on the largest table
    Large,
    /// Whole models
    Models,
    /// Decoding, lookups and products of every codec beside plain words
    Running,
    /// Time and memory against size and threads
    Scaling,
    /// What does not work
    Limits,
}

/// Everything measured so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Results {
    /// Part of them ran on the committed sample only, to test this code.
    pub sample: bool,
    /// Section `patterns`.
    pub patterns: Option<Taken<patterns::Patterns>>,
    /// Section `ratios`.
    pub ratios: Option<Taken<ratios::Ratios>>,
    /// Section `lines`.
    pub lines: Option<Taken<lines::Lines>>,
    /// Section `peers`.
    pub peers: Option<Taken<peers::Peers>>,
    /// Section `large`.
    pub large: Option<Taken<peers::Peers>>,
    /// Section `models`.
    pub models: Option<Taken<models::Models>>,
    /// Section `running`.
    pub running: Option<Taken<running::Running>>,
    /// Section `scaling`.
    pub scaling: Option<Taken<scaling::Scaling>>,
    /// Section `limits`.
    pub limits: Option<Taken<limits::Limits>>,
}

/// What one section measured, where and when.
#[derive(Serialize, Deserialize)]
pub struct Taken<T> {
    /// Where.
    pub machine: Machine,
    /// How long it took.
    pub seconds: f64,
    /// What.
    pub found: T,
}

/// A table in both types: the BF16 words, and the FP16 words they cast to.
pub struct Pair {
    /// The BF16 table.
    pub bf16: TableFile,
    /// Its cast.
    pub f16: TableFile,
}

/// What the sections measure with.
pub struct Study {
    /// Programs of the peers and the scratch folder.
    pub place: Place,
    /// Whether only the sample is there.
    pub sample: bool,
    /// Language-model tables, the one for most measurements first.
    pub tables: Vec<Pair>,
    /// Tables rounded to FP16 from values that never were BF16.
    pub native: Vec<TableFile>,
    /// Whole model files.
    pub files: Vec<PathBuf>,
    /// Where and when: one answer for all sections of a run.
    pub machine: Machine,
    xnc: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Study {
    /// Opens the tables of `data`, or without it the sample alone, and writes those derived from them.
    ///
    /// # Errors
    /// When one is missing.
    pub fn new(
        data: Option<PathBuf>,
        sample: PathBuf,
        xnc: PathBuf,
        python: Option<PathBuf>,
    ) -> Result<Study> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path();
        let mut tables = Vec::new();
        let mut native = Vec::new();
        let mut files = Vec::new();
        if let Some(data) = &data {
            for stem in ["SmolLM2-135M", "Gemma-3-270M"] {
                let open =
                    |kind: &str| TableFile::open(stem, &data.join(format!("{stem}.{kind}.safetensors")));
                tables.push(Pair { bf16: open("bf16")?, f16: open("f16")? });
                files.extend(["bf16", "f16"].map(|kind| data.join(format!("{stem}.{kind}.gguf"))));
            }
            let (values, dim) = tables::values(&data.join("all-MiniLM-L6-v2.safetensors"), MINILM_TABLE)?;
            let rounded = |dtype| {
                TableFile::write(folder, "all-MiniLM-L6-v2", dtype, dim, &tables::rounded(&values, dtype))
            };
            let bf16 = rounded(Dtype::Bf16)?;
            // Under another name: both are FP16.
            let mut cast = bf16.clone();
            cast.label += " cast";
            tables.push(Pair { f16: cast.cast(folder)?, bf16 });
            native.push(rounded(Dtype::F16)?);
        } else {
            let bf16 = TableFile::open("all-MiniLM-L6-v2, 4096 rows", &sample)?;
            tables.push(Pair { f16: bf16.cast(folder)?, bf16 });
        }
        for pair in &mut tables {
            pair.f16.label = pair.bf16.label.clone();
        }
        let place = Place { program: std::env::current_exe()?, python, scratch: scratch.path().to_owned() };
        let machine = Machine::this()?;
        Ok(Study { place, sample: data.is_none(), tables, native, files, machine, xnc, _scratch: scratch })
    }

    /// The table that most measurements are on.
    pub fn main(&self) -> &TableFile {
        &self.tables[0].bf16
    }

    /// A folder that is gone afterwards.
    pub fn scratch(&self) -> &Path {
        &self.place.scratch
    }

    /// What `xnc ARGS --json` prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn xnc(&self, args: &[&str]) -> Result<Value> {
        let output = Command::new(&self.xnc).args(args).arg("--json").stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", self.xnc.display()))?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "xnc {}: {}", args.join(" "), told.trim());
        serde_json::from_slice(&output.stdout).with_context(|| format!("xnc {} --json", args.join(" ")))
    }

    /// What `xnc compress ARGS --json` reports of a file; the target is gone afterwards.
    ///
    /// # Errors
    /// When it fails.
    pub fn compress(&self, path: &Path, args: &[&str]) -> Result<Value> {
        let target = self.scratch().join("compressed").with_extension(path.extension().unwrap_or_default());
        let (path, out) = (path.to_string_lossy(), target.to_string_lossy());
        let report = self.xnc(&[&["compress", &path, "-o", &out, "--force"], args].concat());
        let _ = fs::remove_file(&target);
        report
    }
}

/// The token table of the third model, as its file names it.
const MINILM_TABLE: &str = "embeddings.word_embeddings.weight";

/// Measures `sections`, all when there are none, and writes results and pages into `out`.
///
/// # Errors
/// When a measurement fails that is no peer's.
pub fn run(study: &Study, sections: &[Section], out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let path = out.join("results.json");
    // A whole run begins anew, so that its sections are of one machine and commit.
    let mut results: Results = match fs::read(&path) {
        Ok(bytes) if !sections.is_empty() => {
            serde_json::from_slice(&bytes).with_context(|| format!("{}", path.display()))?
        }
        _ => Results::default(),
    };
    ensure!(
        results.sample == study.sample || all_machines(&mut results).is_empty(),
        "{} is from other tables; give another folder",
        path.display()
    );
    results.sample = study.sample;
    let all = Section::value_variants();
    for section in if sections.is_empty() { all } else { sections } {
        eprintln!("study: {section:?}");
        results.measure(study, *section)?;
        // After each: what a later one cannot do does not take the earlier with it.
        fs::write(&path, serde_json::to_string_pretty(&results)? + "\n")?;
    }
    let page = report::page(&results, &sources::hash()?);
    fs::write(out.join("results.md"), page.to_markdown())?;
    fs::write(out.join("results.html"), page.to_html())?;
    for (name, text) in report::pictures(&results) {
        fs::write(out.join(name), text)?;
    }
    let path = out.join("../README.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    if let Some(text) = report::readme(&text, &results).filter(|_| !study.sample) {
        fs::write(&path, text)?;
    }
    eprintln!("study: wrote results.{{json,md,html}} and pictures into {}", out.display());
    Ok(())
}

impl Results {
    fn measure(&mut self, study: &Study, section: Section) -> Result<()> {
        match section {
            Section::Patterns => self.patterns = Some(taken(study, || patterns::measure(study))?),
            Section::Ratios => self.ratios = Some(taken(study, || ratios::measure(study))?),
            Section::Lines => self.lines = Some(taken(study, || lines::measure(study))?),
            Section::Peers => self.peers = Some(taken(study, || peers::measure(study))?),
            Section::Large => self.large = Some(taken(study, || peers::measure_large(study))?),
            Section::Models => {
                let ratios = self.ratios.as_ref().context("models builds on ratios: measure them first")?;
                ensure!(
                    ratios.machine.agrees(&study.machine),
                    "models builds on ratios, which are from another machine or commit: measure both"
                );
                self.models = Some(taken(study, || models::measure(study, &ratios.found))?);
            }
            Section::Running => self.running = Some(taken(study, || running::measure(study))?),
            Section::Scaling => self.scaling = Some(taken(study, || scaling::measure(study))?),
            Section::Limits => self.limits = Some(taken(study, || limits::measure(study))?),
        }
        Ok(())
    }
}

/// Where each section that there is was measured.
pub fn all_machines(results: &mut Results) -> Vec<&mut Machine> {
    fn of<T>(taken: &mut Option<Taken<T>>) -> Option<&mut Machine> {
        taken.as_mut().map(|taken| &mut taken.machine)
    }
    let Results { sample: _, patterns, ratios, lines, peers, large, models, running, scaling, limits } =
        results;
    let all = [
        of(patterns),
        of(ratios),
        of(lines),
        of(peers),
        of(large),
        of(models),
        of(running),
        of(scaling),
        of(limits),
    ];
    all.into_iter().flatten().collect()
}

fn taken<T>(study: &Study, measure: impl FnOnce() -> Result<T>) -> Result<Taken<T>> {
    let start = Instant::now();
    let found = measure()?;
    Ok(Taken { machine: study.machine.clone(), seconds: start.elapsed().as_secs_f64(), found })
}
