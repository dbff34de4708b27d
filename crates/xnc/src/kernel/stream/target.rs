//! Where words go that are made one after another.
// On ARM all places are final ones, and no loop stores past the caches.
#![cfg_attr(target_arch = "aarch64", allow(dead_code))]

use std::ops::Range;

use super::Stream;
use crate::kernel::Aligned;

/// Words in a cache line.
const LINE: usize = 32;

/// Hands out the places of words, in their order: where they are to be in the end, or near ones, from which whole lines
/// go on past the caches while the next words are made. A caller's memory seldom begins on a line, and a store past the
/// caches of less than a line takes several times as long as one of a line.
pub struct Target<'a> {
    /// What no place was handed out for yet, and what waits for a line to be full.
    out: &'a mut [u16],
    through: Option<Through<'a>>,
    /// Whether places are final ones, to which stores of lines may go past the caches.
    on_lines: bool,
    pending: Pending,
}

/// Words on their way past the caches.
struct Through<'a> {
    stream: &'a Stream,
    /// Words that were handed out last, and those before them.
    near: [Aligned<u16>; 2],
    /// In the first of them, those that did not go on.
    words: Range<usize>,
}

/// Where words begin that are handed out: on a line, behind as many words as may be left when lines have gone.
const FRONT: usize = 2 * LINE;

/// Lines that are ready to go past the caches: a loop lets some of them go in each turn, since many at once would hold
/// it up. A loop may work with a copy, to have it in registers, and puts it back before it asks for the next place.
#[derive(Clone, Copy)]
pub struct Pending {
    from: *const u16,
    to: *mut u16,
    lines: usize,
}

const NONE: Pending = Pending { from: std::ptr::null(), to: std::ptr::null_mut(), lines: 0 };

impl<'a> Target<'a> {
    /// Of all words of `out`; past the caches if there is a stream that goes there. `lines` says that only whole lines
    /// will be asked for and stored.
    pub fn new(out: &'a mut [u16], far: Option<&'a Stream>, lines: bool) -> Target<'a> {
        let far = far.filter(|stream| stream.passes());
        let on_lines = far.is_some() && lines && out.as_ptr().addr().is_multiple_of(64);
        let near = || [FRONT; 2].map(|words| Aligned::new(words, 0));
        let through = |stream| Through { stream, near: near(), words: FRONT..FRONT };
        Target { through: far.filter(|_| !on_lines).map(through), out, on_lines, pending: NONE }
    }

    /// Whether the loop itself has to store words past the caches: all places begin and end on lines. That is quicker
    /// than near places are (Zen 4: by a quarter).
    pub fn on_lines(&self) -> bool {
        self.on_lines
    }

    /// The place of the next `len` words, which holds anything, and lines to let go meanwhile. What was handed out
    /// before has been written.
    ///
    /// # Panics
    /// If fewer words than that are left.
    #[inline]
    pub fn next(&mut self, len: usize) -> (&mut [u16], &mut Pending) {
        let words = match &mut self.through {
            Some(through) => through.next(&mut self.out, len, &mut self.pending),
            None => self.out.split_off_mut(..len).expect("words that are left"),
        };
        (words, &mut self.pending)
    }
}

impl Drop for Target<'_> {
    /// What has been written goes on.
    fn drop(&mut self) {
        if let Some(through) = &mut self.through {
            self.pending.pass_all();
            let words = &through.near[0][through.words.clone()];
            through.stream.copy(words, &mut self.out[..words.len()]);
        }
    }
}

impl Through<'_> {
    #[inline(never)] // the loops need the registers
    fn next(&mut self, out: &mut &mut [u16], len: usize, pending: &mut Pending) -> &mut [u16] {
        pending.pass_all();
        let words = self.words.len();
        // Words before the first line are copied.
        let head = (out.as_ptr().addr().wrapping_neg() % 64) / size_of::<u16>();
        let lines = words.saturating_sub(head) / LINE;
        let gone = if lines > 0 { head + lines * LINE } else { 0 };
        let there = &self.near[0][self.words.clone()];
        if lines > 0 {
            let (first, to) = out.split_off_mut(..gone).expect("no more was handed out").split_at_mut(head);
            first.copy_from_slice(&there[..head]);
            *pending = Pending { from: there[head..].as_ptr(), to: to.as_mut_ptr(), lines };
        }
        let rest = words - gone;
        assert!(rest + len <= out.len());
        let [before, next] = &mut self.near;
        if next.len() < FRONT + len {
            *next = Aligned::new(FRONT + len, 0);
        }
        next[FRONT - rest..FRONT].copy_from_slice(&before[self.words.clone()][gone..]);
        self.near.swap(0, 1);
        self.words = FRONT - rest..FRONT + len;
        &mut self.near[0][FRONT..FRONT + len]
    }
}

impl Pending {
    fn pass_all(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if self.lines > 0 {
            // SAFETY: lines are pending only where a stream passes, on a machine that has AVX2.
            unsafe { self.pass(self.lines) };
        }
    }

    /// Lets so many lines go, if there are as many.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn pass(&mut self, lines: usize) {
        if self.lines < lines {
            return;
        }
        self.lines -= lines;
        for _ in 0..lines {
            // SAFETY: lines are written once each, all of them in what `Target` split off for them; near words are not
            // written again before they are gone, and loops put copies back while their target is there.
            unsafe { super::avx2::line(self.from.cast(), self.to.cast()) };
            (self.from, self.to) = (self.from.wrapping_add(LINE), self.to.wrapping_add(LINE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scope;
    use super::*;
    use crate::kernel::Backend;

    #[test]
    fn all_words_arrive_in_order() {
        let words: Vec<u16> = (1..=2000).collect();
        for backend in Backend::every_kind() {
            for (start, len, step) in (0..40).flat_map(|start| {
                [(1, 1), (31, 7), (300, 3), (301, 64), (1900, 95)].map(|(len, step)| (start, len, step))
            }) {
                for far in [false, true] {
                    let mut out = vec![7; 2000];
                    scope(backend, |stream| {
                        let mut target = Target::new(&mut out[start..][..len], far.then_some(stream), false);
                        // Steps of several lengths, as pairs of rows and a last one are.
                        let mut at = 0;
                        while at < len {
                            let step = (step + at % 3).min(len - at);
                            target.next(step).0.copy_from_slice(&words[at..][..step]);
                            at += step;
                        }
                    });
                    assert_eq!(out[start..][..len], words[..len]);
                    assert!(out[..start].iter().chain(&out[start + len..]).all(|&word| word == 7));
                }
            }
        }
    }

    #[test]
    fn a_target_that_was_not_filled_keeps_the_rest() {
        let mut out = vec![7; 300];
        scope(*Backend::every_kind().last().expect("the portable one"), |stream| {
            let mut target = Target::new(&mut out, Some(stream), false);
            target.next(70).0.fill(1);
            target.next(10).0.fill(2);
        });
        assert_eq!(out[..80], [vec![1; 70], vec![2; 10]].concat());
        assert!(out[80..].iter().all(|&word| word == 7));
    }
}
