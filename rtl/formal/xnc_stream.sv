/// Both pipelines back to back, registers and handshakes included, while sender and receiver pause as they like:
/// what comes out is what went in, in order, nothing lost, nothing twice, and an offer stands until it is taken.
///
/// Blocks carry their number modulo 16, spread over their words, instead of free words: xnc_round_trip covers those.
module xnc_stream #(
  parameter  int unsigned Words       = 2,
  /// Moves on although the receiver pauses, for the prover to find.
  parameter  bit          Fault       = 1'b0,
  localparam int unsigned BlockWidth  = xnc_pkg::block_width(Words),
  localparam int unsigned LengthWidth = $clog2(BlockWidth + 1)
) (
  input logic                   clk_i,
  input logic                   valid_i,
  input logic                   ready_i
);

  /// Reset in the first cycle, never after.
  logic rst_n = 1'b0;
  always_ff @(posedge clk_i) rst_n <= 1'b1;

  /// Numbers of the next block in and out. Both pipelines hold nine blocks at most: 3 + 2 and 2 + 2.
  logic [3:0] given_q = '0, taken_q = '0;

  /// Their words: some pass, some do not.
  logic [Words-1:0][15:0] given_words, taken_words;
  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign given_words[i] = {given_q ^ 4'(i), 8'(i), given_q};
    assign taken_words[i] = {taken_q ^ 4'(i), 8'(i), taken_q};
  end

  logic                   accepting, between_valid, between_ready, valid;
  logic [BlockWidth-1:0]  block;
  logic [LengthWidth-1:0] length;
  logic [Words-1:0][15:0] words;

  xnc_compressor #(.Words(Words)) i_compressor (
    .clk_i,
    .rst_ni(rst_n),
    .valid_i,
    .ready_o(accepting),
    .words_i(given_words),
    .valid_o(between_valid),
    .ready_i(between_ready),
    .block_o(block),
    .length_o(length)
  );
  xnc_decompressor #(.Words(Words)) i_decompressor (
    .clk_i,
    .rst_ni(rst_n),
    .valid_i(between_valid),
    .ready_o(between_ready),
    .block_i(block),
    .valid_o(valid),
    .ready_i(ready_i || Fault),
    .words_o(words)
  );

  logic                         waiting_q = 1'b0;
  logic [Words-1:0][15:0]       waiting_words_q;
  logic                         between_waiting_q = 1'b0;
  logic [BlockWidth-1:0]        between_block_q;
  logic [LengthWidth-1:0]       between_length_q;
  logic [3:0]                   under_way;

  assign under_way = given_q - taken_q;

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      if (valid_i && accepting) given_q <= given_q + 4'd1;
      if (valid && ready_i) taken_q <= taken_q + 4'd1;
      waiting_q         <= valid && !ready_i;
      waiting_words_q   <= words;
      between_waiting_q <= between_valid && !between_ready;
      between_block_q   <= block;
      between_length_q  <= length;
    end
  end

  always_comb begin
    if (rst_n) begin
      assert (under_way <= 4'd9);
      if (valid) assert (under_way != 4'd0 && words == taken_words);
      if (waiting_q) assert (valid && words == waiting_words_q);
      if (between_waiting_q) assert (between_valid && block == between_block_q && length == between_length_q);
    end
  end

endmodule
