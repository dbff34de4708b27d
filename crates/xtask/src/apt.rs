//! Debian's packages, downloaded and unpacked into a folder; nothing is installed on the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run;

/// apt with lists and a cache of its own. The system's lists may be old, or lack the other architecture, and
/// changing them takes rights that nobody needs for this.
pub struct Apt {
    folder: PathBuf,
    config: PathBuf,
}

impl Apt {
    /// In a folder that is for it alone.
    pub fn new(folder: &Path) -> Result<Apt> {
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        fs::create_dir_all(folder.join("state/lists/partial"))?;
        let (config, shown) = (folder.join("apt.conf"), folder.display());
        let lines = [
            "APT::Architecture \"amd64\";".to_owned(),
            "APT::Architectures { \"amd64\"; \"arm64\"; };".to_owned(),
            format!("Dir::State \"{shown}/state\";"),
            "Dir::State::status \"/var/lib/dpkg/status\";".to_owned(),
            format!("Dir::Cache \"{shown}/cache\";"),
            "Debug::NoLocking \"1\";".to_owned(),
        ];
        fs::write(&config, lines.join("\n"))?;
        let apt = Apt { folder: folder.to_owned(), config };
        run(&mut apt.get(&["update"]))?;
        Ok(apt)
    }

    /// Downloads packages, and with them what they depend on where the system lacks it.
    pub fn download(&self, packages: &[&str]) -> Result<()> {
        let download = ["install", "--no-install-recommends", "--reinstall", "--download-only"];
        run(self.get(&download).args(packages))
    }

    /// Downloads one package alone, also one that could not be installed here.
    pub fn download_alone(&self, package: &str) -> Result<()> {
        run(&mut self.get(&["download", package]))
    }

    /// The first package whose name begins with `prefix` among those that `package` depends on.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let mut apt = Command::new("apt-cache");
        let output = apt.args(["depends", package]).env("APT_CONFIG", &self.config).output()?;
        let text = String::from_utf8(output.stdout)?;
        let named = text.split_whitespace().find(|word| word.starts_with(prefix));
        Ok(named.with_context(|| format!("{package} depends on no {prefix}*"))?.to_owned())
    }

    /// The version of the downloaded package whose file name begins with `prefix`.
    pub fn version_of(&self, prefix: &str) -> Result<String> {
        let named =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        let package = self.downloaded()?.into_iter().find(named);
        let package = package.with_context(|| format!("apt-get downloaded no {prefix}*.deb"))?;
        let output = Command::new("dpkg-deb").arg("--field").arg(&package).arg("Version").output()?;
        ensure!(output.status.success(), "dpkg-deb cannot read {}", package.display());
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Unpacks everything that was downloaded into `folder`, and removes apt's own.
    pub fn unpack(self, folder: &Path) -> Result<()> {
        for package in self.downloaded()? {
            let status = Command::new("dpkg-deb").arg("--extract").arg(&package).arg(folder).status()?;
            ensure!(status.success(), "dpkg-deb cannot unpack {}", package.display());
        }
        fs::remove_dir_all(&self.folder)?;
        Ok(())
    }

    fn get(&self, args: &[&str]) -> Command {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-y"]).args(args);
        command.env("APT_CONFIG", &self.config).current_dir(self.archives());
        command
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("cache/archives")
    }

    fn downloaded(&self) -> Result<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(self.archives())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
        Ok(packages)
    }
}
