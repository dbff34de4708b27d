//! The program that loads this library: found at run time, since no ggml symbol is linked. Several copies of
//! ggml may be in one process, each private to who loaded it (Node loads everything so); the one that matters
//! is the one that calls.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use crate::abi::{Buffer, BufferType, Graph, Registry, Tensor, Unit};

/// `ggml_tensor_overhead()` where a tensor is what [`Tensor`] says: an object's head is 32 bytes.
const TENSOR_OVERHEAD: usize = size_of::<Tensor>() + 32;

/// `GOMP_parallel`: runs a function on that many threads of the OpenMP runtime.
pub type Parallel = unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void), *mut c_void, c_uint, c_uint);

/// What the host offers.
pub struct Host {
    /// The layout of its structures.
    pub unit: &'static Unit,
    /// `ggml_backend_buffer_init`, whose type depends on the layout.
    pub buffer_init: *const c_void,
    pub buffer_type_of: unsafe extern "C" fn(*const Buffer) -> *mut BufferType,
    pub buffer_usage: unsafe extern "C" fn(*const Buffer) -> c_int,
    pub type_is_host: unsafe extern "C" fn(*mut BufferType) -> bool,
    pub graph_nodes: unsafe extern "C" fn(*mut Graph) -> c_int,
    pub graph_node: unsafe extern "C" fn(*mut Graph, c_int) -> *mut Tensor,
    /// The runtime that the host's own operations run on, if it was built with OpenMP.
    pub parallel: Option<Parallel>,
    /// Operations by their numbers here.
    pub operations: Operations,
}

/// Numbers of operations; they differ between versions, so the host is asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Operations {
    pub get_rows: c_int,
    pub mul_mat: c_int,
    /// Those that do nothing to data.
    pub idle: [c_int; 5],
}

// SAFETY: functions and addresses of functions, which belong to no thread.
unsafe impl Send for Host {}
// SAFETY: as above, and nothing is written.
unsafe impl Sync for Host {}

static HOST: OnceLock<Host> = OnceLock::new();

/// The host that was found. Every function that a host can call is told to it after that.
pub fn host() -> &'static Host {
    HOST.get().expect("a host calls only what it was given")
}

/// Finds the caller of this library and what it offers.
///
/// # Errors
/// What is missing, or that no unit is for this host, by name and version.
pub fn find() -> Result<&'static Host, String> {
    let caller = Caller::find();
    let host = caller.host()?;
    let found = HOST.get_or_init(|| host);
    // A second copy of ggml in the process has structures, and buffers, of its own.
    match found.buffer_init == caller.symbol("ggml_backend_buffer_init")? {
        true => Ok(found),
        false => Err(format!("{}: another copy of ggml in this process has the backend", caller.name)),
    }
}

/// The library that called, and all that it depends on.
struct Caller {
    name: String,
    handle: *mut c_void,
}

impl Caller {
    fn find() -> Caller {
        let path = calling_library();
        let open = |path: Option<&CString>| {
            let name = path.map_or(std::ptr::null(), |path| path.as_ptr());
            // SAFETY: a library that is loaded already, or the program itself; nothing is run.
            unsafe { libc::dlopen(name, libc::RTLD_NOW | libc::RTLD_NOLOAD) }
        };
        let of_caller = path.as_ref().map_or(std::ptr::null_mut(), |path| open(Some(path)));
        let handle = if of_caller.is_null() { open(None) } else { of_caller };
        let name = path.map_or("this program".into(), |path| path.to_string_lossy().into_owned());
        Caller { name, handle }
    }

    fn symbol(&self, name: &str) -> Result<*const c_void, String> {
        let symbol = CString::new(name).expect("names of functions have no zeros");
        // SAFETY: a handle of the system, or null, which stands for all global symbols.
        let found = unsafe { libc::dlsym(self.handle, symbol.as_ptr()) };
        if found.is_null() {
            return Err(format!("{} exports no {name}: it is no host of ggml backends", self.name));
        }
        Ok(found)
    }

    #[allow(clippy::missing_transmute_annotations, reason = "the fields of `Host` have the types")]
    fn host(&self) -> Result<Host, String> {
        let unit = self.unit()?;
        // SAFETY, here and below: each symbol has had this type in all versions that a unit names.
        macro_rules! function {
            ($name:literal) => {{
                let symbol = self.symbol($name)?;
                // SAFETY: as said above.
                unsafe { std::mem::transmute(symbol) }
            }};
        }
        let parallel = self.symbol("GOMP_parallel").ok();
        // SAFETY: this function is part of the ABI of GCC's runtime, which LLVM's has, too.
        let parallel =
            parallel.map(|symbol| unsafe { std::mem::transmute::<*const c_void, Parallel>(symbol) });
        Ok(Host {
            unit,
            buffer_init: self.symbol("ggml_backend_buffer_init")?,
            buffer_type_of: function!("ggml_backend_buffer_get_type"),
            buffer_usage: function!("ggml_backend_buffer_get_usage"),
            type_is_host: function!("ggml_backend_buft_is_host"),
            graph_nodes: function!("ggml_graph_n_nodes"),
            graph_node: function!("ggml_graph_node"),
            parallel,
            operations: self.operations()?,
        })
    }

    /// The unit for this host.
    fn unit(&self) -> Result<&'static Unit, String> {
        type Version = unsafe extern "C" fn() -> *const c_char;
        type Count = unsafe extern "C" fn() -> usize;
        type Get = unsafe extern "C" fn(usize) -> *mut Registry;
        let (version, count) = (self.symbol("ggml_version")?, self.symbol("ggml_backend_reg_count")?);
        let (get, overhead) = (self.symbol("ggml_backend_reg_get")?, self.symbol("ggml_tensor_overhead")?);
        // SAFETY: these are the types of the four functions in every version of ggml that has them.
        let (version, count, get, overhead) = unsafe {
            let version = std::mem::transmute::<*const c_void, Version>(version)();
            let get = std::mem::transmute::<*const c_void, Get>(get);
            (
                CStr::from_ptr(version).to_string_lossy(),
                std::mem::transmute::<*const c_void, Count>(count)(),
                get,
                std::mem::transmute::<*const c_void, Count>(overhead)(),
            )
        };
        if count == 0 {
            return Err(format!("{}: ggml {version} has no CPU backend yet to tell its API", self.name));
        }
        // SAFETY: a registry begins with its API number in every version; the first one is there.
        let api = unsafe { *get(0).cast::<c_int>() };
        let numbers = numbers(&version);
        match numbers.and_then(|version| Unit::of(version, api)) {
            Some(unit) if overhead == TENSOR_OVERHEAD => Ok(unit),
            _ => {
                let known = crate::abi::UNITS.map(|unit| unit.named).join(", ");
                Err(format!("{} has ggml {version} with backend API {api}; known are {known}", self.name))
            }
        }
    }

    /// Asks for the names of all operations.
    fn operations(&self) -> Result<Operations, String> {
        type Name = unsafe extern "C" fn(c_int) -> *const c_char;
        let symbol = self.symbol("ggml_op_name")?;
        // SAFETY: the type of this function in every version.
        let name = unsafe { std::mem::transmute::<*const c_void, Name>(symbol) };
        let number = |wanted: &str| {
            // All that we ask for come early; a number past the last operation would be read beyond a table.
            // SAFETY: 60 operations were there long before backend APIs had numbers.
            let named = |op: c_int| unsafe { CStr::from_ptr(name(op)) }.to_str() == Ok(wanted);
            (0..60).find(|&op| named(op)).ok_or_else(|| format!("{} has no operation {wanted}", self.name))
        };
        let idle =
            [number("NONE")?, number("RESHAPE")?, number("VIEW")?, number("PERMUTE")?, number("TRANSPOSE")?];
        Ok(Operations { get_rows: number("GET_ROWS")?, mul_mat: number("MUL_MAT")?, idle })
    }
}

/// Major and minor number of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The file of the nearest function up the stack that is not of this library.
fn calling_library() -> Option<CString> {
    let own = object_of(calling_library as *const c_void)?.1;
    let mut frames = [std::ptr::null_mut(); 64];
    // SAFETY: room for as many frames as is said.
    let count = unsafe { libc::backtrace(frames.as_mut_ptr(), frames.len() as c_int) };
    let frames = frames.iter().take(usize::try_from(count).ok()?);
    frames.filter_map(|&frame| object_of(frame)).find(|(_, base)| *base != own).map(|(name, _)| name)
}

/// File and base address of the library, or program, that code is in.
fn object_of(code: *const c_void) -> Option<(CString, *mut c_void)> {
    // SAFETY: all zeros is a valid value of this structure; only an address is looked up.
    let (found, info) = unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(code, &raw mut info), info)
    };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a string of the loader's, which lives as long as the library.
    Some((unsafe { CStr::from_ptr(info.dli_fname) }.to_owned(), info.dli_fbase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(numbers("0.25.3"), Some((0, 25)));
        assert_eq!(numbers("0.27.0-dirty"), Some((0, 27)));
        assert_eq!((numbers("0"), numbers("b4321"), numbers("")), (None, None, None));
    }

    #[test]
    fn a_program_without_ggml_is_no_host() {
        let error = find().err().expect("tests are no host");
        assert!(error.contains("exports no ggml_version"), "{error}");
    }
}
