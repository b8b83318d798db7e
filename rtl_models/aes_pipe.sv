// BLOCKS AES encryptions a cycle, each with the key of its item: 14 rounds of registers, of which an item uses 10, 12
// or 14. A beat leaves behind the stage that was chosen for it (`put_exit`, as many registers as its rounds have, or
// more): from its last round to there its blocks move on unchanged.
//
// A beat put in cycle t is at `take` in cycle t + put_exit + 1. No two may be there in the same cycle; whoever puts
// them sees to that. Round keys are written when the first beat of an item is put and read by each round when a beat
// comes by, so each has a small memory with a port for either; `put_idx` is the item's place in them.
module aes_pipe #(
    parameter int BLOCKS = 1,
    parameter int STAGES_PER_ROUND = 1,
    parameter int IDX_W = 5  // of items: no more than 2^IDX_W are in the pipe
) (
    input  logic                                   clk,
    input  logic                                   rst,
    input  logic                                   put,
    input  logic                                   put_first,
    input  logic [IDX_W-1:0]                       put_idx,
    input  logic [$clog2(14*STAGES_PER_ROUND+1)-1:0] put_exit,
    input  logic [1:0]                             put_rounds,
    input  logic [BLOCKS-1:0]                      put_used,   // blocks to encrypt
    input  logic [128*BLOCKS-1:0]                  put_blocks,
    input  logic [1919:0]                          put_keys,   // with put_first
    output logic                                   take,
    output logic [IDX_W-1:0]                       take_idx,
    output logic [128*BLOCKS-1:0]                  take_blocks  // where not used: anything
);
  localparam int STAGES = 14 * STAGES_PER_ROUND;
  localparam int SHORTEST = 10 * STAGES_PER_ROUND;
  localparam int EXIT_W = $clog2(STAGES + 1);

  // What moves along beside the blocks; field j of each is behind stage j. A beat that leaves is no longer `here`.
  logic [STAGES:0]              here;
  logic [IDX_W*(STAGES+1)-1:0]  idx;
  logic [EXIT_W*(STAGES+1)-1:0] exit;
  logic [2*STAGES-1:0]          rounds;  // not behind the last
  logic [BLOCKS*(STAGES+1)-1:0] used;
  logic [STAGES:0]              leaves;

  always @* begin
    leaves = '0;
    for (int j = SHORTEST; j <= STAGES; j = j + 1) leaves[j] = here[j] && exit[EXIT_W*j+:EXIT_W] == EXIT_W'(j);
  end

  always_ff @(posedge clk) begin
    here   <= rst ? '0 : {here[STAGES-1:0] & ~leaves[STAGES-1:0], put};
    idx    <= {idx[IDX_W*STAGES-1:0], put_idx};
    exit   <= {exit[EXIT_W*STAGES-1:0], put_exit};
    rounds <= {rounds[2*STAGES-3:0], put_rounds};
    used   <= {used[BLOCKS*STAGES-1:0], put_used};
  end

  // Stage 0: the first AddRoundKey.
  logic [127:0] first_key;
  logic [127:0] whitening;
  assign whitening = put_first ? put_keys[127:0] : first_key;
  always_ff @(posedge clk) begin
    if (put) first_key <= whitening;
  end

  /* verilator lint_off UNOPTFLAT */
  wire [127:0] state [0:(STAGES+1)*BLOCKS-1];
  /* verilator lint_on UNOPTFLAT */

  genvar g, b;
  generate
    for (b = 0; b < BLOCKS; b = b + 1) begin : gen_whiten
      logic [127:0] q;
      always_ff @(posedge clk) begin
        if (put && put_used[b]) q <= put_blocks[128*b+:128] ^ whitening;
      end
      assign state[b] = q;
    end

    for (g = 1; g <= STAGES; g = g + 1) begin : gen_stage
      localparam logic [3:0] ROUND = 4'((g - 1) / STAGES_PER_ROUND + 1);
      localparam int SUB = (g - 1) % STAGES_PER_ROUND == 0 ? 1 : 0;
      localparam int MIX = g % STAGES_PER_ROUND == 0 ? 1 : 0;
      logic [127:0] key;
      logic pass, last;

      assign pass = ROUND > aes_gcm_pkg::rounds(rounds[2*(g-1)+:2]);
      assign last = ROUND == aes_gcm_pkg::rounds(rounds[2*(g-1)+:2]);
      if (MIX != 0) begin : gen_key
        logic [127:0] keys [0:2**IDX_W-1];
        always_ff @(posedge clk) begin
          if (put && put_first) keys[put_idx] <= put_keys[128*ROUND+:128];
        end
        always @* begin
          key = 128'd0;
          if (here[g-1]) key = keys[idx[IDX_W*(g-1)+:IDX_W]];
        end
      end else begin : gen_no_key
        assign key = 128'd0;
      end

      for (b = 0; b < BLOCKS; b = b + 1) begin : gen_block
        aes_round #(
            .SUB(SUB),
            .MIX(MIX)
        ) u_round (
            .clk,
            .en(here[g-1] && used[BLOCKS*(g-1)+b]),
            .pass,
            .last,
            .key,
            .in(state[(g-1)*BLOCKS+b]),
            .out(state[g*BLOCKS+b])
        );
      end
    end
  endgenerate

  always @* begin
    take = 1'b0;
    take_idx = '0;
    take_blocks = '0;
    for (int k = SHORTEST; k <= STAGES; k = k + 1) begin
      if (leaves[k]) begin
        take = 1'b1;
        take_idx = idx[IDX_W*k+:IDX_W];
        for (int m = 0; m < BLOCKS; m = m + 1) take_blocks[128*m+:128] = state[k*BLOCKS+m];
      end
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst) begin
      assert ((leaves & (leaves - 1'b1)) == '0) else $error("aes_pipe: several beats leave in one cycle");
    end
  end
`endif
endmodule
