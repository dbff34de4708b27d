//! What leaves the process: text for people, JSON for programs. The one place that makes names harmless for
//! a terminal.

use std::borrow::Cow;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::exit::Failure;

/// Text of a file, such as a tensor's name, as people may see it: characters that would move a cursor,
/// begin a line, colour a terminal or turn the direction of reading are written as escapes.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.into()
}

/// Control characters, the ends of lines and paragraphs of Unicode, and what sets a direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A path as people may see it.
pub fn path(path: &Path) -> String {
    escaped(&path.to_string_lossy()).into_owned()
}

/// A path as a word of a shell's line.
pub fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    // What begins with a hyphen would be taken for an option.
    let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Standard output. It is not locked for longer than a write, so that another thread can always say why the
/// process ends.
pub fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(1 << 16, io::stdout())
}

/// Prints text to standard output. Its lines are the caller's; whatever else controls a terminal is escaped.
pub fn print(text: &str) -> Result<()> {
    let lines: Vec<_> = text.trim_end().split('\n').map(escaped).collect();
    print_bytes(format!("{}\n", lines.join("\n")).as_bytes())
}

/// Writes bytes to standard output as they are.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::Stdout)?;
    Ok(())
}

/// Prints one JSON object.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = stdout();
    serde_json::to_writer_pretty(&mut out, value).map_err(|e| Failure::Stdout(e.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(Failure::Stdout)?;
    Ok(())
}

/// Says one line on standard error. Where nobody can hear it, nothing else is to be done about it.
pub fn tell(line: &str) {
    writeln!(io::stderr(), "{}", escaped(line)).ok();
}

/// Says what a report warns of.
pub fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| tell(&format!("xnc: warning: {warning}")));
}

/// A borderless table; all columns but the first `left` are numbers.
pub fn table(header: &[&str], left: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    let rows = rows.map(|row| row.into_iter().map(|cell| escaped(&cell).into_owned()).collect::<Vec<_>>());
    table.load_style(NOTHING).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// A JSON object whose last entry is a list that is made item by item while it is written, however long it
/// is.
pub struct Listing<'a, T> {
    pub head: Value,
    pub list: &'static str,
    pub items: &'a [T],
    pub item: fn(&T) -> Value,
}

impl<T> Serialize for Listing<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.head.as_object().into_iter().flatten() {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry(self.list, &Items(self.items, self.item))?;
        map.end()
    }
}

struct Items<'a, T>(&'a [T], fn(&T) -> Value);

impl<T> Serialize for Items<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_is_escaped_and_other_scripts_stay() {
        let cases = [
            ("model.embed_tokens.weight", "model.embed_tokens.weight"),
            ("größe 词 \u{1f600} e\u{301}", "größe 词 \u{1f600} e\u{301}"),
            ("a\x1b[31mred\x07", "a\\u{1b}[31mred\\u{7}"),
            ("two\nlines\r\t", "two\\nlines\\r\\t"),
            ("\u{9b}31m\x7f", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b\u{2069}\u{200f}\u{61c}\u{2028}", "a\\u{202e}b\\u{2069}\\u{200f}\\u{61c}\\u{2028}"),
            ("", ""),
            ("back\\slash", "back\\slash"),
        ];
        for (raw, expected) in cases {
            assert_eq!(escaped(raw), expected);
        }
    }

    #[test]
    fn paths_are_one_word_each_to_a_shell() {
        for (path, word) in [
            ("data/m.xnc.gguf", "data/m.xnc.gguf"),
            ("-m", "./-m"),
            ("my model", "'my model'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("größe", "größe"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }

    #[test]
    fn a_listing_is_the_object_that_it_describes() {
        let items = [1, 2, 3];
        let listing = Listing {
            head: serde_json::json!({"a": 1}),
            list: "all",
            items: &items,
            item: |n| (*n * 2).into(),
        };
        let text = serde_json::to_string(&listing).expect("writes");
        assert_eq!(text, r#"{"a":1,"all":[2,4,6]}"#);
    }

    #[test]
    fn cells_cannot_begin_lines() {
        let table = table(&["name", "n"], 1, [vec!["a\nb".to_owned(), "1".into()]].into_iter());
        assert_eq!(table.lines().count(), 2, "{table}");
    }
}
