//! Rows placed by pages: payloads begin and end on pages of the file, and nothing else changes.

mod support;

use support::{Random, Tensor, assert_twins, gguf_file, le, open, options, restore, safetensors_file, write};
use xnc::{Codec, Model, Selection};

const PAGE: u64 = 4096;

/// Rows of 224, 807 and 1960 bytes or so, and no table.
fn tensors() -> Vec<Tensor<'static>> {
    let mut random = Random(8);
    let mut table = |name, rows: u64, dim: u64| -> Tensor<'static> {
        let word = |_| ((0.03 * random.normal()).to_bits() >> 16) as u16;
        (name, "BF16", vec![rows, dim], le(&(0..rows * dim).map(word).collect::<Vec<_>>()))
    };
    let tables = [table("short", 2000, 160), table("middle", 900, 576), table("long", 300, 1400)];
    tables.into_iter().chain([("norm.weight", "F32", vec![1], vec![0, 0, 128, 63])]).collect()
}

#[test]
fn payloads_lie_on_pages_and_give_the_same_rows() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    for source in [safetensors_file(&tensors()), gguf_file(&tensors(), Some(32))] {
        let plain = write(folder.path(), "plain", &source);
        let mut dense = options(Codec::Fast, Selection::All, 2);
        dense.force = true;
        let mut paged = dense.clone();
        paged.pages = true;
        xnc::compress(&plain, &path("paged"), &paged).expect("compresses");
        let model = Model::open(path("paged")).expect("opens");
        let coded: Vec<_> = model.tensors().filter(|tensor| tensor.codec.is_some()).collect();
        assert_eq!(coded.len(), 3);
        let file = std::fs::read(path("paged")).expect("reads");
        for tensor in coded {
            let bytes = model.bytes(&tensor.name).expect("is there");
            let at =
                file.windows(256).position(|window| window == &bytes[..256]).expect("is in the file") as u64;
            assert_eq!((at % PAGE, bytes.len() as u64 % PAGE), (0, 0), "{}", tensor.name);
            assert_twins(&open(&plain, &tensor.name), &open(&path("paged"), &tensor.name), &tensor.name);
        }
        restore(&path("paged"), &path("restored")).expect("restores");
        assert!(std::fs::read(path("restored")).expect("reads") == source);

        // From another codec, and from rows that are placed otherwise, the same bytes.
        xnc::compress(&plain, &path("rows"), &dense).expect("compresses");
        xnc::transcode(&path("rows"), &path("again"), &paged).expect("transcodes");
        assert!(std::fs::read(path("again")).expect("reads") == file);
        xnc::transcode(&path("paged"), &path("back"), &dense).expect("transcodes");
        assert!(std::fs::read(path("back")).expect("reads") == std::fs::read(path("rows")).expect("reads"));
    }
}
