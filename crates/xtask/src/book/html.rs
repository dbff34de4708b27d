//! Links of the site, as who clicks them follows them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::{Found, is_outside, resolve};

/// Links and anchors of a page.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    anchors: HashSet<String>,
}

/// Follows the links of all pages below a folder, to pages and their anchors, to pictures, styles and scripts.
pub fn broken(site: &Path) -> Result<Found> {
    let mut files = HashSet::new();
    collect(site, Path::new(""), &mut files)?;
    let mut pages = HashMap::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "html")) {
        let text =
            fs::read_to_string(site.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
        pages.insert(file, read(&text));
    }
    let mut found = Found::default();
    for (file, page) in &pages {
        let folder = file.parent().unwrap_or(file);
        for link in page.links.iter().filter(|link| !is_outside(link)) {
            found.followed += 1;
            let resolved = resolve(folder, link)
                .map(|(place, anchor)| (if link.starts_with('#') { (*file).clone() } else { place }, anchor));
            let is_good = resolved.is_some_and(|(place, anchor)| match anchor.as_deref() {
                // An empty anchor is the top of the page.
                None | Some("") => files.contains(&place),
                Some(anchor) => pages.get(&place).is_some_and(|page| page.anchors.contains(anchor)),
            });
            if !is_good {
                found.broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    found.broken.sort();
    Ok(found)
}

fn read(text: &str) -> Page {
    let mut emitter = DefaultEmitter::default();
    // Else what looks like a tag in a script would be taken for one.
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    for Ok(token) in Tokenizer::new_with_emitter(text, emitter) {
        let Token::StartTag(tag) = token else { continue };
        let value = |name: &[u8]| {
            tag.attributes.get(name).map(|value| String::from_utf8_lossy(value.as_slice()).into_owned())
        };
        page.links.extend(["href", "src"].iter().filter_map(|name| value(name.as_bytes())));
        page.anchors.extend(value(b"id"));
        if tag.name.as_slice() == b"a" {
            page.anchors.extend(value(b"name"));
        }
    }
    page
}

/// The files below a folder, relative to the site.
fn collect(site: &Path, folder: &Path, files: &mut HashSet<PathBuf>) -> Result<()> {
    let there = site.join(folder);
    for entry in fs::read_dir(&there).with_context(|| format!("cannot read {}", there.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(site, &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let a = "<a href='b.html#x'></a><a href='b.html#y'></a><a href=c.html></a><a href=#z></a>\
            <script>if (a <b) '<a href=d.html>'</script><p id=z><a href='https://example.org/'></a>";
        fs::write(folder.path().join("a.html"), a).expect("writes");
        fs::write(folder.path().join("b.html"), "<h1 id=x>b</h1><img src=p.svg>").expect("writes");
        let found = broken(folder.path()).expect("reads");
        assert_eq!(found.broken, ["a.html: b.html#y", "a.html: c.html", "b.html: p.svg"]);
        assert_eq!(found.followed, 5);
    }
}
