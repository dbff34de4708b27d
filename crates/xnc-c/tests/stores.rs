//! Stores through the C interface give what tables of the same file give, and refuse what is wrong.
#![allow(unsafe_code)] // calls a foreign interface

use std::ffi::{CStr, CString};
use std::ptr;

use xnc_c::*;

const TABLE: &CStr = c"model.embed_tokens.weight";

fn golden() -> CString {
    CString::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/1.0-fast.safetensors"))
        .expect("a path")
}

#[test]
fn a_store_gives_the_rows_of_its_table() {
    let (path, mut store, mut model, mut table) =
        (golden(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let mut info = TableInfo { rows: 0, columns: 0, stored_bytes: 0, dtype: Dtype::F16, codec: Codec::Plain };
    let mut counters = StoreCounters { rows: 0, hits: 0, reads: 0, bytes: 0, waits: 0, prefetched: 0 };
    let ids = [3_usize, 40, 3];
    // SAFETY: the pointers are to what lives here, with its length; handles are used before they are freed.
    unsafe {
        let ok = |status| assert_eq!(status, Status::Ok, "{:?}", CStr::from_ptr(xnc_last_error()));
        ok(xnc_store_open(path.as_ptr(), TABLE.as_ptr(), 1 << 20, 0, 0, &raw mut store));
        ok(xnc_store_get_info(store, &raw mut info, size_of::<TableInfo>()));
        assert_eq!((info.codec, info.dtype), (Codec::Fast, Dtype::Bf16));
        let dim = info.columns as usize;
        ok(xnc_model_open(path.as_ptr(), &raw mut model));
        ok(xnc_model_table(model, TABLE.as_ptr(), &raw mut table));
        let [mut words, mut expected] = [(); 2].map(|()| vec![0_u16; 3 * dim]);
        let [mut values, mut exact] = [(); 2].map(|()| vec![0_f32; 3 * dim]);
        ok(xnc_store_prefetch(store, ids.as_ptr(), 3));
        ok(xnc_store_gather(store, ids.as_ptr(), 3, words.as_mut_ptr(), words.len()));
        ok(xnc_store_gather_f32(store, ids.as_ptr(), 3, values.as_mut_ptr(), values.len()));
        ok(xnc_table_gather(table, ids.as_ptr(), 3, expected.as_mut_ptr(), expected.len()));
        ok(xnc_table_gather_f32(table, ids.as_ptr(), 3, exact.as_mut_ptr(), exact.len()));
        assert!(words == expected && values == exact);
        ok(xnc_store_get_counters(store, &raw mut counters, size_of::<StoreCounters>()));
        assert_eq!(counters.rows, 6);
        assert!(counters.hits >= 3, "the second call finds them");
        xnc_table_free(table);
        xnc_model_free(model);
        xnc_store_free(store);
        xnc_store_free(ptr::null_mut());
    }
}

#[test]
fn what_is_wrong_is_a_status() {
    let (path, mut store) = (golden(), ptr::null_mut());
    let mut words = [0_u16; 64];
    // SAFETY: as above; null pointers are what is tried.
    unsafe {
        let open =
            |path: &CStr, name: &CStr, store| xnc_store_open(path.as_ptr(), name.as_ptr(), 0, 0, 4, store);
        assert_eq!(open(c"/none", TABLE, &raw mut store), Status::Io);
        assert_eq!(open(&path, c"none", &raw mut store), Status::NotFound);
        assert_eq!(open(&path, c"\xff", &raw mut store), Status::Argument);
        assert_eq!(open(&path, TABLE, ptr::null_mut()), Status::Argument);
        assert_eq!(open(&path, TABLE, &raw mut store), Status::Ok);
        let (id, far) = (1_usize, usize::MAX);
        assert_eq!(xnc_store_gather(ptr::null(), &raw const id, 1, words.as_mut_ptr(), 64), Status::Argument);
        assert_eq!(xnc_store_gather(store, &raw const id, 1, words.as_mut_ptr(), 1), Status::Length);
        assert_eq!(xnc_store_prefetch(store, &raw const far, 1), Status::Range);
        assert_eq!(xnc_store_get_counters(store, ptr::null_mut(), 48), Status::Argument);
        xnc_store_free(store);
    }
}
