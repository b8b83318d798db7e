// The read-modify-write hazard of an SA's numbers: an SA is `busy` in the RMW - 1 cycles after one of its numbers was changed
// (`note` in a cycle: this SA is changed in it).
module hazard #(
    parameter int SA_W = 4,  // bits of an SA's number, 1 to 16
    parameter int RMW  = 1  // cycles from a change of an SA to its next one, 1 to 64
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            note,
    input  logic [SA_W-1:0] sa,
    output logic            busy
);
`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 16) $fatal(1, "hazard: SA_W is %0d, must be 1 to 16", SA_W);
    if (RMW < 1 || RMW > 64) $fatal(1, "hazard: RMW is %0d, must be 1 to 64", RMW);
  end
`endif

  generate
    if (RMW == 1) begin : g_at_once
      logic unused;

      assign busy   = 1'b0;
      assign unused = &{1'b0, clk, rst, note, sa};
    end else begin : g_hazard
      logic [RMW-2:0]  recent;
      logic [SA_W-1:0] recent_sa [0:RMW-2];
      logic            hit;
      integer          i, j;

      always @* begin
        hit = 1'b0;
        for (i = 0; i < RMW - 1; i = i + 1) hit = hit | (recent[i] && recent_sa[i] == sa);
      end
      assign busy = hit;

      always_ff @(posedge clk) begin
        for (j = 0; j < RMW - 1; j = j + 1) begin
          recent[j]    <= rst ? 1'b0 : j == 0 ? note : recent[j-1];
          recent_sa[j] <= j == 0 ? sa : recent_sa[j-1];
        end
      end
    end
  endgenerate
endmodule
