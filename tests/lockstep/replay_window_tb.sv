// esn_replay gets an SA whose window is larger than any it can have: its assertion has to say so.
module replay_window_tb;
  logic clk = 1'b0, rst = 1'b1, we = 1'b0;
  logic [12:0] window = 13'd64;

  esn_replay #(.WINDOW(64)) dut (
    .clk, .rst, .cfg_we(we), .cfg_sa(4'd1), .cfg_window(window), .cfg_esn(1'b0), .cfg_top(64'd0),
    .chk_valid(1'b0), .chk_last(1'b0), .chk_crypt(1'b0), .chk_sa(4'd0), .chk_low(32'd0), .chk_data(16'd0), .chk_pop(),
    .checked_valid(), .checked_whole(), .checked_last(), .checked_number(), .checked_data(), .checked_pop(1'b0),
    .upd_valid(1'b0), .upd_whole(1'b0), .upd_last(1'b0), .upd_crypt(1'b0), .upd_sa(4'd0), .upd_number(64'd0),
    .upd_good(1'b0), .upd_data(16'd0), .upd_pop(),
    .updated_valid(), .updated_whole(), .updated_last(), .updated_data(), .updated_pop(1'b0),
    .count_ok(), .count_duplicate(), .count_too_old(), .count_zero(), .count_late(), .count_bad_icv()
  );

  always #5 clk = !clk;

  initial begin
    @(negedge clk) rst = 1'b0;
    we = 1'b1;
    @(negedge clk) $display("a window of 64 is set");
    window = 13'd65;
    @(negedge clk) $finish;
  end
endmodule
