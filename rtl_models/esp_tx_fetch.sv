// From a frame to send to its SA. The C block: sa_fetch (sim/nic/sa_lookup.c) with contexts on the chip.
//
// A frame comes with a handle beside its first beat. 0: no SA, the frame goes in clear (`crypt` low, `sa` 0). Else the low SA_W
// bits name the SA, whose handle must be the same in all its bits and which must be live; otherwise the frame is refused, that is
// taken, counted and not handed on. With SA_TABLE somebody else knows which SA it is (`find_sa`, 0: none), and is told when the
// frame takes it, in the cycle in which the frame begins.
// An item begins with its first beat; LATENCY, INTERVAL and OVERHEAD as in lane.sv. An SA is set by `cfg_we`, one a cycle; the
// next cycle sees it.
module esp_tx_fetch #(
    parameter int SA_W     = 4,   // bits of an SA's number, 1 to 16; there are 2^SA_W of them
    parameter int LATENCY  = 1,
    parameter int INTERVAL = 1,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 8,
    parameter int DATA_W   = 16,  // what goes with each beat
    parameter int SA_TABLE = 0    // 1: handles are those of sa_table.sv, and cfg_* are not looked at
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              cfg_we,
    input  logic [SA_W-1:0]   cfg_sa,
    input  logic              cfg_live,
    input  logic [31:0]       cfg_handle,
    input  logic              in_valid,
    input  logic              in_last,
    input  logic [63:0]       in_handle,
    input  logic [DATA_W-1:0] in_data,
    output logic              in_pop,
    output logic              out_valid,
    output logic              out_last,
    output logic              out_crypt,
    output logic [SA_W-1:0]   out_sa,
    output logic [DATA_W-1:0] out_data,
    input  logic              out_pop,
    output logic [63:0]       find_handle,
    input  logic [SA_W-1:0]   find_sa,
    output logic              find_take,
    output logic [31:0]       count_unknown_handle
);
  localparam int SAS = 2 ** SA_W;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 16) $fatal(1, "esp_tx_fetch: SA_W is %0d, must be 1 to 16", SA_W);
    if (SA_TABLE < 0 || SA_TABLE > 1) $fatal(1, "esp_tx_fetch: SA_TABLE is %0d, must be 0 or 1", SA_TABLE);
  end
`endif

  logic [SAS-1:0]  live;
  logic [SA_W-1:0] named;
  logic [31:0]     handle;
  logic            crypt, unknown, start, whole_unused, unused;

  assign unused = &{1'b0, whole_unused};

  context_ram #(.WIDTH(32), .SA_W(SA_W)) u_handle (
    .clk, .we(cfg_we), .wr_sa(cfg_sa), .wr_data(cfg_handle), .rd_sa(named), .rd_data(handle)
  );

  assign named   = SA_TABLE == 1 ? find_sa : in_handle[SA_W-1:0];
  assign crypt   = in_handle != '0;
  assign unknown = crypt && (SA_TABLE == 1 ? find_sa == '0 : !live[named] || {32'd0, handle} != in_handle);

  assign find_handle = in_handle;
  assign find_take   = SA_TABLE == 1 && start && crypt && !unknown;

  lane #(
    .WIDTH(1 + SA_W + DATA_W), .DEPTH(DEPTH), .LATENCY(LATENCY), .INTERVAL(INTERVAL), .OVERHEAD(OVERHEAD)
  ) u_lane (
    .clk, .rst,
    .in_valid, .in_whole(1'b0), .in_last, .in_pop,
    .ready(1'b1), .drop(unknown), .start, .beat({crypt, crypt ? named : {SA_W{1'b0}}, in_data}),
    .out_valid, .out_whole(whole_unused), .out_last, .out_data({out_crypt, out_sa, out_data}), .out_pop
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      live                 <= '0;
      count_unknown_handle <= '0;
    end else begin
      if (cfg_we) live[cfg_sa] <= cfg_live;
      count_unknown_handle <= count_unknown_handle + 32'(start && unknown);
    end
  end
endmodule
