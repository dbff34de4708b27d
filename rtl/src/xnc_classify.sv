/// Flag of the block and selector of every word, from the words after XOR and NOT. Combinational.
module xnc_classify #(
  parameter int unsigned Words = 32
) (
  /// Cores decide nothing.
  /* verilator lint_off UNUSEDSIGNAL */
  input  logic [Words-1:0][15:0] words_i,
  /* verilator lint_on UNUSEDSIGNAL */
  /// Every word passes.
  output logic                   flag_o,
  /// The word takes the longer of the two forms that its block allows.
  output logic [Words-1:0]       selectors_o
);

  /// Words that do not pass: bit 2 differs from bit 1, or one of bits 14 to 16 is set.
  logic [Words-1:0] failing;
  /// Words that are not short, if they pass: one of bits 3 to 5 differs from bit 1.
  logic [Words-1:0] long;

  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign failing[i] = (words_i[i][14] != words_i[i][xnc_pkg::SignBit]) || (words_i[i][2:0] != 3'b0);
    assign long[i]    = words_i[i][13:11] != {3{words_i[i][xnc_pkg::SignBit]}};
  end

  assign flag_o      = failing == '0;
  assign selectors_o = flag_o ? long : failing;

endmodule
