//! Memory that the command takes for a large table.

mod support;

use std::fs::File;
use std::io::Write;

use support::json;

/// Rows of the sample, again and again.
const BYTES: u64 = 400 << 20;

#[test]
fn memory_does_not_grow_with_the_table() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let (_folder, dir) = support::folder();
    let sample = std::fs::read(dir.join("m.safetensors")).expect("reads");
    let rows = &sample[sample.len() - (2 << 20)..];
    let shape = [BYTES / (2 * 1024), 1024];
    let header =
        serde_json::json!({ "wte.weight": { "dtype": "BF16", "shape": shape, "data_offsets": [0, BYTES] } });
    let header = header.to_string();
    let mut file = File::create(dir.join("large.safetensors")).expect("creates");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("writes");
    file.write_all(header.as_bytes()).expect("writes");
    (0..BYTES / rows.len() as u64).for_each(|_| file.write_all(rows).expect("writes"));
    drop(file);
    for line in
        ["compress large.safetensors --threads 2 --json", "compress large.safetensors --force --pages --json"]
    {
        let peak = json(&dir, line)["peak_rss_bytes"].as_u64().expect("a number");
        assert!(peak < BYTES / 2, "{line}: {peak} bytes were resident");
    }
}
