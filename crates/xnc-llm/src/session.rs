//! One text being decoded: the cache of its positions, and greedy choice.

use crate::error::{Error, Result};
use crate::layers::Cache;
use crate::model::{Config, Model, Scratch};
use crate::threads;

/// Positions taken through the layers together: enough to reuse weights from the nearest cache.
const BATCH: usize = 64;

/// A text and its cache. All buffers are made once.
pub struct Session<'m> {
    model: &'m Model,
    caches: Vec<Cache>,
    capacity: usize,
    position: usize,
    x: Vec<f32>,
    scratch: Scratch,
    logits: Vec<f32>,
}

impl<'m> Session<'m> {
    /// A session of at most `capacity` positions.
    pub fn new(model: &'m Model, capacity: usize) -> Session<'m> {
        let config = &model.config;
        let cache = || Cache::new(config.kv_heads, config.head_dim, capacity, model.kept);
        Session {
            caches: (0..config.layers).map(|_| cache()).collect(),
            capacity,
            position: 0,
            x: Vec::new(),
            scratch: Scratch::default(),
            logits: vec![0.0; model.head().tokens()],
            model,
        }
    }

    /// Forgets the text; the buffers stay.
    pub fn restart(&mut self) {
        self.position = 0;
    }

    /// Takes a prompt in and returns the most likely next token.
    ///
    /// # Errors
    /// [`Error::NoToken`], [`Error::Full`]; a damaged table. [`Error::Unsupported`] for no tokens at all.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<u32> {
        if tokens.is_empty() {
            return Err(Error::Unsupported("the prompt has no tokens".into()));
        }
        threads::within(|| {
            tokens.chunks(BATCH).try_for_each(|tokens| self.layers(tokens))?;
            self.choose()
        })
    }

    /// Takes a token in and returns the most likely next one.
    ///
    /// # Errors
    /// As [`Session::prefill`].
    pub fn step(&mut self, token: u32) -> Result<u32> {
        threads::within(|| {
            self.layers(&[token])?;
            self.choose()
        })
    }

    /// Logits of the last position taken in.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn layers(&mut self, tokens: &[u32]) -> Result<()> {
        let Config { dim, scale, .. } = *self.model.config();
        let end = self.position + tokens.len();
        if end > self.capacity {
            return Err(Error::Full { position: end - 1, capacity: self.capacity });
        }
        self.x.resize(tokens.len() * dim, 0.0);
        self.model.tokens.embed(tokens, &mut self.x)?;
        self.x.iter_mut().for_each(|x| *x *= scale);
        for (layer, cache) in self.model.layers.iter().zip(&mut self.caches) {
            layer.apply(&mut self.x, self.position, cache, &mut self.scratch)?;
        }
        self.position = end;
        Ok(())
    }

    fn choose(&mut self) -> Result<u32> {
        let dim = self.model.config.dim;
        let mut last = self.x[self.x.len() - dim..].to_vec();
        self.model.last_norm.apply_here(&mut last);
        self.model.head().logits(&last, &mut self.logits)?;
        Ok(best_two(&self.logits)[0].0)
    }
}

/// The two largest logits with their tokens, the largest first; of equals, the first.
pub fn best_two(logits: &[f32]) -> [(u32, f32); 2] {
    let mut best = [(0, f32::NEG_INFINITY); 2];
    for (token, &logit) in logits.iter().enumerate() {
        if logit > best[1].1 {
            best[1] = (token as u32, logit);
            if logit > best[0].1 {
                best.swap(0, 1);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::best_two;

    #[test]
    fn the_two_largest() {
        assert_eq!(best_two(&[1.0, 3.0, 2.0, 3.0]), [(1, 3.0), (3, 3.0)]);
        assert_eq!(best_two(&[4.0, f32::NAN, 2.0]), [(0, 4.0), (2, 2.0)]);
        assert_eq!(best_two(&[5.0])[0], (0, 5.0));
    }
}
