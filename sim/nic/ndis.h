/* The NDIS structures of IPsec Offload Version 2, in bytes: what a command buffer holds.
 *
 * Layout: 64-bit WDK, little-endian, default packing (ntddndis.h). Addresses are in
 * network byte order, an SPI is a host integer (O-6). Chains are flattened into one buffer: nodes start
 * at multiples of 8, `Next` is the offset of the next node from the start of the buffer, 0 in the last.
 *
 * What no NDIS structure has a field for travels in a struct abi_annotation (sim/nic/abi.h) behind the
 * node's keys. A node says that it has one by ABI_NODE_ANNOTATED in its padding: bytes 4..7 of ADD_SA,
 * bytes 44..47 of ADD_SA_EX (whose bytes 4..7 are NumExtHdrs). The annotation starts at the first
 * multiple of 8 at or after both the 176 bytes of the structure and the end of its keys.
 *
 * Reading has two steps. ndis_walk() looks at the form of the whole request (headers, links, lengths):
 * where it fails, so does the request. ndis_read_node() decodes one node; a node that fails does not
 * affect the others (O-31). Both accept any bytes. */
#ifndef ESPNIC_NIC_NDIS_H
#define ESPNIC_NIC_NDIS_H

#include "esp/sa.h"
#include "sa_table/capabilities.h"

/* ---- statuses (ndis.h) ----------------------------------------------------------------------- */

#define NDIS_STATUS_SUCCESS              0x00000000u
#define NDIS_STATUS_PENDING              0x00000103u
#define NDIS_STATUS_NOT_RECOGNIZED       0x00010001u
#define NDIS_STATUS_NOT_ACCEPTED         0x00010003u /* not negative: compare with 0, never by sign */
#define NDIS_STATUS_INDICATION_REQUIRED  0x40230001u
#define NDIS_STATUS_BUFFER_OVERFLOW      0x80000005u
#define NDIS_STATUS_FAILURE              0xC0000001u
#define NDIS_STATUS_INVALID_PARAMETER    0xC000000Du
#define NDIS_STATUS_RESOURCES            0xC000009Au
#define NDIS_STATUS_NOT_SUPPORTED        0xC00000BBu
#define NDIS_STATUS_CLOSING              0xC0010002u
#define NDIS_STATUS_BAD_VERSION          0xC0010004u
#define NDIS_STATUS_REQUEST_ABORTED      0xC001000Cu
#define NDIS_STATUS_RESET_IN_PROGRESS    0xC001000Du
#define NDIS_STATUS_CLOSING_INDICATING   0xC001000Eu
#define NDIS_STATUS_ADAPTER_NOT_READY    0xC0010011u
#define NDIS_STATUS_INVALID_LENGTH       0xC0010014u
#define NDIS_STATUS_INVALID_DATA         0xC0010015u
#define NDIS_STATUS_BUFFER_TOO_SHORT     0xC0010016u
#define NDIS_STATUS_INVALID_OID          0xC0010017u
#define NDIS_STATUS_ADAPTER_REMOVED      0xC0010018u
#define NDIS_STATUS_SEND_ABORTED         0xC023000Cu
#define NDIS_STATUS_PAUSED               0xC023002Au
#define NDIS_STATUS_UNSUPPORTED_REVISION 0xC023002Cu
#define NDIS_STATUS_LOW_POWER_STATE      0xC023002Fu

/* "SUCCESS", "INVALID_PARAMETER", ...; NULL if the number has no name here. */
const char *ndis_status_name(uint32_t status);

/* How a request ends of which no node was taken, the first one for this reason (O-2). */
uint32_t ndis_status_of(enum sa_reason reason);

/* ---- form ------------------------------------------------------------------------------------ */

enum ndis_kind { NDIS_ADD_SA, NDIS_ADD_SA_EX, NDIS_UPDATE_SA, NDIS_DELETE_SA };

enum {
    NDIS_MAX_CHAIN = 64,     /* O-10 */
    NDIS_MAX_KEYS = 272,     /* key bytes of a node: 2 SAs of 2 keys of ESP_MAX_KEY */
    NDIS_MAX_NODE = 640,     /* bytes of an ADD node with keys and annotation, at most */
    NDIS_HANDLE_ADD = 56,    /* OffloadHandle in ADD_SA */
    NDIS_HANDLE_ADD_EX = 48, /* in ADD_SA_EX */
    NDIS_HANDLE_DELETE = 16, /* in DELETE_SA */
    NDIS_HANDLE_UPDATE = 8   /* in UPDATE_SA */
};

/* Offset of OffloadHandle in a node of this kind: where the card writes the handle of an ADD. */
uint32_t ndis_handle_offset(enum ndis_kind kind);

/* Fill offset[] with where the nodes start, in chain order (UPDATE and ADD_SA_EX: exactly one).
 * NDIS_STATUS_SUCCESS;
 * INVALID_LENGTH: the buffer ends inside a node's fixed part, inside the keys of the first node (O-39)
 *   or inside an annotation; KeyOffset of ADD_SA_EX below 170;
 * INVALID_DATA: Header.Type is not 0x80, Revision not 1 or Size below the macro's (O-4); Next is
 *   no multiple of 8, leads back to a node of the chain, or the chain is longer than NDIS_MAX_CHAIN.
 * *count is the number of nodes seen well formed, also on failure. */
uint32_t ndis_walk(enum ndis_kind kind, const uint8_t *buffer, uint32_t length,
                   uint32_t offset[NDIS_MAX_CHAIN], uint32_t *count);

/* ---- ADD ------------------------------------------------------------------------------------- */

/* Decode the node at `offset` (from ndis_walk). SA_OK or an SA_INVALID_* reason; then `node` is not
 * usable. Without annotation: tunnel mode if the UDP kind names it, else transport (O-24); outbound the
 * first number is 1, inbound the highest received 0, over the upper half; inbound window 64.
 * `handle` and `pair` are 0 (the card's own handle is written back by the caller). Checked here is what
 * the bytes can get wrong; whether entries go together is for sa_validate to say. */
enum sa_reason ndis_read_node(enum ndis_kind kind, const uint8_t *buffer, uint32_t length,
                              uint32_t offset, struct esp_node *node);

/* Both steps at once. nodes[] and reasons[] have NDIS_MAX_CHAIN places; returns as ndis_walk. */
uint32_t ndis_decode_add(const uint8_t *buffer, uint32_t length, bool ex, struct esp_node *nodes,
                         enum sa_reason *reasons, uint32_t *offsets, uint32_t *count);

/* True if the raw structures alone say everything about the node that a card for crypto offload needs:
 * all algorithms have NDIS identifiers and default ICVs, and keys are given. */
bool ndis_plain(const struct esp_node *node);

/* Bytes that ndis_encode_add writes: a multiple of 8. */
uint32_t ndis_add_size(const struct esp_node *nodes, uint32_t count, bool ex, bool annotate);

/* Write a chain (ex: exactly one node). Returns the bytes written, 0 if `size` is too small or count is 0
 * (ex: not 1). A chain above NDIS_MAX_CHAIN can be written; it is the reader that refuses it. Without `annotate`, what has no NDIS field is lost; an algorithm
 * without identifier then gets identifier 0, which no card accepts with a key. OffloadHandle is 0. */
uint32_t ndis_encode_add(const struct esp_node *nodes, uint32_t count, bool ex, bool annotate,
                         uint8_t *buffer, uint32_t size);

/* ---- UPDATE and DELETE ----------------------------------------------------------------------- */

struct ndis_update {
    uint64_t handle;
    uint32_t op; /* enum esp_op, or whatever the bytes say */
    uint32_t spi;
    uint32_t seq_hi;
};

enum { NDIS_UPDATE_SIZE = 32, NDIS_DELETE_SIZE = 24 };

/* Bytes written, 0 if `size` is too small (DELETE: or count is 0). */
uint32_t ndis_encode_update(const struct ndis_update *update, uint8_t *buffer, uint32_t size);
uint32_t ndis_encode_delete(const uint64_t *handles, uint32_t count, uint8_t *buffer,
                            uint32_t size);

/* Status as ndis_walk; an Operation outside the enumeration is the card's to refuse (O-19). */
uint32_t ndis_decode_update(const uint8_t *buffer, uint32_t length, struct ndis_update *update);
/* handles[] has NDIS_MAX_CHAIN places. */
uint32_t ndis_decode_delete(const uint8_t *buffer, uint32_t length, uint64_t *handles,
                            uint32_t *count);

#endif
