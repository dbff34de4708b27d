//! Files that are not what they should be, through the C interface: each call ends with a status, none with a fault
//! of the library.

#![allow(unsafe_code)] // calls a foreign interface

use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

use xnc_c::*;

/// Statuses that a file can cause.
const OF_FILES: [Status; 6] = [
    Status::Ok,
    Status::NotAModel,
    Status::Corrupt,
    Status::Unsupported,
    Status::NotATable,
    Status::NotFound,
];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors")
}

/// Does everything that can be done with a file; the statuses, of opening it first.
fn statuses(bytes: &[u8]) -> Vec<Status> {
    let mut all = Vec::new();
    let (mut model, mut table) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: all pointers are to what lives here, with its length; handles are freed once, at the end.
    unsafe {
        let place = bytes.as_ptr().cast::<c_void>();
        all.push(xnc_model_open_bytes(place, bytes.len(), None, ptr::null_mut(), &raw mut model));
        if all != [Status::Ok] {
            return all;
        }
        for index in 0..xnc_model_table_count(model) {
            let name = xnc_model_table_name(model, index);
            all.push(xnc_model_table(model, name, &raw mut table));
            if all.last() != Some(&Status::Ok) {
                continue;
            }
            all.extend(use_table(table));
            xnc_table_free(table);
        }
        xnc_model_free(model);
    }
    all
}

/// # Safety
/// It is a table.
unsafe fn use_table(table: *const Table) -> Vec<Status> {
    let mut info =
        TableInfo { rows: 0, columns: 0, stored_bytes: 0, dtype: Dtype::Bf16, codec: Codec::Plain };
    // SAFETY: as in `statuses`.
    unsafe {
        assert_eq!(xnc_table_get_info(table, &raw mut info, size_of::<TableInfo>()), Status::Ok);
        let (rows, columns) = (info.rows as usize, info.columns as usize);
        if rows == 0 || columns == 0 {
            return Vec::new();
        }
        let (mut words, mut values) = (vec![0u16; 2 * columns], vec![0f32; 2 * columns]);
        let (ids, x, mut out) = ([0, rows - 1], vec![1f32; columns], vec![0f32; rows]);
        vec![
            xnc_table_row(table, rows / 2, words.as_mut_ptr(), columns),
            xnc_table_gather(table, ids.as_ptr(), 2, words.as_mut_ptr(), words.len()),
            xnc_table_gather_f32(table, ids.as_ptr(), 2, values.as_mut_ptr(), values.len()),
            xnc_table_product(table, x.as_ptr(), columns, 1, out.as_mut_ptr(), rows),
        ]
    }
}

fn last() -> String {
    // SAFETY: the text is this thread's, and no call fails in between.
    unsafe { CStr::from_ptr(xnc_last_error()) }.to_string_lossy().into_owned()
}

fn expect_of_files(what: &str, found: &[Status]) {
    assert!(found.iter().all(|status| OF_FILES.contains(status)), "{what}: {found:?}, {}", last());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_model = |path: &PathBuf| path.extension().is_some_and(|end| end == "safetensors" || end == "gguf");
    entries.filter(is_model).collect()
}

#[test]
fn golden_files_are_read_and_refused_ones_have_a_status() {
    let golden = files(&vectors());
    assert!(golden.len() > 10);
    for path in golden {
        let found = statuses(&std::fs::read(&path).expect("bytes"));
        let read = found.len() > 1 && found.iter().all(|status| *status == Status::Ok);
        assert!(read, "{}: {found:?}, {}", path.display(), last());
    }
    let refused = files(&vectors().join("refused"));
    assert!(refused.len() > 50);
    let mut failures = 0;
    for path in refused {
        let found = statuses(&std::fs::read(&path).expect("bytes"));
        expect_of_files(&path.display().to_string(), &found);
        failures += usize::from(found.iter().any(|status| *status != Status::Ok));
    }
    assert!(failures > 50, "{failures} of the refused files are refused");
}

#[test]
fn damage_anywhere_has_a_status() {
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut seen = [false; OF_FILES.len()];
    for path in files(&vectors()) {
        let whole = std::fs::read(&path).expect("bytes");
        for turn in 0..60 {
            let mut bytes = whole.clone();
            match turn % 3 {
                0 => bytes.truncate(random(whole.len())),
                1 => bytes[random(whole.len())] ^= 1 << random(8),
                _ => bytes[random(whole.len().min(2000))] = random(256) as u8,
            }
            let found = statuses(&bytes);
            expect_of_files(&path.display().to_string(), &found);
            for (seen, status) in seen.iter_mut().zip(OF_FILES) {
                *seen |= found.contains(&status);
            }
        }
    }
    assert!(seen[..3].iter().all(|seen| *seen), "{seen:?}");
}
