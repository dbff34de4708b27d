//! Damaged files, files that change while they are open, and wrong calls.

mod support;

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};

use support::{Files, TABLE, options, ways};
use xnc::{Codec, Model};
use xnc_store::Store;

fn flip(files: &Files, at: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(&files.path).expect("reads");
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).expect("writes");
    file.read_exact(&mut byte).expect("reads");
    byte[0] ^= 0x10;
    file.seek(SeekFrom::Start(at)).expect("writes");
    file.write_all(&byte).expect("writes");
    file.sync_all().expect("writes");
}

#[test]
fn a_flipped_bit_in_any_page_is_an_error_of_its_rows_alone() {
    let files = Files::new(600, 160, Some(Codec::Fast), true);
    let payload = Model::open(&files.path).expect("opens").tensor(TABLE).expect("opens").ranges[0].clone();
    let mapped = Model::open(&files.path).expect("opens").table(TABLE).expect("opens");
    let mut all = vec![0; 600 * 160];
    mapped.read(0, &mut all).expect("reads");
    for page in (payload.start..payload.end - 4096).step_by(4096) {
        flip(&files, page + 100);
        for way in
            [options(0, false, 16, false), options(1 << 16, true, 16, false), options(0, false, 4, true)]
        {
            let store = Store::open(&files.path, TABLE, &way).expect("opens");
            let mut refused = Vec::new();
            let mut words = vec![0; 160];
            for row in 0..600 {
                match store.gather(&[row], &mut words) {
                    Ok(()) => assert!(words == all[row * 160..][..160], "row {row}"),
                    Err(e) => {
                        let told = e.to_string();
                        assert!(told.contains(&format!("row {row}")) && told.contains(TABLE), "{told}");
                        refused.push(row);
                    }
                }
            }
            // Eighteen rows or so in a page, one after another.
            assert!((15..=19).contains(&refused.len()), "{refused:?}");
            assert_eq!(refused.len(), refused[refused.len() - 1] - refused[0] + 1);
        }
        flip(&files, page + 100);
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    for way in ways() {
        let files = Files::new(3000, 160, Some(Codec::Fast), true);
        let store = Store::open(&files.path, TABLE, &way).expect("opens");
        let payload =
            Model::open(&files.path).expect("opens").tensor(TABLE).expect("opens").ranges[0].clone();
        OpenOptions::new()
            .write(true)
            .open(&files.path)
            .expect("opens")
            .set_len(payload.start + 8192)
            .expect("opens");
        let mut words = vec![0; 2 * 160];
        let told = store.gather(&[2500, 3], &mut words).expect_err("is refused").to_string();
        assert!(told.contains("row 2500") && told.contains("ends"), "{told}");
        // The rows that are still there are read as before.
        store.gather(&[3, 7], &mut words).expect("reads");
        assert!(words[..160] == files.words[3 * 160..][..160]);
    }
}

#[test]
fn a_file_that_is_replaced_stays_the_one_that_was_opened() {
    let files = Files::new(1000, 160, Some(Codec::Fast), true);
    let store = Store::open(&files.path, TABLE, &options(0, false, 8, false)).expect("opens");
    let other = Files::new(500, 64, Some(Codec::Fast), false);
    std::fs::rename(&other.path, &files.path).expect("writes");
    let mut words = vec![0; 160];
    store.gather(&[999], &mut words).expect("reads");
    assert!(words == files.words[999 * 160..]);
}

#[test]
fn wrong_calls_are_errors() {
    let files = Files::new(100, 160, Some(Codec::Fast), false);
    let store = Store::open(&files.path, TABLE, &options(0, false, 8, false)).expect("opens");
    let mut words = vec![0; 160];
    for (ids, length, why) in
        [(vec![100], 160, "row 100"), (vec![1, 2], 160, "`out`"), (vec![usize::MAX], 160, "row")]
    {
        let told = store.gather(&ids, &mut words[..length]).expect_err("is refused").to_string();
        assert!(told.contains(why), "{told}");
    }
    store.gather(&[], &mut []).expect("reads");
    let open = |path: &std::path::Path, name: &str| Store::open(path, name, &options(0, false, 8, false));
    assert!(open(&files.path, "other").expect_err("is refused").to_string().contains(TABLE));
    assert!(open(&files.path.with_extension("none"), TABLE).is_err());
    let dense = Files::new(300, 64, Some(Codec::Dense), false);
    assert!(open(&dense.path, TABLE).expect_err("is refused").to_string().contains("codec dense"));
    #[cfg(unix)]
    assert!(
        open(std::path::Path::new("/dev/zero"), TABLE)
            .expect_err("is refused")
            .to_string()
            .contains("not a regular file")
    );
}

#[test]
fn a_cache_below_one_gather_is_no_error() {
    let files = Files::new(2000, 160, Some(Codec::Fast), true);
    for bytes in [1, 300, 4096] {
        let store = Store::open(&files.path, TABLE, &options(bytes, false, 8, false)).expect("opens");
        let ids: Vec<usize> = (0..500).map(|i| i * 4).collect();
        let mut words = vec![0; ids.len() * 160];
        store.gather(&ids, &mut words).expect("reads");
        store.gather(&ids, &mut words).expect("reads");
        assert!(ids.iter().zip(words.chunks(160)).all(|(id, row)| row == &files.words[id * 160..][..160]));
    }
}
