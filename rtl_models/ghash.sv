// GHASH and the tag of AES-GCM (SP 800-38D, 6.4 and 7), BLOCKS blocks a cycle without a gap between beats or items.
//
// A beat brings an image of its frame in which everything is zero but what is to be hashed. The stream of hashed bytes
// begins at byte `shift` of a lane (16 bytes of the frame, as the beat brings them), so a block consists of the last
// bytes of a lane and the first ones of the next: it is there when the second of them is. `count` of the beat's lanes
// complete a block. With n of them Y becomes (Y + X1) H^n + X2 H^(n-1) + ... + Xn H.
// The tag is asked for (`tag_now`) with the beat in which the stream ends. Its last block may be begun in the last lane
// (`more`): zeros complete it.
//
//   cycle  0  prep: H and the block of lengths L        0  beat      1  the beat's products
//       1..2  powers of H and L H                       1  tag: (Y + rest) H^2, or Y H
//     from 4  beats of the item may come                2  tag_out = that + L H + E(J0), to the next one
//
// Bytes are in the order of memory: byte i of a block is [8*i +: 8].
module ghash #(
    parameter int BLOCKS = 1,
    parameter int IDX_W = 5
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  prep,
    input  logic [IDX_W-1:0]      prep_idx,
    input  logic [127:0]          prep_h,
    input  logic [127:0]          prep_lengths,  // a number: 64 bits of AAD's, 64 of the text's
    input  logic                  beat,
    input  logic                  first,         // of an item
    input  logic [IDX_W-1:0]      idx,
    input  logic [128*BLOCKS-1:0] image,
    input  logic [3:0]            shift,
    input  logic [2:0]            count,         // 0 to BLOCKS
    input  logic                  tag_now,
    input  logic                  more,
    input  logic [127:0]          tag_mask,      // E(J0), of the item of this beat
    output logic [127:0]          tag_out
);
  localparam int ITEMS = 2 ** IDX_W;

  // From bytes to a number of ghash_mul, and back.
  function automatic [127:0] turned(input [127:0] x);
    turned = {
      x[7:0], x[15:8], x[23:16], x[31:24], x[39:32], x[47:40], x[55:48], x[63:56],
      x[71:64], x[79:72], x[87:80], x[95:88], x[103:96], x[111:104], x[119:112], x[127:120]
    };
  endfunction

  // The square: coefficient i goes to 2i, and x^128 = x^7 + x^2 + x + 1.
  function automatic [127:0] square(input [127:0] x);
    logic [255:0] wide;
    logic [127:0] high, over;
    wide = 256'd0;
    for (int i = 0; i < 128; i = i + 1) wide[2*i+1] = x[i];
    high = wide[127:0];
    over = (high << 127) ^ (high << 126) ^ (high << 121);
    square = wide[255:128] ^ high ^ (high >> 1) ^ (high >> 2) ^ (high >> 7)
             ^ over ^ (over >> 1) ^ (over >> 2) ^ (over >> 7);
  endfunction

  // ---- what is computed once an item ---------------------------------------------------------------

  logic [127:0] h1 [0:ITEMS-1];
  logic [127:0] h2 [0:ITEMS-1];
  logic [127:0] lengths_h [0:ITEMS-1];

  logic             prep2;
  logic [IDX_W-1:0] prep2_idx;
  logic [127:0]     prep2_h2, prep2_lengths;

  ghash_mul u_lengths (
      .clk,
      .en(prep),
      .zero(1'b0),
      .a(prep_lengths),
      .b(turned(prep_h)),
      .p(prep2_lengths)
  );

  always_ff @(posedge clk) begin
    prep2 <= prep && !rst;
    if (prep) begin
      h1[prep_idx] <= turned(prep_h);
      prep2_idx <= prep_idx;
      prep2_h2 <= square(turned(prep_h));
    end
    if (prep2) begin
      h2[prep2_idx] <= prep2_h2;
      lengths_h[prep2_idx] <= prep2_lengths;
    end
  end

  // ---- the powers of a beat: power[m] goes with the lane that completes the last block but m ---------

  logic [127:0] power [0:3];
  assign power[0] = h1[idx];
  assign power[1] = h2[idx];

  generate
    if (BLOCKS > 2) begin : gen_high_powers
      logic [127:0] h3 [0:ITEMS-1];
      logic [127:0] h4 [0:ITEMS-1];
      logic [127:0] prep2_h1, prep3_h3;
      logic prep3;
      logic [IDX_W-1:0] prep3_idx;

      ghash_mul u_cube (
          .clk,
          .en(prep2),
          .zero(1'b0),
          .a(prep2_h1),
          .b(prep2_h2),
          .p(prep3_h3)
      );
      always_ff @(posedge clk) begin
        prep3 <= prep2 && !rst;
        if (prep) prep2_h1 <= turned(prep_h);
        if (prep2) begin
          prep3_idx <= prep2_idx;
          h4[prep2_idx] <= square(prep2_h2);
        end
        if (prep3) h3[prep3_idx] <= prep3_h3;
      end
      assign power[2] = h3[idx];
      assign power[3] = h4[idx];
    end else begin : gen_no_high_powers
      assign power[2] = 128'd0;
      assign power[3] = 128'd0;
    end
  endgenerate

  // ---- a beat ---------------------------------------------------------------------------------------

  logic [127:0] carry;                 // last lane of the beat before
  logic [127:0] y;
  logic [128*BLOCKS-1:0] blocks;       // complete ones
  logic [127:0] rest;                  // the one that is begun
  wire [127:0] product [0:BLOCKS-1];

  logic [7:0] down;
  logic [7:0] up;
  assign down = {1'b0, shift, 3'b000};
  assign up = 8'd128 - down;

  always @* begin
    blocks = '0;
    rest = 128'd0;
    y = 128'd0;
    for (int s = 0; s < BLOCKS; s = s + 1) y = y ^ product[s];
    if (beat) begin
      blocks[127:0] = image[127:0] << up;
      if (!first) blocks[127:0] = blocks[127:0] | (carry >> down);
      blocks[127:0] = turned(blocks[127:0]);
      if (!first) blocks[127:0] = blocks[127:0] ^ y;
      for (int s = 1; s < BLOCKS; s = s + 1) begin
        blocks[128*s+:128] = turned((image[128*s+:128] << up) | (image[128*(s-1)+:128] >> down));
      end
      if (tag_now) rest = turned(image[128*(BLOCKS-1)+:128] >> down);
    end
  end

  genvar b;
  generate
    for (b = 0; b < BLOCKS; b = b + 1) begin : gen_product
      logic [1:0] behind;
      assign behind = count[1:0] - 2'(b + 1);
      ghash_mul u_mul (
          .clk,
          .en(beat && (count != 3'd0 || first)),
          .zero(3'(b) >= count),
          .a(blocks[128*b+:128]),
          .b(power[behind]),
          .p(product[b])
      );
    end
  endgenerate

  // ---- the tag --------------------------------------------------------------------------------------

  logic tag2;
  logic more2;
  logic [127:0] rest2, mask2, mask3, h1_2, h2_2, sum3;

  always_ff @(posedge clk) begin
    tag2 <= beat && tag_now && !rst;
    if (beat) carry <= image[128*(BLOCKS-1)+:128];
    if (beat && tag_now) begin
      more2 <= more;
      rest2 <= rest;
      h1_2  <= power[0];
      h2_2  <= power[1];
      mask2 <= turned(tag_mask) ^ lengths_h[idx];
    end
    if (tag2) mask3 <= mask2;
  end

  ghash_mul u_tag (
      .clk,
      .en(tag2),
      .zero(1'b0),
      .a(more2 ? y ^ rest2 : y),
      .b(more2 ? h2_2 : h1_2),
      .p(sum3)
  );
  assign tag_out = turned(sum3 ^ mask3);
endmodule
