//! What `compress --card` writes for a model card: true, whole, and left out when the source is restored.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{SAMPLE, command, folder, json, model, names, run, xnc};

/// A folder `model` with a file of two tables, and a configuration.
fn published(dir: &Path) {
    let source = dir.join("model");
    fs::create_dir(&source).expect("a folder");
    let tables = [("model.embed_tokens.weight", [2048, 64]), ("lm_head.weight", [512, 64])];
    fs::write(source.join("model.safetensors"), model(tables)).expect("writes");
    fs::write(source.join("config.json"), "{}").expect("writes");
}

#[test]
fn of_a_folder_tells_what_was_done_and_the_digests_of_what_comes_back() {
    let (_keep, dir) = folder();
    published(&dir);
    let report = json(&dir, "compress model --card --json");
    let card = fs::read_to_string(dir.join("model.xnc/XNC.md")).expect("a card");
    assert_eq!(
        report["card"],
        dir.join("model.xnc/XNC.md").canonicalize().expect("a path").to_str().expect("UTF-8")
    );
    for tensor in report["tensors"].as_array().expect("a list") {
        assert!(card.contains(&format!("| `{}` |", tensor["name"].as_str().expect("text"))), "{card}");
    }
    assert!(
        card.contains("import transformers, xnc.transformers")
            && card.contains("xnc restore model.xnc -o model\n"),
        "{card}"
    );

    assert_eq!(xnc(&dir, "restore model.xnc -o back").0, 0);
    assert_eq!(names(&dir.join("back")), names(&dir.join("model")), "the card is no part of the source");
    for name in names(&dir.join("model")) {
        let (code, out, _) = run(Command::new("sha256sum").arg(dir.join("back").join(&name)));
        if code == 0 {
            assert!(card.contains(out.split(' ').next().expect("a digest")), "{name}: {card}");
        }
    }
    assert_eq!(xnc(&dir, "compress model --card").0, 0, "the same again");
    fs::write(dir.join("model.xnc/XNC.md"), "edited").expect("writes");
    let (code, _, err) = xnc(&dir, "compress model --card");
    assert!(code == 5 && err.contains("XNC.md"), "{err}");
    assert_eq!(xnc(&dir, "compress model --card --force").0, 0);
    assert_eq!(fs::read_to_string(dir.join("model.xnc/XNC.md")).expect("a card"), card);
    let (code, _, err) = xnc(&dir, "compress model.xnc --card");
    assert!(code == 5 && err.contains("already"), "{err}");
}

#[test]
fn of_a_file_stands_beside_the_target() {
    let (_keep, dir) = folder();
    assert_eq!(xnc(&dir, "compress m.safetensors --codec dense --effort 1 --card").0, 0);
    let card = fs::read_to_string(dir.join("m.xnc.safetensors.md")).expect("a card");
    assert!(card.contains("xnc transcode m.xnc.safetensors -o FAST --codec fast"), "{card}");
    let (code, out, _) = run(Command::new("sha256sum").arg(SAMPLE));
    assert!(code != 0 || card.contains(&out[..64]), "{card}");

    let (code, _, err) = xnc(&dir, "compress m.safetensors --force");
    assert!(code == 0 && err.contains("m.xnc.safetensors.md may tell of what was replaced"), "{err}");

    // An existing card is found before the work, and nothing is replaced.
    fs::remove_file(dir.join("m.xnc.safetensors")).expect("removes");
    fs::write(dir.join("m.xnc.safetensors.md"), "mine").expect("writes");
    let (code, _, err) = xnc(&dir, "compress m.safetensors --card");
    assert!(code == 5 && err.contains("m.xnc.safetensors.md"), "{err}");
    assert!(!dir.join("m.xnc.safetensors").exists());
    assert_eq!(fs::read_to_string(dir.join("m.xnc.safetensors.md")).expect("there"), "mine");
}

#[test]
fn a_source_that_has_a_file_of_its_name_is_refused_before_the_work() {
    let (_keep, dir) = folder();
    published(&dir);
    fs::write(dir.join("model/XNC.md"), "theirs").expect("writes");
    let (code, _, err) = xnc(&dir, "compress model --card");
    assert!(code == 2 && err.contains("XNC.md"), "{err}");
    assert!(!dir.join("model.xnc").exists());
    assert_eq!(xnc(&dir, "compress model").0, 0);
}

#[test]
fn names_cannot_break_out_of_its_tables() {
    let (_keep, dir) = folder();
    let name = "embed`|<b>\n# heading";
    fs::write(dir.join("n.safetensors"), model([(name, [2048, 64])])).expect("writes");
    assert_eq!(run(command(&dir, "compress n.safetensors --card --tensors").arg("embed*")).0, 0);
    let card = fs::read_to_string(dir.join("n.xnc.safetensors.md")).expect("a card");
    assert!(card.contains("| <code>embed&#96;&#124;&lt;b>\\n# heading</code> | BF16 |"), "{card}");

    let (name, target) = ("n\n```\n# heading.safetensors", "out\n```\n.safetensors");
    fs::copy(dir.join("n.safetensors"), dir.join(name)).expect("copies");
    let rest = ["--card", "--tensors", "embed*", "-o", target];
    assert_eq!(run(command(&dir, "compress").arg(name).args(rest)).0, 0);
    let card = fs::read_to_string(dir.join(format!("{target}.md"))).expect("a card");
    assert_eq!(card.lines().filter(|line| line.starts_with("```")).count(), 2, "{card}");
}
