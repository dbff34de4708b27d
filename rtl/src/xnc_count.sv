/// Counts the set bits below the places where xnc_steer needs to know, by a parallel prefix sum (Sklansky).
/// Combinational.
///
/// Four bits 0111 (bit 0 last): upper_o is 1; two bits are set below the middle of all (level 1), one below the
/// middle of the lower pair, three below the middle of the upper pair (level 0, modulo 2).
module xnc_count #(
  parameter  int unsigned Words  = 32,
  localparam int unsigned Levels = $clog2(Words)
) (
  input  logic [Words-1:0]                bits_i,
  /// How many of the upper half are set. The lower half's number is the last level's rank.
  output logic [Levels-1:0]               upper_o,
  /// A level l of the network has groups of 2^(l+1) lanes. The bits below the middle of a group, counted modulo
  /// 2^(l+1), stand in ranks_o[l] from the group's first switch on; what remains between them is zero.
  output logic [Levels-1:0][Words/2-1:0]  ranks_o
);

  /// level[l][i] counts the bits from the start of i's aligned group of 2^l up to and including i. Synthesis removes
  /// the upper bits that no rank needs.
  logic [Levels:0][Words-1:0][Levels:0] level;

  for (genvar i = 0; i < Words; i++) begin : gen_bits
    assign level[0][i] = (Levels + 1)'(bits_i[i]);
  end

  for (genvar l = 0; l < Levels; l++) begin : gen_levels
    for (genvar i = 0; i < Words; i++) begin : gen_sums
      if (((i >> l) & 1) != 0) begin : gen_upper_half
        assign level[l+1][i] = level[l][i] + level[l][((i >> l) << l) - 1];
      end else begin : gen_lower_half
        assign level[l+1][i] = level[l][i];
      end
    end
  end

  assign upper_o = level[Levels-1][Words-1][Levels-1:0];

  for (genvar l = 0; l < Levels; l++) begin : gen_ranks
    localparam int unsigned Half = 1 << l;
    for (genvar s = 0; s < Words / 2; s++) begin : gen_bits_of_ranks
      if (s % Half <= l) begin : gen_rank
        assign ranks_o[l][s] = level[Levels][(s / Half) * 2 * Half + Half - 1][s % Half];
      end else begin : gen_nothing
        assign ranks_o[l][s] = 1'b0;
      end
    end
  end

endmodule
