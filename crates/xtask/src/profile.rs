//! How programs are built: as tests have them, or as users do.

/// A profile of cargo's.
#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// What cargo is told.
    pub fn flag(self) -> Option<&'static str> {
        (self == Profile::Release).then_some("--release")
    }

    /// Where in the target folder results are.
    pub fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}
