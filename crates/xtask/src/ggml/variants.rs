//! Ways of loading a model that a host has beside its usual one, each with the backend and without.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use xnc::internals::parse_header;

use super::measure::{Way, completion, with};

const PROMPT: &str = "Once upon a time, in a house at the edge of a forest, there lived";

/// Options of llama.cpp that change how tensors are loaded, and where to.
const OPTIONS: [&[&str]; 11] = [
    &["--load-mode", "none"],
    &["--load-mode", "mlock"],
    &["--load-mode", "dio"],
    &["--lazy-mode", "on"],
    &["--no-repack"],
    &["--check-tensors"],
    &["--split-mode", "row"],
    &["--split-mode", "none"],
    &["--tensor-split", "1,1"],
    &["-ngl", "0"],
    &["-ngl", "99"],
];

/// Prints what each gives: the same text as plain, or plain's own refusal.
pub fn all(
    (name, architecture): (&str, &str),
    ways: &[Way<'_>; 2],
    model: &Path,
    folder: &Path,
) -> Result<()> {
    for options in OPTIONS {
        same(name, ways, model, options)?;
    }
    let plain = completion(&mut with(&ways[0], model), PROMPT)?.0;
    for tensor in ["token_embd.weight", "blk.0.attn_q.weight"] {
        let adapter = folder.join("adapter.gguf");
        fs::write(&adapter, lora(model, architecture, tensor)?)?;
        let adapter = adapter.to_str().context("a folder whose name is text")?;
        if let Some(text) = same(name, ways, model, &["--lora", adapter])? {
            ensure!(text != plain, "an adapter of {tensor} changes nothing");
            println!("| {name}, LoRA on `{tensor}` | | the same | |");
        }
    }
    Ok(())
}

/// The text that both ways give; none where both refuse.
fn same(name: &str, ways: &[Way<'_>; 2], model: &Path, options: &[&str]) -> Result<Option<String>> {
    let [plain, ours] = [&ways[0], &ways[1]].map(|way| completion(with(way, model).args(options), PROMPT));
    let told = options.join(" ");
    match (plain, ours) {
        (Ok((plain, _)), Ok((ours, _))) => {
            ensure!(plain == ours, "{name}, {told}: other text:\n{plain}\n{ours}");
            if !told.contains("--lora") {
                println!("| {name}, text with `{told}` | | the same | |");
            }
            Ok(Some(plain))
        }
        (Err(_), Err(_)) => {
            println!("| {name}, `{}` | refused | refused | |", options[0]);
            Ok(None)
        }
        (Ok(_), Err(ours)) => Err(ours.context(format!("{name}, {told}: only the backend fails"))),
        (Err(plain), Ok(_)) => Err(plain.context(format!("{name}, {told}: only plain fails"))),
    }
}

/// An adapter of rank 2 for one tensor, large enough to change what a model says.
fn lora(model: &Path, architecture: &str, tensor: &str) -> Result<Vec<u8>> {
    let bytes = fs::read(model)?;
    let tensors = parse_header(&bytes, bytes.len() as u64)?;
    let found = tensors.iter().find(|found| found.0 == tensor).context("no such tensor")?;
    let &[rows, dim] = &found.2[..] else { bail!("{tensor} has not two axes") };
    // For the token table llama.cpp wants both the other way round.
    let token = tensor == "token_embd.weight";
    let (a, b) = if token { ([2, rows], [2, dim]) } else { ([dim, 2], [2, rows]) };
    let mut out = Vec::new();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    out.extend(b"GGUF");
    out.extend(3_u32.to_le_bytes());
    out.extend(2_u64.to_le_bytes());
    out.extend(4_u64.to_le_bytes());
    for (key, value) in
        [("general.type", "adapter"), ("general.architecture", architecture), ("adapter.type", "lora")]
    {
        text(&mut out, key);
        out.extend(8_u32.to_le_bytes()); // a string
        text(&mut out, value);
    }
    text(&mut out, "adapter.lora.alpha");
    out.extend(6_u32.to_le_bytes()); // F32
    out.extend(2_f32.to_le_bytes());
    let bytes = |shape: [u64; 2]| (4 * shape[0] * shape[1]).next_multiple_of(32);
    for (part, shape, offset) in [("lora_a", a, 0), ("lora_b", b, bytes(a))] {
        text(&mut out, &format!("{tensor}.{part}"));
        out.extend(2_u32.to_le_bytes());
        out.extend(shape.iter().flat_map(|extent| extent.to_le_bytes()));
        out.extend(0_u32.to_le_bytes()); // F32
        out.extend(offset.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(32), 0);
    for shape in [a, b] {
        let start = out.len();
        out.extend(
            (0..shape[0] * shape[1]).flat_map(|i| (((i * 37 % 101) as f32 - 50.0) * 1e-3).to_le_bytes()),
        );
        out.resize(start + bytes(shape) as usize, 0);
    }
    Ok(out)
}
