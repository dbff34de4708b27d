//! Which hosts the library takes: asked by a program that says it is one.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// The library that cargo built beside this test.
fn library() -> PathBuf {
    let folder = std::env::current_exe().expect("a test has a path");
    folder.parent().expect("a folder").join("libxnc_ggml.so")
}

/// The program, compiled; none where there is no C compiler, without which Rust links nothing either.
fn program() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let program = folder.join(format!("host-{}-{:?}", std::process::id(), std::thread::current().id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host.c");
    let status = Command::new("cc").args(["-rdynamic", "-o"]).arg(&program).args([source, "-ldl"]).status();
    assert!(status.expect("a C compiler").success());
    program
}

fn ask(version: &str, api: &str, environment: &[(&str, &str)]) -> Output {
    let program = program();
    let mut command = Command::new(&program);
    command.arg(library()).args([version, api]).envs(environment.iter().copied());
    let output = command.output().expect("runs");
    std::fs::remove_file(program).ok();
    output
}

fn refused(version: &str, api: &str, environment: &[(&str, &str)]) -> String {
    let output = ask(version, api, environment);
    assert!(output.status.success() && output.stdout == b"0\n", "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn known_hosts_get_a_registry_with_their_number() {
    for (version, api) in [("0.10.0", "2"), ("0.25.3", "2"), ("0.27.0", "3")] {
        let output = ask(version, api, &[("XNC_PROBE", "1")]);
        assert_eq!(output.stdout, format!("{api}\n").as_bytes(), "{output:?}");
        assert!(output.stderr.starts_with(b"xnc: this host is known: ggml "), "{output:?}");
    }
}

#[test]
fn unknown_hosts_are_named_with_their_version() {
    for (version, api) in [("0.9.11", "2"), ("0.28.0", "3"), ("0.25.3", "3"), ("1.0.0", "2"), ("b4000", "2")]
    {
        let said = refused(version, api, &[]);
        assert!(
            said.contains(&format!("ggml {version} with backend API {api}; known are 0.10 to 0.25")),
            "{said}"
        );
    }
    assert!(refused("0.25.3", "0", &[]).contains("has no CPU backend yet"));
    // A tensor of another size is another layout, whatever the version says.
    assert!(refused("0.25.3", "2", &[("OVERHEAD", "400")]).contains("known are"));
}

#[test]
fn what_xnc_run_did_not_set_is_refused() {
    let mark = "XNC-STANDIN-00000000000000000001";
    for (value, why) in [
        ("nonsense".to_owned(), "is not what `xnc run` sets"),
        (format!("0:1:{mark}"), "names a standard stream"),
        (format!("900:901:{mark}"), "names no open file"),
    ] {
        let said = refused("0.25.3", "2", &[("XNC_RUN", &value)]);
        assert!(said.contains(why), "{said}");
    }
}
