//! What holds for every scheme.

use super::*;

/// A line of 32-bit words, zeros after the last.
pub(super) fn line_of(words: impl IntoIterator<Item = u32>) -> Line {
    let mut line = [0; LINE_WORDS];
    for (pair, word) in line.chunks_exact_mut(2).zip(words) {
        pair.copy_from_slice(&[word as u16, (word >> 16) as u16]);
    }
    line
}

/// Zeros, runs, narrow and wide words, and noise, in many mixtures.
fn lines() -> Vec<Line> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut line = || {
        let (kinds, shift) = (next() % 5, next() % 16);
        std::array::from_fn(|_| match next() % (kinds + 1) {
            0 => 0,
            1 => 0x2c18,
            _ => (next() as u16) >> shift,
        })
    };
    (0..2000).map(|_| line()).collect()
}

#[test]
fn halves_are_read_low_first() {
    let mut line = [0; LINE_WORDS];
    (line[0], line[1]) = (0x5678, 0x1234);
    assert_eq!(words_32(&line)[0], 0x1234_5678);
    assert_eq!(line_of([0x1234_5678]), line);
}

#[test]
fn no_line_takes_more_than_its_raw_form_and_tag() {
    let lines = lines();
    let histogram = histogram(lines.as_flattened());
    let fvc = Fvc::train(&lines);
    let e2mc = E2mc::SIZES.map(|size| E2mc::train(&histogram, size));
    let models: [(&dyn Model, u32); 11] = [
        (&Zero, 1),
        (&Fpc, 1),
        (&Bdi, 4),
        (&CPack, 1),
        (&fvc, 1),
        (&Bpc::WORDS, 1),
        (&Bpc::HALF_WORDS, 1),
        (&e2mc[0], 1),
        (&e2mc[1], 1),
        (&e2mc[2], 1),
        (&Xnc, 33),
    ];
    for (model, tag) in models {
        let bits: Vec<u32> = lines.iter().map(|line| model.bits(line)).collect();
        assert!(bits.iter().all(|&bits| 0 < bits && bits <= LINE_BITS + tag), "{}", model.about().name);
        assert!(bits.iter().any(|&bits| bits < LINE_BITS), "{} never saves", model.about().name);
    }
}

#[test]
fn a_survey_counts_every_line_once() {
    let lines = lines();
    let mut words = lines.as_flattened().to_vec();
    words.extend([1, 2, 3]);
    let outcomes = survey(&words);
    let fpc = outcomes.iter().find(|outcome| outcome.about.name == "FPC").expect("FPC is surveyed");
    let bits: u64 = lines.iter().map(|line| u64::from(Fpc.bits(line))).sum();
    assert_eq!((fpc.bits, fpc.table_bits), (bits, 0));
    assert_eq!(fpc.ratio, (2000 * 512) as f64 / bits as f64);
    let smaller = lines.iter().filter(|line| Fpc.bits(line) < LINE_BITS).count();
    assert_eq!(fpc.smaller, Some(smaller as f64 / 2000.0));
}

#[test]
fn huffman_codes_stay_between_the_entropy_and_a_bit_a_word_more() {
    // The sum of two uniform numbers: some 2000 words, those in the middle far more frequent.
    let word = |k: usize| (k * 7919 % 1009 + k * 104_729 % 1013) as u16;
    let line = |n: usize| std::array::from_fn(|i| word(n * LINE_WORDS + i));
    let lines: Vec<Line> = (0..2000).map(line).collect();
    let histogram = histogram(lines.as_flattened());
    let entropy = entropy::bits(&histogram);
    let sizes = E2mc::SIZES.map(|size| {
        let model = E2mc::train(&histogram, size);
        lines.iter().map(|line| u64::from(model.bits(line))).sum::<u64>()
    });
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    let tags = lines.len() as u64;
    assert!(entropy + tags <= sizes[2] && sizes[2] < entropy + tags + 32 * tags, "{entropy} {sizes:?}");
}

#[test]
fn names_are_distinct() {
    let outcomes = survey(lines().as_flattened());
    let names: std::collections::BTreeSet<_> = outcomes.iter().map(|outcome| outcome.about.name).collect();
    assert_eq!(names.len(), outcomes.len());
}
