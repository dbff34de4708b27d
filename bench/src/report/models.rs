//! Section: whole models.

use xnc_page::number::{bytes, percent, ratio};
use xnc_page::{Accent, Bar, Bars, Block, Chart, Section, Table};

use crate::study::models::{BODIES, BODY_BITS, Models, PUBLISHED_RATIO, PUBLISHED_SAVING, QUANTISED, shapes};

/// Mean share of the paper's models that a codec saves.
pub fn average(found: &Models, codec: &str, body_bits: f64) -> Option<f64> {
    let (_, times) = found.ratios.iter().find(|(name, _)| name == codec)?;
    Some(mean(body_bits, 16.0 / times))
}

fn mean(body_bits: f64, table_bits: f64) -> f64 {
    let shapes = shapes();
    shapes.iter().map(|shape| shape.saving(body_bits, table_bits)).sum::<f64>() / shapes.len() as f64
}

/// Ways to keep a table, with their bits a weight: the published ratio, the codecs, the quantised types.
pub fn ways(found: &Models) -> Vec<(String, Accent, f64)> {
    let published = (format!("published, {PUBLISHED_RATIO}x"), Accent::Xnc, 16.0 / PUBLISHED_RATIO);
    let codecs = found
        .ratios
        .iter()
        .map(|(name, times)| (format!("{name}, {}", ratio(*times)), Accent::of(name), 16.0 / times));
    let quantised = QUANTISED.iter().map(|(name, bits)| (format!("{name}, lossy"), Accent::Plain, *bits));
    std::iter::once(published).chain(codecs).chain(quantised).collect()
}

pub fn section(found: &Models) -> Section {
    let mut section = Section::new("Whole models");
    section.text(format!(
        "What becomes of a 4-bit model whose table stays at 16 bits. **Computed, not measured**: shapes are \
         those of the models' public configurations (`bench/models.json`), ratios are means over our tables \
         ({}), since the models themselves were out of reach. {BODY_BITS} bits a weight outside the table, as \
         GGUF's Q4_0 has.",
        found.tables.join(", ")
    ));
    who_keeps_16_bits(&mut section);
    let ways = ways(found);
    let mut header = vec!["model", "tables", "before"];
    header.extend(ways.iter().map(|(name, ..)| name.as_str()));
    let mut table = Table::new("Size of the 4-bit model, and what it loses, computed.", 2, &header);
    for shape in shapes() {
        let before = shape.bytes(BODY_BITS, 16.0);
        let mut cells = vec![shape.name.clone(), shape.extent(), bytes(before as u64)];
        cells.extend(ways.iter().map(|(.., bits)| percent(shape.saving(BODY_BITS, *bits))));
        table.row(Accent::None, cells);
    }
    let mut cells = vec!["**average**".into(), String::new(), String::new()];
    cells.extend(ways.iter().map(|(.., bits)| percent(mean(BODY_BITS, *bits))));
    table.row(Accent::None, cells);
    section.push(Block::Table(table));
    section.text(format!(
        "The paper's average is **{}**; it does not say what the rest of its models takes. The average by that:",
        percent(PUBLISHED_SAVING)
    ));
    let mut header = vec!["bits a weight outside the table"];
    header.extend(ways.iter().map(|(name, ..)| name.as_str()));
    let mut table = Table::new("Average saving over the twelve models, computed.", 1, &header);
    for body in BODIES {
        let cells = ways.iter().map(|(.., bits)| percent(mean(body, *bits)));
        table.row(Accent::None, std::iter::once(body.to_string()).chain(cells).collect());
    }
    section.push(Block::Table(table));
    let bars = ways.iter().map(|(name, accent, bits)| {
        let value = mean(BODY_BITS, *bits);
        Bar { label: name.clone(), value, shown: percent(value), accent: *accent }
    });
    section.push(Block::Charts(vec![Chart::Bars(Bars {
        title: "Average saving on the twelve 4-bit models, computed".into(),
        note: format!("{BODY_BITS} bits a weight outside the table; grey gives up bits"),
        bars: bars.collect(),
        marks: vec![],
    })]));
    files(found, &mut section);
    quantised(found, &mut section);
    section
}

/// Read in the sources that are named, at those commits.
fn who_keeps_16_bits(section: &mut Section) {
    section.heading("Which tools keep the table at 16 bits");
    section.text("That depends on who makes the 4-bit model:");
    section.push(Block::List(vec![
        "**llama.cpp quantises it** unless it is told otherwise. `llama_tensor_get_type_impl` in \
         [src/llama-quant.cpp](https://github.com/ggml-org/llama.cpp/blob/\
         007dbbf3fd17eefe9b47fee45f48f7ba5e62b714/src/llama-quant.cpp) gives a table that is also the output \
         head Q6_K (Q5_K in the smallest types, and Q8_0 where rows do not divide into blocks of 256, as \
         SmolLM2's 576 words), and a table of its own the type of the layers, or a neighbour. It stays at 16 \
         bits with `--token-embedding-type bf16` or `f16`, and where a row is no multiple of 32 words."
            .into(),
        "**MLX quantises it**, to the bits of the layers: `quantize_model` in \
         [mlx_lm/utils.py](https://github.com/ml-explore/mlx-lm/blob/\
         003da2e9192786bcb2eb49701093609484c68860/mlx_lm/utils.py) takes whatever has `to_quantized`, as \
         `Embedding` has, and rows that divide into its groups."
            .into(),
        "**bitsandbytes in Transformers keeps it**: `_replace_with_bnb_linear` replaces linear layers, and \
         `get_keys_to_not_convert` leaves the output head out, with whatever is tied to it \
         ([src/transformers/integrations/bitsandbytes.py](https://github.com/huggingface/transformers/blob/\
         01ae98ae2414210efd0d9ac1ffe78ff21588f1f7/src/transformers/integrations/bitsandbytes.py))."
            .into(),
        "**AutoAWQ keeps it**: `get_named_linears` finds linear layers only \
         ([awq/utils/module.py](https://github.com/casper-hansen/AutoAWQ/blob/\
         0222940e18d207e3d7cc4cec70f36ff3fd13c326/awq/utils/module.py)), and `AwqQuantizer` asks it about \
         the layers that it calibrates, of which the table is none."
            .into(),
    ]));
    section.text(
        "So what follows is about files of the last two kinds, and about GGUF files whose maker asked for a \
         16-bit table. In other GGUF files the table is what the columns Q8_0 and Q6_K say already, and this \
         project has nothing to offer for them.",
    );
    section.heading("What the table costs, and what a codec saves");
}

fn files(found: &Models, section: &mut Section) {
    section.heading("Files we have");
    section.text(
        "Whole files through `xnc compress`; what a quantised table would leave is computed from \
        its bits. The GGUF files hold tables without dither (`q * d`, as the models run), which compress \
        better than a published checkpoint would.",
    );
    let mut table = Table::new(
        "Files measured, quantised ones computed.",
        2,
        &["file", "table kept as", "before", "after", "saved"],
    );
    for file in &found.files {
        table.row(
            if file.lossless { Accent::of(&file.way) } else { Accent::Plain },
            vec![
                file.name.clone(),
                if file.lossless { format!("`{}`", file.way) } else { format!("{}, lossy", file.way) },
                bytes(file.before),
                bytes(file.after),
                percent(1.0 - file.after as f64 / file.before as f64),
            ],
        );
    }
    section.push(Block::Table(table));
}

fn quantised(found: &Models, section: &mut Section) {
    section.heading("And if the table were quantised?");
    section.text(
        "It would be smaller still, and no longer the same table. Lossless pays where bits must \
        not change, or where a file with a 16-bit table is what is there.",
    );
    let mut table = Table::new(
        "A BF16 table rounded to Q8_0 and back, every word compared.",
        1,
        &["table", "error, of the values' root mean square", "words that change"],
    );
    for one in &found.rounding {
        table.row(Accent::Plain, vec![one.table.clone(), percent(one.relative_error), percent(one.changed)]);
    }
    section.push(Block::Table(table));
    section.text(
        "What that costs a model is published, not measured here: for Gemma 2B as Q4_K_M, perplexity \
         9.479 with a Q8_0 table and 9.678 with a Q6_K one ([llama.cpp, pull request \
         5650](https://github.com/ggml-org/llama.cpp/pull/5650)); re-packed Gemma 3 QAT files with a Q6_K \
         table stay within noise of the FP16 ones (28.047 against 28.040 for 1B).",
    );
}
