// From a received packet to its SA: SPI, destination and IP version in a CAM. The C block: sa_lookup
// (sim/nic/sa_lookup.c) with contexts on the chip and the table of organisation `cam`.
//
// What the parser has sent past stays so. A miss goes on untouched (`no SA`). A packet with UDP whose SA has none, or the
// other way round, is refused (`wrong protocol`). Counters go up when the first beat is taken.
// The CAM is 2^SA_W comparators on flops, its answer comes in the cycle of the beat (README: memories).
// SAs have the numbers 1 to 2^SA_W - 1; an entry is set by cfg_we and seen from the next cycle on. Two entries must not
// have the same key.
//
// Time: rtl_models/README.md; begins with the first beat, latency LATENCY, tail OVERHEAD; one look-up a cycle.
module esp_lookup #(
    parameter int SA_W     = 4,
    parameter int LATENCY  = 12,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 64,
    parameter int SIDE_W   = 1
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            cfg_we,
    input  logic [SA_W-1:0] cfg_sa,
    input  logic [31:0]     cfg_spi,    // as in the packet: first byte lowest
    input  logic            cfg_v6,
    input  logic [127:0]    cfg_dst,    // likewise; IPv4: in the lowest 32 bits
    input  logic            cfg_udp,
    input  logic            in_valid,
    input  logic            in_last,
    input  logic [2:0]      in_bypass,
    input  logic            in_v6,
    input  logic            in_udp,
    input  logic [127:0]    in_dst,
    input  logic [63:0]     in_header,
    input  logic [SIDE_W-1:0] in_side,  // what goes along
    input  logic [511:0]    in_beat,
    output logic            in_pop,
    output logic            out_valid,
    output logic            out_last,
    output logic            out_crypt,  // it has an SA; this and the following with the first beat
    output logic [SA_W-1:0] out_sa,
    output logic            out_v6,
    output logic            out_udp,
    output logic [63:0]     out_header,
    output logic [SIDE_W-1:0] out_side,
    output logic [511:0]    out_beat,
    input  logic            out_pop,
    output logic [31:0]     count_not_ipsec,
    output logic [31:0]     count_no_sa,
    output logic [31:0]     count_fragment,
    output logic [31:0]     count_options,
    output logic [31:0]     count_malformed,
    output logic [31:0]     count_wrong
);
  localparam int SAS = 2 ** SA_W;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 12) $fatal(1, "esp_lookup: SA_W is %0d, must be 1 to 12", SA_W);
    if (SIDE_W < 1) $fatal(1, "esp_lookup: SIDE_W is %0d, must be 1 or more", SIDE_W);
  end
`endif

  logic [SAS-1:0] live, with_udp;
  logic [160:0]   key [0:SAS-1];  // version, destination, SPI

  always_ff @(posedge clk) begin
    if (rst) live <= '0;
    else if (cfg_we) live[cfg_sa] <= 1'b1;
    if (cfg_we) begin
      key[cfg_sa]      <= {cfg_v6, cfg_dst, cfg_spi};
      with_udp[cfg_sa] <= cfg_udp;
    end
  end

  logic [160:0]    wanted;
  logic [SA_W-1:0] sa;
  logic            hit, crypt, wrong, start;
  logic [2:0]      bypass;
  integer          i;
  // nobody behind waits for a whole item
  /* verilator lint_off UNUSEDSIGNAL */
  logic            unused;
  /* verilator lint_on UNUSEDSIGNAL */

  always @* begin
    wanted = {in_v6, in_dst, in_header[31:0]};
    hit = 1'b0;
    sa  = '0;
    for (i = 1; i < SAS; i = i + 1) begin
      if (live[i] && key[i] == wanted) begin
        hit = 1'b1;
        sa  = sa | SA_W'(i);
      end
    end
    crypt  = in_bypass == esp_rx_pkg::PASS_NONE && hit;
    bypass = in_bypass == esp_rx_pkg::PASS_NONE && !hit ? esp_rx_pkg::PASS_NO_SA : in_bypass;
    wrong  = crypt && with_udp[sa] != in_udp;
  end

  lane #(.WIDTH(1 + SA_W + 1 + 1 + 64 + SIDE_W + 512), .DEPTH(DEPTH), .LATENCY(LATENCY), .OVERHEAD(OVERHEAD)) u_lane (
    .clk, .rst,
    .in_valid, .in_whole(1'b0), .in_last, .in_pop,
    .ready(1'b1), .drop(wrong), .start,
    .beat({crypt, sa, in_v6, in_udp, in_header, in_side, in_beat}),
    .out_valid, .out_whole(unused), .out_last,
    .out_data({out_crypt, out_sa, out_v6, out_udp, out_header, out_side, out_beat}), .out_pop
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      count_not_ipsec <= '0;
      count_no_sa     <= '0;
      count_fragment  <= '0;
      count_options   <= '0;
      count_malformed <= '0;
      count_wrong     <= '0;
    end else if (start) begin
      count_not_ipsec <= count_not_ipsec + 32'(bypass == esp_rx_pkg::PASS_NOT_IPSEC);
      count_no_sa     <= count_no_sa + 32'(bypass == esp_rx_pkg::PASS_NO_SA);
      count_fragment  <= count_fragment + 32'(bypass == esp_rx_pkg::PASS_FRAGMENT);
      count_options   <= count_options + 32'(bypass == esp_rx_pkg::PASS_OPTIONS);
      count_malformed <= count_malformed + 32'(bypass == esp_rx_pkg::PASS_MALFORMED);
      count_wrong     <= count_wrong + 32'(wrong);
    end
  end
endmodule
