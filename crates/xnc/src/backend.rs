//! Which backend a table gets: the one that is asked for, the one that is pinned, or the fastest.

use crate::error::{Error, Result};
use crate::kernel::Backend;

/// Environment variable that names the backend of all tables that ask for none.
const PIN: &str = "XNC_BACKEND";

impl Backend {
    /// The fastest backend of this machine, or the one that the environment variable `XNC_BACKEND` names.
    ///
    /// # Errors
    /// [`Error::NoBackend`] when the machine does not have the one that is named.
    pub fn detect() -> Result<Backend> {
        match std::env::var_os(PIN) {
            Some(name) if !name.is_empty() => Backend::from_name(&name.to_string_lossy()),
            _ => Ok(Backend::best()),
        }
    }

    /// The backend of that name.
    ///
    /// # Errors
    /// [`Error::NoBackend`] when the machine does not have one.
    pub fn from_name(name: &str) -> Result<Backend> {
        let all = Backend::available();
        let names = || all.iter().map(|backend| backend.name()).collect::<Vec<_>>().join(", ");
        let found = all.iter().find(|backend| backend.name() == name).copied();
        found.ok_or_else(|| Error::NoBackend { name: name.into(), available: names() })
    }

    /// The backend that a caller asks for, or the one that is found.
    pub(crate) fn or_detected(asked: Option<Backend>) -> Result<Backend> {
        asked.map_or_else(Backend::detect, Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_a_missing_one_is_an_error_that_tells_the_others() {
        for backend in Backend::available() {
            assert!(Backend::from_name(backend.name()).is_ok_and(|found| found.name() == backend.name()));
        }
        let error = Backend::from_name("avx1024").expect_err("no such backend").to_string();
        assert!(error.contains("`avx1024`") && error.contains("scalar"), "{error}");
    }
}
