//! The library as a WebAssembly module, for pages and for `cargo xtask wasm`.
//!
//! A caller asks for room with [`input`], writes bytes there, calls a function, and finds its answer at
//! [`output`]: bytes, JSON, or, where the function returned 0, why not. A module has one model and one table
//! open at a time, and one thread. Words and numbers are little-endian, as all memory of WebAssembly is.
//!
//! Names of exports are what `unsafe` is needed for: two functions of one name would be undefined. These are
//! all there are, and there is no other `unsafe`: pointers are only handed out, and only the caller follows
//! them.
#![deny(unsafe_code)]

mod answers;

use std::cell::RefCell;

use answers::Model;
use xnc::Table;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    output: Vec<u8>,
    model: Option<Model>,
    table: Option<Table>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Runs `work` on the state; what it gives becomes the output.
fn answer(work: impl FnOnce(&mut State) -> Result<Vec<u8>, String>) -> bool {
    STATE.with_borrow_mut(|state| {
        let (done, output) = match work(state) {
            Ok(output) => (true, output),
            Err(reason) => (false, reason.into_bytes()),
        };
        state.output = output;
        done
    })
}

impl State {
    fn model(&self) -> Result<&Model, String> {
        self.model.as_ref().ok_or_else(|| "no model is open".into())
    }

    fn table(&self) -> Result<&Table, String> {
        self.table.as_ref().ok_or_else(|| "no table is open".into())
    }

    fn numbers<T>(&self, number: impl Fn([u8; 4]) -> T) -> Result<Vec<T>, String> {
        let (numbers, rest) = self.input.as_chunks();
        if rest.is_empty() {
            Ok(numbers.iter().map(|&bytes| number(bytes)).collect())
        } else {
            Err(UNEVEN.into())
        }
    }
}

const UNEVEN: &str = "the input is not a whole number of 32-bit values";

/// Makes room for `length` bytes of input and says where; what was there is gone.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input = vec![0; length];
        state.input.as_mut_ptr()
    })
}

/// Where the last answer lies; valid until the next call.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    STATE.with_borrow(|state| state.output.as_ptr())
}

/// How long the last answer is.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn output_length() -> usize {
    STATE.with_borrow(|state| state.output.len())
}

/// Opens the input, a model file; answers with its tables, as JSON. The input is used up.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn open_model() -> bool {
    answer(|state| {
        (state.table, state.model) = (None, None);
        let model = Model::new(std::mem::take(&mut state.input)).map_err(text)?;
        let tables = model.tables().map_err(text)?;
        state.model = Some(model);
        Ok(tables.to_string().into_bytes())
    })
}

/// Answers with the file that the open one was made of.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn restore() -> bool {
    answer(|state| state.model()?.restored().map_err(text))
}

/// Opens the table whose name is the input.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn open_table() -> bool {
    answer(|state| {
        let name = str::from_utf8(&state.input).map_err(|_| "the name is not UTF-8".to_owned())?;
        state.table = Some(state.model()?.table(name).map_err(text)?);
        Ok(Vec::new())
    })
}

/// Answers with the words of the rows of the open table whose numbers are the input, 32 bits each.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn rows() -> bool {
    answer(|state| {
        let ids = state.numbers(|bytes| u32::from_le_bytes(bytes) as usize)?;
        let words = answers::rows(state.table()?, &ids).map_err(text)?;
        Ok(words.into_iter().flat_map(u16::to_le_bytes).collect())
    })
}

/// Answers with the products of every row of the open table and the input, one F32 vector.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn product() -> bool {
    answer(|state| {
        let (table, x) = (state.table()?, state.numbers(f32::from_le_bytes)?);
        if x.len() != table.dim() {
            return Err(format!("the vector has {} values, a row {}", x.len(), table.dim()));
        }
        let out = answers::product(table, &x).map_err(text)?;
        Ok(out.into_iter().flat_map(f32::to_le_bytes).collect())
    })
}

/// Answers with what is in the open table, as JSON.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn analyze() -> bool {
    answer(|state| Ok(answers::analysis(state.table()?).map_err(text)?.to_string().into_bytes()))
}

fn text(error: xnc::Error) -> String {
    error.to_string()
}
