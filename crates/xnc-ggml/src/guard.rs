//! The border to C: no panic crosses it, and what fails is said once, on standard error.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does `work`; when it fails, says that it was not possible to do `what`, and gives `failed`.
pub fn guard<T>(what: &str, failed: T, work: impl FnOnce() -> Result<T, String>) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => done,
        Ok(Err(why)) => {
            say(format_args!("cannot {what}: {why}"));
            failed
        }
        // The panic has told its own place.
        Err(_) => {
            say(format_args!("cannot {what}: a fault in this library"));
            failed
        }
    }
}

/// A line for whoever reads the host's log, from this library.
pub fn say(what: impl Display) {
    line(format_args!("xnc: {what}"));
}

/// A line on standard error.
pub fn line(line: impl Display) {
    use std::io::Write;
    // One call: lines of the host's threads do not come between. A closed standard error is no reason to stop.
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_panics_give_what_stands_for_them() {
        assert_eq!(guard("test", 0, || Ok(1)), 1);
        assert_eq!(guard("test", 0, || Err("on purpose".into())), 0);
        assert_eq!(guard("test", 0, || panic!("on purpose")), 0);
    }
}
