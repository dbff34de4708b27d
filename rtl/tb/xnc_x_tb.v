// Both modules back to back in a four-state simulator: registers start as X, idle inputs are X. What decides whether a block moves is
// never X, what moves is never X, and the words that come out are those that went in. Prints: sent S, returned R, faults F.
//
// Plain Verilog, around the modules as Yosys writes them out: the simulator does not read all of SystemVerilog.
`timescale 1ns / 1ps
module xnc_x_tb;

  parameter CYCLES = 80;

  reg          clk = 1'b0;
  reg          rst_n = 1'bx, valid = 1'bx, ready = 1'bx;
  reg  [511:0] words = 512'bx;
  wire         accepting, between_valid, between_ready, returned_valid;
  wire [544:0] block;
  wire [9:0]   length;
  wire [511:0] returned_words;

  xnc_compressor i_compressor (
    .clk_i(clk), .rst_ni(rst_n), .valid_i(valid), .ready_o(accepting), .words_i(words),
    .valid_o(between_valid), .ready_i(between_ready), .block_o(block), .length_o(length)
  );
  xnc_decompressor i_decompressor (
    .clk_i(clk), .rst_ni(rst_n), .valid_i(between_valid), .ready_o(between_ready), .block_i(block),
    .valid_o(returned_valid), .ready_i(ready), .words_o(returned_words)
  );

  reg [511:0] given [0:CYCLES];
  reg         moved = 1'b1;
  integer     cycle, word, sent = 0, returned = 0, faults = 0;

  always #5 clk = ~clk;

  initial begin
    #12 rst_n = 1'b0;
    #28 valid = 1'b0;
    ready = 1'b0;
    #2 rst_n = 1'b1;
    for (cycle = 0; cycle < CYCLES; cycle = cycle + 1) begin
      @(negedge clk);
      if (moved) begin
        valid = $random & 3 ? 1'b1 : 1'b0;
        for (word = 0; word < 32; word = word + 1) words[16*word+:16] = valid ? $random : 16'bx;
      end
      ready = $random & 3 ? 1'b1 : 1'b0;
    end
    $display("sent %0d, returned %0d, faults %0d", sent, returned, faults);
    $finish;
  end

  always @(posedge clk) begin
    if (rst_n === 1'b1) begin
      moved <= !valid || accepting;
      if (^{accepting, between_valid, between_ready, returned_valid} === 1'bx) faults = faults + 1;
      if (valid && accepting) begin
        given[sent] = words;
        sent = sent + 1;
      end
      if (between_valid && ^{block, length} === 1'bx) faults = faults + 1;
      if (returned_valid && ready) begin
        if (returned_words !== given[returned]) faults = faults + 1;
        returned = returned + 1;
      end
    end
  end

endmodule
