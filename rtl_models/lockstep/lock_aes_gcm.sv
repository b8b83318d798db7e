// aes_gcm behind a channel, with its pins in one vector each way (sim/nic/pins_aes_gcm.def).
module lock_aes_gcm #(
    parameter int BLOCKS = 4,
    parameter int OVERHEAD = 1,
    parameter int STAGES_PER_ROUND = 1,
    parameter int IN_DEPTH = 64,
    parameter int DEPTH = 256
) (
    input  logic                                  clk,
    input  logic                                  rst,
    // frame, key and number as they are, and with a narrow bus most of a beat, are not for the RTL
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [pins_aes_gcm_pkg::IN_BITS-1:0]  pin_in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [pins_aes_gcm_pkg::OUT_BITS-1:0] pin_out
);
  import pins_aes_gcm_pkg::*;

  localparam int BUS_W = 128 * BLOCKS;

  logic push, room, valid, last, pop, out_valid, out_last;
  logic [aes_gcm_pkg::INFO_W-1:0] info;
  logic [1+aes_gcm_pkg::INFO_W+BUS_W-1:0] head;
  logic [BUS_W+1:0] out_data;

  assign push = pin_in[IN_PUSH_LSB];

  always_comb begin
    info = '0;
    info[aes_gcm_pkg::DECRYPT_LSB] = pin_in[IN_DECRYPT_LSB];
    info[aes_gcm_pkg::GMAC_LSB] = pin_in[IN_GMAC_LSB];
    info[aes_gcm_pkg::ROUNDS_LSB+:2] = pin_in[IN_ROUNDS_LSB+:2];
    info[aes_gcm_pkg::ICV_LSB+:6] = pin_in[IN_ICV_LSB+:6];
    info[aes_gcm_pkg::AAD_LEN_LSB+:6] = pin_in[IN_AAD_BYTES_LSB+:6];
    info[aes_gcm_pkg::BEGIN_LSB+:16] = pin_in[IN_BEGIN_LSB+:16];
    info[aes_gcm_pkg::END_LSB+:16] = pin_in[IN_END_LSB+:16];
    info[aes_gcm_pkg::SALT_LSB+:32] = pin_in[IN_SALT_LSB+:32];
    info[aes_gcm_pkg::IV_LSB+:64] = pin_in[IN_IV_LSB+:64];
    info[aes_gcm_pkg::AAD_LSB+:160] = pin_in[IN_AAD_LSB+:160];
    info[aes_gcm_pkg::H_LSB+:128] = pin_in[IN_H_LSB+:128];
    info[aes_gcm_pkg::KEYS_LSB+:1920] = pin_in[IN_KEYS_LSB+:1920];
  end

  channel #(.WIDTH(1 + aes_gcm_pkg::INFO_W + BUS_W), .DEPTH(IN_DEPTH)) u_in (
    .clk, .rst, .room, .reserve(push), .push, .push_last(pin_in[IN_PUSH_LAST_LSB]),
    .push_data({pin_in[IN_WHOLE_LSB], info, pin_in[IN_PUSH_BEAT_LSB+:BUS_W]}),
    .valid, .whole(), .last, .data(head), .pop
  );

  aes_gcm #(
    .BLOCKS(BLOCKS), .DEPTH(DEPTH), .OVERHEAD(OVERHEAD), .STAGES_PER_ROUND(STAGES_PER_ROUND), .TAG_W(1)
  ) u_block (
    .clk, .rst, .in_valid(valid), .in_last(last), .in_data(head), .in_pop(pop),
    .out_valid, .out_whole(), .out_last, .out_data, .out_pop(pin_in[IN_POP_LSB])
  );

  always_comb begin
    pin_out = '0;
    pin_out[OUT_ROOM_LSB] = room;
    pin_out[OUT_VALID_LSB] = out_valid;
    pin_out[OUT_LAST_LSB] = out_last;
    pin_out[OUT_OK_LSB] = out_data[BUS_W];
    pin_out[OUT_CONTENT_LSB] = out_data[BUS_W+1];
    pin_out[OUT_BEAT_LSB+:BUS_W] = out_data[BUS_W-1:0];
  end
endmodule
