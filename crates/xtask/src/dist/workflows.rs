//! The workflows of a public host, held to what they repeat: which test counts, which version of Rust is the least.

use std::fs;

use anyhow::{Context, Result};

use super::sorted;
use crate::root;

/// What is wrong, a line each.
pub fn faults(minimum: &str) -> Result<Vec<String>> {
    let folder = root().join(".github/workflows");
    let read = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
    let mut faults = of_ci(&read("ci.yml")?, minimum);
    faults.extend(of_release(&read("release.yml")?));
    for path in sorted(&folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        faults.extend(
            unpinned(&read(&name)?).into_iter().map(|action| format!("{name}: {action} is not pinned")),
        );
    }
    Ok(faults)
}

fn of_ci(text: &str, minimum: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |good: bool, what: &str| {
        if !good {
            faults.push(format!("ci.yml: {what}"));
        }
    };
    check(has(job(text, "linux"), "- run: .ci/run"), "job linux does not run .ci/run");
    let version = format!("RUST_MINIMUM: \"{minimum}\"");
    check(has(job(text, "minimum"), &version), &format!("job minimum has no {version}, as Cargo.toml"));
    check(has(job(text, "wheels"), "- run: cargo +stable xtask wheels"), "job wheels makes no wheels");
    faults
}

fn of_release(text: &str) -> Vec<String> {
    let wanted = ["tags: [\"v[0-9]*\"]", "- run: cargo xtask dist"];
    let missing = wanted.iter().filter(|line| !has(text, line));
    missing.map(|line| format!("release.yml: no line {line}")).collect()
}

fn has(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line.trim() == wanted)
}

/// The lines of a job, which are those behind its name that are indented further.
fn job<'a>(text: &'a str, name: &str) -> &'a str {
    let Some((_, behind)) = text.split_once(&format!("\n  {name}:\n")) else {
        return "";
    };
    let mut end = 0;
    for line in behind.split_inclusive('\n') {
        if !line.trim().is_empty() && !line.starts_with("   ") {
            break;
        }
        end += line.len();
    }
    &behind[..end]
}

/// Actions that are not named by commit, with the version that it is of: a tag can be moved.
fn unpinned(text: &str) -> Vec<String> {
    let uses = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "));
    let pinned = |action: &str| {
        let behind = action.split_once('@').and_then(|(_, behind)| behind.split_once(" # v"));
        behind.is_some_and(|(commit, version)| {
            let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            commit.len() == 40 && hexadecimal && version.split('.').count() == 3
        })
    };
    uses.filter(|action| !pinned(action)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workflows_are_in_step() {
        assert_eq!(faults(env!("CARGO_PKG_RUST_VERSION")).expect("workflows"), [""; 0]);
    }

    #[test]
    fn what_is_out_of_step_is_told() {
        let ci = "jobs:\n  linux:\n    steps:\n      - run: cargo test\n  minimum:\n    env:\n      \
                  RUST_MINIMUM: \"1.2\"\n\n  wheels:\n    steps:\n      - run: .ci/run\n";
        assert_eq!(of_ci(ci, "1.2").len(), 2);
        assert_eq!(of_ci(ci, "1.3").len(), 3);
        assert_eq!(of_release("- run: cargo xtask dist").len(), 1);
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let uses = format!("- uses: a/b@v4\n  uses: a/b@{commit}\n- uses: a/b@{commit} # v4.0.1\n");
        assert_eq!(unpinned(&uses), ["a/b@v4".to_owned(), format!("a/b@{commit}")]);
    }
}
