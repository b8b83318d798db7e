// A product in the field of GHASH (SP 800-38D, 6.3), with the register behind it.
//
// Elements as numbers: bit 127 is the coefficient of x^0 (the first bit of the block), bit 0 that of x^127. The halves
// are kept apart because a simulator computes 64 bits at a time.
module ghash_mul (
    input  logic         clk,
    input  logic         en,
    input  logic         zero,  // the product is to be 0
    input  logic [127:0] a,
    input  logic [127:0] b,
    output logic [127:0] p
);
  function automatic [127:0] product(input [127:0] x, input [127:0] y);
    logic [63:0] zh, zl, vh, vl, bits, take, low;
    integer i, half;
    zh = 64'd0;
    zl = 64'd0;
    vh = y[127:64];
    vl = y[63:0];
    for (half = 0; half < 2; half = half + 1) begin
      bits = half == 0 ? x[127:64] : x[63:0];
      for (i = 0; i < 64; i = i + 1) begin
        take = {64{bits[63]}};
        zh = zh ^ (vh & take);
        zl = zl ^ (vl & take);
        bits = bits << 1;
        // times x: x^128 = x^7 + x^2 + x + 1
        low = {64{vl[0]}};
        vl = {vh[0], vl[63:1]};
        vh = {1'b0, vh[63:1]} ^ (low & 64'he100000000000000);
      end
    end
    product = {zh, zl};
  endfunction

  always_ff @(posedge clk) begin
    if (en) begin
      if (zero) p <= 128'd0;
      else p <= product(a, b);
    end
  end
endmodule
