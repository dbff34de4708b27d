//! Where, when and of which code the figures are: what stands above and below them.

use crate::study::machine::Machine;
use crate::study::{Results, Taken};

/// Sections by machine and commit.
pub struct Head<'a> {
    /// The one with most sections first; of as many, in the order of the page.
    groups: Vec<Group<'a>>,
}

struct Group<'a> {
    machine: &'a Machine,
    sections: Vec<&'static str>,
    seconds: f64,
}

impl<'a> Head<'a> {
    pub fn of(results: &'a Results) -> Head<'a> {
        fn about<T>(taken: &Option<Taken<T>>) -> Option<(&Machine, f64)> {
            taken.as_ref().map(|taken| (&taken.machine, taken.seconds))
        }
        let taken = [
            ("patterns", about(&results.patterns)),
            ("ratios", about(&results.ratios)),
            ("lines", about(&results.lines)),
            ("peers", about(&results.peers)),
            ("large", about(&results.large)),
            ("models", about(&results.models)),
            ("running", about(&results.running)),
            ("scaling", about(&results.scaling)),
            ("limits", about(&results.limits)),
        ];
        let mut groups: Vec<Group<'a>> = Vec::new();
        for (name, about) in taken {
            let Some((machine, seconds)) = about else { continue };
            match groups.iter_mut().find(|group| group.machine.agrees(machine)) {
                Some(group) => {
                    group.sections.push(name);
                    group.seconds += seconds;
                }
                None => groups.push(Group { machine, sections: vec![name], seconds }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.sections.len()));
        Head { groups }
    }

    /// What has to be known before any number. `sources` is the hash of what would be measured now.
    pub fn notes(&self, sources: &str) -> Vec<String> {
        let Some(Group { machine, .. }) = self.groups.first() else { return Vec::new() };
        let mut notes = vec![format!(
            "**Measured** on {}, {}, from commit {}. Measured means that this machine did it; what follows \
             from public shapes or from counted bits is called computed.",
            machine.told(),
            machine.date,
            tree(&machine.commit),
        )];
        if machine.sources != sources {
            notes.push(format!(
                "**The measured code has changed since** commit {}: these figures are of the code as it was \
                 then, and `cargo xtask study` takes them anew.",
                machine.commit.trim_end_matches(DIRTY)
            ));
        }
        if self.groups.len() > 1 {
            notes.push(
                "Not all sections are of that machine and commit: those that are not begin by saying so, and \
                 must not be compared with the others."
                    .into(),
            );
        }
        notes
    }

    /// What a section says that was measured elsewhere or on another commit than most.
    pub fn older(&self, machine: &Machine) -> Option<String> {
        let first = self.groups.first()?.machine;
        (!first.agrees(machine)).then(|| {
            format!(
                "**Older figures**: this section was measured on {}, {}, from commit {}, and not with the others.",
                machine.told(),
                machine.date,
                tree(&machine.commit)
            )
        })
    }

    /// Machines, dates and versions in full; sections measured together share a line.
    pub fn colophon(&self) -> Vec<String> {
        let lines = self.groups.iter().map(|Group { machine, sections, seconds }| {
            format!(
                "**{}**: {} ({}; backend {}), {} memory, {}; {}, xnc {}, commit {}; measured {} in {seconds:.0} s.",
                sections.join(", "),
                machine.told(),
                machine.instructions.join(", "),
                machine.backend,
                machine.memory_gb.map_or("unknown".into(), |gb| format!("{gb:.0} GB")),
                machine.system,
                machine.rustc,
                machine.xnc,
                tree(&machine.commit),
                machine.date,
            )
        });
        let mut lines: Vec<String> = lines.collect();
        lines.push(
            "GB = 10^9 bytes of source words. Times and speeds are medians; `results.json`, which stands beside \
             this page and from which all of it is made, has the number of runs and the quartiles of each. Bits \
             of a word are counted from the most significant as 1."
                .into(),
        );
        lines
    }
}

const DIRTY: &str = "-dirty";

fn tree(commit: &str) -> String {
    match commit.strip_suffix(DIRTY) {
        Some(commit) => format!("{commit} with changes that were not committed"),
        None if commit.is_empty() => "unknown".into(),
        None => commit.into(),
    }
}
