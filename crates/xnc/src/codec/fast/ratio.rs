//! What the codec gives on values whose distribution is known.

use super::encode::encode;
use crate::codec::TableShape;
use crate::codec::placing::Placing;
use crate::dtype::{Dtype, Words};
use crate::kernel::Backend;
use crate::kernel::bytes_of;
use crate::random::Random;

/// Normal values of this deviation, as FP16; by the transform of Box and Muller.
fn normal(deviation: f64, words: usize) -> Vec<u16> {
    let mut random = Random(17);
    let mut unit = || (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
    let pair = |_| {
        let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), std::f64::consts::TAU * unit());
        [radius * angle.cos(), radius * angle.sin()].map(|x| half::f16::from_f64(deviation * x).to_bits())
    };
    (0..words / 2).flat_map(pair).collect()
}

#[test]
fn native_fp16_shrinks_to_seven_eighths() {
    let shape = TableShape { dtype: Dtype::F16, rows: 1024, dim: 1024 };
    for deviation in [0.02, 1.0] {
        let words = normal(deviation, shape.rows * shape.dim);
        let mut payload = Vec::new();
        let source = Words::new(bytes_of(&words));
        let encoded = encode(Backend::best(), shape, &source, Placing::DENSE, &mut payload, &mut |_| {});
        let encoded = encoded.expect("a Vec");
        let ratio = (2 * words.len()) as f64 / (payload.len() + encoded.index.len()) as f64;
        println!("deviation {deviation}: {ratio:.4}");
        assert!(ratio > 1.12, "deviation {deviation}: {ratio:.4}");
    }
}
