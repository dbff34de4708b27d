//! Model folders: sharded or not, every byte of every file comes back, and an interrupted run is completed by
//! another.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::{Random, Tensor, files_below, le, open, options, safetensors_file, stored_tensors};
use xnc::{Codec, CompressReport, Progress, RestoreOptions, Selection};

fn bf16(seed: u64, rows: u64, dim: u64) -> (Vec<u64>, Vec<u8>) {
    (vec![rows, dim], le(&Random(seed).bf16_weights((rows * dim) as usize, 1000)))
}

fn tensor(name: &'static str, (shape, bytes): (Vec<u64>, Vec<u8>)) -> Tensor<'static> {
    (name, "BF16", shape, bytes)
}

/// A sharded model with an untied head, a vision tower whose names are no tables, and files of other kinds.
fn model(dir: &Path) {
    let first = [
        tensor("model.embed_tokens.weight", bf16(1, 500, 64)),
        tensor("model.visual.patch_embed.proj.weight", bf16(2, 64, 64)),
    ];
    let second = [tensor("model.layers.0.mlp.up_proj.weight", bf16(3, 128, 64))];
    let third = [tensor("lm_head.weight", bf16(4, 500, 64)), tensor("strange.table", bf16(5, 500, 16))];
    let shards = [&first[..], &second, &third];
    let mut map = serde_json::Map::new();
    let mut total = 0;
    for (number, tensors) in shards.iter().enumerate() {
        let name = format!("model-0000{}-of-00003.safetensors", number + 1);
        fs::write(dir.join(&name), safetensors_file(tensors)).expect("writes");
        for (tensor, _, _, bytes) in *tensors {
            map.insert((*tensor).into(), name.clone().into());
            total += bytes.len();
        }
    }
    let index = serde_json::json!({"metadata": {"total_size": total}, "weight_map": map});
    fs::write(dir.join("model.safetensors.index.json"), format!("{index:#}  \n")).expect("writes");
    let config =
        r#"{"architectures": ["Qwen2_5_VLForConditionalGeneration"], "text_config": {"vocab_size": 500}}"#;
    fs::write(dir.join("config.json"), config).expect("writes");
    fs::create_dir(dir.join("onnx")).expect("makes");
    fs::write(dir.join("onnx/readme.txt"), "nothing here").expect("writes");
    fs::write(dir.join("empty"), "").expect("writes");
}

/// All files with their bytes.
fn snapshot(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(dir);
    files.iter().map(|file| (file.display().to_string(), fs::read(dir.join(file)).expect("reads"))).collect()
}

fn compress(dir: &Path, target: &Path, selection: Selection) -> xnc::Result<CompressReport> {
    let mut options = options(Codec::Xnc, selection, 2);
    options.force = false;
    xnc::compress(dir, target, &options)
}

fn restore(dir: &Path, target: &Path) -> xnc::Result<xnc::RestoreReport> {
    let mut options = RestoreOptions::default();
    options.threads = 2;
    xnc::restore(dir, target, &options)
}

#[test]
fn a_sharded_model_comes_back_byte_for_byte() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "m.xnc", "back"].map(|name| temporary.path().join(name));
    fs::create_dir(&source).expect("makes");
    model(&source);
    let report = compress(&source, &packed, Selection::Embeddings).expect("compresses");
    let names: Vec<&str> = report.tensors.iter().map(|t| t.name.as_str()).collect();
    // By name, and `strange.table` because its rows are counted by the configuration's vocabulary.
    assert_eq!(names, ["model.embed_tokens.weight", "lm_head.weight", "strange.table"]);
    let (before, after) = (snapshot(&source), snapshot(&packed));
    assert_eq!(report.source_bytes, before.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert_eq!(report.output_bytes, Some(after.values().map(|bytes| bytes.len() as u64).sum()));
    for same in ["config.json", "onnx/readme.txt", "empty", "model-00002-of-00003.safetensors"] {
        assert!(before[same] == after[same], "{same} is copied");
    }

    let index: serde_json::Value =
        serde_json::from_slice(&after["model.safetensors.index.json"]).expect("JSON");
    let map = index["weight_map"].as_object().expect("an object");
    let mut total = 0;
    for file in [
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
    ] {
        for (name, bytes) in stored_tensors(&packed.join(file)) {
            total += bytes;
            if name != "xnc.file" {
                assert_eq!(map[&name], file, "{name} is mapped to its shard");
            }
        }
    }
    assert_eq!(index["metadata"]["total_size"], total);
    assert_eq!(map.len(), 5 + 6);

    let verified = xnc::verify(&packed, None, 2, &Progress::default()).expect("verifies");
    assert_eq!((verified.files, verified.tensors), (before.len(), 3));
    restore(&packed, &back).expect("restores");
    assert!(snapshot(&back) == before);
    restore(&packed, &back).expect("again: everything is there");
    assert_eq!(open(&packed.join("model-00003-of-00003.safetensors"), "lm_head.weight").rows(), 500);
}

#[test]
fn an_interrupted_run_is_completed_by_another() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, whole] = ["m", "m.xnc", "whole"].map(|name| temporary.path().join(name));
    fs::create_dir(&source).expect("makes");
    model(&source);
    compress(&source, &whole, Selection::Embeddings).expect("compresses");
    compress(&source, &packed, Selection::Embeddings).expect("compresses");
    // What a run leaves that was killed while it wrote the third shard.
    for unwritten in ["xnc.json", "config.json", "model-00003-of-00003.safetensors"] {
        fs::remove_file(packed.join(unwritten)).expect("removes");
    }
    fs::write(packed.join(".xnc-abcdef.part"), "half a shard").expect("writes");
    let error = restore(&packed, &temporary.path().join("back")).expect_err("no record yet").to_string();
    assert!(error.contains("run it again"), "{error}");
    compress(&source, &packed, Selection::Embeddings).expect("completes");
    assert!(snapshot(&packed) == snapshot(&whole));
    compress(&source, &packed, Selection::Embeddings).expect("a complete folder is success");
}

#[test]
fn what_is_refused_loses_nothing() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed, back] = ["m", "m.xnc", "back"].map(|name| temporary.path().join(name));
    fs::create_dir(&source).expect("makes");
    model(&source);
    let before = snapshot(&source);
    let say = |result: xnc::Result<CompressReport>| result.expect_err("refused").to_string();
    let missing =
        say(compress(&source, &packed, Selection::Named(vec!["lm_head.weight".into(), "nope".into()])));
    assert!(missing.contains("nope") && missing.contains("lm_head.weight"), "{missing}");
    assert!(say(compress(&source, &source, Selection::All)).contains("lies in"));
    assert!(say(compress(&source, &source.join("inner"), Selection::All)).contains("lies in"));
    assert!(snapshot(&source) == before && !packed.exists());

    compress(&source, &packed, Selection::Embeddings).expect("compresses");
    assert!(say(compress(&packed, &back, Selection::All)).contains("already compressed"));
    // A damaged table is found before anything appears.
    let shard = packed.join("model-00003-of-00003.safetensors");
    let good = fs::read(&shard).expect("reads");
    let mut damaged = good.clone();
    let at = damaged.len() - 100;
    damaged[at] ^= 1;
    fs::write(&shard, damaged).expect("writes");
    let error = restore(&packed, &back).expect_err("damaged").to_string();
    assert!(error.contains("model-00003-of-00003.safetensors") && !back.exists(), "{error}");
    fs::write(&shard, good).expect("writes");
    // So is a record that names a place outside the folder.
    let record = fs::read_to_string(packed.join("xnc.json")).expect("reads");
    fs::write(packed.join("xnc.json"), record.replace("onnx/readme.txt", "../../readme.md")).expect("writes");
    assert!(restore(&packed, &back).expect_err("checksum").to_string().contains("checksum"));
}

#[test]
fn a_folder_without_tables_is_left_alone() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    fs::create_dir(&source).expect("makes");
    let file = safetensors_file(&[("model.embed_tokens.weight", "I32", vec![4, 4], vec![0; 64])]);
    fs::write(source.join("model.safetensors"), file).expect("writes");
    let report = compress(&source, &packed, Selection::Embeddings).expect("no error");
    assert_eq!(report.output_bytes, None);
    assert!(report.nothing.expect("a reason").contains("model.embed_tokens.weight is I32"));
    assert!(!packed.exists());
}

/// Names and shapes of the tables of the paper's twelve models, and of tensors beside them that are none.
#[test]
fn tables_of_the_papers_models_by_role() {
    let llama = (
        vec!["model.embed_tokens.weight"],
        vec!["model.layers.0.self_attn.q_proj.weight", "model.norm.weight"],
    );
    let phi =
        (vec!["model.embed_tokens.weight", "lm_head.weight"], vec!["model.layers.0.mlp.gate_up_proj.weight"]);
    let smolvlm = (
        vec!["model.text_model.embed_tokens.weight", "lm_head.weight"],
        vec![
            "model.vision_model.embeddings.position_embedding.weight",
            "model.vision_model.embeddings.patch_embedding.weight",
            "model.connector.modality_projection.proj.weight",
        ],
    );
    let qwen_vl = (
        vec!["model.embed_tokens.weight", "lm_head.weight", "model.language_model.embed_tokens.weight"],
        vec!["visual.patch_embed.proj.weight", "visual.blocks.0.attn.qkv.weight"],
    );
    let models = [
        ("Llama-3.2-1B, -3B; SmolLM-135M, -360M, -1.7B; Gemma-2-2B; Qwen2.5-0.5B, -1.5B, -3B", llama),
        ("Phi-3.5-mini", phi),
        ("SmolVLM-256M", smolvlm),
        ("Qwen2.5-VL-3B", qwen_vl),
    ];
    for (model, (tables, others)) in models {
        let all = tables
            .iter()
            .map(|&name| tensor(name, bf16(1, 40, 8)))
            .chain(others.iter().map(|&name| tensor(name, bf16(1, 8, 8))));
        let file = safetensors_file(&all.collect::<Vec<_>>());
        let options = options(Codec::Fast, Selection::Embeddings, 1);
        let (_, report) = xnc::compress_bytes(file, &options).expect("no error");
        assert_eq!(report.tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), tables, "{model}");
    }
}
