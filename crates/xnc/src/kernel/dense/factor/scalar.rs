use super::{LANES, ROWS, Turned};

/// Inlined, to become vectors of the caller's.
#[inline(always)]
pub fn subtract(turned: &Turned, rows: &mut [&mut [f64]], at: usize) {
    let stride = turned.stride;
    for column in (0..at + rows.len()).step_by(LANES) {
        let mut sums = [[0f64; LANES]; ROWS];
        for values in turned.values.chunks_exact(stride) {
            let lanes: &[f64; LANES] = values[column..].first_chunk().expect("whole lanes");
            // Of fewer rows the others are computed in vain.
            let own: [f64; ROWS] = std::array::from_fn(|i| values[(at + i).min(stride - 1)]);
            for (sums, own) in sums.iter_mut().zip(own) {
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum += own * lane;
                }
            }
        }
        for (row, sums) in rows.iter_mut().zip(sums) {
            row[column..].iter_mut().zip(sums).for_each(|(v, sum)| *v -= sum);
        }
    }
}
