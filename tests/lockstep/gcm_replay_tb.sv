// Replays what `gcm_vectors dump` has written: the same cycles in another simulator, and with the gates that are not
// the Verilator tables.  +dump=FILE
module gcm_replay_tb #(
    parameter int BLOCKS = 1,
    parameter int DEPTH = 24,
    parameter int OVERHEAD = 0,
    parameter int STAGES_PER_ROUND = 1
);
  localparam int TAG_W = 32;
  localparam int IN_W = TAG_W + aes_gcm_pkg::INFO_W + 128 * BLOCKS;
  localparam int OUT_W = TAG_W + 1 + 128 * BLOCKS;
  localparam int OUT_PAD = (4 - OUT_W % 4) % 4;

  logic clk = 1'b0, rst = 1'b1;
  logic in_valid = 1'b0, in_last = 1'b0, out_pop = 1'b0;
  logic [IN_W-1:0] in_data = '0;
  logic in_pop, out_valid, out_whole, out_last;
  logic [OUT_W-1:0] out_data;

  aes_gcm #(
      .BLOCKS(BLOCKS),
      .DEPTH(DEPTH),
      .OVERHEAD(OVERHEAD),
      .STAGES_PER_ROUND(STAGES_PER_ROUND),
      .TAG_W(TAG_W)
  ) dut (
      .clk,
      .rst,
      .in_valid,
      .in_last,
      .in_data,
      .in_pop,
      .out_valid,
      .out_whole,
      .out_last,
      .out_data,
      .out_pop
  );

  // flags, then what comes out, then what goes in
  reg [8+OUT_W+OUT_PAD+IN_W-1:0] line;
  reg want_valid, want_whole, want_last, want_pop, spare;
  reg [OUT_W+OUT_PAD-1:0] want_data;
  reg [1023:0] name;
  integer file, cycles, beats, got;

  initial begin
    if (!$value$plusargs("dump=%s", name)) $fatal(1, "gcm_replay_tb: no +dump=FILE");
    file = $fopen(name, "r");
    if (file == 0) $fatal(1, "gcm_replay_tb: %0s cannot be read", name);
    repeat (3) begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
    end
    rst = 1'b0;
    cycles = 0;
    beats = 0;
    got = $fscanf(file, "%h\n", line);
    while (got == 1) begin
      {want_valid, want_whole, want_last, want_pop, spare, out_pop, in_last, in_valid, want_data, in_data} = line;
      #1;
      if (out_valid !== want_valid || out_whole !== want_whole || in_pop !== want_pop)
        $fatal(1, "gcm_replay_tb: cycle %0d: valid, whole, pop are %b%b%b, expected %b%b%b", cycles, out_valid,
               out_whole, in_pop, want_valid, want_whole, want_pop);
      if (want_valid && (out_last !== want_last || out_data !== want_data[OUT_W-1:0]))
        $fatal(1, "gcm_replay_tb: cycle %0d: %b %h, expected %b %h", cycles, out_last, out_data, want_last, want_data);
      if (want_valid && out_pop) beats = beats + 1;
      clk = 1'b1;
      #1 clk = 1'b0;
      cycles = cycles + 1;
      got = $fscanf(file, "%h\n", line);
    end
    if (beats < 50) $fatal(1, "gcm_replay_tb: %0d beats only", beats);
    $display("replayed %0d cycles, %0d beats", cycles, beats);
    $finish;
  end
endmodule
