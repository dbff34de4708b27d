/// Compresses one block of FP16 words per cycle; four cycles from words_i to block_o. See ../README.md.
///
/// Streams are valid/ready. Every output depends on registers alone.
module xnc_compressor #(
  /// Words in a block: a power of two. The format knows 32; less is for the prover.
  parameter  int unsigned Words       = 32,
  localparam int unsigned BlockWidth  = xnc_pkg::block_width(Words),
  localparam int unsigned LengthWidth = $clog2(BlockWidth + 1)
) (
  input  logic                    clk_i,
  /// Asynchronous reset, active low; clears the valid bits only.
  input  logic                    rst_ni,
  input  logic                    valid_i,
  output logic                    ready_o,
  /// Word 0 in the lowest bits.
  input  logic [Words-1:0][15:0]  words_i,
  output logic                    valid_o,
  input  logic                    ready_i,
  /// Stream bit k is bit k; zero above the length.
  output logic [BlockWidth-1:0]   block_o,
  /// Bits that the block takes.
  output logic [LengthWidth-1:0]  length_o
);

  localparam int unsigned Levels = $clog2(Words);

  if (Words < 2 || Words != (1 << Levels)) begin : gen_check_words
    $error("Words must be a power of two, at least 2");
  end

  /// Stages 1 to 3 move together, whenever the last one can give its block away.
  logic       advance;
  logic [2:0] valid_q;

  assign ready_o = advance;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance) valid_q <= {valid_q[1:0], valid_i};
  end

  // Stage 1: XOR, NOT.
  logic [Words-1:0][15:0] differences, folded_d, folded_q;
  xnc_xor #(.Words(Words)) i_xor (.words_i, .words_o(differences));
  xnc_not #(.Words(Words)) i_not (.words_i(differences), .words_o(folded_d));
  always_ff @(posedge clk_i) begin
    if (advance) folded_q <= folded_d;
  end

  // Stage 2: classify.
  logic                   flag_d, classified_flag_q;
  logic [Words-1:0]       selectors_d, classified_selectors_q;
  logic [Words-1:0][15:0] classified_words_q;
  xnc_classify #(.Words(Words)) i_classify (
    .words_i(folded_q),
    .flag_o(flag_d),
    .selectors_o(selectors_d)
  );
  always_ff @(posedge clk_i) begin
    if (advance) begin
      classified_flag_q      <= flag_d;
      classified_selectors_q <= selectors_d;
      classified_words_q     <= folded_q;
    end
  end

  // Stage 3: count.
  logic                           counted_flag_q;
  logic [Words-1:0]               counted_selectors_q;
  logic [Words-1:0][15:0]         counted_words_q;
  logic [Levels-1:0]              upper_d, counted_upper_q;
  logic [Levels-1:0][Words/2-1:0] ranks_d, counted_ranks_q;
  xnc_count #(.Words(Words)) i_count (
    .bits_i(classified_selectors_q),
    .upper_o(upper_d),
    .ranks_o(ranks_d)
  );
  always_ff @(posedge clk_i) begin
    if (advance) begin
      counted_flag_q      <= classified_flag_q;
      counted_selectors_q <= classified_selectors_q;
      counted_words_q     <= classified_words_q;
      counted_upper_q     <= upper_d;
      counted_ranks_q     <= ranks_d;
    end
  end

  // Stage 4: pack.
  logic [BlockWidth-1:0]  block;
  logic [LengthWidth-1:0] length;
  xnc_pack #(.Words(Words)) i_pack (
    .flag_i(counted_flag_q),
    .selectors_i(counted_selectors_q),
    .words_i(counted_words_q),
    .upper_i(counted_upper_q),
    .ranks_i(counted_ranks_q),
    .block_o(block),
    .length_o(length)
  );
  xnc_spill #(.Width(BlockWidth + LengthWidth)) i_spill (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[2]),
    .ready_o(advance),
    .data_i({length, block}),
    .valid_o,
    .ready_i,
    .data_o({length_o, block_o})
  );

endmodule
