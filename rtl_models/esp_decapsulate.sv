// What the SA added comes off: outer header, ESP header, IV, trailer and ICV. The C block: decapsulate
// (sim/nic/decapsulate.c, sim/esp/encap.c), packet offload, without selectors. What is inside is known with the first
// beat (esp_verdict.sv): what does not open (`open` is not OK) is refused.
//
//   tunnel      the packet inside behind the Ethernet header: new EtherType, ECN (RFC 6040; an IPv4 checksum is adjusted
//               by RFC 1624, so a wrong one stays wrong). What is behind the packet (TFC padding) goes.
//   transport   what is inside behind the IP header: length, protocol, IPv4 checksum made anew; UDP goes too
//   no SA       the frame as it came
// NOT as the C block: a packet inside a tunnel that is ESP, AH or ESP in UDP itself goes out here, not round again.
//
// Time: begins with the first beat. An item of n beats in and m out passes in n slots, of which the last m push
// (sim/engine/lane.h): slot k takes beat k; if k >= n - m it needs room, and pushes beat k - (n - m) LATENCY cycles later
// (1 or more). Tail OVERHEAD. Beat k of the frame that comes out has bytes of beats k and k + 1 of the one that came in;
// where n = m the second is at the head of the channel before in the cycle after the first was taken, since that channel
// gets whole items (assertion).
// A frame has 32 beats at most.
module esp_decapsulate #(
    parameter int LATENCY  = 4,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 256
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         in_valid,
    input  logic         in_last,
    input  logic         in_crypt,       // this and the following with the first beat
    input  logic [2:0]   in_open,
    input  logic         in_tunnel,
    input  logic         in_v6,          // outside
    input  logic         in_udp,
    input  logic [6:0]   in_l3,          // offsets of the IP header and of ESP
    input  logic [6:0]   in_ipsec,
    input  logic [7:0]   in_next,
    input  logic         in_inner6,
    input  logic         in_ecn_set,
    input  logic [1:0]   in_ecn,
    input  logic [15:0]  in_length,      // as it came
    input  logic [15:0]  in_out_length,  // as it goes
    input  logic [511:0] in_beat,
    output logic         in_pop,
    output logic         out_valid,
    output logic         out_last,
    output logic [15:0]  out_length,     // with every beat
    output logic [511:0] out_beat,       // bytes behind the end are 0
    input  logic         out_pop,
    output logic [31:0]  count_bad_padding,
    output logic [31:0]  count_dummy,
    output logic [31:0]  count_wrong,
    output logic [31:0]  count_bad_inner,
    output logic [31:0]  count_ecn
);
`ifndef SYNTHESIS
  initial begin
    if (LATENCY < 1 || LATENCY > 255) $fatal(1, "esp_decapsulate: LATENCY is %0d, must be 1 to 255", LATENCY);
    if (OVERHEAD < 0 || OVERHEAD > 255) $fatal(1, "esp_decapsulate: OVERHEAD is %0d, must be 0 to 255", OVERHEAD);
  end
`endif

  function automatic logic [5:0] beats_of(input logic [15:0] bytes);
    beats_of = bytes == '0 ? 6'd1 : 6'((bytes + 16'd63) >> 6);
  endfunction

  // ---- slots -------------------------------------------------------------------------------------------------------
  logic       midway, room, pushes, start, refuse;
  logic       kept_refuse;
  logic [7:0] pause;
  logic [5:0] slot, skip, kept_skip;  // slots before the first one that pushes

  always @* begin
    refuse = midway ? kept_refuse : in_crypt && in_open != esp_rx_pkg::OPEN_OK;
    skip   = midway ? kept_skip : beats_of(in_length) - beats_of(in_out_length);
    pushes = !refuse && slot >= skip;
    in_pop = in_valid && pause == '0 && (!pushes || room);
    start  = in_pop && !midway;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      midway <= 1'b0;
      slot   <= '0;
      pause  <= '0;
    end else begin
      if (in_pop) begin
        midway <= !in_last;
        slot   <= in_last ? '0 : slot + 1'b1;
      end
      if (in_pop && in_last) pause <= 8'(OVERHEAD);
      else if (pause != '0) pause <= pause - 1'b1;
    end
    if (start) begin
      kept_refuse <= refuse;
      kept_skip   <= skip;
    end
  end

  // ---- one cycle on: bytes to their places ---------------------------------------------------------------------------
  logic [511:0] held [0:31];  // beats of the item
  logic         s_valid, s_last;
  logic [5:0]   s_number;     // of the beat that goes out
  logic         s_crypt, s_tunnel, s_v6, s_udp, s_inner6, s_ecn_set;
  logic [1:0]   s_ecn;
  logic [7:0]   s_next;
  logic [6:0]   s_l3, s_keep;  // bytes that do not move
  logic [15:0]  s_length;

  always_ff @(posedge clk) begin
    s_valid <= in_pop && pushes && !rst;
    if (in_pop) begin
      held[slot[4:0]] <= in_beat;
      s_last   <= in_last;
      s_number <= slot - skip;
    end
    if (start) begin
      s_crypt   <= in_crypt;
      s_tunnel  <= in_tunnel;
      s_v6      <= in_v6;
      s_udp     <= in_udp;
      s_l3      <= in_l3;
      s_keep    <= in_tunnel ? in_l3 : in_udp ? in_ipsec - 7'd8 : in_ipsec;
      s_next    <= in_next;
      s_inner6  <= in_inner6;
      s_ecn_set <= in_ecn_set;
      s_ecn     <= in_ecn;
      s_length  <= in_out_length;
    end
  end

  logic [511:0]  low, high, moved, edited;
  // the first 16 bytes go in all cases
  /* verilator lint_off UNUSEDSIGNAL */
  logic [1023:0] both;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [511:0]  stays;          // ones in the bytes that do not move
  logic [319:0]  ip;             // the IP header, which is in the first beat
  logic [16:0]   folded;
  logic [19:0]   sum;
  logic [15:0]   total, checksum;
  logic [15:0]   left;           // bytes from the beginning of the beat on

  // Byte `at` is the first, and the high one.
  function automatic logic [15:0] get16(input logic [319:0] bytes, input integer at);
    get16 = {bytes[8*at+:8], bytes[8*at+8+:8]};
  endfunction

  // Of 20 bytes, 16 at a time.
  function automatic logic [19:0] sum_of(input logic [319:0] bytes);
    integer i;
    begin
      sum_of = '0;
      for (i = 0; i < 20; i = i + 2) sum_of = sum_of + {4'd0, get16(bytes, i)};
    end
  endfunction

  always @* begin
    low  = held[s_number[4:0]];
    high = kept_skip == '0 ? in_beat : held[s_number[4:0] + 5'd1];
    both = {high, low};
    // outer header, UDP, ESP header and IV; or the last of these only
    if (!s_tunnel) moved = s_udp ? both[8*24+:512] : both[8*16+:512];
    else if (s_v6) moved = s_udp ? both[8*64+:512] : both[8*56+:512];
    else moved = s_udp ? both[8*44+:512] : both[8*36+:512];
    stays  = s_number == '0 ? ~({512{1'b1}} << {s_keep, 3'b000}) : '0;
    edited = s_crypt ? (low & stays) | (moved & ~stays) : low;

    ip     = s_l3 == 7'd14 ? edited[8*14+:320] : s_l3 == 7'd18 ? edited[8*18+:320] : edited[8*22+:320];
    total  = s_length - {9'd0, s_l3};
    sum    = '0;
    if (s_tunnel) begin
      // RFC 1624: ~sum + ~old + new
      sum = {4'd0, ~get16(ip, 10)} + {4'd0, ~get16(ip, 0)};
      if (s_ecn_set && s_inner6) ip[8+4+:2] = s_ecn;
      if (s_ecn_set && !s_inner6) ip[8+:2] = s_ecn;
      sum = sum + {4'd0, get16(ip, 0)};
    end else if (s_v6) begin
      total      = total - 16'd40;
      ip[32+:16] = {total[7:0], total[15:8]};
      ip[48+:8]  = s_next;
    end else begin
      ip[16+:16] = {total[7:0], total[15:8]};
      ip[72+:8]  = s_next;
      ip[80+:16] = '0;
      sum        = sum_of(ip);
    end
    folded   = {1'b0, sum[15:0]} + {13'd0, sum[19:16]};
    checksum = ~(folded[15:0] + {15'd0, folded[16]});
    if (s_tunnel ? s_ecn_set && !s_inner6 : !s_v6) ip[80+:16] = {checksum[7:0], checksum[15:8]};

    if (s_number == '0 && s_crypt) begin
      if (s_l3 == 7'd14) edited[8*14+:320] = ip;
      else if (s_l3 == 7'd18) edited[8*18+:320] = ip;
      else edited[8*22+:320] = ip;
      if (s_tunnel) begin
        if (s_l3 == 7'd14) edited[8*12+:16] = s_inner6 ? 16'hdd86 : 16'h0008;
        else if (s_l3 == 7'd18) edited[8*16+:16] = s_inner6 ? 16'hdd86 : 16'h0008;
        else edited[8*20+:16] = s_inner6 ? 16'hdd86 : 16'h0008;
      end
    end
    left = s_length - {4'd0, s_number, 6'd0};
    if (left < 16'd64) edited = edited & ~({512{1'b1}} << {left[5:0], 3'b000});
  end

  // ---- and out -------------------------------------------------------------------------------------------------------
  logic         p_valid, p_last;
  // nobody behind waits for a whole item
  /* verilator lint_off UNUSEDSIGNAL */
  logic         unused;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [527:0] p_data;

  pipe #(.WIDTH(1 + 16 + 512), .STAGES(LATENCY - 1)) u_pipe (
    .clk, .rst, .in_valid(s_valid), .in_data({s_last, s_length, edited}),
    .out_valid(p_valid), .out_data({p_last, p_data})
  );

  channel #(.WIDTH(528), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve(in_pop && pushes), .push(p_valid), .push_last(p_last), .push_data(p_data),
    .valid(out_valid), .whole(unused), .last(out_last), .data({out_length, out_beat}), .pop(out_pop)
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      count_bad_padding <= '0;
      count_dummy       <= '0;
      count_wrong       <= '0;
      count_bad_inner   <= '0;
      count_ecn         <= '0;
    end else if (start && in_crypt) begin
      count_bad_padding <= count_bad_padding + 32'(in_open == esp_rx_pkg::OPEN_BAD_PADDING);
      count_dummy       <= count_dummy + 32'(in_open == esp_rx_pkg::OPEN_DUMMY);
      count_wrong       <= count_wrong + 32'(in_open == esp_rx_pkg::OPEN_WRONG);
      count_bad_inner   <= count_bad_inner + 32'(in_open == esp_rx_pkg::OPEN_BAD_INNER);
      count_ecn         <= count_ecn + 32'(in_open == esp_rx_pkg::OPEN_ECN);
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst) begin
      if (s_valid && s_crypt && kept_skip == '0 && !s_last)
        assert (in_valid) else $error("esp_decapsulate: the next beat of the item is not there");
      assert (!in_pop || slot < 6'd32) else $error("esp_decapsulate: a frame of more than 32 beats");
    end
  end
`endif
endmodule
