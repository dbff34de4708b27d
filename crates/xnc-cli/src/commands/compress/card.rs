//! `xnc compress IN --card`: a section for the model card of whoever publishes what was compressed.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use xnc::{Codec, CompressReport, Error};
use xnc_page::number::bytes;

use crate::exit::Failure;
use crate::say::escaped;
use crate::units::{change, shape};

/// What each begins with.
const TITLE: &str = "## Compressed with XNC\n";

/// Its name in a folder. A compressed folder's record does not name it, so that restoring leaves it out.
const IN_FOLDER: &str = "XNC.md";

/// The record of a compressed folder.
const RECORD: &str = "xnc.json";

/// Tables and files that are listed.
const LISTED: usize = 100;

/// Where the card of `output` goes: into a folder, or beside a file.
///
/// # Errors
/// The source has a file of that name, which a compressed folder holds as it is.
pub fn place(input: &Path, output: &Path) -> Result<PathBuf> {
    if !input.is_dir() {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".md");
        return Ok(output.with_file_name(name));
    }
    // A compressed folder is refused for what it is.
    let has = |name| input.join(name).symlink_metadata().is_ok();
    if has(IN_FOLDER) && !has(RECORD) {
        let why = format!("the folder has a file {IN_FOLDER}, the name of what --card writes");
        return Err(Failure::Usage(why).into());
    }
    Ok(output.join(IN_FOLDER))
}

/// The card of an earlier run, that tells of what `output` was then.
pub fn earlier(input: &Path, output: &Path) -> Option<PathBuf> {
    let path = place(input, output).ok()?;
    let mut begin = [0; TITLE.len()];
    fs::File::open(&path).ok()?.read_exact(&mut begin).ok()?;
    (begin == TITLE.as_bytes()).then_some(path)
}

/// The file whose permissions it gets.
pub fn like(input: &Path, output: &Path) -> PathBuf {
    if input.is_dir() { output.join(RECORD) } else { input.to_owned() }
}

/// Its text.
///
/// # Errors
/// The record of a compressed folder cannot be read.
pub fn text(input: &Path, output: &Path, report: &CompressReport) -> Result<String> {
    let size = report.output_bytes.unwrap_or(report.source_bytes);
    let (source, target) = (code(&name(input)), code(&name(output)));
    let mut card = format!(
        "{TITLE}\n\
         {target} holds {source} with these tables compressed without loss: {} instead of {}, {}. \
         Every weight is the one of {source}, bit for bit; nothing was quantised.\n\n\
         | table | type | shape | codec | before | now |\n|---|---|---|---|---:|---:|\n",
        bytes(size),
        bytes(report.source_bytes),
        change(report.source_bytes, size),
    );
    let coded = || report.tensors.iter().filter(|tensor| tensor.codec.is_some() || tensor.same_as.is_some());
    for tensor in coded().take(LISTED) {
        let codec = match (&tensor.same_as, tensor.codec) {
            (Some(original), _) => format!("the words of {}", code(original)),
            (None, codec) => code(codec.map_or("", Codec::name)),
        };
        writeln!(
            card,
            "| {} | {} | {} | {codec} | {} | {} |",
            code(&tensor.name),
            tensor.dtype,
            shape(&tensor.shape),
            bytes(tensor.source_bytes),
            bytes(tensor.stored_bytes)
        )?;
    }
    more(&mut card, coded().count(), "tables")?;
    card += "\n### Loading\n\n";
    card += &loading(input, output, report);
    let edited = if input.is_dir() {
        " Texts that were edited since come back as they are, and are told."
    } else {
        ""
    };
    write!(
        card,
        "Everything else: restore {source} first.\n\n\
         ### Restoring\n\n\
         ```\nxnc restore {} -o {}\n```\n\n\
         `xnc` (version {} or later) brings back {source}, and refuses tensors of which one byte differs.{edited} \
         The SHA-256 of what comes back:\n\n| file | bytes | SHA-256 |\n|---|---:|---|\n",
        shell(output),
        shell(input),
        env!("CARGO_PKG_VERSION"),
    )?;
    let files = files(input, output, report)?;
    for (name, size, sha256) in files.iter().take(LISTED) {
        writeln!(card, "| {} | {size} | {} |", code(name), code(sha256))?;
    }
    more(&mut card, files.len(), "files")?;
    Ok(card)
}

/// Says what was not listed.
fn more(card: &mut String, all: usize, what: &str) -> std::fmt::Result {
    match all.checked_sub(LISTED).filter(|more| *more > 0) {
        Some(more) => writeln!(card, "\nand {more} more {what}."),
        None => Ok(()),
    }
}

/// Programs that load it as it is.
fn loading(input: &Path, output: &Path, report: &CompressReport) -> String {
    let dense = report.tensors.iter().any(|tensor| tensor.codec == Some(Codec::Dense));
    let file = shell(output);
    let mut text = String::new();
    if output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        text += &format!(
            "llama.cpp, unmodified, with the table compressed in memory (Linux):\n\n\
             ```\nxnc run {file} -- llama-server\n```\n\n"
        );
    }
    if let Ok(config) = fs::read_to_string(input.join("config.json")) {
        let class = if config.contains("ForCausalLM\"") { "AutoModelForCausalLM" } else { "AutoModel" };
        text += &format!(
            "Transformers, with the table compressed in memory:\n\n```python\nimport transformers, xnc.transformers\n\
             model = transformers.{class}.from_pretrained({})\n```\n\n",
            Value::from(escaped(&name(output)))
        );
    }
    if dense {
        text += &format!(
            "Codec `dense` is for disks and downloads; programs open it into `fast` whenever they load it. \
             To do that once:\n\n```\nxnc transcode {file} -o FAST --codec fast\n```\n\n"
        );
    }
    text += "Rows and products, from Rust, C and Python: the library `xnc`.\n\n";
    text
}

/// Name, size and SHA-256 of each file of the source.
fn files(input: &Path, output: &Path, report: &CompressReport) -> Result<Vec<(String, u64, String)>> {
    if !input.is_dir() {
        return Ok(vec![(name(input), report.source_bytes, report.sha256.clone().unwrap_or_default())]);
    }
    let path = output.join(RECORD);
    let record = fs::read(&path).map_err(|cause| Error::Io { path: path.clone(), cause })?;
    let record: Value = serde_json::from_slice(&record).context("the folder's record is not JSON")?;
    let entries = record["files"].as_object().context("the folder's record lists no files")?;
    let entry = |(name, entry): (&String, &Value)| {
        Some((name.clone(), entry["size"].as_u64()?, entry["sha256"].as_str()?.to_owned()))
    };
    entries.iter().map(entry).collect::<Option<_>>().context("the folder's record lacks sizes and digests")
}

/// The last name of a path, also of `.`.
fn name(path: &Path) -> String {
    let whole = path.file_name().is_none().then(|| path.canonicalize().ok()).flatten();
    let path = whole.as_deref().unwrap_or(path);
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Text as code in a cell of a table, from which nothing in it leads out.
fn code(text: &str) -> String {
    let text = escaped(text);
    if !text.contains(['`', '|']) {
        return format!("`{text}`");
    }
    let plain = [("&", "&amp;"), ("<", "&lt;"), ("`", "&#96;"), ("|", "&#124;")];
    format!(
        "<code>{}</code>",
        plain.iter().fold(text.into_owned(), |text, (from, to)| text.replace(from, to))
    )
}

/// The last name of a path as a shell takes it; what would begin a line is written as an escape.
fn shell(path: &Path) -> String {
    escaped(&crate::say::quoted(Path::new(&name(path)))).into_owned()
}
