//! What helps against an error, in the words of the command that met it. The library knows no options and
//! no commands.

use std::path::Path;

use xnc::{Error, Model};

use super::root;
use crate::args::Command;

/// What to do about an error; none where its message says it, or nothing is known to help.
pub fn of(command: &Command, error: &Error) -> Option<String> {
    let in_folder = matches!(error, Error::InFile { .. });
    let target = if matches!(command, Command::Inspect(_)) { "--html" } else { "-o" };
    let text = match root(error) {
        Error::TargetExists { .. } => "--force replaces it".into(),
        Error::SameFile { .. } => format!("name another target with {target}"),
        Error::SpecialFile { .. } if command.against().is_some() => return None,
        Error::SpecialFile { .. } if command.input().is_some_and(|input| input.is_file()) => {
            format!("name another target with {target}")
        }
        Error::AlreadyCompressed { .. } if command.against().is_some() => {
            "name the source itself, or bring it back with `xnc restore` first".into()
        }
        Error::AlreadyCompressed { .. } if in_folder => {
            "move that file elsewhere, or bring its source back with `xnc restore`, first".into()
        }
        Error::AlreadyCompressed { name } => match Model::open(command.input()?) {
            // A plain file may hold a tensor that is named like a companion.
            Ok(model) if !model.is_compressed() => {
                format!("rename `{name}`, which could not be told from an index in a compressed file")
            }
            _ => "`xnc transcode` changes its codec, `xnc restore` brings its source back".into(),
        },
        Error::NotCompressed { .. } => not_compressed(command).into(),
        Error::NoBackend { name, .. } => {
            let variable = if name.starts_with("XNC_PREFETCH") { "XNC_PREFETCH" } else { "XNC_BACKEND" };
            format!("name one of these in {variable}, or unset it")
        }
        Error::Threads { .. } => "ask for fewer with --threads".into(),
        Error::RowOutOfRange { .. } => "rows are counted from 0".into(),
        _ => return None,
    };
    Some(text)
}

fn not_compressed(command: &Command) -> &'static str {
    let is_compressed = |input: &Path| Model::open(input).is_ok_and(|model| model.is_compressed());
    if command.input().is_some_and(is_compressed) {
        return "its tables can still be read with `xnc rows`";
    }
    if command.against().is_some_and(|against| against.join("xnc.json").exists() || is_compressed(against)) {
        return "name the compressed one first, and its source after --against";
    }
    match command {
        Command::Restore(_) => "it is as it was, there is nothing to restore",
        Command::Verify(_) => "there is nothing to verify, `xnc compress` makes a compressed one of it",
        _ => "`xnc compress` takes plain files",
    }
}
