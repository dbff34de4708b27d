/// Inverts bits 2 to 5 of every word whose sign is set. The step is its own inverse, so both directions use it.
/// Combinational.
///
/// words_i 8001, 0001 gives words_o f801, 0001.
module xnc_not #(
  parameter int unsigned Words = 32
) (
  input  logic [Words-1:0][15:0] words_i,
  output logic [Words-1:0][15:0] words_o
);

  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign words_o[i] = words_i[i] ^ (words_i[i][xnc_pkg::SignBit] ? xnc_pkg::NotMask : 16'h0);
  end

endmodule
