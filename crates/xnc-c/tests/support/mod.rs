//! C programs compiled against the library: the one that cargo just built, and the one that `cargo xtask c` installed
//! under `XNC_C_PREFIX`, where that is set.
#![allow(dead_code)] // not every test uses everything

use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A library, and how programs are made with it.
pub struct Library {
    /// The shared library itself.
    pub shared: PathBuf,
    name: &'static str,
    flags: Vec<String>,
    libraries: Vec<String>,
    _folder: Option<tempfile::TempDir>,
}

/// A program that loads the library by itself, and is not linked with it.
const LOADER: &str = "tests/programs/unload.c";

impl Library {
    /// All that are there.
    pub fn all() -> Vec<Library> {
        let mut all = vec![Library::built()];
        match std::env::var_os("XNC_C_PREFIX") {
            Some(prefix) => all.extend(Library::installed(Path::new(&prefix))),
            None => println!("XNC_C_PREFIX is not set: no library is tried as it is installed"),
        }
        all
    }

    /// What cargo built along with this test, under the names that programs look for.
    fn built() -> Library {
        let test = std::env::current_exe().expect("a path");
        let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let built = test.with_file_name(format!("{prefix}xnc_c{suffix}"));
        assert!(built.exists(), "cargo builds {} along with the tests", built.display());
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["link", "run"] {
            std::fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        let (link, run) = (folder.path().join("link"), folder.path().join("run"));
        let major = env!("CARGO_PKG_VERSION_MAJOR");
        let installed = if cfg!(target_vendor = "apple") {
            format!("libxnc.{major}.dylib")
        } else {
            format!("libxnc.so.{major}")
        };
        std::fs::copy(&built, run.join(&installed)).expect("a copy");
        // A program is linked with the plain name, and must not need it to start.
        std::fs::hard_link(run.join(&installed), link.join(format!("{prefix}xnc{suffix}"))).expect("a link");
        Library {
            shared: built,
            name: "built, shared",
            flags: vec![format!("-I{FOLDER}/include")],
            libraries: vec![format!("-L{}", link.display()), "-lxnc".into(), rpath(&run)],
            _folder: Some(folder),
        }
    }

    /// What is installed, shared and static, as pkg-config tells.
    fn installed(prefix: &Path) -> Vec<Library> {
        let ask = |options: &[&str]| -> Vec<String> {
            let mut tool = Command::new("pkg-config");
            tool.args(options).arg("xnc").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
            output(&mut tool).split_whitespace().map(str::to_owned).collect()
        };
        if Command::new("pkg-config").arg("--version").output().is_err() {
            println!("no pkg-config: the library under {} is NOT tried", prefix.display());
            return Vec::new();
        }
        assert_eq!(ask(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
        let folder = PathBuf::from(ask(&["--variable=libdir"]).concat());
        let dll = format!("libxnc{}", std::env::consts::DLL_SUFFIX);
        let library = |name, libraries| Library {
            shared: folder.join(&dll),
            name,
            flags: ask(&["--cflags"]),
            libraries,
            _folder: None,
        };
        let archive = folder.join("libxnc.a").display().to_string();
        let all = ask(&["--static", "--libs"]);
        let fixed = all.iter().map(|flag| if flag == "-lxnc" { archive.clone() } else { flag.clone() });
        vec![
            library("installed, shared", [ask(&["--libs"]), vec![rpath(&folder)]].concat()),
            library("installed, static", fixed.collect()),
        ]
    }

    /// A program of this package, compiled into a folder with every warning an error; none where there is no compiler
    /// for its language.
    pub fn compile(&self, source: &str, folder: &Path, more: &[&str]) -> Option<PathBuf> {
        let (variable, usual, standard) =
            if source.ends_with(".c") { ("CC", "cc", "-std=c99") } else { ("CXX", "c++", "-std=c++11") };
        let compiler = std::env::var(variable).unwrap_or(usual.into());
        if Command::new(&compiler).arg("--version").output().is_err() {
            println!("no {compiler}: {source} is NOT compiled");
            return None;
        }
        let program = folder.join(Path::new(source).file_stem().expect("a name"));
        let mut command = Command::new(compiler);
        command.args([
            standard,
            "-D_POSIX_C_SOURCE=200809L",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-g",
        ]);
        command.args(more).args(&self.flags).arg(Path::new(FOLDER).join(source)).arg("-o").arg(&program);
        if source == LOADER {
            command.arg("-ldl");
        } else {
            command.args(&self.libraries);
        }
        output(command.arg("-pthread"));
        Some(program)
    }

    /// Starts a program, in a folder of its own.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        println!("{}: {}", self.name, program.display());
        let mut command = Command::new(program);
        command.current_dir(folder);
        command
    }
}

/// What sees a program touch memory that is not its own.
pub enum Watch {
    /// The compiler's.
    Sanitizer,
    /// An emulator's.
    Valgrind,
    /// Nothing here does.
    Nothing,
}

impl Watch {
    /// The first that works here.
    pub fn get(folder: &Path) -> Watch {
        let source = folder.join("empty.c");
        std::fs::write(&source, "int main(void) { return 0; }\n").expect("written");
        let program = folder.join("empty");
        let compiler = std::env::var("CC").unwrap_or("cc".into());
        let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let compiled = works(Command::new(compiler).args(SANITIZE).arg(&source).arg("-o").arg(&program));
        if compiled && works(&mut Command::new(&program)) {
            return Watch::Sanitizer;
        }
        if works(Command::new("valgrind").arg("--version")) {
            return Watch::Valgrind;
        }
        println!("neither AddressSanitizer nor valgrind: memory is NOT watched");
        Watch::Nothing
    }

    /// What a compiler is told.
    pub fn flags(&self) -> &'static [&'static str] {
        match self {
            Watch::Sanitizer => &SANITIZE,
            Watch::Valgrind | Watch::Nothing => &[],
        }
    }

    /// The command, under what watches it.
    pub fn wrap(&self, command: Command) -> Command {
        let Watch::Valgrind = self else { return command };
        let mut watched = Command::new("valgrind");
        watched.args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ]);
        watched.arg(command.get_program()).args(command.get_args());
        watched.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
        watched
    }
}

const SANITIZE: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// What a command prints, which must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn rpath(folder: &Path) -> String {
    format!("-Wl,-rpath,{}", folder.display())
}
