//! What a compiler wrote, function by function: blocks of instructions, and which may follow which.

use std::collections::BTreeMap;

/// The processor families whose assembly is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    X86,
    Arm,
}

/// Functions under the names that they have in Rust, with constants but without hashes.
pub struct Assembly {
    functions: BTreeMap<String, Function>,
}

/// Blocks in the order of the file; the first is where the function begins.
pub struct Function {
    pub blocks: Vec<Block>,
}

/// Instructions that run one after another.
#[derive(Default)]
pub struct Block {
    pub instructions: Vec<String>,
    /// Blocks of the function that may follow.
    pub next: Vec<usize>,
    /// The function that the last instruction calls; a name that is not known here where it is not a plain one.
    pub calls: Option<String>,
    /// Whether the function returns at the end of the block.
    pub returns: bool,
}

/// Where an instruction leads.
#[derive(Debug, PartialEq)]
enum Flow<'a> {
    On,
    /// To a place, and on if the condition does not hold.
    Branch {
        to: &'a str,
        always: bool,
    },
    Call(&'a str),
    Return,
    /// To where the text does not say, or nowhere.
    Away,
}

impl Assembly {
    /// Reads the file that the compiler wrote.
    pub fn parse(family: Family, text: &str) -> Assembly {
        let mut functions = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_suffix(':').filter(|name| name.starts_with("_R")) else { continue };
            let body: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with(".Lfunc_end")).collect();
            functions.insert(readable(name), Function::parse(family, &body));
        }
        Assembly { functions }
    }

    /// The function of this name: `kernel::dot::avx2::bf16_rows::<0>`, without the crate's.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }
}

impl Function {
    fn parse(family: Family, lines: &[&str]) -> Function {
        let mut blocks = vec![Block::default()];
        let mut places = BTreeMap::new();
        let mut exits = vec![None];
        let mut ended = false;
        for line in lines {
            let line = without_comment(family, line).trim();
            if let Some(label) = line.strip_suffix(':') {
                begin(&mut blocks, &mut exits);
                places.insert(label, blocks.len() - 1);
                ended = false;
                continue;
            }
            // Directives, and what is between macros of assembly in the source.
            if line.is_empty() || line.starts_with('.') {
                continue;
            }
            if ended {
                begin(&mut blocks, &mut exits);
            }
            let last = blocks.len() - 1;
            let flow = flow(family, line);
            blocks[last].instructions.push(line.to_owned());
            ended = flow != Flow::On;
            exits[last] = Some(flow);
        }
        for (i, exit) in exits.into_iter().enumerate() {
            let on = (i + 1 < blocks.len()).then_some(i + 1);
            let block = &mut blocks[i];
            match exit {
                None | Some(Flow::On) => block.next.extend(on),
                Some(Flow::Branch { to, always }) => {
                    block.next.extend(places.get(to));
                    block.next.extend(on.filter(|_| !always));
                }
                Some(Flow::Call(name)) => {
                    block.calls = Some(readable(name));
                    block.next.extend(on);
                }
                Some(Flow::Return) => block.returns = true,
                Some(Flow::Away) => {}
            }
        }
        Function { blocks }
    }
}

/// A new block, unless the last one is still empty.
fn begin(blocks: &mut Vec<Block>, exits: &mut Vec<Option<Flow<'_>>>) {
    if blocks.last().is_some_and(|block| !block.instructions.is_empty()) {
        blocks.push(Block::default());
        exits.push(None);
    }
}

/// Comments begin with `#` for x86 and with `//` for ARM, where `#` begins a number.
fn without_comment(family: Family, line: &str) -> &str {
    let mark = match family {
        Family::X86 => "#",
        Family::Arm => "//",
    };
    line.split(mark).next().unwrap_or_default()
}

fn flow(family: Family, line: &str) -> Flow<'_> {
    let (name, operands) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let last = operands.rsplit(',').next().unwrap_or_default().trim();
    match (family, name) {
        (Family::X86, "jmp") => Flow::Branch { to: last, always: true },
        (Family::X86, "retq" | "ret") => Flow::Return,
        (Family::X86, "ud2") => Flow::Away,
        (Family::X86, _) if name.starts_with("call") => Flow::Call(last),
        (Family::X86, _) if name.starts_with("jmp") => Flow::Away,
        (Family::X86, _) if name.starts_with('j') => Flow::Branch { to: last, always: false },
        (Family::Arm, "b") => Flow::Branch { to: last, always: true },
        (Family::Arm, "ret") => Flow::Return,
        (Family::Arm, "br" | "brk" | "udf") => Flow::Away,
        (Family::Arm, "bl" | "blr") => Flow::Call(last),
        (Family::Arm, "cbz" | "cbnz" | "tbz" | "tbnz") => Flow::Branch { to: last, always: false },
        (Family::Arm, _) if name.starts_with("b.") || name.starts_with("bc.") => {
            Flow::Branch { to: last, always: false }
        }
        _ => Flow::On,
    }
}

/// A mangled name as Rust has it, without the name of its crate.
fn readable(name: &str) -> String {
    let name = name.trim_start_matches('*');
    let name = name.split('@').next().unwrap_or(name);
    format!("{:#}", rustc_demangle::demangle(name)).replace("xnc::kernel::", "kernel::")
}

/// What an instruction is known by, so that they can be counted.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// The beginning of its text, operands parted from the name by one blank: `vfmadd`, `stp q`.
    Op(&'static str),
    /// As `Op`, and the last operand is a place in memory, not on the stack: a store for x86.
    Store(&'static str),
}

impl Mark {
    pub fn fits(self, instruction: &str) -> bool {
        let text = instruction.replacen('\t', " ", 1);
        match self {
            Mark::Op(start) => text.starts_with(start),
            Mark::Store(start) => text.starts_with(start) && text.ends_with(')') && !text.ends_with("(%rsp)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: &str = "\
_RNvNtCs1234_3xnc6kernel4rows:
\t.cfi_startproc
\ttestq\t%rsi, %rsi
\tje\t.LBB0_3
.LBB0_1:
\tvfmadd231ps\t(%rdi), %zmm1, %zmm2
\t#APP

\t# rdx

\t#NO_APP
.Ltmp7:
\tdecq\t%rsi
\tjne\t.LBB0_1
.LBB0_3:
\tcallq\t*memset@GOTPCREL(%rip)
\tvmovups\t%zmm2, (%rdx,%rcx)
\tretq
.Lfunc_end0:
";

    #[test]
    fn blocks_follow_each_other_as_branches_say() {
        let assembly = Assembly::parse(Family::X86, X86);
        let function = assembly.function("kernel::rows").expect("the function");
        let next: Vec<_> = function.blocks.iter().map(|block| block.next.clone()).collect();
        assert_eq!(next, [vec![3, 1], vec![2], vec![1, 3], vec![4], vec![]]);
        assert_eq!(function.blocks[1].instructions, ["vfmadd231ps\t(%rdi), %zmm1, %zmm2"]);
        assert_eq!(function.blocks[3].calls.as_deref(), Some("memset"));
        assert!(function.blocks[4].returns && !function.blocks[3].returns);
        assert!(assembly.function("kernel::columns").is_none());
    }

    #[test]
    fn branches_of_arm_are_read() {
        let flow = |line| flow(Family::Arm, line);
        assert_eq!(flow("tbnz\tw8, #3, .LBB1_2"), Flow::Branch { to: ".LBB1_2", always: false });
        assert_eq!(flow("b.ne\t.LBB1_2"), Flow::Branch { to: ".LBB1_2", always: false });
        assert_eq!(flow("b\t.LBB1_2"), Flow::Branch { to: ".LBB1_2", always: true });
        assert_eq!(flow("bl\tmemcpy"), Flow::Call("memcpy"));
        assert_eq!(flow("bic\tv0.16b, v1.16b, v2.16b"), Flow::On);
        assert_eq!(flow("ret"), Flow::Return);
        assert_eq!(without_comment(Family::Arm, "add x0, x1, #16 // here"), "add x0, x1, #16 ");
    }

    #[test]
    fn stores_to_the_stack_are_not_marked() {
        let mark = Mark::Store("vmovdqu64 %zmm");
        assert!(mark.fits("vmovdqu64\t%zmm1, 64(%r10)"));
        assert!(!mark.fits("vmovdqu64\t%zmm1, 64(%rsp)"));
        assert!(!mark.fits("vmovdqu64\t64(%r10), %zmm1"));
        assert!(Mark::Op("stp q").fits("stp\tq0, q1, [x0], #32"));
    }
}
