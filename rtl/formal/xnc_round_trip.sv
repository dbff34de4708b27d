/// What the compressor's stages make of a block, the decompressor's stages undo: for every block of Words words.
/// The registers are left out, so one step is the whole proof; xnc_stream covers the pipelines.
module xnc_round_trip #(
  parameter  int unsigned Words       = 32,
  /// Flips the first sign on the way, for the prover to find.
  parameter  bit          Fault       = 1'b0,
  localparam int unsigned Levels      = $clog2(Words),
  localparam int unsigned BlockWidth  = xnc_pkg::block_width(Words),
  localparam int unsigned LengthWidth = $clog2(BlockWidth + 1)
) (
  input logic [Words-1:0][15:0] words_i
);

  // Compressor.
  logic [Words-1:0][15:0]         differences, folded;
  logic                           flag;
  logic [Words-1:0]               selectors;
  logic [Levels-1:0]              upper;
  logic [Levels-1:0][Words/2-1:0] ranks;
  logic [BlockWidth-1:0]          block;
  logic [LengthWidth-1:0]         length;

  xnc_xor      #(.Words(Words)) i_xor (.words_i, .words_o(differences));
  xnc_not      #(.Words(Words)) i_fold (.words_i(differences), .words_o(folded));
  xnc_classify #(.Words(Words)) i_classify (.words_i(folded), .flag_o(flag), .selectors_o(selectors));
  xnc_count    #(.Words(Words)) i_count (.bits_i(selectors), .upper_o(upper), .ranks_o(ranks));
  xnc_pack     #(.Words(Words)) i_pack (
    .flag_i(flag),
    .selectors_i(selectors),
    .words_i(folded),
    .upper_i(upper),
    .ranks_i(ranks),
    .block_o(block),
    .length_o(length)
  );

  // Decompressor.
  logic                                     found_flag;
  logic [Words-1:0]                         found_selectors, found_signs;
  logic [Words-1:0][xnc_pkg::CoreWidth-1:0] found_cores;
  logic [Words-1:0][xnc_pkg::MidWidth-1:0]  found_mids;
  logic [Words-1:0][xnc_pkg::RestWidth-1:0] found_gathered;
  logic [Levels-1:0][Words/2-1:0]           found_ranks;
  logic [Words-1:0][15:0]                   unpacked, unfolded, words;

  xnc_locate #(.Words(Words)) i_locate (
    .block_i(block ^ (BlockWidth'(Fault) << xnc_pkg::signs_at(Words))),
    .flag_o(found_flag),
    .selectors_o(found_selectors),
    .signs_o(found_signs),
    .cores_o(found_cores),
    .mids_o(found_mids),
    .gathered_o(found_gathered),
    .ranks_o(found_ranks)
  );
  xnc_unpack #(.Words(Words)) i_unpack (
    .flag_i(found_flag),
    .selectors_i(found_selectors),
    .signs_i(found_signs),
    .cores_i(found_cores),
    .mids_i(found_mids),
    .gathered_i(found_gathered),
    .ranks_i(found_ranks),
    .words_o(unpacked)
  );
  xnc_not        #(.Words(Words)) i_unfold (.words_i(unpacked), .words_o(unfolded));
  xnc_prefix_xor #(.Words(Words)) i_prefix_xor (.words_i(unfolded), .words_o(words));

  always_comb begin
    assert (words == words_i);
    // The block ends where its length says: what lies above is zero, which also makes its encoding the only one.
    assert (length <= LengthWidth'(BlockWidth));
    assert ((block >> length) == '0);
  end

endmodule
