#include "nic/ndis.h"

#include <string.h>

#include "nic/ndis_layout.h"

/* ---- statuses -------------------------------------------------------------------------------- */

#define STATUS(name)                                                                               \
    {                                                                                              \
        NDIS_STATUS_##name, #name                                                                  \
    }

static const struct {
    uint32_t value;
    const char *name;
} statuses[] = {
    STATUS(SUCCESS),
    STATUS(PENDING),
    STATUS(NOT_RECOGNIZED),
    STATUS(NOT_ACCEPTED),
    STATUS(INDICATION_REQUIRED),
    STATUS(BUFFER_OVERFLOW),
    STATUS(FAILURE),
    STATUS(INVALID_PARAMETER),
    STATUS(RESOURCES),
    STATUS(NOT_SUPPORTED),
    STATUS(CLOSING),
    STATUS(BAD_VERSION),
    STATUS(REQUEST_ABORTED),
    STATUS(RESET_IN_PROGRESS),
    STATUS(CLOSING_INDICATING),
    STATUS(ADAPTER_NOT_READY),
    STATUS(INVALID_LENGTH),
    STATUS(INVALID_DATA),
    STATUS(BUFFER_TOO_SHORT),
    STATUS(INVALID_OID),
    STATUS(ADAPTER_REMOVED),
    STATUS(SEND_ABORTED),
    STATUS(PAUSED),
    STATUS(UNSUPPORTED_REVISION),
    STATUS(LOW_POWER_STATE),
};

const char *ndis_status_name(uint32_t status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].value == status) {
            return statuses[i].name;
        }
    }
    return NULL;
}

/* ---- form ------------------------------------------------------------------------------------ */

uint32_t ndis_status_of(enum sa_reason reason)
{
    switch (sa_reason_class(reason)) {
    case SA_CLASS_OK: return NDIS_STATUS_SUCCESS;
    case SA_CLASS_RESOURCES: return NDIS_STATUS_RESOURCES;
    case SA_CLASS_UNSUPPORTED: return NDIS_STATUS_NOT_SUPPORTED;
    case SA_CLASS_INVALID: return NDIS_STATUS_INVALID_DATA;
    case SA_CLASS_DUPLICATE: break;
    }
    return NDIS_STATUS_FAILURE;
}

uint32_t ndis_handle_offset(enum ndis_kind kind)
{
    static const uint32_t offset[] = { NDIS_HANDLE_ADD, NDIS_HANDLE_ADD_EX, NDIS_HANDLE_UPDATE,
                                       NDIS_HANDLE_DELETE };

    return offset[kind];
}

static bool is_add(enum ndis_kind kind)
{
    return kind == NDIS_ADD_SA || kind == NDIS_ADD_SA_EX;
}

static bool has_next(enum ndis_kind kind)
{
    return kind == NDIS_ADD_SA || kind == NDIS_DELETE_SA;
}

static uint32_t macro_size(enum ndis_kind kind)
{
    return is_add(kind) ? ndis_layouts[kind].macro_size : ndis_fixed_part(kind);
}

/* The form of one node of which at least the header is there. `left`: bytes from the node's start. */
static uint32_t check_node(enum ndis_kind kind, const uint8_t *node, uint32_t left, bool first)
{
    uint64_t end;

    if (left < ndis_fixed_part(kind)) {
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (node[0] != NDIS_OBJECT_DEFAULT || node[1] != 1 || ndis_get16(node + 2) < macro_size(kind)) {
        return NDIS_STATUS_INVALID_DATA;
    }
    if (!is_add(kind)) {
        return NDIS_STATUS_SUCCESS;
    }
    end = (uint64_t)ndis_key_area(kind, node) + ndis_get32(node + ndis_layouts[kind].key_length);
    if (first && (end > left || ndis_key_area(kind, node) < ndis_fixed_part(kind))) {
        return NDIS_STATUS_INVALID_LENGTH;
    }
    if (ndis_annotated(kind, node) &&
        ndis_annotation_offset(kind, node) + sizeof(struct abi_annotation) > left) {
        return NDIS_STATUS_INVALID_LENGTH;
    }
    return NDIS_STATUS_SUCCESS;
}

static bool visited(const uint32_t *offset, uint32_t count, uint64_t place)
{
    for (uint32_t i = 0; i < count; i++) {
        if (offset[i] == place) {
            return true;
        }
    }
    return false;
}

uint32_t ndis_walk(enum ndis_kind kind, const uint8_t *buffer, uint32_t length,
                   uint32_t offset[NDIS_MAX_CHAIN], uint32_t *count)
{
    uint64_t place = 0;

    *count = 0;
    do {
        uint32_t status;

        if (place >= length) {
            return NDIS_STATUS_INVALID_LENGTH;
        }
        if (place % 8 != 0 || *count == NDIS_MAX_CHAIN || visited(offset, *count, place)) {
            return NDIS_STATUS_INVALID_DATA;
        }
        status = check_node(kind, buffer + place, length - (uint32_t)place, *count == 0);
        if (status != NDIS_STATUS_SUCCESS) {
            return status;
        }
        offset[(*count)++] = (uint32_t)place;
        place = has_next(kind) ? ndis_get64(buffer + place + NDIS_NEXT) : 0;
    } while (place != 0);
    return NDIS_STATUS_SUCCESS;
}

/* ---- UPDATE and DELETE ----------------------------------------------------------------------- */

uint32_t ndis_encode_update(const struct ndis_update *update, uint8_t *buffer, uint32_t size)
{
    if (size < NDIS_UPDATE_SIZE) {
        return 0;
    }
    memset(buffer, 0, NDIS_UPDATE_SIZE);
    ndis_write_header(buffer, macro_size(NDIS_UPDATE_SA));
    ndis_put64(buffer + NDIS_HANDLE_UPDATE, update->handle);
    ndis_put32(buffer + 16, update->op);
    ndis_put32(buffer + 20, update->spi);
    ndis_put32(buffer + 24, update->seq_hi);
    return NDIS_UPDATE_SIZE;
}

uint32_t ndis_encode_delete(const uint64_t *handles, uint32_t count, uint8_t *buffer, uint32_t size)
{
    if (count == 0 || count > size / NDIS_DELETE_SIZE) {
        return 0;
    }
    memset(buffer, 0, (size_t)count * NDIS_DELETE_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *node = buffer + (size_t)i * NDIS_DELETE_SIZE;

        ndis_write_header(node, NDIS_DELETE_SIZE);
        ndis_put64(node + NDIS_NEXT, i + 1 < count ? (uint64_t)(i + 1) * NDIS_DELETE_SIZE : 0);
        ndis_put64(node + NDIS_HANDLE_DELETE, handles[i]);
    }
    return count * NDIS_DELETE_SIZE;
}

uint32_t ndis_decode_update(const uint8_t *buffer, uint32_t length, struct ndis_update *update)
{
    uint32_t offset[NDIS_MAX_CHAIN];
    uint32_t count;
    uint32_t status = ndis_walk(NDIS_UPDATE_SA, buffer, length, offset, &count);

    if (status == NDIS_STATUS_SUCCESS) {
        *update = (struct ndis_update){ .handle = ndis_get64(buffer + NDIS_HANDLE_UPDATE),
                                        .op = ndis_get32(buffer + 16),
                                        .spi = ndis_get32(buffer + 20),
                                        .seq_hi = ndis_get32(buffer + 24) };
    }
    return status;
}

uint32_t ndis_decode_delete(const uint8_t *buffer, uint32_t length, uint64_t *handles,
                            uint32_t *count)
{
    uint32_t offset[NDIS_MAX_CHAIN];
    uint32_t status = ndis_walk(NDIS_DELETE_SA, buffer, length, offset, count);

    for (uint32_t i = 0; i < *count && status == NDIS_STATUS_SUCCESS; i++) {
        handles[i] = ndis_get64(buffer + offset[i] + NDIS_HANDLE_DELETE);
    }
    return status;
}
