// The bucket of a key in one memory of a hash table: H3 (Carter and Wegman, JCSS 1979). Each bit of the bucket is the
// parity of key AND a row of random bits.
//
// Word w of the row of bit b in memory m is output number (m * 32 + b) * 3 + w, counted from 0, of SplitMix64 with seed
// 0; the last of the three words is cut to 34 bits. sa_table/slots.h makes the same rows.
module sa_hash #(
    parameter int MEMORY  = 0,  // number of the memory, from 0
    parameter int BUCKETS = 16  // a power of two
) (
    input  logic [161:0]                                        key,
    output logic [(BUCKETS > 1 ? $clog2(BUCKETS) : 1)-1:0] bucket
);
  localparam int BITS = BUCKETS > 1 ? $clog2(BUCKETS) : 0;

`ifndef SYNTHESIS
  initial begin
    if (BUCKETS < 1 || (BUCKETS & (BUCKETS - 1)) != 0)
      $fatal(1, "sa_hash: BUCKETS is %0d, must be a power of two", BUCKETS);
  end
`endif

  function automatic logic [63:0] splitmix(input logic [63:0] number);
    logic [63:0] z;
    begin
      z = (number + 64'd1) * 64'h9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 64'hbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 64'h94d049bb133111eb;
      splitmix = z ^ (z >> 31);
    end
  endfunction

  genvar b;
  generate
    if (BITS == 0) begin : g_one
      assign bucket = 1'b0 & ^key;
    end
    for (b = 0; b < BITS; b = b + 1) begin : g_bit
      localparam logic [63:0] FIRST = (64'(MEMORY) * 64'd32 + 64'(b)) * 64'd3;
      localparam logic [63:0] LOW   = splitmix(FIRST);
      localparam logic [63:0] HIGH  = splitmix(FIRST + 64'd1);
      localparam logic [63:0] REST  = splitmix(FIRST + 64'd2);
      localparam logic [161:0] ROW  = {REST[33:0], HIGH, LOW};

      assign bucket[b] = ^(key & ROW);
    end
  endgenerate
endmodule
