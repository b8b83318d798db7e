/* What driver and card share in memory: rings, descriptors, commands. The programming manual.
 *
 * All integers are little-endian, all structures are naturally aligned and have no hidden padding.
 * Registers are in pcie_model/registers.def.
 *
 * Rings. Every ring is an array of 2^n entries in host memory (base aligned to 64). The driver writes
 * entries and then the ring's TAIL register (free-running 32-bit index: entries posted so far); the
 * card consumes in order. Completions go to a separate ring of the same size: the card writes entry i
 * at index i mod size, with ABI_PHASE in `flags` equal to 1 on the first pass through the ring, 0 on the
 * second, and so on. There are never more posted and uncompleted entries than the ring has.
 *
 * What a completion costs on the bus is the driver's choice, ring by ring (TX_DONE, RX_DONE): several entries
 * in one DMA write; entries for some of the descriptors only; or no entries, but the number completed so far,
 * 4 bytes. No completion waits longer than TX_DONE_WAIT or RX_DONE_WAIT for others, and none waits when
 * nothing else that was posted is left.
 *
 * Crypto offload (IPsecOV2): the driver hands framed packets (ESP/AH header with sequence number, IV
 * for CBC left to the card (O-21), padding, trailer, room for the ICV); the card encrypts and writes the
 * ICV. On receive the card decrypts in place, strips nothing, and says what it did in the words.
 * Packet offload: the driver hands clear packets and a handle; the card encapsulates and numbers. On
 * receive the card checks replay, decapsulates and hands up clear packets. */
#ifndef ESPNIC_NIC_ABI_H
#define ESPNIC_NIC_ABI_H

#include <stdint.h>

enum { ABI_PHASE = 1u << 15 };

/* ---- transmit ------------------------------------------------------------------------------ */

struct abi_tx_descriptor {  /* 64 bytes */
    uint64_t address;       /* of the frame: Ethernet without FCS, contiguous */
    uint32_t length;        /* bytes; 14..65535 */
    uint16_t port;          /* of the card */
    uint16_t flags;         /* ABI_TX_* */
    uint64_t handle;        /* slot 1: OffloadHandle, 0 = no IPsec work */
    uint64_t tunnel_handle; /* slot 11: TunnelHandle, 0 = none. With both: transport in tunnel */
    uint32_t header_word;   /* slot 12, send format (crypto offload) */
    /* Slot 2, large send: payload bytes of a TCP segment, 0 = none; bytes before the TCP payload. Crypto offload: ESP
     * header and IV are in front of TCP, with the first number; trailer and ICV are not behind it. */
    uint16_t mss, headers;
    uint64_t tag; /* comes back in the completion and on the wire port */
    uint32_t tfc; /* packet offload, tunnel mode: bytes of TFC padding to add */
    uint32_t reserved2;
    uint64_t push; /* ABI_PUSH_*: in a window only; in the ring not looked at */
};

enum {
    ABI_TX_INTERRUPT = 1u << 0, /* this completion may raise the queue's interrupt */
    /* Cards whose transmit SAs are entries of a table behind registers: what the entry does not say, as in
     * the 82599's context descriptor (bits 0x2000 and 0x4000 there). */
    ABI_TX_ESP = 1u << 1,     /* ESP, else AH */
    ABI_TX_ENCRYPT = 1u << 2, /* AES-GCM, else AES-GMAC */
    ABI_TX_NO_KEY = 1u << 3,  /* of the model only: the recording has no key */
    /* Cards without a table of transmit SAs: the context behind the descriptor is that of the SA. */
    ABI_TX_CONTEXT = 1u << 4,
    /* Rings that do not complete every descriptor by itself: this one does. */
    ABI_TX_REPORT = 1u << 5,
    /* The frame itself, `length` bytes, stands behind the descriptor (and the context): TX_INLINE, TX_PUSH. */
    ABI_TX_INLINE = 1u << 6,
    ABI_TX_ABSENT = 1u << 7 /* of the model only: with INLINE, the frame has no contents */
};

/* A descriptor can be written to the card instead of being read by it: to the window of its queue (TX_PUSH), in
 * bursts of any size that is a multiple of 8 bytes, in any order. What is written is what stands in the ring,
 * where it must be as well, with two differences: `push` is the doorbell, and the frame may follow though in
 * the ring it does not. The descriptor counts as posted, with all before it, when the last of its bytes has
 * come; what is written beyond them in the same burst is padding. A card that has no place for it reads it from
 * the ring. The next one may be written when all of this one has been (a fence). */
enum {
    ABI_PUSH_TAIL_LSB = 0,  /* 32 bits: what would be written to TX_TAIL */
    ABI_PUSH_BYTES_LSB = 32 /* 16 bits: of descriptor, context and frame */
};

static inline uint64_t abi_push(uint32_t tail, uint32_t bytes)
{
    return (uint64_t)bytes << ABI_PUSH_BYTES_LSB | tail;
}

/* On such a card CAP_TX_CONTEXT bytes follow each descriptor in the ring (entries are 64 + CAP_TX_CONTEXT
 * bytes, and TX_INLINE more): this, 16 bytes for a precomputed hash key (AES-GCM), the cipher's key with its salt, the
 * integrity key. */
struct abi_tx_context {
    uint32_t seq_hi; /* of this packet's number; ESN */
    uint32_t reserved;
    uint32_t spi;
    uint8_t op;        /* 1 AH, 2 ESP */
    uint8_t flags;     /* ABI_CONTEXT_* */
    uint8_t enc, auth; /* enum esp_alg: algorithm numbers of CAP_ALGORITHMS */
    uint8_t icv;
    uint8_t enc_length, auth_length; /* bytes */
    uint8_t reserved2[5];
};

enum { ABI_CONTEXT_ESN = 1, ABI_CONTEXT_NO_KEY = 2 /* of the model only */ };

enum { ABI_CONTEXT_KEYS = 24 + 16 /* where the keys begin */, ABI_CONTEXT_MAX = 256 };

/* Handles of such a card: the SPI above, the number of the entry below. The card reads the number only
 * (the 82599's context descriptor holds 10 bits); it makes such handles for what it receives. */
enum { ABI_TABLE_RX_HANDLE = 1, ABI_TABLE_TX_HANDLE = ABI_TABLE_RX_HANDLE + 1024 };

static inline uint64_t abi_table_handle(uint32_t spi, uint32_t number)
{
    return (uint64_t)spi << 32 | number;
}

enum abi_tx_status { /* NDIS status values */
                     ABI_TX_OK = 0,
                     ABI_TX_FAILED =
                         (int)0xC0000001u /* unknown handle, or dropped: `reason` says why */
};

struct
    abi_tx_completion { /* 32 bytes; of an entry of 16 the first 16, of a longer one the rest is 0 */
    uint64_t tag;
    uint32_t status;   /* enum abi_tx_status */
    uint16_t reason;   /* enum nic_drop (sim/nic/drops.h), 0 = none */
    uint16_t flags;    /* ABI_PHASE */
    uint64_t sequence; /* packet offload: number that the (outermost) SA gave */
    uint32_t
        head; /* TX_DONE.MODE 1: descriptors completed with this entry (free-running); else 0 */
    uint32_t reserved;
};

/* ---- receive ------------------------------------------------------------------------------- */

struct abi_rx_descriptor { /* 16 bytes */
    uint64_t address;      /* of an empty buffer */
    uint32_t length;       /* its size in bytes; a longer packet is dropped (`rx_buffer_small`) */
    uint32_t cookie;       /* comes back in the completion */
};

struct abi_rx_completion { /* 64 bytes; of a longer entry the rest is 0 */
    uint32_t cookie;
    uint32_t length;       /* bytes written */
    uint32_t offload_word; /* slot 1, receive format: SaDeleteReq, CryptoDone, NextCryptoDone,
                             * CryptoStatus */
    uint32_t header_word;  /* slot 12, receive format */
    uint64_t handle;       /* of the SA (the outer one of two), 0 = none matched */
    uint64_t inner_handle; /* of the second SA, 0 = none */
    uint64_t sequence;     /* 64-bit number that the card inferred or used, 0 = none */
    uint64_t wire_ps;      /* time stamp: last bit on the wire, picoseconds */
    uint64_t tag;          /* of the received frame (espnic_frame.tag): a time stamp's companion */
    uint16_t port;
    uint16_t reason;   /* why the card left the packet alone: enum nic_bypass, 0 = processed; with
                      * CRYPTO_DONE: why it left alone the IPsec that it found inside */
    uint16_t security; /* ABI_SECURITY_*; 0 but for a card with tables behind registers */
    uint16_t flags;    /* ABI_PHASE */
};

/* Bits 31:16 of status and error in the receive descriptor of an 82599, as it has them: was a packet seen by its
 * engines, and what was wrong with it (Intel 82599 datasheet, receive descriptor write-back). */
enum {
    ABI_SECURITY_SECP = 1u << (17 - 16),
    ABI_SECURITY_ERROR_LSB = 27 - 16, /* two bits, enum abi_security_error */
    ABI_SECURITY_ERROR_MASK = 3
};
enum abi_security_error {
    ABI_SECURITY_NO_ERROR = 0,
    ABI_SECURITY_INVALID_PROTOCOL = 1,
    ABI_SECURITY_INVALID_LENGTH = 2,
    ABI_SECURITY_AUTH_FAILED = 3
};

/* An entry of 32 bytes: what a driver cannot do without. Names and values as above; there is no inner handle,
 * no number, no tag and nothing of `security`. */
struct abi_rx_short {
    uint32_t cookie;
    uint16_t length;
    uint8_t port, reason;
    uint64_t handle;
    uint64_t wire_ps;
    uint16_t offload_word; /* its lower half; CryptoStatus is in `status` */
    uint16_t header_word;  /* its lower half: next header and pad length */
    uint8_t status;
    uint8_t info; /* ABI_HEADER_INFO_SET of header_word: 1 */
    uint16_t flags;
};

/* With RX_DONE.MODE 2 a struct abi_rx_completion stands in front of each packet; its flags are 0. */
enum { ABI_RX_PREFIX = 64 };

/* Bits of offload_word: NDIS_IPSEC_OFFLOAD_V2_NET_BUFFER_LIST_INFO, receive */
enum {
    ABI_RX_SA_DELETE_REQ = 1u << 0,
    ABI_RX_CRYPTO_DONE = 1u << 1,
    ABI_RX_NEXT_CRYPTO_DONE = 1u << 2,
    ABI_RX_CRYPTO_STATUS_LSB = 16
};

enum abi_crypto_status {
    ABI_CRYPTO_SUCCESS = 0,
    ABI_CRYPTO_GENERIC_ERROR = 1,
    ABI_CRYPTO_TRANSPORT_AH_AUTH_FAILED = 2,
    ABI_CRYPTO_TRANSPORT_ESP_AUTH_FAILED = 3,
    ABI_CRYPTO_TUNNEL_AH_AUTH_FAILED = 4,
    ABI_CRYPTO_TUNNEL_ESP_AUTH_FAILED = 5,
    ABI_CRYPTO_INVALID_PACKET_SYNTAX = 6,
    ABI_CRYPTO_INVALID_PROTOCOL = 7
};

/* Fields of header_word */
enum {
    ABI_HEADER_NEXT_LSB = 0,
    ABI_HEADER_PAD_LSB = 8,
    ABI_HEADER_INFO_SET = 1 << 16, /* receive: the two above are valid */
    ABI_HEADER_AH_OFFSET_LSB = 16, /* send: / 4 bytes, from the IP header */
    ABI_HEADER_ESP_OFFSET_LSB = 24
};

/* ---- command paths ------------------------------------------------------------------------- */

/* How SAs get to the card: CAP_FLAGS.COMMAND_PATH. */
enum nic_path {
    NIC_PATH_QUEUE,     /* command queue */
    NIC_PATH_REGISTERS, /* tables behind registers */
    NIC_PATH_FIRMWARE,  /* command queue, served by a firmware */
    NIC_PATH_DESCRIPTOR /* with every packet to send; the queue for what is received */
};

/* ---- commands ------------------------------------------------------------------------------ */

enum abi_opcode {
    ABI_OP_ADD_SA = 0xFC030202,
    ABI_OP_DELETE_SA = 0xFC030203,
    ABI_OP_UPDATE_SA = 0xFC030204,
    ABI_OP_ADD_SA_EX = 0xFC030205,
    ABI_OP_ENCAPSULATION = 0x0101010A, /* OID_OFFLOAD_ENCAPSULATION: `argument` 1 on, 2 off */
    /* Of cards that raise events; the buffer holds a struct abi_sa_state. MODIFY is the firmware's, the others are not. */
    ABI_OP_STATE_READ = 0x45530001,
    ABI_OP_STATE_MODIFY = 0x45530002,
    ABI_OP_STATE_ARM = 0x45530003
};

struct abi_command { /* 64 bytes */
    uint32_t opcode; /* enum abi_opcode */
    uint32_t argument;
    uint64_t buffer; /* request structures, see below */
    uint32_t length; /* bytes of the buffer */
    uint32_t nodes;
    uint64_t cookie; /* comes back in the completion */
    uint64_t reserved[4];
};

struct abi_command_completion { /* 32 bytes */
    uint64_t cookie;
    uint32_t status; /* NDIS_STATUS */
    uint32_t nodes;  /* nodes offloaded (ADD), found (DELETE) */
    uint16_t reason; /* enum sa_reason of the first node that failed (ADD), else 0 */
    uint16_t reserved;
    uint32_t bytes_read;
    uint32_t card_ps_low;  /* picoseconds that the card had all it needed and was not done: */
    uint16_t card_ps_high; /* ... waiting for its processor, and being executed */
    uint16_t flags;        /* ABI_PHASE */
};

/* The buffer of a command holds the raw NDIS structures in the 64-bit WDK layout
 * (ntddndis.h), chains flattened: node after node, each aligned to 8 bytes, `Next` being the offset of
 * the next node from the start of the buffer, 0 in the last. For ADD the card writes OffloadHandle of every node
 * back into the buffer (8 bytes by DMA) before the completion.
 * In packet offload, and for annotations that no OID structure carries, every ADD node is followed, at
 * the next multiple of 8, by a struct abi_annotation; the flag in reserved bytes 4..7 of the node
 * (padding in the WDK layout), ABI_NODE_ANNOTATED, says so. */
enum { ABI_NODE_ANNOTATED = 0x414e4f54 };

struct abi_annotation_sa {
    uint64_t sequence;
    uint64_t soft_packets, hard_packets, soft_bytes, hard_bytes, soft_s, hard_s;
    uint16_t replay_window;
    uint8_t enc, auth; /* enum esp_alg: algorithms that have no NDIS identifier; else 0 */
    uint8_t enc_icv, auth_icv;
    uint8_t reserved[2];
};

struct abi_annotation {     /* 192 bytes */
    uint32_t bytes;         /* of this structure */
    uint8_t mode;           /* enum esp_mode */
    uint8_t selector_flags; /* ABI_SEL_* */
    uint16_t sport, dport;  /* UDP encapsulation */
    uint8_t proto;
    uint8_t src_bits, dst_bits;
    uint8_t family; /* of the selector: 4 or 6 */
    uint8_t src[16], dst[16];
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
    uint8_t no_key; /* bit 2i: SA i has no encryption key, 2i+1: no integrity key (timing) */
    uint8_t reserved[1];
    uint64_t age_ns; /* nanoseconds for which the limits in seconds have run already */
    struct abi_annotation_sa sa[2];
};

enum {
    ABI_SEL_PRESENT = 1,
    ABI_SEL_SRC = 2,
    ABI_SEL_DST = 4,
    ABI_SEL_PROTO = 8,
    ABI_SEL_SPORT = 16,
    ABI_SEL_DPORT = 32
};

/* ---- events ------------------------------------------------------------------------------------ */

/* What a card with CAP_FLAGS.EVENTS tells of an SA: an entry of the ring at EVENT_BASE, with phase. */
struct abi_event { /* 64 bytes */
    uint64_t handle;
    uint32_t op, spi; /* which SA of the bundle */
    uint32_t kind;    /* enum abi_event_kind */
    uint32_t reserved;
    uint64_t raised_ps; /* time stamp, picoseconds */
    uint64_t reserved2[3];
    uint32_t reserved3;
    uint16_t reserved4;
    uint16_t flags; /* ABI_PHASE */
};

enum abi_event_kind {
    ABI_EVENT_ESN =
        1, /* its number to send, or the lowest of its window, has crossed a multiple of 2^31 */
    ABI_EVENT_LIMIT = 2 /* its packet counter is down to the threshold, or 0 */
};

enum { ABI_STATE_WORDS = 2 };

/* Reading writes the words; modifying takes seq_hi and overlap (sa_table/scope.h), arming takes arm and threshold. */
struct abi_sa_state { /* 64 bytes */
    uint64_t handle;
    uint32_t op, spi;
    uint32_t seq_hi, overlap;
    uint32_t arm;       /* ABI_ARM_* */
    uint32_t threshold; /* packets left */
    uint64_t
        words[ABI_STATE_WORDS]; /* upper half, lower half of the place; ABI_STATE_*, packets left */
    uint64_t reserved[2];
};

enum {
    ABI_ARM_ESN = 1,
    ABI_ARM_LIMIT = 2,
    ABI_ARM_ROUND = 4 /* add a round, if less than one is left */
};

enum {
    ABI_STATE_SCOPE = 1, /* there is one */
    ABI_STATE_OVERLAP = 2,
    ABI_STATE_ESN_ARMED = 4,
    ABI_STATE_LIMIT = 8, /* there is one in packets */
    ABI_STATE_LIMIT_ARMED = 16
};

_Static_assert(sizeof(struct abi_event) == 64, "layout");
_Static_assert(sizeof(struct abi_sa_state) == 64, "layout");
_Static_assert(sizeof(struct abi_tx_descriptor) == 64, "layout");
_Static_assert(sizeof(struct abi_tx_context) == 24, "layout");
_Static_assert(sizeof(struct abi_tx_completion) == 32, "layout");
_Static_assert(sizeof(struct abi_rx_descriptor) == 16, "layout");
_Static_assert(sizeof(struct abi_rx_completion) == 64, "layout");
_Static_assert(sizeof(struct abi_rx_short) == 32, "layout");
_Static_assert(sizeof(struct abi_rx_completion) == ABI_RX_PREFIX, "layout");
_Static_assert(sizeof(struct abi_command) == 64, "layout");
_Static_assert(sizeof(struct abi_command_completion) == 32, "layout");
_Static_assert(sizeof(struct abi_annotation) == 192, "layout");

#endif
