// What a write makes of a register: the rule of its access type, for the bits in `mask`.
module csr_rule (
    input  logic [2:0]  access,
    input  logic [63:0] old,
    input  logic [63:0] value,
    input  logic [63:0] mask,
    output logic [63:0] result
);
  always_comb begin
    case (access)
      espnic_regs_pkg::AccessRw, espnic_regs_pkg::AccessWo: result = (old & ~mask) | (value & mask);
      espnic_regs_pkg::AccessW1c: result = old & ~(value & mask);
      espnic_regs_pkg::AccessW1s: result = old | (value & mask);
      default: result = old;
    endcase
  end
endmodule
