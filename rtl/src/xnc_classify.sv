/// The class of every word, from its difference after the NOT. Combinational.
module xnc_classify #(
  parameter int unsigned Words = 32
) (
  /// Signs, cores and the rest are not read.
  /* verilator lint_off UNUSEDSIGNAL */
  input  logic [Words-1:0][15:0] words_i,
  /* verilator lint_on UNUSEDSIGNAL */
  /// The word does not pass: bit 2 differs from bit 1, or one of bits 14 to 16 is set.
  output logic [Words-1:0]       failed_o,
  /// The word is not short: it does not pass, or one of bits 3 to 5 differs from bit 1.
  output logic [Words-1:0]       long_o
);

  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign failed_o[i] = (words_i[i][14] != words_i[i][15]) || (words_i[i][2:0] != 3'b0);
    assign long_o[i]   = failed_o[i] || (words_i[i][13:11] != {3{words_i[i][15]}});
  end

endmodule
