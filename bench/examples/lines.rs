//! Prints every line compressor's ratio, and the patterns, on the tables of the files named.

use std::path::Path;
use std::time::Instant;

use xnc::container::Container;
use xnc::{Progress, Table, Verify};
use xnc_bench::{lines, patterns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in std::env::args().skip(1) {
        let container = Container::open(Path::new(&file))?;
        let name = container.table_names().first().copied().ok_or("no table in this file")?.to_owned();
        let table = Table::from_container(&container, &name, Verify::Never)?;
        let mut words = vec![0; table.rows() * table.dim()];
        table.read(0, &mut words)?;
        println!("{file}: {name}, {} x {}, {}", table.rows(), table.dim(), table.dtype());
        let start = Instant::now();
        for lines::Outcome { about, bits, ratio, smaller, .. } in lines::survey(&words) {
            let smaller = smaller.map_or(String::new(), |share| format!("{share:.6} of lines smaller"));
            println!("  {:26} {ratio:.4}x {bits:12} bits  {smaller}", about.name);
        }
        println!("  counted in {:.1} s", start.elapsed().as_secs_f64());
        let analysis = xnc::analyze(&table, 0, &Progress::silent())?;
        println!("  {:?}", patterns::Shares::new(&analysis.patterns, analysis.words));
        if let Some(origin) = patterns::Origin::new(&analysis, table.dtype()) {
            println!("  {origin:#?}");
        }
    }
    Ok(())
}
