//! Coefficients in the order in which vectors of rows take them: four earlier dimensions, a *quad*, to a
//! dword of bytes.
//!
//! Vectors multiply innovations, or those plus [`BIAS`], unsigned bytes, by coefficients, signed ones, and add
//! products in 16 bits. A *run* is a range of quads whose sums cannot leave these, whatever the innovations.

use super::super::tables::triangle;

/// What makes an innovation an unsigned byte.
#[cfg(target_arch = "x86_64")]
pub const BIAS: i32 = 128;
/// Most that the coefficients of one sign that a 16-bit sum takes may add up to: 255 times that fits.
const MOST: i32 = 128;
/// Dimensions to a dword.
pub const QUAD: usize = 4;
/// Rows of coefficients that are summed together.
pub const TOGETHER: usize = 2;

/// Quads whose products are added in 16 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    pub from: u16,
    pub to: u16,
}

/// All coefficients of a table.
pub struct Dots {
    /// Of dimensions `j` and `j + 1` for even `j`, run after run: their coefficients of a quad.
    coefs: Vec<[i32; TOGETHER]>,
    runs: Vec<Run>,
    /// For every even `j` and the end: where its runs begin, and its coefficients.
    starts: Vec<(usize, usize)>,
    /// For every `j`: coefficients of the earlier dimensions in its own quad, which its runs leave out.
    pub own: Vec<i32>,
    /// For every `j`: what [`BIAS`] adds to the sum over its runs, and over its own quad.
    #[cfg(target_arch = "x86_64")]
    pub bias: Vec<i32>,
    #[cfg(target_arch = "x86_64")]
    pub own_bias: Vec<i32>,
}

fn dword(c: [i32; QUAD]) -> i32 {
    i32::from_le_bytes(c.map(|c| c as u8))
}

impl Dots {
    /// Where nothing is predicted.
    pub fn none(dim: usize) -> Dots {
        let wide = dim.next_multiple_of(QUAD);
        let starts = vec![(0, 0); wide / TOGETHER + 1];
        let zeros = || vec![0; wide];
        Dots {
            coefs: Vec::new(),
            runs: Vec::new(),
            starts,
            own: zeros(),
            #[cfg(target_arch = "x86_64")]
            bias: zeros(),
            #[cfg(target_arch = "x86_64")]
            own_bias: zeros(),
        }
    }

    /// `coef` holds `0..j` coefficients for each dimension `j`, one after another.
    pub fn new(coef: &[i8], dim: usize) -> Dots {
        let mut dots = Dots::none(dim);
        let wide = dots.own.len();
        let quad = |j: usize, q: usize| -> [i32; QUAD] {
            std::array::from_fn(|i| match q * QUAD + i {
                k if k < j && j < dim => i32::from(coef[triangle(j) + k]),
                _ => 0,
            })
        };
        for j in 0..wide {
            dots.own[j] = dword(quad(j, j / QUAD));
            #[cfg(target_arch = "x86_64")]
            {
                dots.own_bias[j] = quad(j, j / QUAD).iter().sum::<i32>() * BIAS;
                dots.bias[j] = (0..j / QUAD).flat_map(|q| quad(j, q)).sum::<i32>() * BIAS;
            }
        }
        dots.starts.clear();
        for j in (0..wide).step_by(TOGETHER) {
            dots.starts.push((dots.runs.len(), dots.coefs.len()));
            let mut sums = Sums::default();
            for q in 0..j / QUAD {
                let both = [quad(j, q), quad(j + 1, q)];
                let whole = both.map(dword);
                let run = |from: usize| Run { from: from as u16, to: q as u16 + 1 };
                match dots.runs.last_mut() {
                    Some(last) if usize::from(last.to) == q && q > 0 && sums.take(&both) => {
                        last.to += 1;
                        dots.coefs.push(whole);
                    }
                    _ if Sums::default().take(&both) => {
                        sums = Sums::default();
                        sums.take(&both);
                        dots.runs.push(run(q));
                        dots.coefs.push(whole);
                    }
                    _ => {
                        // Too large by themselves: halves, in two runs over the same quad, that no other
                        // joins.
                        let lower = both.map(|c| c.map(|c| c >> 1));
                        let upper = both.map(|c| c.map(|c| c - (c >> 1)));
                        dots.runs.extend([run(q), run(q)]);
                        dots.coefs.extend([lower.map(dword), upper.map(dword)]);
                        sums = Sums::FULL;
                    }
                }
            }
        }
        dots.starts.push((dots.runs.len(), dots.coefs.len()));
        dots
    }

    /// Runs of dimensions `j` and `j + 1`, `j` even, and their coefficients.
    #[inline]
    pub fn of(&self, j: usize) -> (&[Run], &[[i32; TOGETHER]]) {
        let (from, to) = (self.starts[j / TOGETHER], self.starts[j / TOGETHER + 1]);
        (&self.runs[from.0..to.0], &self.coefs[from.1..to.1])
    }
}

/// Sums of the coefficients of either sign that go to one 16-bit sum, two of which share a dword.
#[derive(Clone, Copy, Default)]
struct Sums([[[i32; 2]; QUAD / 2]; TOGETHER]);

impl Sums {
    const FULL: Sums = Sums([[[MOST + 1; 2]; QUAD / 2]; TOGETHER]);

    /// Adds a quad, if it fits.
    fn take(&mut self, both: &[[i32; QUAD]; TOGETHER]) -> bool {
        let mut next = *self;
        for (sums, quad) in next.0.iter_mut().zip(both) {
            for (k, &c) in quad.iter().enumerate() {
                sums[k / 2][usize::from(c < 0)] += c.abs();
            }
        }
        let fits = next.0.as_flattened().as_flattened().iter().all(|&sum| sum <= MOST);
        if fits {
            *self = next;
        }
        fits
    }
}
