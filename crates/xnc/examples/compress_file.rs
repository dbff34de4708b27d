//! Compresses a model file, restores it and compares: `cargo run -p xnc --example compress_file [SOURCE
//! [TARGET]]`.

use std::path::{Path, PathBuf};

use xnc::{CompressOptions, Progress, RestoreOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors"
    );
    let mut arguments = std::env::args_os().skip(1);
    let source = arguments.next().map_or(PathBuf::from(sample), PathBuf::from);
    let scratch = std::env::temp_dir().join(format!("xnc-example-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let target = arguments.next().map_or(scratch.join("model.xnc.safetensors"), PathBuf::from);
    let done = there_and_back(&source, &target, &scratch.join("back"));
    std::fs::remove_dir_all(&scratch)?;
    done
}

fn there_and_back(source: &Path, target: &Path, back: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let report = xnc::compress(source, target, &CompressOptions::default())?;
    for tensor in &report.tensors {
        let codec = tensor.codec.map_or("plain", xnc::Codec::name);
        let name = &tensor.name;
        println!(
            "{name} {} {:?}: {} to {} bytes, {codec}",
            tensor.dtype, tensor.shape, tensor.source_bytes, tensor.stored_bytes
        );
    }
    let Some(output_bytes) = report.output_bytes else {
        println!("nothing was written: {}", report.nothing.unwrap_or_default());
        return Ok(());
    };
    println!("the file: {} to {output_bytes} bytes", report.source_bytes);

    let verified = xnc::verify(target, None, 0, &Progress::default())?;
    println!(
        "verified: it restores to {} bytes of SHA-256 {}",
        verified.bytes,
        verified.sha256.unwrap_or_default()
    );
    xnc::restore(target, back, &RestoreOptions::default())?;
    println!("restored, and the same as the source: {}", std::fs::read(back)? == std::fs::read(source)?);
    Ok(())
}
