// csr behind a channel, and csr_rule beside it, with their pins in one vector each way (sim/nic/pins_csr.def).
module lock_csr #(
    parameter int TABLES = 0,
    parameter int IN_DEPTH = 4
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [pins_csr_pkg::IN_BITS-1:0]  pin_in,
    output logic [pins_csr_pkg::OUT_BITS-1:0] pin_out
);
  import pins_csr_pkg::*;

  logic push, room, acc_valid, acc_write, acc_pop, answer, wrote, order, order_none, order_write;
  logic [19:0] acc_offset;
  logic [3:0] acc_bytes, wrote_index;
  logic [63:0] acc_data, answer_data, wrote_value, rule_result, rule_kept;
  logic [1:0] answer_status, order_table;
  logic [6:0] wrote_id;
  logic [3:0] wrote_effect;
  logic [9:0] order_entry;
  logic [191:0] order_words;
  logic [31:0] misaligned, unknown, read_only, write_only;

  assign push = pin_in[IN_ACC_VALID_LSB];

  channel #(.WIDTH(1 + 20 + 4 + 64), .DEPTH(IN_DEPTH)) u_in (
    .clk, .rst, .room, .reserve(push), .push, .push_last(1'b1),
    .push_data({pin_in[IN_ACC_WRITE_LSB], pin_in[IN_ACC_OFFSET_LSB+:20], pin_in[IN_ACC_BYTES_LSB+:4],
                pin_in[IN_ACC_DATA_LSB+:64]}),
    .valid(acc_valid), .whole(), .last(), .data({acc_write, acc_offset, acc_bytes, acc_data}), .pop(acc_pop)
  );

  csr #(.TABLES(TABLES)) u_block (
    .clk, .rst, .acc_valid, .acc_write, .acc_offset, .acc_bytes, .acc_data, .acc_pop,
    .answer, .answer_status, .answer_data, .wrote, .wrote_id, .wrote_index, .wrote_effect, .wrote_value,
    .order, .order_none, .order_write, .order_table, .order_entry, .order_words,
    .order_done(pin_in[IN_ORDER_DONE_LSB]),
    .put(pin_in[IN_PUT_LSB]), .put_place(pin_in[IN_PUT_PLACE_LSB+:9]), .put_value(pin_in[IN_PUT_VALUE_LSB+:64]),
    .reset_rw(pin_in[IN_RESET_RW_LSB]),
    .count_misaligned(misaligned), .count_unknown(unknown), .count_read_only(read_only), .count_write_only(write_only)
  );

  csr_rule u_rule (
    .access(pin_in[IN_RULE_ACCESS_LSB+:3]), .old(pin_in[IN_RULE_OLD_LSB+:64]), .value(pin_in[IN_RULE_VALUE_LSB+:64]),
    .mask(pin_in[IN_RULE_MASK_LSB+:64]), .result(rule_result)
  );

  always_ff @(posedge clk) rule_kept <= rst ? '0 : rule_result;

  always_comb begin
    pin_out = '0;
    pin_out[OUT_ACC_ROOM_LSB] = room;
    pin_out[OUT_ANSWER_LSB] = answer;
    pin_out[OUT_ANSWER_STATUS_LSB+:2] = answer_status;
    pin_out[OUT_ANSWER_DATA_LSB+:64] = answer_data;
    pin_out[OUT_WROTE_LSB] = wrote;
    pin_out[OUT_WROTE_ID_LSB+:7] = wrote_id;
    pin_out[OUT_WROTE_INDEX_LSB+:4] = wrote_index;
    pin_out[OUT_WROTE_EFFECT_LSB+:4] = wrote_effect;
    pin_out[OUT_WROTE_VALUE_LSB+:64] = wrote_value;
    pin_out[OUT_ORDER_LSB] = order;
    pin_out[OUT_ORDER_NONE_LSB] = order_none;
    pin_out[OUT_ORDER_TABLE_LSB+:2] = order_table;
    pin_out[OUT_ORDER_ENTRY_LSB+:10] = order_entry;
    pin_out[OUT_ORDER_WRITE_LSB] = order_write;
    pin_out[OUT_ORDER_STORE_LSB] = order && order_write;
    pin_out[OUT_ORDER_WORD0_LSB+:192] = order_words;
    pin_out[OUT_RULE_RESULT_LSB+:64] = rule_kept;
    pin_out[OUT_COUNT_MISALIGNED_LSB+:32] = misaligned;
    pin_out[OUT_COUNT_UNKNOWN_LSB+:32] = unknown;
    pin_out[OUT_COUNT_READ_ONLY_LSB+:32] = read_only;
    pin_out[OUT_COUNT_WRITE_ONLY_LSB+:32] = write_only;
  end
endmodule
