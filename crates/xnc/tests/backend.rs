//! Which instruction set a table gets: the one that is asked for, the one that the environment pins, or an
//! error that names both.

mod support;

use support::plain_twin;
use xnc::{Backend, Dtype, EncodeOptions, Error, OpenOptions, Table};

/// The body of a process of its own: what a table gets where the environment pins a backend.
#[test]
#[ignore = "run by the other test, as a process of its own"]
fn under_a_pin() {
    match Table::encode(Dtype::Bf16, 2, 2, &[1, 2, 3, 4], &EncodeOptions::default()) {
        Ok(table) => println!("took {}.", table.backend()),
        Err(error) => println!("refused: {error}"),
    }
    // Who asks for one gets it, whatever is pinned.
    let mut options = OpenOptions::default();
    options.backend = Some("scalar".parse().expect("every machine has it"));
    let table = Table::from_bytes(Dtype::Bf16, 1, 1, [0, 0], &options).expect("one word");
    assert_eq!(table.backend().to_string(), "scalar");
}

fn pinned(name: &str) -> String {
    let output = support::this_program()
        .args(["--ignored", "--exact", "--nocapture", "under_a_pin"])
        .env("XNC_BACKEND", name)
        .output()
        .expect("starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

#[test]
fn a_pin_is_kept_or_refused_by_name() {
    let all = support::backends();
    for backend in &all {
        let told = pinned(&backend.to_string());
        assert!(told.contains(&format!("took {backend}.")), "{told}");
    }
    // An empty one pins nothing.
    let best = all.last().expect("scalar at least").to_string();
    assert!(pinned("").contains(&format!("took {best}.")));
    let told = pinned("avx1024");
    assert!(told.contains("refused: ") && told.contains("`avx1024`") && told.contains("scalar"), "{told}");
}

#[test]
fn a_backend_that_is_not_there_is_an_error() {
    for name in ["", "AVX2", "avx1024", "scalar "] {
        let error = name.parse::<Backend>().expect_err("no such backend");
        assert!(matches!(&error, Error::NoBackend { name: told, .. } if told == name), "{error}");
    }
    let table = plain_twin(Dtype::F16, 1, 1, &[7]);
    assert!(support::backends().contains(&table.backend()));
}
