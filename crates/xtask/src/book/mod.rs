//! `cargo xtask book`: the documentation as a site, in `target/book/html`, with every link looked at.
//!
//! The pages are written for people who read them in the repository, so their links lead from file to file there.
//! [`markdown`] reads links and headings, [`links`] follows those of all pages of the repository, [`pages`] lays
//! the pages that `docs/SUMMARY.md` names out for mdBook, and [`html`] follows the links of what comes out.

mod html;
mod links;
mod markdown;
mod pages;

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{alone, root, run, say};

/// mdBook is pinned, since anchors and the files around the pages differ between versions.
const VERSION: &str = "0.5.4";

/// Checks links, builds the site, and checks the links of the site.
pub fn all() -> Result<()> {
    let root = root();
    let checked = fail_on("links", links::broken(&root)?)?;
    say(&format!("{checked} links between the pages of the repository are good"));
    let site = root.join("target/book");
    let listed = pages::lay_out(&root, &site)?;
    run(Command::new(mdbook()?).arg("build").arg(&site))?;
    let built = site.join("html");
    let checked = fail_on("links of the site", html::broken(&built)?)?;
    say(&format!("{listed} pages, {checked} links are good: {}", built.join("index.html").display()));
    Ok(())
}

/// What a look at links has found.
#[derive(Default)]
struct Found {
    followed: usize,
    /// A line for each link that leads nowhere.
    broken: Vec<String>,
}

/// How many links were followed; fails where one leads nowhere.
fn fail_on(what: &str, found: Found) -> Result<usize> {
    if !found.broken.is_empty() {
        bail!("{what} that lead nowhere:\n{}", found.broken.join("\n"));
    }
    Ok(found.followed)
}

/// mdBook in `.tools`, installed on first use: without its server, which nobody needs here, and neither optimised nor
/// debuggable, which builds in a minute on two cores and still makes the site in a second or two.
fn mdbook() -> Result<PathBuf> {
    let _lock = alone("mdbook")?;
    let program = root().join(format!(".tools/mdbook-{VERSION}/bin/mdbook"));
    if !program.exists() {
        say(&format!("installing mdBook {VERSION} into .tools"));
        let mut install = Command::new("cargo");
        install.args(["install", "--locked", "--quiet", "--debug", "--no-default-features"]);
        install.args(["--features", "search", "--root"]).arg(root().join(format!(".tools/mdbook-{VERSION}")));
        install.args(["mdbook", "--version", VERSION]).env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(install.current_dir(root()))?;
    }
    Ok(program)
}

/// Whether a link leads to another place than the pages: an address, or a mail.
fn is_outside(target: &str) -> bool {
    let scheme = target.split([':', '/', '#']).next().unwrap_or_default();
    target.starts_with("//") || (!scheme.is_empty() && target[scheme.len()..].starts_with(':'))
}

/// Where a relative link from a folder leads, and its anchor. Paths are relative to one root, which no link leaves.
fn resolve(folder: &Path, target: &str) -> Option<(PathBuf, Option<String>)> {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (target, None),
    };
    let mut place = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !place.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some((place, anchor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_within_the_root() {
        let to = |target| resolve(Path::new("docs/guide"), target);
        assert_eq!(to("run.md"), Some(("docs/guide/run.md".into(), None)));
        assert_eq!(to("../c.md#use"), Some(("docs/c.md".into(), Some("use".into()))));
        assert_eq!(to("../../README.md"), Some(("README.md".into(), None)));
        assert_eq!(to("../../../README.md"), None);
        assert_eq!(to("/etc/hosts"), None);
    }

    #[test]
    fn addresses_are_outside() {
        assert!(is_outside("https://example.org/#a") && is_outside("mailto:a@example.org"));
        assert!(is_outside("//example.org"));
        assert!(!is_outside("a.md#b:c") && !is_outside("#a") && !is_outside("folder/a:b.md"));
    }
}
