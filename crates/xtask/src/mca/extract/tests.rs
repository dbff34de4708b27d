use super::super::assembly::Family;
use super::super::part::part;
use super::*;

/// Rows of groups; a group of 32 words is two additions, or three where it is rare.
const TEXT: &str = "\
_RNvNtCs1234_3xnc6kernel4rows:
\tmovq\t%rsi, %rax
.LBB0_1:
\tincq\t%rcx
.LBB0_2:
\tvaddps\t(%rdi), %zmm1, %zmm1
\tvaddps\t64(%rdi), %zmm1, %zmm1
\tcallq\t_RNvNtCs1234_3xnc6kernel4help
\tdecq\t%rax
\tjne\t.LBB0_2
\ttestq\t%rdx, %rdx
\tjne\t.LBB0_4
\tcallq\t_RNvNtCs1234_3xnc6kernel4rare
\tnop
\tnop
.LBB0_4:
\tdecq\t%rbx
\tjne\t.LBB0_1
\tretq
.Lfunc_end0:
_RNvNtCs1234_3xnc6kernel4help:
\tpushq\t%rbx
\tretq
.Lfunc_end1:
";

const HELP: &[&str] = &["kernel::help"];

fn rows(words: usize, calls: &'static [&'static str]) -> Part {
    part("kernel::rows", Mark::Op("vaddps"), 16, words).rows(1).calls(calls)
}

#[test]
fn a_turn_and_what_is_around_it_are_found() {
    let assembly = Assembly::parse(Family::X86, TEXT);
    let bodies = bodies(&assembly, &rows(32, HELP)).expect("it fits").expect("it is there");
    assert_eq!(bodies.turn.len(), 5);
    assert_eq!(bodies.turn[2], "pushq\t%rbx");
    let after = ["testq\t%rdx, %rdx", "jne\t.LBB0_4", "decq\t%rbx", "jne\t.LBB0_1"];
    assert_eq!(bodies.row.as_ref().expect("a row"), &[vec!["incq\t%rcx"], after.to_vec()]);
    assert_eq!(bodies.with_turns(3).expect("a row").len(), 1 + 3 * 5 + 4);
}

#[test]
fn a_loop_that_changed_is_an_error_and_a_function_that_is_missing_is_none() {
    let assembly = Assembly::parse(Family::X86, TEXT);
    let error = bodies(&assembly, &rows(64, HELP)).err().expect("it does not fit");
    assert!(format!("{error:#}").contains("4 instructions Op(\"vaddps\")"), "{error:#}");
    assert!(bodies(&assembly, &rows(32, &[])).is_err());
    let missing = Part { function: "kernel::columns", ..rows(32, &[]) };
    assert!(bodies(&assembly, &missing).expect("no error").is_none());
}
