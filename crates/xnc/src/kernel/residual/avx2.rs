//! Sixteen rows side by side, eight to a vector: one broadcast of a pair of coefficients serves all of them.
use super::{BLOCK, INNOVATION_LIMIT, INVERSE, LANES, Lane, PIECES, SCALE, Tables, scalar};
use core::arch::x86_64::*;

type V = __m256i;

/// Eight rows' parameters and coder states.
struct Half {
    octave: V,
    scale: V,
    inverse: V,
    lift: V,
    ends: V,
    x: V,
    at: V,
}

/// What one step knows before the word.
struct Context {
    own: V,
    all: V,
    inverse: V,
    bound: V,
    unit: V,
    coarse: V,
}

/// Scratch and constants of a group of rows.
struct Group<'a> {
    t: &'a Tables,
    bytes: &'a [u8],
    half: i32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn set(v: i32) -> V {
    _mm256_set1_epi32(v)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(v: &[i32; 8]) -> V {
    // SAFETY: eight dwords are one vector.
    unsafe { _mm256_loadu_si256(v.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(v: V) -> [i32; 8] {
    let mut to = [0; 8];
    // SAFETY: eight dwords are one vector.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), v) };
    to
}

/// `table[k]`, for `k` that the callers keep below `N`.
#[inline]
#[target_feature(enable = "avx2")]
fn pick<const N: usize>(table: &[u32; N], k: V) -> V {
    const { assert!(N.is_power_of_two()) };
    let k = _mm256_and_si256(k, set(N as i32 - 1));
    // SAFETY: the mask keeps every number inside the table.
    unsafe { _mm256_i32gather_epi32::<4>(table.as_ptr().cast(), k) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn any(mask: V) -> bool {
    _mm256_movemask_epi8(mask) != 0
}

#[inline]
#[target_feature(enable = "avx2")]
fn distance(d: V, bound: V, inverse: V) -> V {
    let a = _mm256_abs_epi32(d);
    let near = _mm256_cmpgt_epi32(bound, a);
    let r = _mm256_srli_epi32::<11>(_mm256_mullo_epi32(a, inverse));
    _mm256_min_epu32(_mm256_or_si256(r, _mm256_xor_si256(near, set(-1))), set((PIECES << 13) as i32 - 1))
}

/// `v`, negated where `sign` is all ones.
#[inline]
#[target_feature(enable = "avx2")]
fn signed(v: V, sign: V) -> V {
    _mm256_sub_epi32(_mm256_xor_si256(v, sign), sign)
}

#[inline]
#[target_feature(enable = "avx2")]
fn cdf(g: &Group, c: &Context, edge: V) -> V {
    let d = _mm256_sub_epi32(edge, c.all);
    let r = distance(d, c.bound, c.inverse);
    let piece = pick(&g.t.packed, _mm256_srli_epi32::<13>(r));
    let low = _mm256_and_si256(piece, set(0xffff));
    // Products of 13 and 15 bits: the multiplication of 16-bit halves is exact and cheaper.
    let rise = _mm256_madd_epi16(_mm256_and_si256(r, set(8191)), _mm256_srli_epi32::<16>(piece));
    let f = _mm256_add_epi32(low, _mm256_srli_epi32::<13>(rise));
    _mm256_add_epi32(set(g.half), signed(f, _mm256_srai_epi32::<31>(d)))
}

/// Cells of eight rows: leading bits, place of the leading one, bits left out, sign, edges, slots.
struct Cell {
    a: V,
    n: V,
    sh: V,
    sign: V,
    low_edge: V,
    high_edge: V,
    low: V,
    high: V,
}

/// The cells around `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn cell(g: &Group, c: &Context, at: V) -> Cell {
    let sign = _mm256_srai_epi32::<31>(at);
    let a = _mm256_xor_si256(at, sign);
    // Below 2^24 conversion is exact: the exponent is the place of the leading one.
    let exponent = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_or_si256(a, set(1))));
    let n = _mm256_sub_epi32(_mm256_srli_epi32::<23>(exponent), set(127));
    let sh = _mm256_max_epi32(_mm256_sub_epi32(n, set(g.t.mantissa as i32)), c.coarse);
    let a = _mm256_srlv_epi32(a, sh);
    let near = signed(_mm256_sllv_epi32(a, sh), sign);
    let end = signed(_mm256_sllv_epi32(_mm256_add_epi32(a, set(1)), sh), sign);
    let (low_edge, high_edge) = (_mm256_min_epi32(near, end), _mm256_max_epi32(near, end));
    Cell { a, n, sh, sign, low_edge, high_edge, low: cdf(g, c, low_edge), high: cdf(g, c, high_edge) }
}

impl Half {
    /// Appends a coder word to each of `lanes` whose state fell below 2^16 while words remain.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn refill(&mut self, g: &Group, lanes: V) {
        let low = _mm256_cmpeq_epi32(_mm256_srli_epi32::<16>(self.x), _mm256_setzero_si256());
        let need = _mm256_and_si256(_mm256_and_si256(low, lanes), _mm256_cmpgt_epi32(self.ends, self.at));
        // SAFETY: lanes in `need` have `at < end`, and `bytes` extends four bytes past every end.
        let w = unsafe { _mm256_mask_i32gather_epi32::<1>(set(0), g.bytes.as_ptr().cast(), self.at, need) };
        let full = _mm256_or_si256(_mm256_slli_epi32::<16>(self.x), _mm256_and_si256(w, set(0xffff)));
        self.x = _mm256_blendv_epi8(self.x, full, need);
        self.at = _mm256_sub_epi32(self.at, _mm256_add_epi32(need, need));
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn context(&self, g: &Group, j: usize, dot: V, near: V) -> Context {
        let t = g.t;
        let scale = _mm256_srai_epi32::<14>(_mm256_mullo_epi32(self.scale, set(t.scale[j])));
        let inverse = _mm256_srai_epi32::<14>(_mm256_mullo_epi32(self.inverse, set(t.inverse[j])));
        let bound = _mm256_slli_epi32::<3>(scale);
        let own = _mm256_sra_epi32(_mm256_mullo_epi32(dot, scale), _mm_cvtsi32_si128(4 + t.shift[j] as i32));
        let mean = _mm256_srav_epi32(set(t.mean[j]), self.octave);
        let own = _mm256_add_epi32(mean, _mm256_sllv_epi32(own, self.lift));
        let near = _mm256_srai_epi32::<9>(_mm256_mullo_epi32(near, scale));
        let all = _mm256_add_epi32(own, _mm256_sllv_epi32(near, self.lift));
        let all = _mm256_max_epi32(_mm256_min_epi32(all, set(1 << 23)), set(-(1 << 23)));
        let piece = _mm256_srli_epi32::<13>(distance(all, bound, inverse));
        let coarse =
            _mm256_min_epi32(_mm256_srli_epi32::<7>(_mm256_madd_epi16(piece, piece)), set(scalar::COARSEST));
        Context { own, all, inverse, bound, unit: _mm256_add_epi32(self.octave, set(t.unit[j])), coarse }
    }

    /// The cell that the state's slot most likely lies in: guessed by the inverted distribution.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn guess(&self, g: &Group, c: &Context) -> Cell {
        let slot = _mm256_and_si256(self.x, set(0xffff));
        let below = _mm256_cmpgt_epi32(set(g.half), slot);
        let rest = _mm256_xor_si256(_mm256_sub_epi32(slot, set(g.half)), below);
        let entry = pick(&g.t.guess, _mm256_srli_epi32::<5>(rest));
        let within = _mm256_madd_epi16(_mm256_and_si256(rest, set(31)), _mm256_and_si256(entry, set(8191)));
        let far = _mm256_add_epi32(_mm256_slli_epi32::<5>(_mm256_srli_epi32::<13>(entry)), within);
        // The distance that `distance` maps there: 2^11 / inverse, and `far` has five bits more.
        let away = _mm256_div_ps(_mm256_cvtepi32_ps(far), _mm256_cvtepi32_ps(c.inverse));
        let away = _mm256_cvttps_epi32(_mm256_mul_ps(away, _mm256_set1_ps(64.0)));
        cell(g, c, _mm256_add_epi32(c.all, _mm256_xor_si256(away, below)))
    }

    /// Lanes whose slot lies below or above the cell; none where it is an escape.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn misses(&self, g: &Group, cell: &Cell) -> (V, V) {
        let slot = _mm256_and_si256(self.x, set(0xffff));
        let escape = _mm256_cmpgt_epi32(slot, set(2 * g.half - 1));
        let left = _mm256_andnot_si256(escape, _mm256_cmpgt_epi32(cell.low, slot));
        let right = _mm256_or_si256(escape, _mm256_cmpgt_epi32(cell.high, slot));
        (left, _mm256_xor_si256(right, set(-1)))
    }

    /// Steps from cell to cell until each encloses its slot.
    #[inline(never)]
    #[target_feature(enable = "avx2")]
    fn settle(&self, g: &Group, c: &Context, mut here: Cell) -> Cell {
        loop {
            let (left, right) = self.misses(g, &here);
            if !any(_mm256_or_si256(left, right)) {
                return here;
            }
            let at = _mm256_blendv_epi8(here.low_edge, _mm256_sub_epi32(here.low_edge, set(1)), left);
            here = cell(g, c, _mm256_blendv_epi8(at, here.high_edge, right));
        }
    }

    /// Takes the words out of the states; returns them and the innovations.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn word(&mut self, g: &Group, c: &Context, cell: &Cell) -> (V, V) {
        let m = g.t.mantissa as i32;
        let slot = _mm256_and_si256(self.x, set(0xffff));
        let escape = _mm256_cmpgt_epi32(slot, set(2 * g.half - 1));
        let &Cell { a, n, sh, sign, low, high, .. } = cell;
        let f = _mm256_sub_epi32(high, low);
        let low = _mm256_blendv_epi8(low, set(2 * g.half), escape);
        let f = _mm256_blendv_epi8(f, set(65536 - 2 * g.half), escape);
        let full = _mm256_mullo_epi32(f, _mm256_srli_epi32::<16>(self.x));
        self.x = _mm256_add_epi32(full, _mm256_sub_epi32(slot, low));
        self.refill(g, set(-1));

        // The leading one is the cell's, which the guess may lie above where the cell reaches zero.
        let n = _mm256_andnot_si256(_mm256_cmpeq_epi32(a, set(0)), n);
        // Mantissa bits that a cell leaves open follow as they are.
        let missing = _mm256_sub_epi32(_mm256_add_epi32(sh, set(m)), n);
        let missing = _mm256_min_epi32(_mm256_max_epi32(missing, set(0)), set(m));
        let mut fraction = _mm256_sllv_epi32(a, missing);
        let open = _mm256_andnot_si256(escape, _mm256_cmpgt_epi32(missing, set(0)));
        if any(open) {
            let mask = _mm256_sub_epi32(_mm256_sllv_epi32(set(1), missing), set(1));
            fraction = _mm256_or_si256(fraction, _mm256_and_si256(self.x, mask));
            self.x = _mm256_blendv_epi8(self.x, _mm256_srlv_epi32(self.x, missing), open);
            self.refill(g, open);
        }
        let exponent = _mm256_sub_epi32(_mm256_add_epi32(c.unit, n), set(1));
        let word = _mm256_add_epi32(_mm256_sll_epi32(exponent, _mm_cvtsi32_si128(m)), fraction);
        let mut word =
            _mm256_or_si256(_mm256_and_si256(word, set(0x7fff)), _mm256_and_si256(sign, set(0x8000)));
        // A shift by a negative count gives zero, so one of the two does nothing.
        let up = _mm256_sub_epi32(n, set(m));
        let value = _mm256_or_si256(
            _mm256_sllv_epi32(fraction, up),
            _mm256_srlv_epi32(fraction, _mm256_sub_epi32(set(0), up)),
        );
        let mut value = _mm256_xor_si256(value, sign);
        if any(escape) {
            let plain = _mm256_and_si256(self.x, set(0xffff));
            self.x = _mm256_blendv_epi8(self.x, _mm256_srli_epi32::<16>(self.x), escape);
            self.refill(g, escape);
            word = _mm256_blendv_epi8(word, plain, escape);
            let (w, u) = (store(word), store(c.unit));
            let v = core::array::from_fn(|i| scalar::floor_of(w[i] as u16, u[i], m as u32).0);
            value = _mm256_blendv_epi8(value, load(&v), escape);
        }
        let d = _mm256_srav_epi32(_mm256_sub_epi32(value, c.own), self.lift);
        let d = _mm256_max_epi32(_mm256_min_epi32(d, c.bound), _mm256_sub_epi32(set(0), c.bound));
        let e = _mm256_srai_epi32::<23>(_mm256_add_epi32(_mm256_mullo_epi32(d, c.inverse), set(1 << 22)));
        (word, _mm256_max_epi32(_mm256_min_epi32(e, set(INNOVATION_LIMIT)), set(-INNOVATION_LIMIT)))
    }
}

/// Dword `i` of sixteen.
#[inline]
fn lane(pair: &[V; 2], i: usize) -> i32 {
    assert!(i < LANES);
    // SAFETY: two vectors are sixteen dwords of any bit pattern.
    unsafe { pair.as_ptr().cast::<i32>().add(i).read() }
}

/// Weighted innovations of the reference rows, two dimensions of each row to a dword: a sum fits 16 bits.
fn near(dim: usize, lanes: &[Lane]) -> Vec<[[i32; 8]; 2]> {
    let mut out = vec![[[0; 8]; 2]; dim.div_ceil(2)];
    let mut sum = vec![0i16; dim.next_multiple_of(2)];
    for (i, l) in lanes.iter().enumerate() {
        sum.fill(0);
        for (r, &w) in l.refs.iter().zip(&l.head.weights) {
            for (s, &e) in sum.iter_mut().zip(*r) {
                *s += e as i16 * w as i16;
            }
        }
        for (o, s) in out.iter_mut().zip(sum.chunks_exact(2)) {
            o[i / 8][i % 8] = s[0] as u16 as i32 | (s[1] as i32) << 16;
        }
    }
    out
}

#[target_feature(enable = "avx2")]
pub fn decode(t: &Tables, lanes: &[Lane], words: &mut [&mut [u16]], innovations: &mut [&mut [i8]]) -> bool {
    // Streams are copied side by side, so that 32-bit offsets reach them and nothing is read past a slice.
    let longest = lanes.iter().map(|l| l.stream.len()).max().unwrap_or(0) + 4;
    let mut bytes = vec![0u8; longest * LANES];
    let mut p = [[0i32; LANES]; 7];
    // Lanes without a row run along on a scale of one, so that their search ends too.
    (p[1], p[2]) = ([SCALE[0]; LANES], [INVERSE[0]; LANES]);
    for (i, l) in lanes.iter().enumerate() {
        bytes[i * longest..][..l.stream.len()].copy_from_slice(l.stream);
        let part = (l.head.scale & 7) as usize;
        let column = [
            (l.head.scale >> 3) as i32,
            SCALE[part],
            INVERSE[part],
            l.head.lift as i32,
            (i * longest + l.stream.len() / 2 * 2) as i32,
            l.state as i32,
            (i * longest) as i32,
        ];
        for (p, v) in p.iter_mut().zip(column) {
            p[i] = v;
        }
    }
    let mut halves: [Half; 2] = core::array::from_fn(|h| {
        let v = |k: usize| load(p[k].as_chunks::<8>().0[h..][..1].first().expect("two halves"));
        Half { octave: v(0), scale: v(1), inverse: v(2), lift: v(3), ends: v(4), x: v(5), at: v(6) }
    });
    let g = Group { t, bytes: &bytes, half: scalar::half(t) };
    let referring = lanes.iter().any(|l| l.refs.iter().any(|r| !r.is_empty()));
    let near = if referring { near(t.dim(), lanes) } else { Vec::new() };
    let zero = _mm256_setzero_si256();
    // Innovations of two dimensions to a dword.
    let mut seen = vec![[zero; 2]; t.dim().next_multiple_of(BLOCK) / 2];
    let mut out = seen.clone();
    for j0 in (0..t.dim()).step_by(BLOCK) {
        let block = t.block(j0);
        let mut sum = [[zero; 2]; BLOCK];
        let pairs = block.chunks_exact(BLOCK);
        for (e, c) in seen[..j0 / 2].iter().zip(pairs) {
            for i in 0..BLOCK {
                let c = set(c[i]);
                sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(e[0], c));
                sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(e[1], c));
            }
        }
        for i in 0..BLOCK.min(t.dim() - j0) {
            let j = j0 + i;
            let mut context = [const { None }; 2];
            for (h, half) in halves.iter().enumerate() {
                let mut dot = sum[i][h];
                for (k, c) in block.chunks_exact(BLOCK).enumerate().skip(j0 / 2).take(1 + j / 2 - j0 / 2) {
                    dot = _mm256_add_epi32(dot, _mm256_madd_epi16(seen[k][h], set(c[i])));
                }
                let mut pull = zero;
                if referring {
                    let pair = load(&near[j / 2][h]);
                    pull = _mm256_srai_epi32::<16>(if j % 2 == 0 {
                        _mm256_slli_epi32::<16>(pair)
                    } else {
                        pair
                    });
                }
                context[h] = Some(half.context(&g, j, dot, pull));
            }
            let [Some(c0), Some(c1)] = context else { unreachable!("both halves") };
            let (mut a0, mut a1) = (halves[0].guess(&g, &c0), halves[1].guess(&g, &c1));
            let (m0, m1) = (halves[0].misses(&g, &a0), halves[1].misses(&g, &a1));
            if any(_mm256_or_si256(_mm256_or_si256(m0.0, m0.1), _mm256_or_si256(m1.0, m1.1))) {
                (a0, a1) = (halves[0].settle(&g, &c0, a0), halves[1].settle(&g, &c1, a1));
            }
            for (h, (c, a)) in [(&c0, &a0), (&c1, &a1)].into_iter().enumerate() {
                let (word, e) = halves[h].word(&g, c, a);
                let (e, w) = if j % 2 == 0 {
                    (_mm256_and_si256(e, set(0xffff)), word)
                } else {
                    (_mm256_slli_epi32::<16>(e), _mm256_slli_epi32::<16>(word))
                };
                seen[j / 2][h] = _mm256_or_si256(seen[j / 2][h], e);
                out[j / 2][h] = _mm256_or_si256(out[j / 2][h], w);
            }
        }
    }
    for (i, w) in words.iter_mut().enumerate() {
        for (w, o) in w.chunks_mut(2).zip(&out) {
            let pair = lane(o, i);
            w[0] = pair as u16;
            if let Some(w) = w.get_mut(1) {
                *w = (pair >> 16) as u16;
            }
        }
    }
    for (i, kept) in innovations.iter_mut().enumerate().filter(|(_, kept)| !kept.is_empty()) {
        for (kept, e) in kept.chunks_mut(2).zip(&seen) {
            let pair = lane(e, i);
            kept[0] = pair as i8;
            if let Some(k) = kept.get_mut(1) {
                *k = (pair >> 16) as i8;
            }
        }
    }
    let (x, at, ends): (Vec<V>, Vec<V>, Vec<V>) = (
        halves.iter().map(|h| h.x).collect(),
        halves.iter().map(|h| h.at).collect(),
        halves.iter().map(|h| h.ends).collect(),
    );
    (0..lanes.len()).all(|i| {
        let (h, k) = (i / 8, i % 8);
        store(x[h])[k] == 0 && store(at[h])[k] == store(ends[h])[k] && lanes[i].stream.len().is_multiple_of(2)
    })
}
