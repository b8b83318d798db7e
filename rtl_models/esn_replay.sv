// Sequence numbers of received packets: extended (ESN), checked against the replay window before the crypto, and
// committed after it. The C blocks: replay_check and replay_update (sim/nic/replay.c).
//
// For each SA: `top`, the highest number accepted so far (0: none); a window of 0 (off) to WINDOW packets, of which a bit map
// remembers those that came; whether the numbers have 64 bits.
//   Inference   without ESN the number is the one in the packet. With ESN (RFC 4303 A2.2) the upper half is the one
//               that puts the number into the 2^32 numbers that begin at the bottom of the window; without a window it is the number
//               nearest to top. Below the first and above the last 2^32 numbers there is nothing: the upper half is then that of top.
//   Check       0 is refused (`zero`), what is above top is good, what is as far below it as the SA's own window is wide, or
//               farther, is `too old`, what is marked in the map is a `duplicate`. An SA whose window is 0 accepts every number,
//               0 and what it has had before too.
//   Commit      the check again, since packets of the SA may have been committed in between; then top and map move.
//               Without a window top moves only with ESN, which needs it for inference.
// Check: begins with the first beat. A refused item is taken and goes no further.
// Commit: begins with the last beat. It is a read-modify-write of the SA: an item of an SA whose numbers are kept (a window,
// or ESN) waits until RMW cycles after the last one of that SA that was accepted. What is refused, and an item whose ICV is
// wrong, waits too, and holds up nobody. Items with no SA (`crypt` low) pass.
// THE HAZARD: between check and commit of an item others of its SA may be checked against a window that does not know it yet;
// they are stopped at the commit (`late`).
// An SA is set by `cfg_we`, one a cycle; both sides see it in the next cycle. It must have no items under way; its window is 0 to
// WINDOW (assertion), any number of packets. Its state is read without a clock (README: memories), by check and commit each.
//
// In a cycle, check and commit see the state at its beginning.
module esn_replay #(
    parameter int SA_W     = 4,     // bits of an SA's number, 1 to 16; there are 2^SA_W of them
    parameter int WINDOW   = 64,    // largest window; a power of two, 32 to 4096
    parameter int RMW      = 1,     // cycles from an update of an SA to its next one, 1 to 64
    parameter int CHECK_LATENCY  = 1,
    parameter int CHECK_OVERHEAD = 0,
    parameter int CHECK_DEPTH    = 8,
    parameter int UPDATE_LATENCY  = 1,
    parameter int UPDATE_OVERHEAD = 0,
    parameter int UPDATE_DEPTH    = 32,
    parameter int CHECK_DATA_W  = 16,  // what goes with each beat
    parameter int UPDATE_DATA_W = 16
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              cfg_we,
    input  logic [SA_W-1:0]   cfg_sa,
    input  logic [12:0]       cfg_window,
    input  logic              cfg_esn,
    input  logic [63:0]       cfg_top,
    input  logic [SA_W-1:0]   peek_sa,
    output logic [63:0]       peek_top,   // highest number received of this SA
    // check
    input  logic              chk_valid,
    input  logic              chk_last,
    input  logic              chk_crypt,
    input  logic [SA_W-1:0]   chk_sa,
    input  logic [31:0]       chk_low,
    input  logic [CHECK_DATA_W-1:0] chk_data,
    output logic              chk_pop,
    output logic              checked_valid,
    output logic              checked_whole,
    output logic              checked_last,
    output logic [63:0]       checked_number,
    output logic [CHECK_DATA_W-1:0] checked_data,
    input  logic              checked_pop,
    // commit
    input  logic              upd_valid,
    input  logic              upd_whole,
    input  logic              upd_last,
    input  logic              upd_crypt,
    input  logic [SA_W-1:0]   upd_sa,
    input  logic [63:0]       upd_number,
    input  logic              upd_good,
    input  logic [UPDATE_DATA_W-1:0] upd_data,
    output logic              upd_pop,
    output logic              updated_valid,
    output logic              updated_whole,
    output logic              updated_last,
    output logic [UPDATE_DATA_W-1:0] updated_data,
    input  logic              updated_pop,
    // an item with an SA begins and is refused
    output logic              chk_refuses,
    output logic              upd_refuses,
    // counters
    output logic [31:0]       count_ok,
    output logic [31:0]       count_duplicate,
    output logic [31:0]       count_too_old,
    output logic [31:0]       count_zero,
    output logic [31:0]       count_late,
    output logic [31:0]       count_bad_icv
);
  localparam int SAS = 2 ** SA_W;
  localparam int BIT_W = $clog2(WINDOW);
  localparam logic [1:0] OK = 2'd0, DUPLICATE = 2'd1, TOO_OLD = 2'd2, ZERO = 2'd3;

`ifndef SYNTHESIS
  initial begin
    if (WINDOW < 32 || WINDOW > 4096 || (WINDOW & (WINDOW - 1)) != 0)
      $fatal(1, "esn_replay: WINDOW is %0d, must be a power of two from 32 to 4096", WINDOW);
    if (SA_W < 1 || SA_W > 16) $fatal(1, "esn_replay: SA_W is %0d, must be 1 to 16", SA_W);
  end
`endif

  logic [63:0]       top    [0:SAS-1];
  logic [12:0]       window [0:SAS-1];
  logic              esn    [0:SAS-1];
  logic [WINDOW-1:0] seen   [0:SAS-1];  // number n: bit n mod WINDOW

  function automatic logic [63:0] infer(input logic [63:0] high, input logic [31:0] low, input logic [12:0] size,
                                        input logic wide);
    logic [31:0] behind, reach, upper;
    begin
      behind = high[31:0] - low;
      reach  = size == '0 ? 32'h8000_0000 : {19'd0, size};
      upper  = high[63:32];
      if (behind < reach) begin
        if (low > high[31:0] && upper != '0) upper = upper - 1'b1;
      end else if (low <= high[31:0] && upper != '1) begin
        upper = upper + 1'b1;
      end
      infer = wide ? {upper, low} : {32'd0, low};
    end
  endfunction

  function automatic logic [1:0] verdict(input logic [63:0] high, input logic [12:0] size, input logic marked,
                                         input logic [63:0] number);
    begin
      if (size == '0) verdict = OK;
      else if (number == '0) verdict = ZERO;
      else if (number > high) verdict = OK;
      else if (high - number >= {51'd0, size}) verdict = TOO_OLD;
      else verdict = marked ? DUPLICATE : OK;
    end
  endfunction

  assign peek_top = top[peek_sa];

  // ---- check -------------------------------------------------------------------------------------------------------
  logic [63:0] chk_number;
  logic [1:0]  chk_verdict;
  logic        chk_start;

  assign chk_number  = infer(top[chk_sa], chk_low, window[chk_sa], esn[chk_sa]);
  assign chk_verdict = chk_crypt ? verdict(top[chk_sa], window[chk_sa], seen[chk_sa][chk_number[BIT_W-1:0]], chk_number)
                                 : OK;

  lane #(
    .WIDTH(64 + CHECK_DATA_W), .DEPTH(CHECK_DEPTH), .LATENCY(CHECK_LATENCY), .OVERHEAD(CHECK_OVERHEAD)
  ) u_check (
    .clk, .rst,
    .in_valid(chk_valid), .in_whole(1'b0), .in_last(chk_last), .in_pop(chk_pop),
    .ready(1'b1), .drop(chk_verdict != OK), .start(chk_start), .beat({chk_number, chk_data}),
    .out_valid(checked_valid), .out_whole(checked_whole), .out_last(checked_last),
    .out_data({checked_number, checked_data}), .out_pop(checked_pop)
  );

  // ---- commit ------------------------------------------------------------------------------------------------------
  logic [63:0]     upd_top;
  logic [12:0]     upd_window;
  logic            upd_writes, upd_busy, upd_start, upd_accept;
  logic [1:0]      upd_verdict;

  assign upd_top     = top[upd_sa];
  assign upd_window  = window[upd_sa];
  assign upd_writes  = upd_crypt && (upd_window != '0 || esn[upd_sa]);
  assign upd_verdict = verdict(upd_top, upd_window, seen[upd_sa][upd_number[BIT_W-1:0]], upd_number);
  assign upd_accept  = upd_crypt && upd_good && upd_verdict == OK;

  lane #(
    .WIDTH(UPDATE_DATA_W), .DEPTH(UPDATE_DEPTH), .LATENCY(UPDATE_LATENCY), .OVERHEAD(UPDATE_OVERHEAD), .START_LAST(1)
  ) u_update (
    .clk, .rst,
    .in_valid(upd_valid), .in_whole(upd_whole), .in_last(upd_last), .in_pop(upd_pop),
    .ready(!(upd_writes && upd_busy)), .drop(upd_crypt && !upd_accept), .start(upd_start), .beat(upd_data),
    .out_valid(updated_valid), .out_whole(updated_whole), .out_last(updated_last), .out_data(updated_data),
    .out_pop(updated_pop)
  );

  hazard #(.SA_W(SA_W), .RMW(RMW)) u_hazard (
    .clk, .rst, .note(upd_start && upd_accept && upd_writes), .sa(upd_sa), .busy(upd_busy)
  );

  // The marks of what comes into the window when top moves to the number are taken away; the number's own is set.
  function automatic logic [WINDOW-1:0] marks(input logic [WINDOW-1:0] old, input logic [63:0] high,
                                              input logic [63:0] number);
    logic [WINDOW-1:0] fresh;
    logic [63:0]       distance;
    integer            b;
    begin
      distance = number - high;
      fresh    = '0;
      if (number > high) begin
        // distance ones from bit (high + 1) mod WINDOW on, around the end
        for (b = 0; b < WINDOW; b = b + 1)
          fresh[b] = {{(64 - BIT_W) {1'b0}}, BIT_W'(BIT_W'(b) - high[BIT_W-1:0] - 1'b1)} < distance;
      end
      marks = old & ~fresh;
      marks[number[BIT_W-1:0]] = 1'b1;
    end
  endfunction

  logic commits;

  assign commits = upd_start && upd_accept;

  always_ff @(posedge clk) begin
    if (commits && upd_window != '0) seen[upd_sa] <= marks(seen[upd_sa], upd_top, upd_number);
    if (commits && upd_writes && upd_number > upd_top) top[upd_sa] <= upd_number;
    if (cfg_we) begin
      top[cfg_sa]    <= cfg_top;
      window[cfg_sa] <= cfg_window;
      esn[cfg_sa]    <= cfg_esn;
      // which of the numbers up to top came is not known: none of them is accepted again
      seen[cfg_sa]   <= cfg_top == '0 ? '0 : '1;
    end
  end

  assign chk_refuses = chk_start && chk_verdict != OK;
  assign upd_refuses = upd_start && upd_crypt && !upd_accept;

`ifndef SYNTHESIS
  always @(posedge clk) begin
    if (!rst && cfg_we)
      assert (cfg_window <= 13'(WINDOW)) else $error("esn_replay: cfg_window is %0d, WINDOW is %0d", cfg_window, WINDOW);
  end
`endif

  // ---- counters ----------------------------------------------------------------------------------------------------
  always_ff @(posedge clk) begin
    if (rst) begin
      count_ok        <= '0;
      count_duplicate <= '0;
      count_too_old   <= '0;
      count_zero      <= '0;
      count_late      <= '0;
      count_bad_icv   <= '0;
    end else begin
      count_ok        <= count_ok + 32'(chk_start && chk_crypt && chk_verdict == OK);
      count_duplicate <= count_duplicate + 32'(chk_start && chk_verdict == DUPLICATE);
      count_too_old   <= count_too_old + 32'(chk_start && chk_verdict == TOO_OLD);
      count_zero      <= count_zero + 32'(chk_start && chk_verdict == ZERO);
      count_late      <= count_late + 32'(upd_start && upd_crypt && upd_good && upd_verdict != OK);
      count_bad_icv   <= count_bad_icv + 32'(upd_start && upd_crypt && !upd_good);
    end
  end
endmodule
