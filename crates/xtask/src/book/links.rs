//! Links between the pages of the repository, as who reads them there follows them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::markdown::{self, Page};
use super::{Found, is_outside, resolve};

/// Folders whose pages are not the project's text: what is built, and pieces of a page that is put together.
const LEFT_OUT: &[&str] = &["target", "data", "node_modules", "crates/xtask/src/mca/page"];

/// Follows all links of all pages.
pub fn broken(root: &Path) -> Result<Found> {
    let mut paths = Vec::new();
    collect(root, Path::new(""), &mut paths)?;
    let mut pages = HashMap::new();
    for path in paths {
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        pages.insert(path, markdown::read(&text));
    }
    let mut found = Found::default();
    for (path, page) in &pages {
        for link in page.links.iter().filter(|link| !is_outside(&link.target)) {
            found.followed += 1;
            if let Some(why) = fault(root, &pages, path, &link.target) {
                found.broken.push(format!("{}: {}: {why}", path.display(), link.target));
            }
        }
    }
    found.broken.sort();
    Ok(found)
}

/// Why a link of a page leads nowhere.
fn fault(root: &Path, pages: &HashMap<PathBuf, Page>, page: &Path, target: &str) -> Option<String> {
    let folder = page.parent().unwrap_or(page);
    let Some((mut place, anchor)) = resolve(folder, target) else {
        return Some("outside of the repository".into());
    };
    if target.starts_with('#') {
        place = page.to_owned();
    }
    if !root.join(&place).exists() {
        return Some(format!("there is no {}", place.display()));
    }
    let anchor = anchor?;
    match pages.get(&place) {
        Some(page) if page.anchors.contains(&anchor) => None,
        _ => Some(format!("{} has no heading #{anchor}", place.display())),
    }
}

/// The pages below a folder, relative to the root.
fn collect(root: &Path, folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    let there = root.join(folder);
    for entry in fs::read_dir(&there).with_context(|| format!("cannot read {}", there.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if is_hidden || LEFT_OUT.iter().any(|&left_out| path == Path::new(left_out)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}
