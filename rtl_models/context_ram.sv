// A part of the contexts of SAs: what one block reads of an SA, by its number. Written by one port; a read shows what was
// written in an earlier cycle, and comes in the cycle of its number, without a clock: flops or distributed RAM.
module context_ram #(
    parameter int WIDTH = 8,  // bits of a context, 1 and more
    parameter int SA_W  = 4   // bits of an SA's number, 1 to 16
) (
    input  logic             clk,
    input  logic             we,
    input  logic [SA_W-1:0]  wr_sa,
    input  logic [WIDTH-1:0] wr_data,
    input  logic [SA_W-1:0]  rd_sa,
    output logic [WIDTH-1:0] rd_data
);
`ifndef SYNTHESIS
  initial begin
    if (WIDTH < 1) $fatal(1, "context_ram: WIDTH is %0d, must be 1 or more", WIDTH);
    if (SA_W < 1 || SA_W > 16) $fatal(1, "context_ram: SA_W is %0d, must be 1 to 16", SA_W);
  end
`endif

  logic [WIDTH-1:0] store [0:2**SA_W-1];

  assign rd_data = store[rd_sa];

  always_ff @(posedge clk) begin
    if (we) store[wr_sa] <= wr_data;
  end
endmodule
