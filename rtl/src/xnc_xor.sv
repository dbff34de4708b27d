/// Compressor, stage 1: XOR of every word with the word before it, into a register.
///
/// words_i 3c00, 3c01, bc01 gives words_o 3c00, 0001, 8000.
module xnc_xor #(
  parameter int unsigned Words = 32
) (
  input  logic                   clk_i,
  /// The pipeline moves by one stage at this clock edge.
  input  logic                   advance_i,
  input  logic [Words-1:0][15:0] words_i,
  output logic [Words-1:0][15:0] words_o
);

  logic [Words-1:0][15:0] words_d, words_q;

  assign words_d[0] = words_i[0];
  for (genvar i = 1; i < Words; i++) begin : gen_words
    assign words_d[i] = words_i[i] ^ words_i[i-1];
  end

  always_ff @(posedge clk_i) begin
    if (advance_i) words_q <= words_d;
  end

  assign words_o = words_q;

endmodule
