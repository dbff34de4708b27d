//! The real models of `cargo xtask data`: against what llama.cpp does with the same files, and compressed
//! against plain.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;
use xnc::{Codec, CompressOptions};
use xnc_llm::{Model, ModelFile, Products, Session, TOKEN_TABLE, Tokenizer, best_two};

/// Both tests use all cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const MODELS: [&str; 2] = ["SmolLM2-135M", "Gemma-3-270M"];

/// Where two engines may part when neither rounds activations: their best two logits are closer than this.
const CLOSE: f32 = 0.05;

/// Where they may part when both round activations. Far less than llama.cpp's logits differ from its own,
/// [`Reference::spread`].
const ROUNDED: f32 = 0.5;

/// A record by `reference/make.py`.
#[derive(Deserialize)]
struct Reference {
    /// How far llama.cpp's logits are from its own when keys and values are FP16 or F32: what a rounding that
    /// falls the other way does.
    spread: f32,
    quantised: Vec<Continued>,
    exact: Vec<Continued>,
    encoded: Vec<Encoded>,
}

#[derive(Deserialize)]
struct Continued {
    prompt: String,
    prompt_tokens: Vec<u32>,
    tokens: Vec<u32>,
    gaps: Vec<f32>,
}

#[derive(Deserialize)]
struct Encoded {
    text: String,
    tokens: Vec<u32>,
}

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("XNC_TEST_DATA").map(PathBuf::from);
    if data.is_none() {
        eprintln!("real models are tried by `cargo xtask test` only");
    }
    data
}

fn reference(model: &str) -> Reference {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(format!("{model}.json"));
    serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("a sound record")
}

#[test]
fn the_same_tokens_as_llama_cpp() {
    let Some(data) = data() else { return };
    let _alone = ONE_AT_A_TIME.lock();
    for name in MODELS {
        let file = ModelFile::open(&data.join(format!("{name}.bf16.gguf"))).expect("opens");
        let tokenizer = Tokenizer::new(&file).expect("a vocabulary");
        let reference = reference(name);
        for Encoded { text, tokens } in &reference.encoded {
            assert_eq!(tokenizer.encode(text).expect("encodes"), *tokens, "{name}: {text:?}");
        }
        let load = |products| {
            let table = file.table(TOKEN_TABLE).expect("a table");
            Model::with_table(&file, table, products).expect("loads")
        };
        agree(name, &load(Products::Exact), &reference.exact, CLOSE);
        assert!(ROUNDED < reference.spread);
        agree(name, &load(Products::Quantised), &reference.quantised, ROUNDED);
    }
}

/// Greedy tokens are those on record to the end of each text, but where the two best logits there were closer than
/// `close`: there the text goes on with the token on record.
fn agree(name: &str, model: &Model, record: &[Continued], close: f32) {
    for Continued { prompt, prompt_tokens, tokens, gaps } in record {
        let mut session = Session::new(model, prompt_tokens.len() + tokens.len());
        let mut next = session.prefill(prompt_tokens).expect("runs");
        for (position, (&token, &gap)) in tokens.iter().zip(gaps).enumerate() {
            if token != next {
                let [first, second] = best_two(session.logits());
                let found = format!(
                    "{name}: {prompt:?} parts at token {position}, best logits {} apart here, {gap} there",
                    first.1 - second.1
                );
                assert!(gap < close, "{found}");
                eprintln!("{found}");
            }
            next = session.step(token).expect("runs");
        }
    }
}

#[test]
fn the_same_logits_from_compressed_tables() {
    let Some(data) = data() else { return };
    let _alone = ONE_AT_A_TIME.lock();
    let temporary = tempfile::tempdir_in(&data).expect("temporary folder");
    for (name, codecs) in MODELS.iter().zip([&[Codec::Fast, Codec::Dense][..], &[Codec::Fast]]) {
        let plain = data.join(format!("{name}.bf16.gguf"));
        let expected = run(&plain);
        for &codec in codecs {
            let packed = temporary.path().join(format!("{name}.{}.gguf", codec.name()));
            let mut options = CompressOptions::default();
            (options.codec, options.effort) = (codec, 1);
            xnc::compress(&plain, &packed, &options).expect("compresses");
            assert!(run(&packed) == expected, "{name}, {}", codec.name());
        }
    }
}

/// Tokens, and the bits of every logit they were chosen from.
fn run(path: &Path) -> Vec<(u32, Vec<u32>)> {
    let file = ModelFile::open(path).expect("opens");
    let tokenizer = Tokenizer::new(&file).expect("a vocabulary");
    let model = Model::load(&file).expect("loads");
    let prompt = tokenizer.encode("The lighthouse on the northern rock").expect("encodes");
    let mut session = Session::new(&model, prompt.len() + 8);
    let mut next = session.prefill(&prompt).expect("runs");
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push((next, session.logits().iter().map(|logit| logit.to_bits()).collect()));
        next = session.step(next).expect("runs");
    }
    all
}
