//! Reads through io_uring: one system call hands over many, and one thread waits for all.
//!
//! `unsafe`, and no hot loop, so it does not belong in `kernel/`: the system writes to buffers after the call that
//! handed them over, which no library hides without an executor of its own. There is one block, and what it relies
//! on is this file's: room and files stay until every read that was handed over has ended.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::{IoUring, opcode, types};

use super::{Asked, Room, Source, Work, passes};

/// A read that ended: its slot, and whether it is whole.
type Ended = (usize, Asked, io::Result<bool>);

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
        // Half of the slots for what is in flight, half for what has ended and was not taken yet.
        let free = (0..2 * depth).rev().collect();
        Ok(Ring {
            ring,
            room: Room::new(2 * depth, longest, guard),
            asked: vec![None; 2 * depth],
            free,
            held: Vec::new(),
            in_flight: 0,
        })
    }

    pub fn all(&mut self, sources: &[Arc<Source>], work: &mut dyn Work) -> xnc::Result<u64> {
        self.held = sources.to_vec();
        let (mut outcome, mut waits, mut numbers, mut more) = (Ok(()), 0, 0.., true);
        let mut ended: Vec<Ended> = Vec::new();
        loop {
            while more
                && outcome.is_ok()
                && self.in_flight < self.asked.len() / 2
                && let Some(&slot) = self.free.last()
            {
                let Some(span) = work.next() else {
                    more = false;
                    break;
                };
                self.free.pop();
                let number = numbers.next().unwrap_or_default();
                self.asked[slot] = Some(Asked::new(number, span, sources[span.source].direct));
                self.push(slot);
            }
            if self.in_flight == 0 && ended.is_empty() {
                return outcome.map(|()| waits);
            }
            // What has ended is taken while the disk works on the reads that took its turn.
            let wait = usize::from(ended.is_empty());
            waits += wait as u64;
            if let Err(cause) = self.submit(wait) {
                // Nothing is known of what is in flight any more; dropping the ring waits for it, or keeps its room.
                return Err(xnc::Error::Io { path: Default::default(), cause });
            }
            for (slot, asked, result) in ended.drain(..) {
                if outcome.is_ok() {
                    let bytes = result.map(|_| &self.room.slot(slot)[asked.skip()..]);
                    outcome = work.take(asked.number, bytes);
                }
                self.free.push(slot);
            }
            self.reap(outcome.is_ok(), &mut ended);
        }
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

    /// Hands over what was pushed, and waits for so many ends.
    fn submit(&mut self, wait: usize) -> io::Result<()> {
        loop {
            match self.ring.submit_and_wait(wait) {
                Ok(_) => return Ok(()),
                Err(e) if passes(&e) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Looks at what has ended. A read that is not whole is pushed again, if `again`.
    fn reap(&mut self, again: bool, ended: &mut Vec<Ended>) {
        loop {
            let Some(entry) = self.ring.completion().next() else { return };
            self.in_flight -= 1;
            let slot = entry.user_data() as usize;
            let mut asked = self.asked[slot].expect("only slots that wait end");
            let read = match u32::try_from(entry.result()) {
                Ok(read) => Ok(read as usize),
                Err(_) => Err(io::Error::from_raw_os_error(-entry.result())),
            };
            let source = &self.held[asked.span.source];
            let read = source.seen(asked.from + asked.got as u64, read);
            let result = read.and_then(|read| asked.advance(read, source.direct));
            let passed = match &result {
                Ok(whole) => !whole,
                Err(e) => passes(e),
            };
            if passed && again {
                self.asked[slot] = Some(asked);
                self.push(slot);
            } else {
                self.asked[slot] = None;
                ended.push((slot, asked, result));
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // A caller's panic, or an error of the system, may leave reads in flight, which still write to the room.
        while self.in_flight > 0 {
            if self.submit(1).is_err() {
                std::mem::forget(std::mem::take(&mut self.room.bytes));
                return;
            }
            self.in_flight -= self.ring.completion().count();
        }
    }
}
