//! `xnc compress IN --card`: a section for the model card of whoever publishes what was compressed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use xnc::{Codec, CompressReport, Error};
use xnc_page::number::bytes;

use crate::exit::Failure;
use crate::say::escaped;
use crate::units::{change, shape};

/// Its name in a folder. A compressed folder's record does not name it, so that restoring leaves it out.
const IN_FOLDER: &str = "XNC.md";

/// Files of a folder that are listed with their checksums.
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
    if input.join(IN_FOLDER).symlink_metadata().is_ok() {
        let why = format!("the folder has a file {IN_FOLDER}, the name of what --card writes");
        return Err(Failure::Usage(why).into());
    }
    Ok(output.join(IN_FOLDER))
}

/// Its text.
///
/// # Errors
/// The record of a compressed folder cannot be read.
pub fn text(input: &Path, output: &Path, report: &CompressReport) -> Result<String> {
    let size = report.output_bytes.unwrap_or(report.source_bytes);
    let name = |path: &Path| code(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
    let (source, target) = (name(input), name(output));
    let mut card = format!(
        "## Compressed with XNC\n\n\
         {target} holds {source} with its embedding tables compressed without loss: {} instead of {}, {}. \
         Every weight is the one of {source}, bit for bit; nothing was quantised.\n\n\
         | table | type | shape | codec | before | now |\n|---|---|---|---|---:|---:|\n",
        bytes(size),
        bytes(report.source_bytes),
        change(report.source_bytes, size),
    );
    for tensor in report.tensors.iter().filter(|tensor| tensor.codec.is_some() || tensor.same_as.is_some()) {
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
    card += "\n### Loading\n\n";
    card += &loading(input, output, report);
    write!(
        card,
        "Everything else: restore {source} first.\n\n\
         ### Restoring\n\n\
         ```\nxnc restore {}\n```\n\n\
         `xnc` (version {} or later) brings back {source}, and refuses where one byte of {} differs. \
         The SHA-256 of what comes back:\n\n| file | bytes | SHA-256 |\n|---|---:|---|\n",
        shell(output),
        env!("CARGO_PKG_VERSION"),
        if input.is_dir() { "a tensor" } else { "it" },
    )?;
    let files = files(input, output, report)?;
    for (name, size, sha256) in files.iter().take(LISTED) {
        writeln!(card, "| {} | {size} | {} |", code(name), code(sha256))?;
    }
    if let Some(more) = files.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(card, "\nand {more} more files, which `xnc.json` lists.")?;
    }
    Ok(card)
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
    if input.join("config.json").is_file() {
        text += &format!(
            "Transformers, with the table compressed in memory:\n\n```python\nimport transformers, xnc.transformers\n\
             model = transformers.AutoModelForCausalLM.from_pretrained({})\n```\n\n",
            Value::from(output.file_name().unwrap_or_default().to_string_lossy())
        );
    }
    if dense {
        text += &format!(
            "Codec `dense` is for disks and downloads. To run from the tables, open them once into `fast`:\n\n\
             ```\nxnc transcode {file} -o FAST --codec fast\n```\n\n"
        );
    }
    text
}

/// Name, size and SHA-256 of each file of the source.
fn files(input: &Path, output: &Path, report: &CompressReport) -> Result<Vec<(String, u64, String)>> {
    if !input.is_dir() {
        let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, report.source_bytes, report.sha256.clone().unwrap_or_default())]);
    }
    let path = output.join("xnc.json");
    let record = fs::read(&path).map_err(|cause| Error::Io { path: path.clone(), cause })?;
    let record: Value = serde_json::from_slice(&record).context("the folder's record is not JSON")?;
    let entries = record["files"].as_object().context("the folder's record lists no files")?;
    let entry = |(name, entry): (&String, &Value)| {
        Some((name.clone(), entry["size"].as_u64()?, entry["sha256"].as_str()?.to_owned()))
    };
    entries.iter().map(entry).collect::<Option<_>>().context("the folder's record lacks sizes and digests")
}

/// Text as code in a cell of a table; what would end the code or the cell is left out.
fn code(text: &str) -> String {
    format!("`{}`", escaped(text).replace(['`', '|'], ""))
}

/// The name of what was written, as a shell takes it.
fn shell(path: &Path) -> String {
    crate::say::quoted(Path::new(path.file_name().unwrap_or(path.as_os_str())))
}
