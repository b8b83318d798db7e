// A pipeline that never stops: what comes in leaves STAGES cycles later.
module pipe #(
    parameter int WIDTH  = 8,  // bits, 1 and more
    parameter int STAGES = 1   // cycles, 0 to 255
) (
    // with no stage at all there is nothing to clock
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic             clk,
    input  logic             rst,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic             in_valid,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    output logic [WIDTH-1:0] out_data
);
`ifndef SYNTHESIS
  initial begin
    if (WIDTH < 1) $fatal(1, "pipe: WIDTH is %0d, must be 1 or more", WIDTH);
    if (STAGES < 0 || STAGES > 255) $fatal(1, "pipe: STAGES is %0d, must be 0 to 255", STAGES);
  end
`endif

  generate
    if (STAGES == 0) begin : g_none
      assign out_valid = in_valid;
      assign out_data  = in_data;
    end else begin : g_some
      logic [STAGES-1:0]       valid;
      logic [STAGES*WIDTH-1:0] data;
      integer                  i;

      assign out_valid = valid[STAGES-1];
      assign out_data  = data[(STAGES-1)*WIDTH+:WIDTH];

      always_ff @(posedge clk) begin
        for (i = 0; i < STAGES; i = i + 1) begin
          valid[i] <= rst ? 1'b0 : i == 0 ? in_valid : valid[i-1];
        end
        data <= (STAGES*WIDTH)'({data, in_data});
      end
    end
  endgenerate
endmodule
