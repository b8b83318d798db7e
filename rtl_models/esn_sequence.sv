// Sequence numbers of packets that are sent. The C block: sequence (sim/nic/sequence.c) with packet offload.
//
// For each SA: `next`, the number of its next packet, and whether the numbers have 64 bits (ESN). An item of an SA (`crypt`)
// whose IP packet would be longer than MTU when it is framed is refused; then one whose SA has no number left (RFC 4303 3.3.3:
// numbers never go round): without ESN after 2^32 - 1, with ESN after 2^64 - 1, behind which `next` is 0. What is refused takes
// no number, is taken and goes no further. Items without an SA pass.
// An item begins with its first beat. The number stands beside it. Giving one is a read-modify-write of the SA: an item of an SA
// waits until RMW cycles after the last one of that SA that got a number. What is refused waits too, and holds up nobody.
// An SA is set by `cfg_we`, one a cycle; the next cycle sees it. It must have no items before the block. `next` is read without a
// clock (README: memories).
module esn_sequence #(
    parameter int SA_W     = 4,    // bits of an SA's number, 1 to 16; there are 2^SA_W of them
    parameter int MTU      = 9000, // bytes of the longest IP packet, 576 to 65535
    parameter int RMW      = 1,    // cycles from a number of an SA to its next one, 1 to 64
    parameter int LATENCY  = 1,
    parameter int INTERVAL = 1,
    parameter int OVERHEAD = 0,
    parameter int DEPTH    = 8,
    parameter int DATA_W   = 16    // what goes with each beat
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              cfg_we,
    input  logic [SA_W-1:0]   cfg_sa,
    input  logic              cfg_esn,
    input  logic [63:0]       cfg_next,
    input  logic [SA_W-1:0]   peek_sa,
    output logic [63:0]       peek_next,   // number of the next packet of this SA
    input  logic              seq_valid,
    input  logic              seq_last,
    input  logic              seq_crypt,
    input  logic [SA_W-1:0]   seq_sa,
    input  logic [16:0]       seq_length,  // bytes of the framed IP packet
    input  logic [DATA_W-1:0] seq_data,
    output logic              seq_pop,
    output logic              numbered_valid,
    output logic              numbered_whole,
    output logic              numbered_last,
    output logic [63:0]       numbered_number,
    output logic [DATA_W-1:0] numbered_data,
    input  logic              numbered_pop,
    output logic              refuses,     // an item begins and is refused
    // counters
    output logic [31:0]       count_given,
    output logic [31:0]       count_exhausted,
    output logic [31:0]       count_too_long
);
  localparam int SAS = 2 ** SA_W;

`ifndef SYNTHESIS
  initial begin
    if (SA_W < 1 || SA_W > 16) $fatal(1, "esn_sequence: SA_W is %0d, must be 1 to 16", SA_W);
    if (MTU < 576 || MTU > 65535) $fatal(1, "esn_sequence: MTU is %0d, must be 576 to 65535", MTU);
  end
`endif

  logic [63:0] next [0:SAS-1];
  logic        esn  [0:SAS-1];

  logic [63:0] number;
  logic        too_long, exhausted, refused, busy, start, gives;

  assign number    = next[seq_sa];
  assign too_long  = seq_crypt && seq_length > 17'(MTU);
  assign exhausted = seq_crypt && (esn[seq_sa] ? number == '0 : number[63:32] != '0);
  assign refused   = too_long || exhausted;
  assign refuses   = start && refused;
  assign peek_next = next[peek_sa];
  assign gives     = start && seq_crypt && !refused;

  hazard #(.SA_W(SA_W), .RMW(RMW)) u_hazard (.clk, .rst, .note(gives), .sa(seq_sa), .busy);

  lane #(
    .WIDTH(64 + DATA_W), .DEPTH(DEPTH), .LATENCY(LATENCY), .INTERVAL(INTERVAL), .OVERHEAD(OVERHEAD)
  ) u_lane (
    .clk, .rst,
    .in_valid(seq_valid), .in_whole(1'b0), .in_last(seq_last), .in_pop(seq_pop),
    .ready(!(seq_crypt && busy)), .drop(refused), .start, .beat({number, seq_data}),
    .out_valid(numbered_valid), .out_whole(numbered_whole), .out_last(numbered_last),
    .out_data({numbered_number, numbered_data}), .out_pop(numbered_pop)
  );

  always_ff @(posedge clk) begin
    if (gives) next[seq_sa] <= number + 1'b1;
    if (cfg_we) begin
      next[cfg_sa] <= cfg_next;
      esn[cfg_sa]  <= cfg_esn;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      count_given     <= '0;
      count_exhausted <= '0;
      count_too_long  <= '0;
    end else begin
      count_given     <= count_given + 32'(gives);
      count_too_long  <= count_too_long + 32'(start && too_long);
      count_exhausted <= count_exhausted + 32'(start && exhausted && !too_long);
    end
  end
endmodule
