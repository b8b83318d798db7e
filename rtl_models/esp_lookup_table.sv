// From a received packet to its SA, and the commands that make and end SAs: esp_lookup.sv with sa_table.sv in the place of the CAM.
// The C blocks: sa_lookup (sim/nic/sa_lookup.c) and the execution of commands (sim/nic/command.c), the table of organisation
// `hash`, contexts on the chip, ESN inferred.
//
// What the parser has sent past stays so, and is not looked up; AH is, and finds nothing. A miss goes on untouched (`no SA`). A packet with UDP whose SA has
// none, or the other way round, is refused (`wrong protocol`) and holds nothing. Every other hit holds its SA until it is given
// back at `rel_valid`. Counters go up when the first beat is taken.
//
// Commands, their answers, and the time of both: sa_table.sv. An INSERT brings an SA for ESP with all that belongs to it (`cmd_*` from
// cmd_spi on); `set_we` shows it to the other blocks in the cycle in which its number is taken, when nobody holds that number. An
// UPDATE for AH is for another protocol than any SA here has. Upper halves of ESNs are those that the block which counts them
// shows (`rd_high`). With `cmd_out` it is an SA to send with, which `tx_handle` finds, and `set_out` is high beside `set_we`.
//
// Time of packets: rtl_models/README.md; begins with the first beat, latency LATENCY, tail OVERHEAD; waits for the port of the
// look-up memories (sa_table.sv).
module esp_lookup_table #(
    parameter int SA_W     = 4,    // there are 2^SA_W - 1 SAs
    parameter int LATENCY  = 12,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 64,
    parameter int SIDE_W   = 1,
    parameter int RELEASES = 3,
    parameter int CONTEXT_W = 1,   // of an SA, for the other blocks
    parameter int MEMORIES = 2,
    parameter int BUCKETS  = 4,
    parameter int WAYS     = 2,
    parameter int STASH    = 2,
    parameter int LOOKUP_PORT = 1,
    parameter int LOOKUP_PACE = 2,
    parameter int ADD_CYCLES    = 8,
    parameter int UPDATE_CYCLES = 4,
    parameter int REMOVE_CYCLES = 6,
    parameter int COMMANDS = 4
) (
    input  logic            clk,
    input  logic            rst,
    // commands
    input  logic            cmd_valid,
    output logic            cmd_ready,
    input  logic [2:0]      cmd_op,
    input  logic [7:0]      cmd_tag,
    input  logic [63:0]     cmd_handle,
    input  logic            cmd_ah,      // UPDATE: for AH
    input  logic [31:0]     cmd_value,   // UPDATE
    input  logic [31:0]     cmd_spi,     // INSERT, UPDATE; as in the packet: first byte lowest
    input  logic            cmd_v6,      // this and all others: INSERT
    input  logic [127:0]    cmd_dst,     // first byte lowest; IPv4: in the lowest 32 bits
    input  logic            cmd_udp,
    input  logic            cmd_esn,
    input  logic            cmd_out,
    input  logic [CONTEXT_W-1:0] cmd_context,
    output logic            rsp_valid,
    input  logic            rsp_ready,
    output logic [7:0]      rsp_tag,
    output logic [2:0]      rsp_status,
    output logic [63:0]     rsp_handle,
    output logic            rsp_read,
    output logic [161:0]    rsp_key,     // numbers, not bytes of packets
    output logic [31:0]     rsp_value,
    output logic [1:0]      rsp_state,
    output logic [21:0]     rsp_references,
    // an SA is set
    output logic            set_we,
    output logic            set_out,
    output logic [SA_W-1:0] set_sa,
    output logic [CONTEXT_W-1:0] set_context,
    // upper half of the numbers of an SA, one to receive or (rd_out) to send with
    output logic [SA_W-1:0] rd_sa,
    output logic            rd_out,
    input  logic [31:0]     rd_high,
    // SAs to send with: sa_table.sv
    input  logic [63:0]     tx_handle,
    output logic [SA_W-1:0] tx_sa,
    input  logic            tx_take,
    // packets that are done with their SAs
    input  logic [RELEASES-1:0]      rel_valid,
    input  logic [RELEASES*SA_W-1:0] rel_sa,
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
  localparam int ENTRIES = 2 ** SA_W - 1;
  localparam int TAG_W   = 1 + 1 + 64 + SIDE_W;

`ifndef SYNTHESIS
  initial if (SA_W < 1 || SA_W > 12) $fatal(1, "esp_lookup_table: SA_W is %0d, must be 1 to 12", SA_W);
`endif

  function automatic logic [31:0] number32(input logic [31:0] bytes);
    number32 = {bytes[7:0], bytes[15:8], bytes[23:16], bytes[31:24]};
  endfunction

  // The table has IPv4 addresses in the low 32 bits of a number.
  function automatic logic [127:0] address(input logic [127:0] bytes, input logic v6);
    integer b;
    begin
      address = '0;
      for (b = 0; b < 16; b = b + 1) address[(15-b)*8 +: 8] = bytes[b*8 +: 8];
      if (!v6) address = {96'd0, address[127:96]};
    end
  endfunction

  logic            looks, wrong, look, ah, none;
  logic [SA_W-1:0] found;
  logic [2:0]      bypass;
  logic            with_udp [0:ENTRIES];
  logic            set_udp;
  // all of this is known otherwise, or nobody needs it
  /* verilator lint_off UNUSEDSIGNAL */
  logic            unused_whole;
  logic [1:0]      unused_probes;
  /* verilator lint_on UNUSEDSIGNAL */

  // AH is looked up too, and has no SA
  assign ah     = in_bypass == esp_rx_pkg::PASS_NO_SA;
  assign look   = in_bypass == esp_rx_pkg::PASS_NONE || ah;
  assign none   = look && found == '0;
  assign bypass = none ? esp_rx_pkg::PASS_NO_SA : in_bypass;
  assign wrong  = look && found != '0 && with_udp[found] != in_udp;

  sa_table #(
    .MEMORIES(MEMORIES), .BUCKETS(BUCKETS), .WAYS(WAYS), .STASH(STASH), .ENTRIES(ENTRIES), .LATENCY(LATENCY),
    .OVERHEAD(OVERHEAD), .DEPTH(DEPTH), .LOOKUP_PORT(LOOKUP_PORT), .LOOKUP_PACE(LOOKUP_PACE), .ADD_CYCLES(ADD_CYCLES),
    .UPDATE_CYCLES(UPDATE_CYCLES), .REMOVE_CYCLES(REMOVE_CYCLES), .COMMANDS(COMMANDS), .HOST_ESN(0), .RELEASES(RELEASES),
    .CONTEXT_W(1 + CONTEXT_W), .TAG_W(TAG_W), .DATA_W(512), .CMD_TAG_W(8)
  ) u_table (
    .clk, .rst,
    .in_valid, .in_last, .in_bypass(!look), .in_spi(number32(in_header[31:0])), .in_dst(address(in_dst, in_v6)),
    .in_ah(ah), .in_v6, .in_tag({in_v6, in_udp, in_header, in_side}), .in_data(in_beat), .in_pop,
    .out_valid, .out_whole(unused_whole), .out_last, .out_hit(out_crypt), .out_entry(out_sa), .out_probes(unused_probes),
    .out_tag({out_v6, out_udp, out_header, out_side}), .out_data(out_beat), .out_pop,
    .look_start(looks), .look_entry(found), .in_refuse(wrong),
    .tx_handle, .tx_entry(tx_sa), .tx_take,
    .rel_valid, .rel_entry(rel_sa),
    .cmd_valid, .cmd_ready, .cmd_op, .cmd_tag, .cmd_handle, .cmd_spi(number32(cmd_spi)), .cmd_ah(cmd_ah && cmd_op != 3'd0),
    .cmd_dst(address(cmd_dst, cmd_v6)), .cmd_v6, .cmd_esn, .cmd_value, .cmd_out, .cmd_context({cmd_udp, cmd_context}),
    .new_valid(set_we), .new_entry(set_sa), .new_out(set_out), .new_context({set_udp, set_context}),
    .rd_entry(rd_sa), .rd_out, .rd_value(rd_high),
    .rsp_valid, .rsp_ready, .rsp_tag, .rsp_status, .rsp_handle, .rsp_read, .rsp_key, .rsp_value, .rsp_state, .rsp_references
  );

  always_ff @(posedge clk) if (set_we) with_udp[set_sa] <= set_udp;

  always_ff @(posedge clk) begin
    if (rst) begin
      count_not_ipsec <= '0;
      count_no_sa     <= '0;
      count_fragment  <= '0;
      count_options   <= '0;
      count_malformed <= '0;
      count_wrong     <= '0;
    end else if (looks) begin
      count_not_ipsec <= count_not_ipsec + 32'(bypass == esp_rx_pkg::PASS_NOT_IPSEC);
      count_no_sa     <= count_no_sa + 32'(bypass == esp_rx_pkg::PASS_NO_SA);
      count_fragment  <= count_fragment + 32'(bypass == esp_rx_pkg::PASS_FRAGMENT);
      count_options   <= count_options + 32'(bypass == esp_rx_pkg::PASS_OPTIONS);
      count_malformed <= count_malformed + 32'(bypass == esp_rx_pkg::PASS_MALFORMED);
      count_wrong     <= count_wrong + 32'(wrong);
    end
  end
endmodule
