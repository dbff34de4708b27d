/// Flag of the block, selector of every word, and the ranks of the selected words. Combinational.
///
/// The selectors wait for the flag and the ranks for the selectors. To take that out of one cycle's path, the counts are made
/// for both values of the flag, and the flag chooses.
module xnc_select #(
  parameter  int unsigned Words  = 32,
  localparam int unsigned Levels = $clog2(Words)
) (
  input  logic [Words-1:0]                failed_i,
  input  logic [Words-1:0]                long_i,
  output logic                            flag_o,
  output logic [Words-1:0]                selectors_o,
  output logic [Levels:0]                 selected_o,
  output logic [Levels-1:0][Words/2-1:0]  ranks_o
);

  logic [Levels:0]                total_failed, total_long;
  logic [Levels-1:0][Words/2-1:0] ranks_failed, ranks_long;

  xnc_count #(.Words(Words)) i_count_failed (.bits_i(failed_i), .total_o(total_failed), .ranks_o(ranks_failed));
  xnc_count #(.Words(Words)) i_count_long   (.bits_i(long_i),   .total_o(total_long),   .ranks_o(ranks_long));

  assign flag_o      = failed_i == '0;
  assign selectors_o = flag_o ? long_i : failed_i;
  assign selected_o  = flag_o ? total_long : total_failed;
  assign ranks_o     = flag_o ? ranks_long : ranks_failed;

endmodule
