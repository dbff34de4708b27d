//! Row numbers as `--ids` takes them: `0,5 7-9`, a file of such, or standard input.

use std::fs;
use std::io::{self, Read as _};

use anyhow::{Result, anyhow};
use xnc::Error;

use crate::exit::Failure;

/// Row numbers in the order in which they were asked for. Ranges stay ranges, so that a long one takes no
/// memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ids(Vec<(usize, usize)>);

impl Ids {
    /// Reads the values of all `--ids`, and the files that they name.
    ///
    /// # Errors
    /// What is no row number, with where it stands; a file that cannot be read; no number at all.
    pub fn read(values: &[String]) -> Result<Ids> {
        let mut ids = Ids::default();
        for value in values {
            match value.strip_prefix('@').unwrap_or(if value == "-" { "-" } else { "" }) {
                "" if value == "@" => return Err(mistake("--ids", "`@` names no file")),
                "" => ids.parse("--ids", value)?,
                "-" => {
                    let mut text = Vec::new();
                    let cause = |cause| Error::Io { path: "standard input".into(), cause };
                    io::stdin().lock().read_to_end(&mut text).map_err(cause)?;
                    ids.parse("standard input", &utf8("standard input", text)?)?;
                }
                file => {
                    let text = fs::read(file).map_err(|cause| Error::Io { path: file.into(), cause })?;
                    ids.parse(file, &utf8(file, text)?)?;
                }
            }
        }
        if ids.0.is_empty() { Err(mistake("--ids", "no row number is given")) } else { Ok(ids) }
    }

    fn parse(&mut self, place: &str, text: &str) -> Result<()> {
        // What Windows puts before a text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        for (position, item) in items.enumerate() {
            let number = |text: &str| {
                // `parse` takes a sign, which would make `-5--3` and `+1` numbers.
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                text.parse::<usize>().ok().filter(|_| digits).ok_or_else(|| {
                    let what = if digits { "larger than any row number" } else { "no row number" };
                    let shown: String = item.chars().take(40).collect();
                    let say = "write numbers from 0 and ranges such as 5-9";
                    mistake(place, &format!("item {}, `{shown}`, is {what}; {say}", position + 1))
                })
            };
            let (first, last) = match item.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(item)?, number(item)?),
            };
            if first > last {
                let why = format!("item {}, `{item}`, ends before it begins", position + 1);
                return Err(mistake(place, &why));
            }
            // A million numbers in a row are one range.
            match self.0.last_mut() {
                Some(range) if range.1.checked_add(1) == Some(first) => range.1 = last,
                _ => self.0.push((first, last)),
            }
        }
        Ok(())
    }

    /// How many there are, when a table has them all.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`] for the first that a table of `rows` rows does not have.
    pub fn count(&self, rows: usize) -> Result<usize> {
        let mut count = 0usize;
        for &(first, last) in &self.0 {
            if last >= rows {
                return Err(Error::RowOutOfRange { row: first.max(rows) as u64, rows: rows as u64 }.into());
            }
            let more = last - first + 1;
            count = count.checked_add(more).ok_or_else(|| mistake("--ids", "too many rows are asked for"))?;
        }
        Ok(count)
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }
}

fn utf8(place: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| mistake(place, "not a text; write row numbers, blanks and commas"))
}

fn mistake(place: &str, why: &str) -> anyhow::Error {
    anyhow!(Failure::Usage(format!("{place}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Vec<usize>, String> {
        let values: Vec<String> = values.iter().map(|&value| value.into()).collect();
        Ids::read(&values).map(|ids| ids.iter().collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn numbers_blanks_ranges_and_several_values() {
        let cases: [(&[&str], &[usize]); 9] = [
            (&["0"], &[0]),
            (&["0,5,42"], &[0, 5, 42]),
            (&[" 0, 5 ,,\t42\n"], &[0, 5, 42]),
            (&["5-9"], &[5, 6, 7, 8, 9]),
            (&["3-3,1,1,0-1"], &[3, 1, 1, 0, 1]),
            (&["7 6 5"], &[7, 6, 5]),
            (&["1,2,3-4", "5", "2"], &[1, 2, 3, 4, 5, 2]),
            (&["007"], &[7]),
            (&["", "4"], &[4]),
        ];
        for (values, expected) in cases {
            assert_eq!(read(values).expect("reads"), expected, "{values:?}");
        }
    }

    #[test]
    fn mistakes_say_what_and_where() {
        let cases = [
            ("", "no row number is given"),
            (" , ", "no row number is given"),
            ("@", "names no file"),
            ("1,x", "item 2, `x`, is no row number"),
            ("-5", "`-5`, is no row number"),
            ("5-", "`5-`, is no row number"),
            ("1-2-3", "`1-2-3`, is no row number"),
            ("5..9", "`5..9`, is no row number"),
            ("+1", "`+1`, is no row number"),
            ("1.5", "`1.5`, is no row number"),
            ("0x10", "`0x10`, is no row number"),
            ("9-5", "ends before it begins"),
            ("99999999999999999999", "larger than any row number"),
            ("1;2", "`1;2`, is no row number"),
            ("\u{0663}", "is no row number"),
        ];
        for (value, says) in cases {
            let error = read(&[value]).expect_err(value);
            assert!(error.contains(says), "{value}: {error}");
        }
        assert!(read(&["@/no/such/file"]).expect_err("absent").contains("/no/such/file"));
    }

    #[test]
    fn long_ranges_take_no_memory_and_every_row_is_checked() {
        let ids = |text: &str| Ids::read(&[text.into()]).expect("reads");
        let all = ids(&format!("0-{}", usize::MAX));
        assert_eq!(all.0.len(), 1);
        let error = all.count(10).expect_err("too many").to_string();
        assert!(error.contains("row 10 ") && error.contains("10 rows"), "{error}");
        assert_eq!(ids("0-9,9,3-4").count(10).expect("all there"), 13);
        assert_eq!(ids("0 1 2 3 5").0, [(0, 3), (5, 5)]);
        assert!(ids("3,10").count(10).expect_err("past the end").to_string().contains("row 10 "));
        assert!(ids("0").count(0).expect_err("no rows").to_string().contains("0 rows"));
        let half = usize::MAX / 2;
        let twice = ids(&format!("0-{half},0-{half},0-{half}"));
        assert!(twice.count(usize::MAX).expect_err("too many").to_string().contains("too many"));
    }
}
