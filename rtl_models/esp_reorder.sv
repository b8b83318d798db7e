// Items of several channels become one row again. The C block: reorder_tx, reorder_rx (sim/nic/crypto.c).
//
// An item has a key and a ticket beside its first beat. It goes on when it is its turn: items of a key go by their tickets, 0, 1,
// 2.. modulo 256. In a cycle the first input, from the one behind that served last on (at first: from 0), goes whose item is there
// (its first beat, or with START_LAST all of it) and in turn. Beats follow each other a cycle or more apart, and are pushed a cycle
// after they were taken.
module esp_reorder #(
    parameter int INPUTS     = 2,   // 2 to 16
    parameter int KEY_W      = 4,
    parameter int WIDTH      = 8,   // of what goes with each beat
    parameter int START_LAST = 0,
    parameter int DEPTH      = 8
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic [INPUTS-1:0]       in_valid,
    input  logic [INPUTS-1:0]       in_whole,
    input  logic [INPUTS-1:0]       in_last,
    input  logic [INPUTS*KEY_W-1:0] in_key,
    input  logic [INPUTS*8-1:0]     in_ticket,
    input  logic [INPUTS*WIDTH-1:0] in_data,
    output logic [INPUTS-1:0]       in_pop,
    output logic                    start,      // an item begins
    output logic [$clog2(INPUTS)-1:0] start_input,
    output logic                    out_valid,
    output logic                    out_whole,
    output logic                    out_last,
    output logic [WIDTH-1:0]        out_data,
    input  logic                    out_pop
);
  localparam int IN_W = $clog2(INPUTS);

`ifndef SYNTHESIS
  initial begin
    if (INPUTS < 2 || INPUTS > 16) $fatal(1, "esp_reorder: INPUTS is %0d, must be 2 to 16", INPUTS);
  end
`endif

  logic [7:0]        turn [0:2**KEY_W-1];  // ticket that goes next
  logic [INPUTS-1:0] can;
  logic              found, begun, room;
  logic [IN_W-1:0]   chosen, serving, after, from;

  // Of the inputs that can go: the first one from `after` on.
  integer n;
  always_comb begin
    found  = 1'b0;
    chosen = '0;
    for (n = 0; n < INPUTS; n = n + 1)
      can[n] = in_valid[n] && (START_LAST == 0 || in_whole[n]) && turn[in_key[n*KEY_W+:KEY_W]] == in_ticket[n*8+:8];
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

  logic             go, last;
  logic [KEY_W-1:0] key;
  logic             end_valid, end_last;
  logic [WIDTH-1:0] end_data;

  assign from  = begun ? serving : chosen;
  assign go    = room && (begun ? in_valid[serving] : found);
  assign last  = in_last[from];
  assign key   = in_key[from*KEY_W+:KEY_W];
  assign start = go && !begun;
  assign start_input = chosen;

  always_comb begin
    in_pop = '0;
    in_pop[from] = go;
  end

  integer k;
  always_ff @(posedge clk) begin
    if (rst) begin
      begun     <= 1'b0;
      serving   <= '0;
      after     <= '0;
      end_valid <= 1'b0;
      for (k = 0; k < 2 ** KEY_W; k = k + 1) turn[k] <= '0;
    end else begin
      end_valid <= go;
      if (go) begun <= !last;
      if (start) begin
        serving   <= chosen;
        after     <= chosen == IN_W'(INPUTS - 1) ? '0 : chosen + 1'b1;
        turn[key] <= turn[key] + 1'b1;
      end
    end
    end_last <= last;
    end_data <= in_data[from*WIDTH+:WIDTH];
  end

  channel #(.WIDTH(WIDTH), .DEPTH(DEPTH)) u_out (
    .clk, .rst, .room, .reserve(go), .push(end_valid), .push_last(end_last), .push_data(end_data),
    .valid(out_valid), .whole(out_whole), .last(out_last), .data(out_data), .pop(out_pop)
  );
endmodule
