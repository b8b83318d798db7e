/* Any bytes as a command buffer. The first byte picks the structure. What reads well must write and
 * read to the same again. */
#include <stdlib.h>
#include <string.h>

#include "nic/ndis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct esp_node *node, bool ex)
{
    static struct esp_node back;
    static uint8_t first[NDIS_MAX_NODE], second[NDIS_MAX_NODE];
    uint32_t bytes = ndis_encode_add(node, 1, ex, true, first, sizeof first);
    uint32_t offset[NDIS_MAX_CHAIN];
    uint32_t count;
    enum ndis_kind kind = ex ? NDIS_ADD_SA_EX : NDIS_ADD_SA;

    if (bytes == 0 || ndis_walk(kind, first, bytes, offset, &count) != NDIS_STATUS_SUCCESS ||
        ndis_read_node(kind, first, bytes, 0, &back) != SA_OK ||
        ndis_encode_add(&back, 1, ex, true, second, sizeof second) != bytes ||
        memcmp(first, second, bytes) != 0) {
        abort();
    }
}

static void fuzz_add(const uint8_t *data, uint32_t size, bool ex)
{
    static struct esp_node nodes[NDIS_MAX_CHAIN];
    enum sa_reason reason[NDIS_MAX_CHAIN];
    uint32_t offset[NDIS_MAX_CHAIN];
    uint32_t count;

    if (ndis_decode_add(data, size, ex, nodes, reason, offset, &count) != NDIS_STATUS_SUCCESS) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (reason[i] == SA_OK) {
            again(&nodes[i], ex);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t handles[NDIS_MAX_CHAIN];
    struct ndis_update update;
    uint32_t count;

    if (size == 0 || size > 65536) {
        return 0;
    }
    switch (data[0] & 3) {
    case 0: fuzz_add(data + 1, (uint32_t)size - 1, false); break;
    case 1: fuzz_add(data + 1, (uint32_t)size - 1, true); break;
    case 2: (void)ndis_decode_update(data + 1, (uint32_t)size - 1, &update); break;
    default: (void)ndis_decode_delete(data + 1, (uint32_t)size - 1, handles, &count); break;
    }
    return 0;
}
