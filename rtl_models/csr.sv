// The registers of BAR0: decoder, values, and the mailbox of the tables behind registers. What is where comes from
// espnic_regs_pkg, which is made of pcie_model/registers.def. The C block: pcie_model/registers.c, with the rules of reads and of
// the mailbox from sim/nic/csr.c and mailbox.c.
//
// Accesses wait in a channel; one is taken a cycle. What it came to stands at the outputs in the next cycle, for one cycle.
//   Refused   not 4 or 8 bytes, not at a multiple of its size, or 8 bytes of a register of 4 (misaligned); no register there, or
//             one of the other command path (unknown); a write to a read-only register; a read of a write-only one. The first
//             reason is counted, and CNT_BAD_ACCESS counts all. A read that is refused is answered with ones.
//   Status    0: good; 1: there is no register (PCIe: unsupported request); 2: it cannot be read so (completer abort).
//   Halves    A register of 64 bits may be read and written in halves. A read of the lower half keeps the upper one for the
//             next read of it. A write takes effect with the upper half.
//   Fields    Bits of no field are not written.
//   Effect    `wrote` with the register, the element, its new value, and what the card has to do about it.
//   Mailbox   (TABLES) Writing READ or WRITE into an index register begins a load or store: `order` with table, entry, and,
//             for a store, the data registers as they are at that moment; data registers that the table has not got are 0.
//             Whoever has the tables says `order_done`, after it has set the data registers of a load: the strobes go back to 0.
//             Until then a write that asks for another one waits, and all behind it. A table that is not there is not asked:
//             its strobes go back at once, `order_none` says so.
// The card's side: `put` gives an element a value, one a cycle; `reset_rw` gives all that the driver writes their reset values
// and forgets a kept half. An access in the same cycle sees what was before, and what it has written is overwritten.
module csr #(
    parameter int TABLES = 0  // 1: the tables are behind registers; 0: there is a command queue
) (
    input  logic         clk,
    input  logic         rst,
    input  logic         acc_valid,
    input  logic         acc_write,
    input  logic [19:0]  acc_offset,  // the BAR has 16 bits: above it there is nothing
    input  logic [3:0]   acc_bytes,
    input  logic [63:0]  acc_data,
    output logic         acc_pop,
    output logic         answer,
    output logic [1:0]   answer_status,
    output logic [63:0]  answer_data,
    output logic         wrote,
    output logic [6:0]   wrote_id,
    output logic [3:0]   wrote_index,
    output logic [3:0]   wrote_effect,
    output logic [63:0]  wrote_value,
    output logic         order,
    output logic         order_none,
    output logic         order_write,
    output logic [1:0]   order_table,
    output logic [9:0]   order_entry,
    output logic [191:0] order_words,
    input  logic         order_done,
    input  logic         put,
    input  logic [8:0]   put_place,
    input  logic [63:0]  put_value,
    input  logic         reset_rw,
    output logic [31:0]  count_misaligned,
    output logic [31:0]  count_unknown,
    output logic [31:0]  count_read_only,
    output logic [31:0]  count_write_only
);
  localparam int PLACES = espnic_regs_pkg::PLACES;
  localparam logic [PLACES-1:0] WIDE = espnic_regs_pkg::PLACE_WIDE;
  localparam logic [PLACES-1:0] READ_ONLY = espnic_regs_pkg::PLACE_READ_ONLY;
  localparam int BAD = espnic_regs_pkg::CNT_BAD_ACCESS_PLACE;
  localparam int TX_INDEX = espnic_regs_pkg::IPSTXIDX_PLACE;
  localparam int RX_INDEX = espnic_regs_pkg::IPSRXIDX_PLACE;
  localparam logic [63:0] STROBES =
      {32'd0, espnic_regs_pkg::IPSTXIDX_READ_MASK | espnic_regs_pkg::IPSTXIDX_WRITE_MASK};
  localparam logic [1:0] GOOD = 2'd0, UNSUPPORTED = 2'd1, ABORTED = 2'd2;

  // A register has its reset value until it is written.
  logic [63:0]       value [0:PLACES-1];
  logic [PLACES-1:0] written;

  // ---- what the access means ------------------------------------------------------------------------------------------
  logic [28:0] dw;
  logic [8:0]  place;
  logic [6:0]  id;
  logic [2:0]  access;
  logic [3:0]  effect;
  logic        hidden, known, upper, wide, half, misaligned, too_wide, refused;
  logic        read_only, write_only;

  assign dw     = espnic_regs_pkg::decode(acc_offset[15:2]);
  assign place  = dw[espnic_regs_pkg::DW_PLACE_LSB+:9];
  assign id     = dw[espnic_regs_pkg::DW_ID_LSB+:7];
  assign access = dw[espnic_regs_pkg::DW_ACCESS_LSB+:3];
  assign effect = dw[espnic_regs_pkg::DW_EFFECT_LSB+:4];
  assign upper  = dw[espnic_regs_pkg::DW_UPPER];
  assign hidden = TABLES != 0 ? id >= espnic_regs_pkg::CMD_BASE_ID && id <= espnic_regs_pkg::EVENT_HEAD_ID
                              : id >= espnic_regs_pkg::SECTXCTRL_ID && id <= espnic_regs_pkg::IPSRXMOD_ID;
  assign known  = dw[espnic_regs_pkg::DW_KNOWN] && acc_offset[19:16] == '0 && !hidden;
  assign wide   = WIDE[place];
  assign half   = wide && acc_bytes == 4'd4;

  assign misaligned = !(acc_bytes == 4'd4 && acc_offset[1:0] == '0) && !(acc_bytes == 4'd8 && acc_offset[2:0] == '0);
  assign too_wide   = acc_bytes == 4'd8 && !wide;
  assign read_only  = acc_write && access == espnic_regs_pkg::AccessRo;
  assign write_only = !acc_write && access == espnic_regs_pkg::AccessWo;
  assign refused    = misaligned || !known || too_wide || read_only || write_only;

  // ---- taken or not -----------------------------------------------------------------------------------------------------
  logic busy;     // a load or store is under way
  logic rx_busy;  // ... asked for by the index register of the receive tables
  logic asks;

  assign asks    = TABLES != 0 && acc_write && (acc_data & STROBES) != '0 &&
                   (acc_offset == {4'd0, espnic_regs_pkg::IPSTXIDX_OFFSET} ||
                    acc_offset == {4'd0, espnic_regs_pkg::IPSRXIDX_OFFSET});
  assign acc_pop = acc_valid && !(busy && asks);

  logic reads, writes;

  assign reads  = acc_pop && !acc_write;
  assign writes = acc_pop && acc_write && !refused;

  // ---- reads --------------------------------------------------------------------------------------------------------------
  logic        kept;         // the upper half of a register that was read
  logic [15:0] kept_offset;  // where it is
  logic [31:0] kept_value;
  logic [63:0] old;
  logic        keeps, uses;

  assign old   = written[place] ? value[place] : espnic_regs_pkg::resval(place);
  assign keeps = reads && !refused && half && !upper;
  assign uses  = half && upper && kept && kept_offset == acc_offset[15:0];

  always_ff @(posedge clk) begin
    answer        <= rst ? 1'b0 : reads;
    answer_status <= !refused ? GOOD : !misaligned && !known ? UNSUPPORTED : ABORTED;
    if (refused) answer_data <= '1;
    else if (!half) answer_data <= old;
    else if (!upper) answer_data <= {32'd0, old[31:0]};
    else answer_data <= {32'd0, uses ? kept_value : old[63:32]};
    if (keeps) begin
      kept_offset <= acc_offset[15:0] + 16'd4;
      kept_value  <= old[63:32];
    end
    if (rst || reset_rw) kept <= 1'b0;
    else if (keeps) kept <= 1'b1;
    else if (reads && !refused && uses) kept <= 1'b0;
  end

  // ---- writes ---------------------------------------------------------------------------------------------------------------
  logic [63:0] data, mask, result, fresh;

  assign data = upper && half ? {acc_data[31:0], 32'd0} : acc_data;
  assign mask = espnic_regs_pkg::writable(id) &
                (half && upper ? {32'hffff_ffff, 32'd0} : acc_bytes == 4'd4 ? {32'd0, 32'hffff_ffff} : {64{1'b1}});

  csr_rule u_rule (.access, .old, .value(data), .mask, .result);

  always_ff @(posedge clk) begin
    wrote        <= rst ? 1'b0 : writes;
    wrote_id     <= id;
    wrote_index  <= dw[espnic_regs_pkg::DW_INDEX_LSB+:4];
    wrote_effect <= half && !upper ? espnic_regs_pkg::EFFECT_NONE : effect;
    wrote_value  <= fresh;
  end

  // ---- mailbox --------------------------------------------------------------------------------------------------------------
  logic       begins, none, stores;
  logic [1:0] table_asked;

  assign table_asked = place == 9'(TX_INDEX) ? 2'd0 : result[espnic_regs_pkg::IPSRXIDX_TABLE_LSB+:2];
  assign stores      = result[espnic_regs_pkg::IPSTXIDX_WRITE_LSB];
  assign begins      = writes && effect == espnic_regs_pkg::EFFECT_TABLE && (result & STROBES) != '0;
  assign none        = begins && place == 9'(RX_INDEX) && table_asked == 2'd0;
  assign fresh       = none ? result & ~STROBES : result;

  // The data registers of each table, in the order of the words of its entries. (Their reset values, and those of the index
  // registers, are 0.)
  logic [191:0] tx_words, ip_words, spi_words, key_words, words;

  genvar g;
  generate
    for (g = 0; g < 4; g = g + 1) begin : g_words
      localparam int TX_KEY = espnic_regs_pkg::IPSTXKEY_PLACE + g;
      localparam int RX_KEY = espnic_regs_pkg::IPSRXKEY_PLACE + g;
      localparam int ADDRESS = espnic_regs_pkg::IPSRXIPADDR_PLACE + g;

      assign tx_words[32*g+:32]  = written[TX_KEY] ? value[TX_KEY][31:0] : '0;
      assign key_words[32*g+:32] = written[RX_KEY] ? value[RX_KEY][31:0] : '0;
      assign ip_words[32*g+:32]  = written[ADDRESS] ? value[ADDRESS][31:0] : '0;
    end
  endgenerate

  localparam int TX_SALT = espnic_regs_pkg::IPSTXSALT_PLACE, RX_SALT = espnic_regs_pkg::IPSRXSALT_PLACE;
  localparam int RX_MODE = espnic_regs_pkg::IPSRXMOD_PLACE;
  localparam int RX_SPI = espnic_regs_pkg::IPSRXSPI_PLACE, RX_ADDRESS = espnic_regs_pkg::IPSRXIPIDX_PLACE;

  assign tx_words[191:128]  = {32'd0, written[TX_SALT] ? value[TX_SALT][31:0] : 32'd0};
  assign key_words[191:128] = {written[RX_MODE] ? value[RX_MODE][31:0] : 32'd0,
                               written[RX_SALT] ? value[RX_SALT][31:0] : 32'd0};
  assign ip_words[191:128]  = '0;
  assign spi_words          = {128'd0, written[RX_ADDRESS] ? value[RX_ADDRESS][31:0] : 32'd0,
                               written[RX_SPI] ? value[RX_SPI][31:0] : 32'd0};

  always_comb begin
    case (table_asked)
      2'd0: words = tx_words;
      2'd1: words = ip_words;
      2'd2: words = spi_words;
      default: words = key_words;
    endcase
  end

  always_ff @(posedge clk) begin
    order      <= rst ? 1'b0 : begins && !none;
    order_none <= rst ? 1'b0 : none;
    if (rst || order_done) busy <= 1'b0;
    if (begins && !none) begin
      busy        <= !rst;
      rx_busy     <= place == 9'(RX_INDEX);
      order_write <= stores;
      order_table <= table_asked;
      order_entry <= result[espnic_regs_pkg::IPSTXIDX_INDEX_LSB+:10];
      order_words <= words;
    end
  end

  // ---- values ---------------------------------------------------------------------------------------------------------------
  // Later lines overrule earlier ones.
  logic [8:0]  done_place;
  logic [63:0] done_value, bad_value;

  assign done_place = rx_busy ? 9'(RX_INDEX) : 9'(TX_INDEX);
  assign done_value = writes && place == done_place ? fresh
                    : written[done_place] ? value[done_place] : '0;
  assign bad_value  = written[BAD] ? value[BAD] : '0;

  always_ff @(posedge clk) begin
    if (writes) value[place] <= fresh;
    if (acc_pop && refused) value[BAD] <= bad_value + 1'b1;
    if (order_done) value[done_place] <= done_value & ~STROBES;
    if (put) value[put_place] <= put_value;
  end

  logic [PLACES-1:0] written_next;

  always @* begin
    written_next = written;
    if (writes) written_next[place] = 1'b1;
    if (acc_pop && refused) written_next[BAD] = 1'b1;
    if (order_done) written_next[done_place] = 1'b1;
    if (reset_rw) written_next = written_next & READ_ONLY;
    if (put) written_next[put_place] = 1'b1;
  end

  always_ff @(posedge clk) written <= rst ? '0 : written_next;

  // ---- counters -------------------------------------------------------------------------------------------------------------
  logic bad_place;

  assign bad_place = misaligned || (known && too_wide);

  always_ff @(posedge clk) begin
    if (rst) begin
      count_misaligned <= '0;
      count_unknown    <= '0;
      count_read_only  <= '0;
      count_write_only <= '0;
    end else begin
      count_misaligned <= count_misaligned + 32'(acc_pop && bad_place);
      count_unknown    <= count_unknown + 32'(acc_pop && !bad_place && !known);
      count_read_only  <= count_read_only + 32'(acc_pop && !bad_place && known && read_only);
      count_write_only <= count_write_only + 32'(acc_pop && !bad_place && known && write_only);
    end
  end

`ifndef SYNTHESIS
  initial begin
    if (TABLES < 0 || TABLES > 1) $fatal(1, "csr: TABLES is %0d, must be 0 or 1", TABLES);
  end

  always @(posedge clk) begin
    if (!rst) begin
      assert (!put || put_place < 9'(PLACES)) else $error("csr: put_place is %0d, there are %0d", put_place, PLACES);
      assert (!order_done || busy) else $error("csr: order_done, and there is no order");
    end
  end
`endif
endmodule
