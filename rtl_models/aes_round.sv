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
  /* verilator lint_off UNUSEDPARAM */
  localparam logic [7:0] SBOX [0:255] = '{
      8'h63, 8'h7c, 8'h77, 8'h7b, 8'hf2, 8'h6b, 8'h6f, 8'hc5, 8'h30, 8'h01, 8'h67, 8'h2b, 8'hfe, 8'hd7, 8'hab, 8'h76,
      8'hca, 8'h82, 8'hc9, 8'h7d, 8'hfa, 8'h59, 8'h47, 8'hf0, 8'had, 8'hd4, 8'ha2, 8'haf, 8'h9c, 8'ha4, 8'h72, 8'hc0,
      8'hb7, 8'hfd, 8'h93, 8'h26, 8'h36, 8'h3f, 8'hf7, 8'hcc, 8'h34, 8'ha5, 8'he5, 8'hf1, 8'h71, 8'hd8, 8'h31, 8'h15,
      8'h04, 8'hc7, 8'h23, 8'hc3, 8'h18, 8'h96, 8'h05, 8'h9a, 8'h07, 8'h12, 8'h80, 8'he2, 8'heb, 8'h27, 8'hb2, 8'h75,
      8'h09, 8'h83, 8'h2c, 8'h1a, 8'h1b, 8'h6e, 8'h5a, 8'ha0, 8'h52, 8'h3b, 8'hd6, 8'hb3, 8'h29, 8'he3, 8'h2f, 8'h84,
      8'h53, 8'hd1, 8'h00, 8'hed, 8'h20, 8'hfc, 8'hb1, 8'h5b, 8'h6a, 8'hcb, 8'hbe, 8'h39, 8'h4a, 8'h4c, 8'h58, 8'hcf,
      8'hd0, 8'hef, 8'haa, 8'hfb, 8'h43, 8'h4d, 8'h33, 8'h85, 8'h45, 8'hf9, 8'h02, 8'h7f, 8'h50, 8'h3c, 8'h9f, 8'ha8,
      8'h51, 8'ha3, 8'h40, 8'h8f, 8'h92, 8'h9d, 8'h38, 8'hf5, 8'hbc, 8'hb6, 8'hda, 8'h21, 8'h10, 8'hff, 8'hf3, 8'hd2,
      8'hcd, 8'h0c, 8'h13, 8'hec, 8'h5f, 8'h97, 8'h44, 8'h17, 8'hc4, 8'ha7, 8'h7e, 8'h3d, 8'h64, 8'h5d, 8'h19, 8'h73,
      8'h60, 8'h81, 8'h4f, 8'hdc, 8'h22, 8'h2a, 8'h90, 8'h88, 8'h46, 8'hee, 8'hb8, 8'h14, 8'hde, 8'h5e, 8'h0b, 8'hdb,
      8'he0, 8'h32, 8'h3a, 8'h0a, 8'h49, 8'h06, 8'h24, 8'h5c, 8'hc2, 8'hd3, 8'hac, 8'h62, 8'h91, 8'h95, 8'he4, 8'h79,
      8'he7, 8'hc8, 8'h37, 8'h6d, 8'h8d, 8'hd5, 8'h4e, 8'ha9, 8'h6c, 8'h56, 8'hf4, 8'hea, 8'h65, 8'h7a, 8'hae, 8'h08,
      8'hba, 8'h78, 8'h25, 8'h2e, 8'h1c, 8'ha6, 8'hb4, 8'hc6, 8'he8, 8'hdd, 8'h74, 8'h1f, 8'h4b, 8'hbd, 8'h8b, 8'h8a,
      8'h70, 8'h3e, 8'hb5, 8'h66, 8'h48, 8'h03, 8'hf6, 8'h0e, 8'h61, 8'h35, 8'h57, 8'hb9, 8'h86, 8'hc1, 8'h1d, 8'h9e,
      8'he1, 8'hf8, 8'h98, 8'h11, 8'h69, 8'hd9, 8'h8e, 8'h94, 8'h9b, 8'h1e, 8'h87, 8'he9, 8'hce, 8'h55, 8'h28, 8'hdf,
      8'h8c, 8'ha1, 8'h89, 8'h0d, 8'hbf, 8'he6, 8'h42, 8'h68, 8'h41, 8'h99, 8'h2d, 8'h0f, 8'hb0, 8'h54, 8'hbb, 8'h16
  };
  /* verilator lint_on UNUSEDPARAM */

  // SubBytes and ShiftRows: row r of column c comes from column c + r.
  function automatic [127:0] substituted(input [127:0] x);
    substituted = {
      SBOX[x[95:88]], SBOX[x[55:48]], SBOX[x[15:8]], SBOX[x[103:96]],
      SBOX[x[63:56]], SBOX[x[23:16]], SBOX[x[111:104]], SBOX[x[71:64]],
      SBOX[x[31:24]], SBOX[x[119:112]], SBOX[x[79:72]], SBOX[x[39:32]],
      SBOX[x[127:120]], SBOX[x[87:80]], SBOX[x[47:40]], SBOX[x[7:0]]
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
  logic [127:0] s;

  always_ff @(posedge clk) begin
    if (en) begin
      /* verilator lint_off BLKSEQ */
      s = SUB != 0 ? substituted(in) : in;
      /* verilator lint_on BLKSEQ */
      if (pass) out <= in;
      else if (MIX == 0) out <= s;
      else if (last) out <= s ^ key;
      else out <= mixed(s) ^ key;
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
