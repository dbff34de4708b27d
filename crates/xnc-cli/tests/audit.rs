//! What lets others check a compressed file: `verify --against`, and `analyze` of what tables take.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{SAMPLE, TENSOR, command, folder, json, model, names, run, xnc};

/// Edits a copy of a file.
fn edited(dir: &Path, from: &str, to: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(dir.join(from)).expect("reads");
    edit(&mut bytes);
    fs::write(dir.join(to), bytes).expect("writes");
}

/// Runs a line with `--json` that finds a difference.
fn difference(dir: &Path, line: &str) -> Value {
    let (code, out, err) = xnc(dir, &format!("{line} --json"));
    assert_eq!(code, 6, "{line}: {err}");
    let error = serde_json::from_str::<Value>(&out).expect("one object")["error"].take();
    assert_eq!((&error["kind"], &error["exit_code"]), (&"differs".into(), &6.into()));
    let message = error["message"].as_str().expect("text");
    assert!(err.contains(": differs from the source") && message.contains(": differs from the source"));
    error["difference"].clone()
}

#[test]
fn a_file_is_compared_with_its_source() {
    let (_keep, dir) = folder();
    for codec in ["fast", "dense", "xnc"] {
        let packed = format!("m.{codec}.safetensors");
        assert_eq!(xnc(&dir, &format!("compress m.safetensors --codec {codec} -o {packed}")).0, 0);
        let line = format!("verify {packed} --against m.safetensors");
        let (code, out, err) = xnc(&dir, &line);
        assert!(code == 0 && err.is_empty(), "{code}: {err}");
        assert!(
            out.contains("good") && out.contains("m.safetensors: the same, compared byte for byte"),
            "{out}"
        );
        let report = json(&dir, &format!("{line} --json"));
        assert_eq!((&report["against"], &report["files"]), (&"m.safetensors".into(), &1.into()));

        let header = fs::read(dir.join("m.safetensors")).expect("reads").len() - 4096 * 384 * 2;
        let offset = header + (1000 * 384 + 17) * 2;
        edited(&dir, "m.safetensors", "n.safetensors", |bytes| bytes[offset] ^= 1);
        let found = difference(&dir, &format!("verify {packed} --against n.safetensors"));
        assert_eq!(
            (&found["tensor"], &found["row"], &found["column"]),
            (&TENSOR.into(), &1000.into(), &17.into())
        );
        assert_eq!((&found["offset"], &found["file"]), (&offset.into(), &Value::Null));
        let text = |key: &str| found[key].as_str().expect("text").to_owned();
        assert!(text("restored") != text("source") && text("restored").contains('('), "{found}");
        // The header alone: a blank more or less where its last ones are.
        edited(&dir, "m.safetensors", "n.safetensors", |bytes| bytes[header - 1] = b'\n');
        let found = difference(&dir, &format!("verify {packed} --against n.safetensors"));
        let expected = json!({
            "file": null, "tensor": null, "row": null, "column": null,
            "offset": header - 1, "restored": "20", "source": "0a",
        });
        assert_eq!(found, expected);
    }
    assert_eq!(json(&dir, "verify m.fast.safetensors --json")["against"], Value::Null);
    let all =
        ["m.dense.safetensors", "m.fast.safetensors", "m.safetensors", "m.xnc.safetensors", "n.safetensors"];
    assert_eq!(names(&dir), all, "nothing is written");
}

#[test]
fn other_tensors_and_other_numbers_of_them_are_told() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let table = ("embed_tokens.weight", [600, 64]);
    let plain = ("layers.0.up", [8, 64]);
    fs::write(dir.join("m.safetensors"), model([table, plain])).expect("writes");
    assert_eq!(xnc(dir, "compress m.safetensors").0, 0);
    let line = "verify m.xnc.safetensors --against n.safetensors";
    // A plain tensor: its last byte.
    edited(dir, "m.safetensors", "n.safetensors", |bytes| *bytes.last_mut().expect("bytes") ^= 2);
    let found = difference(dir, line);
    assert_eq!((&found["tensor"], &found["row"], &found["column"]), (&plain.0.into(), &7.into(), &63.into()));
    fs::write(dir.join("n.safetensors"), model([table])).expect("writes");
    let found = difference(dir, line);
    assert_eq!((&found["tensor"], &found["source"]), (&plain.0.into(), &"nothing".into()));
    fs::write(dir.join("n.safetensors"), model([table, plain, ("evil\u{1b}[31m", [1, 2])])).expect("writes");
    let found = difference(dir, line);
    assert_eq!((&found["restored"], &found["source"]), (&"nothing".into(), &"BF16 1 x 2".into()));
    assert!(!xnc(dir, line).2.contains('\u{1b}'), "names are harmless");
}

#[test]
fn what_is_no_source_is_refused_with_a_remedy() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    fs::create_dir(dir.join("folder")).expect("makes");
    fs::copy(SAMPLE, dir.join("folder/model.safetensors")).expect("copies");
    assert_eq!(xnc(&dir, "compress folder -o folder.xnc").0, 0);
    fs::write(dir.join("page.safetensors"), "<!DOCTYPE html>").expect("writes");
    edited(&dir, "m.safetensors", "cut.safetensors", |bytes| bytes.truncate(99_999));
    edited(&dir, "m.xnc.safetensors", "bad.safetensors", |bytes| bytes[9_000] ^= 1);
    let cases = [
        (2, "usage", "m.xnc.safetensors --against folder", "name the file that it was made of"),
        (2, "usage", "folder.xnc --against m.safetensors", "name the folder that it was made of"),
        (2, "usage", "m.xnc.safetensors --against", "a value is required"),
        (3, "io", "m.xnc.safetensors --against absent", "xnc: absent: No such file"),
        (3, "io", "folder.xnc --against absent", "xnc: absent: No such file"),
        (
            4,
            "not_a_model",
            "m.xnc.safetensors --against page.safetensors",
            "xnc: page.safetensors: not a model",
        ),
        (
            4,
            "corrupt",
            "m.xnc.safetensors --against cut.safetensors",
            "xnc: cut.safetensors: corrupt file: the file is cut short",
        ),
        (4, "corrupt", "bad.safetensors --against m.safetensors", "xnc: bad.safetensors: corrupt"),
        (5, "already_compressed", "m.xnc.safetensors --against m.xnc.safetensors", "name the source itself"),
        (5, "already_compressed", "folder.xnc --against folder.xnc", "name the source itself"),
        (5, "not_compressed", "m.safetensors --against m.xnc.safetensors", "name the compressed one first"),
        (5, "not_compressed", "folder --against folder.xnc", "name the compressed one first"),
    ];
    for (code, kind, arguments, says) in cases {
        let (found, out, err) = xnc(&dir, &format!("verify {arguments} --json"));
        assert!(found == code && err.contains(says), "{arguments}: {found}: {err}");
        let told: Value = serde_json::from_str(&out).expect("one object");
        assert_eq!(told["error"]["kind"], kind, "{arguments}");
        assert!(told["error"].get("difference").is_none(), "{arguments}");
    }
}

#[test]
fn a_folder_is_compared_with_its_source() {
    let (_keep, dir) = folder();
    fs::create_dir(dir.join("model")).expect("makes");
    let shard = |number: u8| format!("model/model-0000{number}-of-00002.safetensors");
    fs::copy(SAMPLE, dir.join(shard(1))).expect("copies");
    fs::write(dir.join(shard(2)), model([("lm_head.weight", [700, 64])])).expect("writes");
    fs::write(dir.join("model/config.json"), "{}").expect("writes");
    assert_eq!(xnc(&dir, "compress model").0, 0);
    let line = "verify model.xnc --against model";
    let (code, out, err) = xnc(&dir, line);
    assert!(code == 0 && out.contains("3 files") && out.contains("model: the same"), "{out}{err}");
    fs::write(dir.join("model/config.json"), "{ }").expect("writes");
    let found = difference(&dir, line);
    assert_eq!((&found["file"], &found["offset"]), (&"config.json".into(), &1.into()));
    edited(&dir, &shard(2), &shard(2), |bytes| *bytes.last_mut().expect("bytes") ^= 1);
    let found = difference(&dir, line);
    assert_eq!((&found["tensor"], &found["row"]), (&"lm_head.weight".into(), &699.into()));
    fs::remove_file(dir.join(shard(2))).expect("removes");
    let found = difference(&dir, line);
    assert_eq!(found["file"], "model-00002-of-00002.safetensors");
    assert_eq!(found["source"], "nothing");
}

#[cfg(unix)]
#[test]
fn a_comparison_that_is_interrupted_says_and_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    fs::write(dir.join("m.safetensors"), model([("embed_tokens.weight", [60_000, 512])])).expect("writes");
    assert_eq!(xnc(dir, "compress m.safetensors").0, 0);
    let interrupted = || {
        let mut verify = command(dir, "verify m.xnc.safetensors --against m.safetensors --json");
        let child = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        // Stopped at once, so that the signal comes before the end.
        for signal in ["STOP", "INT", "CONT"] {
            let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(status.expect("runs").success());
        }
        child.wait_with_output().expect("ends")
    };
    // On a busy machine a run may be over before it is stopped.
    let output = (0..20).map(|_| interrupted()).find(|output| !output.status.success());
    let output = output.expect("one of many runs is stopped in time");
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(names(dir), ["m.safetensors", "m.xnc.safetensors"]);
}

#[test]
fn analyze_counts_every_byte_of_a_compressed_table() {
    let (_keep, dir) = folder();
    for (codec, more) in [("fast", ""), ("xnc", ""), ("dense", ""), ("dense", " --effort 1")] {
        let line =
            format!("compress m.safetensors --codec {codec} -o m.xnc.safetensors --force --json{more}");
        let report = json(&dir, &line);
        let all = json(&dir, "analyze m.xnc.safetensors --json");
        let stored = &all["tensors"][0]["stored"];
        let number = |key: &str| stored[key].as_f64().unwrap_or_else(|| panic!("{key} of {stored}"));
        let parts = ["payload_bytes", "index_bytes", "model_bytes", "metadata_bytes"];
        assert_eq!(parts.iter().map(|part| number(part)).sum::<f64>(), number("bytes"), "{stored}");
        assert_eq!(
            (&stored["codec"], &stored["bytes"]),
            (&codec.into(), &report["tensors"][0]["stored_bytes"])
        );
        assert_eq!(number("ratio"), report["tensors"][0]["ratio"].as_f64().expect("a number"));
        assert_eq!(stored["same_as"], Value::Null);
        assert!(
            (number("order0_bytes")
                - all["tensors"][0]["order0_bits_per_weight"].as_f64().expect("a number") * 196_608.0)
                .abs()
                < 1.0
        );
        assert!((number("ratio_to_order0") * number("bytes") - number("order0_bytes")).abs() < 1.0);
        assert_eq!(number("ratio_to_order0") > 1.0, codec == "dense", "{codec}{more}");
        // Columns of 8 bytes, distributions, coefficients; biases and symbols; nothing.
        let model = number("model_bytes");
        assert!(
            match codec {
                "dense" => model > 8.0 * 384.0,
                "fast" => model == 404.0,
                _ => model == 0.0,
            },
            "{model}"
        );
        // What lies outside the table: header and file record.
        let file = fs::metadata(dir.join("m.xnc.safetensors")).expect("there").len();
        assert_eq!((&all["file_bytes"], &all["source_bytes"]), (&file.into(), &report["source_bytes"]));
        assert!(file as f64 - number("bytes") < 2048.0);
        assert_eq!(all["repeat"], "python3 spec/decode.py restore m.xnc.safetensors OUT");
        let (code, text, _) = xnc(&dir, "analyze m.xnc.safetensors");
        assert!(code == 0 && text.contains("python3 spec/decode.py restore m.xnc.safetensors OUT"), "{text}");
        for key in parts {
            assert!(text.contains(&format!(" {} ", stored[key])), "{key}: {text}");
        }
    }
    let (_, text, _) = xnc(&dir, "analyze m.safetensors");
    assert!(!text.contains("decode.py"), "a plain file has nothing to repeat: {text}");
}

#[test]
fn the_line_that_analyze_names_restores_the_source() {
    let (_keep, dir) = folder();
    fs::write(
        dir.join("it's one.safetensors"),
        model([("embed_tokens.weight", [600, 64]), ("lm_head.weight", [600, 64])]),
    )
    .expect("writes");
    let source = fs::read(dir.join("it's one.safetensors")).expect("reads");
    // A duplicate takes its metadata alone.
    let mut twice = source.clone();
    let half = 600 * 64 * 2;
    let begin = twice.len() - 2 * half;
    twice.copy_within(begin..begin + half, begin + half);
    fs::write(dir.join("it's one.safetensors"), &twice).expect("writes");
    let mut compress = command(&dir, "compress --codec xnc -o");
    assert_eq!(run(compress.args(["it's two.safetensors", "it's one.safetensors"])).0, 0);
    let (code, out, err) = run(command(&dir, "analyze --json").arg("it's two.safetensors"));
    assert_eq!(code, 0, "{err}");
    let all: Value = serde_json::from_str(&out).expect("one object");
    let tensors = all["tensors"].as_array().expect("a list");
    let duplicate = tensors.iter().find(|one| one["stored"]["same_as"].is_string()).expect("a duplicate");
    assert_eq!(duplicate["stored"]["payload_bytes"], 0);
    assert_eq!(duplicate["stored"]["bytes"], duplicate["stored"]["metadata_bytes"]);
    let sum: u64 = tensors.iter().filter_map(|one| one["stored"]["bytes"].as_u64()).sum();
    assert!(sum < all["file_bytes"].as_u64().expect("a number"));
    let line = all["repeat"].as_str().expect("text");
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let line = line.replace("spec/decode.py", &spec.join("decode.py").to_string_lossy());
    let Ok(output) = std::process::Command::new("sh").args(["-c", &line]).current_dir(&dir).output() else {
        return;
    };
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(dir.join("OUT")).expect("restored") == twice);
}

#[test]
fn words_in_other_places_have_the_same_entropy_and_are_predicted_no_better() {
    let (_keep, dir) = folder();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lossless.py");
    let python = |arguments: &str| {
        let mut python = std::process::Command::new("python3");
        let (code, out, err) = run(python.arg(&script).args(arguments.split_whitespace()).current_dir(&dir));
        assert_eq!(code, 0, "{arguments}: {err}");
        out
    };
    let entropy = |file: &str| {
        let bits =
            json(&dir, &format!("analyze {file} --json"))["tensors"][0]["order0_bits_per_weight"].take();
        let told = python(&format!("entropy {file}"));
        assert!(told.contains(&format!(" {:.3} bits a word", bits.as_f64().expect("a number"))), "{told}");
        bits
    };
    let before = entropy("m.safetensors");
    let packed = |file: &str| {
        let line = format!("compress {file} -o p.safetensors --codec dense --effort 1 --force");
        assert_eq!(xnc(&dir, &line).0, 0);
        json(&dir, "analyze p.safetensors --json")["tensors"][0]["stored"]["bytes"]
            .as_u64()
            .expect("a number")
    };
    let original = packed("m.safetensors");
    let mut sizes = Vec::new();
    for how in ["alike", "all"] {
        python(&format!("shuffle {how} m.safetensors s.safetensors"));
        assert_eq!(entropy("s.safetensors"), before, "{how}");
        sizes.push(packed("s.safetensors"));
    }
    assert!(original < sizes[0] && sizes.is_sorted(), "{original} {sizes:?}");
    python("noise 300 64 n.safetensors");
    entropy("n.safetensors");
}
