/// Two-entry register that ends a pipeline and cuts every path through it: ready_o, valid_o and data_o depend on
/// registers alone. Latency one cycle, one entry per cycle; the second entry catches what is under way when the
/// receiver stops.
module xnc_spill #(
  parameter int unsigned Width = 8
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  output logic             ready_o,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             ready_i,
  output logic [Width-1:0] data_o
);

  /// The first entry takes every input. The second follows the first until the receiver stops, then holds the older
  /// one.
  logic             first_full_q, second_full_q;
  logic [Width-1:0] first_q, second_q;
  logic             fill;

  assign ready_o = !second_full_q;
  assign valid_o = first_full_q;
  assign data_o  = second_full_q ? second_q : first_q;

  assign fill = valid_i && !second_full_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      first_full_q  <= 1'b0;
      second_full_q <= 1'b0;
    end else begin
      // A full second entry leaves before the first does.
      if (!second_full_q) first_full_q <= valid_i || (first_full_q && !ready_i);
      second_full_q <= !ready_i && (second_full_q || (first_full_q && valid_i));
    end
  end

  // ready_i reaches the two flags only: it may come late, and no wide register waits for it.
  always_ff @(posedge clk_i) begin
    if (fill) first_q <= data_i;
    if (!second_full_q) second_q <= first_q;
  end

endmodule
