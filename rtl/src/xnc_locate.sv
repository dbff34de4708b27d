/// Takes the fields of a block apart and finds where the mid and the rest of every word lie. Combinational.
module xnc_locate #(
  parameter  int unsigned Words      = 32,
  localparam int unsigned Levels     = $clog2(Words),
  localparam int unsigned BlockWidth = xnc_pkg::block_width(Words)
) (
  input  logic [BlockWidth-1:0]                     block_i,
  output logic                                      flag_o,
  output logic [Words-1:0]                          selectors_o,
  output logic [Words-1:0]                          signs_o,
  output logic [Words-1:0][xnc_pkg::CoreWidth-1:0]  cores_o,
  /// The field of mids as it stands: one a word when the flag is 0.
  output logic [Words-1:0][xnc_pkg::MidWidth-1:0]   mids_o,
  /// What only selected words have, gathered: mids when the flag is 1, rests when it is 0.
  output logic [Words-1:0][xnc_pkg::RestWidth-1:0]  gathered_o,
  /// From xnc_count.
  output logic [Levels-1:0][Words/2-1:0]            ranks_o
);

  logic [Words-1:0][xnc_pkg::RestWidth-1:0] rests;

  assign {rests, mids_o, cores_o, signs_o, selectors_o, flag_o} = block_i;

  for (genvar i = 0; i < Words; i++) begin : gen_words
    assign gathered_o[i] = flag_o ? xnc_pkg::RestWidth'(mids_o[i]) : rests[i];
  end

  /* verilator lint_off PINCONNECTEMPTY */
  xnc_count #(.Words(Words)) i_count (.bits_i(selectors_o), .upper_o(), .ranks_o);
  /* verilator lint_on PINCONNECTEMPTY */

endmodule
