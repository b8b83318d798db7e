// Two channels become one, item by item: round robin. The C block: reorder_rx (sim/nic/crypto.c) of a lane with one engine
// and one context, and `card.crypto.order` sa.
//
// Input 0 comes from the engine, input 1 from the way around it. Turn: the input behind the one that was served last, at
// first input 0; if it has no whole item, the other one.
// Order: an engine with one context keeps the order of its packets, and so does the way around. So the packets of an SA,
// and those without one, are in order here, and no item ever waits for its ticket: there are none. (With more engines
// there would have to be; and with 4096 SAs and more, of which one shares key 0 with what has no SA.)
//
// Time: rtl_models/README.md; begins with the last beat, latency 1, no tail. Nothing is refused.
module reorder #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 56
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             a_valid,
    input  logic             a_whole,
    input  logic             a_last,
    input  logic [WIDTH-1:0] a_data,
    output logic             a_pop,
    input  logic             b_valid,
    input  logic             b_whole,
    input  logic             b_last,
    input  logic [WIDTH-1:0] b_data,
    output logic             b_pop,
    output logic             takes,      // a beat is taken in this cycle:
    output logic             takes_last,
    output logic [WIDTH-1:0] takes_data,
    output logic             out_valid,
    output logic             out_whole,
    output logic             out_last,
    output logic [WIDTH-1:0] out_data,
    input  logic             out_pop
);
  logic midway, served;  // inside an item; input that was served last (b: 1)
  logic pick, start;

  assign pick = midway ? served : (served ? !a_whole : b_whole);

  assign takes_last = pick ? b_last : a_last;
  assign takes_data = pick ? b_data : a_data;
  assign a_pop      = takes && !pick;
  assign b_pop      = takes && pick;

  lane #(.WIDTH(WIDTH), .DEPTH(DEPTH), .LATENCY(1), .START_LAST(1)) u_lane (
    .clk, .rst,
    .in_valid(pick ? b_valid : a_valid), .in_whole(pick ? b_whole : a_whole), .in_last(takes_last), .in_pop(takes),
    .ready(1'b1), .drop(1'b0), .start, .beat(takes_data),
    .out_valid, .out_whole, .out_last, .out_data, .out_pop
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      midway <= 1'b0;
      served <= 1'b1;
    end else begin
      if (takes) midway <= !takes_last;
      if (start) served <= pick;
    end
  end
endmodule
