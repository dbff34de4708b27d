//! The index of a sharded model, which maps tensors to files: made to fit compressed files, and compared with
//! what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::container::{Container, FILE_RECORD};
use crate::error::{Error, Result};
use crate::model::Layout;

/// An index as text is an index, or an ordinary file.
pub struct ShardIndex(Value);

impl ShardIndex {
    /// None where the text maps no tensors.
    pub fn parse(text: &[u8]) -> Option<ShardIndex> {
        let json: Value = serde_json::from_slice(text).ok()?;
        json.get("weight_map")?.is_object().then_some(ShardIndex(json))
    }

    /// The shards that it names, in order.
    fn shards(&self) -> BTreeSet<&str> {
        let map = self.0.get("weight_map").and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.values()).filter_map(Value::as_str).collect()
    }

    /// What to say of shards that are not in the folder; `path` is the index, `has` knows what is there.
    pub fn missing(&self, path: &Path, has: impl Fn(&Path) -> bool) -> Option<String> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let missing: Vec<&str> =
            self.shards().into_iter().filter(|shard| !has(&folder.join(shard))).collect();
        let (first, more) = missing.split_first()?;
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        Some(format!("{} names {first}{more}, not in the folder: the model is incomplete", path.display()))
    }

    /// The same index with the companions of its compressed shards, which are in `target`, and their size.
    /// The record of a shard is not listed, as every shard has one of the same name.
    pub fn rewrite(mut self, target: &Path, path: &Path, compressed: &[PathBuf]) -> Result<Vec<u8>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let named: Vec<(&PathBuf, String)> = compressed
            .iter()
            .filter(|shard| shard.parent() == Some(folder))
            .filter_map(|shard| Some((shard, shard.file_name()?.to_str()?.to_owned())))
            .filter(|(_, name)| self.shards().contains(name.as_str()))
            .collect();
        let mut change = 0;
        for (shard, name) in named {
            let container = Container::open(&target.join(shard))?;
            for tensor in container.layout().tensors() {
                if tensor.name != FILE_RECORD {
                    self.0["weight_map"][&tensor.name] = name.as_str().into();
                }
                change += tensor.bytes() as i64;
            }
            let source = Layout::parse(&container.outside()?, container.record()?.size)?;
            change -= source.tensors().iter().map(|tensor| tensor.bytes() as i64).sum::<i64>();
        }
        if let Some(total) = self.0.get_mut("metadata").and_then(|metadata| metadata.get_mut("total_size"))
            && let Some(bytes) = total.as_i64()
        {
            *total = bytes.saturating_add(change).into();
        }
        let malformed = |e| Error::NotAModel { reason: format!("{}: {e}", path.display()) };
        let mut out = serde_json::to_vec_pretty(&self.0).map_err(malformed)?;
        out.push(b'\n');
        Ok(out)
    }
}
