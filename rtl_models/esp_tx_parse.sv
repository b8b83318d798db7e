// What the first beat of a frame says of its IP packet, and what of it ESP will need; no state.
//
// Up to four tags (802.1Q, 802.1ad, 0x9100) before the EtherType.
//   not_ip     nothing that an SA can protect: EtherType and IP version disagree, the frame ends within the IP header, five tags;
//              in transport mode also a fragment, and what TRANSPORT below leaves out
//   bad        it is IP, but its lengths contradict each other or the frame, or (transport) its header chain does
//   total      bytes of the IP packet as it says; of an IPv4 packet that says 0, those of the frame
//   at         offset in the frame of what is put in: tunnel: the IP header; transport: behind the headers that stay in front
//   next       next header of the trailer: 4 or 41, or what the byte says that transport mode changes (`ext`: it is the first one
//              behind the IPv6 header, else the one in the IP header)
// TRANSPORT leaves out what the first 64 bytes do not tell: IPv4 options that end beyond them; IPv6 with more than one extension
// header, or with one behind more than two tags. The C card sends these; here they are not_ip.
// Hop-by-hop and routing headers stay in front, destination options and mobility are protected (RFC 4303 3.1.1).
module esp_tx_parse (
    input  logic [511:0] beat,
    input  logic [15:0]  length,     // of the frame
    input  logic         transport,
    output logic         not_ip,
    output logic         bad,
    output logic         v6,
    output logic [4:0]   l3,         // offset of the IP header: 14, 18, .. 30
    output logic [16:0]  total,
    output logic [11:0]  at,
    output logic         ext,
    output logic [7:0]   next
);
  localparam logic [7:0] HOP_BY_HOP = 8'd0, IPV4 = 8'd4, IPV6 = 8'd41, ROUTING = 8'd43, FRAGMENT = 8'd44,
                         DESTINATION = 8'd60, MOBILITY = 8'd135;

  function automatic logic is_tag(input logic [15:0] type_field);
    is_tag = type_field == 16'h8100 || type_field == 16'h88a8 || type_field == 16'h9100;
  endfunction

  function automatic logic is_ext(input logic [7:0] proto);
    is_ext = proto == HOP_BY_HOP || proto == ROUTING || proto == DESTINATION || proto == MOBILITY;
  endfunction

  // ---- Ethernet ----------------------------------------------------------------------------------------------------
  logic [15:0]  type_field;
  logic         deep;       // too many tags
  logic [335:0] ip;         // the IP header, from its first byte, and 2 bytes behind that of IPv6

  always @* begin
    type_field = {beat[8*12+:8], beat[8*13+:8]};
    l3 = 5'd14;
    ip = beat[8*14+:336];
    if (is_tag(type_field)) begin
      type_field = {beat[8*16+:8], beat[8*17+:8]};
      l3 = 5'd18;
      ip = beat[8*18+:336];
      if (is_tag(type_field)) begin
        type_field = {beat[8*20+:8], beat[8*21+:8]};
        l3 = 5'd22;
        ip = beat[8*22+:336];
        if (is_tag(type_field)) begin
          type_field = {beat[8*24+:8], beat[8*25+:8]};
          l3 = 5'd26;
          ip = {32'd0, beat[511:8*26]};
          if (is_tag(type_field)) begin
            type_field = {beat[8*28+:8], beat[8*29+:8]};
            l3 = 5'd30;
            ip = {64'd0, beat[511:8*30]};
          end
        end
      end
    end
    deep = is_tag(type_field);
  end

  logic unused;
  assign unused = &{1'b0, beat[95:0], ip[319:80], ip[71:64], ip[15:8]};

  // ---- IP ------------------------------------------------------------------------------------------------------------
  logic [15:0] room;         // bytes of the frame from the IP header on
  logic        v4, is_v4, is_v6;
  logic [15:0] says;         // IPv4 total length
  logic [5:0]  header;       // of IPv4
  logic [15:0] taken;        // total length, or what the frame has
  logic        fragmented;
  logic        v4_fits, v4_taken_fits, v4_fragment, v4_bad, v4_beyond;

  assign v4    = ip[7:4] == 4'd4 && type_field == 16'h0800 && !deep;
  assign v6    = ip[7:4] == 4'd6 && type_field == 16'h86dd && !deep;
  assign room  = length - {11'd0, l3};
  assign is_v4 = v4 && length >= {11'd0, l3} + 16'd20;
  assign is_v6 = v6 && length >= {11'd0, l3} + 16'd40;

  assign header     = {ip[3:0], 2'b00};
  assign says       = {ip[8*2+:8], ip[8*3+:8]};
  assign taken      = says == '0 ? room : says;
  assign fragmented = {ip[8*6+:6], ip[8*7+:8]} != '0;
  assign v4_fits       = header >= 6'd20 && says >= {10'd0, header} && says <= room;
  assign v4_taken_fits = header >= 6'd20 && taken >= {10'd0, header} && taken <= room;
  assign v4_fragment   = v4_taken_fits && fragmented;
  assign v4_bad        = !v4_fits || (transport && fragmented);
  assign v4_beyond     = !v4_bad && {1'b0, header} + {2'b00, l3} > 7'd64;

  logic [16:0] v6_total, behind;  // all; behind the fixed header
  logic [7:0]  proto, following;
  logic [11:0] ext_bytes;
  logic        has_ext, ext_whole, stays;
  logic        v6_fits, v6_fragment, v6_bad, v6_beyond;

  assign behind    = {1'b0, ip[8*4+:8], ip[8*5+:8]};
  assign v6_total  = behind + 17'd40;
  assign v6_fits   = v6_total <= {1'b0, room};
  assign proto     = ip[8*6+:8];
  assign following = ip[8*40+:8];
  assign ext_bytes = {1'b0, ip[8*41+:8], 3'b000} + 12'd8;
  assign has_ext   = is_ext(proto);
  assign ext_whole = behind >= 17'd8 && {5'd0, ext_bytes} <= behind;
  assign stays     = proto == HOP_BY_HOP || proto == ROUTING;
  assign v6_fragment = v6_fits && ((proto == FRAGMENT && behind >= 17'd8)
                                   || (has_ext && ext_whole && following == FRAGMENT
                                       && behind - {5'd0, ext_bytes} >= 17'd8));
  assign v6_bad    = !v6_fits || (transport && (proto == FRAGMENT || (has_ext && (!ext_whole || following == FRAGMENT))));
  assign v6_beyond = v6_fits && has_ext && behind >= 17'd8 && (l3 > 5'd22 || (ext_whole && is_ext(following)));

  always @* begin
    not_ip = !(is_v4 || is_v6)
             || (transport && (v6 ? v6_fragment || v6_beyond : v4_fragment || v4_beyond));
    bad    = v6 ? v6_bad : v4_bad;
    total  = v6 ? v6_total : {1'b0, taken};
    ext    = transport && v6 && has_ext && stays;
    at     = {7'd0, l3};
    next   = v6 ? IPV6 : IPV4;
    if (transport) begin
      at   = {7'd0, l3} + (v6 ? 12'd40 + (ext ? ext_bytes : 12'd0) : {6'd0, header});
      next = v6 ? (ext ? following : proto) : ip[8*9+:8];
    end
  end
endmodule
