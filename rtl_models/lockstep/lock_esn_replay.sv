// esn_replay between two channels, with its pins in one vector each way (sim/nic/pins_esn_replay.def).
module lock_esn_replay #(
    parameter int SA_W = 4,
    parameter int WINDOW = 64,
    parameter int RMW = 1,
    parameter int CHECK_LATENCY = 1,
    parameter int CHECK_OVERHEAD = 0,
    parameter int CHECK_DEPTH = 8,
    parameter int UPDATE_LATENCY = 1,
    parameter int UPDATE_OVERHEAD = 0,
    parameter int UPDATE_DEPTH = 32,
    parameter int CHECK_IN_DEPTH = 8,   // beats of the channel before, as the C block has it
    parameter int UPDATE_IN_DEPTH = 26
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [pins_esn_replay_pkg::IN_BITS-1:0]  pin_in,
    output logic [pins_esn_replay_pkg::OUT_BITS-1:0] pin_out
);
  import pins_esn_replay_pkg::*;

  localparam int CHK_W = 1 + SA_W + 32 + 16;
  localparam int UPD_W = 1 + SA_W + 64 + 1 + 16;

  logic chk_push, upd_push, chk_room, upd_room;
  logic chk_valid, chk_last, chk_pop, chk_crypt, upd_valid, upd_whole, upd_last, upd_pop, upd_crypt, upd_good;
  logic [SA_W-1:0] chk_sa, upd_sa;
  logic [31:0] chk_low;
  logic [63:0] upd_number, checked_number;
  logic [15:0] chk_data, upd_data, updated_data;
  logic [16:0] checked_data;
  logic checked_valid, checked_last, checked_inner, updated_valid, updated_last;
  logic [31:0] ok, duplicate, too_old, zero, late, bad_icv;

  assign chk_push = pin_in[IN_CHK_VALID_LSB];
  assign upd_push = pin_in[IN_UPD_VALID_LSB];

  channel #(.WIDTH(CHK_W), .DEPTH(CHECK_IN_DEPTH)) u_chk (
    .clk, .rst, .room(chk_room), .reserve(chk_push), .push(chk_push), .push_last(pin_in[IN_CHK_LAST_LSB]),
    .push_data({pin_in[IN_CHK_CRYPT_LSB], pin_in[IN_CHK_SA_LSB+:SA_W], pin_in[IN_CHK_LOW_LSB+:32],
                pin_in[IN_CHK_DATA_LSB+:16]}),
    .valid(chk_valid), .whole(), .last(chk_last), .data({chk_crypt, chk_sa, chk_low, chk_data}), .pop(chk_pop)
  );

  channel #(.WIDTH(UPD_W), .DEPTH(UPDATE_IN_DEPTH)) u_upd (
    .clk, .rst, .room(upd_room), .reserve(upd_push), .push(upd_push), .push_last(pin_in[IN_UPD_LAST_LSB]),
    .push_data({pin_in[IN_UPD_CRYPT_LSB], pin_in[IN_UPD_SA_LSB+:SA_W], pin_in[IN_UPD_NUMBER_LSB+:64],
                pin_in[IN_UPD_GOOD_LSB], pin_in[IN_UPD_DATA_LSB+:16]}),
    .valid(upd_valid), .whole(upd_whole), .last(upd_last),
    .data({upd_crypt, upd_sa, upd_number, upd_good, upd_data}), .pop(upd_pop)
  );

  // checked_inner: the head is not the first beat of its item
  always_ff @(posedge clk) begin
    if (rst) checked_inner <= 1'b0;
    else if (pin_in[IN_CHECKED_POP_LSB]) checked_inner <= !checked_last;
  end

  esn_replay #(
    .SA_W(SA_W), .WINDOW(WINDOW), .RMW(RMW), .CHECK_LATENCY(CHECK_LATENCY), .CHECK_OVERHEAD(CHECK_OVERHEAD),
    .CHECK_DEPTH(CHECK_DEPTH), .UPDATE_LATENCY(UPDATE_LATENCY), .UPDATE_OVERHEAD(UPDATE_OVERHEAD),
    .UPDATE_DEPTH(UPDATE_DEPTH), .CHECK_DATA_W(17), .UPDATE_DATA_W(16)
  ) u_block (
    .clk, .rst,
    .cfg_we(pin_in[IN_CFG_WE_LSB]), .cfg_sa(pin_in[IN_CFG_SA_LSB+:SA_W]), .cfg_window(pin_in[IN_CFG_WINDOW_LSB+:13]),
    .cfg_esn(pin_in[IN_CFG_ESN_LSB]), .cfg_top(pin_in[IN_CFG_TOP_LSB+:64]), .peek_sa({SA_W{1'b0}}), .peek_top(), .chk_refuses(), .upd_refuses(),
    .chk_valid, .chk_last, .chk_crypt, .chk_sa, .chk_low, .chk_data({chk_crypt, chk_data}), .chk_pop,
    .checked_valid, .checked_whole(), .checked_last, .checked_number, .checked_data,
    .checked_pop(pin_in[IN_CHECKED_POP_LSB]),
    .upd_valid, .upd_whole, .upd_last, .upd_crypt, .upd_sa, .upd_number, .upd_good, .upd_data, .upd_pop,
    .updated_valid, .updated_whole(), .updated_last, .updated_data, .updated_pop(pin_in[IN_UPDATED_POP_LSB]),
    .count_ok(ok), .count_duplicate(duplicate), .count_too_old(too_old), .count_zero(zero), .count_late(late),
    .count_bad_icv(bad_icv)
  );

  always_comb begin
    pin_out = '0;
    pin_out[OUT_CHK_ROOM_LSB] = chk_room;
    pin_out[OUT_CHECKED_VALID_LSB] = checked_valid;
    pin_out[OUT_CHECKED_LAST_LSB] = checked_last;
    pin_out[OUT_CHECKED_NEW_LSB] = checked_valid && !checked_inner && checked_data[16];
    pin_out[OUT_CHECKED_NUMBER_LSB+:64] = checked_number;
    pin_out[OUT_CHECKED_DATA_LSB+:16] = checked_data[15:0];
    pin_out[OUT_UPD_ROOM_LSB] = upd_room;
    pin_out[OUT_UPDATED_VALID_LSB] = updated_valid;
    pin_out[OUT_UPDATED_LAST_LSB] = updated_last;
    pin_out[OUT_UPDATED_DATA_LSB+:16] = updated_data;
    pin_out[OUT_COUNT_OK_LSB+:32] = ok;
    pin_out[OUT_COUNT_DUPLICATE_LSB+:32] = duplicate;
    pin_out[OUT_COUNT_TOO_OLD_LSB+:32] = too_old;
    pin_out[OUT_COUNT_ZERO_LSB+:32] = zero;
    pin_out[OUT_COUNT_LATE_LSB+:32] = late;
    pin_out[OUT_COUNT_BAD_ICV_LSB+:32] = bad_icv;
  end
endmodule
