// One way of a memory of a hash table: a slot of each bucket, with a key and the number of its entry.
//
// Three readers (the two accesses of a look-up, the command), one writer; what is written is read from the next cycle on.
module sa_way #(
    parameter int BUCKETS = 16,
    parameter int ID_W    = 5
) (
    input  logic                                                clk,
    input  logic                                                rst,
    // look-up: is this the slot of the key?
    input  logic [(BUCKETS > 1 ? $clog2(BUCKETS) : 1)-1:0] exact_bucket,
    input  logic [161:0]                                        exact_key,
    output logic                                                exact_match,
    output logic [ID_W-1:0]                                     exact_id,
    input  logic [(BUCKETS > 1 ? $clog2(BUCKETS) : 1)-1:0] any_bucket,
    input  logic [161:0]                                        any_key,
    output logic                                                any_match,
    output logic [ID_W-1:0]                                     any_id,
    // command
    input  logic [(BUCKETS > 1 ? $clog2(BUCKETS) : 1)-1:0] cmd_bucket,
    input  logic [161:0]                                        cmd_key,
    output logic                                                cmd_used,
    output logic                                                cmd_match,
    // write
    input  logic                                                we,
    input  logic [(BUCKETS > 1 ? $clog2(BUCKETS) : 1)-1:0] wr_bucket,
    input  logic                                                wr_used,
    input  logic [ID_W-1:0]                                     wr_id,
    input  logic [161:0]                                        wr_key
);
  logic [BUCKETS-1:0] used;
  logic [ID_W-1:0]    id  [0:BUCKETS-1];
  logic [161:0]       key [0:BUCKETS-1];

  assign exact_id    = id[exact_bucket];
  assign exact_match = used[exact_bucket] && key[exact_bucket] == exact_key;
  assign any_id      = id[any_bucket];
  assign any_match   = used[any_bucket] && key[any_bucket] == any_key;
  assign cmd_used    = used[cmd_bucket];
  assign cmd_match   = used[cmd_bucket] && key[cmd_bucket] == cmd_key;

  always_ff @(posedge clk) begin
    if (we) begin
      id[wr_bucket]  <= wr_id;
      key[wr_bucket] <= wr_key;
    end
    if (rst) used <= '0;
    else if (we) used[wr_bucket] <= wr_used;
  end
endmodule
