//! XNC's own codecs, through the library as any program would use it.

use anyhow::{Context, Result, bail};
use xnc::{Codec, CompressOptions, EncodeOptions, Selection, Table, Verify};

use super::{Encoded, Peer, Reader, Task};
use crate::tables;

pub struct Xnc;

impl Peer for Xnc {
    fn version(&self) -> String {
        format!("xnc {}", env!("CARGO_PKG_VERSION"))
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        Ok(match codec(key)? {
            Codec::Fast => "codec `fast`, the default",
            Codec::Tight => "codec `tight`",
            Codec::Dense => "codec `dense`, default effort",
            Codec::Xnc => "codec `xnc`, the published scheme",
            _ => bail!("codec {key} has no words here"),
        })
    }

    fn encode(&self, task: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        let table = task.table;
        let mut options = EncodeOptions::default();
        (options.codec, options.threads) = (codec(task.key)?, 1);
        Ok(Encoded::Table(Table::encode(table.dtype, table.rows, table.dim, words, &options)?))
    }

    /// A real file: its table's size is counted with index and record.
    fn store(&self, task: &Task<'_>, _: &Encoded) -> Result<u64> {
        let mut options = CompressOptions::default();
        (options.codec, options.force) = (codec(task.key)?, true);
        options.selection = Selection::Named(vec![task.table.tensor.clone()]);
        let report = xnc::compress(&task.table.path, task.file, &options)?;
        let [tensor] = &report.tensors[..] else { bail!("one table was asked for") };
        report.output_bytes.with_context(|| report.nothing.clone().unwrap_or_default())?;
        Ok(tensor.stored_bytes)
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        // Comparing all checksums also brings in every page.
        Ok(Box::new(Rows(tables::open(task.file, &task.table.tensor, Verify::OnOpen)?)))
    }
}

fn codec(key: &str) -> Result<Codec> {
    key.parse().with_context(|| format!("no codec `{key}`"))
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
