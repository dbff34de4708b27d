//! Which backend a table gets: the one that is asked for, the one that is pinned, or the fastest.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::kernel::{Backend, Plan};

/// Environment variable that names the backend of all tables that ask for none.
const PIN: &str = "XNC_BACKEND";

/// Environment variable that says how products ask for memory ahead, as `t0:8192`: for the first cache (`t0`) or
/// the second (`t1`), and how many bytes ahead. `xnc bench --tune` finds what suits a machine.
const PREFETCH: &str = "XNC_PREFETCH";

/// Farther ahead than any cache holds.
const FARTHEST: usize = 1 << 20;

impl Backend {
    /// The fastest backend of this machine, or the one that the environment variable `XNC_BACKEND` names.
    ///
    /// # Errors
    /// [`Error::NoBackend`] when the machine does not have the one that is named, or cannot ask for memory as
    /// `XNC_PREFETCH` says.
    pub fn detect() -> Result<Backend> {
        if let Some(text) = std::env::var_os(PREFETCH).filter(|text| !text.is_empty()) {
            let name = text.to_string_lossy();
            let plan = plan(&name).ok_or_else(|| Error::NoBackend {
                name: format!("{PREFETCH}={name}"),
                available: "t0:BYTES and t1:BYTES".into(),
            })?;
            plan.pin();
        }
        match std::env::var_os(PIN) {
            Some(name) if !name.is_empty() => name.to_string_lossy().parse(),
            _ => Ok(Backend::best()),
        }
    }

    /// The backend that a caller asks for, or the one that is found.
    pub(crate) fn or_detected(asked: Option<Backend>) -> Result<Backend> {
        asked.map_or_else(Backend::detect, Ok)
    }
}

/// The plan that a text such as `t1:8192` names.
fn plan(text: &str) -> Option<Plan> {
    let (hint, bytes) = text.split_once(':')?;
    let second = match hint {
        "t0" => false,
        "t1" => true,
        _ => return None,
    };
    let bytes = bytes.parse().ok().filter(|bytes| (64..=FARTHEST).contains(bytes))?;
    Some(Plan { bytes, second })
}

/// The backend of that name; [`Error::NoBackend`] when the machine does not have one.
impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Backend> {
        let all = Backend::available();
        let names = || all.iter().map(|backend| backend.name()).collect::<Vec<_>>().join(", ");
        let found = all.iter().find(|backend| backend.name() == name).copied();
        found.ok_or_else(|| Error::NoBackend { name: name.into(), available: names() })
    }
}

/// The name that [`Backend::from_str`] takes.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_a_missing_one_is_an_error_that_tells_the_others() {
        for backend in Backend::available() {
            assert!(backend.name().parse::<Backend>().is_ok_and(|found| found.name() == backend.name()));
        }
        let error = "avx1024".parse::<Backend>().expect_err("no such backend").to_string();
        assert!(error.contains("`avx1024`") && error.contains("scalar"), "{error}");
    }

    #[test]
    fn plans_are_read_or_refused() {
        assert_eq!(plan("t1:4096"), Some(Plan { bytes: 4096, second: true }));
        assert_eq!(plan("t0:64"), Some(Plan { bytes: 64, second: false }));
        for text in ["", "t0", "t0:", "t2:64", "t0:63", "t0:99999999", "t0:-64", "t0:x"] {
            assert_eq!(plan(text), None, "{text}");
        }
    }
}
