// What stands beside the first beat of an item of aes_gcm: fields of `info`. Bytes are in the order of memory: byte i of a
// field is [8*i +: 8] of it. Numbers (BEGIN, END, AAD_LEN, ICV) are plain.

// Whoever uses the package uses what it needs.
/* verilator lint_off UNUSEDPARAM */

package aes_gcm_pkg;

  localparam int DECRYPT_LSB = 0;    // 1: decrypt and check, 0: encrypt and write
  localparam int DECRYPT_W = 1;
  localparam int GMAC_LSB = 1;       // the payload is authenticated only (RFC 4543)
  localparam int GMAC_W = 1;
  localparam int ROUNDS_LSB = 2;     // of AES, as rounds() below says
  localparam int ROUNDS_W = 2;
  localparam int ICV_LSB = 4;        // bytes of the ICV: 8, 12 or 16
  localparam int ICV_W = 6;
  localparam int AAD_LEN_LSB = 10;   // bytes of AAD, 0 to AAD_MAX
  localparam int AAD_LEN_W = 6;
  localparam int BEGIN_LSB = 16;     // offset in the frame of the payload, behind the IV; BEGIN_MIN or more
  localparam int BEGIN_W = 16;
  localparam int END_LSB = 32;       // offset of the ICV, which is the end of the payload
  localparam int END_W = 16;
  localparam int SALT_LSB = 48;      // the nonce is salt, IV
  localparam int SALT_W = 32;
  localparam int IV_LSB = 80;
  localparam int IV_W = 64;
  // What is authenticated before the payload. GCM (RFC 4106): SPI, sequence number (with ESN 8 bytes of it, high half
  // first). GMAC: the same, then the IV.
  localparam int AAD_LSB = 144;
  localparam int AAD_W = 160;
  localparam int H_LSB = 304;        // hash subkey: a block of zeros, encrypted
  localparam int H_W = 128;
  localparam int KEYS_LSB = 432;     // round key i is at KEYS_LSB + 128 * i
  localparam int KEYS_W = 1920;
  localparam int INFO_W = 2352;

  localparam int AAD_MAX = 20;
  // Ethernet, IP and ESP headers are longer than that. J0, the AAD and H find their slots there.
  localparam int BEGIN_MIN = 32;

  function automatic [3:0] rounds(input [1:0] code);
    rounds = code == 2'd0 ? 4'd10 : code == 2'd1 ? 4'd12 : 4'd14;
  endfunction

endpackage

/* verilator lint_on UNUSEDPARAM */
