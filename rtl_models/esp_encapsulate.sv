// ESP headers, IV, trailer and room for the ICV around an IP packet (RFC 4303). The C block: encapsulate (sim/nic/sequence.c,
// esp_encapsulate of sim/esp/encap.c) with packet offload, for GCM. The payload stays clear here.
//
// Frames without an SA pass. Those of an SA that are `in_bad` are refused: taken, counted and not handed on.
//   Tunnel     the bytes before the IP header stay, with the outer EtherType; then the outer header, ESP, the IP packet.
//     IPv4: DS field and ECN of the inner header (of IPv6: the traffic class), identification from a counter, DF of an inner IPv4
//     header, set for IPv6, TTL 64. IPv6: traffic class likewise, flow label 0, hop limit 64.
//   Transport  the headers before `in_at` stay; protocol 50 in the byte that named what follows, length, IPv4 checksum.
//   ESP        SPI, low half of the number, IV: the number, 8 bytes (RFC 4106 3.1: never the same twice); at the end padding 1, 2,
//     3 to a multiple of 4, its length, next header, and zeros for the ICV. What the frame has behind the IP packet is cut off.
// The counter of identifications goes on with every frame of an SA, also with refused ones and with those that need none.
// An item begins with its first beat. A frame of b beats becomes one of c; it passes in max(b, c) slots, INTERVAL cycles apart or
// more: slot k takes beat k, if k < b, and pushes beat k - (max(b, c) - c), if there is one (sim/engine/lane.h). So a frame that
// grows gets its new beats at the end, and one that shrinks (more behind the IP packet than ESP adds) pushes none in its first
// slots; then up to HOLD beats are kept. A slot that pushes needs room; the push comes LATENCY later.
// Not in it: UDP encapsulation, TFC padding, AH, IVs of other ciphers than counter modes.
module esp_encapsulate #(
    parameter int SA_W     = 4,
    parameter int HOLD     = 32,  // beats of the longest frame, a power of two from 2 on
    parameter int LATENCY  = 1,   // cycles, 1 to 255
    parameter int INTERVAL = 1,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 8
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            cfg_we,
    input  logic [SA_W-1:0] cfg_sa,
    input  logic            cfg_transport,
    input  logic            cfg_v6,       // outer header of a tunnel
    input  logic [4:0]      cfg_icv,
    input  logic [31:0]     cfg_spi,
    input  logic [127:0]    cfg_src,      // bytes in the order of the packet, IPv4 in the first four
    input  logic [127:0]    cfg_dst,
    input  logic            in_valid,
    input  logic            in_last,
    input  logic            in_crypt,
    input  logic [SA_W-1:0] in_sa,
    input  logic [63:0]     in_number,
    input  logic [15:0]     in_length,
    input  logic            in_bad,
    input  logic            in_v6,
    input  logic [4:0]      in_l3,
    input  logic [15:0]     in_total,
    input  logic [15:0]     in_framed,
    input  logic [11:0]     in_at,
    input  logic            in_ext,
    input  logic [7:0]      in_next,
    input  logic [511:0]    in_beat,
    output logic            in_pop,
    // with every beat
    output logic            out_valid,
    output logic            out_last,
    output logic            out_crypt,
    output logic [SA_W-1:0] out_sa,
    output logic [63:0]     out_number,
    output logic [15:0]     out_length,
    output logic [15:0]     out_begin,    // what is to be encrypted
    output logic [15:0]     out_end,
    output logic [511:0]    out_beat,
    input  logic            out_pop,
    output logic            refuses,      // a frame begins and is refused
    output logic [31:0]     count_not_ip
);
  localparam int HOLD_W = $clog2(HOLD);
  localparam logic [7:0] ESP = 8'd50, HOPS = 8'd64;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 16) $fatal(1, "esp_encapsulate: SA_W is %0d, must be 1 to 16", SA_W);
    if (LATENCY < 1 || LATENCY > 255) $fatal(1, "esp_encapsulate: LATENCY is %0d, must be 1 to 255", LATENCY);
    if (INTERVAL < 1 || INTERVAL > 255) $fatal(1, "esp_encapsulate: INTERVAL is %0d, must be 1 to 255", INTERVAL);
    if (OVERHEAD < 0 || OVERHEAD > 255) $fatal(1, "esp_encapsulate: OVERHEAD is %0d, must be 0 to 255", OVERHEAD);
    if (HOLD < 2 || HOLD > 1024 || (HOLD & (HOLD - 1)) != 0)
      $fatal(1, "esp_encapsulate: HOLD is %0d, must be a power of two from 2 to 1024", HOLD);
  end
`endif

  // A 16-bit number as the packet has it, high byte first.
  function automatic logic [15:0] be16(input logic [15:0] n);
    be16 = {n[7:0], n[15:8]};
  endfunction

  function automatic logic [31:0] be32(input logic [31:0] n);
    be32 = {n[7:0], n[15:8], n[23:16], n[31:24]};
  endfunction

  // Checksum of the first `bytes` bytes of a header (RFC 1071), as the packet has it. Its own field must be 0.
  function automatic logic [15:0] checksum(input logic [479:0] header, input logic [5:0] bytes);
    logic [20:0] sum;
    integer      w;
    begin
      sum = '0;
      for (w = 0; w < 30; w = w + 1)
        if (6'(2 * w) < bytes) sum = sum + {5'd0, header[16*w+:8], header[16*w+8+:8]};
      sum = {5'd0, sum[15:0]} + {16'd0, sum[20:16]};
      sum = {5'd0, sum[15:0]} + {16'd0, sum[20:16]};
      checksum = be16(~sum[15:0]);
    end
  endfunction

  // Ones in the bytes before `offset` of beat number `beat`.
  function automatic logic [511:0] head_of(input logic [15:0] offset, input logic [9:0] beat);
    begin
      if (offset[15:6] > beat) head_of = '1;
      else if (offset[15:6] < beat) head_of = '0;
      else head_of = ~({512{1'b1}} << {offset[5:0], 3'b000});
    end
  endfunction

  // ---- the item, with its first slot ---------------------------------------------------------------------------------
  logic            transport, outer_v6;
  logic [4:0]      icv;
  logic [31:0]     spi;
  logic [127:0]    src, dst;
  logic [15:0]     ip_id;
  logic [1:0]      pad;

  context_ram #(.WIDTH(1 + 1 + 5 + 32 + 256), .SA_W(SA_W)) u_context (
    .clk, .we(cfg_we), .wr_sa(cfg_sa), .wr_data({cfg_transport, cfg_v6, cfg_icv, cfg_spi, cfg_src, cfg_dst}),
    .rd_sa(in_sa), .rd_data({transport, outer_v6, icv, spi, src, dst})
  );

  assign pad = 2'd2 - in_total[1:0];

  // The IP header as it comes, from its first byte on.
  logic [479:0] ip, fixed, fixed_v4, fixed_v6;
  logic [511:0] shifted;
  logic [7:0]   l3_bits;
  logic [7:0]   traffic_class;

  assign l3_bits = {in_l3, 3'b000};
  assign shifted = in_beat >> l3_bits;
  assign ip      = shifted[479:0];
  assign traffic_class = in_v6 ? {ip[3:0], ip[15:12]} : ip[15:8];

  // What is put in: outer header, ESP header, IV.
  logic [159:0] outer_ipv4, outer_ipv4_bare;
  logic [319:0] outer_ipv6;
  logic [127:0] esp;
  logic [447:0] put;
  logic [5:0]   put_bytes;

  assign esp = {be32(in_number[31:0]), be32(in_number[63:32]), be32(in_number[31:0]), be32(spi)};
  assign outer_ipv4_bare = {dst[31:0], src[31:0], 16'd0, ESP, HOPS,
                            9'd0, in_v6 || ip[8*6+6], 6'd0,  // DF
                            be16(ip_id), be16(in_framed), traffic_class, 8'h45};
  assign outer_ipv4 = outer_ipv4_bare | {64'd0, checksum({320'd0, outer_ipv4_bare}, 6'd20), 80'd0};
  assign outer_ipv6 = {dst, src, HOPS, ESP, be16(in_framed - 16'd40), 16'd0,
                       traffic_class[3:0], 4'd0, 4'd6, traffic_class[7:4]};

  always_comb begin
    if (transport) begin
      put = {320'd0, esp};
      put_bytes = 6'd16;
    end else if (outer_v6) begin
      put = {esp, outer_ipv6};
      put_bytes = 6'd56;
    end else begin
      put = {160'd0, esp, outer_ipv4};
      put_bytes = 6'd36;
    end
  end

  // The first beat with its headers as they will be.
  logic [511:0] mended;
  logic [15:0]  fixed_sum;

  // Whole assignments: Icarus repeats a process for ever that changes what a checksum outside reads part by part.
  assign fixed_v4 = {ip[479:96], 16'd0, ESP, ip[71:32], be16(in_framed), ip[15:0]};
  assign fixed_v6 = {ip[479:328], in_ext ? ESP : ip[327:320], ip[319:56], in_ext ? ip[55:48] : ESP,
                     be16(in_framed - 16'd40), ip[31:0]};
  assign fixed     = in_v6 ? fixed_v6 : fixed_v4;
  assign fixed_sum = in_v6 ? 16'd0 : checksum(fixed_v4, {ip[3:0], 2'b00});

  always_comb begin
    mended = in_beat;
    if (in_crypt && transport) begin
      mended = (in_beat & ~({{32{1'b0}}, {480{1'b1}}} << l3_bits)) | ({32'd0, fixed | {384'd0, fixed_sum, 80'd0}} << l3_bits);
    end else if (in_crypt) begin
      mended = (in_beat & ~({496'd0, 16'hffff} << (l3_bits - 8'd16)))
               | ({496'd0, outer_v6 ? 16'hdd86 : 16'h0008} << (l3_bits - 8'd16));
    end
  end

  // ---- slots ------------------------------------------------------------------------------------------------------
  localparam int KEPT_W = 1 + 1 + SA_W + 64 + 16 + 16 + 16 + 12 + 6 + 448 + 2 + 8 + 16 + 10 + 10 + 10;

  logic            begun;
  logic            more;      // the item has beats that have not been taken
  logic [9:0]      slot;      // of the item
  logic [8:0]      pause;
  logic            room, go, takes, pushes, ends, enough;
  logic            crypt, refused;
  logic [SA_W-1:0] sa;
  logic [63:0]     number;
  logic [15:0]     length, cipher_begin, cipher_end;
  logic [11:0]     at;
  logic [5:0]      bytes;     // that are put in
  logic [447:0]    insert;
  logic [1:0]      padding;
  logic [7:0]      next;
  logic [15:0]     text_end;  // end of the packet that is carried, where it will be
  logic [9:0]      beats_in, beats_out, skip;
  logic [9:0]      beats_in_first, beats_out_first, skip_first;
  logic [15:0]     length_first;
  logic [KEPT_W-1:0] first, kept;

  assign length_first    = in_crypt ? {11'd0, in_l3} + in_framed : in_length;
  assign beats_in_first  = 10'((17'(in_length) + 17'd63) >> 6);
  assign beats_out_first = 10'((17'(length_first) + 17'd63) >> 6);
  assign skip_first      = beats_in_first > beats_out_first ? beats_in_first - beats_out_first : '0;
  assign first = {in_crypt, in_crypt && in_bad, in_sa, in_number, length_first,
                  {4'd0, in_at} + {10'd0, put_bytes}, length_first - {11'd0, icv},
                  in_at, put_bytes, put, pad, in_next, {11'd0, in_l3} + in_total + {10'd0, put_bytes},
                  beats_in_first, beats_out_first, skip_first};
  assign {crypt, refused, sa, number, length, cipher_begin, cipher_end, at, bytes, insert, padding, next, text_end,
          beats_in, beats_out, skip} = begun ? kept : first;

  assign takes  = !begun || more;
  assign pushes = !refused && slot >= skip;
  assign enough = begun || in_valid;
  assign go     = pause == '0 && enough && (!takes || in_valid) && (!pushes || room);
  assign in_pop = go && takes;
  assign refuses = go && !begun && crypt && refused;
  assign ends   = (!takes || in_last) && (refused || slot + 10'd1 >= beats_out + skip);

  always_ff @(posedge clk) begin
    if (rst) begin
      begun        <= 1'b0;
      more         <= 1'b0;
      slot         <= '0;
      pause        <= '0;
      ip_id        <= '0;
      count_not_ip <= '0;
    end else begin
      if (go) begin
        begun <= !ends;
        more  <= takes && !in_last;
        slot  <= ends ? '0 : slot + 10'd1;
        pause <= ends ? 9'(INTERVAL - 1 + OVERHEAD) : 9'(INTERVAL - 1);
      end else if (pause != '0) begin
        pause <= pause - 1'b1;
      end
      if (go && !begun && crypt) begin
        ip_id        <= ip_id + 16'd1;
        count_not_ip <= count_not_ip + 32'(refused);
      end
    end
    if (go && !begun) kept <= first;
  end

  // ---- bytes ------------------------------------------------------------------------------------------------------
  logic [511:0]  hold [0:HOLD-1];
  logic [9:0]    beat_no;                 // of the frame that is made
  logic [511:0]  taken, here, back, body, made;
  logic [1023:0] window, put_window, put_mask, tail_window;
  logic [9:0]    put_beat, tail_beat;
  logic [511:0]  front, put_part, text;
  logic [39:0]   tail;
  logic [511:0]  put_here, tail_here;

  assign taken   = begun ? in_beat : mended;
  assign beat_no = slot - skip;
  assign here    = skip == '0 ? taken : hold[beat_no[HOLD_W-1:0]];
  assign back    = hold[beat_no[HOLD_W-1:0] - 1'b1];
  assign window  = {here, back};

  always_comb begin
    case (bytes)
      6'd16:   body = window[8*(64-16)+:512];
      6'd36:   body = window[8*(64-36)+:512];
      default: body = window[8*(64-56)+:512];
    endcase
  end

  // 1, 2, 3, pad length, next header
  always_comb begin
    case (padding)
      2'd0:    tail = {24'd0, next, 8'd0};
      2'd1:    tail = {16'd0, next, 8'd1, 8'd1};
      2'd2:    tail = {8'd0, next, 8'd2, 8'd2, 8'd1};
      default: tail = {next, 8'd3, 8'd3, 8'd2, 8'd1};
    endcase
  end

  assign put_beat    = {4'd0, at[11:6]};
  assign put_window  = {576'd0, insert} << {at[5:0], 3'b000};
  assign put_mask    = {576'd0, ~({448{1'b1}} << {bytes, 3'b000})} << {at[5:0], 3'b000};
  assign tail_beat   = text_end[15:6];
  assign tail_window = {984'd0, tail} << {text_end[5:0], 3'b000};

  always @* begin
    front     = head_of({4'd0, at}, beat_no);
    put_here  = '0;
    put_part    = '0;
    tail_here = '0;
    if (beat_no == put_beat) begin
      put_here = put_window[511:0];
      put_part   = put_mask[511:0];
    end else if (beat_no == put_beat + 10'd1) begin
      put_here = put_window[1023:512];
      put_part   = put_mask[1023:512];
    end
    if (beat_no == tail_beat) tail_here = tail_window[511:0];
    else if (beat_no == tail_beat + 10'd1) tail_here = tail_window[1023:512];
    text = head_of(text_end, beat_no) & ~front & ~put_part;
    made = (here & front) | put_here | (body & text) | tail_here;
    if (!crypt) made = taken;
  end

  always_ff @(posedge clk) begin
    if (go && takes) hold[slot[HOLD_W-1:0]] <= taken;
  end

  // ---- the pipeline -----------------------------------------------------------------------------------------------
  localparam int OUT_W = 1 + SA_W + 64 + 16 + 16 + 16 + 512;

  logic [LATENCY-1:0]       pipe_valid, pipe_last;
  logic [LATENCY*OUT_W-1:0] pipe_data;
  integer                   i;
  logic                     whole_unused, unused;

  assign unused = &{1'b0, whole_unused, shifted[511:480], window[1023:896], window[63:0]};

  always_ff @(posedge clk) begin
    for (i = 0; i < LATENCY; i = i + 1) begin
      pipe_valid[i] <= rst ? 1'b0 : i == 0 ? go && pushes : pipe_valid[i-1];
      pipe_last[i]  <= i == 0 ? ends : pipe_last[i-1];
    end
    pipe_data <= (LATENCY*OUT_W)'({pipe_data, crypt, sa, number, length, cipher_begin, cipher_end, made});
  end

  channel #(.WIDTH(OUT_W), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve(go && pushes),
    .push(pipe_valid[LATENCY-1]), .push_last(pipe_last[LATENCY-1]), .push_data(pipe_data[(LATENCY-1)*OUT_W+:OUT_W]),
    .valid(out_valid), .whole(whole_unused), .last(out_last),
    .data({out_crypt, out_sa, out_number, out_length, out_begin, out_end, out_beat}), .pop(out_pop)
  );

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst && in_pop)
      assert (in_last == (slot + 10'd1 == beats_in)) else $error("esp_encapsulate: the frame is not as long as it says");
  end
`endif
endmodule
