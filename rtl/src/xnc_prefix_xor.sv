/// Decompressor, stage 3: undoes the XOR with the word before. Every word becomes the XOR of all words up to it, by a
/// parallel prefix network of log2(Words) levels (Sklansky). Combinational; xnc_spill registers the result.
///
/// words_i 3c00, 0001, 8000 gives words_o 3c00, 3c01, bc01.
module xnc_prefix_xor #(
  parameter  int unsigned Words  = 32,
  localparam int unsigned Levels = $clog2(Words)
) (
  input  logic [Words-1:0][15:0] words_i,
  output logic [Words-1:0][15:0] words_o
);

  /// level[l][i] is the XOR from the start of i's aligned group of 2^l words up to and including i.
  logic [Levels:0][Words-1:0][15:0] level;

  assign level[0] = words_i;
  assign words_o  = level[Levels];

  for (genvar l = 0; l < Levels; l++) begin : gen_levels
    for (genvar i = 0; i < Words; i++) begin : gen_words
      if (((i >> l) & 1) != 0) begin : gen_upper_half
        assign level[l+1][i] = level[l][i] ^ level[l][((i >> l) << l) - 1];
      end else begin : gen_lower_half
        assign level[l+1][i] = level[l][i];
      end
    end
  end

endmodule
