//! Cells of eight rows: where they end, and which slots they own.
use super::super::PIECES;
use super::coder::Group;
use super::context::Context;
use super::pair::*;
use core::arch::aarch64::*;

/// Cells of eight rows. The edges are magnitudes: those of a negative cell are the other way round.
#[derive(Clone, Copy)]
pub struct Cell {
    pub sign: V,
    pub low: V,
    pub high: V,
    /// Bits left out, and the place of the leading one above the mantissa's.
    pub open: int16x8_t,
    pub above: int16x8_t,
    /// The first slot, and how many.
    pub begin: uint16x8_t,
    pub size: uint16x8_t,
}

impl Cell {
    /// To be written over.
    // SAFETY: a register may have any bit pattern.
    pub const EMPTY: Cell = unsafe { core::mem::zeroed() };

    /// The cells around `at`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn around(g: Group<'_>, c: &Context, at: V) -> Cell {
        let sign = sign(at);
        let a = xor(at, sign);
        let zeros = vreinterpretq_s16_u16(low_words(a.map(|a| vclzq_s32(a))));
        let above = vsubq_s16(vdupq_n_s16(31 - g.tables.mantissa as i16), zeros);
        let open = vmaxq_s16(above, c.coarse);
        let grid = shift(set(-1), wide(open));
        let low = and(a, grid);
        let high = sub(low, grid);
        // Seen from the other side, a negative cell is one above zero.
        let all = sub(xor(c.all, sign), sign);
        let (to_low, to_high) = (c.distance(apart(low, all)), c.distance(apart(high, all)));
        // Lower edges in the lower half, upper ones in the upper.
        let piece = |edge: V| vreinterpretq_u8_u16(high_words(edge));
        let pieces = vuzp2q_u8(piece(to_low), piece(to_high));
        let pieces = vminq_u8(pieces, vdupq_n_u8(PIECES as u8 - 1));
        let [start_low, start_high, width_low, width_high] =
            g.tables.vectors.planes.each_ref().map(|table| look_up(table, pieces));
        let slots = |start: uint8x16_t, width: uint8x16_t, edge: V, beyond: V| {
            // The 13 bits of the distance within a piece, fourfold; doubling the product makes it eightfold.
            let edge = edge.map(|edge| vreinterpretq_u32_s32(edge));
            let within = vshrn_high_n_u32::<9>(vshrn_n_u32::<9>(edge[0]), edge[1]);
            let within = vreinterpretq_s16_u16(vandq_u16(within, vdupq_n_u16(0x7ffc)));
            let part = vqdmulhq_s16(within, vreinterpretq_s16_u8(width));
            let f = vaddq_u16(vreinterpretq_u16_u8(start), vreinterpretq_u16_s16(part));
            let below = low_words(beyond);
            vsubq_u16(veorq_u16(f, below), below)
        };
        let (start, width) = (vzip1q_u8(start_low, start_high), vzip1q_u8(width_low, width_high));
        let first = slots(start, width, to_low, greater(all, low));
        let (start, width) = (vzip2q_u8(start_low, start_high), vzip2q_u8(width_low, width_high));
        let last = slots(start, width, to_high, greater(all, high));
        let mirrored = vnegq_s16(vreinterpretq_s16_u16(last));
        let begin = vbslq_u16(low_words(sign), vreinterpretq_u16_s16(mirrored), first);
        Cell {
            sign,
            low,
            high,
            open,
            above,
            begin: vaddq_u16(begin, vdupq_n_u16(g.half as u16)),
            size: vsubq_u16(last, first),
        }
    }
}

/// `table[k]` for bytes `k` below [`PIECES`].
#[inline]
#[target_feature(enable = "neon")]
fn look_up(table: &[u8; PIECES], k: uint8x16_t) -> uint8x16_t {
    // SAFETY: 64 bytes are four registers.
    vqtbl4q_u8(unsafe { vld1q_u8_x4(table.as_ptr()) }, k)
}
