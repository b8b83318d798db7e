// The send pipeline of a lane: esp_tx_fetch -> esp_tx_sequence -> esp_encapsulate -> esp_tx_crypto -> esp_reorder; the C blocks
// sa_fetch -> sequence -> encapsulate -> crypto_tx -> reorder_tx (sim/nic) of a card with packet offload, one engine with one
// context, contexts on the chip, tunnels and transport with ESP and AES-GCM (RFC 4303, RFC 4106).
//
// In: whole Ethernet frames from the host, beats of 64 bytes, byte 0 lowest; beside the first beat the length of the frame in
// bytes (1 to 64 * LONGEST, and as many beats as that; `ingress.sv` sees to it where it is not certain) and the handle of its SA, 0 for
// none. What stands in the last beat behind the frame is not looked at.
// Out: frames as they go to the wire; beside each beat how many of its bytes are the frame's (64 but in the last one). Behind
// them there may be anything.
// A frame that cannot be sent as its SA wants it is dropped by the first block that sees why, and counted.
// Time: that of the blocks one after the other. Each ends in a channel of *_DEPTH beats; those behind the engine and the last
// one hold two of the longest frames (LONGEST beats: MTU + 256 bytes) if CRYPTO_DEPTH or OUT_DEPTH is less.
// An SA is set by `cfg_we`, one a cycle; the next cycle sees it. It must have no frames under way.
// With SA_TABLE handles are those of an sa_table beside the block: a frame finds its SA and takes it (find_*) when it begins, and
// gives it back (rel_*) when sequence or encapsulate refuses it, or when it begins in the last block.
module esp_tx #(
    parameter int SA_W = 4,                // bits of an SA's number, 1 to 8
    parameter int MTU = 1500,              // bytes of the longest IP packet, 576 to 9216
    parameter int RMW = 1,                 // cycles from a number of an SA to its next one, 1 to 64
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
    parameter int CRYPTO_STAGES = 1,       // registers of an AES round, 1 or 2
    parameter int CRYPTO_DEPTH = 32,       // 2 to 32768
    parameter int ORDER = 0,               // what keeps its order: 0 the frames of an SA, 1 all
    parameter int OUT_DEPTH = 32,          // likewise
    parameter int SA_TABLE = 0             // with ORDER 0 only
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            cfg_we,
    input  logic [SA_W-1:0] cfg_sa,
    input  logic            cfg_live,
    input  logic [31:0]     cfg_handle,     // low SA_W bits: cfg_sa; not 0
    input  logic            cfg_transport,  // else tunnel
    input  logic            cfg_v6,         // the tunnel's outer header is IPv6
    input  logic            cfg_esn,
    input  logic [4:0]      cfg_icv,        // bytes: 8, 12, 16
    input  logic [63:0]     cfg_next,       // number of the next packet
    input  logic [31:0]     cfg_spi,
    input  logic [127:0]    cfg_src,        // bytes in the order of the packet from here on
    input  logic [127:0]    cfg_dst,
    input  logic [31:0]     cfg_salt,
    input  logic [1:0]      cfg_rounds,     // as in aes_gcm_pkg
    input  logic [127:0]    cfg_h,
    input  logic [1919:0]   cfg_keys,       // round keys
    input  logic            in_valid,
    input  logic            in_last,
    input  logic [63:0]     in_handle,      // without SA_TABLE of 32 bits
    input  logic [15:0]     in_length,
    input  logic [511:0]    in_beat,
    output logic            in_pop,
    output logic            out_valid,
    output logic            out_whole,
    output logic            out_last,
    output logic [6:0]      out_bytes,
    output logic [511:0]    out_beat,
    input  logic            out_pop,
    // SAs of an sa_table
    output logic [63:0]     find_handle,
    input  logic [SA_W-1:0] find_sa,        // 0: none
    output logic            find_take,
    output logic [2:0]      rel_valid,
    output logic [3*SA_W-1:0] rel_sa,
    input  logic [SA_W-1:0] peek_sa,
    output logic [63:0]     peek_next,      // number of the next packet of this SA
    // counters
    output logic [31:0]     count_unknown_handle,
    output logic [31:0]     count_not_ip,
    output logic [31:0]     count_mtu,
    output logic [31:0]     count_exhausted,
    output logic [31:0]     count_protected
);
  localparam int LONGEST = (MTU + 256 + 63) / 64;  // beats of a frame
  localparam int HOLD = 2 ** $clog2(LONGEST);
  localparam int BEHIND = CRYPTO_DEPTH > 2 * LONGEST ? CRYPTO_DEPTH : 2 * LONGEST;
  localparam int TICKET_W = $clog2(BEHIND + 1);    // frames that wait behind the engine or around it: their beats at most
  localparam int TO_MAC = OUT_DEPTH > 2 * LONGEST ? OUT_DEPTH : 2 * LONGEST;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 8) $fatal(1, "esp_tx: SA_W is %0d, must be 1 to 8", SA_W);
    if (MTU < 576 || MTU > 9216) $fatal(1, "esp_tx: MTU is %0d, must be 576 to 9216", MTU);
    if (ORDER < 0 || ORDER > 1) $fatal(1, "esp_tx: ORDER is %0d, must be 0 or 1", ORDER);
    if (CRYPTO_STAGES < 1 || CRYPTO_STAGES > 2)
      $fatal(1, "esp_tx: CRYPTO_STAGES is %0d, must be 1 or 2", CRYPTO_STAGES);
    if (CRYPTO_DEPTH < 2 || CRYPTO_DEPTH > 32768)
      $fatal(1, "esp_tx: CRYPTO_DEPTH is %0d, must be 2 to 32768", CRYPTO_DEPTH);
    if (SA_TABLE < 0 || SA_TABLE > 1) $fatal(1, "esp_tx: SA_TABLE is %0d, must be 0 or 1", SA_TABLE);
    if (SA_TABLE == 1 && ORDER != 0) $fatal(1, "esp_tx: ORDER is %0d, must be 0 with SA_TABLE", ORDER);
    if (OUT_DEPTH < 2 || OUT_DEPTH > 32768) $fatal(1, "esp_tx: OUT_DEPTH is %0d, must be 2 to 32768", OUT_DEPTH);
  end
`endif

  // ---- fetch -------------------------------------------------------------------------------------------------------
  logic            f_valid, f_last, f_crypt, f_pop;
  logic [SA_W-1:0] f_sa;
  logic [15:0]     f_length;
  logic [511:0]    f_beat;

  esp_tx_fetch #(
    .SA_W(SA_W), .LATENCY(FETCH_LATENCY), .OVERHEAD(FETCH_OVERHEAD), .DEPTH(FETCH_DEPTH), .DATA_W(16 + 512),
    .SA_TABLE(SA_TABLE)
  ) u_fetch (
    .clk, .rst, .cfg_we, .cfg_sa, .cfg_live, .cfg_handle,
    .in_valid, .in_last, .in_handle, .in_data({in_length, in_beat}), .in_pop,
    .out_valid(f_valid), .out_last(f_last), .out_crypt(f_crypt), .out_sa(f_sa), .out_data({f_length, f_beat}),
    .out_pop(f_pop), .find_handle, .find_sa, .find_take, .count_unknown_handle
  );

  // ---- sequence ------------------------------------------------------------------------------------------------------
  logic            s_valid, s_last, s_crypt, s_bad, s_v6, s_ext, s_pop;
  logic [SA_W-1:0] s_sa;
  logic [63:0]     s_number;
  logic [15:0]     s_length, s_total, s_framed;
  logic [4:0]      s_l3;
  logic [11:0]     s_at;
  logic [7:0]      s_next;
  logic [511:0]    s_beat;
  logic [31:0]     not_ip_before, not_ip_behind;

  esp_tx_sequence #(
    .SA_W(SA_W), .MTU(MTU), .RMW(RMW), .LATENCY(SEQUENCE_LATENCY), .OVERHEAD(SEQUENCE_OVERHEAD), .DEPTH(SEQUENCE_DEPTH)
  ) u_sequence (
    .clk, .rst, .cfg_we, .cfg_sa, .cfg_esn, .cfg_next, .cfg_transport, .cfg_v6, .cfg_icv, .peek_sa,
    .peek_next, .refuses(rel_valid[0]), .in_valid(f_valid), .in_last(f_last), .in_crypt(f_crypt), .in_sa(f_sa), .in_length(f_length), .in_beat(f_beat),
    .in_pop(f_pop),
    .out_valid(s_valid), .out_last(s_last), .out_crypt(s_crypt), .out_sa(s_sa), .out_number(s_number),
    .out_length(s_length), .out_bad(s_bad), .out_v6(s_v6), .out_l3(s_l3), .out_total(s_total), .out_framed(s_framed),
    .out_at(s_at), .out_ext(s_ext), .out_next(s_next), .out_beat(s_beat), .out_pop(s_pop),
    .count_not_ip(not_ip_before), .count_mtu, .count_exhausted
  );

  // ---- encapsulate ---------------------------------------------------------------------------------------------------
  logic            e_valid, e_last, e_crypt, e_pop;
  logic [SA_W-1:0] e_sa;
  logic [63:0]     e_number;
  logic [15:0]     e_length, e_begin, e_end;
  logic [511:0]    e_beat;

  esp_encapsulate #(
    .SA_W(SA_W), .HOLD(HOLD), .LATENCY(ENCAP_LATENCY), .OVERHEAD(ENCAP_OVERHEAD), .DEPTH(ENCAP_DEPTH)
  ) u_encapsulate (
    .clk, .rst, .cfg_we, .cfg_sa, .cfg_transport, .cfg_v6, .cfg_icv, .cfg_spi, .cfg_src, .cfg_dst,
    .in_valid(s_valid), .in_last(s_last), .in_crypt(s_crypt), .in_sa(s_sa), .in_number(s_number), .in_length(s_length),
    .in_bad(s_bad), .in_v6(s_v6), .in_l3(s_l3), .in_total(s_total), .in_framed(s_framed), .in_at(s_at), .in_ext(s_ext),
    .in_next(s_next), .in_beat(s_beat), .in_pop(s_pop),
    .out_valid(e_valid), .out_last(e_last), .out_crypt(e_crypt), .out_sa(e_sa), .out_number(e_number),
    .out_length(e_length), .out_begin(e_begin), .out_end(e_end), .out_beat(e_beat), .out_pop(e_pop),
    .refuses(rel_valid[1]), .count_not_ip(not_ip_behind)
  );

  assign count_not_ip = not_ip_before + not_ip_behind;

  // ---- crypto --------------------------------------------------------------------------------------------------------
  logic [1:0]        c_valid, c_last, c_pop;
  logic [2*SA_W-1:0] c_key;
  logic [2*TICKET_W-1:0] c_ticket;
  logic [11:0]       c_bytes;
  logic [1023:0]     c_beat;

  esp_tx_crypto #(
    .SA_W(SA_W), .ORDER(ORDER), .TICKET_W(TICKET_W), .OVERHEAD(CRYPTO_OVERHEAD), .STAGES_PER_ROUND(CRYPTO_STAGES),
    .DEPTH(BEHIND)
  ) u_crypto (
    .clk, .rst, .cfg_we, .cfg_sa, .cfg_spi, .cfg_esn, .cfg_icv, .cfg_rounds, .cfg_salt, .cfg_h, .cfg_keys,
    .in_valid(e_valid), .in_last(e_last), .in_crypt(e_crypt), .in_sa(e_sa), .in_number(e_number), .in_length(e_length),
    .in_begin(e_begin), .in_end(e_end), .in_beat(e_beat), .in_pop(e_pop),
    .out_valid(c_valid), .out_last(c_last), .out_key(c_key), .out_ticket(c_ticket), .out_bytes(c_bytes),
    .out_beat(c_beat), .out_pop(c_pop)
  );

  // ---- reorder -------------------------------------------------------------------------------------------------------
  logic       takes_first, takes_input;
  logic [5:0] tail_bytes;
  // nobody here looks at the beats before they are in the channel
  /* verilator lint_off UNUSEDSIGNAL */
  logic       takes, takes_last;
  logic [6+512-1:0] takes_data;
  /* verilator lint_on UNUSEDSIGNAL */

  esp_reorder #(
    .INPUTS(2), .KEY_W(SA_W), .TICKET_W(TICKET_W), .WIDTH(6 + 512), .DEPTH(TO_MAC)
  ) u_reorder (
    .clk, .rst,
    .in_valid(c_valid), .in_whole(2'b00), .in_last(c_last), .in_key(c_key), .in_ticket(c_ticket),
    .in_data({c_bytes[11:6], c_beat[1023:512], c_bytes[5:0], c_beat[511:0]}), .in_pop(c_pop),
    .takes, .takes_first, .takes_last, .takes_input, .takes_data,
    .out_valid, .out_whole, .out_last, .out_data({tail_bytes, out_beat}), .out_pop
  );

  assign rel_valid[2] = takes_first && takes_input == 1'b0;
  assign rel_sa       = {c_key[SA_W-1:0], s_sa, f_sa};

  assign out_bytes = !out_last || tail_bytes == '0 ? 7'd64 : {1'b0, tail_bytes};

  always_ff @(posedge clk) begin
    if (rst) count_protected <= '0;
    else count_protected <= count_protected + 32'(takes_first && takes_input == 1'b0);
  end
endmodule
