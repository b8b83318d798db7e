// sa_table behind a channel, with its pins in one vector each way (sim/nic/pins_sa_table.def).
module lock_sa_table #(
    parameter int MEMORIES = 2,
    parameter int BUCKETS = 16,
    parameter int WAYS = 4,
    parameter int STASH = 2,
    parameter int ENTRIES = 112,
    parameter int LATENCY = 2,
    parameter int OVERHEAD = 0,
    parameter int DEPTH = 8,
    parameter int LOOKUP_PORT = 1,
    parameter int LOOKUP_PACE = 2,
    parameter int ADD_CYCLES = 8,
    parameter int UPDATE_CYCLES = 4,
    parameter int REMOVE_CYCLES = 6,
    parameter int COMMANDS = 4,
    parameter int IN_DEPTH = 8  // beats of the channel before
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic [pins_sa_table_pkg::IN_BITS-1:0]  pin_in,
    output logic [pins_sa_table_pkg::OUT_BITS-1:0] pin_out
);
  import pins_sa_table_pkg::*;

  localparam int ID_W = $clog2(ENTRIES + 1);
  localparam int PKT_W = 1 + 32 + 128 + 1 + 1 + 8 + 16;

  logic push, room, valid, last, pop, bypass, ah, v6, found_valid, found_last, hit;
  logic [31:0] spi, rsp_value;
  logic [127:0] dst;
  logic [7:0] tag, found_tag, rsp_tag;
  logic [15:0] data, found_data;
  logic [ID_W-1:0] entry;
  logic [1:0] probes, rsp_state;
  logic cmd_ready, rsp_valid, rsp_read;
  logic [2:0] rsp_status;
  logic [63:0] rsp_handle;
  logic [161:0] rsp_key;
  logic [21:0] rsp_references;

  assign push = pin_in[IN_PKT_VALID_LSB];

  channel #(.WIDTH(PKT_W), .DEPTH(IN_DEPTH)) u_in (
    .clk, .rst, .room(room), .reserve(push), .push(push), .push_last(pin_in[IN_PKT_LAST_LSB]),
    .push_data({pin_in[IN_PKT_BYPASS_LSB], pin_in[IN_PKT_SPI_LSB+:32], pin_in[IN_PKT_DST_HIGH_LSB+:64],
                pin_in[IN_PKT_DST_LOW_LSB+:64], pin_in[IN_PKT_AH_LSB], pin_in[IN_PKT_V6_LSB],
                pin_in[IN_PKT_TAG_LSB+:8], pin_in[IN_PKT_DATA_LSB+:16]}),
    .valid(valid), .whole(), .last(last), .data({bypass, spi, dst, ah, v6, tag, data}), .pop(pop)
  );

  sa_table #(
    .MEMORIES(MEMORIES), .BUCKETS(BUCKETS), .WAYS(WAYS), .STASH(STASH), .ENTRIES(ENTRIES), .LATENCY(LATENCY),
    .OVERHEAD(OVERHEAD), .DEPTH(DEPTH), .LOOKUP_PORT(LOOKUP_PORT), .LOOKUP_PACE(LOOKUP_PACE),
    .ADD_CYCLES(ADD_CYCLES), .UPDATE_CYCLES(UPDATE_CYCLES), .REMOVE_CYCLES(REMOVE_CYCLES), .COMMANDS(COMMANDS),
    .TAG_W(8), .DATA_W(16), .CMD_TAG_W(8)
  ) u_block (
    .clk, .rst,
    .in_valid(valid), .in_last(last), .in_bypass(bypass), .in_spi(spi), .in_dst(dst), .in_ah(ah), .in_v6(v6),
    .in_tag(tag), .in_data(data), .in_pop(pop),
    .out_valid(found_valid), .out_whole(), .out_last(found_last), .out_hit(hit), .out_entry(entry),
    .out_probes(probes), .out_tag(found_tag), .out_data(found_data), .out_pop(pin_in[IN_FOUND_POP_LSB]),
    .look_start(), .look_entry(), .in_refuse(1'b0), .tx_handle(64'd0), .tx_entry(), .tx_take(1'b0),
    .rel_valid(pin_in[IN_REL_VALID_LSB]), .rel_entry(pin_in[IN_REL_ENTRY_LSB+:ID_W]),
    .cmd_valid(pin_in[IN_CMD_VALID_LSB]), .cmd_ready, .cmd_op(pin_in[IN_CMD_OP_LSB+:3]),
    .cmd_tag(pin_in[IN_CMD_TAG_LSB+:8]), .cmd_handle(pin_in[IN_CMD_HANDLE_LSB+:64]),
    .cmd_spi(pin_in[IN_CMD_SPI_LSB+:32]), .cmd_ah(pin_in[IN_CMD_AH_LSB]),
    .cmd_dst({pin_in[IN_CMD_DST_HIGH_LSB+:64], pin_in[IN_CMD_DST_LOW_LSB+:64]}), .cmd_v6(pin_in[IN_CMD_V6_LSB]),
    .cmd_esn(pin_in[IN_CMD_ESN_LSB]), .cmd_value(pin_in[IN_CMD_VALUE_LSB+:32]), .cmd_out(1'b0), .cmd_context(1'b0),
    .new_valid(), .new_entry(), .new_out(), .new_context(), .rd_entry(), .rd_out(), .rd_value(32'd0),
    .rsp_valid, .rsp_ready(pin_in[IN_RSP_READY_LSB]), .rsp_tag, .rsp_status, .rsp_handle, .rsp_read, .rsp_key,
    .rsp_value, .rsp_state, .rsp_references
  );

  always_comb begin
    pin_out = '0;
    pin_out[OUT_PKT_ROOM_LSB] = room;
    pin_out[OUT_FOUND_VALID_LSB] = found_valid;
    pin_out[OUT_FOUND_LAST_LSB] = found_last;
    pin_out[OUT_FOUND_HIT_LSB] = hit;
    pin_out[OUT_FOUND_ENTRY_LSB+:16] = 16'(entry);
    pin_out[OUT_FOUND_PROBES_LSB+:2] = probes;
    pin_out[OUT_FOUND_TAG_LSB+:8] = found_tag;
    pin_out[OUT_FOUND_DATA_LSB+:16] = found_data;
    pin_out[OUT_CMD_READY_LSB] = cmd_ready;
    pin_out[OUT_RSP_VALID_LSB] = rsp_valid;
    pin_out[OUT_RSP_TAG_LSB+:8] = rsp_tag;
    pin_out[OUT_RSP_STATUS_LSB+:3] = rsp_status;
    pin_out[OUT_RSP_HANDLE_LSB+:64] = rsp_handle;
    pin_out[OUT_RSP_READ_LSB] = rsp_read;
    pin_out[OUT_RSP_DST_LOW_LSB+:64] = rsp_key[63:0];
    pin_out[OUT_RSP_DST_HIGH_LSB+:64] = rsp_key[127:64];
    pin_out[OUT_RSP_SPI_LSB+:32] = rsp_key[159:128];
    pin_out[OUT_RSP_AH_LSB] = rsp_key[160];
    pin_out[OUT_RSP_V6_LSB] = rsp_key[161];
    pin_out[OUT_RSP_VALUE_LSB+:32] = rsp_value;
    pin_out[OUT_RSP_STATE_LSB+:2] = rsp_state;
    pin_out[OUT_RSP_REFERENCES_LSB+:22] = rsp_references;
  end
endmodule
