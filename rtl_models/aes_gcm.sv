// One engine: whole Ethernet frames come in, the payload of ESP is encrypted or decrypted in place with AES-GCM
// (RFC 4106), or left as it is with GMAC (RFC 4543), and the ICV is written or checked. A frame comes as beats of
// BUS = 16 * BLOCKS bytes, byte 0 of it lowest in the first one. The payload begins and ends at any byte.
//
// in_data   {side[TAG_W], info[aes_gcm_pkg::INFO_W], beat[8*BUS]}; side and info count with the first beat of an item
// out_data  {side[TAG_W], icv_ok, beat[8*BUS]}; side with every beat, icv_ok with the last one: the ICV was right, or
//           has been written
//
// Time (rtl_models/README.md; the C block is sim/nic/crypto.c with width = BUS). An item begins with its first beat.
//   latency = rounds * STAGES_PER_ROUND + 4: the rounds, exclusive-or, GHASH, tag, and a register
//   tail    = max(0, ceil(P / BUS) + OVERHEAD - beats), P = END - BEGIN; with GMAC 16 more: what is authenticated
// Beats may be back to back from item to item, each with its own key.
//
// The first lane (16 bytes of the frame) needs no key stream, since the payload begins behind it: it brings E(J0). Lane n
// brings block n - BEGIN / 16 of the key stream, of which it uses the first bytes and the next lane the others.
//
// Offsets that are not in the frame, and lengths that do not exist, give frames of any content and an icv_ok of 0; they
// take their time, and the next item is as it should be.
module aes_gcm #(
    parameter int BLOCKS = 4,            // a beat: 1, 2 or 4
    parameter int DEPTH = 256,           // beats of the output channel: for full rate 2 more than the longest latency
    parameter int OVERHEAD = 1,          // cycles of an item beside its blocks
    parameter int STAGES_PER_ROUND = 1,  // 1 or 2
    parameter int TAG_W = 1
) (
    input  logic                                                clk,
    input  logic                                                rst,
    input  logic                                                in_valid,
    input  logic                                                in_last,
    input  logic [TAG_W+aes_gcm_pkg::INFO_W+128*BLOCKS-1:0]     in_data,
    output logic                                                in_pop,
    output logic                                                out_valid,
    output logic                                                out_whole,
    output logic                                                out_last,
    output logic [TAG_W+128*BLOCKS:0]                           out_data,
    input  logic                                                out_pop
);
  localparam int BUS_W = 128 * BLOCKS;
  localparam int STAGES = 14 * STAGES_PER_ROUND;
  localparam int AFTER = 4;                          // cycles from the last round to the push
  localparam int DELAY_W = $clog2(STAGES + AFTER + 2);
  localparam int EXIT_W = $clog2(STAGES + 1);
  localparam int IDX_W = $clog2(STAGES + AFTER + 2); // items, and beats, between entry and push
  localparam int LANE_W = 13;                        // lanes of a frame; a longer one stays at the last of them
  localparam int OWED_W = 18;
  localparam logic [LANE_W-1:0] LAST_BASE = LANE_W'(2 ** LANE_W - BLOCKS);

`ifndef SYNTHESIS
  initial begin
    if (BLOCKS != 1 && BLOCKS != 2 && BLOCKS != 4) $fatal(1, "aes_gcm: BLOCKS is %0d, must be 1, 2 or 4", BLOCKS);
    if (STAGES_PER_ROUND != 1 && STAGES_PER_ROUND != 2)
      $fatal(1, "aes_gcm: STAGES_PER_ROUND is %0d, must be 1 or 2", STAGES_PER_ROUND);
    if (OVERHEAD < 0 || OVERHEAD > 65535) $fatal(1, "aes_gcm: OVERHEAD is %0d, must be 0 to 65535", OVERHEAD);
    if (TAG_W < 1) $fatal(1, "aes_gcm: TAG_W is %0d, must be 1 or more", TAG_W);
  end
`endif

  // The next beat's first lane.
  function automatic [LANE_W-1:0] next_base(input [LANE_W-1:0] base);
    next_base = base == LAST_BASE ? base : base + LANE_W'(BLOCKS);
  endfunction

  // Where `pos`, an offset in the frame, is in a lane: 0 to 16.
  function automatic [4:0] in_lane(input [16:0] pos, input [LANE_W-1:0] lane);
    if (pos[16:4] < lane) in_lane = 5'd0;
    else if (pos[16:4] > lane) in_lane = 5'd16;
    else in_lane = {1'b0, pos[3:0]};
  endfunction

  // Ones from byte `from` on.
  function automatic [127:0] bytes_from(input [4:0] from);
    bytes_from = {128{1'b1}} << {from, 3'b000};
  endfunction

  // ---- entry: when a beat is taken, and when it will be pushed -----------------------------------------

  logic [aes_gcm_pkg::INFO_W-1:0] info;
  assign info = in_data[BUS_W+:aes_gcm_pkg::INFO_W];

  logic midway;                // behind the first beat of an item, before the last
  logic first;
  logic room;
  logic [OWED_W-1:0] owed;     // cycles that the present item keeps the engine beyond this one
  logic [DELAY_W-1:0] ahead;   // cycles until the last beat taken has been pushed, and one more
  logic [IDX_W-1:0] item;

  assign first  = !midway;
  assign in_pop = in_valid && room && (midway || owed == '0);

  // Of the item: as they come with the first beat, then as they were kept.
  logic                now_gmac, kept_gmac;
  logic [1:0]          now_rounds, kept_rounds;
  logic [15:0]         now_begin, kept_begin;
  logic [15:0]         now_end, kept_end;
  logic [95:0]         now_nonce, kept_nonce;
  logic [EXIT_W-1:0]   now_exit, kept_exit;
  logic [LANE_W-1:0]   now_base, base;
  logic [3:0]          depth;
  logic [DELAY_W-1:0]  latency, delay;
  logic [16:0]         span;   // P
  logic [16:0]         owed_all;

  always @* begin
    now_gmac   = kept_gmac;
    now_rounds = kept_rounds;
    now_begin  = kept_begin;
    now_end    = kept_end;
    now_nonce  = kept_nonce;
    now_base   = base;
    if (first) begin
      now_gmac   = info[aes_gcm_pkg::GMAC_LSB];
      now_rounds = info[aes_gcm_pkg::ROUNDS_LSB+:aes_gcm_pkg::ROUNDS_W];
      now_begin  = info[aes_gcm_pkg::BEGIN_LSB+:aes_gcm_pkg::BEGIN_W];
      now_end    = info[aes_gcm_pkg::END_LSB+:aes_gcm_pkg::END_W];
      now_nonce  = {info[aes_gcm_pkg::IV_LSB+:aes_gcm_pkg::IV_W], info[aes_gcm_pkg::SALT_LSB+:aes_gcm_pkg::SALT_W]};
      now_base   = '0;
    end
    depth = aes_gcm_pkg::rounds(now_rounds);
    latency = DELAY_W'(AFTER) + (DELAY_W'(depth) << (STAGES_PER_ROUND - 1));
    delay = latency > ahead ? latency : ahead;
    now_exit = first ? EXIT_W'(delay - DELAY_W'(AFTER)) : kept_exit;
    span = {1'b0, now_end} + (now_gmac ? 17'd16 : 17'd0);
    span = span > {1'b0, now_begin} ? span - {1'b0, now_begin} : 17'd0;
    owed_all = (span + 17'(16 * BLOCKS - 1)) >> (4 + $clog2(BLOCKS));
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      midway <= 1'b0;
      owed   <= '0;
      ahead  <= '0;
      item   <= '0;
    end else begin
      if (in_pop) midway <= !in_last;
      if (in_pop && in_last) item <= item + 1'b1;
      if (in_pop && first) begin
        owed <= {1'b0, owed_all} + OWED_W'(OVERHEAD);
        if (owed_all != '0 || OVERHEAD != 0) owed <= {1'b0, owed_all} + OWED_W'(OVERHEAD) - 1'b1;
      end else if (owed != '0 && (in_pop || !midway)) begin
        owed <= owed - 1'b1;
      end
      if (in_pop) ahead <= DELAY_W'(now_exit) + DELAY_W'(AFTER);
      else if (ahead != '0) ahead <= ahead - 1'b1;
    end
    if (in_pop) begin
      kept_gmac   <= now_gmac;
      kept_rounds <= now_rounds;
      kept_begin  <= now_begin;
      kept_end    <= now_end;
      kept_nonce  <= now_nonce;
      kept_exit   <= now_exit;
      base        <= next_base(now_base);
    end
  end

  // ---- key stream --------------------------------------------------------------------------------------

  logic [BLOCKS-1:0] used;
  logic [BUS_W-1:0]  counters;
  logic [LANE_W-1:0] lane;
  logic [31:0]       counter;

  always @* begin
    used = '0;
    counters = '0;
    lane = '0;
    counter = '0;
    if (in_pop) begin
      for (int n = 0; n < BLOCKS; n = n + 1) begin
        lane = now_base + LANE_W'(n);
        counter = 32'(lane) - 32'(now_begin[15:4]) + 32'd2;
        used[n] = !now_gmac && lane >= LANE_W'(now_begin[15:4]) && {lane, 4'b0000} < {1'b0, now_end};
        if (n == 0 && first) begin
          counter = 32'd1;
          used[n] = 1'b1;
        end
        counters[128*n+:128] = {counter[7:0], counter[15:8], counter[23:16], counter[31:24], now_nonce};
      end
    end
  end

  logic             x_valid;
  logic [IDX_W-1:0] x_idx;
  logic [BUS_W-1:0] stream;

  aes_pipe #(
      .BLOCKS(BLOCKS),
      .STAGES_PER_ROUND(STAGES_PER_ROUND),
      .IDX_W(IDX_W)
  ) u_pipe (
      .clk,
      .rst,
      .put(in_pop),
      .put_first(first),
      .put_idx(item),
      .put_exit(now_exit),
      .put_rounds(now_rounds),
      .put_used(used),
      .put_blocks(counters),
      .put_keys(info[aes_gcm_pkg::KEYS_LSB+:aes_gcm_pkg::KEYS_W]),
      .take(x_valid),
      .take_idx(x_idx),
      .take_blocks(stream)
  );

  // ---- meanwhile: the beats, and what is known of the items ----------------------------------------------

  // An item's numbers, in one word.
  localparam int CFG_BEGIN = 0;
  localparam int CFG_END = 16;
  localparam int CFG_ICV_END = 32;  // 17 bits
  localparam int CFG_SHIFT = 49;    // where the hashed bytes begin in a lane
  localparam int CFG_DECRYPT = 53;
  localparam int CFG_GMAC = 54;
  localparam int CFG_LEGAL = 55;
  localparam int CFG_W = 56;

  logic [BUS_W+1:0]   beats [0:2**IDX_W-1];    // last, first, beat
  logic [CFG_W-1:0]   cfgs [0:2**IDX_W-1];
  logic [TAG_W-1:0]   sides [0:2**IDX_W-1];
  logic [IDX_W-1:0]   beat_in, beat_out;

  logic [aes_gcm_pkg::AAD_LEN_W-1:0] aad_len;
  logic [aes_gcm_pkg::ICV_W-1:0]     icv;
  logic [CFG_W-1:0]                  cfg;
  assign aad_len = info[aes_gcm_pkg::AAD_LEN_LSB+:aes_gcm_pkg::AAD_LEN_W];
  assign icv = info[aes_gcm_pkg::ICV_LSB+:aes_gcm_pkg::ICV_W];

  always @* begin
    cfg = '0;
    cfg[CFG_BEGIN+:16] = now_begin;
    cfg[CFG_END+:16] = now_end;
    cfg[CFG_ICV_END+:17] = {1'b0, now_end} + 17'(icv);
    cfg[CFG_SHIFT+:4] = now_begin[3:0] - (now_gmac ? aad_len[3:0] : 4'd0);
    cfg[CFG_DECRYPT] = info[aes_gcm_pkg::DECRYPT_LSB];
    cfg[CFG_GMAC] = now_gmac;
    cfg[CFG_LEGAL] = now_begin >= 16'(aes_gcm_pkg::BEGIN_MIN) && now_end >= now_begin
                     && aad_len <= 6'(aes_gcm_pkg::AAD_MAX) && icv != 6'd0 && icv <= 6'd16;
  end

  always_ff @(posedge clk) begin
    if (in_pop) beats[beat_in] <= {in_last, first, in_data[BUS_W-1:0]};
    if (in_pop && first) begin
      cfgs[item]  <= cfg;
      sides[item] <= in_data[BUS_W+aes_gcm_pkg::INFO_W+:TAG_W];
    end
    if (rst) begin
      beat_in  <= '0;
      beat_out <= '0;
    end else begin
      beat_in  <= beat_in + IDX_W'(in_pop);
      beat_out <= beat_out + IDX_W'(x_valid);
    end
  end

  // One cycle on: what GHASH needs once an item. The AAD stands before the payload, as if the frame had it there: it
  // begins `shift` bytes into a lane.
  logic                prep;
  logic [IDX_W-1:0]    prep_idx;
  logic [127:0]        prep_h;
  logic [127:0]        prep_lengths;
  logic [159:0]        prep_aad;
  logic [3:0]          prep_shift;
  logic [12:0]         prep_lane;       // in which it begins
  logic [287:0]        aads [0:2**IDX_W-1];
  logic [LANE_W-1:0]   aad_lanes [0:2**IDX_W-1];
  logic [15:0]         aad_room;        // bytes of the stream before the payload
  logic [15:0]         hash_begin;
  logic [16:0]         hashed;

  always @* begin
    aad_room = now_gmac ? 16'(aad_len) : {10'd0, aad_len + 6'd15} & 16'hfff0;
    hash_begin = now_begin - aad_room;
    hashed = {1'b0, now_end} - {1'b0, now_begin};
    if (now_gmac) hashed = hashed + 17'(aad_len);
  end

  always_ff @(posedge clk) begin
    prep <= in_pop && first && !rst;
    if (in_pop && first) begin
      prep_idx     <= item;
      prep_h       <= info[aes_gcm_pkg::H_LSB+:aes_gcm_pkg::H_W];
      prep_lengths <= now_gmac ? {44'd0, hashed, 3'd0, 64'd0} : {55'd0, aad_len, 3'd0, 44'd0, hashed, 3'd0};
      prep_aad     <= info[aes_gcm_pkg::AAD_LSB+:aes_gcm_pkg::AAD_W] & ~({160{1'b1}} << {aad_len, 3'b000});
      prep_shift   <= hash_begin[3:0];
      prep_lane    <= {1'b0, hash_begin[15:4]};
    end
    if (prep) begin
      aads[prep_idx] <= {128'd0, prep_aad} << {prep_shift, 3'b000};
      aad_lanes[prep_idx] <= prep_lane;
    end
  end

  // ---- behind the rounds: exclusive-or, and the image of what is hashed ------------------------------------

  logic               x_last, x_first;
  logic [BUS_W-1:0]   x_beat;
  logic [CFG_W-1:0]   x_cfg;
  logic [287:0]       x_aad;
  logic [LANE_W-1:0]  x_aad_lane;
  logic [LANE_W-1:0]  x_base, x_lane, x_kept_base;
  logic [127:0]       x_carry;               // key stream of the last lane of the beat before
  logic [BUS_W-1:0]   x_out, x_image;
  logic [127:0]       x_key, x_before, x_pay;
  logic [7:0]         x_up;
  logic [LANE_W-1:0]  x_full, x_end_lane;    // lane with which the last block would be complete, lane of the ICV
  logic               x_tag, x_more, x_icv;
  logic [2:0]         x_count;

  assign {x_last, x_first, x_beat} = beats[beat_out];
  assign x_cfg = cfgs[x_idx];
  assign x_aad = aads[x_idx];
  assign x_aad_lane = aad_lanes[x_idx];
  assign x_base = x_first ? '0 : x_kept_base;

  always @* begin
    x_out = x_beat;
    x_image = '0;
    x_key = '0;
    x_pay = '0;
    x_lane = '0;
    x_before = x_carry;
    x_up = {1'b0, x_cfg[CFG_BEGIN+:4], 3'b000};
    if (x_valid) begin
      for (int i = 0; i < BLOCKS; i = i + 1) begin
        x_lane = x_base + LANE_W'(i);
        x_pay = bytes_from(in_lane({1'b0, x_cfg[CFG_BEGIN+:16]}, x_lane))
                & ~bytes_from(in_lane({1'b0, x_cfg[CFG_END+:16]}, x_lane));
        x_key = (stream[128*i+:128] << x_up) | (x_before >> (8'd128 - x_up));
        x_before = stream[128*i+:128];
        if (!x_cfg[CFG_GMAC]) x_out[128*i+:128] = x_beat[128*i+:128] ^ (x_key & x_pay);
        x_image[128*i+:128] = x_pay & (x_cfg[CFG_DECRYPT] ? x_beat[128*i+:128] : x_out[128*i+:128]);
        if (x_lane == x_aad_lane) x_image[128*i+:128] = x_image[128*i+:128] | x_aad[127:0];
        if (x_lane == x_aad_lane + 13'd1) x_image[128*i+:128] = x_image[128*i+:128] | x_aad[255:128];
        if (x_lane == x_aad_lane + 13'd2) x_image[128*i+:128] = x_image[128*i+:128] | {96'd0, x_aad[287:256]};
      end
    end
  end

  always @* begin
    x_end_lane = {1'b0, x_cfg[CFG_END+4+:12]};
    x_full = LANE_W'(({1'b0, x_cfg[CFG_END+:16]} + 17'd15 - {13'd0, x_cfg[CFG_SHIFT+:4]}) >> 4);
    x_count = 3'd0;
    if (x_full >= x_base) x_count = x_full - x_base >= LANE_W'(BLOCKS) ? 3'(BLOCKS) : 3'(x_full - x_base) + 3'd1;
    x_tag = x_end_lane >= x_base && x_end_lane - x_base < LANE_W'(BLOCKS);
    x_more = x_full >= x_base && x_full - x_base >= LANE_W'(BLOCKS);
    x_icv = x_base <= x_cfg[CFG_ICV_END+4+:13] && x_end_lane < x_base + LANE_W'(BLOCKS);
  end

  logic               g_valid, g_first, g_last, g_tag, g_more, g_icv;
  logic [IDX_W-1:0]   g_idx;
  logic [BUS_W-1:0]   g_out, g_image;
  logic [CFG_W-1:0]   g_cfg;
  logic [LANE_W-1:0]  g_base;
  logic [2:0]         g_count;
  logic [127:0]       g_mask;    // E(J0)

  always_ff @(posedge clk) begin
    g_valid <= x_valid && !rst;
    if (x_valid) begin
      x_kept_base <= next_base(x_base);
      x_carry     <= stream[128*(BLOCKS-1)+:128];
      g_first     <= x_first;
      g_last      <= x_last;
      g_idx       <= x_idx;
      g_out       <= x_out;
      g_image     <= x_image;
      g_cfg       <= x_cfg;
      g_base      <= x_base;
      g_count     <= x_count;
      g_tag       <= x_tag;
      g_more      <= x_more;
      g_icv       <= x_icv;
      if (x_first) g_mask <= stream[127:0];
    end
  end

  // ---- GHASH, then the tag -----------------------------------------------------------------------------------

  logic [127:0] tag;

  ghash #(
      .BLOCKS(BLOCKS),
      .IDX_W(IDX_W)
  ) u_ghash (
      .clk,
      .rst,
      .prep,
      .prep_idx,
      .prep_h,
      .prep_lengths,
      .beat(g_valid),
      .first(g_first),
      .idx(g_idx),
      .image(g_image),
      .shift(g_cfg[CFG_SHIFT+:4]),
      .count(g_count),
      .tag_now(g_tag),
      .more(g_more),
      .tag_mask(g_mask),
      .tag_out(tag)
  );

  logic               t_valid, t_first, t_last, t_tag, t_icv;
  logic               p_valid, p_first, p_last, p_tag, p_icv;
  logic [IDX_W-1:0]   t_idx, p_idx;
  logic [BUS_W-1:0]   t_out, p_out;
  logic [CFG_W-1:0]   t_cfg;
  // The push does not look at where the payload begins.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [CFG_W-1:0]   p_cfg;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [LANE_W-1:0]  t_base, p_base;

  always_ff @(posedge clk) begin
    t_valid <= g_valid && !rst;
    p_valid <= t_valid && !rst;
    if (g_valid) begin
      t_first <= g_first;
      t_last  <= g_last;
      t_idx   <= g_idx;
      t_out   <= g_out;
      t_cfg   <= g_cfg;
      t_base  <= g_base;
      t_tag   <= g_tag;
      t_icv   <= g_icv;
    end
    if (t_valid) begin
      p_first <= t_first;
      p_last  <= t_last;
      p_idx   <= t_idx;
      p_out   <= t_out;
      p_cfg   <= t_cfg;
      p_base  <= t_base;
      p_tag   <= t_tag;
      p_icv   <= t_icv;
    end
  end

  // ---- the ICV, and out ----------------------------------------------------------------------------------------

  logic               bad, kept_bad;        // the ICV differs
  logic               had_tag, kept_had_tag;  // there was a tag
  logic               ok;
  logic [BUS_W-1:0]   p_beat;
  logic [LANE_W-1:0]  p_lane, p_icv_lane;
  logic [127:0]       p_icv_bytes, p_mask;
  logic [7:0]         p_up;

  always @* begin
    p_beat = p_out;
    bad = !p_first && kept_bad;
    had_tag = p_tag || (!p_first && kept_had_tag);
    p_lane = '0;
    p_mask = '0;
    p_icv_bytes = '0;
    p_icv_lane = {1'b0, p_cfg[CFG_END+4+:12]};
    p_up = {1'b0, p_cfg[CFG_END+:4], 3'b000};
    if (p_valid && p_icv) begin
      for (int m = 0; m < BLOCKS; m = m + 1) begin
        p_lane = p_base + LANE_W'(m);
        p_mask = bytes_from(in_lane({1'b0, p_cfg[CFG_END+:16]}, p_lane))
                 & ~bytes_from(in_lane(p_cfg[CFG_ICV_END+:17], p_lane));
        p_icv_bytes = p_lane == p_icv_lane ? tag << p_up : tag >> (8'd128 - p_up);
        if (p_cfg[CFG_DECRYPT]) begin
          if (((p_out[128*m+:128] ^ p_icv_bytes) & p_mask) != '0) bad = 1'b1;
        end else begin
          p_beat[128*m+:128] = (p_out[128*m+:128] & ~p_mask) | (p_icv_bytes & p_mask);
        end
      end
    end
    ok = p_last && p_cfg[CFG_LEGAL] && had_tag && !bad
         && {1'b0, p_cfg[CFG_ICV_END+:17]} <= {1'b0, p_base, 4'd0} + 18'(16 * BLOCKS);
  end

  always_ff @(posedge clk) begin
    if (p_valid) begin
      kept_bad    <= bad;
      kept_had_tag <= had_tag;
    end
  end

  channel #(
      .WIDTH(TAG_W + 1 + BUS_W),
      .DEPTH(DEPTH)
  ) u_out (
      .clk,
      .rst,
      .room,
      .reserve(in_pop),
      .push(p_valid),
      .push_last(p_last),
      .push_data({sides[p_idx], ok, p_beat}),
      .valid(out_valid),
      .whole(out_whole),
      .last(out_last),
      .data(out_data),
      .pop(out_pop)
  );

`ifndef SYNTHESIS
  logic waiting;
  logic was_last;
  logic [TAG_W+aes_gcm_pkg::INFO_W+BUS_W-1:0] was_data;

  always @(posedge clk) begin
    waiting  <= !rst && in_valid && !in_pop;
    was_last <= in_last;
    was_data <= in_data;
    if (!rst && waiting) begin
      assert (in_valid) else $error("aes_gcm: a beat that was offered is gone");
      assert (in_last == was_last && in_data == was_data) else $error("aes_gcm: a beat that was offered has changed");
    end
  end
`endif
endmodule
