//! Where there is no io_uring: no value of this type is ever made.

use std::io;
use std::sync::Arc;

use super::{Source, Work};

pub enum Ring {}

impl Ring {
    pub fn new(_depth: usize, _longest: usize, _guard: usize) -> io::Result<Ring> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn all(&mut self, _sources: &[Arc<Source>], _work: &mut dyn Work) -> xnc::Result<u64> {
        match *self {}
    }
}
