// A part of the contexts of SAs: what one block reads of an SA, by its number. Written by one port; a read shows what was
// written in an earlier cycle.
module context_ram #(
    parameter int WIDTH = 8,  // bits of a context
    parameter int SA_W  = 4   // bits of an SA's number
) (
    input  logic             clk,
    input  logic             we,
    input  logic [SA_W-1:0]  wr_sa,
    input  logic [WIDTH-1:0] wr_data,
    input  logic [SA_W-1:0]  rd_sa,
    output logic [WIDTH-1:0] rd_data
);
  logic [WIDTH-1:0] store [0:2**SA_W-1];

  assign rd_data = store[rd_sa];

  always_ff @(posedge clk) begin
    if (we) store[wr_sa] <= wr_data;
  end
endmodule
