//! C and C++ programs, compiled with the system's compilers and run on the sample: the examples, what callers get
//! wrong, who owns what, and eight threads; everything again where memory is watched.
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};

use support::{Library, Watch, output};
use tempfile::TempDir;
use xnc::{CompressOptions, Dtype, EncodeOptions, Model, Table};

const NAME: &str = "embeddings.word_embeddings.weight";

/// The sample, compressed, and the same with a page of its first rows damaged.
struct Files {
    folder: TempDir,
    compressed: PathBuf,
    damaged: PathBuf,
}

impl Files {
    fn new() -> Files {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
        let folder = tempfile::tempdir().expect("a folder");
        let [compressed, damaged] = ["sample", "damaged"].map(|name| folder.path().join(name));
        let sample = samples.join("all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
        xnc::compress(&sample, &compressed, &CompressOptions::default()).expect("compressed");
        let mut bytes = std::fs::read(&compressed).expect("bytes");
        let model = Model::open(&compressed).expect("a model");
        let first = model.tensor(NAME).expect("a table").ranges[0].start;
        bytes[first as usize + 100] ^= 1;
        std::fs::write(&damaged, bytes).expect("written");
        Files { folder, compressed, damaged }
    }

    fn table(&self) -> Table {
        Model::open(&self.compressed).expect("a model").table(NAME).expect("a table")
    }

    /// What a program prints, from each library and each time again where memory is watched; for each of several
    /// lists of arguments.
    fn printed(&self, source: &str, runs: &[&[&str]]) -> Vec<String> {
        let runs =
            |_: &Library| runs.iter().map(|args| args.iter().map(|&arg| arg.into()).collect()).collect();
        self.printed_with(source, &runs)
    }

    /// As [`Files::printed`], with arguments that depend on the library.
    fn printed_with(&self, source: &str, runs: &dyn Fn(&Library) -> Vec<Vec<String>>) -> Vec<String> {
        let folder = self.folder.path();
        let watches = [Watch::Nothing, Watch::get(folder)];
        let mut all = Vec::new();
        for library in Library::all() {
            for (index, watch) in watches.iter().enumerate() {
                if index > 0 && matches!(watch, Watch::Nothing) {
                    continue;
                }
                let Some(program) = library.compile(source, folder, watch.flags()) else { continue };
                for args in runs(&library) {
                    let mut command = library.command(&program, folder);
                    command.args(args);
                    all.push(output(&mut watch.wrap(command)));
                }
            }
        }
        all
    }

    fn file(&self) -> &str {
        self.compressed.to_str().expect("UTF-8")
    }
}

#[test]
fn lookup_prints_what_the_library_reads() {
    let files = Files::new();
    let table = files.table();
    let listed = format!("{NAME}: 4096 x 384 BF16, fast, {} bytes\n", table.stored_bytes());
    for printed in files.printed("examples/lookup.c", &[&[files.file()]]) {
        assert_eq!(printed, listed);
    }

    let ids = [4095, 7, 7];
    let mut values = vec![0.0; ids.len() * table.dim()];
    table.gather_f32(&ids, &mut values).expect("rows");
    for printed in files.printed("examples/lookup.c", &[&[files.file(), NAME, "4095", "7", "7"]]) {
        let mut there = Vec::new();
        for (line, id) in printed.lines().zip(ids) {
            let (number, row) = line.split_once(':').expect("a row");
            assert_eq!(number, id.to_string());
            there.extend(row.split_whitespace().map(|value| value.parse::<f32>().expect("a value")));
        }
        assert!(printed.lines().count() == ids.len() && there == values);
    }
}

#[test]
fn lookup_tells_why_it_cannot() {
    let files = Files::new();
    for library in Library::all() {
        let Some(program) = library.compile("examples/lookup.c", files.folder.path(), &[]) else { return };
        let failure = |args: &[&str], backend: &str| {
            let mut command = library.command(&program, files.folder.path());
            let output = command.args(args).env("XNC_BACKEND", backend).output().expect("runs");
            assert_eq!(output.status.code(), Some(1));
            String::from_utf8(output.stderr).expect("UTF-8")
        };
        assert!(failure(&["no such file"], "scalar").starts_with("lookup: no such file: "));
        assert!(failure(&[files.file(), "nothing", "0"], "scalar").contains(NAME));
        assert!(failure(&[files.file(), NAME, "5000"], "scalar").contains("4096 rows"));
        assert!(failure(&[files.file(), NAME, "0"], "abacus").contains("no backend `abacus`"));
    }
}

#[test]
fn head_prints_what_the_library_multiplies() {
    let files = Files::new();
    let table = files.table();
    let mut words = vec![0; table.rows() * table.dim()];
    table.read(0, &mut words).expect("all words");
    let options = EncodeOptions::default();
    let encoded = Table::encode(Dtype::Bf16, table.rows(), table.dim(), &words, &options).expect("encoded");
    let (mut x, mut products) = (vec![0.0; table.dim()], vec![0.0; table.rows()]);
    table.gather_f32(&[123], &mut x).expect("a row");
    table.product(&x, 1, &mut products).expect("products");
    let mut best: Vec<_> = products.iter().copied().enumerate().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    let runs = ["0", "1", "2"].map(|threads| [files.file(), NAME, "123", threads]);
    for printed in files.printed("examples/head.cpp", &runs.each_ref().map(|run| &run[..])) {
        let mut lines = printed.lines();
        let bytes = format!("{} of {} bytes", encoded.stored_bytes(), 2 * words.len());
        assert_eq!(lines.next(), Some(&*bytes));
        let line = |line: &str| -> Option<(usize, f32)> {
            let (row, value) = line.split_once(": ")?;
            Some((row.parse().ok()?, value.parse().ok()?))
        };
        assert_eq!(lines.map(|text| line(text).expect("a row")).collect::<Vec<_>>(), best[..5]);
    }
}

#[test]
fn program_of_the_documentation_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/c.md")).expect("a page");
    let code = page.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a program");
    let files = Files::new();
    let source = files.folder.path().join("page.c");
    std::fs::write(&source, code).expect("written");
    let golden = root.join("spec/vectors/1.0-fast.safetensors");
    std::fs::copy(&golden, files.folder.path().join("model.xnc.safetensors")).expect("copied");
    let table = Model::open(&golden).expect("a model").table("model.embed_tokens.weight").expect("a table");
    let (mut x, mut products) = (vec![0.0; table.dim()], vec![0.0; table.rows()]);
    table.gather_f32(&[3], &mut x).expect("a row");
    table.product(&x, 1, &mut products).expect("products");
    for printed in files.printed(source.to_str().expect("UTF-8"), &[&[]]) {
        assert_eq!(printed, format!("row 0: {:.6}\n", products[0]));
    }
}

#[test]
fn misuse_is_told_and_nothing_else_happens() {
    let files = Files::new();
    let damaged = files.damaged.to_str().expect("UTF-8");
    files.printed("tests/programs/misuse.c", &[&[files.file(), NAME, damaged]]);
}

#[test]
fn handles_and_bytes_are_whose_they_are_said_to_be() {
    let files = Files::new();
    files.printed("tests/programs/ownership.c", &[&[files.file(), NAME]]);
}

#[test]
fn eight_threads_share_a_table() {
    let files = Files::new();
    files.printed("tests/programs/threads.c", &[&[files.file(), NAME]]);
}

#[test]
fn library_stays_when_it_is_let_go() {
    let files = Files::new();
    files.printed_with("tests/programs/unload.c", &|library| {
        vec![vec![library.shared.display().to_string(), files.file().to_owned(), NAME.to_owned()]]
    });
}
