//! The list is true and complete, and all of it agrees.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn backends_agree_on_every_operation() {
    let seed = &mut 5;
    // Set where random tests are cut short, as in an emulator.
    let rounds = if std::env::var_os("PROPTEST_CASES").is_some() { 100 } else { 300 };
    for round in 0..rounds {
        let len = if round == 0 { 0 } else { 16 << (random(seed) % 9) };
        let data: Vec<u8> = (0..len).map(|_| (random(seed) >> 7) as u8).collect();
        compare(&data);
    }
}

/// Folders that without a loop of the machine leave the work to operations of other folders.
const NO_LOOP: [&str; 2] = ["fast/product/batch", "stream"];

#[test]
fn folders_with_a_dispatch_are_listed_with_the_files_that_they_have() {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel");
    // An emulator may have no files.
    if !kernel.exists() {
        return;
    }
    let mut found = BTreeSet::new();
    visit(&kernel, &kernel, &mut found);
    let listed: BTreeSet<String> = OPERATIONS.iter().map(|operation| folder(operation).into()).collect();
    assert_eq!(found, listed);
    for folder_name in listed {
        let files = |loops: &str| {
            let path = kernel.join(&folder_name).join(loops);
            path.is_dir() || path.with_extension("rs").is_file()
        };
        let named = |loops: &str| {
            let of_folder = OPERATIONS.iter().filter(|operation| folder(operation) == folder_name);
            of_folder.map(|o| (o.loops, o.arm)).any(|(x86, arm)| {
                let on_x86 = [x86.avx2, x86.avx512, x86.avx512_no_bf16];
                on_x86.contains(&loops) || [arm.neon, arm.neon_no_bf16, arm.neon_no_dotprod].contains(&loops)
            })
        };
        assert!(files("scalar") || NO_LOOP.contains(&&folder_name[..]), "{folder_name} has no portable loop");
        for loops in ["avx2", "avx512", "neon"] {
            assert_eq!(files(loops), named(loops), "{loops} in {folder_name}");
        }
    }
}

fn folder(operation: &Operation) -> &str {
    operation.name.split(' ').next().expect("a first word")
}

/// Folders whose `mod.rs` chooses a loop by backend.
fn visit(root: &Path, here: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(here).expect("sources") {
        let path = entry.expect("sources").path();
        if path.is_dir() {
            let source = std::fs::read_to_string(path.join("mod.rs")).expect("a folder is a module");
            if source.contains("match backend.0")
                || source.contains("match (backend.0")
                || source.contains("match self.backend.0")
            {
                let name = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8");
                found.insert(name.replace('\\', "/"));
            }
            visit(root, &path, found);
        }
    }
}
