// What `espnic cosim BLOCK --pins FILE` has written, once more in any simulator: the same inputs, and every output that means
// something compared in every cycle.
//   -DLOCK=lock_BLOCK -DPINS=pins_BLOCK_pkg       the block, and its pins (rtl_models/pins.sh BLOCK)
//   -DPARAMS=.NAME(VALUE),...                     its parameters, as they were given to espnic cosim
//   +pins=FILE
`ifndef PARAMS
`define PARAMS
`endif
module replay_tb;
  localparam int IN_BITS = `PINS::IN_BITS;
  localparam int OUT_BITS = `PINS::OUT_BITS;

  logic                clk = 1'b0, rst = 1'b1;
  logic [IN_BITS-1:0]  pin_in = '0;
  logic [OUT_BITS-1:0] pin_out;

  `LOCK #(`PARAMS) u_lock (.clk, .rst, .pin_in, .pin_out);

  reg [IN_BITS-1:0]  given;
  reg [OUT_BITS-1:0] wanted, means;
  reg [8*1024-1:0]   name, title;
  integer            file, got, cycle;

  initial begin
    if (!$value$plusargs("pins=%s", name)) $fatal(1, "replay_tb: no +pins=FILE");
    file = $fopen(name, "r");
    if (file == 0) $fatal(1, "replay_tb: %0s cannot be read", name);
    got = $fgets(title, file);
    repeat (2) begin
      #1 clk = 1'b1;
      #1 clk = 1'b0;
    end
    rst = 1'b0;
    cycle = 0;
    got = $fscanf(file, "%h %h %h\n", given, wanted, means);
    while (got == 3) begin
      #1;
      // An X where something is meant is a difference, too.
      if (((pin_out ^ wanted) & means) !== '0)
        $fatal(1, "replay_tb: cycle %0d: pin_out is %h, expected %h where %h", cycle, pin_out, wanted, means);
      pin_in = given;
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      cycle = cycle + 1;
      got = $fscanf(file, "%h %h %h\n", given, wanted, means);
    end
    if (got > 0 || !$feof(file)) $fatal(1, "replay_tb: %0s: line %0d is not three numbers", name, cycle + 2);
    $display("replay_tb: %0d cycles, no difference", cycle);
    $finish;
  end
endmodule
