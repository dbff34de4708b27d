//! Words as they are: what copying costs.

use anyhow::{Result, bail};
use xnc::Table;

use super::{Encoded, Peer, Reader, Task};

pub struct Plain;

impl Peer for Plain {
    fn version(&self) -> String {
        "a copy".into()
    }

    fn means(&self, key: &str) -> Result<&'static str> {
        match key {
            "default" => Ok("uncompressed words, copied"),
            _ => bail!("no setting `{key}`"),
        }
    }

    fn encode(&self, _: &Task<'_>, words: &[u16]) -> Result<Encoded> {
        Ok(Encoded::Bytes(bytemuck::cast_slice(words).to_vec()))
    }

    fn open(&self, task: &Task<'_>) -> Result<Box<dyn Reader>> {
        let table = task.table.open_plain()?;
        // Once through, so that no page is missing when the clock runs.
        let mut row = vec![0; table.dim()];
        (0..table.rows()).try_for_each(|id| table.row(id, &mut row))?;
        Ok(Box::new(Copy(table)))
    }
}

struct Copy(Table);

impl Reader for Copy {
    fn decode(&mut self, out: &mut [u16]) -> Result<()> {
        Ok(self.0.read(0, out)?)
    }

    fn row(&mut self, id: usize, out: &mut [u16]) -> Result<()> {
        Ok(self.0.row(id, out)?)
    }
}
