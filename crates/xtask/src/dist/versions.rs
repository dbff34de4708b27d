//! One version in every place that names it, and one least version of Rust.

use std::fs;

use anyhow::{Context, Result};

use super::metadata::{Workspace, text};
use crate::root;

/// What is wrong, a line each.
pub fn faults(workspace: &Workspace) -> Result<Vec<String>> {
    let read = |path: &str| fs::read_to_string(root().join(path)).with_context(|| path.to_owned());
    let (version, minimum) = (&workspace.version, &workspace.minimum);
    let mut faults = Vec::new();
    let mut check = |good: bool, what: String| {
        if !good {
            faults.push(what);
        }
    };
    for package in workspace.published() {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let (name, asked) = (text(dependency, "name"), text(dependency, "req"));
            let right = dependency["path"].is_null() || asked == format!("^{version}");
            check(right, format!("{} asks for {name} {asked}, not {version}", text(package, "name")));
        }
    }
    let header = read("crates/xnc-c/include/xnc.h")?;
    let mut parts = version.split('.');
    for name in ["MAJOR", "MINOR"] {
        let line = format!("#define XNC_VERSION_{name} {}", parts.next().unwrap_or_default());
        check(header.lines().any(|other| other == line), format!("xnc.h has no line {line}"));
    }
    // Else maturin takes another number than Cargo.toml's.
    let project = read("python/pyproject.toml")?;
    let dynamic = project.lines().any(|line| line == "dynamic = [\"version\"]");
    check(dynamic, "python/pyproject.toml takes no version from Cargo.toml".into());
    let changes = read("CHANGELOG.md")?;
    let told = changes.lines().any(|line| {
        let heading = line.strip_prefix("## ");
        heading.is_some_and(|what| what == "Unreleased" || what.split(' ').next() == Some(version))
    });
    check(told, format!("CHANGELOG.md has neither {version} nor what is unreleased"));
    let asked = format!("Rust ({minimum} or later)");
    check(read("README.md")?.contains(&asked), format!("README.md does not ask for {asked}"));
    Ok(faults)
}
