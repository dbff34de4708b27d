//! What the tables need from a netlist that Yosys wrote.

/// A flip-flop: its instance, and the register whose bit it is.
pub struct FlipFlop {
    pub instance: String,
    pub register: String,
}

/// The flip-flops of a flat netlist, with `flops` the names of the library's cells.
///
/// Yosys writes `CELL instance (`, then a line `.PIN(net)` for every pin.
pub fn flip_flops(netlist: &str, flops: &[&str]) -> Vec<FlipFlop> {
    let mut found = Vec::new();
    let mut instance = None;
    for line in netlist.lines().map(str::trim) {
        if let Some(head) = line.strip_suffix(" (") {
            let mut names = head.split_whitespace();
            instance = names.next().filter(|cell| flops.contains(cell)).and(names.next());
        } else if let (Some(name), Some(net)) = (instance, line.strip_prefix(".Q(")) {
            // `\i_spill.first_q [3]`, `folded_q[3]` or a single bit.
            let net = net.trim_end_matches([',', ')']).trim_start_matches('\\');
            let register = net.split(['[', ' ']).next().unwrap_or(net);
            found.push(FlipFlop { instance: name.to_owned(), register: register.to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flip_flops_are_found_by_register() {
        let netlist = "module m(a);
  INVX1 _1_ (
    .A(a),
    .Y(b)
  );
  DFFPOSX1 _2_ (
    .CLK(clk_i),
    .D(b),
    .Q(\\i_spill.first_q [3])
  );
  DFFPOSX1 _3_ (
    .CLK(clk_i),
    .D(b),
    .Q(flag_q)
  );
endmodule";
        let found = flip_flops(netlist, &["DFFPOSX1"]);
        let shown: Vec<_> = found.iter().map(|f| (f.instance.as_str(), f.register.as_str())).collect();
        assert_eq!(shown, [("_2_", "i_spill.first_q"), ("_3_", "flag_q")]);
    }
}
