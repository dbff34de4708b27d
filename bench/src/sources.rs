//! What the figures depend on: a hash of the sources that are measured and that measure.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders and files, from the root of the repository.
const MEASURED: [&str; 5] = ["Cargo.lock", "Cargo.toml", "bench/src", "crates/xnc-cli/src", "crates/xnc/src"];
/// What only says how figures are shown, and this file.
const SHOWS: [&str; 2] = ["bench/src/report", "bench/src/sources.rs"];

/// The hash as of now. Comments and empty lines of Rust do not count, nor ends of lines, which a checkout may change,
/// nor how tests are built.
///
/// # Errors
/// When a source cannot be read.
pub fn hash() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    MEASURED.iter().try_for_each(|name| collect(&root, name.to_string(), &mut files))?;
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for name in files {
        let path = root.join(&name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let counts =
            |line: &&str| !name.ends_with(".rs") || !(line.is_empty() || line.trim_start().starts_with("//"));
        let mut of_tests = false;
        let is_measured = |line: &&str| {
            if name.ends_with(".toml") && line.starts_with('[') {
                of_tests = line.starts_with("[profile.dev");
            }
            !of_tests
        };
        let text: Vec<&str> = text.lines().filter(counts).filter(is_measured).collect();
        let text = text.join("\n");
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

/// Files under `name`, with `/` between folders everywhere. Only kinds that git keeps here: caches are no sources.
fn collect(root: &Path, name: String, files: &mut Vec<String>) -> Result<()> {
    let path: PathBuf = root.join(&name);
    if SHOWS.contains(&&name[..]) {
        return Ok(());
    }
    if path.is_dir() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?.file_name().into_string().ok().context("a name that is no text")?;
            collect(root, format!("{name}/{entry}"), files)?;
        }
    } else if [".rs", ".py", ".toml", ".lock", ".json"].iter().any(|end| name.ends_with(end)) {
        files.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_and_hashed_the_same_twice() {
        let mut files = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        collect(&root, "bench/src".into(), &mut files).expect("sources");
        assert!(files.contains(&"bench/src/peers/harness.py".to_owned()));
        assert!(!files.iter().any(|name| SHOWS.iter().any(|shows| name.starts_with(shows))));
        assert_eq!(hash().expect("sources"), hash().expect("sources"));
    }
}
