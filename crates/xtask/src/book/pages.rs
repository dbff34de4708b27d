//! The source of the site: the pages that `docs/SUMMARY.md` names, under the paths that they have in the
//! repository, so that links between them stay as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::markdown::{self, Link};
use super::{is_outside, resolve};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that belong to the repository alone: what is in a folder, and what `cargo xtask coverage` leaves.
const UNLISTED: &[&str] = &["docs/README.md", "docs/coverage.md", SUMMARY];

/// Files that a page may show or link to and that the site takes along.
const TAKEN_ALONG: &[&str] = &["svg", "png", "html"];

/// Writes mdBook's source into a folder; gives the number of pages.
pub fn lay_out(root: &Path, site: &Path) -> Result<usize> {
    if site.exists() {
        fs::remove_dir_all(site).with_context(|| format!("cannot clear {}", site.display()))?;
    }
    let pages = listed(root)?;
    every_page_is_listed(root, &pages)?;
    // The summary's links begin at the site's root, where mdBook wants it.
    let sheet = Sheet { root, site, pages: &pages };
    sheet.write(Path::new(SUMMARY), Path::new("SUMMARY.md"))?;
    for page in &pages {
        sheet.write(page, &name(page))?;
    }
    for (file, place) in [("book.toml", "book.toml"), ("site.css", "site.css")] {
        fs::copy(root.join("docs").join(file), site.join(place))
            .with_context(|| format!("cannot copy docs/{file}"))?;
    }
    Ok(pages.len())
}

/// The path of a file in the site. mdBook would rename a folder's own page as well, but not the links to it; a page
/// that is HTML already makes room for what mdBook makes of one beside it, as of `docs/results.md`.
fn name(file: &Path) -> PathBuf {
    if file.ends_with("README.md") {
        file.with_file_name("index.md")
    } else if file.extension().is_some_and(|extension| extension == "html") {
        file.with_extension("page.html")
    } else {
        file.to_owned()
    }
}

/// The pages that the summary names.
fn listed(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let text = fs::read_to_string(root.join(SUMMARY)).with_context(|| format!("cannot read {SUMMARY}"))?;
    let links = markdown::read(&text).links;
    links
        .iter()
        .map(|link| {
            let place = resolve(Path::new("docs"), &link.target).map(|(place, _)| place);
            place.with_context(|| format!("{SUMMARY}: {} is no page", link.target))
        })
        .collect()
}

/// Fails where a page of documents or specification was forgotten.
fn every_page_is_listed(root: &Path, pages: &BTreeSet<PathBuf>) -> Result<()> {
    for folder in ["docs", "docs/guide", "docs/notes", "spec"] {
        for entry in fs::read_dir(root.join(folder)).with_context(|| format!("cannot read {folder}"))? {
            let path = Path::new(folder).join(entry?.file_name());
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            let is_known =
                pages.contains(&path) || UNLISTED.iter().any(|&unlisted| path == Path::new(unlisted));
            ensure!(!is_page || is_known, "{SUMMARY} does not name {}", path.display());
        }
    }
    Ok(())
}

struct Sheet<'a> {
    root: &'a Path,
    site: &'a Path,
    pages: &'a BTreeSet<PathBuf>,
}

impl Sheet<'_> {
    /// Writes a page of the repository as a page of the site, and what it shows.
    fn write(&self, page: &Path, written_to: &Path) -> Result<()> {
        let text = fs::read_to_string(self.root.join(page))
            .with_context(|| format!("cannot read {}", page.display()))?;
        let mut written = String::with_capacity(text.len());
        let mut done = 0;
        for link in markdown::read(&text).links {
            written.push_str(&text[done..link.place.start]);
            written.push_str(&self.link(&text, page, written_to, &link)?);
            done = link.place.end;
        }
        written.push_str(&text[done..]);
        let target = self.source(written_to)?;
        fs::write(&target, written).with_context(|| format!("cannot write {}", target.display()))
    }

    /// A link as the site has it.
    fn link(&self, text: &str, page: &Path, written_to: &Path, link: &Link) -> Result<String> {
        let here = page.parent().unwrap_or(page);
        let as_it_is = || Ok(text[link.place.clone()].to_owned());
        if is_outside(&link.target) || link.target.starts_with('#') {
            return as_it_is();
        }
        let Some((place, anchor)) = resolve(here, &link.target) else { return as_it_is() };
        let index = place.join("README.md");
        let place = if self.pages.contains(&index) { index } else { place };
        let is_taken_along =
            place.extension().is_some_and(|found| TAKEN_ALONG.iter().any(|&kind| found == kind));
        if is_taken_along {
            let target = self.source(&name(&place))?;
            fs::copy(self.root.join(&place), target)
                .with_context(|| format!("cannot copy {}", place.display()))?;
        } else if !self.pages.contains(&place) {
            return Ok(unlinked(&link.shown, &place));
        }
        let mark = if link.is_image { "!" } else { "" };
        let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
        let place = relative(written_to.parent().unwrap_or(written_to), &name(&place));
        Ok(format!("{mark}[{}]({place}{anchor})", link.shown))
    }

    /// The path of a file in mdBook's source; its folder is there.
    fn source(&self, name: &Path) -> Result<PathBuf> {
        let path = self.site.join("src").join(name);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(path)
    }
}

/// What stands for a link to a file that the site does not have: the file's path, after words that do not name it.
fn unlinked(shown: &str, place: &Path) -> String {
    let words = shown.trim_matches('`').trim_end_matches('/');
    if place.ends_with(words) {
        format!("`{}`", place.display())
    } else {
        format!("{shown} (`{}`)", place.display())
    }
}

/// A place as seen from a folder, both relative to one root.
fn relative(folder: &Path, place: &Path) -> String {
    let up = folder.ancestors().take_while(|above| !place.starts_with(above)).count();
    let common = folder.ancestors().nth(up).unwrap_or(Path::new(""));
    let down = place.strip_prefix(common).unwrap_or(place).iter().map(|name| name.to_string_lossy());
    std::iter::repeat_n("..".into(), up).chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_files_have_a_name_in_the_site() {
        let to = |file| name(Path::new(file)).with_extension("").display().to_string();
        assert_eq!(to("docs/results.md"), "docs/results");
        assert_eq!(to("docs/results.html"), "docs/results.page");
        assert_eq!(to("rtl/README.md"), "rtl/index");
    }

    #[test]
    fn files_without_a_page_are_named() {
        let place = Path::new("crates/xnc-c/examples/lookup.c");
        assert_eq!(unlinked("lookup.c", place), "`crates/xnc-c/examples/lookup.c`");
        assert_eq!(unlinked("an example", place), "an example (`crates/xnc-c/examples/lookup.c`)");
        assert_eq!(unlinked("spec/", Path::new("spec")), "`spec`");
        assert_eq!(unlinked("`lookup.c`", place), "`crates/xnc-c/examples/lookup.c`");
    }

    #[test]
    fn places_are_seen_from_folders() {
        let seen = |folder, place| relative(Path::new(folder), Path::new(place));
        assert_eq!(seen("", "docs/c.md"), "docs/c.md");
        assert_eq!(seen("docs/guide", "docs/c.md"), "../c.md");
        assert_eq!(seen("docs", "README.md"), "../README.md");
        assert_eq!(seen("docs", "docs/guide/run.md"), "guide/run.md");
    }
}
