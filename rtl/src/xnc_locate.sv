/// Decompressor, stage 1: finds where the mid and the rest of every word lie, and takes the fields apart, into registers.
module xnc_locate #(
  parameter  int unsigned Words      = 32,
  localparam int unsigned Levels     = $clog2(Words),
  localparam int unsigned BlockWidth = xnc_pkg::block_width(Words)
) (
  input  logic                                          clk_i,
  input  logic                                          advance_i,
  input  logic [BlockWidth-1:0]                         block_i,
  output logic                                          flag_o,
  output logic [Words-1:0]                              selectors_o,
  output logic [Words-1:0]                              signs_o,
  output logic [Words-1:0][xnc_pkg::CoreWidth-1:0]      cores_o,
  /// The field of mids as it stands: one a word when the flag is 0.
  output logic [Words-1:0][xnc_pkg::MidWidth-1:0]       mids_o,
  /// What only selected words have, gathered: mids when the flag is 1, rests when it is 0.
  output logic [Words-1:0][xnc_pkg::RestWidth-1:0]      gathered_o,
  /// The network's settings that scatter them.
  output logic [Levels-1:0][Words/2-1:0]                straight_o
);

  logic                            flag_d, flag_q;
  logic [Words-1:0]                selectors_d, selectors_q, signs_d, signs_q;
  logic [Words-1:0][xnc_pkg::CoreWidth-1:0] cores_d, cores_q;
  logic [Words-1:0][xnc_pkg::MidWidth-1:0]  mids_d, mids_q;
  logic [Words-1:0][xnc_pkg::RestWidth-1:0] rests, gathered_d, gathered_q;
  logic [Words:0][Levels:0]        counts;
  logic [Levels-1:0][Words/2-1:0]  straight_d, straight_q;

  assign {rests, mids_d, cores_d, signs_d, selectors_d, flag_d} = block_i;

  for (genvar i = 0; i < Words; i++) begin : gen_gathered
    assign gathered_d[i] = flag_d ? xnc_pkg::RestWidth'(mids_d[i]) : rests[i];
  end

  xnc_count #(.Words(Words)) i_count (.bits_i(selectors_d), .counts_o(counts));
  xnc_steer #(.Words(Words)) i_steer (.counts_i(counts), .straight_o(straight_d));

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      flag_q      <= flag_d;
      selectors_q <= selectors_d;
      signs_q     <= signs_d;
      cores_q     <= cores_d;
      mids_q      <= mids_d;
      gathered_q  <= gathered_d;
      straight_q  <= straight_d;
    end
  end

  assign flag_o      = flag_q;
  assign selectors_o = selectors_q;
  assign signs_o     = signs_q;
  assign cores_o     = cores_q;
  assign mids_o      = mids_q;
  assign gathered_o  = gathered_q;
  assign straight_o  = straight_q;

endmodule
