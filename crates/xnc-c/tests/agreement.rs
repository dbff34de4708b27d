//! The C interface gives what the library gives: every codec and both types, encoded in memory, read, multiplied and
//! brought under another codec.
#![allow(unsafe_code)] // calls a foreign interface

use std::ffi::CStr;
use std::ptr;

use xnc::EncodeOptions;
use xnc_c::*;

const ROWS: usize = 1500;
const COLUMNS: usize = 72;

/// Words whose exponents are few, as those of tables are.
fn words(dtype: Dtype) -> Vec<u16> {
    let mut state = 1u64;
    let mut word = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let (low, exponent) = ((state >> 40) as u16, (state >> 60) as u16);
        match dtype {
            Dtype::Bf16 => low & 0x807f | (115 + exponent % 6) << 7,
            Dtype::F16 => low & 0x83ff | (10 + exponent % 3) << 10,
        }
    };
    (0..ROWS * COLUMNS).map(|_| word()).collect()
}

/// A handle that is freed.
struct Handle(*mut Table);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it came from the interface, and this is its last use.
        unsafe { xnc_table_free(self.0) }
    }
}

fn encode(dtype: Dtype, words: &[u16], codec: Codec) -> Handle {
    let mut table = ptr::null_mut();
    let (place, length, dtype, codec) = (words.as_ptr(), words.len(), dtype as u32, codec as u32);
    // SAFETY: the pointers are to what lives here, with its length.
    let status = unsafe { xnc_table_encode(dtype, ROWS, COLUMNS, place, length, codec, 2, &raw mut table) };
    assert_eq!(status, Status::Ok);
    Handle(table)
}

fn check(handle: &Handle, table: &xnc::Table, codec: Codec, dtype: Dtype) {
    let mut info =
        TableInfo { rows: 0, columns: 0, stored_bytes: 0, dtype: Dtype::Bf16, codec: Codec::Plain };
    let ids = [1499, 0, 31, 32, 31, 700];
    let x: Vec<f32> = (0..2 * COLUMNS).map(|i| (i % 7) as f32 - 2.5).collect();
    let (mut row, mut rows, mut values) = ([0; COLUMNS], vec![0; 6 * COLUMNS], vec![0.0; 6 * COLUMNS]);
    let (mut products, mut part) = (vec![0.0; 2 * ROWS], vec![0.0; 2 * 100]);
    // SAFETY: as in `encode`; the handle is a table.
    unsafe {
        let ok = |status| assert_eq!(status, Status::Ok);
        ok(xnc_table_get_info(handle.0, &raw mut info, size_of::<TableInfo>()));
        ok(xnc_table_row(handle.0, 700, row.as_mut_ptr(), COLUMNS));
        ok(xnc_table_gather(handle.0, ids.as_ptr(), 6, rows.as_mut_ptr(), rows.len()));
        ok(xnc_table_gather_f32(handle.0, ids.as_ptr(), 6, values.as_mut_ptr(), values.len()));
        ok(xnc_table_product(handle.0, x.as_ptr(), x.len(), 2, products.as_mut_ptr(), products.len()));
        let (place, length) = (part.as_mut_ptr(), part.len());
        ok(xnc_table_product_rows(handle.0, x.as_ptr(), x.len(), 1400, 100, place, length));
    }
    let stored_bytes = table.stored_bytes();
    assert_eq!(info, TableInfo { rows: 1500, columns: 72, stored_bytes, dtype, codec });
    let (mut own_rows, mut own_values) = (vec![0; 6 * COLUMNS], vec![0.0; 6 * COLUMNS]);
    table.gather(&ids, &mut own_rows).expect("rows");
    table.gather_f32(&ids, &mut own_values).expect("values");
    let mut own_products = vec![0.0; 2 * ROWS];
    table.product(&x, 1, &mut own_products).expect("products");
    assert_eq!(rows, own_rows);
    assert_eq!(row[..], own_rows[5 * COLUMNS..]);
    assert_eq!(values, own_values);
    assert_eq!(products, own_products);
    assert_eq!(part[..100], own_products[1400..ROWS]);
    assert_eq!(part[100..], own_products[ROWS + 1400..]);
}

#[test]
fn every_codec_gives_what_the_library_gives() {
    let codecs = [
        (Codec::Fast, xnc::Codec::Fast),
        (Codec::Tight, xnc::Codec::Tight),
        (Codec::Xnc, xnc::Codec::Xnc),
        (Codec::Dense, xnc::Codec::Dense),
    ];
    for (dtype, own_dtype) in [(Dtype::Bf16, xnc::Dtype::Bf16), (Dtype::F16, xnc::Dtype::F16)] {
        let words = words(dtype);
        for (codec, own_codec) in codecs {
            let mut options = EncodeOptions::default();
            options.codec = own_codec;
            let own = xnc::Table::encode(own_dtype, ROWS, COLUMNS, &words, &options).expect("encoded");
            let handle = encode(dtype, &words, codec);
            check(&handle, &own, codec, dtype);

            let mut fast = ptr::null_mut();
            // SAFETY: as in `encode`.
            let status = unsafe { xnc_table_transcode(handle.0, Codec::Fast as u32, 1, &raw mut fast) };
            assert_eq!(status, Status::Ok);
            drop(handle);
            let own = own.transcode(&EncodeOptions::default()).expect("transcoded");
            check(&Handle(fast), &own, Codec::Fast, dtype);
        }
    }
}

#[test]
fn versions_are_those_of_package_and_format() {
    // SAFETY: both return texts that last.
    let [own, format] =
        [xnc_version(), xnc_format_version()].map(|text| unsafe { CStr::from_ptr(text) }.to_str());
    assert_eq!(own, Ok(env!("CARGO_PKG_VERSION")));
    let newer = "../../spec/vectors/refused/record-version-minor.safetensors";
    let newer = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(newer);
    let opened = xnc::Model::open(newer).and_then(|model| model.table(model.tables()[0]));
    let Err(xnc::Error::UnsupportedVersion { supported, .. }) = opened else { panic!("{opened:?}") };
    assert_eq!(format, Ok(supported));
}
