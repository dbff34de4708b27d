//! Where tensors of a buffer lie: reserved memory as large as the host asked for, of which a compressed table
//! uses nothing. Its words are held aside, by the address where the host believes them to be.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xnc::{OpenOptions, Table};

use crate::abi::{Tensor, Words};
use crate::guard::say;
use crate::memory::Region;
use crate::standin;
use crate::upload;

/// The memory of one buffer and the tables that stand for parts of it.
pub struct Place {
    region: Region,
    tables: Mutex<HashMap<usize, Held>>,
}

/// A table instead of its bytes.
#[derive(Clone)]
enum Held {
    /// Compressed; its part of the region is not in use.
    Coded(Table),
    /// The bytes in the region, as a table.
    Plain(Table),
    /// What should be there cannot be had: every use of it is this error.
    Broken(String),
}

impl Place {
    /// Memory that costs nothing until it is written.
    pub fn reserve(size: usize) -> Result<Place, String> {
        Ok(Place { region: Region::reserve(size)?, tables: Mutex::default() })
    }

    /// Where it begins.
    pub fn base(&self) -> *mut c_void {
        self.region.base().cast()
    }

    /// Takes the words of a table and compresses them while it reads them. Where that is not possible, the
    /// words are kept as they are.
    pub fn hold(&self, tensor: &Tensor, words: Words, bytes: &[u8]) -> Result<(), String> {
        let at = self.within(tensor, 0, bytes.len())?;
        let held = if standin::is_marked(bytes) {
            standin::table(&tensor.name(), words).map_or_else(Held::Broken, Held::Coded)
        } else {
            match upload::encode(words, bytes) {
                Ok(table) => Held::Coded(table),
                Err(why) => {
                    say(format_args!("{} stays plain: {why}", tensor.name()));
                    self.tables().remove(&at);
                    return self.write(tensor, 0, bytes);
                }
            }
        };
        match &held {
            Held::Coded(table) => say(upload::saved(&tensor.name(), words, table)),
            Held::Broken(why) => say(format_args!("{} cannot be used: {why}", tensor.name())),
            Held::Plain(_) => {}
        }
        self.tables().insert(at, held);
        Ok(())
    }

    /// The table that a tensor is.
    pub fn table(&self, tensor: &Tensor, words: Words) -> Result<Table, String> {
        let at = self.within(tensor, 0, words.bytes())?;
        let mut tables = self.tables();
        let held = match tables.get(&at) {
            Some(held) => held.clone(),
            None => {
                // Tables live as long as the region: both are of this place.
                let bytes = self.region.shared(at, words.bytes());
                let table =
                    Table::from_bytes(words.dtype, words.rows, words.dim, bytes, &OpenOptions::default())
                        .map_err(|e| e.to_string())?;
                tables.entry(at).or_insert(Held::Plain(table)).clone()
            }
        };
        match held {
            Held::Coded(table) | Held::Plain(table) => {
                let same = (table.dtype(), table.rows(), table.dim()) == (words.dtype, words.rows, words.dim);
                same.then_some(table).ok_or_else(|| format!("{} is of another shape", tensor.name()))
            }
            Held::Broken(why) => Err(why),
        }
    }

    /// Bytes into the region. A compressed table there becomes plain first.
    pub fn write(&self, tensor: &Tensor, offset: usize, bytes: &[u8]) -> Result<(), String> {
        let at = self.plain(tensor, offset, bytes.len())?;
        self.region.write(at, bytes);
        Ok(())
    }

    /// One byte again and again.
    pub fn fill(&self, tensor: &Tensor, offset: usize, size: usize, value: u8) -> Result<(), String> {
        let at = self.plain(tensor, offset, size)?;
        self.region.fill(at, size, value);
        Ok(())
    }

    /// Bytes of a tensor, or of a view of one.
    pub fn read(&self, tensor: &Tensor, offset: usize, out: &mut [u8]) -> Result<(), String> {
        let at = self.within(tensor, offset, out.len())?;
        let first = self.within(tensor.base(), 0, 0)?;
        let held = self.tables().get(&first).cloned();
        match held {
            Some(Held::Coded(table)) => read_bytes(&table, at.wrapping_sub(first), out),
            Some(Held::Broken(why)) => Err(why),
            Some(Held::Plain(_)) | None => {
                self.region.read(at, out);
                Ok(())
            }
        }
    }

    /// One byte everywhere.
    pub fn clear(&self, value: u8) -> Result<(), String> {
        self.tables().clear();
        self.region.clear(value);
        Ok(())
    }

    /// The place of `size` bytes at `offset` of a tensor, which from now on are plain.
    fn plain(&self, tensor: &Tensor, offset: usize, size: usize) -> Result<usize, String> {
        let at = self.within(tensor, offset, size)?;
        let first = self.within(tensor.base(), 0, 0)?;
        let held = self.tables().remove(&first);
        match held {
            Some(Held::Coded(table)) => {
                say(format_args!("{} is written to and becomes plain", tensor.base().name()));
                let mut part = vec![0; 1 << 20];
                let bytes = 2 * table.rows() * table.dim();
                for start in (0..bytes).step_by(part.len()) {
                    let part = &mut part[..(bytes - start).min(1 << 20)];
                    read_bytes(&table, start, part)?;
                    self.region.write(first + start, part);
                }
            }
            Some(Held::Broken(why)) => return Err(why),
            Some(Held::Plain(_)) | None => {}
        }
        Ok(at)
    }

    /// Where `size` bytes at `offset` of a tensor are in the region.
    fn within(&self, tensor: &Tensor, offset: usize, size: usize) -> Result<usize, String> {
        let outside = || format!("{} is not all in its buffer", tensor.name());
        let start = (tensor.data as usize).checked_sub(self.region.base() as usize).ok_or_else(outside)?;
        let at = start.checked_add(offset).ok_or_else(outside)?;
        let end = at.checked_add(size).ok_or_else(outside)?;
        if end <= self.region.size() { Ok(at) } else { Err(outside()) }
    }

    fn tables(&self) -> MutexGuard<'_, HashMap<usize, Held>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a table from any byte on.
fn read_bytes(table: &Table, from: usize, out: &mut [u8]) -> Result<(), String> {
    let end = from.checked_add(out.len()).ok_or("past the end")?;
    let mut words = vec![0u16; end.div_ceil(2) - from / 2];
    table.read(from / 2, &mut words).map_err(|e| e.to_string())?;
    let bytes = words.iter().flat_map(|word| word.to_le_bytes()).skip(from % 2);
    out.iter_mut().zip(bytes).for_each(|(out, byte)| *out = byte);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xnc::{Dtype, EncodeOptions};

    #[test]
    fn bytes_of_a_table_begin_anywhere() {
        let words: Vec<u16> = (0..64 * 32).map(|i| 0x3c00 + i).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let table = Table::encode(Dtype::Bf16, 64, 32, &words, &EncodeOptions::default()).expect("a table");
        for (from, length) in [(0, 1), (1, 1), (1, 2), (3, 200), (64, 64), (4000, 96)] {
            let mut out = vec![0; length];
            read_bytes(&table, from, &mut out).expect("is there");
            assert_eq!(out, bytes[from..from + length]);
        }
        assert!(read_bytes(&table, 4000, &mut [0; 97]).is_err());
        assert!(read_bytes(&table, usize::MAX, &mut [0; 2]).is_err());
    }
}
