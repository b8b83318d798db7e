/* The decoded record: its names and its memory. */
#include "traces/recording_internal.h"

#include <stdlib.h>
#include <string.h>

#define LONG_OID "OID_TCP_TASK_IPSEC_OFFLOAD_V2_"

const struct recording_name recording_kind_names[] = {
    { "ADD_SA", RECORDING_ADD_SA },
    { "ADD_SA_EX", RECORDING_ADD_SA_EX },
    { "UPDATE_SA", RECORDING_UPDATE_SA },
    { "DELETE_SA", RECORDING_DELETE_SA },
    { "encapsulation", RECORDING_ENCAPSULATION },
    { "parameters", RECORDING_PARAMETERS },
    { "reset_begin", RECORDING_RESET_BEGIN },
    { "reset_end", RECORDING_RESET_END },
    { "link", RECORDING_LINK },
    { "cancel", RECORDING_CANCEL },
    { LONG_OID "ADD_SA", RECORDING_ADD_SA },
    { LONG_OID "ADD_SA_EX", RECORDING_ADD_SA_EX },
    { LONG_OID "UPDATE_SA", RECORDING_UPDATE_SA },
    { LONG_OID "DELETE_SA", RECORDING_DELETE_SA },
    { NULL, 0 },
};

/* ntstatus.h and ndis.h; the names are accepted with and without NDIS_STATUS_. */
const struct recording_name recording_status_names[] = {
    { "NDIS_STATUS_SUCCESS", 0x00000000 },
    { "NDIS_STATUS_PENDING", 0x00000103 },
    { "NDIS_STATUS_NOT_RECOGNIZED", 0x00010001 },
    { "NDIS_STATUS_NOT_ACCEPTED", 0x00010003 },
    { "NDIS_STATUS_INDICATION_REQUIRED", 0x40230001 },
    { "NDIS_STATUS_BUFFER_OVERFLOW", 0x80000005 },
    { "NDIS_STATUS_FAILURE", 0xC0000001 },
    { "NDIS_STATUS_INVALID_PARAMETER", 0xC000000D },
    { "NDIS_STATUS_RESOURCES", 0xC000009A },
    { "NDIS_STATUS_NOT_SUPPORTED", 0xC00000BB },
    { "NDIS_STATUS_CLOSING", 0xC0010002 },
    { "NDIS_STATUS_BAD_VERSION", 0xC0010004 },
    { "NDIS_STATUS_REQUEST_ABORTED", 0xC001000C },
    { "NDIS_STATUS_RESET_IN_PROGRESS", 0xC001000D },
    { "NDIS_STATUS_CLOSING_INDICATING", 0xC001000E },
    { "NDIS_STATUS_ADAPTER_NOT_READY", 0xC0010011 },
    { "NDIS_STATUS_INVALID_LENGTH", 0xC0010014 },
    { "NDIS_STATUS_INVALID_DATA", 0xC0010015 },
    { "NDIS_STATUS_BUFFER_TOO_SHORT", 0xC0010016 },
    { "NDIS_STATUS_INVALID_OID", 0xC0010017 },
    { "NDIS_STATUS_ADAPTER_REMOVED", 0xC0010018 },
    { "NDIS_STATUS_SEND_ABORTED", 0xC023000C },
    { "NDIS_STATUS_PAUSED", 0xC023002A },
    { "NDIS_STATUS_UNSUPPORTED_REVISION", 0xC023002C },
    { "NDIS_STATUS_LOW_POWER_STATE", 0xC023002F },
    { NULL, 0 },
};

const struct recording_name recording_udp_names[] = {
    { "none", ESP_UDP_NONE },
    { "transport", ESP_UDP_TRANSPORT },
    { "tunnel", ESP_UDP_TUNNEL },
    { "transport-over-udp-tunnel", ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL },
    { "udp-transport-over-tunnel", ESP_UDP_TRANSPORT_OVER_TUNNEL },
    { NULL, 0 },
};

const char *recording_name_of(const struct recording_name *names, uint32_t value)
{
    for (; names->name != NULL; names++) {
        if (names->value == value) {
            return names->name;
        }
    }
    return NULL;
}

const char *recording_kind_name(enum recording_kind kind)
{
    const char *name = recording_name_of(recording_kind_names, (uint32_t)kind);

    return name != NULL ? name : "unknown";
}

bool recording_is_oid(enum recording_kind kind)
{
    return kind <= RECORDING_DELETE_SA;
}

const char *recording_status_name(uint32_t status)
{
    return recording_name_of(recording_status_names, status);
}

bool recording_reserve(void **items, size_t *capacity, size_t wanted, size_t item_size)
{
    size_t target = *capacity > 0 ? *capacity : 1;
    void *grown;

    if (wanted <= *capacity) {
        return true;
    }
    while (target < wanted) {
        target *= 2;
    }
    if (target > SIZE_MAX / item_size) {
        return false;
    }
    grown = realloc(*items, target * item_size);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = target;
    return true;
}

void recording_extras_clear(struct recording_extras *extras)
{
    for (size_t i = 0; i < extras->count; i++) {
        free(extras->items[i].key);
        free(extras->items[i].json);
    }
    free(extras->items);
    extras->items = NULL;
    extras->count = 0;
}

void recording_record_reset(struct recording_record *record)
{
    struct recording_record kept = { .nodes = record->nodes,
                                     .node_capacity = record->node_capacity,
                                     .handles = record->handles,
                                     .handle_capacity = record->handle_capacity,
                                     .raw = record->raw,
                                     .raw_capacity = record->raw_capacity };

    recording_extras_clear(&record->extras);
    *record = kept;
}

void recording_record_free(struct recording_record *record)
{
    recording_extras_clear(&record->extras);
    free(record->nodes);
    free(record->handles);
    free(record->raw);
    memset(record, 0, sizeof *record);
}
