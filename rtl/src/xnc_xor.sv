/// XOR of every word with the word before it. Combinational.
///
/// words_i 3c00, 3c01, bc01 gives words_o 3c00, 0001, 8000.
module xnc_xor #(
  parameter int unsigned Words = 32
) (
  input  logic [Words-1:0][15:0] words_i,
  output logic [Words-1:0][15:0] words_o
);

  assign words_o[0] = words_i[0];
  for (genvar i = 1; i < Words; i++) begin : gen_words
    assign words_o[i] = words_i[i] ^ words_i[i-1];
  end

endmodule
