// One lane of a plain block: when beats are taken and pushed, for a block whose latency is the same for all items.
//
// An item begins when it is there (its first beat, or with START_LAST all of it), the pause after the item before it is
// over, the block is `ready` for it, and its first beat has room in the channel behind. What is `drop`ped pushes
// nothing and needs no room. Beat k is taken INTERVAL cycles after beat k-1 or later, pushed LATENCY cycles after it was
// taken; the next item begins INTERVAL + OVERHEAD cycles after the last beat or later. (sim/engine/lane.h, stage.h:
// with one latency for all, no item can catch up with the one before it.)
//
// `ready`, `drop` and `beat` are functions of the beat at the head of the channel before, in the same cycle; `start`
// says that the first beat is taken in this cycle: then a block changes what it remembers.
module lane #(
    parameter int WIDTH      = 8,  // bits of a beat
    parameter int DEPTH      = 4,  // beats of the channel behind, 2 and more
    parameter int LATENCY    = 1,  // cycles, 0 to 255
    parameter int INTERVAL   = 1,  // cycles from beat to beat, 1 to 255
    parameter int OVERHEAD   = 0,  // cycles more from item to item, 0 to 255
    parameter int START_LAST = 0   // 1: an item begins when all of it is there
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    input  logic             in_whole,
    input  logic             in_last,
    output logic             in_pop,
    input  logic             ready,
    input  logic             drop,
    output logic             start,
    input  logic [WIDTH-1:0] beat,
    output logic             out_valid,
    output logic             out_whole,
    output logic             out_last,
    output logic [WIDTH-1:0] out_data,
    input  logic             out_pop
);
`ifndef SYNTHESIS
  initial begin
    if (LATENCY < 0 || LATENCY > 255) $fatal(1, "lane: LATENCY is %0d, must be 0 to 255", LATENCY);
    if (INTERVAL < 1 || INTERVAL > 255) $fatal(1, "lane: INTERVAL is %0d, must be 1 to 255", INTERVAL);
    if (OVERHEAD < 0 || OVERHEAD > 255) $fatal(1, "lane: OVERHEAD is %0d, must be 0 to 255", OVERHEAD);
    if (START_LAST < 0 || START_LAST > 1) $fatal(1, "lane: START_LAST is %0d, must be 0 or 1", START_LAST);
  end
`endif

  logic       begun;    // an item has begun and not ended
  logic       refused;  // ... and it is one that is dropped
  logic [8:0] pause;     // cycles in which no beat may be taken
  logic       startable, pushes, room, reserve;

  assign startable = in_valid && (START_LAST == 0 || in_whole) && ready;
  assign pushes    = begun ? !refused : !drop;
  assign in_pop    = pause == '0 && (begun ? in_valid : startable) && (!pushes || room);
  assign start     = in_pop && !begun;
  assign reserve   = in_pop && pushes;

  always_ff @(posedge clk) begin
    if (rst) begin
      begun   <= 1'b0;
      refused <= 1'b0;
      pause    <= '0;
    end else begin
      if (in_pop) begin
        begun   <= !in_last;
        refused <= !pushes;
      end
      if (in_pop) pause <= in_last ? 9'(INTERVAL - 1 + OVERHEAD) : 9'(INTERVAL - 1);
      else if (pause != '0) pause <= pause - 1'b1;
    end
  end

  // The pipeline: what has entered it has room behind.
  logic             end_valid, end_last;
  logic [WIDTH-1:0] end_data;

  generate
    if (LATENCY == 0) begin : g_none
      assign end_valid = reserve;
      assign end_last  = in_last;
      assign end_data  = beat;
    end else begin : g_pipe
      logic [LATENCY-1:0] valid, last;
      logic [LATENCY*WIDTH-1:0] data;  // one vector: in an array of one word Icarus 11 can lose what is written
      integer i;

      assign end_valid = valid[LATENCY-1];
      assign end_last  = last[LATENCY-1];
      assign end_data  = data[(LATENCY-1)*WIDTH+:WIDTH];

      always_ff @(posedge clk) begin
        for (i = 0; i < LATENCY; i = i + 1) begin
          valid[i] <= rst ? 1'b0 : i == 0 ? reserve : valid[i-1];
          last[i]  <= i == 0 ? in_last : last[i-1];
        end
        data <= (LATENCY*WIDTH)'({data, beat});
      end
    end
  endgenerate

  channel #(.WIDTH(WIDTH), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve,
    .push(end_valid), .push_last(end_last), .push_data(end_data),
    .valid(out_valid), .whole(out_whole), .last(out_last), .data(out_data), .pop(out_pop)
  );
endmodule
