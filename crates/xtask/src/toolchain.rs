//! A compiler for other machines, out of Debian's packages, in `.tools/targets`; nothing is installed on the
//! system.
//!
//! rustup may be able to fetch other targets, or not (a machine without access to its server, a Rust from
//! elsewhere); Debian has one compiler, its standard library for ARM and the sources to build it for the
//! rest, as ordinary packages.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::{alone, root, runs, say};

/// rustc with its library and that library's sources; clang and lld, which build and link for every machine;
/// what ARM programs are linked against, and the emulator that runs them. Each by name, so that it is
/// unpacked even where the system has it too; what they depend on comes from the system or, where it is
/// missing there, along with them.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "libstd-rust-web-dev:amd64",
    "rust-web-src",
    "clang-22",
    "libclang-cpp22",
    "libclang-common-22-dev",
    "libllvm22",
    "lld-22",
    "libc6-dev-arm64-cross",
    "libc6-arm64-cross",
    "linux-libc-dev-arm64-cross",
    "libgcc-12-dev-arm64-cross",
    "libgcc-s1-arm64-cross",
    "qemu-user",
];

/// The standard library for ARM. A package of another architecture, so apt downloads it and would not install
/// it.
const ARM_LIBRARY: &str = "libstd-rust-web-dev:arm64";

/// clang under a name that says for which machine takes its flags from a file of that name beside it.
const ARM_CLANG: &str = "aarch64-unknown-linux-gnu-clang";
const ARM_FLAGS: &str = "\
    --sysroot=<CFGDIR>/../../../..\n\
    -isystem <CFGDIR>/../../../aarch64-linux-gnu/include\n\
    -fuse-ld=lld\n";

/// The package with LLVM's tools, of the version of the other parts of LLVM here.
const TOOLS: &str = "llvm-22";

/// LLVM's tools, and where their libraries are.
pub struct Tools {
    folder: PathBuf,
    libraries: OsString,
}

impl Tools {
    /// A tool by its name, without arguments.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.env("LD_LIBRARY_PATH", &self.libraries);
        command
    }
}

/// The unpacked packages.
pub struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// What a machine lacks that these packages cannot be had for.
    pub fn missing() -> Option<&'static str> {
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            Some("x86-64 Linux")
        } else if !system.contains("VERSION_CODENAME=bookworm") || !runs("dpkg-deb", &["--version"]) {
            Some("Debian 12")
        } else {
            None
        }
    }

    /// Downloads and unpacks on first use, and when the packages above change: some 210 MB, 900 MB unpacked.
    pub fn get() -> Result<Toolchain> {
        if let Some(missing) = Toolchain::missing() {
            anyhow::bail!("the toolchain for other machines is made of packages for {missing}");
        }
        let _alone = alone("targets")?;
        let folder = root().join(".tools/targets");
        let wanted = format!("{}\n{ARM_LIBRARY}\n{ARM_FLAGS}", PACKAGES.join("\n"));
        let stamp = folder.join("packages.txt");
        let toolchain = Toolchain { folder };
        if !fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
            say(&format!("unpacking {} and {ARM_LIBRARY} into .tools/targets", PACKAGES.join(", ")));
            say("nothing of it is installed on the system");
            toolchain.unpack().context("cannot unpack Debian's packages into .tools/targets")?;
            fs::write(&stamp, wanted)?;
        }
        Ok(toolchain)
    }

    fn unpack(&self) -> Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        let apt = Apt::new(&self.folder.join("apt"))?;
        // The compiler's code is a package with the version in its name. It says where the compiler looks for
        // libraries: beside itself.
        let itself = apt.dependency("libstd-rust-web-dev:amd64", "libstd-rust-web-1")?;
        apt.download(&[PACKAGES, &[&itself]].concat())?;
        // The very version of the compiler: a library of another one would be refused.
        apt.download_alone(&format!("{ARM_LIBRARY}={}", apt.version_of("rustc-web_")?))?;
        apt.unpack(&self.folder)?;
        self.remove_what_no_target_needs()?;
        let clang = self.folder.join("usr/lib/llvm-22/bin");
        std::os::unix::fs::symlink("clang", clang.join(ARM_CLANG))?;
        fs::write(clang.join(format!("{ARM_CLANG}.cfg")), ARM_FLAGS)?;
        Ok(())
    }

    /// The compiler's own sources, which come with those of its library.
    fn remove_what_no_target_needs(&self) -> Result<()> {
        for version in fs::read_dir(self.folder.join("usr/src"))? {
            let version = version?.path();
            for part in ["src", "compiler"] {
                fs::remove_dir_all(version.join(part))?;
            }
        }
        Ok(())
    }

    /// Cargo with this compiler, from the repository's root; what it builds goes into a folder apart.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root()).env("CARGO_TARGET_DIR", root().join("target/targets"));
        self.compile_with(&mut cargo);
        cargo
    }

    /// Has what `command` builds built with this compiler.
    pub fn compile_with(&self, command: &mut Command) {
        command.env("RUSTC", self.folder.join("usr/bin/rustc"));
        command.env("LD_LIBRARY_PATH", self.folder.join("usr/lib/x86_64-linux-gnu"));
        // Set by whoever called, and other flags would have everything built anew.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    }

    /// As [`Toolchain::cargo`], to build the standard library too, from its sources, for a target that has no
    /// built one.
    ///
    /// Stable compilers do that, and deny warnings of the workspace alone, only when told that they are not.
    pub fn cargo_with_library(&self, command: &str, target: &str) -> Command {
        let mut cargo = self.cargo();
        cargo.env("RUSTC_BOOTSTRAP", "1").args([command, "--target", target]);
        cargo.args(["-Zbuild-std=std,panic_abort", "-Zwarnings", "--config", "build.warnings=\"deny\""]);
        cargo
    }

    /// LLVM's tools: what estimates the time of instructions, and what counts the lines that ran. Unpacked apart,
    /// on first use, because few tasks need them.
    pub fn tools(&self) -> Result<Tools> {
        let _alone = alone("llvm")?;
        let folder = root().join(".tools/llvm");
        let stamp = folder.join("packages.txt");
        if !fs::read_to_string(&stamp).is_ok_and(|have| have == TOOLS) {
            say(&format!("unpacking {TOOLS} into .tools/llvm; nothing of it is installed on the system"));
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            let unpack = || {
                let apt = Apt::new(&folder.join("apt"))?;
                apt.download(&[TOOLS])?;
                apt.unpack(&folder)
            };
            unpack().with_context(|| format!("cannot unpack {TOOLS} into .tools/llvm"))?;
            fs::write(&stamp, TOOLS)?;
        }
        let libraries = [&self.folder, &folder].map(|folder| folder.join("usr/lib/x86_64-linux-gnu"));
        let libraries = std::env::join_paths(libraries)?;
        Ok(Tools { folder: folder.join("usr/lib/llvm-22/bin"), libraries })
    }

    /// clang for ARM, also as a linker.
    pub fn arm_clang(&self) -> PathBuf {
        self.folder.join("usr/lib/llvm-22/bin").join(ARM_CLANG)
    }

    /// The linker for WebAssembly.
    pub fn wasm_linker(&self) -> PathBuf {
        self.folder.join("usr/lib/llvm-22/bin/wasm-ld")
    }

    /// The emulator of an ARM processor, as a command and its arguments.
    pub fn arm_emulator(&self, processor: &str) -> Vec<String> {
        let path = |path: &str| self.folder.join(path).display().to_string();
        let libraries = path("usr/aarch64-linux-gnu");
        vec![path("usr/bin/qemu-aarch64"), "-cpu".into(), processor.into(), "-L".into(), libraries]
    }
}
