//! Reads on threads of a store's own: each waits for one.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Asked, Room, Source, Work, passes, read_at};

/// Most threads that wait for a disk at once; more reads than that wait for a thread.
const MOST: usize = 64;

struct Job {
    source: Arc<Source>,
    asked: Asked,
    room: Room,
    reply: Sender<Done>,
}

type Done = (Asked, Room, io::Result<()>);

/// Threads that read.
#[derive(Clone)]
pub struct Pool {
    jobs: Sender<Job>,
    depth: usize,
    longest: usize,
    guard: usize,
}

impl Pool {
    /// Starts threads for `depth` reads at a time; they end with the last clone of the pool.
    ///
    /// # Errors
    /// Where the system starts none.
    pub fn new(depth: usize, longest: usize, guard: usize) -> io::Result<Pool> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..depth.min(MOST) {
            let waiting = waiting.clone();
            std::thread::Builder::new().name("xnc-store".into()).spawn(move || serve(&waiting))?;
        }
        Ok(Pool { jobs, depth, longest, guard })
    }

    pub fn all(&mut self, sources: &[Arc<Source>], work: &mut dyn Work) -> xnc::Result<u64> {
        let (reply, done) = mpsc::channel();
        let mut rooms: Vec<Room> = Vec::new();
        let mut numbers = 0..;
        let (mut in_flight, mut outcome, mut waits) = (0, Ok(()), 0);
        loop {
            while outcome.is_ok()
                && in_flight < self.depth
                && let Some(span) = work.next()
            {
                let room = rooms.pop().unwrap_or_else(|| Room::new(1, self.longest, self.guard));
                let source = sources[span.source].clone();
                let asked = Asked::new(numbers.next().unwrap_or_default(), span, source.direct);
                let job = Job { source, asked, room, reply: reply.clone() };
                self.jobs
                    .send(job)
                    .unwrap_or_else(|_| unreachable!("threads wait as long as the pool is there"));
                in_flight += 1;
            }
            if in_flight == 0 {
                return outcome.map(|()| waits);
            }
            let (asked, mut room, result) = done.recv().expect("this call has a sender itself");
            in_flight -= 1;
            waits += 1;
            if outcome.is_ok() {
                outcome = work.take(asked.number, result.map(|()| &room.slot(0)[asked.skip()..]));
            }
            rooms.push(room);
        }
    }
}

fn serve(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // One thread waits for the next job and holds the lock meanwhile; the others wait for the lock.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { source, mut asked, mut room, reply }) = next else { return };
        let result = read(&source, &mut asked, &mut room);
        // Whoever asked may be gone.
        let _ = reply.send((asked, room, result));
    }
}

fn read(source: &Source, asked: &mut Asked, room: &mut Room) -> io::Result<()> {
    loop {
        let bytes = &mut room.slot(0)[asked.got..asked.length];
        let at = asked.from + asked.got as u64;
        match source.seen(at, read_at(&source.file, bytes, at)) {
            Ok(read) if asked.advance(read, source.direct)? => return Ok(()),
            Ok(_) => {}
            Err(e) if passes(&e) => {}
            Err(e) => return Err(e),
        }
    }
}
