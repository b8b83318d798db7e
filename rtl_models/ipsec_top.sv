// The IPsec datapath of the card: frames from the wire to the host (esp_rx), frames from the host to the wire (esp_tx), and the
// registers (csr). The wire's sides and the host's are streams; the PCIe link, with DMA, rings and commands, is not in here: who
// stands there sets SAs by the two cfg ports and the card's registers by csr_put, and sees what the driver has written.
//
// Each of the three is a module whose header says what it does and when. What is added here: the receive buffer, which takes
// whole frames at the wire's pace (rx_room is what it can take, in beats), a channel of two of the longest frames before
// esp_tx, and one of CSR_DEPTH accesses before csr. MTU 1500, bus 64 bytes, one lane, one engine each way.
module ipsec_top #(
    parameter int SA_W = 4,  // bits of an SA's number, in each direction; 1 to 8
    parameter int WINDOW = 64,  // largest replay window; a power of two, 32 to 4096
    parameter int RMW = 4,  // cycles from an update of an SA to its next one
    parameter int RX_BUFFER = 256,  // beats of the receive buffer
    parameter int PARSER_LATENCY = 8,
    parameter int PARSER_OVERHEAD = 0,
    parameter int PARSER_DEPTH = 64,
    parameter int LOOKUP_LATENCY = 12,
    parameter int LOOKUP_OVERHEAD = 0,
    parameter int LOOKUP_DEPTH = 64,
    parameter int CHECK_LATENCY = 4,
    parameter int CHECK_OVERHEAD = 0,
    parameter int CHECK_DEPTH = 64,
    parameter int AES_STAGES = 1,  // cycles of a round, 1 or 2
    parameter int AES_OVERHEAD = 1,  // cycles of a packet in an engine beside its blocks
    parameter int AES_DEPTH = 56,  // beats behind an engine, and behind the way around it
    parameter int REORDER_DEPTH = 56,
    parameter int UPDATE_LATENCY = 4,
    parameter int UPDATE_OVERHEAD = 0,
    parameter int UPDATE_DEPTH = 56,
    parameter int OPEN_LATENCY = 4,
    parameter int OPEN_OVERHEAD = 0,
    parameter int OPEN_DEPTH = 56,
    parameter int FETCH_LATENCY = 1,
    parameter int FETCH_OVERHEAD = 0,
    parameter int FETCH_DEPTH = 8,
    parameter int SEQUENCE_LATENCY = 1,
    parameter int SEQUENCE_OVERHEAD = 0,
    parameter int SEQUENCE_DEPTH = 8,
    parameter int ENCAP_LATENCY = 4,
    parameter int ENCAP_OVERHEAD = 0,
    parameter int ENCAP_DEPTH = 8,
    parameter int OUT_DEPTH = 56,
    parameter int TABLES = 0,  // 1: the tables are behind registers, 0: there is a command queue
    parameter int CSR_DEPTH = 4  // accesses that can wait
) (
    input  logic clk,
    input  logic rst,
    input  logic rx_cfg_we,
    input  logic [SA_W-1:0] rx_cfg_sa,
    input  logic [31:0] rx_cfg_spi,
    input  logic rx_cfg_v6,
    input  logic [127:0] rx_cfg_dst,
    input  logic rx_cfg_udp,
    input  logic rx_cfg_tunnel,
    input  logic rx_cfg_gmac,
    input  logic [1:0] rx_cfg_rounds,
    input  logic [5:0] rx_cfg_icv,
    input  logic [31:0] rx_cfg_salt,
    input  logic [127:0] rx_cfg_h,
    input  logic [1919:0] rx_cfg_keys,
    input  logic rx_cfg_esn,
    input  logic [12:0] rx_cfg_window,
    input  logic [63:0] rx_cfg_top,
    input  logic rx_in_last,
    input  logic [15:0] rx_in_length,
    input  logic [511:0] rx_in_beat,
    output logic rx_out_valid,
    output logic rx_out_last,
    output logic [15:0] rx_out_length,
    output logic [511:0] rx_out_beat,
    input  logic rx_out_pop,
    output logic [31:0] rx_count_not_ipsec,
    output logic [31:0] rx_count_no_sa,
    output logic [31:0] rx_count_fragment,
    output logic [31:0] rx_count_options,
    output logic [31:0] rx_count_malformed,
    output logic [31:0] rx_count_ok,
    output logic [31:0] rx_count_duplicate,
    output logic [31:0] rx_count_too_old,
    output logic [31:0] rx_count_zero,
    output logic [31:0] rx_count_late,
    output logic [31:0] rx_count_bad_icv,
    output logic [31:0] rx_count_bad_length,
    output logic [31:0] rx_count_bad_padding,
    output logic [31:0] rx_count_dummy,
    output logic [31:0] rx_count_wrong,
    output logic [31:0] rx_count_bad_inner,
    output logic [31:0] rx_count_ecn,
    input  logic rx_push,
    output logic [15:0] rx_room,
    input  logic tx_cfg_we,
    input  logic [SA_W-1:0] tx_cfg_sa,
    input  logic tx_cfg_live,
    input  logic [31:0] tx_cfg_handle,
    input  logic tx_cfg_transport,
    input  logic tx_cfg_v6,
    input  logic tx_cfg_esn,
    input  logic [4:0] tx_cfg_icv,
    input  logic [63:0] tx_cfg_next,
    input  logic [31:0] tx_cfg_spi,
    input  logic [127:0] tx_cfg_src,
    input  logic [127:0] tx_cfg_dst,
    input  logic [31:0] tx_cfg_salt,
    input  logic [1:0] tx_cfg_rounds,
    input  logic [127:0] tx_cfg_h,
    input  logic [1919:0] tx_cfg_keys,
    input  logic tx_in_last,
    input  logic [31:0] tx_in_handle,
    input  logic [15:0] tx_in_length,
    input  logic [511:0] tx_in_beat,
    output logic tx_out_valid,
    output logic tx_out_whole,
    output logic tx_out_last,
    output logic [6:0] tx_out_bytes,
    output logic [511:0] tx_out_beat,
    input  logic tx_out_pop,
    output logic [31:0] tx_count_unknown_handle,
    output logic [31:0] tx_count_not_ip,
    output logic [31:0] tx_count_mtu,
    output logic [31:0] tx_count_exhausted,
    output logic [31:0] tx_count_protected,
    input  logic tx_push,
    output logic tx_room,
    input  logic csr_acc_write,
    input  logic [19:0] csr_acc_offset,
    input  logic [3:0] csr_acc_bytes,
    input  logic [63:0] csr_acc_data,
    output logic csr_answer,
    output logic [1:0] csr_answer_status,
    output logic [63:0] csr_answer_data,
    output logic csr_wrote,
    output logic [6:0] csr_wrote_id,
    output logic [3:0] csr_wrote_index,
    output logic [3:0] csr_wrote_effect,
    output logic [63:0] csr_wrote_value,
    output logic csr_order,
    output logic csr_order_none,
    output logic csr_order_write,
    output logic [1:0] csr_order_table,
    output logic [9:0] csr_order_entry,
    output logic [191:0] csr_order_words,
    input  logic csr_order_done,
    input  logic csr_put,
    input  logic [8:0] csr_put_place,
    input  logic [63:0] csr_put_value,
    input  logic csr_reset_rw,
    output logic [31:0] csr_count_misaligned,
    output logic [31:0] csr_count_unknown,
    output logic [31:0] csr_count_read_only,
    output logic [31:0] csr_count_write_only,
    input  logic csr_push,
    output logic csr_room
);
  localparam int TX_IN_DEPTH = 2 * ((1500 + 256 + 63) / 64);

  // ---- wire to host ------------------------------------------------------------------------------------------------------
  logic b_valid, b_last, b_pop;
  logic [15:0] b_length;
  logic [511:0] b_beat;

  channel #(.WIDTH(16 + 512), .DEPTH(RX_BUFFER)) u_rx_buffer (
    .clk, .rst, .room(), .reserve(rx_push), .push(rx_push), .push_last(rx_in_last),
    .push_data({rx_in_length, rx_in_beat}),
    .valid(b_valid), .whole(), .last(b_last), .data({b_length, b_beat}), .pop(b_pop)
  );

  always_ff @(posedge clk) begin
    if (rst) rx_room <= 16'(RX_BUFFER);
    else rx_room <= rx_room + 16'(b_pop) - 16'(rx_push);
  end

  esp_rx #(
    .SA_W(SA_W),
    .WINDOW(WINDOW),
    .RMW(RMW),
    .PARSER_LATENCY(PARSER_LATENCY),
    .PARSER_OVERHEAD(PARSER_OVERHEAD),
    .PARSER_DEPTH(PARSER_DEPTH),
    .LOOKUP_LATENCY(LOOKUP_LATENCY),
    .LOOKUP_OVERHEAD(LOOKUP_OVERHEAD),
    .LOOKUP_DEPTH(LOOKUP_DEPTH),
    .CHECK_LATENCY(CHECK_LATENCY),
    .CHECK_OVERHEAD(CHECK_OVERHEAD),
    .CHECK_DEPTH(CHECK_DEPTH),
    .AES_STAGES(AES_STAGES),
    .AES_OVERHEAD(AES_OVERHEAD),
    .AES_DEPTH(AES_DEPTH),
    .REORDER_DEPTH(REORDER_DEPTH),
    .UPDATE_LATENCY(UPDATE_LATENCY),
    .UPDATE_OVERHEAD(UPDATE_OVERHEAD),
    .UPDATE_DEPTH(UPDATE_DEPTH),
    .OPEN_LATENCY(OPEN_LATENCY),
    .OPEN_OVERHEAD(OPEN_OVERHEAD),
    .OPEN_DEPTH(OPEN_DEPTH)
  ) u_rx (
    .clk, .rst,
    .cfg_we(rx_cfg_we),
    .cfg_sa(rx_cfg_sa),
    .cfg_spi(rx_cfg_spi),
    .cfg_v6(rx_cfg_v6),
    .cfg_dst(rx_cfg_dst),
    .cfg_udp(rx_cfg_udp),
    .cfg_tunnel(rx_cfg_tunnel),
    .cfg_gmac(rx_cfg_gmac),
    .cfg_rounds(rx_cfg_rounds),
    .cfg_icv(rx_cfg_icv),
    .cfg_salt(rx_cfg_salt),
    .cfg_h(rx_cfg_h),
    .cfg_keys(rx_cfg_keys),
    .cfg_esn(rx_cfg_esn),
    .cfg_window(rx_cfg_window),
    .cfg_top(rx_cfg_top),
    .cmd_valid(1'b0), .cmd_ready(), .cmd_op(3'd0), .cmd_tag(8'd0), .cmd_handle(64'd0), .cmd_ah(1'b0), .cmd_value(32'd0),
    .rsp_valid(), .rsp_ready(1'b0), .rsp_tag(), .rsp_status(), .rsp_handle(), .rsp_read(), .rsp_key(), .rsp_value(),
    .rsp_state(), .rsp_references(),
    .in_valid(b_valid),
    .in_last(b_last),
    .in_length(b_length),
    .in_beat(b_beat),
    .in_pop(b_pop),
    .out_valid(rx_out_valid),
    .out_last(rx_out_last),
    .out_length(rx_out_length),
    .out_beat(rx_out_beat),
    .out_pop(rx_out_pop),
    .count_not_ipsec(rx_count_not_ipsec),
    .count_no_sa(rx_count_no_sa),
    .count_fragment(rx_count_fragment),
    .count_options(rx_count_options),
    .count_malformed(rx_count_malformed),
    .count_ok(rx_count_ok),
    .count_duplicate(rx_count_duplicate),
    .count_too_old(rx_count_too_old),
    .count_zero(rx_count_zero),
    .count_late(rx_count_late),
    .count_bad_icv(rx_count_bad_icv),
    .count_bad_length(rx_count_bad_length),
    .count_bad_padding(rx_count_bad_padding),
    .count_dummy(rx_count_dummy),
    .count_wrong(rx_count_wrong),
    .count_bad_inner(rx_count_bad_inner),
    .count_ecn(rx_count_ecn)
  );

  // ---- host to wire ------------------------------------------------------------------------------------------------------
  logic t_valid, t_last, t_pop;
  logic [31:0] t_handle;
  logic [15:0] t_length;
  logic [511:0] t_beat;

  channel #(.WIDTH(32 + 16 + 512), .DEPTH(TX_IN_DEPTH)) u_tx_in (
    .clk, .rst, .room(tx_room), .reserve(tx_push), .push(tx_push), .push_last(tx_in_last),
    .push_data({tx_in_handle, tx_in_length, tx_in_beat}),
    .valid(t_valid), .whole(), .last(t_last), .data({t_handle, t_length, t_beat}), .pop(t_pop)
  );

  esp_tx #(
    .SA_W(SA_W),
    .MTU(1500),
    .RMW(RMW),
    .FETCH_LATENCY(FETCH_LATENCY),
    .FETCH_OVERHEAD(FETCH_OVERHEAD),
    .FETCH_DEPTH(FETCH_DEPTH),
    .SEQUENCE_LATENCY(SEQUENCE_LATENCY),
    .SEQUENCE_OVERHEAD(SEQUENCE_OVERHEAD),
    .SEQUENCE_DEPTH(SEQUENCE_DEPTH),
    .ENCAP_LATENCY(ENCAP_LATENCY),
    .ENCAP_OVERHEAD(ENCAP_OVERHEAD),
    .ENCAP_DEPTH(ENCAP_DEPTH),
    .CRYPTO_OVERHEAD(AES_OVERHEAD),
    .CRYPTO_STAGES(AES_STAGES),
    .CRYPTO_DEPTH(AES_DEPTH),
    .ORDER(0),
    .OUT_DEPTH(OUT_DEPTH)
  ) u_tx (
    .clk, .rst,
    .cfg_we(tx_cfg_we),
    .cfg_sa(tx_cfg_sa),
    .cfg_live(tx_cfg_live),
    .cfg_handle(tx_cfg_handle),
    .cfg_transport(tx_cfg_transport),
    .cfg_v6(tx_cfg_v6),
    .cfg_esn(tx_cfg_esn),
    .cfg_icv(tx_cfg_icv),
    .cfg_next(tx_cfg_next),
    .cfg_spi(tx_cfg_spi),
    .cfg_src(tx_cfg_src),
    .cfg_dst(tx_cfg_dst),
    .cfg_salt(tx_cfg_salt),
    .cfg_rounds(tx_cfg_rounds),
    .cfg_h(tx_cfg_h),
    .cfg_keys(tx_cfg_keys),
    .in_valid(t_valid),
    .in_last(t_last),
    .in_handle(t_handle),
    .in_length(t_length),
    .in_beat(t_beat),
    .in_pop(t_pop),
    .out_valid(tx_out_valid),
    .out_whole(tx_out_whole),
    .out_last(tx_out_last),
    .out_bytes(tx_out_bytes),
    .out_beat(tx_out_beat),
    .out_pop(tx_out_pop),
    .count_unknown_handle(tx_count_unknown_handle),
    .count_not_ip(tx_count_not_ip),
    .count_mtu(tx_count_mtu),
    .count_exhausted(tx_count_exhausted),
    .count_protected(tx_count_protected)
  );

  // ---- registers -----------------------------------------------------------------------------------------------------------
  logic a_valid, a_write, a_pop;
  logic [19:0] a_offset;
  logic [3:0] a_bytes;
  logic [63:0] a_data;

  channel #(.WIDTH(1 + 20 + 4 + 64), .DEPTH(CSR_DEPTH)) u_csr_in (
    .clk, .rst, .room(csr_room), .reserve(csr_push), .push(csr_push), .push_last(1'b1),
    .push_data({csr_acc_write, csr_acc_offset, csr_acc_bytes, csr_acc_data}),
    .valid(a_valid), .whole(), .last(), .data({a_write, a_offset, a_bytes, a_data}), .pop(a_pop)
  );

  csr #(
    .TABLES(TABLES)
  ) u_csr (
    .clk, .rst,
    .acc_valid(a_valid),
    .acc_write(a_write),
    .acc_offset(a_offset),
    .acc_bytes(a_bytes),
    .acc_data(a_data),
    .acc_pop(a_pop),
    .answer(csr_answer),
    .answer_status(csr_answer_status),
    .answer_data(csr_answer_data),
    .wrote(csr_wrote),
    .wrote_id(csr_wrote_id),
    .wrote_index(csr_wrote_index),
    .wrote_effect(csr_wrote_effect),
    .wrote_value(csr_wrote_value),
    .order(csr_order),
    .order_none(csr_order_none),
    .order_write(csr_order_write),
    .order_table(csr_order_table),
    .order_entry(csr_order_entry),
    .order_words(csr_order_words),
    .order_done(csr_order_done),
    .put(csr_put),
    .put_place(csr_put_place),
    .put_value(csr_put_value),
    .reset_rw(csr_reset_rw),
    .count_misaligned(csr_count_misaligned),
    .count_unknown(csr_count_unknown),
    .count_read_only(csr_count_read_only),
    .count_write_only(csr_count_write_only)
  );
endmodule
