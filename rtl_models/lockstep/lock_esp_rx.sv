// esp_rx behind a receive buffer, with its pins in one vector each way (sim/nic/pins_esp_rx.def).
module lock_esp_rx #(
    parameter int SA_W = 4,
    parameter int WINDOW = 64,
    parameter int RMW = 4,
    parameter int IN_DEPTH = 256,  // beats of the receive buffer
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
    parameter int AES_DEPTH = 256,
    parameter int REORDER_DEPTH = 56,
    parameter int UPDATE_LATENCY = 4,
    parameter int UPDATE_OVERHEAD = 0,
    parameter int UPDATE_DEPTH = 64,
    parameter int OPEN_LATENCY = 4,
    parameter int OPEN_OVERHEAD = 0,
    parameter int OPEN_DEPTH = 256,
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
    input  logic                                clk,
    input  logic                                rst,
    // the frame as a whole and the key as it is are for the C block
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [pins_esp_rx_pkg::IN_BITS-1:0] pin_in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [pins_esp_rx_pkg::OUT_BITS-1:0] pin_out
);
  import pins_esp_rx_pkg::*;

  logic b_valid, b_last, b_pop, o_valid, o_last, unused;
  logic [15:0] b_length, o_length, room;
  logic [511:0] b_beat, o_beat;
  logic [31:0] not_ipsec, no_sa, fragment, options, malformed, ok, duplicate, too_old, zero, late, bad_icv, bad_length;
  logic [31:0] bad_padding, dummy, wrong, bad_inner, ecn, framing, overflow;
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

  ingress #(.SIDE_W(1), .LONGEST(esp_rx_pkg::LONGEST), .WHOLE(1), .DEPTH(IN_DEPTH)) u_buffer (
    .clk, .rst,
    .in_valid(pin_in[IN_PUSH_LSB]), .in_last(pin_in[IN_PUSH_LAST_LSB]), .in_length(pin_in[IN_PUSH_LENGTH_LSB+:16]),
    .in_side(1'b0), .in_beat(pin_in[IN_PUSH_BEAT_LSB+:512]), .in_room(room),
    .out_valid(b_valid), .out_last(b_last), .out_length(b_length), .out_side(unused), .out_beat(b_beat), .out_pop(b_pop),
    .count_framing(framing), .count_overflow(overflow)
  );

  esp_rx #(
    .SA_W(SA_W), .WINDOW(WINDOW), .RMW(RMW),
    .PARSER_LATENCY(PARSER_LATENCY), .PARSER_OVERHEAD(PARSER_OVERHEAD), .PARSER_DEPTH(PARSER_DEPTH),
    .LOOKUP_LATENCY(LOOKUP_LATENCY), .LOOKUP_OVERHEAD(LOOKUP_OVERHEAD), .LOOKUP_DEPTH(LOOKUP_DEPTH),
    .CHECK_LATENCY(CHECK_LATENCY), .CHECK_OVERHEAD(CHECK_OVERHEAD), .CHECK_DEPTH(CHECK_DEPTH),
    .AES_STAGES(AES_STAGES), .AES_OVERHEAD(AES_OVERHEAD), .AES_DEPTH(AES_DEPTH), .REORDER_DEPTH(REORDER_DEPTH),
    .UPDATE_LATENCY(UPDATE_LATENCY), .UPDATE_OVERHEAD(UPDATE_OVERHEAD), .UPDATE_DEPTH(UPDATE_DEPTH),
    .OPEN_LATENCY(OPEN_LATENCY), .OPEN_OVERHEAD(OPEN_OVERHEAD), .OPEN_DEPTH(OPEN_DEPTH),
    .SA_TABLE(SA_TABLE), .MEMORIES(MEMORIES), .BUCKETS(BUCKETS), .WAYS(WAYS), .STASH(STASH),
    .LOOKUP_PORT(LOOKUP_PORT), .LOOKUP_PACE(LOOKUP_PACE), .ADD_CYCLES(ADD_CYCLES), .UPDATE_CYCLES(UPDATE_CYCLES), .REMOVE_CYCLES(REMOVE_CYCLES), .COMMANDS(COMMANDS)
  ) u_block (
    .clk, .rst,
    .cfg_we(pin_in[IN_CFG_WE_LSB]), .cfg_sa(pin_in[IN_CFG_SA_LSB+:SA_W]), .cfg_spi(pin_in[IN_CFG_SPI_LSB+:32]),
    .cfg_v6(pin_in[IN_CFG_V6_LSB]), .cfg_dst(pin_in[IN_CFG_DST_LSB+:128]), .cfg_udp(pin_in[IN_CFG_UDP_LSB]),
    .cfg_tunnel(pin_in[IN_CFG_TUNNEL_LSB]), .cfg_gmac(pin_in[IN_CFG_GMAC_LSB]),
    .cfg_rounds(pin_in[IN_CFG_ROUNDS_LSB+:2]), .cfg_icv(pin_in[IN_CFG_ICV_LSB+:6]),
    .cfg_salt(pin_in[IN_CFG_SALT_LSB+:32]), .cfg_h(pin_in[IN_CFG_H_LSB+:128]), .cfg_keys(pin_in[IN_CFG_KEYS_LSB+:1920]),
    .cfg_esn(pin_in[IN_CFG_ESN_LSB]), .cfg_window(pin_in[IN_CFG_WINDOW_LSB+:13]), .cfg_top(pin_in[IN_CFG_TOP_LSB+:64]),
    .cmd_valid(pin_in[IN_CMD_VALID_LSB]), .cmd_ready, .cmd_op(pin_in[IN_CMD_OP_LSB+:3]),
    .cmd_tag(pin_in[IN_CMD_TAG_LSB+:8]), .cmd_handle(pin_in[IN_CMD_HANDLE_LSB+:64]), .cmd_ah(pin_in[IN_CMD_AH_LSB]),
    .cmd_value(pin_in[IN_CMD_VALUE_LSB+:32]), .rsp_valid, .rsp_ready(pin_in[IN_RSP_READY_LSB]), .rsp_tag, .rsp_status,
    .rsp_handle, .rsp_read, .rsp_key, .rsp_value, .rsp_state, .rsp_references,
    .cmd_out(1'b0), .cmd_tx_context(1'b0), .tx_set_we(), .tx_set_sa(), .tx_set_context(), .tx_handle(64'd0), .tx_sa(),
    .tx_take(1'b0), .tx_rel_valid(1'b0), .tx_rel_sa({SA_W{1'b0}}), .tx_peek_sa(), .tx_peek_high(32'd0),
    .in_valid(b_valid), .in_last(b_last), .in_length(b_length), .in_beat(b_beat), .in_pop(b_pop),
    .out_valid(o_valid), .out_last(o_last), .out_length(o_length), .out_beat(o_beat), .out_pop(pin_in[IN_POP_LSB]),
    .count_not_ipsec(not_ipsec), .count_no_sa(no_sa), .count_fragment(fragment), .count_options(options),
    .count_malformed(malformed), .count_ok(ok), .count_duplicate(duplicate), .count_too_old(too_old), .count_zero(zero),
    .count_late(late), .count_bad_icv(bad_icv), .count_bad_length(bad_length), .count_bad_padding(bad_padding),
    .count_dummy(dummy), .count_wrong(wrong), .count_bad_inner(bad_inner), .count_ecn(ecn)
  );

  always_comb begin
    pin_out = '0;
    pin_out[OUT_ROOM_LSB+:16] = room;
    pin_out[OUT_VALID_LSB] = o_valid;
    pin_out[OUT_LAST_LSB] = o_last;
    pin_out[OUT_LENGTH_LSB+:16] = o_length;
    pin_out[OUT_BEAT_LSB+:512] = o_beat;
    pin_out[OUT_COUNT_NOT_IPSEC_LSB+:32] = not_ipsec;
    pin_out[OUT_COUNT_NO_SA_LSB+:32] = no_sa;
    pin_out[OUT_COUNT_FRAGMENT_LSB+:32] = fragment;
    pin_out[OUT_COUNT_OPTIONS_LSB+:32] = options;
    pin_out[OUT_COUNT_MALFORMED_LSB+:32] = malformed;
    pin_out[OUT_COUNT_OK_LSB+:32] = ok;
    pin_out[OUT_COUNT_DUPLICATE_LSB+:32] = duplicate;
    pin_out[OUT_COUNT_TOO_OLD_LSB+:32] = too_old;
    pin_out[OUT_COUNT_ZERO_LSB+:32] = zero;
    pin_out[OUT_COUNT_LATE_LSB+:32] = late;
    pin_out[OUT_COUNT_BAD_ICV_LSB+:32] = bad_icv;
    pin_out[OUT_COUNT_BAD_LENGTH_LSB+:32] = bad_length;
    pin_out[OUT_COUNT_BAD_PADDING_LSB+:32] = bad_padding;
    pin_out[OUT_COUNT_DUMMY_LSB+:32] = dummy;
    pin_out[OUT_COUNT_WRONG_LSB+:32] = wrong;
    pin_out[OUT_COUNT_BAD_INNER_LSB+:32] = bad_inner;
    pin_out[OUT_COUNT_ECN_LSB+:32] = ecn;
    pin_out[OUT_COUNT_FRAMING_LSB+:32] = framing;
    pin_out[OUT_COUNT_OVERFLOW_LSB+:32] = overflow;
    pin_out[OUT_CMD_READY_LSB] = cmd_ready;
    pin_out[OUT_RSP_VALID_LSB] = rsp_valid;
    pin_out[OUT_RSP_TAG_LSB+:8] = rsp_tag;
    pin_out[OUT_RSP_STATUS_LSB+:3] = rsp_status;
    pin_out[OUT_RSP_HANDLE_LSB+:64] = rsp_handle;
    pin_out[OUT_RSP_READ_LSB] = rsp_read;
    pin_out[OUT_RSP_DST_LOW_LSB+:64] = rsp_key[63:0];
    pin_out[OUT_RSP_DST_HIGH_LSB+:64] = rsp_key[127:64];
    pin_out[OUT_RSP_SPI_LSB+:32] = rsp_key[159:128];
    pin_out[OUT_RSP_V6_LSB] = rsp_key[161];
    pin_out[OUT_RSP_VALUE_LSB+:32] = rsp_value;
    pin_out[OUT_RSP_STATE_LSB+:2] = rsp_state;
    pin_out[OUT_RSP_REFERENCES_LSB+:22] = rsp_references;
  end
endmodule
