// The engine of the send side and the way around it. The C block: crypto_tx (sim/nic/crypto.c) with one engine and one context,
// AES-GCM, its width the bus.
//
// Frames of an SA go through aes_gcm, the others pass around it in 1 cycle, each kind into a channel of its own. A frame takes its
// way when it is at the head; while it waits for the engine those behind it wait too. With its first beat a frame gets a ticket:
// frames of the same key count from 0, modulo 2^TICKET_W, which must be more than DEPTH. Key: the number of its SA, 0 without one;
// with ORDER 1 the same for all. The context of an SA, round keys and all, is read without a clock (README: memories). Two outputs, [0] engine and [1] around it: the reading sides of their channels.
module esp_tx_crypto #(
    parameter int SA_W = 4,
    parameter int TICKET_W = 8,          // bits of a ticket, 1 to 16
    parameter int ORDER = 0,             // what keeps its order: 0 the frames of an SA, 1 all
    parameter int OVERHEAD = 1,          // cycles of a frame in the engine beside its blocks
    parameter int STAGES_PER_ROUND = 1,
    parameter int DEPTH = 56             // beats of either channel
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              cfg_we,
    input  logic [SA_W-1:0]   cfg_sa,
    input  logic [31:0]       cfg_spi,
    input  logic              cfg_esn,
    input  logic [4:0]        cfg_icv,
    input  logic [1:0]        cfg_rounds,  // as in aes_gcm_pkg
    input  logic [31:0]       cfg_salt,    // these four in the order of bytes
    input  logic [127:0]      cfg_h,
    input  logic [1919:0]     cfg_keys,
    input  logic              in_valid,
    input  logic              in_last,
    input  logic              in_crypt,
    input  logic [SA_W-1:0]   in_sa,
    input  logic [63:0]       in_number,
    input  logic [15:0]       in_length,
    input  logic [15:0]       in_begin,
    input  logic [15:0]       in_end,
    input  logic [511:0]      in_beat,
    output logic              in_pop,
    output logic [1:0]        out_valid,
    output logic [1:0]        out_last,
    output logic [2*SA_W-1:0] out_key,
    output logic [2*TICKET_W-1:0] out_ticket,
    output logic [11:0]       out_bytes,   // of the frame in its last beat, modulo 64
    output logic [1023:0]     out_beat,
    input  logic [1:0]        out_pop
);
  localparam int TAG_W = SA_W + TICKET_W + 6;
  localparam int CONTEXT_W = 32 + 1 + 5 + 2 + 32 + 128 + 1920;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 8) $fatal(1, "esp_tx_crypto: SA_W is %0d, must be 1 to 8", SA_W);
    if (ORDER < 0 || ORDER > 1) $fatal(1, "esp_tx_crypto: ORDER is %0d, must be 0 or 1", ORDER);
    if (TICKET_W < 1 || TICKET_W > 16) $fatal(1, "esp_tx_crypto: TICKET_W is %0d, must be 1 to 16", TICKET_W);
    if (DEPTH < 2 || DEPTH >= 2 ** TICKET_W)
      $fatal(1, "esp_tx_crypto: DEPTH is %0d, must be 2 to %0d (TICKET_W is %0d)", DEPTH, 2 ** TICKET_W - 1, TICKET_W);
  end
`endif

  logic [31:0]     spi, salt;
  logic            esn;
  logic [4:0]      icv;
  logic [1:0]      rounds;
  logic [127:0]    h;
  logic [1919:0]   keys;
  logic [SA_W-1:0] key;
  logic [63:0]     number;    // the bytes of the packet
  logic [31:0]     spi_bytes;
  logic [TAG_W-1:0] tag;
  logic [aes_gcm_pkg::INFO_W-1:0] info;

  context_ram #(.WIDTH(CONTEXT_W), .SA_W(SA_W)) u_context (
    .clk, .we(cfg_we), .wr_sa(cfg_sa), .wr_data({cfg_spi, cfg_esn, cfg_icv, cfg_rounds, cfg_salt, cfg_h, cfg_keys}),
    .rd_sa(in_sa), .rd_data({spi, esn, icv, rounds, salt, h, keys})
  );

  // ---- tickets -------------------------------------------------------------------------------------------------
  logic [TICKET_W*2**SA_W-1:0] given;  // the next ticket of each key
  logic                 inner;

  assign key = ORDER == 1 || !in_crypt ? '0 : in_sa;
  assign tag = {key, given[TICKET_W*key+:TICKET_W], in_length[5:0]};

  always_ff @(posedge clk) begin
    if (rst) begin
      inner <= 1'b0;
      given <= '0;
    end else if (in_pop) begin
      inner <= !in_last;
      if (!inner) given[TICKET_W*key+:TICKET_W] <= given[TICKET_W*key+:TICKET_W] + 1'b1;
    end
  end

  // ---- the engine ------------------------------------------------------------------------------------------------
  assign number    = {in_number[7:0], in_number[15:8], in_number[23:16], in_number[31:24],
                      in_number[39:32], in_number[47:40], in_number[55:48], in_number[63:56]};
  assign spi_bytes = {spi[7:0], spi[15:8], spi[23:16], spi[31:24]};

  always_comb begin
    info = '0;
    info[aes_gcm_pkg::ROUNDS_LSB+:2]    = rounds;
    info[aes_gcm_pkg::ICV_LSB+:6]       = {1'b0, icv};
    info[aes_gcm_pkg::AAD_LEN_LSB+:6]   = esn ? 6'd12 : 6'd8;
    info[aes_gcm_pkg::BEGIN_LSB+:16]    = in_begin;
    info[aes_gcm_pkg::END_LSB+:16]      = in_end;
    info[aes_gcm_pkg::SALT_LSB+:32]     = salt;
    info[aes_gcm_pkg::IV_LSB+:64]       = number;
    info[aes_gcm_pkg::AAD_LSB+:160]     = {64'd0, esn ? number : {32'd0, number[63:32]}, spi_bytes};
    info[aes_gcm_pkg::H_LSB+:128]       = h;
    info[aes_gcm_pkg::KEYS_LSB+:1920]   = keys;
  end

  logic engine_pop, around_pop;
  logic ok_unused, start_unused, unused;
  logic [1:0] whole_unused;

  aes_gcm #(
    .BLOCKS(4), .DEPTH(DEPTH), .OVERHEAD(OVERHEAD), .STAGES_PER_ROUND(STAGES_PER_ROUND), .TAG_W(TAG_W)
  ) u_engine (
    .clk, .rst,
    .in_valid(in_valid && in_crypt), .in_last, .in_data({tag, info, in_beat}), .in_pop(engine_pop),
    .out_valid(out_valid[0]), .out_whole(whole_unused[0]), .out_last(out_last[0]),
    .out_data({out_key[SA_W-1:0], out_ticket[TICKET_W-1:0], out_bytes[5:0], ok_unused, out_beat[511:0]}),
    .out_pop(out_pop[0])
  );

  // ---- around it -------------------------------------------------------------------------------------------------
  lane #(
    .WIDTH(TAG_W + 512), .DEPTH(DEPTH), .LATENCY(1)
  ) u_around (
    .clk, .rst,
    .in_valid(in_valid && !in_crypt), .in_whole(1'b0), .in_last, .in_pop(around_pop),
    .ready(1'b1), .drop(1'b0), .start(start_unused), .beat({tag, in_beat}),
    .out_valid(out_valid[1]), .out_whole(whole_unused[1]), .out_last(out_last[1]),
    .out_data({out_key[SA_W+:SA_W], out_ticket[TICKET_W+:TICKET_W], out_bytes[11:6], out_beat[1023:512]}), .out_pop(out_pop[1])
  );

  assign in_pop = engine_pop || around_pop;

  assign unused = &{1'b0, in_length[15:6], ok_unused, start_unused, whole_unused};
endmodule
