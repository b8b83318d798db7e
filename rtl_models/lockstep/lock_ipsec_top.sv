// ipsec_top with its pins in one vector each way: those of esp_rx, esp_tx and csr (sim/nic/pins_*.def), each part at a multiple of
// 32 bits, named RX_, TX_ and CSR_.
module lock_ipsec_top #(
    parameter int SA_W = 4,
    parameter int WINDOW = 64,
    parameter int RMW = 4,
    parameter int RX_BUFFER = 256,
    parameter int PARSER_LATENCY = 8,
    parameter int PARSER_OVERHEAD = 0,
    parameter int PARSER_DEPTH = 64,
    parameter int LOOKUP_LATENCY = 12,
    parameter int LOOKUP_OVERHEAD = 0,
    parameter int LOOKUP_DEPTH = 64,
    parameter int CHECK_LATENCY = 4,
    parameter int CHECK_OVERHEAD = 0,
    parameter int CHECK_DEPTH = 64,
    parameter int AES_STAGES = 1,
    parameter int AES_OVERHEAD = 1,
    parameter int AES_DEPTH = 56,
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
    parameter int TABLES = 0,
    parameter int CSR_DEPTH = 4,
    parameter int SA_TABLE = 0,
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
    // the frame as a whole and keys as they are, for the C block
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [pins_ipsec_top_pkg::IN_BITS-1:0]  pin_in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [pins_ipsec_top_pkg::OUT_BITS-1:0] pin_out
);
  import pins_ipsec_top_pkg::*;

  logic rx_out_valid;
  logic rx_out_last;
  logic [15:0] rx_out_length;
  logic [511:0] rx_out_beat;
  logic cmd_ready, rsp_valid, rsp_read;
  logic [7:0] rsp_tag;
  logic [2:0] rsp_status;
  logic [63:0] rsp_handle;
  // the protocol is always ESP
  /* verilator lint_off UNUSEDSIGNAL */
  logic [161:0] rsp_key;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [31:0] rsp_value;
  logic [1:0] rsp_state;
  logic [21:0] rsp_references;
  logic [31:0] rx_count_not_ipsec;
  logic [31:0] rx_count_no_sa;
  logic [31:0] rx_count_fragment;
  logic [31:0] rx_count_options;
  logic [31:0] rx_count_malformed;
  logic [31:0] rx_count_ok;
  logic [31:0] rx_count_duplicate;
  logic [31:0] rx_count_too_old;
  logic [31:0] rx_count_zero;
  logic [31:0] rx_count_late;
  logic [31:0] rx_count_bad_icv;
  logic [31:0] rx_count_bad_length;
  logic [31:0] rx_count_bad_padding;
  logic [31:0] rx_count_dummy;
  logic [31:0] rx_count_wrong;
  logic [31:0] rx_count_bad_inner;
  logic [31:0] rx_count_ecn;
  logic [31:0] rx_count_framing;
  logic [31:0] rx_count_overflow;
  logic [15:0] rx_room;
  logic tx_out_valid;
  logic tx_out_last;
  logic [6:0] tx_out_bytes;
  logic [511:0] tx_out_beat;
  logic [31:0] tx_count_unknown_handle;
  logic [31:0] tx_count_not_ip;
  logic [31:0] tx_count_mtu;
  logic [31:0] tx_count_exhausted;
  logic [31:0] tx_count_protected;
  logic [31:0] tx_count_framing;
  logic tx_room;
  logic csr_answer;
  logic [1:0] csr_answer_status;
  logic [63:0] csr_answer_data;
  logic csr_wrote;
  logic [6:0] csr_wrote_id;
  logic [3:0] csr_wrote_index;
  logic [3:0] csr_wrote_effect;
  logic [63:0] csr_wrote_value;
  logic csr_order;
  logic csr_order_none;
  logic csr_order_write;
  logic [1:0] csr_order_table;
  logic [9:0] csr_order_entry;
  logic [191:0] csr_order_words;
  logic [31:0] csr_count_misaligned;
  logic [31:0] csr_count_unknown;
  logic [31:0] csr_count_read_only;
  logic [31:0] csr_count_write_only;
  logic csr_room;
  logic [511:0] tx_frame;
  logic [63:0] rule_result, rule_kept;

  ipsec_top #(
    .SA_W(SA_W),
    .WINDOW(WINDOW),
    .RMW(RMW),
    .RX_BUFFER(RX_BUFFER),
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
    .FETCH_LATENCY(FETCH_LATENCY),
    .FETCH_OVERHEAD(FETCH_OVERHEAD),
    .FETCH_DEPTH(FETCH_DEPTH),
    .SEQUENCE_LATENCY(SEQUENCE_LATENCY),
    .SEQUENCE_OVERHEAD(SEQUENCE_OVERHEAD),
    .SEQUENCE_DEPTH(SEQUENCE_DEPTH),
    .ENCAP_LATENCY(ENCAP_LATENCY),
    .ENCAP_OVERHEAD(ENCAP_OVERHEAD),
    .ENCAP_DEPTH(ENCAP_DEPTH),
    .OUT_DEPTH(OUT_DEPTH),
    .TABLES(TABLES),
    .CSR_DEPTH(CSR_DEPTH),
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
    .COMMANDS(COMMANDS)
  ) u_block (
    .clk, .rst,
    .rx_cfg_we(pin_in[IN_RX_CFG_WE_LSB]),
    .rx_cfg_sa(pin_in[IN_RX_CFG_SA_LSB+:SA_W]),
    .rx_cfg_spi(pin_in[IN_RX_CFG_SPI_LSB+:32]),
    .rx_cfg_v6(pin_in[IN_RX_CFG_V6_LSB]),
    .rx_cfg_dst(pin_in[IN_RX_CFG_DST_LSB+:128]),
    .rx_cfg_udp(pin_in[IN_RX_CFG_UDP_LSB]),
    .rx_cfg_tunnel(pin_in[IN_RX_CFG_TUNNEL_LSB]),
    .rx_cfg_gmac(pin_in[IN_RX_CFG_GMAC_LSB]),
    .rx_cfg_rounds(pin_in[IN_RX_CFG_ROUNDS_LSB+:2]),
    .rx_cfg_icv(pin_in[IN_RX_CFG_ICV_LSB+:6]),
    .rx_cfg_salt(pin_in[IN_RX_CFG_SALT_LSB+:32]),
    .rx_cfg_h(pin_in[IN_RX_CFG_H_LSB+:128]),
    .rx_cfg_keys(pin_in[IN_RX_CFG_KEYS_LSB+:1920]),
    .rx_cfg_esn(pin_in[IN_RX_CFG_ESN_LSB]),
    .rx_cfg_window(pin_in[IN_RX_CFG_WINDOW_LSB+:13]),
    .rx_cfg_top(pin_in[IN_RX_CFG_TOP_LSB+:64]),
    .rx_in_last(pin_in[IN_RX_PUSH_LAST_LSB]),
    .rx_in_length(pin_in[IN_RX_PUSH_LENGTH_LSB+:16]),
    .rx_in_beat(pin_in[IN_RX_PUSH_BEAT_LSB+:512]),
    .rx_out_valid(rx_out_valid),
    .rx_out_last(rx_out_last),
    .rx_out_length(rx_out_length),
    .rx_out_beat(rx_out_beat),
    .rx_out_pop(pin_in[IN_RX_POP_LSB]),
    .cmd_valid(pin_in[IN_RX_CMD_VALID_LSB]),
    .cmd_ready,
    .cmd_op(pin_in[IN_RX_CMD_OP_LSB+:3]),
    .cmd_tag(pin_in[IN_RX_CMD_TAG_LSB+:8]),
    .cmd_handle(pin_in[IN_RX_CMD_HANDLE_LSB+:64]),
    .cmd_ah(pin_in[IN_RX_CMD_AH_LSB]),
    .cmd_value(pin_in[IN_RX_CMD_VALUE_LSB+:32]),
    .cmd_out(pin_in[IN_RX_CMD_OUT_LSB]),
    .rsp_valid,
    .rsp_ready(pin_in[IN_RX_RSP_READY_LSB]),
    .rsp_tag,
    .rsp_status,
    .rsp_handle,
    .rsp_read,
    .rsp_key,
    .rsp_value,
    .rsp_state,
    .rsp_references,
    .rx_count_not_ipsec(rx_count_not_ipsec),
    .rx_count_no_sa(rx_count_no_sa),
    .rx_count_fragment(rx_count_fragment),
    .rx_count_options(rx_count_options),
    .rx_count_malformed(rx_count_malformed),
    .rx_count_ok(rx_count_ok),
    .rx_count_duplicate(rx_count_duplicate),
    .rx_count_too_old(rx_count_too_old),
    .rx_count_zero(rx_count_zero),
    .rx_count_late(rx_count_late),
    .rx_count_bad_icv(rx_count_bad_icv),
    .rx_count_bad_length(rx_count_bad_length),
    .rx_count_bad_padding(rx_count_bad_padding),
    .rx_count_dummy(rx_count_dummy),
    .rx_count_wrong(rx_count_wrong),
    .rx_count_bad_inner(rx_count_bad_inner),
    .rx_count_ecn(rx_count_ecn),
    .rx_count_framing(rx_count_framing),
    .rx_count_overflow(rx_count_overflow),
    .rx_push(pin_in[IN_RX_PUSH_LSB]),
    .rx_room(rx_room),
    .tx_cfg_we(pin_in[IN_TX_CFG_WE_LSB]),
    .tx_cfg_sa(pin_in[IN_TX_CFG_SA_LSB+:SA_W]),
    .tx_cfg_live(pin_in[IN_TX_CFG_LIVE_LSB]),
    .tx_cfg_handle(pin_in[IN_TX_CFG_HANDLE_LSB+:32]),
    .tx_cfg_transport(pin_in[IN_TX_CFG_TRANSPORT_LSB]),
    .tx_cfg_v6(pin_in[IN_TX_CFG_V6_LSB]),
    .tx_cfg_esn(pin_in[IN_TX_CFG_ESN_LSB]),
    .tx_cfg_icv(pin_in[IN_TX_CFG_ICV_LSB+:5]),
    .tx_cfg_next(pin_in[IN_TX_CFG_NEXT_LSB+:64]),
    .tx_cfg_spi(pin_in[IN_TX_CFG_SPI_LSB+:32]),
    .tx_cfg_src(pin_in[IN_TX_CFG_SRC_LSB+:128]),
    .tx_cfg_dst(pin_in[IN_TX_CFG_DST_LSB+:128]),
    .tx_cfg_salt(pin_in[IN_TX_CFG_SALT_LSB+:32]),
    .tx_cfg_rounds(pin_in[IN_TX_CFG_ROUNDS_LSB+:2]),
    .tx_cfg_h(pin_in[IN_TX_CFG_H_LSB+:128]),
    .tx_cfg_keys(pin_in[IN_TX_CFG_KEYS_LSB+:1920]),
    .tx_in_last(pin_in[IN_TX_TX_LAST_LSB]),
    .tx_in_handle(pin_in[IN_TX_TX_HANDLE_LSB+:64]),
    .tx_in_length(pin_in[IN_TX_TX_LENGTH_LSB+:16]),
    .tx_in_beat(pin_in[IN_TX_TX_BEAT_LSB+:512]),
    .tx_out_valid(tx_out_valid),
    .tx_out_whole(),
    .tx_out_last(tx_out_last),
    .tx_out_bytes(tx_out_bytes),
    .tx_out_beat(tx_out_beat),
    .tx_out_pop(pin_in[IN_TX_OUT_POP_LSB]),
    .tx_count_unknown_handle(tx_count_unknown_handle),
    .tx_count_not_ip(tx_count_not_ip),
    .tx_count_mtu(tx_count_mtu),
    .tx_count_exhausted(tx_count_exhausted),
    .tx_count_protected(tx_count_protected),
    .tx_count_framing(tx_count_framing),
    .tx_push(pin_in[IN_TX_TX_VALID_LSB]),
    .tx_room(tx_room),
    .csr_acc_write(pin_in[IN_CSR_ACC_WRITE_LSB]),
    .csr_acc_offset(pin_in[IN_CSR_ACC_OFFSET_LSB+:20]),
    .csr_acc_bytes(pin_in[IN_CSR_ACC_BYTES_LSB+:4]),
    .csr_acc_data(pin_in[IN_CSR_ACC_DATA_LSB+:64]),
    .csr_answer(csr_answer),
    .csr_answer_status(csr_answer_status),
    .csr_answer_data(csr_answer_data),
    .csr_wrote(csr_wrote),
    .csr_wrote_id(csr_wrote_id),
    .csr_wrote_index(csr_wrote_index),
    .csr_wrote_effect(csr_wrote_effect),
    .csr_wrote_value(csr_wrote_value),
    .csr_order(csr_order),
    .csr_order_none(csr_order_none),
    .csr_order_write(csr_order_write),
    .csr_order_table(csr_order_table),
    .csr_order_entry(csr_order_entry),
    .csr_order_words(csr_order_words),
    .csr_order_done(pin_in[IN_CSR_ORDER_DONE_LSB]),
    .csr_put(pin_in[IN_CSR_PUT_LSB]),
    .csr_put_place(pin_in[IN_CSR_PUT_PLACE_LSB+:9]),
    .csr_put_value(pin_in[IN_CSR_PUT_VALUE_LSB+:64]),
    .csr_reset_rw(pin_in[IN_CSR_RESET_RW_LSB]),
    .csr_count_misaligned(csr_count_misaligned),
    .csr_count_unknown(csr_count_unknown),
    .csr_count_read_only(csr_count_read_only),
    .csr_count_write_only(csr_count_write_only),
    .csr_push(pin_in[IN_CSR_ACC_VALID_LSB]),
    .csr_room(csr_room)
  );

  csr_rule u_rule (
    .access(pin_in[IN_CSR_RULE_ACCESS_LSB+:3]), .old(pin_in[IN_CSR_RULE_OLD_LSB+:64]),
    .value(pin_in[IN_CSR_RULE_VALUE_LSB+:64]), .mask(pin_in[IN_CSR_RULE_MASK_LSB+:64]), .result(rule_result)
  );

  always_ff @(posedge clk) rule_kept <= rst ? '0 : rule_result;

  assign tx_frame = tx_out_bytes[6] ? '1 : ~({512{1'b1}} << {tx_out_bytes[5:0], 3'b000});

  always_comb begin
    pin_out = '0;
    pin_out[OUT_RX_ROOM_LSB+:16] = rx_room;
    pin_out[OUT_RX_VALID_LSB] = rx_out_valid;
    pin_out[OUT_RX_LAST_LSB] = rx_out_last;
    pin_out[OUT_RX_LENGTH_LSB+:16] = rx_out_length;
    pin_out[OUT_RX_BEAT_LSB+:512] = rx_out_beat;
    pin_out[OUT_RX_COUNT_NOT_IPSEC_LSB+:32] = rx_count_not_ipsec;
    pin_out[OUT_RX_COUNT_NO_SA_LSB+:32] = rx_count_no_sa;
    pin_out[OUT_RX_COUNT_FRAGMENT_LSB+:32] = rx_count_fragment;
    pin_out[OUT_RX_COUNT_OPTIONS_LSB+:32] = rx_count_options;
    pin_out[OUT_RX_COUNT_MALFORMED_LSB+:32] = rx_count_malformed;
    pin_out[OUT_RX_COUNT_OK_LSB+:32] = rx_count_ok;
    pin_out[OUT_RX_COUNT_DUPLICATE_LSB+:32] = rx_count_duplicate;
    pin_out[OUT_RX_COUNT_TOO_OLD_LSB+:32] = rx_count_too_old;
    pin_out[OUT_RX_COUNT_ZERO_LSB+:32] = rx_count_zero;
    pin_out[OUT_RX_COUNT_LATE_LSB+:32] = rx_count_late;
    pin_out[OUT_RX_COUNT_BAD_ICV_LSB+:32] = rx_count_bad_icv;
    pin_out[OUT_RX_COUNT_BAD_LENGTH_LSB+:32] = rx_count_bad_length;
    pin_out[OUT_RX_COUNT_BAD_PADDING_LSB+:32] = rx_count_bad_padding;
    pin_out[OUT_RX_COUNT_DUMMY_LSB+:32] = rx_count_dummy;
    pin_out[OUT_RX_COUNT_WRONG_LSB+:32] = rx_count_wrong;
    pin_out[OUT_RX_COUNT_BAD_INNER_LSB+:32] = rx_count_bad_inner;
    pin_out[OUT_RX_COUNT_ECN_LSB+:32] = rx_count_ecn;
    pin_out[OUT_RX_COUNT_FRAMING_LSB+:32] = rx_count_framing;
    pin_out[OUT_RX_COUNT_OVERFLOW_LSB+:32] = rx_count_overflow;
    pin_out[OUT_RX_CMD_READY_LSB] = cmd_ready;
    pin_out[OUT_RX_RSP_VALID_LSB] = rsp_valid;
    pin_out[OUT_RX_RSP_TAG_LSB+:8] = rsp_tag;
    pin_out[OUT_RX_RSP_STATUS_LSB+:3] = rsp_status;
    pin_out[OUT_RX_RSP_HANDLE_LSB+:64] = rsp_handle;
    pin_out[OUT_RX_RSP_READ_LSB] = rsp_read;
    pin_out[OUT_RX_RSP_DST_LOW_LSB+:64] = rsp_key[63:0];
    pin_out[OUT_RX_RSP_DST_HIGH_LSB+:64] = rsp_key[127:64];
    pin_out[OUT_RX_RSP_SPI_LSB+:32] = rsp_key[159:128];
    pin_out[OUT_RX_RSP_V6_LSB] = rsp_key[161];
    pin_out[OUT_RX_RSP_VALUE_LSB+:32] = rsp_value;
    pin_out[OUT_RX_RSP_STATE_LSB+:2] = rsp_state;
    pin_out[OUT_RX_RSP_REFERENCES_LSB+:22] = rsp_references;
    pin_out[OUT_TX_TX_ROOM_LSB] = tx_room;
    pin_out[OUT_TX_OUT_VALID_LSB] = tx_out_valid;
    pin_out[OUT_TX_OUT_LAST_LSB] = tx_out_last;
    pin_out[OUT_TX_OUT_BYTES_LSB+:7] = tx_out_bytes;
    pin_out[OUT_TX_OUT_BEAT_LSB+:512] = tx_out_beat & tx_frame;
    pin_out[OUT_TX_COUNT_UNKNOWN_HANDLE_LSB+:32] = tx_count_unknown_handle;
    pin_out[OUT_TX_COUNT_NOT_IP_LSB+:32] = tx_count_not_ip;
    pin_out[OUT_TX_COUNT_MTU_LSB+:32] = tx_count_mtu;
    pin_out[OUT_TX_COUNT_EXHAUSTED_LSB+:32] = tx_count_exhausted;
    pin_out[OUT_TX_COUNT_PROTECTED_LSB+:32] = tx_count_protected;
    pin_out[OUT_TX_COUNT_FRAMING_LSB+:32] = tx_count_framing;
    pin_out[OUT_CSR_ACC_ROOM_LSB] = csr_room;
    pin_out[OUT_CSR_ANSWER_LSB] = csr_answer;
    pin_out[OUT_CSR_ANSWER_STATUS_LSB+:2] = csr_answer_status;
    pin_out[OUT_CSR_ANSWER_DATA_LSB+:64] = csr_answer_data;
    pin_out[OUT_CSR_WROTE_LSB] = csr_wrote;
    pin_out[OUT_CSR_WROTE_ID_LSB+:7] = csr_wrote_id;
    pin_out[OUT_CSR_WROTE_INDEX_LSB+:4] = csr_wrote_index;
    pin_out[OUT_CSR_WROTE_EFFECT_LSB+:4] = csr_wrote_effect;
    pin_out[OUT_CSR_WROTE_VALUE_LSB+:64] = csr_wrote_value;
    pin_out[OUT_CSR_ORDER_LSB] = csr_order;
    pin_out[OUT_CSR_ORDER_NONE_LSB] = csr_order_none;
    pin_out[OUT_CSR_ORDER_TABLE_LSB+:2] = csr_order_table;
    pin_out[OUT_CSR_ORDER_ENTRY_LSB+:10] = csr_order_entry;
    pin_out[OUT_CSR_ORDER_WRITE_LSB] = csr_order_write;
    pin_out[OUT_CSR_ORDER_STORE_LSB] = csr_order && csr_order_write;
    pin_out[OUT_CSR_ORDER_WORD0_LSB+:32] = csr_order_words[0+:32];
    pin_out[OUT_CSR_ORDER_WORD1_LSB+:32] = csr_order_words[32+:32];
    pin_out[OUT_CSR_ORDER_WORD2_LSB+:32] = csr_order_words[64+:32];
    pin_out[OUT_CSR_ORDER_WORD3_LSB+:32] = csr_order_words[96+:32];
    pin_out[OUT_CSR_ORDER_WORD4_LSB+:32] = csr_order_words[128+:32];
    pin_out[OUT_CSR_ORDER_WORD5_LSB+:32] = csr_order_words[160+:32];
    pin_out[OUT_CSR_RULE_RESULT_LSB+:64] = rule_kept;
    pin_out[OUT_CSR_COUNT_MISALIGNED_LSB+:32] = csr_count_misaligned;
    pin_out[OUT_CSR_COUNT_UNKNOWN_LSB+:32] = csr_count_unknown;
    pin_out[OUT_CSR_COUNT_READ_ONLY_LSB+:32] = csr_count_read_only;
    pin_out[OUT_CSR_COUNT_WRITE_ONLY_LSB+:32] = csr_count_write_only;
  end
endmodule
