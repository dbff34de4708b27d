//! Code lengths of a Huffman code: D. A. Huffman, "A Method for the Construction of Minimum-Redundancy Codes",
//! Proc. IRE 40(9), 1952.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Length of each symbol's code, for symbols that all occur. A lone symbol takes one bit.
pub(crate) fn lengths(counts: &[u64]) -> Vec<u32> {
    // Leaves come first, so a parent's number is always above its children's; ties go to the lower number.
    let mut parents = vec![0; (2 * counts.len()).saturating_sub(1)];
    let mut open: BinaryHeap<_> = counts.iter().enumerate().map(|(node, &n)| Reverse((n, node))).collect();
    for parent in counts.len()..parents.len() {
        let mut weight = 0;
        for Reverse((n, child)) in [open.pop(), open.pop()].into_iter().flatten() {
            parents[child] = parent;
            weight += n;
        }
        open.push(Reverse((weight, parent)));
    }
    let mut depths = vec![0; parents.len()];
    for node in (0..parents.len().saturating_sub(1)).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(counts.len());
    if let [only] = &mut depths[..] {
        *only = 1;
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples() {
        // Weights merge 5+9, 12+13, 14+16, 25+30, 45+55.
        assert_eq!(lengths(&[45, 13, 12, 16, 9, 5]), [1, 3, 3, 3, 4, 4]);
        assert_eq!(lengths(&[1; 8]), [3; 8]);
        assert_eq!(lengths(&[1, 1, 2, 4, 8]), [4, 4, 3, 2, 1]);
        assert_eq!(lengths(&[3, 4]), [1, 1]);
    }

    #[test]
    fn few_symbols() {
        assert_eq!(lengths(&[7]), [1]);
        assert!(lengths(&[]).is_empty());
    }

    #[test]
    fn a_complete_prefix_code() {
        let counts: Vec<u64> = (1..=1000).map(|i| i * i % 977 + 1).collect();
        let lengths = lengths(&counts);
        let kraft: f64 = lengths.iter().map(|&length| 0.5_f64.powi(length as i32)).sum();
        assert_eq!(kraft, 1.0);
    }
}
