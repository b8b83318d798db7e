// A round of AES encryption (FIPS 197, 5.1) for one block, with the register behind it; or half of one.
//
// SUB: SubBytes and ShiftRows. MIX: MixColumns (not in the last round) and AddRoundKey. With both, it is a whole round in
// a cycle; a pipeline with two registers a round is made of the halves in turn. Byte i of a block is [8*i +: 8].
//
// What is not enabled keeps its register, and costs neither power nor, in a simulation, time.
module aes_round #(
    parameter int SUB = 1,
    parameter int MIX = 1
) (
    input  logic         clk,
    input  logic         en,
    // a block that has had its rounds moves on as it is
    input  logic         pass,
    // Halves leave some of these alone.
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic         last,
    input  logic [127:0] key,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [127:0] in,
    output logic [127:0] out
);
`ifndef SYNTHESIS
  initial begin
    if (SUB == 0 && MIX == 0) $fatal(1, "aes_round: neither SUB nor MIX");
  end
`endif

`ifdef VERILATOR
  // SubBytes and MixColumns of one byte: what it adds to its column, if it is in row 0; other rows, rotated. Byte 1 of
  // an entry is the S-box. One look-up a byte is what makes a simulation fast.
  localparam logic [31:0] TABLE [0:255] = '{
      32'ha56363c6, 32'h847c7cf8, 32'h997777ee, 32'h8d7b7bf6, 32'h0df2f2ff, 32'hbd6b6bd6, 32'hb16f6fde, 32'h54c5c591,
      32'h50303060, 32'h03010102, 32'ha96767ce, 32'h7d2b2b56, 32'h19fefee7, 32'h62d7d7b5, 32'he6abab4d, 32'h9a7676ec,
      32'h45caca8f, 32'h9d82821f, 32'h40c9c989, 32'h877d7dfa, 32'h15fafaef, 32'heb5959b2, 32'hc947478e, 32'h0bf0f0fb,
      32'hecadad41, 32'h67d4d4b3, 32'hfda2a25f, 32'heaafaf45, 32'hbf9c9c23, 32'hf7a4a453, 32'h967272e4, 32'h5bc0c09b,
      32'hc2b7b775, 32'h1cfdfde1, 32'hae93933d, 32'h6a26264c, 32'h5a36366c, 32'h413f3f7e, 32'h02f7f7f5, 32'h4fcccc83,
      32'h5c343468, 32'hf4a5a551, 32'h34e5e5d1, 32'h08f1f1f9, 32'h937171e2, 32'h73d8d8ab, 32'h53313162, 32'h3f15152a,
      32'h0c040408, 32'h52c7c795, 32'h65232346, 32'h5ec3c39d, 32'h28181830, 32'ha1969637, 32'h0f05050a, 32'hb59a9a2f,
      32'h0907070e, 32'h36121224, 32'h9b80801b, 32'h3de2e2df, 32'h26ebebcd, 32'h6927274e, 32'hcdb2b27f, 32'h9f7575ea,
      32'h1b090912, 32'h9e83831d, 32'h742c2c58, 32'h2e1a1a34, 32'h2d1b1b36, 32'hb26e6edc, 32'hee5a5ab4, 32'hfba0a05b,
      32'hf65252a4, 32'h4d3b3b76, 32'h61d6d6b7, 32'hceb3b37d, 32'h7b292952, 32'h3ee3e3dd, 32'h712f2f5e, 32'h97848413,
      32'hf55353a6, 32'h68d1d1b9, 32'h00000000, 32'h2cededc1, 32'h60202040, 32'h1ffcfce3, 32'hc8b1b179, 32'hed5b5bb6,
      32'hbe6a6ad4, 32'h46cbcb8d, 32'hd9bebe67, 32'h4b393972, 32'hde4a4a94, 32'hd44c4c98, 32'he85858b0, 32'h4acfcf85,
      32'h6bd0d0bb, 32'h2aefefc5, 32'he5aaaa4f, 32'h16fbfbed, 32'hc5434386, 32'hd74d4d9a, 32'h55333366, 32'h94858511,
      32'hcf45458a, 32'h10f9f9e9, 32'h06020204, 32'h817f7ffe, 32'hf05050a0, 32'h443c3c78, 32'hba9f9f25, 32'he3a8a84b,
      32'hf35151a2, 32'hfea3a35d, 32'hc0404080, 32'h8a8f8f05, 32'had92923f, 32'hbc9d9d21, 32'h48383870, 32'h04f5f5f1,
      32'hdfbcbc63, 32'hc1b6b677, 32'h75dadaaf, 32'h63212142, 32'h30101020, 32'h1affffe5, 32'h0ef3f3fd, 32'h6dd2d2bf,
      32'h4ccdcd81, 32'h140c0c18, 32'h35131326, 32'h2fececc3, 32'he15f5fbe, 32'ha2979735, 32'hcc444488, 32'h3917172e,
      32'h57c4c493, 32'hf2a7a755, 32'h827e7efc, 32'h473d3d7a, 32'hac6464c8, 32'he75d5dba, 32'h2b191932, 32'h957373e6,
      32'ha06060c0, 32'h98818119, 32'hd14f4f9e, 32'h7fdcdca3, 32'h66222244, 32'h7e2a2a54, 32'hab90903b, 32'h8388880b,
      32'hca46468c, 32'h29eeeec7, 32'hd3b8b86b, 32'h3c141428, 32'h79dedea7, 32'he25e5ebc, 32'h1d0b0b16, 32'h76dbdbad,
      32'h3be0e0db, 32'h56323264, 32'h4e3a3a74, 32'h1e0a0a14, 32'hdb494992, 32'h0a06060c, 32'h6c242448, 32'he45c5cb8,
      32'h5dc2c29f, 32'h6ed3d3bd, 32'hefacac43, 32'ha66262c4, 32'ha8919139, 32'ha4959531, 32'h37e4e4d3, 32'h8b7979f2,
      32'h32e7e7d5, 32'h43c8c88b, 32'h5937376e, 32'hb76d6dda, 32'h8c8d8d01, 32'h64d5d5b1, 32'hd24e4e9c, 32'he0a9a949,
      32'hb46c6cd8, 32'hfa5656ac, 32'h07f4f4f3, 32'h25eaeacf, 32'haf6565ca, 32'h8e7a7af4, 32'he9aeae47, 32'h18080810,
      32'hd5baba6f, 32'h887878f0, 32'h6f25254a, 32'h722e2e5c, 32'h241c1c38, 32'hf1a6a657, 32'hc7b4b473, 32'h51c6c697,
      32'h23e8e8cb, 32'h7cdddda1, 32'h9c7474e8, 32'h211f1f3e, 32'hdd4b4b96, 32'hdcbdbd61, 32'h868b8b0d, 32'h858a8a0f,
      32'h907070e0, 32'h423e3e7c, 32'hc4b5b571, 32'haa6666cc, 32'hd8484890, 32'h05030306, 32'h01f6f6f7, 32'h120e0e1c,
      32'ha36161c2, 32'h5f35356a, 32'hf95757ae, 32'hd0b9b969, 32'h91868617, 32'h58c1c199, 32'h271d1d3a, 32'hb99e9e27,
      32'h38e1e1d9, 32'h13f8f8eb, 32'hb398982b, 32'h33111122, 32'hbb6969d2, 32'h70d9d9a9, 32'h898e8e07, 32'ha7949433,
      32'hb69b9b2d, 32'h221e1e3c, 32'h92878715, 32'h20e9e9c9, 32'h49cece87, 32'hff5555aa, 32'h78282850, 32'h7adfdfa5,
      32'h8f8c8c03, 32'hf8a1a159, 32'h80898909, 32'h170d0d1a, 32'hdabfbf65, 32'h31e6e6d7, 32'hc6424284, 32'hb86868d0,
      32'hc3414182, 32'hb0999929, 32'h772d2d5a, 32'h110f0f1e, 32'hcbb0b07b, 32'hfc5454a8, 32'hd6bbbb6d, 32'h3a16162c
  };

  function automatic [31:0] quad(input [7:0] a, input [7:0] b, input [7:0] c, input [7:0] d);
    logic [31:0] tb, tc, td;
    tb = TABLE[b];
    tc = TABLE[c];
    td = TABLE[d];
    quad = TABLE[a] ^ {tb[23:0], tb[31:24]} ^ {tc[15:0], tc[31:16]} ^ {td[7:0], td[31:8]};
  endfunction

  // Row r of column c comes from column c + r.
  function automatic [127:0] round(input [127:0] x);
    round = {
      quad(x[103:96], x[15:8], x[55:48], x[95:88]), quad(x[71:64], x[111:104], x[23:16], x[63:56]),
      quad(x[39:32], x[79:72], x[119:112], x[31:24]), quad(x[7:0], x[47:40], x[87:80], x[127:120])
    };
  endfunction

  function automatic [7:0] sbox(input [7:0] x);
    sbox = 8'(TABLE[x] >> 8);
  endfunction

  function automatic [127:0] substituted(input [127:0] x);
    substituted = {
      sbox(x[95:88]), sbox(x[55:48]), sbox(x[15:8]), sbox(x[103:96]),
      sbox(x[63:56]), sbox(x[23:16]), sbox(x[111:104]), sbox(x[71:64]),
      sbox(x[31:24]), sbox(x[119:112]), sbox(x[79:72]), sbox(x[39:32]),
      sbox(x[127:120]), sbox(x[87:80]), sbox(x[47:40]), sbox(x[7:0])
    };
  endfunction
`else
  logic [127:0] subbed;

  generate
    if (SUB != 0) begin : gen_sub
      genvar g;
      for (g = 0; g < 16; g = g + 1) begin : gen_byte
        // row g % 4 of column g / 4 comes from as many columns to the right
        aes_sbox u_sbox (
            .x(in[8*((g+4*(g%4))%16)+:8]),
            .y(subbed[8*g+:8])
        );
      end
    end else begin : gen_no_sub
      assign subbed = in;
    end
  endgenerate
`endif

  // MixColumns of one column, its four bytes side by side: 2x0 + 3x1 + x2 + x3 and so on.
  function automatic [31:0] mix_column(input [31:0] x);
    logic [31:0] high, twice, both;
    high = (x >> 7) & 32'h01010101;
    twice = ((x << 1) & 32'hfefefefe) ^ high ^ (high << 1) ^ (high << 3) ^ (high << 4);
    both = twice ^ x;
    mix_column = twice ^ {both[7:0], both[31:8]} ^ {x[15:0], x[31:16]} ^ {x[23:0], x[31:24]};
  endfunction

  function automatic [127:0] mixed(input [127:0] x);
    mixed = {mix_column(x[127:96]), mix_column(x[95:64]), mix_column(x[63:32]), mix_column(x[31:0])};
  endfunction

`ifdef VERILATOR
  always_ff @(posedge clk) begin
    if (en) begin
      if (pass) out <= in;
      else if (MIX == 0) out <= substituted(in);
      else if (SUB == 0) out <= (last ? in : mixed(in)) ^ key;
      else if (last) out <= substituted(in) ^ key;
      else out <= round(in) ^ key;
    end
  end
`else
  always_ff @(posedge clk) begin
    if (en) begin
      if (pass) out <= in;
      else if (MIX == 0) out <= subbed;
      else if (last) out <= subbed ^ key;
      else out <= mixed(subbed) ^ key;
    end
  end
`endif
endmodule
