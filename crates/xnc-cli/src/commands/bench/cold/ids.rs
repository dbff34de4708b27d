//! Which rows are asked for.

/// How often each row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// All alike.
    Uniform,
    /// As words of a text are: the second commonest half as often as the commonest, and so on.
    Zipf,
}

impl Ids {
    pub fn name(self) -> &'static str {
        match self {
            Ids::Uniform => "uniform",
            Ids::Zipf => "zipf",
        }
    }

    /// The next row of `rows`.
    pub fn next(self, rows: usize, random: &mut fastrand::Rng) -> usize {
        match self {
            Ids::Uniform => random.usize(..rows),
            // Among n rows, those up to rank k get ln k / ln n of all. Common rows lie anywhere in the table.
            Ids::Zipf => {
                let rank = (rows as f64).powf(random.f64()) as u64;
                (rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) % rows as u64) as usize
            }
        }
    }
}
