//! Paths as the record of a folder spells them. `spec/container.md`, section 8.

use std::path::{Path, PathBuf};

use super::FOLDER_RECORD;
use crate::error::{Error, Result};

/// The place inside the folder that a recorded name stands for.
///
/// # Errors
/// [`Error::Corrupt`] for one that leads out of the folder or is no name at all; [`Error::NotAModel`] for one
/// that this system cannot give.
pub fn to_path(name: &str) -> Result<PathBuf> {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if !name.split('/').all(is_name) || name == FOLDER_RECORD {
        return Err(Error::corrupt(format!("file name {name:?} in {FOLDER_RECORD}")));
    }
    if cfg!(windows) && !name.split('/').all(is_name_on_windows) {
        return Err(Error::NotAModel { reason: format!("this system allows no file of the name {name:?}") });
    }
    Ok(PathBuf::from(name))
}

/// A relative path as the record spells it, which [`to_path`] takes.
///
/// # Errors
/// [`Error::NotAModel`] for a name that is not UTF-8.
pub fn from_path(path: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let name = parts.map(|parts| parts.join("/")).ok_or_else(|| Error::NotAModel {
        reason: format!("the file name {path:?} is not UTF-8, and could not be recorded; rename the file"),
    })?;
    to_path(&name)?;
    Ok(name)
}

/// There, some characters mean something else, some names are devices, and dots and blanks at the end are
/// dropped.
fn is_name_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
    let device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered.is_some_and(|n| n.chars().count() == 1 && n.chars().all(|c| "0123456789¹²³".contains(c)));
    let odd = |c: char| c.is_control() || "<>:\"|?*\\".contains(c);
    !device && !part.contains(odd) && !part.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in
            ["", ".", "..", "/", "/a", "a/", "a//b", "a/../b", "./a", "a/.", "a\0b", "xnc.json", "../x"]
        {
            assert!(to_path(name).is_err(), "{name:?}");
        }
        if cfg!(unix) {
            for name in
                ["a:b", r"a\b", "log_12:30.txt", "a/..b", "...", "con", " ", "a\nb", "ü/雪", "sub/xnc.json"]
            {
                assert_eq!(from_path(&to_path(name).expect(name)).expect(name), name);
            }
        }
    }

    #[test]
    fn windows_has_fewer_names() {
        for name in
            ["a:b", r"a\b", "C:", "con", "NUL.txt", "com1", "LPT9.log", "a.", "a ", "a?", "a\u{1}", "aux .x"]
        {
            assert!(!is_name_on_windows(name), "{name:?}");
        }
        for name in ["a", "console", "com", "com10", ".gitignore", "a b.txt", "ü"] {
            assert!(is_name_on_windows(name), "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_are_told() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"a\xffb");
        let error = from_path(Path::new(name)).expect_err("not UTF-8").to_string();
        assert!(error.contains("UTF-8") && error.contains(r"a\xFFb"), "{error}");
    }
}
