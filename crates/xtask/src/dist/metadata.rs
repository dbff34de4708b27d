//! What Cargo.toml says of each crate that is published, and what crates.io and readers of its page need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::root;

/// The crates of this repository, as cargo sees them.
pub struct Workspace {
    /// All members, published or not.
    members: Vec<Value>,
    pub version: String,
    /// The least version of Rust.
    pub minimum: String,
}

impl Workspace {
    /// Fails where Cargo.lock is not what Cargo.toml asks for.
    pub fn read() -> Result<Workspace> {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--format-version", "1", "--no-deps", "--locked"]).current_dir(root());
        let output = cargo.output().context("cannot start cargo")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let Value::Array(members) = serde_json::from_slice::<Value>(&output.stdout)?["packages"].take()
        else {
            anyhow::bail!("cargo metadata lists no packages");
        };
        let of = |member: &str| text(&members[0], member).to_owned();
        Ok(Workspace { version: of("version"), minimum: of("rust_version"), members })
    }

    /// Those that go to crates.io.
    pub fn published(&self) -> impl Iterator<Item = &Value> {
        self.members.iter().filter(|package| package["publish"].is_null())
    }

    pub fn names(&self) -> Vec<&str> {
        self.published().map(|package| text(package, "name")).collect()
    }

    /// Whether the crates name a public address.
    pub fn has_address(&self) -> bool {
        self.published().any(|package| !text(package, "repository").is_empty())
    }

    /// `-p NAME` for each published crate.
    pub fn selected(&self) -> Vec<&str> {
        self.names().into_iter().flat_map(|name| ["-p", name]).collect()
    }
}

/// A member that is a text, or nothing.
pub fn text<'a>(package: &'a Value, member: &str) -> &'a str {
    package[member].as_str().unwrap_or_default()
}

/// The folder of a crate.
pub fn folder(package: &Value) -> PathBuf {
    Path::new(text(package, "manifest_path")).parent().unwrap_or(Path::new("")).to_owned()
}

/// What is wrong, a line each.
pub fn faults(workspace: &Workspace) -> Vec<String> {
    let names = workspace.names();
    let mut faults: Vec<String> =
        workspace.published().flat_map(|package| of_one(package, &names, workspace.has_address())).collect();
    for package in &workspace.members {
        let (name, version) = (text(package, "name"), text(package, "version"));
        if version != workspace.version {
            faults.push(format!("{name} has version {version}, others have {}", workspace.version));
        }
    }
    faults
}

fn of_one(package: &Value, published: &[&str], with_address: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |good: bool, what: &str| {
        if !good {
            wrong.push(format!("{}: {what}", text(package, "name")));
        }
    };
    check(text(package, "description").len() > 20, "no description to speak of");
    check(text(package, "license") == "MIT OR Apache-2.0", "license is not MIT OR Apache-2.0");
    check(!text(package, "rust_version").is_empty(), "no rust-version");
    check(text(package, "readme") == "README.md", "readme is not README.md, its own");
    check(!with_address || !text(package, "repository").is_empty(), "no repository, which others name");
    let list = |member: &str| package[member].as_array().cloned().unwrap_or_default();
    // The limits of crates.io.
    check((1..=5).contains(&list("categories").len()), "1 to 5 categories");
    check((1..=5).contains(&list("keywords").len()), "1 to 5 keywords");
    for keyword in list("keywords") {
        check(
            is_keyword(keyword.as_str().unwrap_or_default()),
            &format!("crates.io refuses keyword {keyword}"),
        );
    }
    for dependency in list("dependencies") {
        if dependency["path"].is_null() {
            continue;
        }
        let (name, development) = (text(&dependency, "name"), text(&dependency, "kind") == "dev");
        check(development || published.contains(&name), &format!("needs {name}, which is not published"));
        check(development || text(&dependency, "req") != "*", &format!("names no version of {name}"));
    }
    wrong
}

fn is_keyword(word: &str) -> bool {
    word.len() <= 20
        && word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_+".contains(letter))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_told() {
        let mut package = json!({
            "name": "some", "description": "Twenty-one characters.", "license": "MIT OR Apache-2.0",
            "rust_version": "1.94", "readme": "README.md", "categories": ["compression"],
            "keywords": ["one", "bf16"],
            "dependencies": [{ "name": "other", "path": "/other", "req": "^0.1" }],
        });
        assert_eq!(of_one(&package, &["some", "other"], false), [""; 0]);
        let alone = of_one(&package, &["some"], true);
        assert_eq!(
            alone,
            ["some: no repository, which others name", "some: needs other, which is not published"]
        );
        package["keywords"] = json!(["longer than crates.io takes"]);
        package["dependencies"][0]["req"] = json!("*");
        package["readme"] = json!("../../README.md");
        assert_eq!(of_one(&package, &["some", "other"], false).len(), 3);
    }
}
