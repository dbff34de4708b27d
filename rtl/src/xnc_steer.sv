/// Switch settings of xnc_butterfly from the ranks of xnc_count. Combinational.
///
/// Packed lane e belongs to the word with e selected words before it. In a group of 2^(l+1) lanes with r selected
/// words below its middle, the upper half takes, of the lanes q and q + 2^l, the one whose packed index lies in
/// [r, r + 2^l): the upper one where bit l of r, inverted for q < r mod 2^l, is set. The switch is then straight,
/// otherwise crossed. (Left rotate and complement: Hilewitz and Lee, Fast bit gather, bit scatter and bit
/// permutation instructions, 2008.)
module xnc_steer #(
  parameter  int unsigned Words  = 32,
  localparam int unsigned Levels = $clog2(Words)
) (
  /// The zeros between the ranks are not read.
  /* verilator lint_off UNUSEDSIGNAL */
  input  logic [Levels-1:0][Words/2-1:0]  ranks_i,
  /* verilator lint_on UNUSEDSIGNAL */
  /// One bit a switch: level, then switch from the lowest lane up.
  output logic [Levels-1:0][Words/2-1:0]  straight_o
);

  for (genvar l = 0; l < Levels; l++) begin : gen_levels
    localparam int unsigned Half = 1 << l;
    for (genvar s = 0; s < Words / 2; s++) begin : gen_switches
      localparam int unsigned Rank = (s / Half) * Half;
      if (s % Half == Half - 1) begin : gen_last
        assign straight_o[l][s] = ranks_i[l][Rank+l];
      end else begin : gen_rotate
        assign straight_o[l][s] = ranks_i[l][Rank+l] ^ (ranks_i[l][Rank+:l] > l'(s % Half));
      end
    end
  end

endmodule
