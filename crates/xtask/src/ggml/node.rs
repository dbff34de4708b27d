//! llama.cpp as npm has it, prebuilt, driven by a script in Node.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::{root, run, say};

/// The package with the program, and the one with the interface to it. Without others, which are 700 MB.
const PACKAGES: [&str; 2] = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"];

/// An installed llama.cpp.
pub struct Node {
    folder: PathBuf,
}

/// What a run of the script gave.
pub struct Answer {
    output: Output,
    /// What program and backend said on standard error.
    pub said: String,
}

impl Node {
    /// In `.tools/llama-node`, made on first use.
    pub fn get() -> Result<Node> {
        let folder = root().join(".tools/llama-node");
        let (stamp, wanted) = (folder.join("packages.txt"), PACKAGES.join("\n"));
        if !fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
            say(&format!("installing {} into .tools/llama-node", PACKAGES.join(", ")));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
            let install =
                ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
            run(Command::new("npm").args(install).args(PACKAGES).current_dir(&folder))?;
            fs::write(&stamp, wanted)?;
        }
        Ok(Node { folder })
    }

    /// Greedy texts of a model, with a backend or without.
    pub fn greedy(&self, model: &Path, backend: Option<&Path>) -> Result<Answer> {
        let mut command = Command::new("node");
        command.args(self.arguments(model.as_os_str()));
        command.env_remove("GGML_BACKEND_PATH").envs(backend.map(|path| ("GGML_BACKEND_PATH", path)));
        Answer::of(&mut command)
    }

    /// The same, started by `xnc run`.
    pub fn greedy_run(&self, xnc: &Path, file: &Path) -> Result<Answer> {
        let mut command = Command::new(xnc);
        command.arg("run").arg(file).args(["--", "node"]).args(self.arguments(OsStr::new("{model}")));
        Answer::of(&mut command)
    }

    /// One thread: those of this llama.cpp spin, and take turns badly on a machine that does other work, too.
    fn arguments(&self, model: &OsStr) -> [std::ffi::OsString; 4] {
        let script = root().join("crates/xtask/src/ggml/greedy.mjs");
        [script.into(), self.folder.clone().into(), model.to_owned(), "1".into()]
    }
}

impl Answer {
    fn of(command: &mut Command) -> Result<Answer> {
        let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Answer { output, said })
    }

    /// What the model's file took in memory or on disk when it had been loaded.
    ///
    /// # Errors
    /// When the script did not say it.
    pub fn file_bytes(&self) -> Result<u64> {
        let (_, number) =
            self.said.split_once("model file takes ").context("the script did not load a model")?;
        let (number, _) = number.split_once(' ').context("a number and its unit")?;
        Ok(number.parse()?)
    }

    /// The script's JSON.
    ///
    /// # Errors
    /// When the script failed.
    pub fn texts(&self) -> Result<String> {
        let Output { status, stdout, .. } = &self.output;
        ensure!(status.success(), "the script ended with {status}: {}", self.said);
        let texts = String::from_utf8_lossy(stdout).into_owned();
        ensure!(texts.contains("\"everywhere\":["), "the script printed no texts: {texts}");
        Ok(texts)
    }
}
