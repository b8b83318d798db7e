// esn_sequence between two channels, with its pins in one vector each way (sim/nic/pins_esn_sequence.def).
module lock_esn_sequence #(
    parameter int SA_W = 4,
    parameter int MTU = 9000,
    parameter int RMW = 1,
    parameter int LATENCY = 1,
    parameter int INTERVAL = 1,
    parameter int OVERHEAD = 0,
    parameter int DEPTH = 8,
    parameter int IN_DEPTH = 8  // beats of the channel before, as the C block has it
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [pins_esn_sequence_pkg::IN_BITS-1:0]  pin_in,
    output logic [pins_esn_sequence_pkg::OUT_BITS-1:0] pin_out
);
  import pins_esn_sequence_pkg::*;

  localparam int SEQ_W = 1 + SA_W + 17 + 16;

  logic push, room, seq_valid, seq_last, seq_pop, seq_crypt;
  logic [SA_W-1:0] seq_sa;
  logic [16:0] seq_length;
  logic [15:0] seq_data;
  logic numbered_valid, numbered_last, inner;
  logic [63:0] numbered_number;
  logic [16:0] numbered_data;
  logic [31:0] given, exhausted, too_long;

  assign push = pin_in[IN_SEQ_VALID_LSB];

  channel #(.WIDTH(SEQ_W), .DEPTH(IN_DEPTH)) u_in (
    .clk, .rst, .room, .reserve(push), .push, .push_last(pin_in[IN_SEQ_LAST_LSB]),
    .push_data({pin_in[IN_SEQ_CRYPT_LSB], pin_in[IN_SEQ_SA_LSB+:SA_W], pin_in[IN_SEQ_LENGTH_LSB+:17],
                pin_in[IN_SEQ_DATA_LSB+:16]}),
    .valid(seq_valid), .whole(), .last(seq_last), .data({seq_crypt, seq_sa, seq_length, seq_data}), .pop(seq_pop)
  );

  // inner: the head is not the first beat of its item
  always_ff @(posedge clk) begin
    if (rst) inner <= 1'b0;
    else if (pin_in[IN_NUMBERED_POP_LSB]) inner <= !numbered_last;
  end

  esn_sequence #(
    .SA_W(SA_W), .MTU(MTU), .RMW(RMW), .LATENCY(LATENCY), .INTERVAL(INTERVAL), .OVERHEAD(OVERHEAD), .DEPTH(DEPTH),
    .DATA_W(17)
  ) u_block (
    .clk, .rst,
    .cfg_we(pin_in[IN_CFG_WE_LSB]), .cfg_sa(pin_in[IN_CFG_SA_LSB+:SA_W]), .cfg_esn(pin_in[IN_CFG_ESN_LSB]),
    .cfg_next(pin_in[IN_CFG_NEXT_LSB+:64]), .peek_sa({SA_W{1'b0}}), .peek_next(), .refuses(),
    .seq_valid, .seq_last, .seq_crypt, .seq_sa, .seq_length, .seq_data({seq_crypt, seq_data}), .seq_pop,
    .numbered_valid, .numbered_whole(), .numbered_last, .numbered_number, .numbered_data,
    .numbered_pop(pin_in[IN_NUMBERED_POP_LSB]),
    .count_given(given), .count_exhausted(exhausted), .count_too_long(too_long)
  );

  always_comb begin
    pin_out = '0;
    pin_out[OUT_SEQ_ROOM_LSB] = room;
    pin_out[OUT_NUMBERED_VALID_LSB] = numbered_valid;
    pin_out[OUT_NUMBERED_LAST_LSB] = numbered_last;
    pin_out[OUT_NUMBERED_NEW_LSB] = numbered_valid && !inner && numbered_data[16];
    pin_out[OUT_NUMBERED_NUMBER_LSB+:64] = numbered_number;
    pin_out[OUT_NUMBERED_DATA_LSB+:16] = numbered_data[15:0];
    pin_out[OUT_COUNT_GIVEN_LSB+:32] = given;
    pin_out[OUT_COUNT_EXHAUSTED_LSB+:32] = exhausted;
    pin_out[OUT_COUNT_TOO_LONG_LSB+:32] = too_long;
  end
endmodule
