// Codes between the blocks of esp_rx.

/* verilator lint_off UNUSEDPARAM */

package esp_rx_pkg;

  // Why a frame is left alone (enum nic_bypass of sim/nic/drops.h).
  localparam logic [2:0] PASS_NONE      = 3'd0;  // it is ESP, and is looked up
  localparam logic [2:0] PASS_NOT_IPSEC = 3'd1;
  localparam logic [2:0] PASS_NO_SA     = 3'd2;
  localparam logic [2:0] PASS_FRAGMENT  = 3'd3;
  localparam logic [2:0] PASS_OPTIONS   = 3'd4;
  localparam logic [2:0] PASS_MALFORMED = 3'd5;

  // What becomes of a packet whose ICV is right (enum esp_status of sim/esp/esp.h).
  localparam logic [2:0] OPEN_OK          = 3'd0;
  localparam logic [2:0] OPEN_BAD_PADDING = 3'd1;
  localparam logic [2:0] OPEN_DUMMY       = 3'd2;
  localparam logic [2:0] OPEN_WRONG       = 3'd3;  // a tunnel that carries no IP
  localparam logic [2:0] OPEN_BAD_INNER   = 3'd4;
  localparam logic [2:0] OPEN_ECN         = 3'd5;

  localparam int BEAT_BYTES = 64;
  localparam int BEAT_W = 512;
  localparam int LEN_W = 16;     // bytes of a frame
  localparam int LONGEST = 28;   // beats of the longest one: MTU 1500 and 256 bytes around it, as the card counts

endpackage

/* verilator lint_on UNUSEDPARAM */
