//! Codec `dense`: the smallest. Each row is predicted from its columns, its own earlier dimensions and
//! similar rows, and what is left is coded. `spec/dense.md`.
//!
//! Encoding: [`normal`] takes columns' and rows' scales out, [`covariance`] and [`factor`] find how dimensions
//! predict each other, [`fit`] makes a model of both, [`variants`] chooses its parts; [`neighbours`] finds similar
//! rows, [`select`] the keys among them, [`refer`] and [`levels`] what each row refers to; [`plan`] puts all
//! together, [`row`] predicts and codes rows, [`encode`] the table. Decoding: [`index`] reads the index, [`records`]
//! what each stream needs of it, [`keys`] has the rows that others refer to, [`reader`] and [`rows`] decode.
//! [`counted`] is for tables that nothing predicts. Both: [`stream`] is the coder, [`symbols`] and [`numbers`] have
//! its distributions.

mod counted;
#[cfg(feature = "threads")]
mod covariance;
#[cfg(feature = "threads")]
mod encode;
mod exact;
#[cfg(feature = "threads")]
mod factor;
#[cfg(feature = "threads")]
mod fit;
mod index;
mod keys;
#[cfg(feature = "threads")]
mod levels;
mod model;
#[cfg(feature = "threads")]
mod neighbours;
#[cfg(feature = "threads")]
mod normal;
mod numbers;
#[cfg(feature = "threads")]
mod plan;
mod reader;
mod records;
#[cfg(feature = "threads")]
mod refer;
mod row;
mod rows;
#[cfg(feature = "threads")]
mod select;
mod stream;
mod symbols;
#[cfg(feature = "threads")]
mod variants;

use serde::{Deserialize, Serialize};

#[cfg(feature = "threads")]
pub use encode::encode;
pub use index::WIDEST;
pub use reader::DenseReader;

/// How much time encoding may take; the numbers are in `docs/notes/dense.md`, section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effort(u8);

impl Effort {
    /// The highest step.
    const MOST: u8 = 4;

    /// Step 1 to 4, the third for 0; what is above counts as 4.
    pub fn new(step: u8) -> Effort {
        Effort(if step == 0 { 3 } else { step.min(Effort::MOST) })
    }

    /// References that a row may have.
    fn references(self) -> usize {
        [0, 1, 3, 3][usize::from(self.0) - 1]
    }

    /// Similar rows among which a row's references are found.
    fn candidates(self) -> usize {
        [0, 4, 16, 32][usize::from(self.0) - 1]
    }

    /// How similar rows are searched for.
    #[cfg(feature = "threads")]
    fn search(self, floor: f32) -> neighbours::Search {
        let of_step = [[0, 0, 0], [64, 40, 24], [128, 40, 24], [256, 64, 32]];
        let [sketch, found, kept] = of_step[usize::from(self.0) - 1];
        neighbours::Search { sketch, found, kept, floor }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Whether rows are predicted; their bytes are counted otherwise.
    predicted: bool,
}

#[cfg(all(test, feature = "threads"))]
mod tests;
