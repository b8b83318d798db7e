// esp_tx behind a channel, with its pins in one vector each way (sim/nic/pins_esp_tx.def).
module lock_esp_tx #(
    parameter int SA_W = 4,
    parameter int MTU = 1500,
    parameter int RMW = 1,
    parameter int FETCH_LATENCY = 1,
    parameter int FETCH_OVERHEAD = 0,
    parameter int FETCH_DEPTH = 8,
    parameter int SEQUENCE_LATENCY = 1,
    parameter int SEQUENCE_OVERHEAD = 0,
    parameter int SEQUENCE_DEPTH = 8,
    parameter int ENCAP_LATENCY = 4,
    parameter int ENCAP_OVERHEAD = 0,
    parameter int ENCAP_DEPTH = 8,
    parameter int CRYPTO_OVERHEAD = 1,
    parameter int CRYPTO_STAGES = 1,
    parameter int CRYPTO_DEPTH = 32,
    parameter int ORDER = 0,
    parameter int OUT_DEPTH = 32
) (
    input  logic                               clk,
    input  logic                               rst,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [pins_esp_tx_pkg::IN_BITS-1:0]  pin_in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [pins_esp_tx_pkg::OUT_BITS-1:0] pin_out
);
  import pins_esp_tx_pkg::*;

  localparam int LONGEST = (MTU + 256 + 63) / 64;  // beats of a frame

  logic         valid, last, pop;
  logic [15:0]  room;
  logic [63:0]  handle;
  logic [15:0]  length;
  logic [511:0] beat, out_beat, frame;
  logic         out_valid, out_last;
  logic [6:0]   out_bytes;
  logic [31:0]  unknown_handle, not_ip, mtu, exhausted, protect, framing;

  ingress #(.SIDE_W(64), .LONGEST(LONGEST), .WHOLE(0), .DEPTH(2 * LONGEST)) u_in (
    .clk, .rst,
    .in_valid(pin_in[IN_TX_VALID_LSB]), .in_last(pin_in[IN_TX_LAST_LSB]), .in_length(pin_in[IN_TX_LENGTH_LSB+:16]),
    .in_side(pin_in[IN_TX_HANDLE_LSB+:64]), .in_beat(pin_in[IN_TX_BEAT_LSB+:512]), .in_room(room),
    .out_valid(valid), .out_last(last), .out_length(length), .out_side(handle), .out_beat(beat), .out_pop(pop),
    .count_framing(framing), .count_overflow()
  );

  esp_tx #(
    .SA_W(SA_W), .MTU(MTU), .RMW(RMW), .FETCH_LATENCY(FETCH_LATENCY), .FETCH_OVERHEAD(FETCH_OVERHEAD),
    .FETCH_DEPTH(FETCH_DEPTH), .SEQUENCE_LATENCY(SEQUENCE_LATENCY), .SEQUENCE_OVERHEAD(SEQUENCE_OVERHEAD),
    .SEQUENCE_DEPTH(SEQUENCE_DEPTH), .ENCAP_LATENCY(ENCAP_LATENCY), .ENCAP_OVERHEAD(ENCAP_OVERHEAD),
    .ENCAP_DEPTH(ENCAP_DEPTH), .CRYPTO_OVERHEAD(CRYPTO_OVERHEAD), .CRYPTO_STAGES(CRYPTO_STAGES),
    .CRYPTO_DEPTH(CRYPTO_DEPTH), .ORDER(ORDER), .OUT_DEPTH(OUT_DEPTH)
  ) u_block (
    .clk, .rst,
    .cfg_we(pin_in[IN_CFG_WE_LSB]), .cfg_sa(pin_in[IN_CFG_SA_LSB+:SA_W]), .cfg_live(pin_in[IN_CFG_LIVE_LSB]),
    .cfg_handle(pin_in[IN_CFG_HANDLE_LSB+:32]), .cfg_transport(pin_in[IN_CFG_TRANSPORT_LSB]),
    .cfg_v6(pin_in[IN_CFG_V6_LSB]), .cfg_esn(pin_in[IN_CFG_ESN_LSB]), .cfg_icv(pin_in[IN_CFG_ICV_LSB+:5]),
    .cfg_next(pin_in[IN_CFG_NEXT_LSB+:64]), .cfg_spi(pin_in[IN_CFG_SPI_LSB+:32]),
    .cfg_src(pin_in[IN_CFG_SRC_LSB+:128]), .cfg_dst(pin_in[IN_CFG_DST_LSB+:128]),
    .cfg_salt(pin_in[IN_CFG_SALT_LSB+:32]), .cfg_rounds(pin_in[IN_CFG_ROUNDS_LSB+:2]),
    .cfg_h(pin_in[IN_CFG_H_LSB+:128]), .cfg_keys(pin_in[IN_CFG_KEYS_LSB+:1920]),
    .in_valid(valid), .in_last(last), .in_handle(handle), .in_length(length), .in_beat(beat), .in_pop(pop),
    .out_valid, .out_whole(), .out_last, .out_bytes, .out_beat, .out_pop(pin_in[IN_OUT_POP_LSB]),
    .find_handle(), .find_sa({SA_W{1'b0}}), .find_take(), .rel_valid(), .rel_sa(), .peek_sa({SA_W{1'b0}}), .peek_next(),
    .count_unknown_handle(unknown_handle), .count_not_ip(not_ip), .count_mtu(mtu), .count_exhausted(exhausted),
    .count_protected(protect)
  );

  assign frame = out_bytes[6] ? '1 : ~({512{1'b1}} << {out_bytes[5:0], 3'b000});

  always_comb begin
    pin_out = '0;
    pin_out[OUT_TX_ROOM_LSB] = room != '0;
    pin_out[OUT_OUT_VALID_LSB] = out_valid;
    pin_out[OUT_OUT_LAST_LSB] = out_last;
    pin_out[OUT_OUT_BYTES_LSB+:7] = out_bytes;
    pin_out[OUT_OUT_BEAT_LSB+:512] = out_beat & frame;
    pin_out[OUT_COUNT_UNKNOWN_HANDLE_LSB+:32] = unknown_handle;
    pin_out[OUT_COUNT_NOT_IP_LSB+:32] = not_ip;
    pin_out[OUT_COUNT_MTU_LSB+:32] = mtu;
    pin_out[OUT_COUNT_EXHAUSTED_LSB+:32] = exhausted;
    pin_out[OUT_COUNT_PROTECTED_LSB+:32] = protect;
    pin_out[OUT_COUNT_FRAMING_LSB+:32] = framing;
  end
endmodule
