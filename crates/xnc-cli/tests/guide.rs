//! The commands of `docs/guide/`, run as a reader would run them: page by page, in order, each page in a folder of its
//! own. A block marked `sh` has to succeed, and where a block marked `text` follows it, has to print that; `...` stands
//! for what varies, on a line of its own for any number of lines.
#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use assert_cmd::cargo::cargo_bin;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::json;

/// Blocks marked `sh,ignore`, which are read and not run: page, beginning of the block, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("run.md", "xnc run model.gguf -- llama-server", "there is no llama.cpp"),
    ("run.md", "xnc bench model.xnc.safetensors", "it measures for 15 seconds; `cli.rs` runs it for less"),
];

/// A fenced block: what it is marked with, what it says.
type Block = (String, String);

#[test]
fn the_commands_of_compress() {
    follow("compress.md");
}

#[test]
fn the_commands_of_run() {
    follow("run.md");
}

#[test]
fn the_commands_of_choose() {
    follow("choose.md");
}

#[test]
fn the_commands_of_publish() {
    follow("publish.md");
}

#[test]
fn the_commands_of_questions() {
    follow("questions.md");
}

#[test]
fn every_page_is_followed_and_no_block_is_overlooked() {
    let mut not_run = Vec::new();
    for page in support::names(&guide()) {
        let known = ["compress.md", "run.md", "choose.md", "publish.md", "questions.md"];
        assert!(known.contains(&page.as_str()), "{page} has no test here");
        for (mark, text) in blocks(&page) {
            match mark.as_str() {
                "sh" | "text" => {}
                "sh,ignore" => not_run.push((page.clone(), text)),
                _ => panic!("{page}: a block is marked `{mark}`, not `sh` or `text`: {text}"),
            }
        }
    }
    assert_eq!(not_run.len(), NOT_RUN.len(), "{not_run:?}");
    for (page, text) in not_run {
        let is_listed = |&(name, begin, _): &(&str, &str, &str)| name == page && text.starts_with(begin);
        assert!(NOT_RUN.iter().any(is_listed), "{page}: {text}");
    }
}

/// Runs a page's blocks and compares what they print.
fn follow(page: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    prepare(folder.path());
    let blocks = blocks(page);
    for (place, (mark, script)) in blocks.iter().enumerate() {
        if mark != "sh" {
            continue;
        }
        let printed =
            run(folder.path(), script).unwrap_or_else(|said| panic!("{page}:\n{script}failed: {said}"));
        if let Some((_, wanted)) = blocks.get(place + 1).filter(|(mark, _)| mark == "text") {
            let is_so = fits(&lines(wanted), &lines(&printed));
            assert!(is_so, "{page}:\n{script}should print\n{wanted}and printed\n{printed}");
        }
    }
}

/// Runs a script; gives what it printed to standard output and standard error, in order.
fn run(folder: &Path, script: &str) -> Result<String, String> {
    let binary = cargo_bin!("xnc");
    let beside = binary.parent().expect("a folder");
    let others = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths([beside.to_owned()].into_iter().chain(env::split_paths(&others))).expect("a path");
    let mut shell = Command::new("sh");
    shell.args(["-euc", &format!("exec 2>&1\n{script}")]).current_dir(folder).env("PATH", path);
    let output = shell.stdin(Stdio::null()).output().expect("runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(printed) } else { Err(format!("{}\n{printed}", output.status)) }
}

/// What a page finds in its folder: the sample, a model folder in two shards, a GGUF file with a BF16 table, and one
/// whose table is Q8_0.
fn prepare(folder: &Path) {
    let path = |name: &str| folder.join(name);
    fs::copy(support::SAMPLE, path("model.safetensors")).expect("copies");
    fs::create_dir(path("model")).expect("makes");
    let shards = [
        ("model-00001-of-00002.safetensors", vec![("model.embed_tokens.weight", [1000, 64])]),
        (
            "model-00002-of-00002.safetensors",
            vec![("model.layers.0.mlp.up_proj.weight", [64, 64]), ("lm_head.weight", [1000, 64])],
        ),
    ];
    let mut places = serde_json::Map::new();
    for (name, tensors) in shards {
        places.extend(tensors.iter().map(|&(tensor, _)| (tensor.to_owned(), json!(name))));
        fs::write(path("model").join(name), support::model(tensors)).expect("writes");
    }
    let index = json!({"metadata": {"total_size": 264_192}, "weight_map": places});
    fs::write(path("model/model.safetensors.index.json"), index.to_string()).expect("writes");
    fs::write(path("model/config.json"), "{\"tie_word_embeddings\": false}\n").expect("writes");
    fs::write(path("model/tokenizer.json"), "{}\n").expect("writes");
    fs::write(path("quantised.gguf"), quantised(64, 8)).expect("writes");
}

/// A GGUF file whose token table is Q8_0: blocks of 32 elements in 34 bytes.
fn quantised(dim: u64, rows: u64) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = [&b"GGUF"[..], &3_u32.to_le_bytes(), &1_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    file.extend(text("general.architecture"));
    file.extend([&8_u32.to_le_bytes()[..], &text("llama")].concat());
    file.extend(text("token_embd.weight"));
    file.extend([&2_u32.to_le_bytes()[..], &dim.to_le_bytes(), &rows.to_le_bytes()].concat());
    file.extend([&8_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat());
    file.resize(file.len().next_multiple_of(32), 0);
    let blocks = (dim * rows / 32) as usize;
    file.extend((0..blocks * 34).map(|place| place as u8));
    file
}

fn guide() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide")
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(guide().join(page)).expect("a page of the guide");
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for event in Parser::new(&text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(mark))) => {
                blocks.push((mark.to_string(), String::new()));
                is_open = true;
            }
            Event::End(TagEnd::CodeBlock) => is_open = false,
            Event::Text(part) if is_open => blocks.last_mut().expect("is open").1.push_str(&part),
            _ => {}
        }
    }
    blocks
}

/// Lines without blanks at their ends, and without empty lines around them.
fn lines(text: &str) -> Vec<&str> {
    text.trim_matches('\n').lines().map(str::trim_end).collect()
}

/// Whether lines are those that are wanted.
fn fits(wanted: &[&str], printed: &[&str]) -> bool {
    match wanted.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..])),
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            line_fits(&line.split("...").collect::<Vec<_>>(), first) && fits(rest, others)
        }),
    }
}

/// Whether a line consists of these parts, with anything between them.
fn line_fits(parts: &[&str], line: &str) -> bool {
    match parts {
        [only] => *only == line,
        [first, rest @ ..] => line.strip_prefix(first).is_some_and(|line| {
            let ends = line.char_indices().map(|(place, _)| place).chain([line.len()]);
            ends.into_iter().any(|skipped| line_fits(rest, &line[skipped..]))
        }),
        [] => line.is_empty(),
    }
}

#[test]
fn dots_stand_for_what_varies() {
    let fit = |wanted, printed| fits(&lines(wanted), &lines(printed));
    assert!(fit("a ... c\n...\nz", "a b c\nd\ne  \nz\n"));
    assert!(fit("...", "") && fit("a...", "a") && fit("...\nz", "z"));
    assert!(!fit("a ... c", "a b d") && !fit("a", "a\nb") && !fit("a\nb", "a"));
}
