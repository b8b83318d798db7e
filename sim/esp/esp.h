/* Framing of ESP and AH: pure functions on buffers, plus the jobs that protect and verify.
 *
 *   send:     esp_encapsulate -> esp_protect -> esp_finish            (once per SA of the node)
 *   receive:  esp_parse -> esp_verify -> esp_finish -> esp_decapsulate (once per SA of the node)
 *
 * Crypto offload uses only esp_protect and esp_verify on the card; the host frames. For a packet
 * that two nodes protect (transport inside tunnel) the caller makes two passes; every function
 * takes the offset of the IP header it works on.
 *
 * Sources: RFC 4301, 4302, 4303, 3948 (UDP), 6040 (ECN), 6935 and 6936 (UDP checksum over IPv6).
 * The rules for outer headers are in README.md. */
#ifndef ESPNIC_ESP_ESP_H
#define ESPNIC_ESP_ESP_H

#include "esp/crypt.h"
#include "esp/packet.h"

enum esp_status {
    ESP_OK,
    ESP_PENDING, /* the job has not completed */
    ESP_BAD_ICV,
    ESP_TRUNCATED,      /* shorter than header, IV, trailer and ICV */
    ESP_BAD_PADDING,    /* pad length beyond the payload, or bytes not 1, 2, 3 ... */
    ESP_DUMMY,          /* next header 59: to be dropped without an error */
    ESP_WRONG_PROTOCOL, /* not the IPsec protocol, encapsulation or mode of the SA */
    ESP_UNSUPPORTED,    /* algorithms, key lengths, or a header this module does not handle */
    ESP_BAD_INNER,      /* after decapsulation: not an IP packet, or longer than what was carried */
    ESP_ECN_DROP,       /* outer CE on an inner packet that is not ECN-capable, RFC 6040 4.2 */
    ESP_NO_ROOM,        /* headroom or tailroom of the buffer is too small; nothing was changed */
    ESP_TOO_LONG,       /* the result would exceed 65535 bytes; nothing was changed */
    ESP_STATUS_COUNT
};

const char *esp_status_name(enum esp_status status); /* "ok", "bad_icv", ... */

/* One SA of a node reduced to what framing needs. Small, so that a table may hold it or rebuild it.
 * Lengths are derived by esp_transform_init. */
struct esp_transform {
    uint8_t op;   /* enum esp_op */
    uint8_t mode; /* enum esp_mode: of this SA within its node */
    bool udp;     /* ESP over UDP */
    bool esn;
    uint8_t enc, auth; /* enum esp_alg */
    uint8_t icv;       /* bytes, 0 = no integrity */
    uint8_t iv;        /* bytes on the wire */
    uint8_t align;     /* ESP: payload + padding + 2 is a multiple of this (at least 4) */
    uint32_t spi;
    uint16_t encap_sport, encap_dport;
    struct esp_address src, dst; /* tunnel mode: outer addresses */
};

/* Fill `transform` for SA number `index` of the node. In a node of two SAs the tunnel header belongs
 * to the one next to the clear packet (first on send, last on receive); the other works as
 * transport, so that AH and ESP share one outer header. */
void esp_transform_of_node(const struct esp_node *node, unsigned index,
                           struct esp_transform *transform);

/* Derive icv, iv and align from op, enc, auth and `icv_wanted` (0: the default of the algorithm). */
void esp_transform_init(struct esp_transform *transform, uint8_t icv_wanted);

/* ---- lengths: no bytes are touched ------------------------------------------------------- */

struct esp_lengths {
    uint32_t front;     /* bytes added before the payload: outer IP, UDP, ESP or AH header, IV */
    uint32_t tfc;       /* traffic flow confidentiality padding, RFC 4303 2.7 */
    uint32_t pad;       /* padding, 0..255 */
    uint32_t trailer;   /* padding + 2; 0 for AH */
    uint32_t icv;       /* behind the payload; 0 for AH (it is inside `front`) */
    uint32_t payload;   /* bytes between the ESP header with IV and the trailer, tfc included */
    uint32_t l3_length; /* of the resulting packet */
};

/* Bytes of an AH header behind IP of this version: RFC 4302 2.6 wants a multiple of 4 (IPv4) or 8 (IPv6). */
uint32_t esp_ah_bytes(const struct esp_transform *transform, uint8_t version);

/* `l3_length`: of the packet to be protected; `l3_header`: the part of it that stays in front in
 * transport mode (IP header, options, extension headers, see esp_transport_header); `version`: of
 * that packet. `tfc`: wanted extra bytes, tunnel mode only. */
void esp_lengths_of(const struct esp_transform *transform, uint8_t version, uint32_t l3_length,
                    uint32_t l3_header, uint32_t tfc, struct esp_lengths *lengths);

/* Longest packet that fits into `mtu` bytes after encapsulation (0: none). Same arguments. */
uint32_t esp_longest_inner(const struct esp_transform *transform, uint8_t version,
                           uint32_t l3_header, uint32_t mtu);

/* The reverse: length of the packet that comes out of an ESP or AH packet that was parsed into
 * `view`, with `pad_length` bytes of padding (0 where it is unknown). 0 if it is too short. */
uint32_t esp_inner_length(const struct esp_transform *transform, const struct esp_view *view,
                          uint32_t pad_length);

/* Bytes of headers that stay in front of ESP or AH in transport mode, RFC 4303 3.1.1: hop-by-hop,
 * routing and the destination options before it. 0 if the packet cannot be protected (a fragment,
 * or not a well-formed IP packet). */
uint32_t esp_transport_header(const uint8_t *frame, uint32_t length, uint32_t l3);

/* Room that encapsulation needs at most in front of and behind a frame, for one node with one or two
 * SAs; behind it `tfc` bytes more. Transport inside tunnel needs it twice. */
enum { ESP_HEADROOM = 192, ESP_TAILROOM = 128 };

/* ---- packets ----------------------------------------------------------------------------- */

/* A frame inside a buffer with room around it. If `l3` is not 0, the two bytes before the IP header
 * are taken for the EtherType: true for Ethernet, with VLAN tags too, and for Linux cooked. */
struct esp_packet {
    uint8_t *buffer;
    uint32_t capacity; /* bytes of the buffer */
    uint32_t start;    /* of the frame in the buffer */
    uint32_t length;   /* of the frame; encapsulate and decapsulate cut Ethernet padding off */
    uint32_t l3;       /* offset of the IP header from `start` */
};

static inline uint8_t *esp_packet_bytes(const struct esp_packet *packet)
{
    return packet->buffer + packet->start;
}

/* Where AH or ESP lies; offsets from the start of the frame. */
struct esp_bounds {
    uint32_t l3;    /* IP header in front of it */
    uint32_t ipsec; /* ESP or AH header */
    uint32_t end;   /* after the last byte (ESP: after the ICV) */
};

/* Bounds of the outermost IPsec header in the view, or with `behind_ah` of the ESP behind an AH.
 * False if the packet has no such header. */
bool esp_bounds_of_view(const struct esp_view *view, bool behind_ah, struct esp_bounds *bounds);

struct esp_encap {
    uint64_t seq;           /* the low half goes into the packet */
    bool iv_given;          /* true: `iv` for any algorithm. False: counter modes use `seq` as IV */
    uint8_t iv[ESP_MAX_IV]; /* CBC always takes this one */
    uint16_t ip_id;         /* identification of an outer IPv4 header */
    uint32_t tfc;           /* extra bytes, tunnel mode only */
};

/* Put the frame into ESP or AH: headers, IV, trailer; payload still clear, ICV zero. The frame
 * grows to both sides; the L2 header moves along and gets the outer EtherType. Bytes are changed
 * only if the result is ESP_OK. */
enum esp_status esp_encapsulate(const struct esp_transform *transform, struct esp_packet *packet,
                                const struct esp_encap *encap, struct esp_bounds *bounds);

/* The IP header says from now on that protocol `proto` stands at offset `at` of the frame, and that the
 * packet is `total` bytes long. False, and nothing is changed, if no upper-layer header can stand there. */
bool esp_repair_ip(uint8_t *frame, uint32_t length, uint32_t l3, uint32_t at, uint8_t proto,
                   uint32_t total);

/* ---- jobs -------------------------------------------------------------------------------- */

/* Encrypt and make the ICV / check it and decrypt, in place. ESP header, IV and (for protect)
 * trailer are in the packet; the sequence number low half is read from it, the upper half is given.
 * ESP_PENDING: complete it with esp_finish. ESP_UNSUPPORTED and ESP_TRUNCATED: no job was started.
 * On ESP_BAD_ICV the packet is as it was received. */
enum esp_status esp_protect(struct esp_crypt *crypt, struct esp_job *job,
                            const struct esp_transform *transform, struct esp_key_ref key,
                            const struct esp_suite *suite, uint8_t *frame,
                            const struct esp_bounds *bounds, uint32_t seq_hi);
enum esp_status esp_verify(struct esp_crypt *crypt, struct esp_job *job,
                           const struct esp_transform *transform, struct esp_key_ref key,
                           const struct esp_suite *suite, uint8_t *frame,
                           const struct esp_bounds *bounds, uint32_t seq_hi);
enum esp_status esp_finish(struct esp_crypt *crypt, struct esp_job *job);

/* ---- after a good ICV -------------------------------------------------------------------- */

struct esp_trailer {
    uint8_t next_header;
    uint8_t pad_length;
    uint32_t payload;        /* offset from the start of the frame */
    uint32_t payload_length; /* without padding; TFC padding still included */
};

/* Read and check padding, pad length and next header of a decrypted ESP packet, or the header of an
 * AH packet. ESP_OK, ESP_DUMMY, ESP_BAD_PADDING or ESP_TRUNCATED. */
enum esp_status esp_read_trailer(const struct esp_transform *transform, const uint8_t *frame,
                                 const struct esp_bounds *bounds, struct esp_trailer *trailer);

struct esp_opened {
    struct esp_trailer trailer;
    uint32_t tfc;        /* TFC padding removed, bytes */
    bool ecn_marked;     /* CE was copied inwards */
    bool ecn_suspicious; /* combination that RFC 6040 4.2 asks to log */
};

/* Remove what the SA added. The frame shrinks from both sides; `packet` tells the new place. Tunnel
 * mode: outer header away, EtherType and ECN set. Transport mode: IP length, protocol and checksum
 * repaired, UDP encapsulation header removed. Bytes change only if the result is ESP_OK. */
enum esp_status esp_decapsulate(const struct esp_transform *transform, struct esp_packet *packet,
                                const struct esp_bounds *bounds, struct esp_opened *opened);

/* RFC 6040 section 4.2: the inner ECN field (0..3) after decapsulation, or -1 to drop. */
int esp_ecn_decapsulate(unsigned outer, unsigned inner, bool *suspicious);

/* ---- whole packets, synchronous (software path, tests) ------------------------------------ */

/* Keys are named by key[i] for SA i of the node. `encap` holds one entry per SA. */
enum esp_status esp_seal_packet(struct esp_crypt *crypt, const struct esp_node *node,
                                const struct esp_key_ref key[ESP_MAX_SAS],
                                struct esp_packet *packet,
                                const struct esp_encap encap[ESP_MAX_SAS]);

/* Undo it: for every SA in order parse, match op and SPI, verify, decapsulate. `seq_hi[i]` is used
 * with ESN. `failed` (may be NULL) is the index of the SA at which a status other than ESP_OK came. */
enum esp_status esp_open_packet(struct esp_crypt *crypt, const struct esp_node *node,
                                const struct esp_key_ref key[ESP_MAX_SAS],
                                struct esp_packet *packet, const uint32_t seq_hi[ESP_MAX_SAS],
                                const struct esp_ports *ports, struct esp_opened *opened,
                                unsigned *failed);

#endif
