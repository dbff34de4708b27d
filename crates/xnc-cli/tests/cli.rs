//! The real binary: JSON contracts, exit codes, what happens to existing files, what a killed process leaves.

mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use support::{SAMPLE, TENSOR, command, folder, json, xnc};

#[test]
fn compress_restore_and_every_json_key() {
    let (_keep, dir) = folder();
    let report = json(&dir, "compress m.safetensors --json --codec xnc");
    for key in ["source_bytes", "output_bytes", "seconds", "peak_rss_bytes", "tensors"] {
        assert!(report.get(key).is_some(), "{key}");
    }
    let tensor = &report["tensors"][0];
    for key in ["name", "dtype", "shape", "codec", "source_bytes", "stored_bytes", "ratio", "bits_per_weight"]
    {
        assert!(!tensor[key].is_null(), "{key}");
    }
    assert_eq!(report["output_bytes"], fs::metadata(dir.join("m.xnc.safetensors")).expect("written").len());
    assert_eq!(tensor["shape"], serde_json::json!([4096, 384]));
    assert!(tensor["ratio"].as_f64().expect("a number") > 1.33);

    let (code, out, _) = xnc(&dir, "verify m.xnc.safetensors");
    assert!(code == 0 && out.contains("good"), "{out}");
    assert_eq!(xnc(&dir, "restore m.xnc.safetensors -o back.safetensors").0, 0);
    assert!(fs::read(dir.join("back.safetensors")).expect("restored") == fs::read(SAMPLE).expect("sample"));
    // The default target is the source, which already holds these bytes.
    assert_eq!(xnc(&dir, "restore m.xnc.safetensors").0, 0);

    let counts = json(&dir, "analyze m.safetensors --json");
    let tensor = &counts["tensors"][0];
    for key in ["name", "dtype", "shape", "words", "patterns", "xnc", "order0_bits_per_weight"] {
        assert!(!tensor[key].is_null(), "{key}");
    }
    for key in ["all_zero", "narrow", "other", "bits_2_14_15_16_zero"] {
        assert!((0.0..=1.0).contains(&tensor["patterns"][key].as_f64().expect(key)), "{key}");
    }
    for key in ["bits", "ratio", "words_9", "words_12", "words_16", "metadata_bits"] {
        assert!(tensor["xnc"][key].is_number(), "{key}");
    }
    assert!(tensor["stored"].is_null() && counts.get("repeat").is_none());
    let mut packed = json(&dir, "analyze m.xnc.safetensors --json")["tensors"].take();
    assert!(packed[0]["stored"].take().is_object());
    assert_eq!(counts["tensors"], packed, "a compressed table counts the same");

    let inspected = json(&dir, "inspect m.xnc.safetensors --json");
    assert_eq!(inspected["tensors"][0]["codec"], "xnc");
    let (_, text, _) = xnc(&dir, "inspect m.safetensors");
    assert!(text.contains(TENSOR) && text.contains("2^-5") && text.contains('█'), "{text}");
}

#[test]
fn tuning_names_the_quickest_way_to_ask_for_memory() {
    let (_guard, dir) = folder();
    let told = json(&dir, "bench m.safetensors --tune --threads 2 --json");
    let ways = told["ways"].as_array().expect("a list");
    assert!(ways.len() == 8 && ways[0]["prefetch"] == told["best"], "{told}");
    let ms = |way: usize, key: &str| ways[way][key].as_f64().expect("a number");
    let product = |way| ms(way, "ms") * ms(way, "ms_one_thread");
    assert!((1..8).all(|way| product(way - 1) <= product(way)), "{told}");
    assert_eq!(xnc(&dir, "bench m.safetensors --tune --codec xnc").0, 2);
}

#[test]
fn bench_prints_every_json_key() {
    let (_keep, dir) = folder();
    for codec in ["fast", "xnc"] {
        let bench =
            json(&dir, &format!("bench m.safetensors --codec {codec} --seconds 0 --threads 2 --json"));
        for key in ["tensor", "codec", "threads", "ratio", "read_gb_s", "encode_gb_s"] {
            assert!(!bench[key].is_null(), "{key}");
        }
        for key in ["gb_s", "memcpy_gb_s", "ratio_to_memcpy"] {
            assert!(bench["decode"][key].as_f64().is_some_and(|x| x > 0.0), "decode {key}");
        }
        for key in ["rows", "ns_per_row", "copy_ns_per_row", "ratio_to_copy", "first_touch_ns"] {
            assert!(bench["gather"][key].as_f64().is_some_and(|x| x > 0.0), "gather {key}");
        }
        // Products are what `fast` is for.
        for one in [
            "product",
            "product_bf16",
            "product_one_thread",
            "product_bf16_one_thread",
            "product_batch_8",
            "product_bf16_batch_8",
        ] {
            let product = bench.get(one).expect(one);
            assert_eq!(product.is_object(), codec == "fast", "{one}");
            for key in
                ["activation", "ms", "plain_ms", "speedup", "backend", "plain_variant", "plain_to_read"]
            {
                assert_eq!(product[key].is_null(), codec != "fast", "{one} {key}");
            }
            // The share is of reading with as many threads, and what is judged by it says so.
            if codec == "fast" {
                let number = |value: &serde_json::Value| value.as_f64().expect("a number");
                let read = if product["threads"] == 1 { "read_gb_s_one_thread" } else { "read_gb_s" };
                let share = number(&product["plain_gb_s"]) / number(&bench[read]);
                assert!((number(&product["plain_to_read"]) - share).abs() < 1e-6, "{one}");
                assert_eq!(
                    product["comparison_holds"] == true,
                    share >= 0.9 || one.contains("batch"),
                    "{one}"
                );
            }
        }
    }
}

#[test]
fn inspect_writes_one_page_and_replaces_none() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "inspect m.safetensors --html m.html").0, 0);
    let page = fs::read_to_string(dir.join("m.html")).expect("written");
    for part in [TENSOR, "4096 x 384", "Exponents", "`", "<svg", "effort 1"] {
        assert_eq!(page.contains(part), part != "`", "{part}");
    }
    // The same page again is done already; another one needs --force.
    assert_eq!(xnc(&dir, "inspect m.safetensors --html m.html").0, 0);
    fs::write(dir.join("m.html"), "mine").expect("writes");
    assert_eq!(xnc(&dir, "inspect m.safetensors --html m.html").0, 5);
    assert_eq!(fs::read_to_string(dir.join("m.html")).expect("there"), "mine");
    assert_eq!(xnc(&dir, "inspect m.safetensors --html m.html --force").0, 0);
    assert_eq!(fs::read_to_string(dir.join("m.html")).expect("there"), page);
    assert_eq!(xnc(&dir, "inspect m.safetensors --html m.safetensors --force").0, 5);
    let sizes = |codec: &str| {
        let ratio = json(&dir, &format!("compress m.safetensors -o t.safetensors --force --json {codec}"));
        format!("{:.3}x", ratio["tensors"][0]["ratio"].as_f64().expect("a number"))
    };
    // What the page says is what compressing gives; the record is less than a thousandth.
    for codec in ["--codec fast", "--codec xnc", "--codec dense --effort 1"] {
        let size = sizes(codec);
        assert!(page.contains(&size[..4]), "{codec}: {size}");
    }
}

#[test]
fn exit_codes_name_the_fault_and_nothing_is_lost() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors").0, 0);
    fs::write(dir.join("junk.safetensors"), b"this is not a model file").expect("writes");
    let mut damaged = fs::read(dir.join("m.xnc.safetensors")).expect("reads");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 4;
    fs::write(dir.join("damaged.xnc.safetensors"), damaged).expect("writes");
    fs::write(dir.join("taken.safetensors"), b"mine").expect("writes");
    fs::copy(dir.join("m.xnc.safetensors"), dir.join("named.safetensors")).expect("copies");
    let rows = format!("rows m.safetensors --tensor {TENSOR} --ids");
    let cases = [
        (2, "compress".to_owned(), "Usage"),
        (2, "compress m.safetensors --codec zip".into(), "possible values"),
        (3, "compress absent.safetensors".into(), "absent.safetensors"),
        (4, "compress junk.safetensors".into(), "junk.safetensors"),
        (4, "verify damaged.xnc.safetensors".into(), "checksum of page"),
        (4, "restore damaged.xnc.safetensors".into(), TENSOR),
        (5, "compress m.xnc.safetensors".into(), "already compressed"),
        (5, "restore m.safetensors -o x".into(), "not a compressed file"),
        (5, "verify m.safetensors".into(), "not a compressed file"),
        (5, "compress m.safetensors -o taken.safetensors".into(), "--force"),
        (5, "restore m.xnc.safetensors -o taken.safetensors".into(), "--force"),
        (5, "compress m.safetensors -o m.safetensors --force".into(), "lies in, the source"),
        (5, "compress m.safetensors -o n.safetensors --tensors nope".into(), TENSOR),
        (5, format!("{rows} 4096"), "4096 rows"),
        (5, "rows m.safetensors --tensor nope --ids 0".into(), TENSOR),
        (3, "restore damaged".into(), "No such file"),
        (5, "restore m.safetensors".into(), "nothing to restore"),
        (2, "restore named.safetensors".into(), "-o"),
        (2, "compress m.safetensors -o n.safetensors --effort 2".into(), "--codec dense"),
        (2, "compress m.safetensors -o n.safetensors --pages --codec dense".into(), "--codec fast"),
        (2, "compress m.safetensors -o n.safetensors --effort 5 --codec dense".into(), "1..=4"),
    ];
    for (code, line, says) in cases {
        let (found, out, err) = xnc(&dir, &line);
        assert_eq!((found, out.as_str()), (code, ""), "{line}: {err}");
        assert!(err.contains(says), "{line}: `{err}` does not say `{says}`");
    }
    assert!(fs::read(dir.join("m.safetensors")).expect("reads") == fs::read(SAMPLE).expect("reads"));
    assert_eq!(fs::read(dir.join("taken.safetensors")).expect("reads"), b"mine");
    assert_eq!(xnc(&dir, "compress m.safetensors -o taken.safetensors --force").0, 0);
    let left: Vec<_> = fs::read_dir(&dir).expect("lists").map(|e| e.expect("entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn nothing_to_compress_is_no_error_and_writes_nothing() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let header = r#"{"a.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat();
    fs::write(dir.path().join("f32.safetensors"), file).expect("writes");
    let (code, out, _) = xnc(dir.path(), "compress f32.safetensors");
    assert!(code == 0 && out.contains("nothing to compress") && out.contains("embedding"), "{out}");
    let report = json(dir.path(), "compress f32.safetensors --json");
    assert!(report["output_bytes"].is_null());
    assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
}

#[test]
fn a_killed_process_leaves_source_and_old_target_intact() {
    let (_keep, dir) = folder();
    fs::write(dir.join("out.safetensors"), b"old target").expect("writes");
    let line = "compress m.safetensors -o out.safetensors --force";
    // Killed at ever later moments of its run; the last ones may finish first.
    for delay in [0, 2, 5, 10, 20, 30, 50, 80] {
        let mut child = command(&dir, line).stdout(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().expect("kills");
        child.wait().expect("ends");
        assert!(fs::read(dir.join("m.safetensors")).expect("reads") == fs::read(SAMPLE).expect("reads"));
        let target = fs::read(dir.join("out.safetensors")).expect("reads");
        assert!(target == b"old target" || xnc(&dir, "verify out.safetensors").0 == 0, "after {delay} ms");
    }
    assert_eq!(xnc(&dir, line).0, 0);
    assert_eq!(xnc(&dir, "verify out.safetensors").0, 0);
}

#[test]
fn completions_and_manual_name_every_command() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (code, script, _) = xnc(dir.path(), "completions bash");
    assert!(code == 0 && script.contains("_xnc()") && script.contains("--tensors"));
    let (code, page, _) = xnc(dir.path(), "man");
    assert!(code == 0 && page.contains(".TH xnc") && page.contains("Exit codes"), "{page}");
    assert_eq!(xnc(dir.path(), "man --folder pages").0, 0);
    for command in ["compress", "restore", "verify", "inspect", "analyze", "rows"] {
        let page = fs::read_to_string(dir.path().join(format!("pages/xnc-{command}.1"))).expect("a page");
        assert!(page.contains("Example"), "{command}");
    }
}

#[test]
fn a_folder_goes_through_every_command() {
    let (_keep, dir) = folder();
    fs::create_dir(dir.join("model")).expect("makes");
    fs::rename(dir.join("m.safetensors"), dir.join("model/model.safetensors")).expect("moves");
    fs::write(dir.join("model/config.json"), r#"{"vocab_size": 4096}"#).expect("writes");
    let report = json(&dir, "compress model --json");
    assert!(report["output_bytes"].as_u64() < report["source_bytes"].as_u64());
    for line in ["verify model.xnc", "inspect model.xnc", "analyze model.xnc", "restore model.xnc -o back"] {
        let (code, out, err) = xnc(&dir, line);
        assert!(code == 0 && !out.is_empty(), "{line}: {err}");
    }
    assert!(
        fs::read(dir.join("back/model.safetensors")).expect("restored") == fs::read(SAMPLE).expect("sample")
    );
    let rows = format!("--tensor {TENSOR} --ids 7");
    assert_eq!(xnc(&dir, &format!("rows model.xnc {rows}")).1, xnc(&dir, &format!("rows model {rows}")).1);
    assert_eq!(xnc(&dir, "restore model.xnc").0, 0, "the default target is the source, which is as it was");
    let (code, _, err) = xnc(&dir, "compress model/config.json");
    assert!(code == 4, "{err}");
}

#[test]
fn transcode_makes_what_compress_makes_of_the_source() {
    let (_keep, dir) = folder();
    for (codec, effort) in [("fast", ""), ("xnc", ""), ("dense", " --effort 1")] {
        let line = format!("compress m.safetensors -o {codec}.safetensors --codec {codec}{effort}");
        assert_eq!(xnc(&dir, &line).0, 0, "{codec}");
    }
    let read = |name: &str| fs::read(dir.join(name)).expect("reads");
    for from in ["dense", "xnc", "fast"] {
        for (to, effort) in [("fast", ""), ("xnc", ""), ("dense", " --effort 1")] {
            let line = format!(
                "transcode {from}.safetensors -o {from}-{to}.safetensors --codec {to}{effort} --json"
            );
            let report = json(&dir, &line);
            assert_eq!(report["tensors"][0]["codec"], to);
            assert_eq!(report["source_bytes"], read("m.safetensors").len());
            assert!(
                read(&format!("{from}-{to}.safetensors")) == read(&format!("{to}.safetensors")),
                "{from} {to}"
            );
        }
    }
    assert_eq!(xnc(&dir, "restore dense-fast.safetensors -o back.safetensors").0, 0);
    assert!(read("back.safetensors") == read("m.safetensors"));

    let (code, out, _) = xnc(&dir, "transcode dense.safetensors -o again.safetensors --codec fast");
    assert!(code == 0 && out.contains("every byte"), "{out}");
    fs::write(dir.join("taken.safetensors"), b"mine").expect("writes");
    let mut damaged = read("dense.safetensors");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 4;
    fs::write(dir.join("damaged.safetensors"), damaged).expect("writes");
    let cases = [
        (4, "damaged.safetensors -o out.safetensors", "checksum of chunk"),
        (4, "damaged.safetensors -o out.safetensors", TENSOR),
        (5, "m.safetensors -o out.safetensors", "not a compressed file"),
        (5, "dense.safetensors -o taken.safetensors", "--force"),
        (5, "dense.safetensors -o dense.safetensors --force", "lies in, the source"),
        (3, "absent.safetensors -o out.safetensors", "absent.safetensors"),
    ];
    for (code, line, says) in cases {
        let (found, out, err) = xnc(&dir, &format!("transcode {line} --codec fast"));
        assert_eq!((found, out.as_str()), (code, ""), "{line}: {err}");
        assert!(err.contains(says), "{line}: `{err}` does not say `{says}`");
    }
    assert!(!dir.join("out.safetensors").exists());
    assert_eq!(read("taken.safetensors"), b"mine");
    assert_eq!(xnc(&dir, "transcode dense.safetensors -o taken.safetensors --codec fast --force").0, 0);
    assert!(read("taken.safetensors") == read("fast.safetensors"));
}

#[test]
fn f32_tables_of_16_bit_values_are_seen_through() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let dir = dir.path();
    let bf16 = fs::read(SAMPLE).expect("sample");
    let words = bf16[bf16.len() - 4096 * 384 * 2..].as_chunks::<2>().0;
    let mut data: Vec<u8> = words.iter().flat_map(|word| [0, 0, word[0], word[1]]).collect();
    let file = |data: &[u8]| {
        let info = serde_json::json!({"dtype": "F32", "shape": [4096, 384], "data_offsets": [0, data.len()]});
        let header = serde_json::json!({"embed_tokens.weight": info}).to_string();
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    fs::write(dir.join("m.safetensors"), file(&data)).expect("writes");
    let report = json(dir, "compress m.safetensors --json");
    let ratio = report["tensors"][0]["ratio"].as_f64().expect("a number");
    let bits = report["tensors"][0]["bits_per_weight"].as_f64().expect("a number");
    assert!(ratio > 2.6 && (ratio * bits - 32.0).abs() < 0.1, "{report}");
    for name in ["m.safetensors", "m.xnc.safetensors"] {
        let inspected = json(dir, &format!("inspect {name} --json"));
        assert_eq!(inspected["tensors"][0]["dtype"], "F32");
        assert_eq!(inspected["tensors"][0]["source_bytes"], 4096 * 384 * 4);
        assert_eq!(json(dir, &format!("analyze {name} --json"))["tensors"][0]["words"], 4096 * 384);
        let (code, out, _) = xnc(dir, &format!("inspect {name}"));
        assert!(code == 0 && !out.contains("no 16-bit table"), "{out}");
        assert_eq!(json(dir, &format!("bench {name} --seconds 0 --json"))["dtype"], "BF16");
    }
    // One value of more than 16 bits, and none of it is.
    data[0] = 1;
    fs::write(dir.join("n.safetensors"), file(&data)).expect("writes");
    let (code, out, _) = xnc(dir, "inspect n.safetensors");
    assert!(code == 0 && out.contains("no 16-bit table: embed_tokens.weight is F32"), "{out}");
    let (code, out, _) = xnc(dir, "compress n.safetensors");
    assert!(code == 0 && out.contains("plain: holds F32 values that are not all BF16"), "{out}");
    assert!(xnc(dir, "bench n.safetensors").0 > 0 && !dir.join("n.xnc.safetensors").exists());
}
