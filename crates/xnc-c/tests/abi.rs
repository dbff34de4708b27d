//! What programs are linked against, held in `abi.txt`: functions with their types, values, places in structures,
//! each with the version that brought it.
//!
//! What a release had stays as it is until the next major version, and what is added after a release is a new minor
//! version: `XNC_BLESS=1 cargo test -p xnc-c --test abi` writes the list where that holds.

#[path = "support/made.rs"]
mod made;
mod support;

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::path::Path;

use object::Object as _;
use support::Library;
use xnc_c::TableInfo;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// The header's text without comments and what only C++ or only C sees, in single spaces.
fn declarations(header: &str) -> String {
    let mut depth = 0; // of what is for C++ alone
    let (mut kept, mut comment) = (String::new(), false);
    for line in header.lines() {
        let line = line.split("//").next().unwrap_or_default();
        comment |= line.starts_with("/*");
        if line.starts_with("#if") {
            depth += usize::from(depth > 0 || line == "#ifdef __cplusplus");
        } else if line.starts_with("#endif") {
            depth = usize::saturating_sub(depth, 1);
        } else if depth == 0 && !comment {
            let directive = line.starts_with('#');
            kept += if directive { "\n" } else { " " };
            kept += line.trim();
            kept += if directive { ";" } else { "" };
        }
        comment &= !line.ends_with("*/");
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every promise to programs, a line each.
fn promises(header: &str) -> BTreeSet<String> {
    let text = declarations(header);
    let mut all = BTreeSet::new();
    // Enumerations are the only ones whose parts are parted by commas between braces.
    for parts in text.split("enum ").skip(1) {
        let Some((name, rest)) = parts.split_once('{').filter(|(name, _)| !name.contains(';')) else {
            continue;
        };
        let name = name.split_whitespace().next().expect("a name");
        let values = rest.split('}').next().expect("an end").split(',').map(str::trim);
        all.extend(values.filter(|value| !value.is_empty()).map(|value| format!("value {name} {value}")));
    }
    for statement in text.split(';').map(str::trim) {
        if let Some(constant) = statement.strip_prefix("#define XNC_") {
            if constant.starts_with("TO_END") {
                all.insert(format!("constant XNC_{constant}"));
            }
        } else if statement.contains('(') && !statement.starts_with('#') {
            let kind = if statement.starts_with("typedef") { "type" } else { "function" };
            all.insert(format!("{kind} {statement}"));
        } else if let Some(name) = statement.strip_prefix("typedef ").filter(|name| !name.contains('{')) {
            all.insert(format!("type typedef {name}"));
        }
    }
    let places = [
        ("rows", offset_of!(TableInfo, rows)),
        ("columns", offset_of!(TableInfo, columns)),
        ("stored_bytes", offset_of!(TableInfo, stored_bytes)),
        ("dtype", offset_of!(TableInfo, dtype)),
        ("codec", offset_of!(TableInfo, codec)),
    ];
    all.extend(places.map(|(field, place)| format!("place xnc_table_info.{field} {place}")));
    all.insert(format!("size xnc_table_info {}", size_of::<TableInfo>()));
    all
}

/// The list after a change, or why the change may not be.
fn next(
    old: &str,
    now: &BTreeSet<String>,
    version: &str,
    is_released: &dyn Fn(&str) -> bool,
) -> Result<String, String> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    let mut lines = BTreeSet::new();
    for (since, promise) in old.lines().filter_map(|line| line.split_once(' ')) {
        if now.contains(promise) {
            lines.insert((promise.to_owned(), since.to_owned()));
        } else if is_released(since) && major(since) == major(version) {
            return Err(format!("`{promise}` was released: to take it away is a new major version"));
        }
    }
    for promise in now {
        if !lines.iter().any(|(known, _)| known == promise) {
            if is_released(version) {
                return Err(format!(
                    "`{promise}` is new, and {version} was released: raise the minor version"
                ));
            }
            lines.insert((promise.clone(), version.to_owned()));
        }
    }
    Ok(lines.into_iter().map(|(promise, since)| format!("{since} {promise}\n")).collect())
}

/// Whether the changelog has a heading for it.
fn released(version: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../CHANGELOG.md");
    let changes = std::fs::read_to_string(path).expect("a changelog");
    changes.lines().any(|line| line.starts_with(&format!("## {version}.")))
}

#[test]
fn promises_are_those_on_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("abi.txt");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let new =
        next(&old, &promises(&made::header()), VERSION, &released).unwrap_or_else(|why| panic!("{why}"));
    if std::env::var_os("XNC_BLESS").is_some() {
        std::fs::write(&path, &new).expect("written");
        return;
    }
    assert!(old == new, "abi.txt is not what the header says: XNC_BLESS=1 writes it anew, as\n{new}");
}

#[test]
fn shared_library_exports_the_functions_of_the_list_and_no_others() {
    let listed: BTreeSet<_> = promises(&made::header())
        .iter()
        .filter_map(|promise| promise.strip_prefix("function ")?.split('(').next()?.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect();
    assert!(listed.len() > 10 && listed.iter().all(|name| name.starts_with("xnc_")), "{listed:?}");
    for library in Library::all() {
        let bytes = std::fs::read(&library.shared).expect("a library");
        let exports = object::File::parse(&*bytes).expect("parsed").exports().expect("exports");
        // macOS puts a dash before the names of C.
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_start_matches('_').to_owned();
        let exported: BTreeSet<_> = exports.iter().map(|export| name(export.name())).collect();
        assert_eq!(exported, listed, "{}", library.shared.display());
    }
}

#[test]
fn places_are_those_that_a_c_compiler_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    for library in Library::all() {
        let Some(program) = library.compile("tests/programs/layout.c", folder.path(), &[]) else { return };
        let printed = support::output(&mut library.command(&program, folder.path()));
        let found: BTreeSet<_> = printed.lines().map(str::to_owned).collect();
        let kinds = ["place ", "size "];
        let listed = promises(&made::header());
        let expected = listed.into_iter().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
        assert_eq!(found, expected.collect());
    }
}

#[test]
fn lists_grow_with_versions_and_shrink_with_major_ones() {
    let set = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<BTreeSet<_>>();
    let old = "0.1 function a\n0.2 function b\n";
    let upto = |last: &'static str| move |version: &str| version <= last;
    let same = next(old, &set(&["function a", "function b"]), "0.2", &upto("0.2"));
    assert_eq!(same.as_deref(), Ok(old));
    let more = set(&["function a", "function b", "function c"]);
    assert!(next(old, &more, "0.2", &upto("0.2")).is_err_and(|why| why.contains("minor")));
    assert_eq!(next(old, &more, "0.3", &upto("0.2")), Ok(format!("{old}0.3 function c\n")));
    let less = set(&["function a"]);
    assert!(next(old, &less, "0.3", &upto("0.2")).is_err_and(|why| why.contains("major")));
    assert_eq!(next(old, &less, "0.2", &upto("0.1")).as_deref(), Ok("0.1 function a\n"));
    assert_eq!(next(old, &less, "1.0", &upto("0.2")).as_deref(), Ok("0.1 function a\n"));
}
