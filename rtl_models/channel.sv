// What stands between two blocks: a FIFO of beats whose flags are registers.
//
// A beat pushed in cycle t is at the head from t + 1; a slot freed in cycle t can be taken in t + 1 (the channel of
// sim/engine/channel.h, in one clock domain). A slot is taken with `reserve`, when the beat enters the pipeline before
// the channel; `push` comes in the same cycle or any later one. So no pipeline ever has to stop: what is in it has room.
//
//   room    a slot can be taken in this cycle                       reserve  only with room
//   valid   `data` is the oldest beat                               pop      only with valid
//   whole   the last beat of the oldest item is in the channel      push     only into a slot that has been taken
module channel #(
    parameter int WIDTH = 8,  // bits of a beat, 1 and more
    parameter int DEPTH = 2   // beats, 2 and more: with one, a slot would be empty every second cycle
) (
    input  logic             clk,
    input  logic             rst,
    output logic             room,
    input  logic             reserve,
    input  logic             push,
    input  logic             push_last,
    input  logic [WIDTH-1:0] push_data,
    output logic             valid,
    output logic             whole,
    output logic             last,
    output logic [WIDTH-1:0] data,
    input  logic             pop
);
  localparam int PTR_W = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int CNT_W = $clog2(DEPTH + 1);
  localparam logic [PTR_W-1:0] TOP = PTR_W'(DEPTH - 1);

`ifndef SYNTHESIS
  initial begin
    if (DEPTH < 2) $fatal(1, "channel: DEPTH is %0d, must be 2 or more", DEPTH);
    if (WIDTH < 1) $fatal(1, "channel: WIDTH is %0d, must be 1 or more", WIDTH);
  end
`endif

  logic [WIDTH:0] store [0:DEPTH-1];  // last, data
  logic [PTR_W-1:0] head, tail;
  logic [CNT_W-1:0] free;             // slots not taken
  logic [CNT_W-1:0] beats;            // beats in the channel
  logic [CNT_W-1:0] lasts;            // last beats in the channel

  assign room  = free != '0;
  assign valid = beats != '0;
  assign whole = lasts != '0;
  assign {last, data} = store[head];

  always_ff @(posedge clk) begin
    if (push) store[tail] <= {push_last, push_data};
    if (rst) begin
      head  <= '0;
      tail  <= '0;
      free  <= CNT_W'(DEPTH);
      beats <= '0;
      lasts <= '0;
    end else begin
      if (push) tail <= tail == TOP ? '0 : tail + 1'b1;
      if (pop) head <= head == TOP ? '0 : head + 1'b1;
      free  <= free + CNT_W'(pop) - CNT_W'(reserve);
      beats <= beats + CNT_W'(push) - CNT_W'(pop);
      lasts <= lasts + CNT_W'(push && push_last) - CNT_W'(pop && last);
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst) begin
      assert (!reserve || room) else $error("channel: a slot taken where there is none");
      assert (!pop || valid) else $error("channel: popped where there is nothing");
      assert (!push || beats + free < CNT_W'(DEPTH) || reserve)
        else $error("channel: pushed without a slot");
    end
  end
`endif
endmodule
