// A product in the field of GHASH (SP 800-38D, 6.3), with the register behind it.
//
// Elements as numbers: bit 127 is the coefficient of x^0 (the first bit of the block), bit 0 that of x^127.
module ghash_mul (
    input  logic         clk,
    input  logic         en,
    input  logic         zero,  // the product is to be 0
    input  logic [127:0] a,
    input  logic [127:0] b,
    output logic [127:0] p
);
`ifdef VERILATOR
  // Eight bits of a at a time, by tables: halves of what b gives with each nibble of eight bits (of the first, 0 to 15).
  // They stand here and not in a process, where Verilator would clear them in every cycle.
  logic [63:0] high [0:31];
  logic [63:0] low [0:31];
  logic [63:0] zh, zl, vh, vl, bits, over;
  logic [7:0] now;

  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    if (en && zero) begin
      p <= 128'd0;
    end else if (en) begin
      vh = b[127:64];
      vl = b[63:0];
      high[0] = 64'd0;
      low[0] = 64'd0;
      high[16] = 64'd0;
      low[16] = 64'd0;
      for (int i = 0; i < 8; i = i + 1) begin
        // the highest bit of a nibble is the lowest power of x
        high[16*(i/4)+(8>>(i%4))] = vh;
        low[16*(i/4)+(8>>(i%4))] = vl;
        over = vl[0] ? 64'he100000000000000 : 64'd0;
        vl = {vh[0], vl[63:1]};
        vh = {1'b0, vh[63:1]} ^ over;
      end
      for (int n = 3; n < 16; n = n + 1) begin
        if ((n & (n - 1)) != 0) begin
          high[n] = high[n&(n-1)] ^ high[n&-n];
          low[n] = low[n&(n-1)] ^ low[n&-n];
          high[16+n] = high[16+(n&(n-1))] ^ high[16+(n&-n)];
          low[16+n] = low[16+(n&(n-1))] ^ low[16+(n&-n)];
        end
      end
      zh = 64'd0;
      zl = 64'd0;
      bits = a[63:0];
      for (int i = 0; i < 16; i = i + 1) begin
        if (i == 8) bits = a[127:64];
        now = bits[7:0];
        bits = bits >> 8;
        // times x^8; what is shifted out comes back as x^128 = x^7 + x^2 + x + 1 says
        over = zl << 56;
        zl = {zh[7:0], zl[63:8]} ^ low[{1'b0, now[7:4]}] ^ low[{1'b1, now[3:0]}];
        zh = (zh >> 8) ^ over ^ (over >> 1) ^ (over >> 2) ^ (over >> 7)
             ^ high[{1'b0, now[7:4]}] ^ high[{1'b1, now[3:0]}];
      end
      p <= {zh, zl};
    end
  end
  /* verilator lint_on BLKSEQ */
`else
  function automatic [127:0] product(input [127:0] x, input [127:0] y);
    logic [127:0] z, v;
    z = 128'd0;
    v = y;
    for (int i = 127; i >= 0; i = i - 1) begin
      if (x[i]) z = z ^ v;
      v = {1'b0, v[127:1]} ^ (v[0] ? {8'he1, 120'd0} : 128'd0);
    end
    product = z;
  endfunction

  always_ff @(posedge clk) begin
    if (en) begin
      if (zero) p <= 128'd0;
      else p <= product(a, b);
    end
  end
`endif
endmodule
