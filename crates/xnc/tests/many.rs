//! Files of very many tensors: the work grows as their number does.
#![cfg(unix)] // where processor time can be asked for

mod support;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::{Random, compress_all, le, options, safetensors_file, safetensors_header, write};
use xnc::{Codec, Model, RestoreOptions, Selection};

const FEW: usize = 20_000;
const MANY: usize = 100_000;

/// Tests of one process would count each other's processor time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Asserts that five times the tensors take less than twelve times the processor time of all threads, which
/// does not depend on what else the machine does; the least of three runs each. What grows with the square
/// takes twenty-five times.
fn assert_linear(what: &str, make: impl Fn(usize) -> Vec<u8>, work: impl Fn(Vec<u8>, usize)) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let [few, many] = [FEW, MANY].map(|number| {
        let file = make(number);
        let times = (0..3).map(|_| {
            let file = file.clone();
            let begun = processor_time();
            work(file, number);
            processor_time() - begun
        });
        times.min().unwrap_or(Duration::MAX)
    });
    assert!(many < 12 * few, "{what}: {FEW} tensors take {few:?}, {MANY} take {many:?}");
}

fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).expect("it only grows")
}

/// Small tensors of no interest, and one table, which grows with their number: a file that does not shrink is
/// not written, and the record of the source grows too.
fn plain(number: usize) -> Vec<u8> {
    let some = Random(71).bf16_weights(8191, 0);
    let rows = number / 2;
    let words: Vec<u16> = some.iter().copied().cycle().take(rows * 128).collect();
    let names: Vec<String> = (0..number).map(|i| format!("model.layers.{i}.some.bias")).collect();
    let infos = names.iter().map(|name| (name.as_str(), "BF16", vec![1, 2], 4));
    let table = [("wte.weight", "BF16", vec![rows as u64, 128], 2 * words.len() as u64)];
    let mut file = safetensors_header(&[], table.into_iter().chain(infos), 8);
    file.extend_from_slice(&le(&words));
    file.resize(file.len() + 4 * number, 1);
    file
}

/// A compressed file with one table and very many duplicates of it, which is put together here: compressing
/// their words would take long.
fn compressed(number: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(72).bf16_weights(64 * 64, 0);
    let source = safetensors_file(&[("wte.weight", "BF16", vec![64, 64], le(&words))]);
    let packed = folder.path().join("packed");
    compress_all(Codec::Fast, &write(folder.path(), "plain", &source), &packed);
    let model = Model::open(&packed).expect("opens");
    let parts = ["wte.weight", "wte.weight.xnc_index", "wte.weight.xnc_meta", "xnc.file"];
    let mut tensors: Vec<(String, Vec<u8>)> =
        parts.iter().map(|&name| (name.to_owned(), model.bytes(name).expect("is there").to_vec())).collect();
    let meta: serde_json::Value = serde_json::from_slice(&tensors[2].1).expect("JSON");
    for i in 0..number {
        let name = format!("head.{i}");
        let record = serde_json::json!({
            "version": meta["version"], "name": name, "dtype": "BF16", "shape": [64, 64],
            "blake3": meta["blake3"], "same_as": "wte.weight",
        });
        tensors.push((format!("{name}.xnc_meta"), support::seal(&record)));
        tensors.push((name, Vec::new()));
    }
    let infos = tensors.iter().map(|(name, bytes)| {
        let size = bytes.len() as u64;
        (name.as_str(), "U8", vec![size], size)
    });
    let mut file = safetensors_header(&[], infos, 64);
    tensors.iter().for_each(|(_, bytes)| file.extend_from_slice(bytes));
    file
}

#[test]
fn opening_and_listing() {
    let look = |file: Vec<u8>, number: usize| {
        let model = Model::from_bytes(file).expect("opens");
        assert_eq!(model.tensors().count(), number + 1);
        assert_eq!(model.tables().len(), number + 1);
        let last = model.tables().last().map(|&name| name.to_owned()).expect("some");
        let table = model.table(&last).expect("opens");
        table.row(0, &mut vec![0; table.dim()]).expect("reads");
    };
    assert_linear("opening plain files", plain, look);
    assert_linear("opening compressed files", compressed, look);
}

#[test]
fn compressing_and_restoring() {
    let there_and_back = |file: Vec<u8>, number: usize| {
        let (packed, report) =
            xnc::compress_bytes(file.clone(), &options(Codec::Fast, Selection::Embeddings, 2))
                .expect("compresses");
        assert_eq!(report.tensors.len(), 1);
        let packed = packed.expect("it shrinks");
        assert_eq!(Model::from_bytes(packed.clone()).expect("opens").tensors().count(), number + 1);
        assert!(xnc::restore_bytes(packed, &RestoreOptions::default()).expect("restores") == file);
    };
    assert_linear("compressing and restoring", plain, there_and_back);
}

/// Names as a mixture of experts has them, long and alike: all of them asked for, one by a pattern, and one
/// that is not there.
#[test]
fn selecting() {
    let name = |i: usize| format!("model.layers.{}.mlp.experts.{}.down_proj.weight", i / 512, i % 512);
    let make = |number: usize| {
        let names: Vec<String> = (0..number).map(name).collect();
        let infos = names.iter().map(|name| (name.as_str(), "BF16", vec![2, 1], 4));
        let mut file = safetensors_header(&[], infos, 8);
        file.resize(file.len() + 4 * number, 0);
        file
    };
    assert_linear("selecting", make, |file, number| {
        let select = |names: Vec<String>| {
            xnc::compress_bytes(file.clone(), &options(Codec::Fast, Selection::Named(names), 1))
                .map(|(_, told)| told)
        };
        assert_eq!(select((0..number).map(name).collect()).expect("all are there").tensors.len(), number);
        assert_eq!(select(vec!["*.7.*.7.*".into()]).expect("one is there").tensors.len(), 1);
        let error = select(vec!["layers.7.mlp.experts.7.down".into()]).expect_err("not there").to_string();
        assert!(
            error.contains("model.layers.7.mlp.experts.7.down_proj.weight") && error.len() < 500,
            "{error}"
        );
    });
}
