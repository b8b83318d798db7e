// The IPsec datapath of the card: frames from the wire to the host (esp_rx), frames from the host to the wire (esp_tx), and the
// registers (csr). The wire's sides and the host's are streams; the PCIe link, with DMA and rings, is not in here: who stands
// there sets the card's registers by csr_put, and sees what the driver has written. SAs are set by the two cfg ports; or, with
// SA_TABLE, made, changed, ended and read by the commands of one port (sa_table.sv), which are of both directions: an INSERT
// takes what the cfg port of its direction says beside it. There are 2^SA_W - 1 SAs then, both directions together; a frame to
// send has the handle that the INSERT was answered with.
//
// Each of the three is a module whose header says what it does and when. What is added here: the receive buffer, which takes
// whole frames at the wire's pace (rx_room is what it can take, in beats), and room for two of the longest frames before esp_tx, each
// behind a door (ingress.sv) that lets nothing but whole frames in, whatever stands at the pins; and a channel of CSR_DEPTH accesses
// before csr (csr_push with csr_room only). MTU 1500, bus 64 bytes, one lane, one engine each way.
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
    parameter int FETCH_LATENCY = 12,
    parameter int FETCH_OVERHEAD = 0,
    parameter int FETCH_DEPTH = 8,
    parameter int SEQUENCE_LATENCY = 4,
    parameter int SEQUENCE_OVERHEAD = 0,
    parameter int SEQUENCE_DEPTH = 8,
    parameter int ENCAP_LATENCY = 4,
    parameter int ENCAP_OVERHEAD = 0,
    parameter int ENCAP_DEPTH = 8,
    parameter int OUT_DEPTH = 56,
    parameter int TABLES = 0,  // 1: the tables are behind registers, 0: there is a command queue
    parameter int CSR_DEPTH = 4,  // accesses that can wait
    parameter int SA_TABLE = 0,  // 1: one hash table for both directions, and commands (sa_table.sv)
    parameter int MEMORIES = 2,
    parameter int BUCKETS = 4,
    parameter int WAYS = 2,
    parameter int STASH = 2,
    parameter int LOOKUP_PORT = 1,
    parameter int LOOKUP_PACE = 2,
    parameter int ADD_CYCLES = 8,
    parameter int UPDATE_CYCLES = 4,
    parameter int REMOVE_CYCLES = 6,
    parameter int COMMANDS = 4
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
    input  logic cmd_valid,
    output logic cmd_ready,
    input  logic [2:0] cmd_op,
    input  logic [7:0] cmd_tag,
    input  logic [63:0] cmd_handle,
    input  logic cmd_ah,
    input  logic [31:0] cmd_value,
    input  logic cmd_out,  // INSERT: of the SA of tx_cfg_*, else of rx_cfg_*
    output logic rsp_valid,
    input  logic rsp_ready,
    output logic [7:0] rsp_tag,
    output logic [2:0] rsp_status,
    output logic [63:0] rsp_handle,
    output logic rsp_read,
    output logic [161:0] rsp_key,
    output logic [31:0] rsp_value,
    output logic [1:0] rsp_state,
    output logic [21:0] rsp_references,
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
    output logic [31:0] rx_count_framing,
    output logic [31:0] rx_count_overflow,
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
    input  logic [63:0] tx_in_handle,
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
    output logic [31:0] tx_count_framing,
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
  localparam int TX_LONGEST = (1500 + 256 + 63) / 64;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 8) $fatal(1, "ipsec_top: SA_W is %0d, must be 1 to 8", SA_W);
    if (RX_BUFFER < esp_rx_pkg::LONGEST || RX_BUFFER > 65535)
      $fatal(1, "ipsec_top: RX_BUFFER is %0d, must be %0d to 65535", RX_BUFFER, esp_rx_pkg::LONGEST);
    if (CSR_DEPTH < 2) $fatal(1, "ipsec_top: CSR_DEPTH is %0d, must be 2 or more", CSR_DEPTH);
  end
`endif

  // ---- SAs to send with: set by the cfg port, or by commands --------------------------------------------------------------
  localparam int TX_CONTEXT_W = 1 + 1 + 1 + 5 + 64 + 32 + 128 + 128 + 32 + 2 + 128 + 1920;

  logic [TX_CONTEXT_W-1:0] tx_cfg_context, tx_set_context, set_context;
  logic                    tx_set_we, find_take;
  logic [SA_W-1:0]         tx_set_sa, find_sa, tx_peek_sa;
  logic [63:0]             find_handle;
  logic [2:0]              tx_rel_valid;
  logic [3*SA_W-1:0]       tx_rel_sa;
  // the upper half is what commands read
  /* verilator lint_off UNUSEDSIGNAL */
  logic [63:0]             peek_next;
  /* verilator lint_on UNUSEDSIGNAL */
  logic                    set_transport, set_v6, set_esn;
  logic [4:0]              set_icv;
  logic [63:0]             set_next;
  logic [31:0]             set_spi, set_salt;
  logic [127:0]            set_src, set_dst, set_h;
  logic [1:0]              set_rounds;
  logic [1919:0]           set_keys;

  assign tx_cfg_context = {tx_cfg_transport, tx_cfg_v6, tx_cfg_esn, tx_cfg_icv, tx_cfg_next, tx_cfg_spi, tx_cfg_src, tx_cfg_dst,
                           tx_cfg_salt, tx_cfg_rounds, tx_cfg_h, tx_cfg_keys};
  assign set_context    = SA_TABLE == 1 ? tx_set_context : tx_cfg_context;
  assign {set_transport, set_v6, set_esn, set_icv, set_next, set_spi, set_src, set_dst, set_salt, set_rounds, set_h,
          set_keys} = set_context;

  // ---- wire to host ------------------------------------------------------------------------------------------------------
  logic b_valid, b_last, b_pop;
  logic [15:0] b_length;
  logic [511:0] b_beat;

  logic b_unused;

  ingress #(.SIDE_W(1), .LONGEST(esp_rx_pkg::LONGEST), .WHOLE(1), .DEPTH(RX_BUFFER)) u_rx_buffer (
    .clk, .rst,
    .in_valid(rx_push), .in_last(rx_in_last), .in_length(rx_in_length), .in_side(1'b0), .in_beat(rx_in_beat),
    .in_room(rx_room),
    .out_valid(b_valid), .out_last(b_last), .out_length(b_length), .out_side(b_unused), .out_beat(b_beat), .out_pop(b_pop),
    .count_framing(rx_count_framing), .count_overflow(rx_count_overflow)
  );

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
    .OPEN_DEPTH(OPEN_DEPTH),
    .SA_TABLE(SA_TABLE),
    .MEMORIES(MEMORIES),
    .BUCKETS(BUCKETS),
    .WAYS(WAYS),
    .STASH(STASH),
    .LOOKUP_PORT(LOOKUP_PORT),
    .LOOKUP_PACE(LOOKUP_PACE),
    .ADD_CYCLES(ADD_CYCLES),
    .UPDATE_CYCLES(UPDATE_CYCLES),
    .REMOVE_CYCLES(REMOVE_CYCLES),
    .COMMANDS(COMMANDS),
    .TX_CONTEXT_W(TX_CONTEXT_W),
    .TX_RELEASES(3)
  ) u_rx (
    .clk, .rst,
    .cfg_we(rx_cfg_we),
    .cfg_sa(rx_cfg_sa),
    .cfg_spi(cmd_out ? {tx_cfg_spi[7:0], tx_cfg_spi[15:8], tx_cfg_spi[23:16], tx_cfg_spi[31:24]} : rx_cfg_spi),
    .cfg_v6(cmd_out ? tx_cfg_v6 : rx_cfg_v6),
    .cfg_dst(cmd_out ? tx_cfg_dst : rx_cfg_dst),
    .cfg_udp(rx_cfg_udp),
    .cfg_tunnel(rx_cfg_tunnel),
    .cfg_gmac(rx_cfg_gmac),
    .cfg_rounds(rx_cfg_rounds),
    .cfg_icv(rx_cfg_icv),
    .cfg_salt(rx_cfg_salt),
    .cfg_h(rx_cfg_h),
    .cfg_keys(rx_cfg_keys),
    .cfg_esn(cmd_out ? tx_cfg_esn : rx_cfg_esn),
    .cfg_window(rx_cfg_window),
    .cfg_top(rx_cfg_top),
    .cmd_valid, .cmd_ready, .cmd_op, .cmd_tag, .cmd_handle, .cmd_ah, .cmd_value, .cmd_out, .cmd_tx_context(tx_cfg_context),
    .rsp_valid, .rsp_ready, .rsp_tag, .rsp_status, .rsp_handle, .rsp_read, .rsp_key, .rsp_value, .rsp_state,
    .rsp_references,
    .tx_set_we, .tx_set_sa, .tx_set_context, .tx_handle(find_handle), .tx_sa(find_sa), .tx_take(find_take),
    .tx_rel_valid, .tx_rel_sa, .tx_peek_sa, .tx_peek_high(peek_next[63:32]),
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
  logic [63:0] t_handle;
  logic [15:0] t_length;
  logic [511:0] t_beat;

  logic [15:0] t_room;
  logic [31:0] t_overflow_unused;  // who sends looks at the room

  ingress #(.SIDE_W(64), .LONGEST(TX_LONGEST), .WHOLE(0), .DEPTH(2 * TX_LONGEST)) u_tx_in (
    .clk, .rst,
    .in_valid(tx_push), .in_last(tx_in_last), .in_length(tx_in_length), .in_side(tx_in_handle), .in_beat(tx_in_beat),
    .in_room(t_room),
    .out_valid(t_valid), .out_last(t_last), .out_length(t_length), .out_side(t_handle), .out_beat(t_beat), .out_pop(t_pop),
    .count_framing(tx_count_framing), .count_overflow(t_overflow_unused)
  );

  assign tx_room = t_room != '0;

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
    .OUT_DEPTH(OUT_DEPTH),
    .SA_TABLE(SA_TABLE)
  ) u_tx (
    .clk, .rst,
    .cfg_we(SA_TABLE == 1 ? tx_set_we : tx_cfg_we),
    .cfg_sa(SA_TABLE == 1 ? tx_set_sa : tx_cfg_sa),
    .cfg_live(tx_cfg_live),
    .cfg_handle(tx_cfg_handle),
    .cfg_transport(set_transport),
    .cfg_v6(set_v6),
    .cfg_esn(set_esn),
    .cfg_icv(set_icv),
    .cfg_next(set_next),
    .cfg_spi(set_spi),
    .cfg_src(set_src),
    .cfg_dst(set_dst),
    .cfg_salt(set_salt),
    .cfg_rounds(set_rounds),
    .cfg_h(set_h),
    .cfg_keys(set_keys),
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
    .find_handle,
    .find_sa,
    .find_take,
    .rel_valid(tx_rel_valid),
    .rel_sa(tx_rel_sa),
    .peek_sa(tx_peek_sa),
    .peek_next,
    .count_unknown_handle(tx_count_unknown_handle),
    .count_not_ip(tx_count_not_ip),
    .count_mtu(tx_count_mtu),
    .count_exhausted(tx_count_exhausted),
    .count_protected(tx_count_protected)
  );

  // ---- registers -----------------------------------------------------------------------------------------------------------
  logic a_valid, a_write, a_pop, a_whole_unused, a_last_unused;
  logic [19:0] a_offset;
  logic [3:0] a_bytes;
  logic [63:0] a_data;

  channel #(.WIDTH(1 + 20 + 4 + 64), .DEPTH(CSR_DEPTH)) u_csr_in (
    .clk, .rst, .room(csr_room), .reserve(csr_push), .push(csr_push), .push_last(1'b1),
    .push_data({csr_acc_write, csr_acc_offset, csr_acc_bytes, csr_acc_data}),
    .valid(a_valid), .whole(a_whole_unused), .last(a_last_unused), .data({a_write, a_offset, a_bytes, a_data}), .pop(a_pop)
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
