//! How the binary fails: JSON, remedies that help, harmless names, outputs that take nothing.

mod support;

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::Value;
use support::{TENSOR, bounded, command, folder, json, model, names, run, xnc};

#[test]
fn with_json_standard_output_is_one_object_whatever_happens() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    fs::write(dir.join("junk.safetensors"), "<!DOCTYPE html>").expect("writes");
    let rows = format!("rows m.safetensors --tensor {TENSOR}");
    let cases = [
        (2, "usage", "compress".to_owned()),
        (2, "usage", "nonsense".into()),
        (2, "usage", "verify m.xnc.safetensors --threads many".into()),
        (2, "usage", "transcode m.xnc.safetensors -o t.safetensors --codec xnc --effort 1".into()),
        (2, "usage", format!("{rows} --ids x")),
        (2, "usage", format!("{rows} --ids 0 --format raw")),
        (3, "io", "compress absent.safetensors".into()),
        (3, "io", "compress m.safetensors -o no/such/folder.safetensors".into()),
        (4, "not_a_model", "inspect junk.safetensors".into()),
        (4, "not_a_model", "analyze junk.safetensors".into()),
        (5, "already_compressed", "compress m.xnc.safetensors".into()),
        (5, "not_compressed", "restore m.safetensors".into()),
        (5, "not_compressed", "verify m.safetensors".into()),
        (5, "target_exists", "compress m.safetensors -o junk.safetensors".into()),
        (5, "same_file", "restore m.xnc.safetensors -o m.xnc.safetensors --force".into()),
        (5, "row_out_of_range", format!("{rows} --ids 9999")),
        (5, "tensor_not_found", "rows m.safetensors --tensor no --ids 0".into()),
    ];
    for (code, kind, line) in cases {
        let (found, out, err) = xnc(&dir, &format!("{line} --json"));
        let told: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"));
        let error = &told["error"];
        assert_eq!(
            (found, &error["kind"], &error["exit_code"]),
            (code, &kind.into(), &code.into()),
            "{line}"
        );
        let message = error["message"].as_str().expect("text").lines().next().expect("a line");
        assert!(!message.is_empty() && err.contains(message), "{line}: {err}");
    }
    for line in ["restore m.xnc.safetensors -o back.safetensors", "verify m.xnc.safetensors"] {
        let report = json(&dir, &format!("{line} --json"));
        assert_eq!(report["bytes"], fs::metadata(dir.join("m.safetensors")).expect("there").len());
        assert_eq!(report["sha256"].as_str().map(str::len), Some(64));
        assert_eq!((&report["tensors"], &report["files"]), (&1.into(), &1.into()), "{line}");
        assert!(report["warnings"].as_array().is_some_and(Vec::is_empty));
        assert_eq!(report["output"].is_null(), line.starts_with("verify"));
    }
}

#[test]
fn every_remedy_helps() {
    let (_keep, dir) = folder();
    fs::write(dir.join("taken.safetensors"), "mine").expect("writes");
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    // What fails, what it says, what it says to do.
    let cases = [
        (
            "compress m.safetensors -o taken.safetensors",
            "--force",
            "compress m.safetensors -o taken.safetensors --force",
        ),
        ("compress m.safetensors -o m.safetensors", "-o", "compress m.safetensors -o other.safetensors"),
        (
            "compress m.xnc.safetensors",
            "xnc transcode",
            "transcode m.xnc.safetensors -o t.safetensors --codec xnc",
        ),
        (
            "compress m.xnc.safetensors -o n.safetensors",
            "xnc restore",
            "restore m.xnc.safetensors -o n.safetensors",
        ),
        ("verify m.safetensors", "xnc compress", "compress m.safetensors"),
        (
            "transcode m.safetensors -o u.safetensors --codec xnc",
            "xnc compress",
            "compress m.safetensors -o u.safetensors --codec xnc",
        ),
        (
            "inspect m.safetensors --html taken.safetensors",
            "--force",
            "inspect m.safetensors --html taken.safetensors --force",
        ),
        ("inspect m.safetensors --html m.safetensors", "--html", "inspect m.safetensors --html m.html"),
        (
            "transcode m.xnc.safetensors -o t.safetensors --codec fast",
            "--force",
            "transcode m.xnc.safetensors -o t.safetensors --codec fast --force",
        ),
    ];
    for (wrong, says, right) in cases {
        let (code, _, err) = xnc(&dir, wrong);
        assert!(code > 1 && err.contains(says), "{wrong}: {code}: `{err}` does not say `{says}`");
        let (code, _, err) = xnc(&dir, right);
        assert_eq!(code, 0, "{wrong}: {right}: {err}");
    }
    let (code, _, err) = run(command(&dir, "verify m.xnc.safetensors").env("XNC_BACKEND", "avx1024"));
    assert!(code == 2 && err.contains("scalar") && err.contains("unset it"), "{err}");
    assert_eq!(run(command(&dir, "verify m.xnc.safetensors").env("XNC_BACKEND", "scalar")).0, 0);
    let (code, _, err) = run(command(&dir, "verify m.xnc.safetensors").env("XNC_PREFETCH", "t9:64"));
    assert!(code == 2 && err.contains("t0:BYTES") && err.contains("unset it"), "{err}");
    assert_eq!(run(command(&dir, "verify m.xnc.safetensors").env("XNC_PREFETCH", "t1:4096")).0, 0);
}

#[test]
fn a_plain_tensor_that_is_named_like_an_index_has_to_be_renamed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let tensors = ["embed_tokens.weight", "embed_tokens.weight.xnc_index", "lm_head.weight"];
    fs::write(dir.join("m.safetensors"), model(tensors.map(|name| (name, [512, 64])))).expect("writes");
    for line in ["compress m.safetensors", "compress m.safetensors --tensors lm_head.weight"] {
        let (code, _, err) = xnc(dir, line);
        assert!(code == 5 && err.contains("rename `embed_tokens.weight.xnc_index`"), "{code}: {err}");
    }
    let tensors = ["embed_tokens.weight", "embed_tokens.weight.index", "lm_head.weight"];
    fs::write(dir.join("m.safetensors"), model(tensors.map(|name| (name, [512, 64])))).expect("writes");
    assert_eq!(xnc(dir, "compress m.safetensors").0, 0);
}

#[test]
fn nothing_selected_says_what_to_name() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("m.safetensors"), model([("layers.0.up", [512, 64])])).expect("writes");
    let (code, out, _) = xnc(dir.path(), "compress m.safetensors");
    assert!(code == 0 && out.contains("layers.0.up; name one with --tensors"), "{out}");
    for pattern in ["layers.0.up", "*up", "layers.?.*"] {
        let report = json(
            dir.path(),
            &format!("compress m.safetensors -o {}.safetensors --json --tensors {pattern}", pattern.len()),
        );
        assert_eq!(report["tensors"][0]["name"], "layers.0.up", "{pattern}");
    }
}

#[test]
fn a_file_that_would_grow_says_why_and_claims_no_saving() {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("m.safetensors"), model([("embed_tokens.weight", [16, 8])])).expect("writes");
    let (code, out, _) = xnc(dir.path(), "compress m.safetensors");
    assert!(
        code == 0 && out.contains("nothing to compress") && !out.contains("saved") && !out.contains("-2"),
        "{out}"
    );
    let report = json(dir.path(), "compress m.safetensors --json");
    assert!(report["output"].is_null() && report["nothing"].is_string(), "{report}");
    assert_eq!(names(dir.path()), ["m.safetensors"]);
}

#[test]
fn warnings_are_told_and_in_the_report() {
    let (_keep, dir) = folder();
    fs::create_dir(dir.join("model")).expect("makes");
    fs::copy(dir.join("m.safetensors"), dir.join("model/model-00001-of-00002.safetensors")).expect("copies");
    let shard = |number: u8| format!("model-0000{number}-of-00002.safetensors");
    let index = serde_json::json!({"weight_map": {TENSOR: shard(1), "gone": shard(2)}}).to_string();
    fs::write(dir.join("model/model.safetensors.index.json"), index).expect("writes");
    let (code, out, err) = xnc(&dir, "compress model --json");
    assert_eq!(code, 0, "{err}");
    let report: Value = serde_json::from_str(&out).expect("one object");
    let warning = report["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("model-00002") && err.contains(&format!("xnc: warning: {warning}")), "{err}");
}

#[test]
fn names_cannot_control_a_terminal() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let evil = "\u{1b}[31mred\u{7}\nroot.embed_tokens.weight\u{202e}\u{9b}2J";
    fs::write(dir.join("m.safetensors"), model([(evil, [2048, 64])])).expect("writes");
    let all = [
        "compress m.safetensors --tensors all",
        "inspect m.safetensors",
        "inspect m.xnc.safetensors",
        "analyze m.safetensors",
        "verify m.xnc.safetensors",
        "rows m.safetensors --tensor nope --ids 0",
        "compress m.safetensors -o n.safetensors --tensors nope",
        "inspect m.safetensors --html m.html",
        "bench m.safetensors --seconds 0",
    ];
    for line in all {
        let (_, out, err) = xnc(dir, line);
        for text in [&out, &err] {
            let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(
                !text.contains(bad) && !text.lines().any(|line| line.starts_with("root.")),
                "{line}: {text:?}"
            );
        }
        let names_it = !line.starts_with("verify") && !line.contains("--html");
        assert!(!names_it || (out + &err).contains("\\u{1b}[31mred\\u{7}\\nroot"), "{line}");
    }
    let page = fs::read_to_string(dir.join("m.html")).expect("written");
    assert!(!page.contains(['\u{1b}', '\u{202e}', '\u{9b}']) && page.contains("red\\u{7}"));
    let report = json(dir, "inspect m.safetensors --json");
    assert_eq!(report["tensors"][0]["name"], evil, "programs get names as they are");
}

#[cfg(target_os = "linux")]
#[test]
fn full_and_closed_outputs_panic_nowhere() {
    let (_keep, dir) = folder();
    let full = || File::options().write(true).open("/dev/full").expect("opens");
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    let rows = format!("rows m.safetensors --tensor {TENSOR} --ids 0-500");
    let good = [
        "--help",
        "--version",
        "rows --help",
        "inspect m.safetensors",
        "analyze m.safetensors --json",
        "completions zsh",
        "man",
        &rows,
    ];
    for line in good {
        let (code, _, err) = run(command(&dir, line).stdout(full()));
        assert!(code == 3 && err.contains("standard output"), "{line}: {code}: {err}");
        let (code, _, err) = run(command(&dir, line).stdout(closed()));
        assert_eq!((code, err.as_str()), (0, ""), "{line}");
    }
    let bad = [
        (3, "verify absent.safetensors"),
        (5, "verify m.safetensors"),
        (2, "verify"),
        (2, "verify --nonsense"),
        (5, "restore m.safetensors --json"),
    ];
    for (expected, line) in bad {
        for stderr in [Stdio::from(full()), Stdio::from(closed())] {
            let status = command(&dir, line).stdout(Stdio::null()).stderr(stderr).status().expect("runs");
            assert_eq!(status.code(), Some(expected), "{line}");
        }
        let script = format!("exec \"$0\" {line} 2>&- >&-");
        let binary = command(&dir, "").get_program().to_owned();
        let status =
            std::process::Command::new("sh").arg("-c").arg(script).arg(binary).current_dir(&dir).status();
        assert_eq!(status.expect("runs").code(), Some(expected), "{line}");
    }
    let (code, _, err) = run(command(&dir, "compress m.safetensors").stderr(Stdio::from(full())));
    assert_eq!(code, 0, "{err}");
}

#[test]
fn very_many_tables_take_little_memory_and_are_shown_in_few_lines() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let names: Vec<String> =
        (0..20_000).map(|n| format!("layers.{}.experts.{}.up.weight", n / 100, n % 100)).collect();
    let tensors = names.iter().enumerate().map(|(n, name)| (name.as_str(), [2 + n % 3, 4]));
    fs::write(dir.join("m.safetensors"), model(tensors)).expect("writes");
    for (line, lines) in [("inspect m.safetensors", 130), ("analyze m.safetensors", 110)] {
        let (code, out, err) = xnc(dir, line);
        assert!(code == 0 && out.lines().count() < lines, "{line}: {}: {err}", out.lines().count());
        assert!(out.contains("tables that are no larger"), "{line}");
    }
    for line in ["inspect m.safetensors --json", "analyze m.safetensors --json"] {
        let (code, out, err) = run(&mut bounded(dir, line, 1_000_000));
        assert_eq!(code, 0, "{line}: {err}");
        let report: Value = serde_json::from_str(&out).expect("one object");
        let tensors = report["tensors"].as_array().expect("a list");
        assert_eq!(tensors.len(), names.len(), "{line}");
        let exponents = tensors[7]["exponents"].as_array();
        assert_eq!(exponents.map(Vec::len), line.starts_with("inspect").then_some(256), "{line}");
    }
}
