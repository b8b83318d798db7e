// Whether a frame can be sent with its SA, and with which number. The C block: sequence (sim/nic/sequence.c), packet offload.
//
// Checked in this order: it is an IP packet that the SA can protect (esp_tx_parse: not_ip); framed it is not longer than MTU; the
// SA has a number left. Then it gets the number (esn_sequence). What is refused takes no number and goes no further. Frames
// without an SA pass. What the parser has found stands beside the first beat for esp_encapsulate.
// An item begins with its first beat; the hazard of an SA's numbers as in esn_sequence: refused frames wait too.
// Framed, an IP packet of T bytes has T + F + 16 + (-(T + 2) mod 4) + 2 + ICV bytes; F: outer header of a tunnel, 20 or 40.
module esp_tx_sequence #(
    parameter int SA_W     = 4,     // 1 to 8
    parameter int MTU      = 1500,  // 576 to 9216
    parameter int RMW      = 1,
    parameter int LATENCY  = 1,
    parameter int INTERVAL = 1,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 8
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            cfg_we,
    input  logic [SA_W-1:0] cfg_sa,
    input  logic            cfg_esn,
    input  logic [63:0]     cfg_next,
    input  logic            cfg_transport,
    input  logic            cfg_v6,
    input  logic [4:0]      cfg_icv,
    input  logic [SA_W-1:0] peek_sa,
    output logic [63:0]     peek_next,   // esn_sequence
    input  logic            in_valid,
    input  logic            in_last,
    input  logic            in_crypt,
    input  logic [SA_W-1:0] in_sa,
    input  logic [15:0]     in_length,
    input  logic [511:0]    in_beat,
    output logic            in_pop,
    output logic            out_valid,
    output logic            out_last,
    output logic            out_crypt,
    output logic [SA_W-1:0] out_sa,
    output logic [63:0]     out_number,
    output logic [15:0]     out_length,
    output logic            out_bad,     // esp_tx_parse
    output logic            out_v6,
    output logic [4:0]      out_l3,
    output logic [15:0]     out_total,
    output logic [15:0]     out_framed,  // bytes of the IP packet as it will be
    output logic [11:0]     out_at,
    output logic            out_ext,
    output logic [7:0]      out_next,
    output logic [511:0]    out_beat,
    input  logic            out_pop,
    output logic            refuses,     // a frame begins and is refused
    output logic [31:0]     count_not_ip,
    output logic [31:0]     count_mtu,
    output logic [31:0]     count_exhausted
);
  localparam int FOUND_W = 1 + 1 + 5 + 16 + 16 + 12 + 1 + 8;
  localparam int DATA_W = 1 + SA_W + 16 + FOUND_W + 512;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 8) $fatal(1, "esp_tx_sequence: SA_W is %0d, must be 1 to 8", SA_W);
    if (MTU < 576 || MTU > 9216) $fatal(1, "esp_tx_sequence: MTU is %0d, must be 576 to 9216", MTU);
  end
`endif

  logic        transport, outer_v6;
  logic [4:0]  icv;
  logic        not_ip, bad, v6, ext;
  logic [4:0]  l3;
  logic [16:0] total, framed;
  logic [11:0] at;
  logic [7:0]  next;
  logic [1:0]  pad;

  context_ram #(.WIDTH(7), .SA_W(SA_W)) u_context (
    .clk, .we(cfg_we), .wr_sa(cfg_sa), .wr_data({cfg_transport, cfg_v6, cfg_icv}), .rd_sa(in_sa),
    .rd_data({transport, outer_v6, icv})
  );

  esp_tx_parse u_parse (
    .beat(in_beat), .length(in_length), .transport, .not_ip, .bad, .v6, .l3, .total, .at, .ext, .next
  );

  assign pad    = 2'd2 - total[1:0];
  assign framed = total + (transport ? 17'd18 : outer_v6 ? 17'd58 : 17'd38) + {15'd0, pad} + {12'd0, icv};

  logic [31:0] too_long, given_unused;
  logic        whole_unused, unused;

  assign unused = &{1'b0, whole_unused, given_unused};

  esn_sequence #(
    .SA_W(SA_W), .MTU(MTU), .RMW(RMW), .LATENCY(LATENCY), .INTERVAL(INTERVAL), .OVERHEAD(OVERHEAD), .DEPTH(DEPTH),
    .DATA_W(DATA_W)
  ) u_numbers (
    .clk, .rst, .cfg_we, .cfg_sa, .cfg_esn, .cfg_next, .peek_sa, .peek_next, .refuses,
    .seq_valid(in_valid), .seq_last(in_last), .seq_crypt(in_crypt), .seq_sa(in_sa),
    .seq_length(not_ip ? 17'h1ffff : framed),  // longer than any MTU
    .seq_data({in_crypt, in_sa, in_length, bad, v6, l3, total[15:0], framed[15:0], at, ext, next, in_beat}),
    .seq_pop(in_pop),
    .numbered_valid(out_valid), .numbered_whole(whole_unused), .numbered_last(out_last), .numbered_number(out_number),
    .numbered_data({out_crypt, out_sa, out_length, out_bad, out_v6, out_l3, out_total, out_framed, out_at, out_ext,
                    out_next, out_beat}),
    .numbered_pop(out_pop),
    .count_given(given_unused), .count_exhausted, .count_too_long(too_long)
  );

  logic inner;  // the head is not the first beat of its item

  always_ff @(posedge clk) begin
    if (rst) begin
      inner        <= 1'b0;
      count_not_ip <= '0;
    end else if (in_pop) begin
      inner        <= !in_last;
      count_not_ip <= count_not_ip + 32'(!inner && in_crypt && not_ip);
    end
  end

  assign count_mtu = too_long - count_not_ip;
endmodule
