use super::*;

fn file(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(bytes.len() + data, 7);
    bytes
}

fn parse_all(bytes: &[u8]) -> Result<Layout> {
    parse(bytes, bytes.len() as u64)
}

#[test]
fn hostile_headers_are_refused() {
    let bad = [
        (
            r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                 "a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
            2,
            "twice",
        ),
        (r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0, "twice"),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3, "hole"),
        (
            r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                 "b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
            3,
            "overlaps",
        ),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, 3, "follow"),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}"#, 3, "spans"),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,18446744073709551615]}}"#, 3, "spans"),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,9]}}"#, 3, "cannot take"),
        (r#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, 3, "cut short"),
        (r#"{"__metadata__":{},"__metadata__":{}}"#, 0, "twice"),
        (r#"{"a":{"dtype":"U16","shape":[2],"data_offsets":[0,2]}}"#, 2, "cannot take"),
        (r#"{"a":{"dtype":"BF16","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0, "cannot take"),
        (r#"{"a":{"dtype":"BF16","shape":[9223372036854775808,2],"data_offsets":[0,0]}}"#, 0, "cannot take"),
        (r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}"#, 0, "header"),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}"#, 1, "header"),
        (r#"{} x"#, 0, "header"),
        (r#"{"a":{"dtype":"U8","shape":[1,[1]],"data_offsets":[0,1]}}"#, 1, "header"),
        (r#"{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 1, "header"),
        ("[]", 0, "unknown kind"),
        ("", 0, "zeros"),
    ];
    for (json, data, says) in bad {
        let error = parse_all(&file(json, data)).expect_err(json).to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
    for length in [u64::MAX, MAX_HEADER + 1, 50] {
        let bytes = [&length.to_le_bytes()[..], b"{}"].concat();
        assert!(parse_all(&bytes).is_err());
    }
    assert!(parse_all(b"1234567").is_err());
    assert!(parse_all(&[]).is_err());
}

#[test]
fn what_we_write_the_reference_crate_reads_and_so_do_we() {
    let metadata = vec![("format".to_string(), "pt".to_string())];
    let tensors: [(&str, &str, &[u64], u64); 3] =
        [("z", "U8", &[64], 64), ("empty", "F16", &[0, 4], 0), ("a\"b", "BF16", &[2, 3], 12)];
    let mut bytes = header(&metadata, tensors.iter().copied(), 64);
    assert_eq!(bytes.len() % 64, 0);
    bytes.resize(bytes.len() + 76, 1);
    let layout = parse_all(&bytes).expect("our own header");
    let reference = safetensors::SafeTensors::deserialize(&bytes).expect("the reference crate reads it");
    assert_eq!(layout.tensors().len(), reference.len());
    for tensor in layout.tensors() {
        let view = reference.tensor(&tensor.name).expect("same names");
        assert_eq!(view.shape().iter().map(|&n| n as u64).collect::<Vec<_>>(), tensor.shape);
        assert_eq!(view.data(), &bytes[tensor.range.start as usize..tensor.range.end as usize]);
    }
    assert!(matches!(layout.header(), Header::Safetensors(pairs) if *pairs == metadata));
}

#[test]
fn headers_without_tensors_are_headers() {
    for metadata in [vec![], vec![("k\"".to_string(), "\n".to_string())]] {
        let bytes = header(&metadata, std::iter::empty(), 8);
        let layout = parse_all(&bytes).expect("our own header");
        assert!(layout.tensors().is_empty());
        assert!(matches!(layout.header(), Header::Safetensors(pairs) if *pairs == metadata));
    }
}

#[test]
fn a_broken_download_tells_how_much_is_missing() {
    let tensors: [(&str, &str, &[u64], u64); 2] = [("a", "U8", &[64], 64), ("b", "BF16", &[500, 2], 2000)];
    let whole = header(&[], tensors.into_iter(), 8).len() as u64 + 2064;
    let mut bytes = header(&[], tensors.into_iter(), 8);
    let head = bytes.len();
    bytes.resize(whole as usize, 0);
    assert!(parse_all(&bytes).is_ok());
    for there in [head, head + 1, head + 64, head + 2063] {
        let error = parse_all(&bytes[..there]).expect_err("cut short").to_string();
        let numbers = format!("it has {there} bytes, and its header tells of {whole}; download it again");
        assert!(error.contains(&numbers), "{error}");
    }
    for there in 9..head {
        let error = parse_all(&bytes[..there]).expect_err("cut short").to_string();
        let numbers = format!("it has {there} bytes, and the header alone takes {head}; download it again");
        assert!(error.contains(&numbers), "{error}");
    }
}

#[test]
fn a_tensor_of_more_bits_than_a_number_takes_is_an_error() {
    // Restoring parses headers for files of any size, so the size does not bound the offsets. Found by fuzzing.
    for (dtype, shape) in [("U8", vec![1 << 62]), ("F64", vec![1 << 59]), ("X", vec![1])] {
        let head = header(&[], [("a", dtype, &shape[..], 1u64 << 62)].into_iter(), 8);
        let error = parse(&head, head.len() as u64 + (1 << 62)).expect_err("too large").to_string();
        assert!(error.contains("cannot take"), "{error}");
    }
}
