//! Registers of words that go past the caches as whole lines, wherever rows begin.

pub mod avx2;
pub mod avx512;

use std::marker::PhantomData;

/// Memory that a loop's registers go to, one behind the other; past the caches if `FAR`. A store past the caches of
/// less than a line takes several times as long as one of a line, and memory that callers have seldom begins on one:
/// a store then takes the last words of one register and the first ones of the next, and the loop keeps a register for
/// that. `Order` is how an instruction set brings them to their places.
pub struct Joined<'a, Order, const FAR: bool> {
    /// Where word 0 goes, with its register's others where they belong.
    first: *mut u16,
    /// How many words of the register before belong in front of those.
    behind: usize,
    order: Order,
    out: PhantomData<&'a mut [u16]>,
}

impl<'a, Order, const FAR: bool> Joined<'a, Order, FAR> {
    /// For words of `out` from `start` on, in registers of `R`. Those before are there; if `FAR`, a register at least.
    /// `order` gets how many words of one register belong to the line of the next.
    fn new<R>(out: &'a mut [u16], start: usize, order: impl FnOnce(usize) -> Order) -> Self {
        let first = out[start..].as_mut_ptr();
        let behind = if FAR { first.addr() % size_of::<R>() / size_of::<u16>() } else { 0 };
        assert!(!FAR || start >= size_of::<R>() / size_of::<u16>(), "the row before is there");
        Joined {
            first: out.as_mut_ptr().wrapping_add(start - behind),
            behind,
            order: order(behind),
            out: PhantomData,
        }
    }

    /// The place of the register that begins with this word.
    #[inline]
    pub fn place(&self, word: usize) -> *mut u16 {
        self.first.wrapping_add(word)
    }

    /// Words that no register goes to.
    ///
    /// # Safety
    /// All of them lie in `out`, and `FAR` is false.
    #[inline]
    pub unsafe fn words(&mut self, word: usize, len: usize) -> &mut [u16] {
        // SAFETY: as the caller promises; no register is stored while the slice is there.
        unsafe { std::slice::from_raw_parts_mut(self.place(word), len) }
    }

    /// What is before the first word.
    #[inline]
    pub fn before<R: Copy>(&self, none: R) -> R {
        match FAR {
            // SAFETY: as many words are there; registers are any bits.
            true => unsafe { self.place(self.behind).cast::<R>().sub(1).read_unaligned() },
            false => none,
        }
    }

    /// The words of the last register that no store took, before this word.
    ///
    /// # Safety
    /// Words before this one lie in `out`.
    pub unsafe fn end<R>(self, word: usize, last: R) {
        let words = (&raw const last).cast::<u16>();
        // SAFETY: these are the last words of the register, and belong before the given one.
        unsafe {
            let words = words.add(size_of::<R>() / size_of::<u16>() - self.behind);
            words.copy_to_nonoverlapping(self.place(word), self.behind);
        }
    }
}
