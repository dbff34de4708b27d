//! `xnc rows`: formats, ways to say which rows, and that nothing is printed before all is known to be good.

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{SAMPLE, TENSOR, bounded, command, folder, model, run, xnc};

/// Runs `rows` on the sample with one value of `--ids`, blanks in it, and text on standard input.
fn ids(dir: &Path, value: &str, input: &str) -> (i32, String, String) {
    let mut command = command(dir, &format!("rows m.safetensors --tensor {TENSOR} --ids"));
    let child = command.arg(value).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("starts");
    // Who takes nothing closes it.
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// First words of lines.
fn first_words(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

#[test]
fn rows_in_three_formats_from_plain_and_compressed() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    let bytes = fs::read(SAMPLE).expect("sample");
    let data = &bytes[bytes.len() - 4096 * 384 * 2..];
    let expected: Vec<u8> = [0, 4095, 42].iter().flat_map(|id| data[id * 768..][..768].to_vec()).collect();
    for file in ["m.safetensors", "m.xnc.safetensors"] {
        let run = |format: &str| {
            let line = format!("rows {file} --tensor {TENSOR} --ids 0,4095,42 --format {format}");
            command(&dir, &line).output().expect("runs").stdout
        };
        assert!(run("raw") == expected);
        let npy = run("npy");
        assert!(npy.starts_with(b"\x93NUMPY\x01\x00") && npy.ends_with(&expected));
        assert_eq!((npy.len() - expected.len()) % 64, 0);
        let text = String::from_utf8(run("text")).expect("text");
        let values = text.lines().next().expect("a line").split(' ').skip(1);
        let words = values.map(|value| (value.parse::<f32>().expect("a number").to_bits() >> 16) as u16);
        assert_eq!(words.flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>(), &expected[..768]);
    }
}

#[test]
fn a_table_without_rows_has_no_row_and_no_buffer() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let json = r#"{"a":{"dtype":"BF16","shape":[0,4611686018427387904],"data_offsets":[0,0]}}"#;
    let file = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    fs::write(dir.path().join("a.safetensors"), file).expect("written");
    let (code, _, err) = xnc(dir.path(), "rows a.safetensors --tensor a --ids 0");
    assert!(code > 0 && err.contains("out of range"), "{code}: {err}");
}

#[test]
fn ids_come_as_lists_ranges_files_and_standard_input() {
    let (_keep, dir) = folder();
    fs::write(dir.join("ids"), "3\n4-6,\t4095\r\n 0").expect("writes");
    fs::write(dir.join("latin"), b"\xff").expect("writes");
    let cases: [(&str, &str, &[&str]); 8] = [
        ("0,5,42", "", &["0", "5", "42"]),
        (" 0, 5  7-9 ", "", &["0", "5", "7", "8", "9"]),
        ("4095", "", &["4095"]),
        ("9-9 9", "", &["9", "9"]),
        ("@ids", "", &["3", "4", "5", "6", "4095", "0"]),
        ("-", "1 2\n3", &["1", "2", "3"]),
        ("@-", "1-2", &["1", "2"]),
        ("-", "8", &["8"]),
    ];
    for (value, input, expected) in cases {
        let (code, out, err) = ids(&dir, value, input);
        assert_eq!((code, first_words(&out)), (0, expected.to_vec()), "{value}: {err}");
    }
    let mistakes = [
        (2, "", "", "no row number"),
        (2, "-", "", "no row number"),
        (2, "-", "1 two", "standard input: item 2, `two`"),
        (2, "0,5..9", "", "ranges such as 5-9"),
        (2, "9-5", "", "ends before it begins"),
        (2, "@latin", "", "latin"),
        (3, "@absent", "", "absent: No such file"),
        (3, "@.", "", "Is a directory"),
        (5, "0,4096", "", "row 4096 is out of range"),
        (5, "4000-5000", "", "row 4096 is out of range"),
        (5, "0-18446744073709551615", "", "row 4096 is out of range"),
    ];
    for (code, value, input, says) in mistakes {
        let (found, out, err) = ids(&dir, value, input);
        assert_eq!((found, out.as_str()), (code, ""), "{value}: {err}");
        assert!(err.contains(says), "{value}: `{err}` does not say `{says}`");
    }
    let twice = xnc(&dir, &format!("rows m.safetensors --tensor {TENSOR} --ids 1 --ids 0-1"));
    assert_eq!(first_words(&twice.1), ["1", "0", "1"]);
}

#[test]
fn a_million_ids_take_little_memory() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("m.safetensors"), model([("e.weight", [1000, 16])])).expect("writes");
    let all: Vec<String> = (0..1_000_000).map(|n| (n * 7 % 1000).to_string()).collect();
    fs::write(dir.path().join("ids"), all.join(" ")).expect("writes");
    let file = fs::read(dir.path().join("m.safetensors")).expect("reads");
    let row = |id: usize| &file[file.len() - (1000 - id) * 32..][..32];
    let line = "rows m.safetensors --tensor e.weight --ids @ids --format raw";
    let output = bounded(dir.path(), line, 500_000).output().expect("runs").stdout;
    assert_eq!(output.len(), 32_000_000);
    for n in [0, 1, 65_535, 65_536, 131_071, 999_999] {
        assert!(output[n * 32..][..32] == *row(n * 7 % 1000), "{n}");
    }
}

#[test]
fn damage_in_a_late_row_is_found_before_anything_is_printed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    fs::write(dir.join("m.safetensors"), model([("embed_tokens.weight", [40_000, 64])])).expect("writes");
    assert_eq!(xnc(dir, "compress m.safetensors").0, 0);
    let mut file = fs::read(dir.join("m.xnc.safetensors")).expect("reads");
    let at = file.len() / 10 * 8;
    file[at] ^= 1;
    fs::write(dir.join("m.xnc.safetensors"), file).expect("writes");
    for format in ["--format raw", "--format text", "--json"] {
        let line = format!("rows m.xnc.safetensors --tensor embed_tokens.weight --ids 0-39999 {format}");
        let (code, out, err) = xnc(dir, &line);
        assert_eq!(code, 4, "{format}: {err}");
        let told = if format == "--json" { "{\n  \"error\"" } else { "" };
        assert!(out.starts_with(told) && out.len() < 500, "{format}: {}", out.len());
    }
}

#[test]
fn json_has_the_same_values_as_text() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    let line = format!("--tensor {TENSOR} --ids 2,4094-4095");
    let text = xnc(&dir, &format!("rows m.safetensors {line}")).1;
    for (file, codec) in [("m.safetensors", Value::Null), ("m.xnc.safetensors", json!("fast"))] {
        let rows = support::json(&dir, &format!("rows {file} {line} --json"));
        let head = (&rows["tensor"], &rows["dtype"], &rows["shape"], &rows["codec"]);
        assert_eq!(head, (&json!(TENSOR), &json!("BF16"), &json!([4096, 384]), &codec));
        let rows = rows["rows"].as_array().expect("a list");
        assert_eq!(rows.len(), 3);
        for (row, line) in rows.iter().zip(text.lines()) {
            let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
            assert_eq!(row["id"].as_f64(), Some(numbers[0]));
            let values: Vec<f64> =
                row["values"].as_array().expect("a list").iter().flat_map(Value::as_f64).collect();
            assert_eq!(values, numbers[1..]);
        }
    }
}

#[test]
fn what_json_has_no_number_for_is_a_word() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let header = r#"{"a":{"dtype":"F16","shape":[1,5],"data_offsets":[0,10]}}"#;
    let words = [0x7e00_u16, 0x7c00, 0xfc00, 0x8000, 0x0001].map(u16::to_le_bytes).concat();
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &words].concat();
    fs::write(dir.path().join("a.safetensors"), file).expect("writes");
    let rows = support::json(dir.path(), "rows a.safetensors --tensor a --ids 0 --json");
    let values = &rows["rows"][0]["values"];
    assert_eq!(values, &json!(["NaN", "inf", "-inf", -0.0, 5.9604645e-8]));
}

#[test]
fn a_wrong_name_gets_the_nearest_of_all_shards() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let shards = [["model.embed_tokens.weight", "a.weight"], ["lm_head.weight", "b.weight"]];
    for (number, names) in shards.iter().enumerate() {
        let bytes = model(names.map(|name| (name, [4, 8])));
        fs::write(dir.join(format!("model-0000{}-of-00002.safetensors", number + 1)), bytes).expect("writes");
    }
    for (wrong, right) in
        [("embed_tokens", "are: model.embed_tokens.weight"), ("lm_haed.weight", "are: lm_head.weight")]
    {
        let (code, out, err) = xnc(dir, &format!("rows . --tensor {wrong} --ids 0"));
        assert!(code == 5 && out.is_empty() && err.contains(right), "{code}: {err}");
    }
    let (code, out, _) = run(&mut command(dir, "rows . --tensor b.weight --ids 0-3"));
    assert!(code == 0 && out.lines().count() == 4);
}
