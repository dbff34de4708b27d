/// Restores one block of FP16 words per cycle; three cycles from block_i to words_o. See ../README.md.
///
/// Streams are valid/ready. Every output depends on registers alone. The length is not needed: flag and selectors
/// tell it, and bits above it are ignored.
module xnc_decompressor #(
  /// Words in a block: a power of two. The format knows 32; less is for the prover.
  parameter  int unsigned Words      = 32,
  localparam int unsigned BlockWidth = xnc_pkg::block_width(Words)
) (
  input  logic                    clk_i,
  /// Asynchronous reset, active low; clears the valid bits only.
  input  logic                    rst_ni,
  input  logic                    valid_i,
  output logic                    ready_o,
  /// Stream bit k is bit k.
  input  logic [BlockWidth-1:0]   block_i,
  output logic                    valid_o,
  input  logic                    ready_i,
  /// Word 0 in the lowest bits.
  output logic [Words-1:0][15:0]  words_o
);

  localparam int unsigned Levels = $clog2(Words);

  if (Words < 2 || Words != (1 << Levels)) begin : gen_check_words
    $error("Words must be a power of two, at least 2");
  end

  /// Stages 1 and 2 move together, whenever the last one can give its words away.
  logic       advance;
  logic [1:0] valid_q;

  assign ready_o = advance;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance) valid_q <= {valid_q[0], valid_i};
  end

  // Stage 1: locate.
  logic                                     flag_d, flag_q;
  logic [Words-1:0]                         selectors_d, selectors_q, signs_d, signs_q;
  logic [Words-1:0][xnc_pkg::CoreWidth-1:0] cores_d, cores_q;
  logic [Words-1:0][xnc_pkg::MidWidth-1:0]  mids_d, mids_q;
  logic [Words-1:0][xnc_pkg::RestWidth-1:0] gathered_d, gathered_q;
  logic [Levels-1:0][Words/2-1:0]           ranks_d, ranks_q;
  xnc_locate #(.Words(Words)) i_locate (
    .block_i,
    .flag_o(flag_d),
    .selectors_o(selectors_d),
    .signs_o(signs_d),
    .cores_o(cores_d),
    .mids_o(mids_d),
    .gathered_o(gathered_d),
    .ranks_o(ranks_d)
  );
  always_ff @(posedge clk_i) begin
    if (advance) begin
      flag_q      <= flag_d;
      selectors_q <= selectors_d;
      signs_q     <= signs_d;
      cores_q     <= cores_d;
      mids_q      <= mids_d;
      gathered_q  <= gathered_d;
      ranks_q     <= ranks_d;
    end
  end

  // Stage 2: unpack, NOT.
  logic [Words-1:0][15:0] folded, differences_d, differences_q;
  xnc_unpack #(.Words(Words)) i_unpack (
    .flag_i(flag_q),
    .selectors_i(selectors_q),
    .signs_i(signs_q),
    .cores_i(cores_q),
    .mids_i(mids_q),
    .gathered_i(gathered_q),
    .ranks_i(ranks_q),
    .words_o(folded)
  );
  xnc_not #(.Words(Words)) i_not (.words_i(folded), .words_o(differences_d));
  always_ff @(posedge clk_i) begin
    if (advance) differences_q <= differences_d;
  end

  // Stage 3: prefix XOR.
  logic [Words-1:0][15:0] words;
  xnc_prefix_xor #(.Words(Words)) i_prefix_xor (.words_i(differences_q), .words_o(words));
  xnc_spill #(.Width(16 * Words)) i_spill (
    .clk_i,
    .rst_ni,
    .valid_i(valid_q[1]),
    .ready_o(advance),
    .data_i(words),
    .valid_o,
    .ready_i,
    .data_o(words_o)
  );

endmodule
