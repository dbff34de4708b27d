//! XNC's own codecs, through the library as any program would use it.

use anyhow::{Context, Result, bail};
use xnc::codec::{self, TableShape};
use xnc::dtype::Words;
use xnc::kernel::bytes_of;
use xnc::{Codec, CompressOptions, Effort, Progress, Selection, Table, Verify};

use super::{Peer, Reader, Task};

pub struct Xnc;

impl Peer for Xnc {
    fn version(&self) -> String {
        format!("xnc {}", env!("CARGO_PKG_VERSION"))
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        Ok(match codec(key)? {
            Codec::Fast => "codec `fast`, the default",
            Codec::Dense => "codec `dense`, default effort",
            Codec::Xnc => "codec `xnc`, the published scheme",
            _ => bail!("codec {key} has no words here"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Vec<u8>> {
        let table = task.table;
        let shape = TableShape { dtype: table.dtype, rows: table.rows, dim: table.dim };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let mut payload = Vec::new();
        pool.install(|| {
            let words = Words::new(bytes_of(words));
            codec::encode(codec(task.key)?, shape, &words, Effort::default(), &mut payload, &mut |_| {})?;
            anyhow::Ok(())
        })?;
        Ok(payload)
    }

    /// A real file: its table's size is counted with index and record.
    fn store(&self, task: &Task<'_>, _: &[u8]) -> Result<u64> {
        let hear = |_, _, _| {};
        let options = CompressOptions {
            codec: codec(task.key)?,
            effort: Effort::default(),
            selection: Selection::Named(vec![task.table.tensor.clone()]),
            threads: 0,
            force: true,
            progress: Progress::new(&hear),
        };
        let report = xnc::compress(&task.table.path, task.file, &options)?;
        let [tensor] = &report.tensors[..] else { bail!("one table was asked for") };
        report.output_bytes.with_context(|| report.nothing.clone().unwrap_or_default())?;
        Ok(tensor.stored_bytes)
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        // Comparing all checksums also brings in every page.
        Ok(Box::new(Rows(Table::open(task.file, &task.table.tensor, Verify::OnOpen)?)))
    }
}

fn codec(key: &str) -> Result<Codec> {
    Codec::from_name(key).with_context(|| format!("no codec `{key}`"))
}

struct Rows(Table);

impl Reader for Rows {
    fn decode(&mut self, out: &mut [u16]) -> Result<()> {
        Ok(self.0.read(0, out)?)
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        Ok(self.0.row(id, out)?)
    }
}
