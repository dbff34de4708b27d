//! Reads through io_uring: one system call hands over many, and one thread waits for all.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::{IoUring, opcode, types};

use super::{Asked, Room, Source, Span, Take, passes};

/// A ring with room for what is in flight.
pub struct Ring {
    ring: IoUring,
    room: Room,
    /// What each slot waits for.
    asked: Vec<Option<Asked>>,
    free: Vec<usize>,
    /// Files of what is in flight: the system reads from them.
    held: Vec<Arc<Source>>,
    /// Reads that were handed to the system and whose end was not seen yet.
    in_flight: usize,
}

impl Ring {
    /// For `depth` reads at a time of `longest` bytes.
    ///
    /// # Errors
    /// Where the kernel has no io_uring, or forbids it.
    pub fn new(depth: usize, longest: usize, guard: usize) -> io::Result<Ring> {
        let ring = IoUring::new(depth as u32)?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Read::CODE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let free = (0..depth).rev().collect();
        Ok(Ring {
            ring,
            room: Room::new(depth, longest, guard),
            asked: vec![None; depth],
            free,
            held: Vec::new(),
            in_flight: 0,
        })
    }

    pub fn all(&mut self, sources: &[Arc<Source>], spans: &[Span], take: Take<'_>) -> xnc::Result<u64> {
        self.held = sources.to_vec();
        let mut spans = spans.iter().copied().enumerate();
        let (mut outcome, mut waits) = (Ok(()), 0);
        loop {
            while outcome.is_ok()
                && let Some(&slot) = self.free.last()
                && let Some((number, span)) = spans.next()
            {
                self.free.pop();
                self.asked[slot] = Some(Asked::new(number, span, sources[span.source].direct));
                self.push(slot);
            }
            if self.in_flight == 0 {
                break;
            }
            waits += 1;
            if let Err(cause) = self.wait() {
                // Nothing is known of what is in flight any more; dropping the ring waits for it, or keeps its room.
                return Err(xnc::Error::Io { path: Default::default(), cause });
            }
            self.reap(&mut outcome, take);
        }
        outcome.map(|()| waits)
    }

    /// Hands the read of a slot to the system: what is missing of it.
    fn push(&mut self, slot: usize) {
        let asked = self.asked[slot].expect("only slots that wait are pushed");
        let file = types::Fd(self.held[asked.span.source].file.as_raw_fd());
        let bytes = &mut self.room.slot(slot)[asked.got..asked.length];
        let read = opcode::Read::new(file, bytes.as_mut_ptr(), bytes.len() as u32)
            .offset(asked.from + asked.got as u64)
            .build()
            .user_data(slot as u64);
        // SAFETY: the bytes are a slot's, which nothing touches before the read's end is seen; the room and the files
        // are this ring's own, and dropping it waits for all reads. There is one entry for each slot.
        unsafe { self.ring.submission().push(&read) }.expect("as many entries as slots");
        self.in_flight += 1;
    }

    fn wait(&mut self) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(1) {
                Ok(_) => return Ok(()),
                Err(e) if passes(&e) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Looks at what has ended.
    fn reap(&mut self, outcome: &mut xnc::Result<()>, take: Take<'_>) {
        loop {
            let Some(entry) = self.ring.completion().next() else { return };
            self.in_flight -= 1;
            let slot = entry.user_data() as usize;
            let mut asked = self.asked[slot].expect("only slots that wait end");
            let result = match u32::try_from(entry.result()) {
                Ok(read) => asked.advance(read as usize, self.held[asked.span.source].direct),
                Err(_) => Err(io::Error::from_raw_os_error(-entry.result())),
            };
            let again = match &result {
                Ok(whole) => !whole,
                Err(e) => passes(e),
            };
            if again && outcome.is_ok() {
                self.asked[slot] = Some(asked);
                self.push(slot);
                continue;
            }
            self.asked[slot] = None;
            self.free.push(slot);
            if outcome.is_ok() {
                let bytes = result.map(|_| &self.room.slot(slot)[asked.skip()..]);
                *outcome = take(asked.number, bytes);
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // A caller's panic, or an error of the system, may leave reads in flight, which still write to the room.
        while self.in_flight > 0 {
            if self.wait().is_err() {
                std::mem::forget(std::mem::take(&mut self.room.bytes));
                return;
            }
            self.in_flight -= self.ring.completion().count();
        }
    }
}
