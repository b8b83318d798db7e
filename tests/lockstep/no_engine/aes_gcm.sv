// In the place of aes_gcm.sv where only the parameters around it are asked for: Icarus needs seconds for the real one.
module aes_gcm #(
    parameter int BLOCKS = 1,
    parameter int DEPTH = 24,
    parameter int OVERHEAD = 0,
    parameter int STAGES_PER_ROUND = 1,
    parameter int TAG_W = 1
) (
    input  logic                                            clk,
    input  logic                                            rst,
    input  logic                                            in_valid,
    input  logic                                            in_last,
    input  logic [TAG_W+aes_gcm_pkg::INFO_W+128*BLOCKS-1:0] in_data,
    output logic                                            in_pop,
    output logic                                            out_valid,
    output logic                                            out_whole,
    output logic                                            out_last,
    output logic [TAG_W+128*BLOCKS:0]                       out_data,
    input  logic                                            out_pop
);
  assign in_pop = 1'b0;
  assign out_valid = 1'b0;
  assign out_whole = 1'b0;
  assign out_last = 1'b0;
  assign out_data = '0;
endmodule
