// Registers of BAR0.
//
// Made from pcie_model/registers.def; do not edit. A test compares the two.
// What each register and field means: pcie_model/REGISTERS.md.
//
// For every register NAME: NAME_OFFSET (bytes), NAME_BITS, NAME_ACCESS and NAME_RESVAL;
// of an array also NAME_COUNT and NAME_STRIDE (bytes). For every field NAME_FIELD:
// NAME_FIELD_LSB, NAME_FIELD_WIDTH and NAME_FIELD_MASK. A register without fields is one.
// For every window NAME, which holds no registers: NAME_OFFSET, _COUNT, _STRIDE, _BYTES.

// Whoever imports the package uses what it needs.
/* verilator lint_off UNUSEDPARAM */

package espnic_regs_pkg;

  typedef enum logic [2:0] {
    AccessRo,   // the driver reads
    AccessRw,   // it reads and writes
    AccessWo,   // it writes; reading is refused
    AccessW1c,  // a one written clears the bit
    AccessW1s   // a one written sets the bit
  } access_e;

  localparam int unsigned BAR_BYTES = 65536;
  localparam int unsigned REGISTERS = 67;

  localparam logic [15:0] ID_OFFSET = 16'h0000;
  localparam int unsigned ID_BITS = 32;
  localparam access_e ID_ACCESS = AccessRo;
  localparam logic [31:0] ID_RESVAL = 32'h45534e43;

  localparam logic [15:0] VERSION_OFFSET = 16'h0004;
  localparam int unsigned VERSION_BITS = 32;
  localparam access_e VERSION_ACCESS = AccessRo;
  localparam logic [31:0] VERSION_RESVAL = 32'h00010001;

  localparam logic [15:0] CTRL_OFFSET = 16'h0008;
  localparam int unsigned CTRL_BITS = 32;
  localparam access_e CTRL_ACCESS = AccessRw;
  localparam logic [31:0] CTRL_RESVAL = 32'h00000000;
  localparam int unsigned CTRL_ENABLE_LSB = 0;
  localparam int unsigned CTRL_ENABLE_WIDTH = 1;
  localparam logic [31:0] CTRL_ENABLE_MASK = 32'h00000001;
  localparam int unsigned CTRL_RESET_LSB = 1;
  localparam int unsigned CTRL_RESET_WIDTH = 1;
  localparam logic [31:0] CTRL_RESET_MASK = 32'h00000002;
  localparam int unsigned CTRL_OFFLOAD_LSB = 2;
  localparam int unsigned CTRL_OFFLOAD_WIDTH = 1;
  localparam logic [31:0] CTRL_OFFLOAD_MASK = 32'h00000004;

  localparam logic [15:0] STATUS_OFFSET = 16'h000c;
  localparam int unsigned STATUS_BITS = 32;
  localparam access_e STATUS_ACCESS = AccessRo;
  localparam logic [31:0] STATUS_RESVAL = 32'h00000001;
  localparam int unsigned STATUS_READY_LSB = 0;
  localparam int unsigned STATUS_READY_WIDTH = 1;
  localparam logic [31:0] STATUS_READY_MASK = 32'h00000001;
  localparam int unsigned STATUS_RESETTING_LSB = 1;
  localparam int unsigned STATUS_RESETTING_WIDTH = 1;
  localparam logic [31:0] STATUS_RESETTING_MASK = 32'h00000002;
  localparam int unsigned STATUS_DMA_ERROR_LSB = 2;
  localparam int unsigned STATUS_DMA_ERROR_WIDTH = 1;
  localparam logic [31:0] STATUS_DMA_ERROR_MASK = 32'h00000004;

  localparam logic [15:0] CAP_SA_CAPACITY_OFFSET = 16'h0020;
  localparam int unsigned CAP_SA_CAPACITY_BITS = 32;
  localparam access_e CAP_SA_CAPACITY_ACCESS = AccessRo;
  localparam logic [31:0] CAP_SA_CAPACITY_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_ENCRYPTION_OFFSET = 16'h0024;
  localparam int unsigned CAP_ENCRYPTION_BITS = 32;
  localparam access_e CAP_ENCRYPTION_ACCESS = AccessRo;
  localparam logic [31:0] CAP_ENCRYPTION_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_AUTHENTICATION_OFFSET = 16'h0028;
  localparam int unsigned CAP_AUTHENTICATION_BITS = 32;
  localparam access_e CAP_AUTHENTICATION_ACCESS = AccessRo;
  localparam logic [31:0] CAP_AUTHENTICATION_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_ALGORITHMS_OFFSET = 16'h002c;
  localparam int unsigned CAP_ALGORITHMS_BITS = 32;
  localparam access_e CAP_ALGORITHMS_ACCESS = AccessRo;
  localparam logic [31:0] CAP_ALGORITHMS_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_FLAGS_OFFSET = 16'h0030;
  localparam int unsigned CAP_FLAGS_BITS = 32;
  localparam access_e CAP_FLAGS_ACCESS = AccessRo;
  localparam logic [31:0] CAP_FLAGS_RESVAL = 32'h00000000;
  localparam int unsigned CAP_FLAGS_IPV6_LSB = 0;
  localparam int unsigned CAP_FLAGS_IPV6_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_IPV6_MASK = 32'h00000001;
  localparam int unsigned CAP_FLAGS_IPV4_OPTIONS_LSB = 1;
  localparam int unsigned CAP_FLAGS_IPV4_OPTIONS_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_IPV4_OPTIONS_MASK = 32'h00000002;
  localparam int unsigned CAP_FLAGS_IPV6_EXTENSIONS_LSB = 2;
  localparam int unsigned CAP_FLAGS_IPV6_EXTENSIONS_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_IPV6_EXTENSIONS_MASK = 32'h00000004;
  localparam int unsigned CAP_FLAGS_AH_LSB = 3;
  localparam int unsigned CAP_FLAGS_AH_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_AH_MASK = 32'h00000008;
  localparam int unsigned CAP_FLAGS_ESP_LSB = 4;
  localparam int unsigned CAP_FLAGS_ESP_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_ESP_MASK = 32'h00000010;
  localparam int unsigned CAP_FLAGS_AH_ESP_LSB = 5;
  localparam int unsigned CAP_FLAGS_AH_ESP_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_AH_ESP_MASK = 32'h00000020;
  localparam int unsigned CAP_FLAGS_TRANSPORT_LSB = 6;
  localparam int unsigned CAP_FLAGS_TRANSPORT_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_TRANSPORT_MASK = 32'h00000040;
  localparam int unsigned CAP_FLAGS_TUNNEL_LSB = 7;
  localparam int unsigned CAP_FLAGS_TUNNEL_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_TUNNEL_MASK = 32'h00000080;
  localparam int unsigned CAP_FLAGS_TRANSPORT_TUNNEL_LSB = 8;
  localparam int unsigned CAP_FLAGS_TRANSPORT_TUNNEL_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_TRANSPORT_TUNNEL_MASK = 32'h00000100;
  localparam int unsigned CAP_FLAGS_LSO_LSB = 9;
  localparam int unsigned CAP_FLAGS_LSO_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_LSO_MASK = 32'h00000200;
  localparam int unsigned CAP_FLAGS_ESN_LSB = 10;
  localparam int unsigned CAP_FLAGS_ESN_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_ESN_MASK = 32'h00000400;
  localparam int unsigned CAP_FLAGS_PACKET_OFFLOAD_LSB = 11;
  localparam int unsigned CAP_FLAGS_PACKET_OFFLOAD_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_PACKET_OFFLOAD_MASK = 32'h00000800;
  localparam int unsigned CAP_FLAGS_ESN_INFERRED_LSB = 12;
  localparam int unsigned CAP_FLAGS_ESN_INFERRED_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_ESN_INFERRED_MASK = 32'h00001000;
  localparam int unsigned CAP_FLAGS_UNIT_SAS_LSB = 13;
  localparam int unsigned CAP_FLAGS_UNIT_SAS_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_UNIT_SAS_MASK = 32'h00002000;
  localparam int unsigned CAP_FLAGS_COMMAND_PATH_LSB = 16;
  localparam int unsigned CAP_FLAGS_COMMAND_PATH_WIDTH = 2;
  localparam logic [31:0] CAP_FLAGS_COMMAND_PATH_MASK = 32'h00030000;
  localparam int unsigned CAP_FLAGS_NO_INBOUND_LSB = 18;
  localparam int unsigned CAP_FLAGS_NO_INBOUND_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_NO_INBOUND_MASK = 32'h00040000;
  localparam int unsigned CAP_FLAGS_RESET_WIPES_LSB = 20;
  localparam int unsigned CAP_FLAGS_RESET_WIPES_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_RESET_WIPES_MASK = 32'h00100000;
  localparam int unsigned CAP_FLAGS_MORE_LSB = 19;
  localparam int unsigned CAP_FLAGS_MORE_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_MORE_MASK = 32'h00080000;
  localparam int unsigned CAP_FLAGS_ESN_SCOPE_LSB = 21;
  localparam int unsigned CAP_FLAGS_ESN_SCOPE_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_ESN_SCOPE_MASK = 32'h00200000;
  localparam int unsigned CAP_FLAGS_EVENTS_LSB = 22;
  localparam int unsigned CAP_FLAGS_EVENTS_WIDTH = 1;
  localparam logic [31:0] CAP_FLAGS_EVENTS_MASK = 32'h00400000;

  localparam logic [15:0] CAP_UDP_OFFSET = 16'h0034;
  localparam int unsigned CAP_UDP_BITS = 32;
  localparam access_e CAP_UDP_ACCESS = AccessRo;
  localparam logic [31:0] CAP_UDP_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_WINDOW_OFFSET = 16'h0038;
  localparam int unsigned CAP_WINDOW_BITS = 32;
  localparam access_e CAP_WINDOW_ACCESS = AccessRo;
  localparam logic [31:0] CAP_WINDOW_RESVAL = 32'h00000000;
  localparam int unsigned CAP_WINDOW_MIN_LSB = 0;
  localparam int unsigned CAP_WINDOW_MIN_WIDTH = 13;
  localparam logic [31:0] CAP_WINDOW_MIN_MASK = 32'h00001fff;
  localparam int unsigned CAP_WINDOW_MAX_LSB = 16;
  localparam int unsigned CAP_WINDOW_MAX_WIDTH = 13;
  localparam logic [31:0] CAP_WINDOW_MAX_MASK = 32'h1fff0000;
  localparam int unsigned CAP_WINDOW_OFF_LSB = 31;
  localparam int unsigned CAP_WINDOW_OFF_WIDTH = 1;
  localparam logic [31:0] CAP_WINDOW_OFF_MASK = 32'h80000000;

  localparam logic [15:0] CAP_RINGS_OFFSET = 16'h003c;
  localparam int unsigned CAP_RINGS_BITS = 32;
  localparam access_e CAP_RINGS_ACCESS = AccessRo;
  localparam logic [31:0] CAP_RINGS_RESVAL = 32'h00000000;
  localparam int unsigned CAP_RINGS_PORTS_LSB = 0;
  localparam int unsigned CAP_RINGS_PORTS_WIDTH = 8;
  localparam logic [31:0] CAP_RINGS_PORTS_MASK = 32'h000000ff;
  localparam int unsigned CAP_RINGS_TX_QUEUES_LSB = 8;
  localparam int unsigned CAP_RINGS_TX_QUEUES_WIDTH = 8;
  localparam logic [31:0] CAP_RINGS_TX_QUEUES_MASK = 32'h0000ff00;
  localparam int unsigned CAP_RINGS_RX_QUEUES_LSB = 16;
  localparam int unsigned CAP_RINGS_RX_QUEUES_WIDTH = 8;
  localparam logic [31:0] CAP_RINGS_RX_QUEUES_MASK = 32'h00ff0000;

  localparam logic [15:0] CAP_TABLES_OFFSET = 16'h0040;
  localparam int unsigned CAP_TABLES_BITS = 32;
  localparam access_e CAP_TABLES_ACCESS = AccessRo;
  localparam logic [31:0] CAP_TABLES_RESVAL = 32'h00000000;
  localparam int unsigned CAP_TABLES_TX_LSB = 0;
  localparam int unsigned CAP_TABLES_TX_WIDTH = 16;
  localparam logic [31:0] CAP_TABLES_TX_MASK = 32'h0000ffff;
  localparam int unsigned CAP_TABLES_RX_LSB = 16;
  localparam int unsigned CAP_TABLES_RX_WIDTH = 16;
  localparam logic [31:0] CAP_TABLES_RX_MASK = 32'hffff0000;

  localparam logic [15:0] CAP_COMMAND_OFFSET = 16'h0044;
  localparam int unsigned CAP_COMMAND_BITS = 32;
  localparam access_e CAP_COMMAND_ACCESS = AccessRo;
  localparam logic [31:0] CAP_COMMAND_RESVAL = 32'h00000000;
  localparam int unsigned CAP_COMMAND_IP_ENTRIES_LSB = 0;
  localparam int unsigned CAP_COMMAND_IP_ENTRIES_WIDTH = 11;
  localparam logic [31:0] CAP_COMMAND_IP_ENTRIES_MASK = 32'h000007ff;
  localparam int unsigned CAP_COMMAND_ICV_8_LSB = 12;
  localparam int unsigned CAP_COMMAND_ICV_8_WIDTH = 1;
  localparam logic [31:0] CAP_COMMAND_ICV_8_MASK = 32'h00001000;
  localparam int unsigned CAP_COMMAND_ICV_12_LSB = 13;
  localparam int unsigned CAP_COMMAND_ICV_12_WIDTH = 1;
  localparam logic [31:0] CAP_COMMAND_ICV_12_MASK = 32'h00002000;
  localparam int unsigned CAP_COMMAND_ICV_16_LSB = 14;
  localparam int unsigned CAP_COMMAND_ICV_16_WIDTH = 1;
  localparam logic [31:0] CAP_COMMAND_ICV_16_MASK = 32'h00004000;
  localparam int unsigned CAP_COMMAND_LIMIT_LSB = 16;
  localparam int unsigned CAP_COMMAND_LIMIT_WIDTH = 16;
  localparam logic [31:0] CAP_COMMAND_LIMIT_MASK = 32'hffff0000;

  localparam logic [15:0] CAP_TX_CONTEXT_OFFSET = 16'h0048;
  localparam int unsigned CAP_TX_CONTEXT_BITS = 32;
  localparam access_e CAP_TX_CONTEXT_ACCESS = AccessRo;
  localparam logic [31:0] CAP_TX_CONTEXT_RESVAL = 32'h00000000;

  localparam logic [15:0] CAP_TX_OFFSET = 16'h004c;
  localparam int unsigned CAP_TX_BITS = 32;
  localparam access_e CAP_TX_ACCESS = AccessRo;
  localparam logic [31:0] CAP_TX_RESVAL = 32'h00000000;
  localparam int unsigned CAP_TX_INLINE_LSB = 0;
  localparam int unsigned CAP_TX_INLINE_WIDTH = 8;
  localparam logic [31:0] CAP_TX_INLINE_MASK = 32'h000000ff;
  localparam int unsigned CAP_TX_PUSH_LSB = 8;
  localparam int unsigned CAP_TX_PUSH_WIDTH = 11;
  localparam logic [31:0] CAP_TX_PUSH_MASK = 32'h0007ff00;

  localparam logic [15:0] CAP_ROUND_OFFSET = 16'h0050;
  localparam int unsigned CAP_ROUND_BITS = 32;
  localparam access_e CAP_ROUND_ACCESS = AccessRo;
  localparam logic [31:0] CAP_ROUND_RESVAL = 32'h00000000;

  localparam logic [15:0] CMD_BASE_OFFSET = 16'h0100;
  localparam int unsigned CMD_BASE_BITS = 64;
  localparam access_e CMD_BASE_ACCESS = AccessRw;
  localparam logic [63:0] CMD_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CMD_DONE_BASE_OFFSET = 16'h0108;
  localparam int unsigned CMD_DONE_BASE_BITS = 64;
  localparam access_e CMD_DONE_BASE_ACCESS = AccessRw;
  localparam logic [63:0] CMD_DONE_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CMD_SIZE_OFFSET = 16'h0110;
  localparam int unsigned CMD_SIZE_BITS = 32;
  localparam access_e CMD_SIZE_ACCESS = AccessRw;
  localparam logic [31:0] CMD_SIZE_RESVAL = 32'h00000000;

  localparam logic [15:0] CMD_TAIL_OFFSET = 16'h0114;
  localparam int unsigned CMD_TAIL_BITS = 32;
  localparam access_e CMD_TAIL_ACCESS = AccessRw;
  localparam logic [31:0] CMD_TAIL_RESVAL = 32'h00000000;

  localparam logic [15:0] CMD_HEAD_OFFSET = 16'h0118;
  localparam int unsigned CMD_HEAD_BITS = 32;
  localparam access_e CMD_HEAD_ACCESS = AccessRo;
  localparam logic [31:0] CMD_HEAD_RESVAL = 32'h00000000;

  localparam logic [15:0] EVENT_BASE_OFFSET = 16'h0120;
  localparam int unsigned EVENT_BASE_BITS = 64;
  localparam access_e EVENT_BASE_ACCESS = AccessRw;
  localparam logic [63:0] EVENT_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] EVENT_SIZE_OFFSET = 16'h0128;
  localparam int unsigned EVENT_SIZE_BITS = 32;
  localparam access_e EVENT_SIZE_ACCESS = AccessRw;
  localparam logic [31:0] EVENT_SIZE_RESVAL = 32'h00000000;

  localparam logic [15:0] EVENT_HEAD_OFFSET = 16'h012c;
  localparam int unsigned EVENT_HEAD_BITS = 32;
  localparam access_e EVENT_HEAD_ACCESS = AccessRw;
  localparam logic [31:0] EVENT_HEAD_RESVAL = 32'h00000000;

  localparam logic [15:0] TX_BASE_OFFSET = 16'h1000;
  localparam int unsigned TX_BASE_COUNT = 16;
  localparam int unsigned TX_BASE_STRIDE = 64;
  localparam int unsigned TX_BASE_BITS = 64;
  localparam access_e TX_BASE_ACCESS = AccessRw;
  localparam logic [63:0] TX_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] TX_DONE_BASE_OFFSET = 16'h1008;
  localparam int unsigned TX_DONE_BASE_COUNT = 16;
  localparam int unsigned TX_DONE_BASE_STRIDE = 64;
  localparam int unsigned TX_DONE_BASE_BITS = 64;
  localparam access_e TX_DONE_BASE_ACCESS = AccessRw;
  localparam logic [63:0] TX_DONE_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] TX_SIZE_OFFSET = 16'h1010;
  localparam int unsigned TX_SIZE_COUNT = 16;
  localparam int unsigned TX_SIZE_STRIDE = 64;
  localparam int unsigned TX_SIZE_BITS = 32;
  localparam access_e TX_SIZE_ACCESS = AccessRw;
  localparam logic [31:0] TX_SIZE_RESVAL = 32'h00000000;

  localparam logic [15:0] TX_TAIL_OFFSET = 16'h1014;
  localparam int unsigned TX_TAIL_COUNT = 16;
  localparam int unsigned TX_TAIL_STRIDE = 64;
  localparam int unsigned TX_TAIL_BITS = 32;
  localparam access_e TX_TAIL_ACCESS = AccessRw;
  localparam logic [31:0] TX_TAIL_RESVAL = 32'h00000000;

  localparam logic [15:0] TX_HEAD_OFFSET = 16'h1018;
  localparam int unsigned TX_HEAD_COUNT = 16;
  localparam int unsigned TX_HEAD_STRIDE = 64;
  localparam int unsigned TX_HEAD_BITS = 32;
  localparam access_e TX_HEAD_ACCESS = AccessRo;
  localparam logic [31:0] TX_HEAD_RESVAL = 32'h00000000;

  localparam logic [15:0] TX_DONE_OFFSET = 16'h1020;
  localparam int unsigned TX_DONE_COUNT = 16;
  localparam int unsigned TX_DONE_STRIDE = 64;
  localparam int unsigned TX_DONE_BITS = 32;
  localparam access_e TX_DONE_ACCESS = AccessRw;
  localparam logic [31:0] TX_DONE_RESVAL = 32'h00000000;
  localparam int unsigned TX_DONE_MODE_LSB = 0;
  localparam int unsigned TX_DONE_MODE_WIDTH = 2;
  localparam logic [31:0] TX_DONE_MODE_MASK = 32'h00000003;
  localparam int unsigned TX_DONE_BATCH_LSB = 8;
  localparam int unsigned TX_DONE_BATCH_WIDTH = 7;
  localparam logic [31:0] TX_DONE_BATCH_MASK = 32'h00007f00;
  localparam int unsigned TX_DONE_BYTES_LSB = 16;
  localparam int unsigned TX_DONE_BYTES_WIDTH = 4;
  localparam logic [31:0] TX_DONE_BYTES_MASK = 32'h000f0000;

  localparam logic [15:0] TX_DONE_WAIT_OFFSET = 16'h1024;
  localparam int unsigned TX_DONE_WAIT_COUNT = 16;
  localparam int unsigned TX_DONE_WAIT_STRIDE = 64;
  localparam int unsigned TX_DONE_WAIT_BITS = 32;
  localparam access_e TX_DONE_WAIT_ACCESS = AccessRw;
  localparam logic [31:0] TX_DONE_WAIT_RESVAL = 32'h00000000;

  localparam logic [15:0] TX_INLINE_OFFSET = 16'h1028;
  localparam int unsigned TX_INLINE_COUNT = 16;
  localparam int unsigned TX_INLINE_STRIDE = 64;
  localparam int unsigned TX_INLINE_BITS = 32;
  localparam access_e TX_INLINE_ACCESS = AccessRw;
  localparam logic [31:0] TX_INLINE_RESVAL = 32'h00000000;

  localparam logic [15:0] RX_BASE_OFFSET = 16'h2000;
  localparam int unsigned RX_BASE_COUNT = 16;
  localparam int unsigned RX_BASE_STRIDE = 64;
  localparam int unsigned RX_BASE_BITS = 64;
  localparam access_e RX_BASE_ACCESS = AccessRw;
  localparam logic [63:0] RX_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] RX_DONE_BASE_OFFSET = 16'h2008;
  localparam int unsigned RX_DONE_BASE_COUNT = 16;
  localparam int unsigned RX_DONE_BASE_STRIDE = 64;
  localparam int unsigned RX_DONE_BASE_BITS = 64;
  localparam access_e RX_DONE_BASE_ACCESS = AccessRw;
  localparam logic [63:0] RX_DONE_BASE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] RX_SIZE_OFFSET = 16'h2010;
  localparam int unsigned RX_SIZE_COUNT = 16;
  localparam int unsigned RX_SIZE_STRIDE = 64;
  localparam int unsigned RX_SIZE_BITS = 32;
  localparam access_e RX_SIZE_ACCESS = AccessRw;
  localparam logic [31:0] RX_SIZE_RESVAL = 32'h00000000;

  localparam logic [15:0] RX_TAIL_OFFSET = 16'h2014;
  localparam int unsigned RX_TAIL_COUNT = 16;
  localparam int unsigned RX_TAIL_STRIDE = 64;
  localparam int unsigned RX_TAIL_BITS = 32;
  localparam access_e RX_TAIL_ACCESS = AccessRw;
  localparam logic [31:0] RX_TAIL_RESVAL = 32'h00000000;

  localparam logic [15:0] RX_HEAD_OFFSET = 16'h2018;
  localparam int unsigned RX_HEAD_COUNT = 16;
  localparam int unsigned RX_HEAD_STRIDE = 64;
  localparam int unsigned RX_HEAD_BITS = 32;
  localparam access_e RX_HEAD_ACCESS = AccessRo;
  localparam logic [31:0] RX_HEAD_RESVAL = 32'h00000000;

  localparam logic [15:0] RX_DONE_OFFSET = 16'h2020;
  localparam int unsigned RX_DONE_COUNT = 16;
  localparam int unsigned RX_DONE_STRIDE = 64;
  localparam int unsigned RX_DONE_BITS = 32;
  localparam access_e RX_DONE_ACCESS = AccessRw;
  localparam logic [31:0] RX_DONE_RESVAL = 32'h00000000;
  localparam int unsigned RX_DONE_MODE_LSB = 0;
  localparam int unsigned RX_DONE_MODE_WIDTH = 2;
  localparam logic [31:0] RX_DONE_MODE_MASK = 32'h00000003;
  localparam int unsigned RX_DONE_BATCH_LSB = 8;
  localparam int unsigned RX_DONE_BATCH_WIDTH = 7;
  localparam logic [31:0] RX_DONE_BATCH_MASK = 32'h00007f00;
  localparam int unsigned RX_DONE_BYTES_LSB = 16;
  localparam int unsigned RX_DONE_BYTES_WIDTH = 4;
  localparam logic [31:0] RX_DONE_BYTES_MASK = 32'h000f0000;

  localparam logic [15:0] RX_DONE_WAIT_OFFSET = 16'h2024;
  localparam int unsigned RX_DONE_WAIT_COUNT = 16;
  localparam int unsigned RX_DONE_WAIT_STRIDE = 64;
  localparam int unsigned RX_DONE_WAIT_BITS = 32;
  localparam access_e RX_DONE_WAIT_ACCESS = AccessRw;
  localparam logic [31:0] RX_DONE_WAIT_RESVAL = 32'h00000000;

  localparam logic [15:0] INT_ENABLE_OFFSET = 16'h3000;
  localparam int unsigned INT_ENABLE_BITS = 32;
  localparam access_e INT_ENABLE_ACCESS = AccessRw;
  localparam logic [31:0] INT_ENABLE_RESVAL = 32'h00000000;

  localparam logic [15:0] INT_HOLDOFF_OFFSET = 16'h3010;
  localparam int unsigned INT_HOLDOFF_COUNT = 3;
  localparam int unsigned INT_HOLDOFF_STRIDE = 4;
  localparam int unsigned INT_HOLDOFF_BITS = 32;
  localparam access_e INT_HOLDOFF_ACCESS = AccessRw;
  localparam logic [31:0] INT_HOLDOFF_RESVAL = 32'h00000000;

  localparam logic [15:0] INT_COALESCE_OFFSET = 16'h3020;
  localparam int unsigned INT_COALESCE_COUNT = 3;
  localparam int unsigned INT_COALESCE_STRIDE = 4;
  localparam int unsigned INT_COALESCE_BITS = 32;
  localparam access_e INT_COALESCE_ACCESS = AccessRw;
  localparam logic [31:0] INT_COALESCE_RESVAL = 32'h00000001;

  localparam logic [15:0] CNT_RX_FRAMES_OFFSET = 16'h4000;
  localparam int unsigned CNT_RX_FRAMES_BITS = 64;
  localparam access_e CNT_RX_FRAMES_ACCESS = AccessRo;
  localparam logic [63:0] CNT_RX_FRAMES_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_RX_DROPS_OFFSET = 16'h4008;
  localparam int unsigned CNT_RX_DROPS_BITS = 64;
  localparam access_e CNT_RX_DROPS_ACCESS = AccessRo;
  localparam logic [63:0] CNT_RX_DROPS_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_TX_FRAMES_OFFSET = 16'h4010;
  localparam int unsigned CNT_TX_FRAMES_BITS = 64;
  localparam access_e CNT_TX_FRAMES_ACCESS = AccessRo;
  localparam logic [63:0] CNT_TX_FRAMES_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_TX_DROPS_OFFSET = 16'h4018;
  localparam int unsigned CNT_TX_DROPS_BITS = 64;
  localparam access_e CNT_TX_DROPS_ACCESS = AccessRo;
  localparam logic [63:0] CNT_TX_DROPS_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_SA_LIVE_OFFSET = 16'h4020;
  localparam int unsigned CNT_SA_LIVE_BITS = 64;
  localparam access_e CNT_SA_LIVE_ACCESS = AccessRo;
  localparam logic [63:0] CNT_SA_LIVE_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_PUSH_REFUSED_OFFSET = 16'h4030;
  localparam int unsigned CNT_PUSH_REFUSED_BITS = 64;
  localparam access_e CNT_PUSH_REFUSED_ACCESS = AccessRo;
  localparam logic [63:0] CNT_PUSH_REFUSED_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_PUSH_BAD_OFFSET = 16'h4038;
  localparam int unsigned CNT_PUSH_BAD_BITS = 64;
  localparam access_e CNT_PUSH_BAD_ACCESS = AccessRo;
  localparam logic [63:0] CNT_PUSH_BAD_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] CNT_BAD_ACCESS_OFFSET = 16'h4028;
  localparam int unsigned CNT_BAD_ACCESS_BITS = 64;
  localparam access_e CNT_BAD_ACCESS_ACCESS = AccessRo;
  localparam logic [63:0] CNT_BAD_ACCESS_RESVAL = 64'h0000000000000000;

  localparam logic [15:0] SECTXCTRL_OFFSET = 16'h8800;
  localparam int unsigned SECTXCTRL_BITS = 32;
  localparam access_e SECTXCTRL_ACCESS = AccessRw;
  localparam logic [31:0] SECTXCTRL_RESVAL = 32'h00000001;
  localparam int unsigned SECTXCTRL_SECTX_DIS_LSB = 0;
  localparam int unsigned SECTXCTRL_SECTX_DIS_WIDTH = 1;
  localparam logic [31:0] SECTXCTRL_SECTX_DIS_MASK = 32'h00000001;
  localparam int unsigned SECTXCTRL_TX_DIS_LSB = 1;
  localparam int unsigned SECTXCTRL_TX_DIS_WIDTH = 1;
  localparam logic [31:0] SECTXCTRL_TX_DIS_MASK = 32'h00000002;
  localparam int unsigned SECTXCTRL_STORE_FORWARD_LSB = 2;
  localparam int unsigned SECTXCTRL_STORE_FORWARD_WIDTH = 1;
  localparam logic [31:0] SECTXCTRL_STORE_FORWARD_MASK = 32'h00000004;

  localparam logic [15:0] SECTXSTAT_OFFSET = 16'h8804;
  localparam int unsigned SECTXSTAT_BITS = 32;
  localparam access_e SECTXSTAT_ACCESS = AccessRo;
  localparam logic [31:0] SECTXSTAT_RESVAL = 32'h00000000;
  localparam int unsigned SECTXSTAT_SECTX_RDY_LSB = 0;
  localparam int unsigned SECTXSTAT_SECTX_RDY_WIDTH = 1;
  localparam logic [31:0] SECTXSTAT_SECTX_RDY_MASK = 32'h00000001;
  localparam int unsigned SECTXSTAT_ECC_ERROR_LSB = 1;
  localparam int unsigned SECTXSTAT_ECC_ERROR_WIDTH = 1;
  localparam logic [31:0] SECTXSTAT_ECC_ERROR_MASK = 32'h00000002;

  localparam logic [15:0] SECTXBUFFAF_OFFSET = 16'h8808;
  localparam int unsigned SECTXBUFFAF_BITS = 32;
  localparam access_e SECTXBUFFAF_ACCESS = AccessRw;
  localparam logic [31:0] SECTXBUFFAF_RESVAL = 32'h00000250;

  localparam logic [15:0] SECTXMINIFG_OFFSET = 16'h8810;
  localparam int unsigned SECTXMINIFG_BITS = 32;
  localparam access_e SECTXMINIFG_ACCESS = AccessRw;
  localparam logic [31:0] SECTXMINIFG_RESVAL = 32'h00000001;

  localparam logic [15:0] IPSTXIDX_OFFSET = 16'h8900;
  localparam int unsigned IPSTXIDX_BITS = 32;
  localparam access_e IPSTXIDX_ACCESS = AccessRw;
  localparam logic [31:0] IPSTXIDX_RESVAL = 32'h00000000;
  localparam int unsigned IPSTXIDX_IPS_EN_LSB = 0;
  localparam int unsigned IPSTXIDX_IPS_EN_WIDTH = 1;
  localparam logic [31:0] IPSTXIDX_IPS_EN_MASK = 32'h00000001;
  localparam int unsigned IPSTXIDX_INDEX_LSB = 3;
  localparam int unsigned IPSTXIDX_INDEX_WIDTH = 10;
  localparam logic [31:0] IPSTXIDX_INDEX_MASK = 32'h00001ff8;
  localparam int unsigned IPSTXIDX_READ_LSB = 30;
  localparam int unsigned IPSTXIDX_READ_WIDTH = 1;
  localparam logic [31:0] IPSTXIDX_READ_MASK = 32'h40000000;
  localparam int unsigned IPSTXIDX_WRITE_LSB = 31;
  localparam int unsigned IPSTXIDX_WRITE_WIDTH = 1;
  localparam logic [31:0] IPSTXIDX_WRITE_MASK = 32'h80000000;

  localparam logic [15:0] IPSTXSALT_OFFSET = 16'h8904;
  localparam int unsigned IPSTXSALT_BITS = 32;
  localparam access_e IPSTXSALT_ACCESS = AccessRw;
  localparam logic [31:0] IPSTXSALT_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSTXKEY_OFFSET = 16'h8908;
  localparam int unsigned IPSTXKEY_COUNT = 4;
  localparam int unsigned IPSTXKEY_STRIDE = 4;
  localparam int unsigned IPSTXKEY_BITS = 32;
  localparam access_e IPSTXKEY_ACCESS = AccessRw;
  localparam logic [31:0] IPSTXKEY_RESVAL = 32'h00000000;

  localparam logic [15:0] SECRXCTRL_OFFSET = 16'h8d00;
  localparam int unsigned SECRXCTRL_BITS = 32;
  localparam access_e SECRXCTRL_ACCESS = AccessRw;
  localparam logic [31:0] SECRXCTRL_RESVAL = 32'h00000001;
  localparam int unsigned SECRXCTRL_SECRX_DIS_LSB = 0;
  localparam int unsigned SECRXCTRL_SECRX_DIS_WIDTH = 1;
  localparam logic [31:0] SECRXCTRL_SECRX_DIS_MASK = 32'h00000001;
  localparam int unsigned SECRXCTRL_RX_DIS_LSB = 1;
  localparam int unsigned SECRXCTRL_RX_DIS_WIDTH = 1;
  localparam logic [31:0] SECRXCTRL_RX_DIS_MASK = 32'h00000002;

  localparam logic [15:0] SECRXSTAT_OFFSET = 16'h8d04;
  localparam int unsigned SECRXSTAT_BITS = 32;
  localparam access_e SECRXSTAT_ACCESS = AccessRo;
  localparam logic [31:0] SECRXSTAT_RESVAL = 32'h00000000;
  localparam int unsigned SECRXSTAT_SECRX_RDY_LSB = 0;
  localparam int unsigned SECRXSTAT_SECRX_RDY_WIDTH = 1;
  localparam logic [31:0] SECRXSTAT_SECRX_RDY_MASK = 32'h00000001;
  localparam int unsigned SECRXSTAT_ECC_ERROR_LSB = 1;
  localparam int unsigned SECRXSTAT_ECC_ERROR_WIDTH = 1;
  localparam logic [31:0] SECRXSTAT_ECC_ERROR_MASK = 32'h00000002;

  localparam logic [15:0] IPSRXIDX_OFFSET = 16'h8e00;
  localparam int unsigned IPSRXIDX_BITS = 32;
  localparam access_e IPSRXIDX_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXIDX_RESVAL = 32'h00000000;
  localparam int unsigned IPSRXIDX_IPS_EN_LSB = 0;
  localparam int unsigned IPSRXIDX_IPS_EN_WIDTH = 1;
  localparam logic [31:0] IPSRXIDX_IPS_EN_MASK = 32'h00000001;
  localparam int unsigned IPSRXIDX_TABLE_LSB = 1;
  localparam int unsigned IPSRXIDX_TABLE_WIDTH = 2;
  localparam logic [31:0] IPSRXIDX_TABLE_MASK = 32'h00000006;
  localparam int unsigned IPSRXIDX_INDEX_LSB = 3;
  localparam int unsigned IPSRXIDX_INDEX_WIDTH = 10;
  localparam logic [31:0] IPSRXIDX_INDEX_MASK = 32'h00001ff8;
  localparam int unsigned IPSRXIDX_READ_LSB = 30;
  localparam int unsigned IPSRXIDX_READ_WIDTH = 1;
  localparam logic [31:0] IPSRXIDX_READ_MASK = 32'h40000000;
  localparam int unsigned IPSRXIDX_WRITE_LSB = 31;
  localparam int unsigned IPSRXIDX_WRITE_WIDTH = 1;
  localparam logic [31:0] IPSRXIDX_WRITE_MASK = 32'h80000000;

  localparam logic [15:0] IPSRXIPADDR_OFFSET = 16'h8e04;
  localparam int unsigned IPSRXIPADDR_COUNT = 4;
  localparam int unsigned IPSRXIPADDR_STRIDE = 4;
  localparam int unsigned IPSRXIPADDR_BITS = 32;
  localparam access_e IPSRXIPADDR_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXIPADDR_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSRXSPI_OFFSET = 16'h8e14;
  localparam int unsigned IPSRXSPI_BITS = 32;
  localparam access_e IPSRXSPI_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXSPI_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSRXIPIDX_OFFSET = 16'h8e18;
  localparam int unsigned IPSRXIPIDX_BITS = 32;
  localparam access_e IPSRXIPIDX_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXIPIDX_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSRXKEY_OFFSET = 16'h8e1c;
  localparam int unsigned IPSRXKEY_COUNT = 4;
  localparam int unsigned IPSRXKEY_STRIDE = 4;
  localparam int unsigned IPSRXKEY_BITS = 32;
  localparam access_e IPSRXKEY_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXKEY_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSRXSALT_OFFSET = 16'h8e2c;
  localparam int unsigned IPSRXSALT_BITS = 32;
  localparam access_e IPSRXSALT_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXSALT_RESVAL = 32'h00000000;

  localparam logic [15:0] IPSRXMOD_OFFSET = 16'h8e30;
  localparam int unsigned IPSRXMOD_BITS = 32;
  localparam access_e IPSRXMOD_ACCESS = AccessRw;
  localparam logic [31:0] IPSRXMOD_RESVAL = 32'h00000000;
  localparam int unsigned IPSRXMOD_VALID_LSB = 0;
  localparam int unsigned IPSRXMOD_VALID_WIDTH = 1;
  localparam logic [31:0] IPSRXMOD_VALID_MASK = 32'h00000001;
  localparam int unsigned IPSRXMOD_ESP_LSB = 2;
  localparam int unsigned IPSRXMOD_ESP_WIDTH = 1;
  localparam logic [31:0] IPSRXMOD_ESP_MASK = 32'h00000004;
  localparam int unsigned IPSRXMOD_DECRYPT_LSB = 3;
  localparam int unsigned IPSRXMOD_DECRYPT_WIDTH = 1;
  localparam logic [31:0] IPSRXMOD_DECRYPT_MASK = 32'h00000008;
  localparam int unsigned IPSRXMOD_IPV6_LSB = 4;
  localparam int unsigned IPSRXMOD_IPV6_WIDTH = 1;
  localparam logic [31:0] IPSRXMOD_IPV6_MASK = 32'h00000010;
  localparam int unsigned IPSRXMOD_NO_KEY_LSB = 31;
  localparam int unsigned IPSRXMOD_NO_KEY_WIDTH = 1;
  localparam logic [31:0] IPSRXMOD_NO_KEY_MASK = 32'h80000000;

  localparam logic [15:0] TX_PUSH_OFFSET = 16'hc000;
  localparam int unsigned TX_PUSH_COUNT = 16;
  localparam int unsigned TX_PUSH_STRIDE = 1024;
  localparam int unsigned TX_PUSH_BYTES = 1024;

endpackage

/* verilator lint_on UNUSEDPARAM */
