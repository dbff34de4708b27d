//! Runs small language models whose token table stays compressed.
//!
//! A GGUF file comes in, plain or written by `xnc compress`; [`ModelFile`] opens it, [`Tokenizer`] reads its
//! vocabulary, [`Model`] its layers, [`Session`] decodes. The token table is an [`xnc::Table`], mapped and
//! never expanded: [`TokenTable`] says what is asked of it. Layers are quantised: the types of common 4-bit
//! files have products here, any others those of candle. The environment variable `CANDLE_NUM_THREADS` sets
//! how many threads work.
//!
//! ```no_run
//! use std::path::Path;
//! use xnc_llm::{Model, ModelFile, Session, Tokenizer};
//!
//! # fn main() -> xnc_llm::Result<()> {
//! let file = ModelFile::open(Path::new("SmolLM2-135M.xnc.gguf"))?;
//! let tokenizer = Tokenizer::new(&file)?;
//! let model = Model::load(&file)?;
//! let mut session = Session::new(&model, 100);
//! let first = session.prefill(&tokenizer.encode("The capital of France is")?)?;
//! println!("the likeliest token is {first}");
//! # Ok(())
//! # }
//! ```

pub mod compare;
pub mod layers;
pub mod tokenizer;

mod error;
mod file;
mod keys;
mod model;
mod session;
mod table;
mod threads;

pub use error::{Error, Result};
pub use file::ModelFile;
pub use layers::Products;
pub use model::{Config, Model, TOKEN_TABLE};
pub use session::{Session, best_two};
pub use table::TokenTable;
pub use tokenizer::Tokenizer;
