//! Looks rows of a table up, without ever holding the table decoded: `cargo run -p xnc --example lookup
//! [FILE]`.

use std::path::PathBuf;

use xnc::{CompressOptions, Model};

fn main() -> xnc::Result<()> {
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors"
    );
    let path = std::env::args_os().nth(1).map_or(PathBuf::from(sample), PathBuf::from);
    let mut model = Model::open(&path)?;
    if !model.is_compressed() {
        // Usually a file is compressed once, with `xnc compress`; here it is done in memory.
        let bytes = std::fs::read(&path).map_err(|cause| xnc::Error::Io { path: path.clone(), cause })?;
        if let (Some(packed), _) = xnc::compress_bytes(bytes, &CompressOptions::default())? {
            model = Model::from_bytes(packed)?;
        }
    }
    for name in model.tables() {
        let table = model.table(name)?;
        let plain = 2 * table.rows() * table.dim();
        println!("{name}: {} rows of {} {} values", table.rows(), table.dim(), table.dtype());
        println!("  {plain} bytes plain, {} as it is stored", table.stored_bytes());

        // The values that a model computes with: token numbers in, one vector a token out.
        let ids: Vec<usize> = [7, 0, 42].into_iter().filter(|&id| id < table.rows()).collect();
        let mut values = vec![0.0; ids.len() * table.dim()];
        table.gather_f32(&ids, &mut values)?;
        for (id, row) in ids.iter().zip(values.chunks(table.dim().max(1))) {
            println!("  row {id} begins with {:?}", &row[..row.len().min(4)]);
        }
    }
    Ok(())
}
