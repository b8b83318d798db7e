// Items of several channels become one row again. The C blocks: reorder_tx and reorder_rx (sim/nic/crypto.c).
//
// Turn: in a cycle the first input, from the one behind that served last on (at first: from 0), begins an item whose item is there
// (its first beat, or with START_LAST all of it) and, with TICKETS, due.
// Tickets: an item has a key and a ticket beside its first beat; items of a key go by their tickets 0, 1, 2.. modulo 2^TICKET_W. That
// must be more than what one input can hold while another one's item waits: then no later ticket looks like the one that is due.
// Without TICKETS nobody waits: what must keep its order comes by one input.
//
// Time: rtl_models/README.md; latency 1, no tail. Nothing is refused.
module esp_reorder #(
    parameter int INPUTS     = 2,   // 2 to 16
    parameter int TICKETS    = 1,   // 0: key and ticket are not looked at
    parameter int KEY_W      = 4,   // bits of a key, 1 to 16
    parameter int TICKET_W   = 8,   // bits of a ticket, 1 to 16
    parameter int WIDTH      = 8,   // of what goes with each beat
    parameter int START_LAST = 0,
    parameter int DEPTH      = 8    // beats of the channel behind, 2 and more
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic [INPUTS-1:0]         in_valid,
    input  logic [INPUTS-1:0]         in_whole,
    input  logic [INPUTS-1:0]         in_last,
    // without TICKETS nobody looks at them
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [INPUTS*KEY_W-1:0]   in_key,
    input  logic [INPUTS*TICKET_W-1:0] in_ticket,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [INPUTS*WIDTH-1:0]   in_data,
    output logic [INPUTS-1:0]         in_pop,
    output logic                      takes,        // a beat is taken in this cycle:
    output logic                      takes_first,  // an item begins
    output logic                      takes_last,
    output logic [$clog2(INPUTS)-1:0] takes_input,
    output logic [WIDTH-1:0]          takes_data,
    output logic                      out_valid,
    output logic                      out_whole,
    output logic                      out_last,
    output logic [WIDTH-1:0]          out_data,
    input  logic                      out_pop
);
  localparam int IN_W = $clog2(INPUTS);

`ifndef SYNTHESIS
  initial begin
    if (INPUTS < 2 || INPUTS > 16) $fatal(1, "esp_reorder: INPUTS is %0d, must be 2 to 16", INPUTS);
    if (TICKETS < 0 || TICKETS > 1) $fatal(1, "esp_reorder: TICKETS is %0d, must be 0 or 1", TICKETS);
    if (START_LAST < 0 || START_LAST > 1) $fatal(1, "esp_reorder: START_LAST is %0d, must be 0 or 1", START_LAST);
    if (KEY_W < 1 || KEY_W > 16) $fatal(1, "esp_reorder: KEY_W is %0d, must be 1 to 16", KEY_W);
    if (TICKET_W < 1 || TICKET_W > 16) $fatal(1, "esp_reorder: TICKET_W is %0d, must be 1 to 16", TICKET_W);
  end
`endif

  logic [INPUTS-1:0] due, can;
  logic              found, begun, room;
  logic [IN_W-1:0]   chosen, serving, after;
  logic              end_valid, end_last;
  logic [WIDTH-1:0]  end_data;

  // ---- whose turn it is ------------------------------------------------------------------------------------------------
  assign can = in_valid & due & (START_LAST == 0 ? {INPUTS{1'b1}} : in_whole);

  // Of the inputs that can go: the first one from `after` on.
  integer n;
  always @* begin
    found  = 1'b0;
    chosen = '0;
    for (n = INPUTS - 1; n >= 0; n = n - 1) begin
      if (can[n] && IN_W'(n) < after) begin
        found  = 1'b1;
        chosen = IN_W'(n);
      end
    end
    for (n = INPUTS - 1; n >= 0; n = n - 1) begin
      if (can[n] && IN_W'(n) >= after) begin
        found  = 1'b1;
        chosen = IN_W'(n);
      end
    end
  end

  assign takes_input = begun ? serving : chosen;
  assign takes       = room && (begun ? in_valid[serving] : found);
  assign takes_first = takes && !begun;
  assign takes_last  = in_last[takes_input];
  assign takes_data  = in_data[takes_input*WIDTH+:WIDTH];

  always @* begin
    in_pop = '0;
    in_pop[takes_input] = takes;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      begun     <= 1'b0;
      serving   <= '0;
      after     <= '0;
      end_valid <= 1'b0;
    end else begin
      end_valid <= takes;
      if (takes) begun <= !takes_last;
      if (takes_first) begin
        serving <= chosen;
        after   <= chosen == IN_W'(INPUTS - 1) ? '0 : chosen + 1'b1;
      end
    end
    end_last <= takes_last;
    end_data <= takes_data;
  end

  // ---- tickets -----------------------------------------------------------------------------------------------------------
  generate
    if (TICKETS == 0) begin : g_free
      assign due = '1;
    end else begin : g_tickets
      logic [TICKET_W*2**KEY_W-1:0] turn;  // the ticket that goes next, of each key
      logic [KEY_W-1:0]             key;
      genvar                        i;

      for (i = 0; i < INPUTS; i = i + 1) begin : g_input
        assign due[i] = turn[TICKET_W*in_key[i*KEY_W+:KEY_W]+:TICKET_W] == in_ticket[i*TICKET_W+:TICKET_W];
      end
      assign key = in_key[takes_input*KEY_W+:KEY_W];

      always_ff @(posedge clk) begin
        if (rst) turn <= '0;
        else if (takes_first) turn[TICKET_W*key+:TICKET_W] <= turn[TICKET_W*key+:TICKET_W] + 1'b1;
      end
    end
  endgenerate

  channel #(.WIDTH(WIDTH), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve(takes), .push(end_valid), .push_last(end_last), .push_data(end_data),
    .valid(out_valid), .whole(out_whole), .last(out_last), .data(out_data), .pop(out_pop)
  );
endmodule
