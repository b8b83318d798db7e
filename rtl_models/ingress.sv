// The door of a pipeline, and the channel behind it: whatever comes from outside, what goes in are whole frames.
//
// A frame is a run of beats of 64 bytes up to `in_last`; beside its first beat stands its length in bytes (`in_side` goes along). It
// should have as many beats as its length says. If not (each such frame is counted by count_framing, with its last beat):
//   length 0, or more than 64 * LONGEST     it is dropped
//   beats behind those that it should have  they are dropped, the frame ends where its length says
//   `in_last` before that                   beats of zeros follow; until they are in the channel `in_room` is 0
// A beat is taken with in_valid in the same cycle, if in_room is not 0; else it stays where it is. With WHOLE nobody waits outside
// (a wire): a frame for which there is no room when its first beat comes is dropped, all of it (count_overflow), and one that has
// begun has room. Then its beats come without gaps, for the parser wants them one behind the other.
//
// `in_room`: beats that the channel takes, as many as there were at the beginning of the cycle. The other side is that of channel.sv.
module ingress #(
    parameter int SIDE_W  = 1,   // bits of what goes along with a frame, 1 and more
    parameter int LONGEST = 28,  // beats of the longest frame, 1 to 255
    parameter int WHOLE   = 0,   // 1: all of a frame or nothing
    parameter int DEPTH   = 56   // beats of the channel, 2 to 65535; with WHOLE at least LONGEST
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              in_valid,
    input  logic              in_last,
    input  logic [15:0]       in_length,   // these two with the first beat
    input  logic [SIDE_W-1:0] in_side,
    input  logic [511:0]      in_beat,
    output logic [15:0]       in_room,
    output logic              out_valid,
    output logic              out_last,
    output logic [15:0]       out_length,  // these two with every beat
    output logic [SIDE_W-1:0] out_side,
    output logic [511:0]      out_beat,
    input  logic              out_pop,
    output logic [31:0]       count_framing,
    output logic [31:0]       count_overflow
);
`ifndef SYNTHESIS
  initial begin
    if (SIDE_W < 1) $fatal(1, "ingress: SIDE_W is %0d, must be 1 or more", SIDE_W);
    if (LONGEST < 1 || LONGEST > 255) $fatal(1, "ingress: LONGEST is %0d, must be 1 to 255", LONGEST);
    if (WHOLE < 0 || WHOLE > 1) $fatal(1, "ingress: WHOLE is %0d, must be 0 or 1", WHOLE);
    if (DEPTH < 2 || DEPTH > 65535 || (WHOLE == 1 && DEPTH < LONGEST))
      $fatal(1, "ingress: DEPTH is %0d, must be 2 to 65535 and, with WHOLE, %0d or more", DEPTH, LONGEST);
  end
`endif

  // Of the frame that is coming in.
  logic              begun;    // behind its first beat
  logic              refused;  // nothing of it goes in
  logic              wrong;    // its beats and its length have been seen to differ
  logic              pads;     // all of it has come, and beats are missing
  logic [7:0]        left;     // beats that are still to go in
  logic [15:0]       length;
  logic [SIDE_W-1:0] side;
  logic [15:0]       free;     // beats

  logic       take, first, sound, fits, refuses, push;
  logic [7:0] wants;           // beats that are still to go in, with this one
  logic       differs;         // with this beat it is clear that length and beats differ

  assign in_room = pads ? 16'd0 : free;
  assign first   = !begun;
  assign sound   = in_length != '0 && in_length <= 16'(64 * LONGEST);
  assign take    = in_valid && (WHOLE == 1 || in_room != '0);
  assign wants   = first ? 8'((in_length + 16'd63) >> 6) : left;
  assign fits    = WHOLE == 0 || {8'd0, wants} <= in_room;
  assign refuses = first ? !sound || !fits : refused;
  assign push    = pads ? free != '0 : take && !refuses && wants != '0;
  assign differs = first ? !sound || (fits && in_last && wants != 8'd1)
                         : wrong || (!refused && (left == '0 || (in_last && left != 8'd1)));

  always_ff @(posedge clk) begin
    if (rst) begin
      begun   <= 1'b0;
      refused <= 1'b0;
      wrong   <= 1'b0;
      pads    <= 1'b0;
      left    <= '0;
      free    <= 16'(DEPTH);
    end else begin
      free <= free + 16'(out_pop) - 16'(push);
      if (take) begin
        begun   <= !in_last;
        refused <= refuses;
        wrong   <= differs;
      end
      if (push) left <= (pads ? left : wants) - 1'b1;
      if (pads) pads <= !(push && left == 8'd1);
      else if (take) pads <= in_last && !refuses && wants > 8'd1;
    end
    if (take && first && !pads) begin
      length <= in_length;
      side   <= in_side;
    end
  end

  logic        opens;  // the beat that goes in is its frame's first
  logic        unused_room, unused_whole, unused;

  assign opens  = first && !pads;
  assign unused = &{1'b0, unused_room, unused_whole};

  channel #(.WIDTH(16 + SIDE_W + 512), .DEPTH(DEPTH)) u_channel (
    .clk, .rst, .room(unused_room), .reserve(push), .push,
    .push_last((pads ? left : wants) == 8'd1),
    .push_data({opens ? in_length : length, opens ? in_side : side, pads ? 512'd0 : in_beat}),
    .valid(out_valid), .whole(unused_whole), .last(out_last), .data({out_length, out_side, out_beat}), .pop(out_pop)
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      count_framing  <= '0;
      count_overflow <= '0;
    end else begin
      count_framing  <= count_framing + 32'(take && in_last && differs);
      count_overflow <= count_overflow + 32'(take && first && sound && !fits);
    end
  end
endmodule
