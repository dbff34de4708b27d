//! How far a long operation is.

/// What an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Encoding tables; counted in source bytes.
    Encode,
    /// Hashing the source.
    Digest,
    /// Writing the target.
    Write,
    /// Decoding and hashing what restores from a compressed file; counted in source bytes.
    Restore,
    /// Copying the files of a folder that hold no table.
    Copy,
    /// Counting words; in source bytes.
    Analyze,
}

/// Hears of steps: the stage, bytes done, bytes in all. [`Default`] is silent, `Progress::from(&closure)` is not.
#[derive(Clone, Copy, Default)]
pub struct Progress<'a>(Option<&'a (dyn Fn(Stage, u64, u64) + Sync)>);

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Progress" } else { "Progress::default()" })
    }
}

/// Calls the closure for every step.
impl<'a, F: Fn(Stage, u64, u64) + Sync> From<&'a F> for Progress<'a> {
    fn from(hear: &'a F) -> Self {
        Progress(Some(hear))
    }
}

impl<'a> Progress<'a> {
    pub(crate) fn stage(&self, stage: Stage, total: u64) -> Steps<'a> {
        let steps = Steps { progress: *self, stage, done: 0, total };
        steps.tell();
        steps
    }
}

/// Progress inside one stage.
pub(crate) struct Steps<'a> {
    progress: Progress<'a>,
    stage: Stage,
    done: u64,
    total: u64,
}

impl Steps<'_> {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        self.tell();
    }

    /// Takes over what was done while nobody was told.
    pub(crate) fn reach(&mut self, done: u64) {
        self.done = done;
        self.tell();
    }

    fn tell(&self) {
        if let Some(hear) = self.progress.0 {
            hear(self.stage, self.done, self.total);
        }
    }
}
