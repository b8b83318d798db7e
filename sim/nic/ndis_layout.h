/* Inside the codec of sim/nic/ndis.h: offsets, fields, and what reading and writing share. */
#ifndef ESPNIC_NIC_NDIS_LAYOUT_H
#define ESPNIC_NIC_NDIS_LAYOUT_H

#include <string.h>

#include "nic/abi.h"
#include "nic/ndis.h"

/* Offsets within the structures of ntddndis.h. */
enum {
    NDIS_OBJECT_DEFAULT = 0x80, /* NDIS_OBJECT_HEADER.Type */
    NDIS_NEXT = 8,
    NDIS_STRUCTURE = 176, /* sizeof, both ADD structures */
    NDIS_KEY_DATA = 168,  /* ADD_SA: start of the key area */
    NDIS_FLAG_INBOUND = 0x01,
    NDIS_FLAG_IPV6 = 0x10,
    NDIS_SA_FLAG_ESN = 1,
    NDIS_SA_BYTES = 48,
    NDIS_SA_OPERATION = 4,
    NDIS_SA_SPI = 8,
    NDIS_SA_AUTH = 12,
    NDIS_SA_ENC = 28,
    NDIS_SA_SEQ_HI = 44,
    NDIS_EX_MIN_KEY_OFFSET = 170, /* O-39 */
    NDIS_DEFAULT_WINDOW = 64
};

/* Where the two ADD structures differ. */
struct ndis_layout {
    uint16_t count, flags, addresses, handle, udp, sas, key_length;
    uint16_t annotated;  /* padding that holds ABI_NODE_ANNOTATED */
    uint16_t macro_size; /* Header.Size at least */
};

static const struct ndis_layout ndis_layouts[] = {
    [NDIS_ADD_SA] = { 16, 20, 24, NDIS_HANDLE_ADD, 64, 68, 164, 4, 169 },
    [NDIS_ADD_SA_EX] = { 4, 8, 12, NDIS_HANDLE_ADD_EX, 56, 60, 156, 44, 170 },
};

enum { NDIS_EX_KEY_OFFSET = 160, NDIS_EX_PORT = 164, NDIS_EX_VLAN = 168 };

/* ---- little-endian fields -------------------------------------------------------------------- */

static inline uint16_t ndis_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ndis_get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ndis_get64(const uint8_t *p)
{
    return ndis_get32(p) | (uint64_t)ndis_get32(p + 4) << 32;
}

static inline void ndis_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void ndis_put32(uint8_t *p, uint32_t v)
{
    ndis_put16(p, v);
    ndis_put16(p + 2, v >> 16);
}

static inline void ndis_put64(uint8_t *p, uint64_t v)
{
    ndis_put32(p, (uint32_t)v);
    ndis_put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint64_t ndis_align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}

/* ---- shared ---- */

/* Bytes of the fixed part: the members that must be there. An ADD_SA ends with its keys, so a buffer
 * may stop before sizeof. */
static inline uint32_t ndis_fixed_part(enum ndis_kind kind)
{
    static const uint32_t bytes[] = { NDIS_KEY_DATA, NDIS_EX_MIN_KEY_OFFSET, 28, NDIS_DELETE_SIZE };

    return bytes[kind];
}

/* Start of the key area, counted from the node. */
static inline uint32_t ndis_key_area(enum ndis_kind kind, const uint8_t *node)
{
    return kind == NDIS_ADD_SA ? NDIS_KEY_DATA : ndis_get32(node + NDIS_EX_KEY_OFFSET);
}

/* Start of the annotation, counted from the node. */
static inline uint64_t ndis_annotation_offset(enum ndis_kind kind, const uint8_t *node)
{
    uint64_t end =
        (uint64_t)ndis_key_area(kind, node) + ndis_get32(node + ndis_layouts[kind].key_length);

    return ndis_align8(end > NDIS_STRUCTURE ? end : NDIS_STRUCTURE);
}

static inline bool ndis_annotated(enum ndis_kind kind, const uint8_t *node)
{
    return ndis_get32(node + ndis_layouts[kind].annotated) == ABI_NODE_ANNOTATED;
}

static inline void ndis_write_header(uint8_t *bytes, uint32_t size)
{
    bytes[0] = NDIS_OBJECT_DEFAULT;
    bytes[1] = 1;
    ndis_put16(bytes + 2, size);
}

#endif
