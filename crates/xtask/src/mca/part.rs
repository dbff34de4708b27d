//! A part of what is estimated: where it stands, and what a turn of it takes.

use super::assembly::Mark;
use super::graph::Way;

/// A loop, or a function that a loop elsewhere calls once a turn.
#[derive(Clone, Copy)]
pub struct Part {
    pub function: &'static str,
    pub mark: Mark,
    /// Words that an instruction with the mark takes.
    pub each: usize,
    /// Words of the table that a turn takes.
    pub words: usize,
    /// Vectors that they meet.
    pub vectors: usize,
    /// How often the loop runs over the same words.
    pub times: usize,
    /// Rows that a turn of the loop around it takes, if what that does besides is to be known.
    pub rows: Option<usize>,
    /// Where the loop around it is, if in another function, which calls this one.
    pub around: Option<&'static str>,
    /// What tells the loop from others of the same size: an instruction of its turns, or of what is before it in
    /// its row.
    pub has: Option<Mark>,
    pub row_has: Option<Mark>,
    pub way: Way,
    /// Functions that are called and whose instructions belong to the loop.
    pub calls: &'static [&'static str],
    /// Whether it is the function, and not a loop in it.
    pub whole: bool,
}

/// A loop over words that meet one vector.
pub const fn part(function: &'static str, mark: Mark, each: usize, words: usize) -> Part {
    Part {
        function,
        mark,
        each,
        words,
        vectors: 1,
        times: 1,
        rows: None,
        around: None,
        has: None,
        row_has: None,
        way: Way::Longest,
        calls: &[],
        whole: false,
    }
}

impl Part {
    /// Of a number for a turn, what 64 words have.
    pub fn for_64_words(&self, turn: f64) -> f64 {
        turn * self.times as f64 * 64.0 / self.words as f64
    }

    pub const fn rows(self, rows: usize) -> Part {
        Part { rows: Some(rows), ..self }
    }

    pub const fn around(self, around: &'static str) -> Part {
        Part { around: Some(around), ..self }
    }

    pub const fn has(self, mark: Mark) -> Part {
        Part { has: Some(mark), ..self }
    }

    pub const fn row_has(self, mark: Mark) -> Part {
        Part { row_has: Some(mark), ..self }
    }

    pub const fn vectors(self, vectors: usize) -> Part {
        Part { vectors, ..self }
    }

    pub const fn times(self, times: usize) -> Part {
        Part { times, ..self }
    }

    pub const fn short(self) -> Part {
        Part { way: Way::Shortest, ..self }
    }

    pub const fn calls(self, calls: &'static [&'static str]) -> Part {
        Part { calls, ..self }
    }

    pub const fn whole(self) -> Part {
        Part { whole: true, ..self }
    }
}
