//! The token table, which gives a token's vector at the bottom of the model and, where the head is tied, the
//! logits at its top.

use xnc::Table;

use crate::error::{Error, Result};
use crate::threads;

/// What a model asks of its token table. An [`xnc::Table`] answers to the same bits whether its file is plain
/// or compressed.
pub trait TokenTable: Send + Sync {
    /// Number of tokens.
    fn tokens(&self) -> usize;

    /// Length of a token's vector.
    fn dim(&self) -> usize;

    /// Writes the vectors of `ids`, one after another.
    ///
    /// # Errors
    /// [`Error::NoToken`]; a damaged table.
    fn embed(&self, ids: &[u32], out: &mut [f32]) -> Result<()>;

    /// Multiplies every row with `hidden`; `out` takes a value a token.
    ///
    /// # Errors
    /// A damaged table.
    fn logits(&self, hidden: &[f32], out: &mut [f32]) -> Result<()>;
}

/// Rows that a thread multiplies before it takes more: enough to hide the taking, few enough to share evenly.
const ROWS: usize = 1024;

impl TokenTable for Table {
    fn tokens(&self) -> usize {
        self.rows()
    }

    fn dim(&self) -> usize {
        Table::dim(self)
    }

    fn embed(&self, ids: &[u32], out: &mut [f32]) -> Result<()> {
        let known =
            |&id: &u32| usize::try_from(id).ok().filter(|&id| id < self.rows()).ok_or(Error::NoToken(id));
        let ids = ids.iter().map(known).collect::<Result<Vec<_>>>()?;
        Ok(self.gather_f32(&ids, out)?)
    }

    fn logits(&self, hidden: &[f32], out: &mut [f32]) -> Result<()> {
        assert_eq!(out.len(), self.rows(), "a logit a token");
        let activations = self.activations(hidden)?;
        threads::for_each_piece(out, ROWS, |number, piece| {
            let first = number * ROWS;
            activations.product(first..first + piece.len(), piece)
        })?;
        Ok(())
    }
}
