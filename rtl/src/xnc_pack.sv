/// Compressor, stage 4: lays the fields of the block side by side. Combinational; xnc_spill registers the result.
///
/// Flag, selectors, signs and cores have fixed places. A block needs gathering in one field only: in mids when its
/// flag is 1 (there are no rests then), in rests when its flag is 0 (every word has a mid then). One network
/// therefore serves both.
module xnc_pack #(
  parameter  int unsigned Words       = 32,
  localparam int unsigned Levels      = $clog2(Words),
  localparam int unsigned BlockWidth  = xnc_pkg::block_width(Words),
  localparam int unsigned LengthWidth = $clog2(BlockWidth + 1)
) (
  input  logic                            flag_i,
  input  logic [Words-1:0]                selectors_i,
  input  logic [Words-1:0][15:0]          words_i,
  /// From xnc_count.
  input  logic [Levels-1:0]               upper_i,
  input  logic [Levels-1:0][Words/2-1:0]  ranks_i,
  /// Zero above its length.
  output logic [BlockWidth-1:0]           block_o,
  output logic [LengthWidth-1:0]          length_o
);

  localparam int unsigned MidsAt = xnc_pkg::mids_at(Words);
  localparam int unsigned RestsAt = xnc_pkg::rests_at(Words);

  logic [Levels-1:0][Words/2-1:0]            straight;
  logic [LengthWidth-1:0]                    selected;
  logic [Words-1:0]                          signs;
  logic [Words-1:0][xnc_pkg::CoreWidth-1:0]  cores;
  logic [Words-1:0][xnc_pkg::MidWidth-1:0]   mids, mids_packed;
  logic [Words-1:0][xnc_pkg::RestWidth-1:0]  rests, rests_packed, spread, gathered;

  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign signs[i] = words_i[i][xnc_pkg::SignBit];
    assign cores[i] = words_i[i][10:3];
    assign mids[i]  = words_i[i][13:11];
    assign rests[i] = {words_i[i][14], words_i[i][2:0]};

    // Zeros from words that are not selected become the zeros above the length.
    assign spread[i] = selectors_i[i] ? (flag_i ? xnc_pkg::RestWidth'(mids[i]) : rests[i]) : '0;

    assign mids_packed[i]  = flag_i ? gathered[i][xnc_pkg::MidWidth-1:0] : mids[i];
    assign rests_packed[i] = flag_i ? '0 : gathered[i];
  end

  xnc_steer #(.Words(Words)) i_steer (.ranks_i, .straight_o(straight));
  xnc_butterfly #(.Words(Words), .Width(xnc_pkg::RestWidth), .Gather(1'b1)) i_gather (
    .straight_i(straight),
    .lanes_i(spread),
    .lanes_o(gathered)
  );

  assign block_o  = {rests_packed, mids_packed, cores, signs, selectors_i, flag_i};
  assign selected = LengthWidth'(ranks_i[Levels-1][Levels-1:0]) + LengthWidth'(upper_i);
  assign length_o = flag_i ? LengthWidth'(MidsAt) + LengthWidth'(xnc_pkg::MidWidth) * selected
                           : LengthWidth'(RestsAt) + LengthWidth'(xnc_pkg::RestWidth) * selected;

endmodule
