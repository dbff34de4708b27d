/// Gives every word its mid and its rest and puts it together, as it was after the NOT. Combinational.
module xnc_unpack #(
  parameter  int unsigned Words  = 32,
  localparam int unsigned Levels = $clog2(Words)
) (
  input  logic                                      flag_i,
  input  logic [Words-1:0]                          selectors_i,
  input  logic [Words-1:0]                          signs_i,
  input  logic [Words-1:0][xnc_pkg::CoreWidth-1:0]  cores_i,
  input  logic [Words-1:0][xnc_pkg::MidWidth-1:0]   mids_i,
  input  logic [Words-1:0][xnc_pkg::RestWidth-1:0]  gathered_i,
  /// From xnc_count.
  input  logic [Levels-1:0][Words/2-1:0]            ranks_i,
  output logic [Words-1:0][15:0]                    words_o
);

  logic [Levels-1:0][Words/2-1:0]           straight;
  logic [Words-1:0][xnc_pkg::RestWidth-1:0] scattered, rests;
  logic [Words-1:0][xnc_pkg::MidWidth-1:0]  mids;

  xnc_steer #(.Words(Words)) i_steer (.ranks_i, .straight_o(straight));
  xnc_butterfly #(.Words(Words), .Width(xnc_pkg::RestWidth), .Gather(1'b0)) i_scatter (
    .straight_i(straight),
    .lanes_i(gathered_i),
    .lanes_o(scattered)
  );

  for (genvar i = 0; i < Words; i++) begin : gen_words
    // What a word does not store follows from its sign: bits 2 to 5 repeat it, bits 14 to 16 are zero.
    assign mids[i]  = !flag_i         ? mids_i[i]
                    : selectors_i[i]  ? scattered[i][xnc_pkg::MidWidth-1:0]
                    : {xnc_pkg::MidWidth{signs_i[i]}};
    assign rests[i] = !flag_i && selectors_i[i] ? scattered[i] : {signs_i[i], 3'b0};

    assign words_o[i] = {signs_i[i], rests[i][3], mids[i], cores_i[i], rests[i][2:0]};
  end

endmodule
