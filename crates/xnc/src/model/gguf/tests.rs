use super::*;

/// A header from its parts: pairs and tensor infos as bytes, each a list.
fn file(version: u32, pairs: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    pairs.iter().chain(tensors).for_each(|part| bytes.extend(part));
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key.as_bytes())[..], &kind.to_le_bytes(), value].concat()
}

/// An array of arrays of arrays, the innermost of one byte.
fn nested(depth: usize) -> Vec<u8> {
    [array(9, 1).repeat(depth), array(0, 1), vec![7]].concat()
}

fn array(element: u32, count: u64) -> Vec<u8> {
    [&element.to_le_bytes()[..], &count.to_le_bytes()].concat()
}

fn tensor(name: &str, dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = text(name.as_bytes());
    bytes.extend((dims.len() as u32).to_le_bytes());
    dims.iter().for_each(|axis| bytes.extend(axis.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

fn told(bytes: &[u8]) -> String {
    Layout::parse(bytes, bytes.len() as u64).map_or_else(|error| error.to_string(), |_| "fine".into())
}

#[test]
fn hostile_pairs_are_refused() {
    let cases = [
        (vec![pair("a", 4, &[0; 4]), pair("a", 5, &[0; 4])], "`a` stands twice"),
        (vec![pair("a", 13, &[0; 8])], "unknown type 13"),
        (vec![pair("a", u32::MAX, &[])], "unknown type 4294967295"),
        (vec![pair("a", 9, &nested(3))], "fine"),
        (vec![pair("a", 9, &nested(4))], "nested too deep"),
        (vec![pair("a", 9, &nested(100_000))], "nested too deep"),
        (vec![pair("a", 9, &array(13, 0))], "unknown type 13"),
        (vec![pair("a", 9, &array(13, 1))], "unknown type 13"),
        (vec![pair("a", 9, &array(10, u64::MAX))], "array of 18446744073709551615 elements"),
        (vec![pair("a", 9, &array(0, u64::MAX))], "ends inside its GGUF header"),
        (vec![pair("a", 9, &array(8, u64::MAX))], "ends inside its GGUF header"),
        (vec![pair("a", 9, &array(9, u64::MAX))], "GGUF"),
        (vec![pair("a", 8, &u64::MAX.to_le_bytes())], "ends inside its GGUF header"),
        (vec![[&text(b"\xff")[..], &[0; 8]].concat()], "not UTF-8"),
        (vec![u64::MAX.to_le_bytes().to_vec()], "download the file again"),
        (vec![pair(ALIGNMENT_KEY, 5, &32u32.to_le_bytes())], "not a u32"),
        (vec![pair(ALIGNMENT_KEY, 4, &0u32.to_le_bytes())], "no sensible power of two"),
        (vec![pair(ALIGNMENT_KEY, 4, &48u32.to_le_bytes())], "no sensible power of two"),
        (vec![pair(ALIGNMENT_KEY, 4, &(1u32 << 21).to_le_bytes())], "no sensible power of two"),
        (vec![pair(ALIGNMENT_KEY, 4, &(1u32 << 20).to_le_bytes())], "fine"),
    ];
    for (number, (pairs, says)) in cases.iter().enumerate() {
        let told = told(&file(3, pairs, &[], 64));
        assert!(told.contains(says), "case {number}: {told} does not say {says}");
    }
}

#[test]
fn hostile_tensors_are_refused() {
    let two = |second: Vec<u8>| vec![tensor("a", &[16], 1, 0), second];
    let cases = [
        (two(tensor("b", &[16], 1, 32)), "fine"),
        (two(tensor("b", &[16], 31, 32)), "cannot have the shape"),
        (two(tensor("b", &[32], 31, 32)), "fine"),
        (two(tensor("a", &[16], 1, 32)), "`a` stands twice"),
        (two(tensor("b", &[16], 1, 0)), "`b` overlaps"),
        (two(tensor("b", &[0], 1, 0)), "fine"),
        (two(tensor("b", &[0], 1, 1 << 50)), "cut short"),
        (two(tensor("b", &[16], 1, 33)), "not aligned"),
        (two(tensor("b", &[1, 1, 1, 1, 1], 1, 32)), "5 dimensions"),
        (two(tensor("b", &[16], 4, 32)), "no GGUF file has"),
        (two(tensor("b", &[16], 99, 32)), "ggml type `99`, which this build does not know; upgrade xnc"),
        (two(tensor("b", &[16], 2, 32)), "cannot have the shape"),
        (two(tensor("b", &[u64::MAX, 2], 1, 32)), "cannot have the shape"),
        (two(tensor("b", &[1 << 63], 1, 32)), "cannot have the shape"),
        (two(tensor("b", &[1 << 32, 1 << 31, 2], 24, 32)), "cannot have the shape"),
        (two(tensor("b", &[16], 1, u64::MAX - 31)), "cannot have the shape"),
        (two(tensor("b", &[16], 1, u64::MAX - 63)), "past the end of any file"),
        (two(tensor("b", &[1 << 40], 1, 32)), "cut short"),
    ];
    for (number, (tensors, says)) in cases.iter().enumerate() {
        let told = told(&file(3, &[], tensors, 64));
        assert!(told.contains(says), "case {number}: {told} does not say {says}");
    }
}

#[test]
fn counts_that_no_file_can_hold_fail_at_once() {
    for (tensors, pairs) in [(u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX), (1 << 40, 1 << 40)] {
        let mut bytes = file(3, &[], &[], 64);
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(tensors));
        bytes[16..24].copy_from_slice(&u64::to_le_bytes(pairs));
        let told = told(&bytes);
        assert!(told.contains("stands twice") || told.contains("ends inside"), "{told}");
    }
}

#[test]
fn other_versions_are_told_with_what_helps() {
    let cases = [
        (0, "version 0", false),
        (1, "version 1", false),
        (4, "GGUF version `4`", true),
        (65_535, "GGUF version `65535`", true),
        (3u32.swap_bytes(), "big-endian GGUF file (version 3)", false),
        (2u32.swap_bytes(), "big-endian GGUF file (version 2)", false),
    ];
    for (version, says, upgrade) in cases {
        let told = told(&file(version, &[], &[], 0));
        assert!(told.contains(says), "{told}");
        assert_eq!(told.contains("upgrade xnc"), upgrade, "{told}");
    }
    for version in [2, 3] {
        assert_eq!(told(&file(version, &[], &[], 0)), "fine");
    }
}

#[test]
fn a_broken_download_tells_how_much_is_missing() {
    let pairs = [pair("general.architecture", 8, &text(b"llama")), pair("tokens", 9, &nested(2))];
    let tensors = [tensor("a", &[16], 1, 0), tensor("b", &[3, 5], 30, 32)];
    let whole = file(3, &pairs, &tensors, 62);
    assert_eq!(told(&whole), "fine");
    let data = whole.len() - 62;
    for there in 0..whole.len() {
        let told = told(&whole[..there]);
        assert!(told.contains("download"), "{there}: {told}");
        if there >= data {
            let needed = whole.len();
            let says = format!("it has {there} bytes, and its header tells of {needed}; download it again");
            assert!(told.contains(&says), "{told}");
        }
    }
}
