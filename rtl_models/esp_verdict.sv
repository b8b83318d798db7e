// Behind the crypto: beats of decrypted ESP packets pass by, and when the last one has, what decapsulation will say is
// known: RFC 4303 2.4 to 2.6 (padding, dummy), RFC 4301 5.2 (the packet inside), RFC 6040 4.2 (ECN). In C both happen
// in decapsulate (esp_decapsulate of sim/esp/encap.c, esp_read_trailer of sim/esp/esp.c), which has the whole packet.
//
// In this order: bad padding (longer than the payload), dummy (next header 59), bad padding (bytes that are not 1, 2, 3,
// ...), and with a tunnel: wrong protocol (neither IPv4 nor IPv6 inside), bad inner (no whole IP packet of that
// version), ECN (marked outside, not capable inside).
// Of the padding it is kept where the last byte stands that is not one more than the byte before it: from there on the
// bytes count up, so N bytes of padding are right if the last one is N and that place is not among the others.
//
// `push` comes with the last beat, in its cycle; all that is pushed is of that item. Without SA (`crypt` low) only `crypt`
// and `length` mean something. With `is_short` or a wrong ICV the rest is of any value.
module esp_verdict (
    input  logic         clk,
    input  logic         rst,
    input  logic         take,
    input  logic         last,
    input  logic         crypt,
    input  logic         v6,         // outside
    input  logic         udp,
    input  logic [6:0]   l3,         // offset of the IP header
    input  logic [6:0]   ipsec,      // offset of ESP
    input  logic         tunnel,     // mode of the SA
    input  logic [5:0]   icv,        // bytes
    input  logic [15:0]  length,     // of the frame
    input  logic [15:0]  last_byte,  // offset behind the ICV
    input  logic         icv_ok,     // with the last beat
    input  logic [511:0] beat,
    output logic         push,
    output logic         is_short,   // no room for header, IV, trailer and ICV
    output logic [2:0]   open,       // esp_rx_pkg::OPEN_
    output logic         good,
    output logic [7:0]   next,       // protocol of what is inside
    output logic         inner6,
    output logic         ecn_set,    // the ECN field inside becomes `ecn`
    output logic [1:0]   ecn,
    output logic [15:0]  out_length  // of the frame that comes out
);
  logic         first, inner;     // `inner`: behind the first beat
  logic [9:0]   number;           // of the beat
  logic [15:0]  base;
  logic [15:0]  begins, stop;     // payload; end of the padding, where its length stands
  logic [6:0]   header;           // bytes before ESP, without UDP: what stays in transport mode
  logic [5:0]   tos;              // where its second byte stands in the first beat

  always_ff @(posedge clk) begin
    if (rst) begin
      inner  <= 1'b0;
      number <= '0;
    end else if (take) begin
      inner  <= !last;
      number <= last ? '0 : number + 1'b1;
    end
  end

  assign first  = !inner;
  assign base   = {number, 6'd0};
  assign begins = {9'd0, ipsec} + 16'd16;
  assign header = udp ? ipsec - 7'd8 : ipsec;
  assign tos    = 6'(l3 + 7'd1);
  assign stop   = last_byte - {10'd0, icv} - 16'd2;
  assign is_short = last_byte < begins + {10'd0, icv} + 16'd2;

  // ---- what is kept of the beats before ----------------------------------------------------------------------------
  logic [7:0]  kept_byte, kept_pad, kept_next, kept_final;  // last byte of a beat; of the packet
  logic [15:0] kept_place, place;                           // where counting begins
  logic [1:0]  kept_outer, outer;
  logic [47:0] kept_head, head;                             // first bytes inside
  logic [7:0]  pad, final_byte, previous;
  logic [15:0] at;
  integer      i;

  always @* begin
    place      = first ? '0 : kept_place;
    pad        = kept_pad;
    next       = kept_next;
    final_byte = kept_final;
    outer      = first ? beat[{tos, v6, 2'b00}+:2] : kept_outer;
    head       = kept_head;
    for (i = 0; i < 6; i = i + 1) begin
      at = begins + 16'(i);
      if (at[15:6] == number) head[8*i+:8] = beat[{at[5:0], 3'b000}+:8];
    end
    previous = kept_byte;
    for (i = 0; i < 64; i = i + 1) begin
      if (base + 16'(i) < stop && {1'b0, beat[8*i+:8]} != {1'b0, previous} + 9'd1) place = base + 16'(i);
      previous = beat[8*i+:8];
    end
    if (stop[15:6] == base[15:6]) pad = beat[{stop[5:0], 3'b000}+:8];
    if (16'(stop + 16'd1) >> 6 == base >> 6) next = beat[{stop[5:0] + 6'd1, 3'b000}+:8];
    if (16'(stop - 16'd1) >> 6 == base >> 6) final_byte = beat[{stop[5:0] - 6'd1, 3'b000}+:8];
  end

  always_ff @(posedge clk) begin
    if (take) begin
      kept_byte  <= beat[511-:8];
      kept_pad   <= pad;
      kept_next  <= next;
      kept_final <= final_byte;
      kept_place <= place;
      kept_outer <= outer;
      kept_head  <= head;
    end
  end

  // ---- with the last beat --------------------------------------------------------------------------------------------
  logic [15:0] carried;      // payload and padding
  logic [15:0] room;         // payload
  logic [16:0] total;        // of the packet inside
  logic [5:0]  inner_header;
  logic        is4, whole, counted;
  logic [1:0]  inner_ecn;

  always @* begin
    carried      = stop - begins;
    room         = carried - {8'd0, pad};
    counted      = pad == '0 || (final_byte == pad && place <= stop - {8'd0, pad});
    is4          = next == 8'd4;
    inner6       = next == 8'd41;
    inner_header = {head[3:0], 2'b00};
    total        = inner6 ? {1'b0, head[39:32], head[47:40]} + 17'd40 : {1'b0, head[23:16], head[31:24]};
    if (inner6) whole = room >= 16'd40 && head[7:4] == 4'd6 && total <= {1'b0, room};
    else whole = room >= 16'd20 && head[7:4] == 4'd4 && inner_header >= 6'd20 && total >= {11'd0, inner_header}
                 && total <= {1'b0, room};
    inner_ecn = inner6 ? head[13:12] : head[9:8];
    // Outer CE goes inwards, and ECT(1) into ECT(0).
    ecn       = inner_ecn != 2'd0 && outer == 2'd3 ? 2'd3 : inner_ecn == 2'd2 && outer == 2'd1 ? 2'd1 : inner_ecn;
    ecn_set   = tunnel && ecn != inner_ecn;
    open      = esp_rx_pkg::OPEN_OK;
    if ({8'd0, pad} > carried) open = esp_rx_pkg::OPEN_BAD_PADDING;
    else if (next == 8'd59) open = esp_rx_pkg::OPEN_DUMMY;
    else if (!counted) open = esp_rx_pkg::OPEN_BAD_PADDING;
    else if (tunnel && !is4 && !inner6) open = esp_rx_pkg::OPEN_WRONG;
    else if (tunnel && !whole) open = esp_rx_pkg::OPEN_BAD_INNER;
    else if (tunnel && inner_ecn == 2'd0 && outer == 2'd3) open = esp_rx_pkg::OPEN_ECN;
    out_length = !crypt ? length : tunnel ? total[15:0] + {9'd0, l3} : room + {9'd0, header};
  end

  assign push = take && last;
  assign good = icv_ok && !is_short;
endmodule
