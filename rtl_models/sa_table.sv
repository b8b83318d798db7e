// From a received packet to its SA: the look-up memories, the entries behind them, and the command processor that fills
// and empties them. The C blocks: sa_lookup (sim/nic/sa_lookup.c, received packets), lookup_port.c, and the execution of
// commands (sim/nic/command.c) on a d-left hash table (sa_table/slots.h, organisation `hash`, hash `h3`).
//
// AN ITEM begins with its first beat, beside which stand its key and its tag. It is looked up in the cycle in which that
// beat is taken, and sees entries and memories as they were at the beginning of the cycle. First with its destination;
// if no entry is found, and there are keys with destination zero in the table (one whose ADD is being worked on counts,
// one whose DELETE has begun does not), with destination zero. `out_hit`, `out_entry`, `out_probes` (accesses: 1 or 2; 0
// with `in_bypass`, which is not looked up) and `out_tag` stand beside the first beat that leaves, beside the others they
// are 0. Beats are taken and pushed as in lane.sv, one a cycle at most. A hit takes a reference.
//
// THE PORT, with LOOKUP_PORT: an item that is looked up begins only if the port is free. It is not in the cycle after a
// look-up of two accesses, and in each cycle in which a command has an access. A command is never late: a second access of
// a look-up may fall into the same cycle as a command's (as in lookup_port.c, where it does). Items with `in_bypass`, and
// beats behind the first one, do not ask. Without LOOKUP_PORT nobody waits; commands take as long.
//
// An item that is refused (`in_refuse`, which may hang on what it finds) has been looked up, but pushes nothing and takes
// no reference.
//
// SAs TO SEND WITH (INSERT with `cmd_out`) are entries like the others, but their keys are in no memory: they need no slot
// and no access, there may be two with one key, and no item finds them. They are found by their handle (`tx_handle`), live
// ones, and `tx_take` takes a reference of what is found.
//
// A RELEASE gives back one reference of an entry, in the cycle in which it comes: the command processor sees it in that
// cycle, as it sees the references that items take in it. A release of an entry that has none is nothing. Of several in a
// cycle the lower port comes first; entries that they free are freed in this order.
//
// COMMANDS are taken into COMMANDS places, which they leave with their response, and worked on one after the other in
// the order in which they came, the first time in the cycle after they were taken. Work on a command that begins in
// cycle t ends in cycle t + ADD_CYCLES (INSERT), REMOVE_CYCLES (DELETE) or UPDATE_CYCLES (everything else), later by
// LOOKUP_PACE for each access of the memories that its keys need; these come in the cycles after the work, one every
// LOOKUP_PACE. The next command begins in the cycle in which the one before it ends, and sees what that one has done.
//   INSERT  In t: `duplicate` if the key is in the table (being added, live; not if its DELETE has begun), else `full` if
//           ENTRIES entries are taken, else the entry is taken that was freed last, or the lowest that never was; a slot
//           is chosen: in the bucket with the most free slots of the key's, the first memory at a tie, the first free way;
//           if there is none the first free place of the stash; else `no slot`, and the entry is given back (its
//           generation has gone up by one). Accesses: 2, `no slot` 1, `duplicate` and `full` none.
//           At the end of the work the entry is live: items find it from the next cycle on.
//   DELETE  In t: `stale` if the handle names no entry, or one whose DELETE has begun. Else items find it no more from
//           t + 1 on. Its slot is emptied, or taken by the first key of the stash that may lie in this bucket. Accesses:
//           2, 3 if a key moves, `stale` none. At the end of the work it is freed if nobody has a reference, else as soon
//           as the last one is released; only then comes the response. Later commands go on meanwhile. Its handle becomes
//           stale (the generation goes up by one), its place is free for an INSERT that begins in that cycle.
//   UPDATE  At the end: the value (upper half of the ESN) of a live entry; `stale` if the handle names none, `mismatch` if
//           its SPI or protocol is another, `no ESN` if it has none. Nothing is changed then. Without HOST_ESN the card
//           finds the upper half by itself: what is asked for is judged alike, and never changes anything.
//   READ    At the end: key, value, references and state as they were at the beginning of that cycle; `stale` if the
//           handle names no entry.
//   others  `reserved`.
// The memories change in the cycle of a command's last access; nobody can tell, since an entry that is not live is not
// found, and work on the next command begins later.
//
// A RESPONSE shows in the cycle after the end of the work, or after the release of the last reference, in that order; of
// two in one cycle that of the release comes first, of several releases that of the lower place. It stays until it is taken.
//
// Not here: entries with two keys (AH and ESP), lifetimes, caches, cuckoo moves. Arrays are read without a clock, as
// flops or small memories are; block RAM would need one more stage.
module sa_table #(
    parameter int MEMORIES = 2,       // buckets of a key, 1 to 4
    parameter int BUCKETS  = 16,      // of a memory, a power of two
    parameter int WAYS     = 4,       // slots of a bucket, 1 to 16
    parameter int STASH    = 2,       // places, 0 to 64
    parameter int ENTRIES  = 112,     // 1 to 2^20
    parameter int LATENCY  = 2,       // cycles, 0 to 255
    parameter int OVERHEAD = 0,       // cycles from item to item, 0 to 255
    parameter int DEPTH    = 8,       // beats of the channel behind, 2 and more
    parameter int LOOKUP_PORT = 1,    // 1: look-ups and commands share the port of the memories
    parameter int LOOKUP_PACE = 2,    // cycles from one access of a command to the next, 1 to 1024
    parameter int ADD_CYCLES    = 8,  // work on a command, 1 to 65535
    parameter int UPDATE_CYCLES = 4,
    parameter int REMOVE_CYCLES = 6,
    parameter int COMMANDS = 4,       // commands under way, 1 to 256
    parameter int HOST_ESN = 1,       // 1: UPDATE moves the value; 0: it is somebody else's, who shows it at rd_value
    parameter int RELEASES = 1,       // references that can come back in a cycle, 1 to 16
    parameter int CONTEXT_W = 1,      // what an INSERT brings for the other blocks
    parameter int TAG_W     = 8,      // what goes with an item
    parameter int DATA_W    = 16,     // what goes with a beat
    parameter int CMD_TAG_W = 8       // what goes with a command
) (
    input  logic                             clk,
    input  logic                             rst,
    // items in: the reading side of a channel
    input  logic                             in_valid,
    input  logic                             in_last,
    input  logic                             in_bypass,
    input  logic [31:0]                      in_spi,
    input  logic [127:0]                     in_dst,     // IPv4: the low 32 bits, the others 0
    input  logic                             in_ah,      // protocol: 0 ESP, 1 AH
    input  logic                             in_v6,
    input  logic [TAG_W-1:0]                 in_tag,
    input  logic [DATA_W-1:0]                in_data,
    output logic                             in_pop,
    // items out
    output logic                             out_valid,
    output logic                             out_whole,
    output logic                             out_last,
    output logic                             out_hit,
    output logic [$clog2(ENTRIES + 1)-1:0]   out_entry,  // from 1; 0: none
    output logic [1:0]                       out_probes,
    output logic [TAG_W-1:0]                 out_tag,
    output logic [DATA_W-1:0]                out_data,
    input  logic                             out_pop,
    // the item at the head of the channel before: what it would find; `in_refuse` hangs on it in the same cycle
    output logic                             look_start, // it begins in this cycle
    output logic [$clog2(ENTRIES + 1)-1:0]   look_entry,
    input  logic                             in_refuse,
    // an SA to send with, by its handle: its entry, 0 if there is none; it is taken in this cycle
    input  logic [63:0]                      tx_handle,
    output logic [$clog2(ENTRIES + 1)-1:0]   tx_entry,
    input  logic                             tx_take,
    // references given back
    input  logic [RELEASES-1:0]              rel_valid,
    input  logic [RELEASES*$clog2(ENTRIES + 1)-1:0] rel_entry,
    // commands
    input  logic                             cmd_valid,
    output logic                             cmd_ready,
    input  logic [2:0]                       cmd_op,
    input  logic [CMD_TAG_W-1:0]             cmd_tag,
    input  logic [63:0]                      cmd_handle, // UPDATE, DELETE, READ: generation, entry
    input  logic [31:0]                      cmd_spi,    // INSERT, UPDATE
    input  logic                             cmd_ah,     // INSERT, UPDATE
    input  logic [127:0]                     cmd_dst,    // INSERT
    input  logic                             cmd_v6,     // INSERT
    input  logic                             cmd_esn,    // INSERT
    input  logic [31:0]                      cmd_value,  // INSERT, UPDATE: upper half of the ESN
    input  logic                             cmd_out,    // INSERT: an SA to send with
    input  logic [CONTEXT_W-1:0]             cmd_context, // INSERT
    // an entry is taken in this cycle, and its context is this
    output logic                             new_valid,
    output logic [$clog2(ENTRIES + 1)-1:0]   new_entry,
    output logic                             new_out,
    output logic [CONTEXT_W-1:0]             new_context,
    // without HOST_ESN: the value of this entry
    output logic [$clog2(ENTRIES + 1)-1:0]   rd_entry,
    output logic                             rd_out,
    input  logic [31:0]                      rd_value,
    // responses
    output logic                             rsp_valid,
    input  logic                             rsp_ready,
    output logic [CMD_TAG_W-1:0]             rsp_tag,
    output logic [2:0]                       rsp_status,
    output logic [63:0]                      rsp_handle, // INSERT: of the entry; others: as it was given
    output logic                             rsp_read,   // of a READ that was not stale: then the others mean something
    output logic [161:0]                     rsp_key,    // version, protocol, SPI, destination
    output logic [31:0]                      rsp_value,
    output logic [1:0]                       rsp_state,  // 2 live, 3 being deleted
    output logic [21:0]                      rsp_references
);
  localparam int ID_W = $clog2(ENTRIES + 1);
  localparam int IDS  = 2 ** ID_W;  // numbers that a port can name; those above ENTRIES are never taken
  localparam int B_W  = BUCKETS > 1 ? $clog2(BUCKETS) : 1;
  localparam int M_W  = MEMORIES > 1 ? $clog2(MEMORIES) : 1;
  localparam int W_W  = WAYS > 1 ? $clog2(WAYS) : 1;
  localparam int N_W  = $clog2(WAYS + 1);
  localparam int SP   = STASH > 0 ? STASH : 1;  // places that are there, used or not
  localparam int S_W  = SP > 1 ? $clog2(SP) : 1;
  localparam int C_W  = COMMANDS > 1 ? $clog2(COMMANDS) : 1;
  localparam int K_W  = $clog2(COMMANDS + 1);
  localparam int KEY_W = 162;
  localparam int DST_W = 128;
  localparam int MW = MEMORIES * WAYS;

  localparam logic [2:0] OP_INSERT = 3'd0, OP_UPDATE = 3'd1, OP_DELETE = 3'd2, OP_READ = 3'd3;
  localparam logic [2:0] OK = 3'd0, FULL = 3'd1, NO_SLOT = 3'd2, DUPLICATE = 3'd3, STALE = 3'd4, MISMATCH = 3'd5,
                         NO_ESN = 3'd6, RESERVED = 3'd7;

`ifndef SYNTHESIS
  initial begin
    if (MEMORIES < 1 || MEMORIES > 4) $fatal(1, "sa_table: MEMORIES is %0d, must be 1 to 4", MEMORIES);
    if (BUCKETS < 1 || (BUCKETS & (BUCKETS - 1)) != 0)
      $fatal(1, "sa_table: BUCKETS is %0d, must be a power of two", BUCKETS);
    if (WAYS < 1 || WAYS > 16) $fatal(1, "sa_table: WAYS is %0d, must be 1 to 16", WAYS);
    if (STASH < 0 || STASH > 64) $fatal(1, "sa_table: STASH is %0d, must be 0 to 64", STASH);
    if (ENTRIES < 1 || ENTRIES > 1048576) $fatal(1, "sa_table: ENTRIES is %0d, must be 1 to 2^20", ENTRIES);
    if (LOOKUP_PORT < 0 || LOOKUP_PORT > 1) $fatal(1, "sa_table: LOOKUP_PORT is %0d, must be 0 or 1", LOOKUP_PORT);
    if (LOOKUP_PACE < 1 || LOOKUP_PACE > 1024)
      $fatal(1, "sa_table: LOOKUP_PACE is %0d, must be 1 to 1024", LOOKUP_PACE);
    if (ADD_CYCLES < 1 || ADD_CYCLES > 65535)
      $fatal(1, "sa_table: ADD_CYCLES is %0d, must be 1 to 65535", ADD_CYCLES);
    if (UPDATE_CYCLES < 1 || UPDATE_CYCLES > 65535)
      $fatal(1, "sa_table: UPDATE_CYCLES is %0d, must be 1 to 65535", UPDATE_CYCLES);
    if (REMOVE_CYCLES < 1 || REMOVE_CYCLES > 65535)
      $fatal(1, "sa_table: REMOVE_CYCLES is %0d, must be 1 to 65535", REMOVE_CYCLES);
    if (COMMANDS < 1 || COMMANDS > 256) $fatal(1, "sa_table: COMMANDS is %0d, must be 1 to 256", COMMANDS);
    if (HOST_ESN < 0 || HOST_ESN > 1) $fatal(1, "sa_table: HOST_ESN is %0d, must be 0 or 1", HOST_ESN);
    if (RELEASES < 1 || RELEASES > 16) $fatal(1, "sa_table: RELEASES is %0d, must be 1 to 16", RELEASES);
    if (CONTEXT_W < 1) $fatal(1, "sa_table: CONTEXT_W is %0d, must be 1 or more", CONTEXT_W);
    if (TAG_W < 1 || DATA_W < 1 || CMD_TAG_W < 1)
      $fatal(1, "sa_table: TAG_W, DATA_W and CMD_TAG_W must be 1 or more");
  end
`endif

  // ---- entries -----------------------------------------------------------------------------------------------------
  logic [IDS-1:0]  taken;       // not free
  logic [IDS-1:0]  live;        // items find it
  logic [IDS-1:0]  dying;       // its DELETE has begun
  logic [IDS-1:0]  draining;    // ... and waits for the last reference
  logic [KEY_W-1:0]  key        [0:IDS-1];
  logic [31:0]       value      [0:IDS-1];
  logic              esn        [0:IDS-1];
  logic [IDS-1:0]    sends;       // it is one to send with: no item finds it, its key is in no memory
  logic [31:0]       generation [0:IDS-1];
  logic [21:0]       references [0:IDS-1];
  logic [C_W-1:0]    waits      [0:IDS-1];  // place of the DELETE that waits
  logic [ID_W-1:0]   count;       // taken
  logic [ID_W-1:0]   wildcards;   // keys with destination zero in the memories and the stash

  // Free entries: those given back, the last one first, then those that never were taken.
  logic [ID_W-1:0]   back [0:IDS-1];
  logic [ID_W-1:0]   backs;
  logic [ID_W:0]     fresh;

  // ---- the stash ---------------------------------------------------------------------------------------------------
  logic [SP-1:0]             stash_used;
  logic [SP*KEY_W-1:0]       stash_key;
  logic [SP*ID_W-1:0]        stash_id;
  logic [SP*MEMORIES*B_W-1:0] stash_bucket;

  // ---- commands under way ------------------------------------------------------------------------------------------
  logic [2:0]            op     [0:COMMANDS-1];
  logic [CMD_TAG_W-1:0]  tag    [0:COMMANDS-1];
  logic [63:0]           handle [0:COMMANDS-1];
  logic [KEY_W-1:0]      ckey   [0:COMMANDS-1];
  logic                  cesn   [0:COMMANDS-1];
  logic [31:0]           cvalue [0:COMMANDS-1];
  logic                  cout   [0:COMMANDS-1];
  logic [CONTEXT_W-1:0]  cctx    [0:COMMANDS-1];
  logic [2:0]            status [0:COMMANDS-1];
  logic                  cread  [0:COMMANDS-1];
  logic [1:0]            cstate [0:COMMANDS-1];
  logic [21:0]           crefs  [0:COMMANDS-1];
  logic [COMMANDS-1:0]   place_used;
  logic [C_W-1:0]        todo   [0:COMMANDS-1];  // ring of those to be worked on
  logic [C_W-1:0]        todo_head, todo_tail;
  logic [K_W-1:0]        todos;
  logic [C_W-1:0]        done   [0:COMMANDS-1];  // ring of those to be answered
  logic [C_W-1:0]        done_head, done_tail;
  logic [K_W-1:0]        dones;

  function automatic logic [C_W-1:0] next_place(input logic [C_W-1:0] p);
    next_place = p == C_W'(COMMANDS - 1) ? '0 : p + 1'b1;
  endfunction

  // The command that is being worked on.
  logic            running;
  logic [C_W-1:0]  run;
  logic [2:0]      run_op;
  logic [2:0]      run_status;
  logic [ID_W-1:0] run_id;
  logic [17:0]     run_left;      // cycles until its end, which is in the cycle with 0
  logic [1:0]      run_accesses;  // to come
  logic [15:0]     run_wait;      // cycles until the next one
  logic            run_in_stash;  // where its key lies or will lie
  logic [S_W-1:0]  run_place;     // ... there; or of the key that moves out
  logic            run_moves;     // a key moves out of the stash
  logic [M_W-1:0]  run_memory;
  logic [B_W-1:0]  run_bucket;
  logic [W_W-1:0]  run_way;

  // ---- look-up -----------------------------------------------------------------------------------------------------
  logic [KEY_W-1:0]        exact_key, any_key, cmd_key;
  logic [MW-1:0]           exact_match, any_match, cmd_match, cmd_used;
  logic [MW*ID_W-1:0]      exact_ids, any_ids;
  logic [MEMORIES*B_W-1:0] cmd_buckets;
  logic [MW-1:0]           way_we;
  logic                    way_used;
  logic [ID_W-1:0]         way_id;
  logic [KEY_W-1:0]        way_key;

  assign exact_key = {in_v6, in_ah, in_spi, in_dst};
  assign any_key   = {in_v6, in_ah, in_spi, {DST_W{1'b0}}};

  genvar m, w;
  generate
    for (m = 0; m < MEMORIES; m = m + 1) begin : g_memory
      logic [B_W-1:0] exact_bucket, any_bucket, cmd_bucket;

      sa_hash #(.MEMORY(m), .BUCKETS(BUCKETS)) u_exact (.key(exact_key), .bucket(exact_bucket));
      sa_hash #(.MEMORY(m), .BUCKETS(BUCKETS)) u_any (.key(any_key), .bucket(any_bucket));
      sa_hash #(.MEMORY(m), .BUCKETS(BUCKETS)) u_cmd (.key(cmd_key), .bucket(cmd_bucket));
      assign cmd_buckets[m*B_W +: B_W] = cmd_bucket;
      for (w = 0; w < WAYS; w = w + 1) begin : g_way
        sa_way #(.BUCKETS(BUCKETS), .ID_W(ID_W)) u_way (
          .clk, .rst,
          .exact_bucket(exact_bucket), .exact_key(exact_key),
          .exact_match(exact_match[m*WAYS+w]), .exact_id(exact_ids[(m*WAYS+w)*ID_W +: ID_W]),
          .any_bucket(any_bucket), .any_key(any_key),
          .any_match(any_match[m*WAYS+w]), .any_id(any_ids[(m*WAYS+w)*ID_W +: ID_W]),
          .cmd_bucket(cmd_bucket), .cmd_key(cmd_key),
          .cmd_used(cmd_used[m*WAYS+w]), .cmd_match(cmd_match[m*WAYS+w]),
          .we(way_we[m*WAYS+w]), .wr_bucket(run_bucket), .wr_used(way_used), .wr_id(way_id), .wr_key(way_key)
        );
      end
    end
  endgenerate

  // The live entry of each of the two keys; no two live entries have the same one.
  logic [ID_W-1:0] exact_entry, any_entry, found;
  logic [1:0]      probes;
  integer          li;

  always @* begin
    exact_entry = '0;
    any_entry   = '0;
    for (li = 0; li < MW; li = li + 1) begin
      if (exact_match[li] && live[exact_ids[li*ID_W +: ID_W]]) exact_entry = exact_entry | exact_ids[li*ID_W +: ID_W];
      if (any_match[li] && live[any_ids[li*ID_W +: ID_W]]) any_entry = any_entry | any_ids[li*ID_W +: ID_W];
    end
    for (li = 0; li < STASH; li = li + 1) begin
      if (stash_used[li] && stash_key[li*KEY_W +: KEY_W] == exact_key && live[stash_id[li*ID_W +: ID_W]])
        exact_entry = exact_entry | stash_id[li*ID_W +: ID_W];
      if (stash_used[li] && stash_key[li*KEY_W +: KEY_W] == any_key && live[stash_id[li*ID_W +: ID_W]])
        any_entry = any_entry | stash_id[li*ID_W +: ID_W];
    end
  end

  assign probes = in_bypass ? 2'd0 : exact_entry != '0 || wildcards == '0 ? 2'd1 : 2'd2;
  assign found  = in_bypass ? '0 : exact_entry != '0 ? exact_entry : wildcards != '0 ? any_entry : '0;

  logic second;    // the access of this cycle is the second one of a look-up
  logic accesses;  // a command has an access in this cycle
  logic start, first, hit;

  assign accesses = run_accesses != '0 && run_wait == '0;
  assign hit      = start && found != '0 && !in_refuse;

  assign look_start = start;
  assign look_entry = found;

  localparam int BEAT_W = 1 + ID_W + 2 + TAG_W + DATA_W;

  lane #(
    .WIDTH(BEAT_W), .DEPTH(DEPTH), .LATENCY(LATENCY), .OVERHEAD(OVERHEAD)
  ) u_lane (
    .clk, .rst,
    .in_valid, .in_whole(1'b0), .in_last, .in_pop,
    .ready(LOOKUP_PORT == 0 || in_bypass || !(second || accesses)), .drop(in_refuse), .start(start),
    .beat({first ? {found != '0, found, probes, in_tag} : {(1 + ID_W + 2 + TAG_W){1'b0}}, in_data}),
    .out_valid, .out_whole, .out_last, .out_data({out_hit, out_entry, out_probes, out_tag, out_data}), .out_pop
  );

  always_ff @(posedge clk) begin
    if (rst) begin
      first  <= 1'b1;
      second <= 1'b0;
    end else begin
      if (in_pop) first <= in_last;
      second <= start && probes == 2'd2;
    end
  end

  // ---- SAs to send with ---------------------------------------------------------------------------------------------
  logic [ID_W-1:0] tx_named;

  assign tx_named = tx_handle[ID_W-1:0];
  assign tx_entry = tx_handle[31:ID_W] == '0 && tx_named != '0 && live[tx_named] && sends[tx_named]
                    && generation[tx_named] == tx_handle[63:32] ? tx_named : '0;

  // ---- what this cycle does to the entries -------------------------------------------------------------------------
  localparam int R_W = $clog2(RELEASES + 2);

  logic [RELEASES-1:0]      let_go;    // a reference is given back
  logic [RELEASES-1:0]      drained;   // ... the last one that a DELETE has waited for
  logic [RELEASES*22-1:0]   rest;      // references of that entry after it
  logic [RELEASES*R_W-1:0]  given;     // entries that are freed in this cycle before this one
  logic [R_W-1:0]           drains;    // entries that releases free
  logic                     ends;      // the work on a command ends
  logic                     frees;     // ... on a DELETE of an entry that nobody holds
  logic                     waiting;   // ... that somebody holds
  logic [21:0]              left;      // references of the entry of that command after this cycle
  logic                     begins;    // the work on a command begins
  logic [C_W-1:0]           begun;
  logic [ID_W-1:0]          freed;     // the last one that releases free
  integer                   ri, rj;

  always @* begin
    drains = '0;
    freed  = '0;
    for (ri = 0; ri < RELEASES; ri = ri + 1) begin
      // as the releases before it leave it
      rest[ri*22 +: 22] = references[rel_entry[ri*ID_W +: ID_W]];
      for (rj = 0; rj < ri; rj = rj + 1)
        if (let_go[rj] && rel_entry[rj*ID_W +: ID_W] == rel_entry[ri*ID_W +: ID_W])
          rest[ri*22 +: 22] = rest[ri*22 +: 22] - 1'b1;
      let_go[ri] = rel_valid[ri] && rel_entry[ri*ID_W +: ID_W] != '0 && taken[rel_entry[ri*ID_W +: ID_W]]
                   && rest[ri*22 +: 22] != '0;
      rest[ri*22 +: 22] = rest[ri*22 +: 22] - 22'(let_go[ri]);
      drained[ri] = let_go[ri] && draining[rel_entry[ri*ID_W +: ID_W]] && rest[ri*22 +: 22] == '0;
      given[ri*R_W +: R_W] = drains;
      drains = drains + R_W'(drained[ri]);
      if (drained[ri]) freed = rel_entry[ri*ID_W +: ID_W];
    end
    left = references[run_id];
    for (ri = 0; ri < RELEASES; ri = ri + 1)
      if (let_go[ri] && rel_entry[ri*ID_W +: ID_W] == run_id) left = rest[ri*22 +: 22];
  end

  assign ends    = running && run_left == '0;
  assign frees   = ends && run_op == OP_DELETE && run_status == OK && left == '0;
  assign waiting = ends && run_op == OP_DELETE && run_status == OK && left != '0;
  assign begins  = (!running || ends) && todos != '0;
  assign begun   = todo[todo_head];

  // ---- the work begins: what the key needs -------------------------------------------------------------------------
  logic [2:0]      new_op, new_status;
  logic [63:0]     new_handle;
  logic [ID_W-1:0] named;       // entry of the handle
  logic            names;       // ... which is taken
  logic [ID_W-1:0] top;         // entry that would be taken
  logic            inserts, removes, refused;
  logic            is_there, in_stash, room, stash_room, moves;
  logic            keyed;       // it is one whose key is in the memories
  logic [S_W-1:0]  stash_at, stash_free, stash_mover;
  logic [M_W-1:0]  at_memory, room_memory;
  logic [W_W-1:0]  at_way, room_way;
  logic [B_W-1:0]  at_bucket;
  logic [N_W-1:0]  best, free_ways;
  logic [W_W-1:0]  first_way;
  logic [1:0]      need;
  logic [15:0]     work;
  integer          ci, cj;

  assign new_op     = op[begun];
  assign new_handle = handle[begun];
  assign named      = new_handle[ID_W-1:0];
  assign names      = new_handle[31:ID_W] == '0 && named != '0 && {1'b0, named} < fresh && taken[named]
                      && generation[named] == new_handle[63:32];
  assign cmd_key    = new_op == OP_INSERT ? ckey[begun] : key[named];
  assign keyed      = new_op == OP_INSERT ? !cout[begun] : !sends[named];

  assign top = frees ? run_id : drains != '0 ? freed : backs != '0 ? back[backs - 1'b1] : fresh[ID_W-1:0];

  always @* begin
    // where the key is
    is_there  = 1'b0;
    in_stash  = 1'b0;
    stash_at  = '0;
    at_memory = '0;
    at_way    = '0;
    for (ci = 0; ci < MEMORIES; ci = ci + 1)
      for (cj = 0; cj < WAYS; cj = cj + 1)
        if (cmd_match[ci*WAYS+cj]) begin
          is_there  = 1'b1;
          at_memory = M_W'(ci);
          at_way    = W_W'(cj);
        end
    for (ci = 0; ci < STASH; ci = ci + 1)
      if (stash_used[ci] && stash_key[ci*KEY_W +: KEY_W] == cmd_key) begin
        is_there = 1'b1;
        in_stash = 1'b1;
        stash_at = S_W'(ci);
      end
    at_bucket = cmd_buckets[at_memory*B_W +: B_W];
    // where it could go
    best        = '0;
    room_memory = '0;
    room_way    = '0;
    for (ci = 0; ci < MEMORIES; ci = ci + 1) begin
      free_ways = '0;
      first_way = '0;
      for (cj = WAYS - 1; cj >= 0; cj = cj - 1)
        if (!cmd_used[ci*WAYS+cj]) begin
          free_ways = free_ways + 1'b1;
          first_way = W_W'(cj);
        end
      if (free_ways > best) begin
        best        = free_ways;
        room_memory = M_W'(ci);
        room_way    = first_way;
      end
    end
    room       = best != '0;
    stash_room = 1'b0;
    stash_free = '0;
    for (ci = STASH - 1; ci >= 0; ci = ci - 1)
      if (!stash_used[ci]) begin
        stash_room = 1'b1;
        stash_free = S_W'(ci);
      end
    // which key of the stash could take its slot
    moves       = 1'b0;
    stash_mover = '0;
    for (ci = STASH - 1; ci >= 0; ci = ci - 1)
      if (stash_used[ci] && stash_bucket[(ci*MEMORIES + 32'(at_memory))*B_W +: B_W] == at_bucket) begin
        moves       = 1'b1;
        stash_mover = S_W'(ci);
      end
    if (in_stash) moves = 1'b0;
  end

  always @* begin
    new_status = OK;
    need       = 2'd0;
    work       = 16'(UPDATE_CYCLES);
    case (new_op)
      OP_INSERT: begin
        work = 16'(ADD_CYCLES);
        if (keyed && is_there) new_status = DUPLICATE;
        else if (count - ID_W'(drains) - ID_W'(frees) >= ID_W'(ENTRIES)) new_status = FULL;
        else if (keyed && !room && !stash_room) new_status = NO_SLOT;
        need = !keyed ? 2'd0 : new_status == OK ? 2'd2 : new_status == NO_SLOT ? 2'd1 : 2'd0;
      end
      OP_DELETE: begin
        work       = 16'(REMOVE_CYCLES);
        new_status = names && !dying[named] ? OK : STALE;
        need       = new_status == OK && keyed ? (moves ? 2'd3 : 2'd2) : 2'd0;
      end
      default: ;
    endcase
  end

  assign inserts = begins && new_op == OP_INSERT && new_status == OK;
  assign refused = begins && new_op == OP_INSERT && new_status == NO_SLOT;
  assign removes = begins && new_op == OP_DELETE && new_status == OK;

  // ---- the work ends: statuses -------------------------------------------------------------------------------------
  logic [2:0]      end_status;
  logic [63:0]     end_handle;
  logic [ID_W-1:0] end_named;
  logic            end_names;

  assign new_valid   = inserts;
  assign new_entry   = top;
  assign new_out     = cout[begun];
  assign new_context = cctx[begun];

  assign rd_entry   = end_named;
  assign rd_out     = sends[end_named];
  assign end_handle = handle[run];
  assign end_named  = end_handle[ID_W-1:0];
  assign end_names  = end_handle[31:ID_W] == '0 && end_named != '0 && {1'b0, end_named} < fresh && taken[end_named]
                      && generation[end_named] == end_handle[63:32];

  always_comb begin
    case (run_op)
      OP_INSERT, OP_DELETE: end_status = run_status;
      OP_UPDATE:
        if (!end_names || !live[end_named]) end_status = STALE;
        else if (key[end_named][160:128] != ckey[run][160:128]) end_status = MISMATCH;
        else if (!esn[end_named]) end_status = NO_ESN;
        else end_status = OK;
      OP_READ: end_status = end_names ? OK : STALE;
      default: end_status = RESERVED;
    endcase
  end

  // ---- the memories and the stash: in the cycle of the last access --------------------------------------------------
  logic writes;

  assign writes   = accesses && run_accesses == 2'd1 && run_status == OK;
  assign way_used = run_op == OP_INSERT || run_moves;
  assign way_id   = run_op == OP_INSERT ? run_id : stash_id[run_place*ID_W +: ID_W];
  assign way_key  = run_op == OP_INSERT ? key[run_id] : stash_key[run_place*KEY_W +: KEY_W];

  generate
    for (m = 0; m < MEMORIES; m = m + 1) begin : g_we_memory
      for (w = 0; w < WAYS; w = w + 1) begin : g_we_way
        assign way_we[m*WAYS+w] = writes && !run_in_stash && run_memory == M_W'(m) && run_way == W_W'(w);
      end
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (inserts && keyed && !room) begin
      stash_key[stash_free*KEY_W +: KEY_W]                      <= cmd_key;
      stash_id[stash_free*ID_W +: ID_W]                         <= top;
      stash_bucket[stash_free*MEMORIES*B_W +: MEMORIES*B_W]     <= cmd_buckets;
    end
    if (rst) stash_used <= '0;
    else if (writes && (run_in_stash || run_moves)) stash_used[run_place] <= run_op == OP_INSERT;
  end

  // ---- entries -----------------------------------------------------------------------------------------------------
  // Of an entry that items take and give back in one cycle, each writes the same.
  function automatic logic [21:0] held(input logic [ID_W-1:0] entry);
    integer h;
    begin
      held = references[entry];
      for (h = 0; h < RELEASES; h = h + 1)
        if (let_go[h] && rel_entry[h*ID_W +: ID_W] == entry) held = held - 1'b1;
      if (hit && found == entry) held = held + 1'b1;
      if (tx_take && tx_entry == entry) held = held + 1'b1;
    end
  endfunction

  integer ea, eb, ec, ed, ef;  // one for each process: two that share one drive it twice, for yosys

  always_ff @(posedge clk) begin
    for (ea = 0; ea < RELEASES; ea = ea + 1)
      if (let_go[ea]) references[rel_entry[ea*ID_W +: ID_W]] <= held(rel_entry[ea*ID_W +: ID_W]);
    if (hit) references[found] <= held(found);
    if (tx_take && tx_entry != '0) references[tx_entry] <= held(tx_entry);
    if (inserts) begin
      references[top] <= '0;
      key[top]        <= ckey[begun];
      value[top]      <= cesn[begun] ? cvalue[begun] : '0;
      esn[top]        <= cesn[begun];
    end
    if (ends && run_op == OP_UPDATE && end_status == OK) value[end_named] <= cvalue[run];
    if (waiting) waits[run_id] <= run;
  end

  // A place's generation goes up when its entry is freed, and when it is given back because there was no slot.
  always_ff @(posedge clk) begin
    for (eb = 0; eb < RELEASES; eb = eb + 1)
      if (drained[eb])
        generation[rel_entry[eb*ID_W +: ID_W]] <= generation[rel_entry[eb*ID_W +: ID_W]] + 32'd1
                                                  + 32'(refused && top == rel_entry[eb*ID_W +: ID_W]);
    if (frees) generation[run_id] <= generation[run_id] + 32'd1 + 32'(refused);
    if (drains == '0 && !frees && (inserts || refused)) begin
      if (backs == '0) generation[top] <= 32'(refused);
      else if (refused) generation[top] <= generation[top] + 32'd1;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      taken     <= '0;
      live      <= '0;
      dying     <= '0;
      draining  <= '0;
      sends     <= '0;
      count     <= '0;
      wildcards <= '0;
    end else begin
      for (ec = 0; ec < RELEASES; ec = ec + 1)
        if (drained[ec]) begin
          taken[rel_entry[ec*ID_W +: ID_W]]    <= 1'b0;
          dying[rel_entry[ec*ID_W +: ID_W]]    <= 1'b0;
          draining[rel_entry[ec*ID_W +: ID_W]] <= 1'b0;
        end
      if (ends && run_op == OP_INSERT && run_status == OK) live[run_id] <= 1'b1;
      if (frees) begin
        taken[run_id] <= 1'b0;
        dying[run_id] <= 1'b0;
      end
      if (waiting) draining[run_id] <= 1'b1;
      if (inserts) begin
        taken[top] <= 1'b1;
        sends[top] <= cout[begun];
      end
      if (removes) begin
        live[named]  <= 1'b0;
        dying[named] <= 1'b1;
      end
      count     <= count - ID_W'(drains) - ID_W'(frees) + ID_W'(inserts);
      wildcards <= wildcards + ID_W'(inserts && keyed && cmd_key[DST_W-1:0] == '0)
                   - ID_W'(removes && keyed && cmd_key[DST_W-1:0] == '0);
    end
  end

  // Given back, in this order: by releases, by the end of a DELETE; then one is taken.
  logic takes_fresh;

  // what is refused for want of a slot is given back at once
  assign takes_fresh = (inserts || refused) && !frees && drains == '0 && backs == '0;

  always_ff @(posedge clk) begin
    for (ed = 0; ed < RELEASES; ed = ed + 1)
      if (drained[ed]) back[backs + ID_W'(given[ed*R_W +: R_W])] <= rel_entry[ed*ID_W +: ID_W];
    if (frees) back[backs + ID_W'(drains)] <= run_id;
    if (refused && takes_fresh) back[0] <= top;
    if (rst) begin
      backs <= '0;
      fresh <= (ID_W + 1)'(1);
    end else begin
      backs <= backs + ID_W'(drains) + ID_W'(frees) - ID_W'(inserts && !takes_fresh) + ID_W'(refused && takes_fresh);
      fresh <= fresh + (ID_W + 1)'(takes_fresh);
    end
  end

  // ---- the command processor ---------------------------------------------------------------------------------------
  logic            accepts, answers;
  logic [C_W-1:0]  free_place;
  logic            adds_run;   // to those that are to be answered, behind those that releases end
  logic [COMMANDS-1:0]     adds_wait;
  logic [COMMANDS*C_W-1:0] adds_at;  // where in the ring
  logic [C_W-1:0]          adds_tail;
  integer          pi, pj;

  always @* begin
    free_place = '0;
    for (pi = COMMANDS - 1; pi >= 0; pi = pi - 1) if (!place_used[pi]) free_place = C_W'(pi);
  end

  assign cmd_ready = place_used != '1;
  assign accepts   = cmd_valid && cmd_ready;
  assign rsp_valid = dones != '0;
  assign answers   = rsp_valid && rsp_ready;
  assign adds_run  = ends && !waiting;

  // Of those that releases end in one cycle the lower place comes first.
  always @* begin
    adds_tail = done_tail;
    for (pi = 0; pi < COMMANDS; pi = pi + 1) begin
      adds_wait[pi] = 1'b0;
      for (pj = 0; pj < RELEASES; pj = pj + 1)
        if (drained[pj] && waits[rel_entry[pj*ID_W +: ID_W]] == C_W'(pi)) adds_wait[pi] = 1'b1;
      adds_at[pi*C_W +: C_W] = adds_tail;
      if (adds_wait[pi]) adds_tail = next_place(adds_tail);
    end
  end

  always_ff @(posedge clk) begin
    if (accepts) begin
      op[free_place]     <= cmd_op;
      tag[free_place]    <= cmd_tag;
      handle[free_place] <= cmd_op == OP_INSERT ? 64'd0 : cmd_handle;
      ckey[free_place]   <= {cmd_v6, cmd_ah, cmd_spi, cmd_dst};
      cesn[free_place]   <= cmd_esn;
      cvalue[free_place] <= cmd_value;
      cout[free_place]   <= cmd_out;
      cctx[free_place]   <= cmd_context;
      todo[todo_tail]    <= free_place;
    end
    if (ends) begin
      status[run] <= end_status;
      cread[run]  <= run_op == OP_READ && end_names;
      if (run_op == OP_INSERT && run_status == OK) handle[run] <= {generation[run_id], 32'(run_id)};
      if (run_op == OP_READ && end_names) begin
        ckey[run]   <= key[end_named];
        cvalue[run] <= HOST_ESN == 1 ? value[end_named] : esn[end_named] ? rd_value : 32'd0;
        cstate[run] <= dying[end_named] ? 2'd3 : 2'd2;
        crefs[run]  <= references[end_named];
      end
    end
    for (ef = 0; ef < COMMANDS; ef = ef + 1) if (adds_wait[ef]) done[adds_at[ef*C_W +: C_W]] <= C_W'(ef);
    if (adds_run) done[adds_tail] <= run;
    if (begins) begin
      run          <= begun;
      run_op       <= new_op;
      run_status   <= new_status;
      run_id       <= new_op == OP_INSERT ? top : named;
      run_in_stash <= new_op == OP_INSERT ? !room : in_stash;
      run_place    <= new_op == OP_INSERT ? stash_free : in_stash ? stash_at : stash_mover;
      run_moves    <= new_op == OP_DELETE && moves;
      run_memory   <= new_op == OP_INSERT ? room_memory : at_memory;
      run_way      <= new_op == OP_INSERT ? room_way : at_way;
      run_bucket   <= new_op == OP_INSERT ? cmd_buckets[room_memory*B_W +: B_W] : at_bucket;
    end
    if (rst) begin
      place_used   <= '0;
      todo_head    <= '0;
      todo_tail    <= '0;
      todos        <= '0;
      done_head    <= '0;
      done_tail    <= '0;
      dones        <= '0;
      running      <= 1'b0;
      run_accesses <= '0;
    end else begin
      if (accepts) begin
        place_used[free_place] <= 1'b1;
        todo_tail              <= next_place(todo_tail);
      end
      if (answers) begin
        place_used[done[done_head]] <= 1'b0;
        done_head                   <= next_place(done_head);
      end
      if (begins) todo_head <= next_place(todo_head);
      done_tail <= adds_run ? next_place(adds_tail) : adds_tail;
      todos   <= todos + K_W'(accepts) - K_W'(begins);
      dones   <= dones + K_W'(drains) + K_W'(adds_run) - K_W'(answers);
      running <= begins || (running && !ends);
      if (begins) begin
        run_left     <= 18'(work) + 18'(need) * 18'(LOOKUP_PACE) - 18'd1;
        run_accesses <= need;
        run_wait     <= work - 16'd1;
      end else begin
        if (run_left != '0) run_left <= run_left - 1'b1;
        if (accesses) begin
          run_accesses <= run_accesses - 1'b1;
          run_wait     <= 16'(LOOKUP_PACE - 1);
        end else if (run_wait != '0) begin
          run_wait <= run_wait - 1'b1;
        end
      end
    end
  end

  assign rsp_tag        = tag[done[done_head]];
  assign rsp_status     = status[done[done_head]];
  assign rsp_handle     = handle[done[done_head]];
  assign rsp_read       = cread[done[done_head]];
  assign rsp_key        = ckey[done[done_head]];
  assign rsp_value      = cvalue[done[done_head]];
  assign rsp_state      = cstate[done[done_head]];
  assign rsp_references = crefs[done[done_head]];
endmodule
