/// A butterfly network: log2(Words) levels of two-by-two switches between lanes, set by xnc_steer. Combinational.
///
/// Gather = 1 moves the lanes of the selected words to the lowest lanes, in order; Gather = 0 moves them back. What the
/// other lanes hold ends up in the other lanes: with zeros there, gathered lanes are followed by zeros.
///
/// Four lanes a, b, c, d with words 1 and 3 selected: Gather = 1 gives b, d and then a and c in some order.
module xnc_butterfly #(
  parameter  int unsigned Words  = 32,
  parameter  int unsigned Width  = 4,
  parameter  bit          Gather = 1'b1,
  localparam int unsigned Levels = $clog2(Words)
) (
  input  logic [Levels-1:0][Words/2-1:0]  straight_i,
  input  logic [Words-1:0][Width-1:0]     lanes_i,
  output logic [Words-1:0][Width-1:0]     lanes_o
);

  /// step[k] holds the lanes after k levels of switches.
  logic [Levels:0][Words-1:0][Width-1:0] step;

  assign step[0] = lanes_i;
  assign lanes_o = step[Levels];

  for (genvar k = 0; k < Levels; k++) begin : gen_levels
    // Gathering joins neighbours first, scattering parts halves first.
    localparam int unsigned Level = Gather ? k : Levels - 1 - k;
    localparam int unsigned Half = 1 << Level;
    for (genvar s = 0; s < Words / 2; s++) begin : gen_switches
      localparam int unsigned Low = (s / Half) * 2 * Half + s % Half;
      localparam int unsigned High = Low + Half;
      assign step[k+1][Low]  = straight_i[Level][s] ? step[k][Low]  : step[k][High];
      assign step[k+1][High] = straight_i[Level][s] ? step[k][High] : step[k][Low];
    end
  end

endmodule
