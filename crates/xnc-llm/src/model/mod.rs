//! A decoder: what its file says it is, its layers, its token table.

mod config;
mod layer;

use xnc::Table;

pub use config::Config;
pub(crate) use layer::{Layer, Scratch};

use crate::error::{Error, Result};
use crate::file::ModelFile;
use crate::layers::{Kept, Norm, Products};
use crate::table::TokenTable;
use crate::threads;

/// The token table in GGUF, and the head where it is a tensor of its own.
pub const TOKEN_TABLE: &str = "token_embd.weight";
const HEAD: &str = "output.weight";

/// A model, ready to run.
pub struct Model {
    pub(crate) config: Config,
    pub(crate) layers: Vec<Layer>,
    pub(crate) kept: Kept,
    pub(crate) last_norm: Norm,
    pub(crate) tokens: Box<dyn TokenTable>,
    /// None where the token table is the head.
    pub(crate) own_head: Option<Box<dyn TokenTable>>,
}

impl Model {
    /// Loads a model. Layers are copied into memory; tables stay mapped, as they are stored.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model of another kind; [`Error::Tensor`] for a tensor that is missing or
    /// of another shape.
    pub fn load(file: &ModelFile) -> Result<Model> {
        Model::with_table(file, file.table(TOKEN_TABLE)?, Products::Quantised)
    }

    /// As [`Model::load`], with a token table that was opened elsewhere, and layers multiplied as told; keys
    /// and values are exact where products are.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn with_table(file: &ModelFile, table: Table, products: Products) -> Result<Model> {
        let config = Config::read(&file.keys()?)?;
        if file.has("rope_freqs.weight") {
            return Err(Error::Unsupported("its positions have frequencies of their own".into()));
        }
        let own_head = file.has(HEAD).then(|| file.table(HEAD)).transpose()?;
        for (name, table) in [(TOKEN_TABLE, Some(&table)), (HEAD, own_head.as_ref())] {
            if let Some(dim) = table.map(Table::dim).filter(|&dim| dim != config.dim) {
                return Err(Error::tensor(name, format!("has rows of {dim} values, not {}", config.dim)));
            }
        }
        if own_head.as_ref().is_some_and(|head| head.rows() != table.rows()) {
            return Err(Error::tensor(HEAD, "has another number of rows than the token table"));
        }
        let layers = threads::collect(config.layers, |number| Layer::load(file, products, &config, number));
        let layers = layers.into_iter().collect::<Result<_>>()?;
        let weights = file.vector("output_norm.weight", config.dim)?;
        Ok(Model {
            last_norm: Norm { weights, epsilon: config.epsilon },
            layers,
            kept: if products == Products::Exact { Kept::Exact } else { Kept::Rounded },
            tokens: Box::new(table),
            own_head: own_head.map(|head| Box::new(head) as Box<dyn TokenTable>),
            config,
        })
    }

    /// What the model is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The table that gives the logits.
    pub(crate) fn head(&self) -> &dyn TokenTable {
        self.own_head.as_deref().unwrap_or(self.tokens.as_ref())
    }
}
