//! `docs/estimates.md`: tables out of estimates, with what has to be said beside them.

use super::assembly::Family;
use super::hot::{Operation, Set};
use super::processors::{MEMORY, PROCESSORS, Processor};
use super::{Cycles, Line};

/// What the estimates are from.
pub struct From {
    pub commit: String,
    pub compilers: [String; 2],
    pub analyser: String,
}

/// Bytes that 64 words take, plain and in `fast` at a ratio of 1.42.
const BYTES: [f64; 2] = [128.0, 90.0];

pub fn render(lines: &[Line], models: &[(&Processor, String)], from: &From) -> String {
    let mut page = Page(String::new());
    page.text(include_str!("page/head.md"));
    page.cycles(lines);
    page.text(include_str!("page/rows.md"));
    page.rows(lines);
    page.text(include_str!("page/even.md"));
    page.even(lines);
    page.text(include_str!("page/memory.md"));
    page.memory();
    page.text(include_str!("page/follows.md"));
    page.text(include_str!("page/models.md"));
    page.models(models);
    page.text(include_str!("page/made.md"));
    page.table(
        &["of", "what"],
        &[
            vec!["the library".into(), format!("commit {}", from.commit)],
            vec!["x86-64 assembly".into(), from.compilers[0].clone()],
            vec!["ARM assembly".into(), from.compilers[1].clone()],
            vec!["estimates".into(), from.analyser.clone()],
        ],
    );
    page.0.trim_end().to_owned() + "\n"
}

struct Page(String);

impl Page {
    fn text(&mut self, text: &str) {
        self.0 += text.trim();
        self.0 += "\n\n";
    }

    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.0 += &format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
        for row in rows {
            self.0 += &format!("| {} |\n", row.join(" | "));
        }
        self.0 += "\n";
    }

    fn by_family(&mut self, first: &[&str], mut rows: impl FnMut(Family) -> Vec<Vec<String>>) {
        for (family, name) in [(Family::X86, "x86-64"), (Family::Arm, "ARM")] {
            self.text(&format!("### {name}"));
            let mut head = first.to_vec();
            head.extend(PROCESSORS.iter().filter(|p| p.family == family).map(|p| p.name));
            self.table(&head, &rows(family));
        }
    }

    fn cycles(&mut self, lines: &[Line]) {
        self.by_family(&["loop", "with", "instructions"], |family| {
            let mut rows = Vec::new();
            for line in lines.iter().filter(|line| line.hot.set.family() == family) {
                let instructions = line.instructions.map_or("**missing**".into(), number);
                let mut row = named(line);
                row.push(instructions);
                row.extend(cells(line, |cycles| Some(cycles.turns)));
                rows.push(row);
            }
            rows
        });
    }

    fn rows(&mut self, lines: &[Line]) {
        self.by_family(&["loop", "with"], |family| {
            let wanted = |line: &&Line| {
                line.hot.set.family() == family && line.hot.parts.iter().any(|part| part.rows.is_some())
            };
            let row = |line: &Line| {
                let mut row = named(line);
                row.extend(cells(line, |cycles| cycles.rows));
                row
            };
            lines.iter().filter(wanted).map(row).collect()
        });
    }

    fn even(&mut self, lines: &[Line]) {
        let head =
            ["processor", "GHz", "with", "activations", "plain", "`fast`", "gains below", "1.42 below"];
        let mut rows = Vec::new();
        for processor in PROCESSORS {
            let of = |operation, set| {
                let line =
                    lines.iter().find(|line| line.hot.operation == operation && line.hot.set == set)?;
                let takes = line.takes.iter().find(|takes| takes.processor.name == processor.name)?;
                takes.cycles?.rows
            };
            for set in [Set::Avx2, Set::Avx512, Set::Neon, Set::NeonBf16] {
                for (activations, plain, fast) in [
                    ("F32", Operation::PlainF32, Operation::FastF32),
                    ("BF16", Operation::PlainBf16, Operation::FastBf16),
                ] {
                    let (Some(plain), Some(fast)) = (of(plain, set), of(fast, set)) else { continue };
                    let (even, whole) = even(processor.clock, plain, fast);
                    let mut row = vec![processor.name.to_owned(), processor.clock.to_string()];
                    row.extend([set.name(), activations].map(str::to_owned));
                    row.extend([number(plain), number(fast)]);
                    row.extend([even.map_or("always".into(), bandwidth), bandwidth(whole)]);
                    rows.push(row);
                }
            }
        }
        self.table(&head, &rows);
        self.text(include_str!("page/clocks.md"));
        let clocks: Vec<_> = PROCESSORS
            .iter()
            .map(|p| vec![p.name.to_owned(), p.clock.to_string(), format!("[{}]({})", p.machine, p.source)])
            .collect();
        self.table(&["processor", "GHz", "as in"], &clocks);
    }

    fn memory(&mut self) {
        let head = ["machine", "cores", "memory", "GB/s at most", "a core's share", "one core alone", "from"];
        let rows: Vec<_> = MEMORY
            .iter()
            .map(|m| {
                vec![
                    m.machine.to_owned(),
                    m.cores.to_string(),
                    format!("{} bits of {}-{}", m.bits, m.memory, m.rate),
                    format!("{:.0}", m.peak()),
                    number(m.peak() / f64::from(m.cores)),
                    if m.seen.is_empty() { "-" } else { m.seen }.to_owned(),
                    format!("[source]({})", m.source),
                ]
            })
            .collect();
        self.table(&head, &rows);
    }

    fn models(&mut self, models: &[(&Processor, String)]) {
        let rows: Vec<_> = models
            .iter()
            .map(|(processor, model)| {
                let own =
                    if processor.name == model { "its own".to_owned() } else { format!("that of {model}") };
                vec![processor.name.to_owned(), format!("`{}`", processor.name_in_llvm), own]
            })
            .collect();
        self.table(&["processor", "`-mcpu`", "model"], &rows);
    }
}

fn named(line: &Line) -> Vec<String> {
    vec![line.hot.operation.name().to_owned(), line.hot.set.name().to_owned()]
}

/// A cell for each processor of the line's family.
fn cells(line: &Line, of: impl Fn(Cycles) -> Option<f64>) -> Vec<String> {
    if line.instructions.is_none() {
        let count = PROCESSORS.iter().filter(|p| p.family == line.hot.set.family()).count();
        return vec!["**missing**".into(); count];
    }
    let cell = |cycles: Option<Cycles>| {
        cycles.map_or("lacks it".into(), |cycles| of(cycles).map_or("-".into(), number))
    };
    line.takes.iter().map(|takes| cell(takes.cycles)).collect()
}

/// Up to which bandwidth `fast` is quicker than plain, if not always, and up to which by all that it is smaller;
/// from the clock in GHz and the cycles of 64 words.
///
/// The time of 64 words is that of the cycles or that of the bytes, whichever is longer. While memory gives plain
/// words less than `fast` takes cycles for, `fast` gains.
fn even(clock: f64, plain: f64, fast: f64) -> (Option<f64>, f64) {
    let even = (fast > plain).then_some(BYTES[0] * clock / fast);
    (even, BYTES[1] * clock / fast)
}

fn bandwidth(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn number(value: f64) -> String {
    if value < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_gains_while_memory_is_slower_than_its_cycles() {
        // 64 words in 16 cycles of a third of a nanosecond: 5.33 ns.
        let (at, whole) = even(3.0, 8.0, 16.0);
        let at = at.expect("a point");
        let times = |gb_s: f64| [f64::max(8.0 / 3.0, 128.0 / gb_s), f64::max(16.0 / 3.0, 90.0 / gb_s)];
        let [plain, fast] = times(at);
        assert!((plain - fast).abs() < 1e-9);
        let [plain, fast] = times(whole);
        assert!((plain / fast - 128.0 / 90.0).abs() < 1e-9);
        assert!(times(1.1 * at)[0] < times(1.1 * at)[1]);
        assert_eq!(even(3.0, 16.0, 16.0).0, None);
    }

    #[test]
    fn a_loop_that_is_not_there_is_named_as_missing() {
        let hot = &super::super::hot::HOT[0];
        let line = Line { hot, instructions: None, takes: Vec::new() };
        let mut page = Page(String::new());
        page.cycles(&[line]);
        let row = "| plain product, F32 activations | AVX2 | **missing** | **missing** | **missing** |";
        assert!(page.0.contains(row), "{}", page.0);
    }
}
