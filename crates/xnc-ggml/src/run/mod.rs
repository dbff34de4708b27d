//! `xnc run`: a llama.cpp program with the backend, on a plain model or on a compressed file.
//!
//! A compressed file becomes two descriptors that the program inherits: a *stand-in*, which is the model with
//! holes for its compressed tables, and the file's compressed *tables*. Both lie in memory and have no name, so
//! nothing is left behind, whatever ends the program. The stand-in is no model as it is: its first letters are
//! wrong until the backend, inside the program, has the tables and puts them right.

mod handover;
mod probe;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xnc::{Format, Model};

use handover::Handover;
pub(crate) use handover::{MAGIC, VARIABLE, Words};
pub(crate) use probe::{KNOWN, VARIABLE as PROBE};

/// The file name of the backend.
const BACKEND: &str = "libggml-xnc.so";
/// Where ggml looks for a backend that is none of its own.
const BACKEND_VARIABLE: &str = "GGML_BACKEND_PATH";
/// What stands for the model among the arguments of a program that takes it in its own way.
const PLACE_OF_MODEL: &str = "{model}";

/// A program ready to be run.
pub struct Run {
    program: OsString,
    arguments: Vec<OsString>,
    backend: PathBuf,
    /// The compressed file's parts; none for a plain model.
    handover: Option<Handover>,
}

impl Run {
    /// Reads the model, and checks all of it if it is compressed. `beside` is the folder where the backend is
    /// looked for.
    ///
    /// # Errors
    /// What is wrong with the model, or that there is no backend.
    pub fn new(model: &Path, program: &[OsString], beside: &Path) -> Result<Run> {
        let backend = backend(beside)?;
        let (program, arguments) = program.split_first().context("no program is named")?;
        let opened = Model::open(model)?;
        ensure!(
            opened.format() == Format::Gguf,
            "{} is a {} file; llama.cpp reads GGUF",
            model.display(),
            opened.format()
        );
        let handover = match opened.is_compressed() {
            true => {
                // What lies beside the tables has no checksum but that of the whole.
                xnc::verify(model, None, 0, &xnc::Progress::default())?;
                Some(Handover::of(&opened, model)?)
            }
            false => None,
        };
        let path = match &handover {
            Some(handover) => handover.path().into(),
            None => model.as_os_str().to_owned(),
        };
        let arguments = with_model(arguments, &path, handover.as_ref());
        Ok(Run { program: program.clone(), arguments, backend, handover })
    }

    /// Asks the program's ggml whether backend and host know each other, if the program lists its devices: it
    /// loads backends for that. None when it does not tell.
    ///
    /// # Errors
    /// That it cannot be started, or what the backend says of an unknown host.
    pub fn ask(&self) -> Result<Option<String>> {
        probe::ask(&self.program, &self.backend)
    }

    /// What is done, as a line for a shell and what else there is to know.
    pub fn describe(&self) -> String {
        let words = [&self.program].into_iter().chain(&self.arguments).map(|word| quoted(word));
        let line = format!(
            "{BACKEND_VARIABLE}={} {}",
            quoted(self.backend.as_os_str()),
            words.collect::<Vec<_>>().join(" ")
        );
        match &self.handover {
            Some(handover) => format!("{line}\n{}", handover.describe()),
            None => format!("{line}\nTables are compressed while the program loads the model."),
        }
    }

    /// Becomes the program: its signals and its exit code are the program's own. Returns only on failure.
    ///
    /// # Errors
    /// That it cannot be started.
    pub fn start(self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env(BACKEND_VARIABLE, &self.backend).env_remove(VARIABLE);
        if let Some(handover) = &self.handover {
            command.env(VARIABLE, handover.inherit()?);
        }
        Err(command.exec()).with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// The arguments with the model among them: where its place is, else at the end as llama.cpp's programs take it.
/// `-ot` makes sure that nothing but the backend gets a table that is not there.
fn with_model(arguments: &[OsString], model: &OsStr, handover: Option<&Handover>) -> Vec<OsString> {
    let place = |argument: &OsString| argument.to_str().is_some_and(|text| text.contains(PLACE_OF_MODEL));
    let model = model.to_os_string();
    if arguments.iter().any(place) {
        let put = |argument: &OsString| match argument.to_str().zip(model.to_str()) {
            Some((text, model)) => text.replace(PLACE_OF_MODEL, model).into(),
            None => argument.clone(),
        };
        return arguments.iter().map(put).collect();
    }
    let mut all = arguments.to_vec();
    all.extend(["-m".into(), model]);
    if let Some(handover) = handover {
        let name = |name: &str| format!("^{}$=XNC", name.replace('.', "\\."));
        let names: Vec<_> = handover.tables().map(name).collect();
        all.extend(["-ot".into(), names.join(",").into()]);
    }
    all
}

/// The backend in a folder, or where packages put libraries beside a folder of programs.
fn backend(beside: &Path) -> Result<PathBuf> {
    let places = [beside.join(BACKEND), beside.join("../lib").join(BACKEND)];
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.canonicalize()?),
        None => bail!(
            "no {BACKEND} in {}; `cargo xtask ggml` builds it, and it has to lie there",
            beside.display()
        ),
    }
}

/// A word as a shell takes it.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_goes_where_its_place_is() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let model = OsStr::new("/m.gguf");
        assert_eq!(with_model(&words(&["-n", "1"]), model, None), words(&["-n", "1", "-m", "/m.gguf"]));
        assert_eq!(with_model(&words(&["f={model}", "x"]), model, None), words(&["f=/m.gguf", "x"]));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted(OsStr::new("-c")), "-c");
        assert_eq!(quoted(OsStr::new("it's")), "'it'\\''s'");
        assert_eq!(quoted(OsStr::new("")), "''");
    }
}
