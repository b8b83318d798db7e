// What a received Ethernet frame is: ESP for the look-up, or something that the card leaves alone, and why (RFC 791,
// 8200, 4302, 4303, 3948). The C block: parser (sim/nic/parser.c, sim/esp/packet.c).
//
// A frame comes as beats of 64 bytes, byte 0 lowest, its length beside the first beat. It stands whole in the receive
// buffer before its first beat is seen: beat k + 1 is at the head of the channel in the cycle after beat k was taken.
// All headers are in the first two beats, up to the IV, and what is needed of them is handed on with the first one.
//
//   malformed   shorter than its headers; EtherType and IP version differ; a length field that contradicts the frame
//   fragment    any IPv4 fragment; IPv6 with a fragment header right behind the IPv6 header
//   options     ESP, UDP with ESP, or AH behind IPv4 options
//   no SA       AH: this card has keys for ESP only
//   not IPsec   all else: other EtherTypes, other protocols, UDP that is not port 4500, IKE, NAT keepalives
// With `bypass` NONE the IP header is at `l3` (14, or 18 and 22 behind one or two VLAN tags), ESP at `ipsec`, behind the IP
// header or UDP of port 4500; `last_byte` is the offset behind its ICV. An IPv4 total length of 0 counts as the rest of
// the frame. Checksums are not looked at.
//
// NOT as the C block: frames with more than two VLAN tags are not IPsec; IPv6 with extension headers other than the
// fragment header counts as options, whatever is behind them. Such frames go out as they came in both.
//
// Time: rtl_models/README.md; begins with the first beat, latency LATENCY (1 or more), tail OVERHEAD. Nothing is refused.
module esp_parser #(
    parameter int LATENCY  = 8,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 64
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         in_valid,
    input  logic         in_last,
    input  logic [15:0]  in_length,    // of the frame; with its first beat
    input  logic [511:0] in_beat,
    output logic         in_pop,
    output logic         out_valid,
    output logic         out_last,
    output logic [2:0]   out_bypass,   // these with the first beat
    output logic         out_v6,
    output logic         out_udp,
    output logic [6:0]   out_l3,
    output logic [6:0]   out_ipsec,
    output logic [15:0]  out_length,
    output logic [15:0]  out_end,
    output logic [127:0] out_dst,      // IPv4: in the lowest 32 bits, the others 0
    output logic [63:0]  out_header,   // SPI and number
    output logic [63:0]  out_iv,
    output logic [511:0] out_beat,
    input  logic         out_pop
);
  localparam int SIDE_W = 3 + 1 + 1 + 7 + 7 + 16 + 16 + 128 + 64 + 64;

`ifndef SYNTHESIS
  initial begin
    if (LATENCY < 1 || LATENCY > 255) $fatal(1, "esp_parser: LATENCY is %0d, must be 1 to 255", LATENCY);
    if (OVERHEAD < 0 || OVERHEAD > 255) $fatal(1, "esp_parser: OVERHEAD is %0d, must be 0 to 255", OVERHEAD);
  end
`endif

  logic       midway, room;
  logic [7:0] pause;

  assign in_pop = in_valid && room && pause == '0;

  logic         s_valid, s_first, s_last;
  logic [15:0]  s_length;
  logic [511:0] s_beat;

  always_ff @(posedge clk) begin
    if (rst) begin
      midway  <= 1'b0;
      pause   <= '0;
      s_valid <= 1'b0;
    end else begin
      if (in_pop) midway <= !in_last;
      if (in_pop && in_last) pause <= 8'(OVERHEAD);
      else if (pause != '0) pause <= pause - 1'b1;
      s_valid <= in_pop;
    end
    if (in_pop) begin
      s_first  <= !midway;
      s_last   <= in_last;
      s_length <= in_length;
      s_beat   <= in_beat;
    end
  end

  // ---- one cycle on: the headers ---------------------------------------------------------------------------------
  localparam int WINDOW_W = 8 * 106;  // bytes from the IP header on; 22 are before it at most

  // Byte `at` is the first, and the high one.
  function automatic logic [15:0] get16(input logic [WINDOW_W-1:0] bytes, input integer at);
    get16 = {bytes[8*at+:8], bytes[8*at+8+:8]};
  endfunction

  function automatic logic is_tag(input logic [15:0] kind);
    is_tag = kind == 16'h8100 || kind == 16'h88a8 || kind == 16'h9100;
  endfunction

  // the IP header begins behind the first bytes in all cases
  /* verilator lint_off UNUSEDSIGNAL */
  logic [1023:0]         both;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [15:0]           kind0, kind1, kind;  // EtherType, or of a tag
  logic [6:0]            l3;
  logic [WINDOW_W-1:0]   ip;
  logic                  is4, is6;
  logic [16:0]           length, room_l3;     // bytes of the frame, and from the IP header on
  logic [16:0]           total, left;         // bytes of the IP packet, and behind its header
  logic [6:0]            header;              // bytes of the IP header
  logic [7:0]            proto;
  // what is behind IP: of it the first bytes are looked at
  /* verilator lint_off UNUSEDSIGNAL */
  logic [WINDOW_W-1:0]   upper, esp;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [16:0]           udp_length;
  logic [10:0]           ah_length;
  logic                  port, ip_good, fragment, options, extension;
  logic [2:0]            bypass;
  logic                  udp;
  logic [6:0]            ipsec;
  logic [15:0]           last_byte;
  logic [127:0]          dst;

  always @* begin
    both   = {in_beat, s_beat};
    length = {1'b0, s_length};
    kind0  = {s_beat[8*12+:8], s_beat[8*13+:8]};
    kind1  = {s_beat[8*16+:8], s_beat[8*17+:8]};
    l3     = 7'd14;
    kind   = kind0;
    ip     = both[8*14+:WINDOW_W];
    if (is_tag(kind0)) begin
      l3   = 7'd18;
      kind = kind1;
      ip   = both[8*18+:WINDOW_W];
      if (is_tag(kind1) && length >= 17'd18) begin
        l3   = 7'd22;
        kind = {s_beat[8*20+:8], s_beat[8*21+:8]};
        ip   = both[8*22+:WINDOW_W];
      end
    end
    room_l3 = length - {10'd0, l3};
    is4     = kind == 16'h0800 && ip[4+:4] == 4'd4;
    is6     = kind == 16'h86dd && ip[4+:4] == 4'd6;
    header  = is6 ? 7'd40 : {1'b0, ip[3:0], 2'b00};
    total   = is6 ? {1'b0, get16(ip, 4)} + 17'd40 : {1'b0, get16(ip, 2)};
    if (is4 && total == '0) total = room_l3;
    proto = is6 ? ip[8*6+:8] : ip[8*9+:8];
    left  = total - {10'd0, header};
    upper = ip >> {header, 3'b000};

    ip_good   = length >= {10'd0, l3} + (is6 ? 17'd40 : 17'd20) && total <= room_l3
                && (is6 || (header >= 7'd20 && total >= {10'd0, header}));
    fragment  = is6 ? proto == 8'd44 : (get16(ip, 6) & 16'h3fff) != '0;
    options   = is4 && header > 7'd20;
    extension = is6 && (proto == 8'd0 || proto == 8'd43 || proto == 8'd60 || proto == 8'd135);

    ah_length  = ({3'b000, upper[8+:8]} + 11'd2) << 2;
    udp_length = {1'b0, get16(upper, 4)};
    port       = left >= 17'd8 && (get16(upper, 0) == 16'd4500 || get16(upper, 2) == 16'd4500);
    udp        = 1'b0;
    last_byte  = {9'd0, l3} + total[15:0];
    bypass     = esp_rx_pkg::PASS_NOT_IPSEC;
    if (length < {10'd0, l3}) bypass = esp_rx_pkg::PASS_MALFORMED;
    else if (kind != 16'h0800 && kind != 16'h86dd) bypass = esp_rx_pkg::PASS_NOT_IPSEC;
    else if (length == {10'd0, l3} || !(is4 || is6) || !ip_good) bypass = esp_rx_pkg::PASS_MALFORMED;
    else if (fragment) bypass = is6 && left < 17'd8 ? esp_rx_pkg::PASS_MALFORMED : esp_rx_pkg::PASS_FRAGMENT;
    else if (extension) bypass = esp_rx_pkg::PASS_OPTIONS;
    else if (proto == 8'd50) bypass = left < 17'd8 ? esp_rx_pkg::PASS_MALFORMED : esp_rx_pkg::PASS_NONE;
    else if (proto == 8'd51) begin
      bypass = esp_rx_pkg::PASS_NO_SA;
      if (left < 17'd12 || ah_length < 11'd12 || {6'd0, ah_length} > left) bypass = esp_rx_pkg::PASS_MALFORMED;
    end else if (proto == 8'd17 && port) begin
      if (udp_length < 17'd8 || udp_length > left) bypass = esp_rx_pkg::PASS_MALFORMED;
      else if (udp_length >= 17'd12 && upper[64+:32] != '0) begin  // else a keepalive, or IKE, or nothing
        bypass    = udp_length < 17'd16 ? esp_rx_pkg::PASS_MALFORMED : esp_rx_pkg::PASS_NONE;
        udp       = 1'b1;
        last_byte = {9'd0, l3} + {9'd0, header} + udp_length[15:0];
      end
    end
    if (options && (bypass == esp_rx_pkg::PASS_NONE || bypass == esp_rx_pkg::PASS_NO_SA))
      bypass = esp_rx_pkg::PASS_OPTIONS;

    ipsec = l3 + header + (udp ? 7'd8 : 7'd0);
    esp   = udp ? upper >> 64 : upper;
    dst   = is6 ? ip[8*24+:128] : {96'd0, ip[8*16+:32]};
  end

  // ---- and out ---------------------------------------------------------------------------------------------------
  logic                  p_valid, p_last;
  // nobody behind waits for a whole item
  /* verilator lint_off UNUSEDSIGNAL */
  logic                  unused;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [SIDE_W+511:0]   p_data;
  logic [SIDE_W-1:0]     s_side;

  assign s_side = s_first ? {bypass, is6, udp, l3, ipsec, s_length, last_byte, dst, esp[63:0], esp[127:64]} : '0;

  pipe #(.WIDTH(1 + SIDE_W + 512), .STAGES(LATENCY - 1)) u_pipe (
    .clk, .rst, .in_valid(s_valid), .in_data({s_last, s_side, s_beat}),
    .out_valid(p_valid), .out_data({p_last, p_data})
  );

  channel #(.WIDTH(SIDE_W + 512), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve(in_pop), .push(p_valid), .push_last(p_last), .push_data(p_data),
    .valid(out_valid), .whole(unused), .last(out_last),
    .data({out_bypass, out_v6, out_udp, out_l3, out_ipsec, out_length, out_end, out_dst, out_header, out_iv, out_beat}),
    .pop(out_pop)
  );

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst && s_valid && !s_last)
      assert (in_valid) else $error("esp_parser: a frame is not whole in the receive buffer");
  end
`endif
endmodule
