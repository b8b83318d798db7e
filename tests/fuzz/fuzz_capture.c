/* Any bytes as a capture, read once with a filter and once without: every byte handed up is looked
 * at. */
#include "traces/capture.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t read_all(const uint8_t *data, size_t size, const char *filter)
{
    char error[CAPTURE_ERROR_SIZE] = "";
    FILE *stream = fmemopen((void *)data, size, "rb");
    struct capture *capture;
    struct capture_packet packet;
    enum capture_result result;
    volatile uint8_t sink = 0;
    uint64_t packets = 0;
    uint64_t last = 0;

    if (stream == NULL) {
        return 0;
    }
    capture = capture_open_stream(stream, "fuzz", filter, error, sizeof error);
    if (capture == NULL) {
        if (strncmp(error, "fuzz: ", 6) != 0) {
            abort();
        }
        return 0;
    }
    while ((result = capture_next(capture, &packet)) == CAPTURE_OK) {
        if (packet.captured > packet.length || packet.record <= last ||
            packet.length > CAPTURE_MAX_LENGTH + CAPTURE_ETHERNET_HEADER) {
            abort();
        }
        for (uint32_t i = 0; i < packet.captured; i++) {
            sink = (uint8_t)(sink ^ packet.bytes[i]);
        }
        last = packet.record;
        packets++;
    }
    if (result == CAPTURE_BROKEN && strncmp(capture_error(capture), "fuzz: record ", 13) != 0) {
        abort();
    }
    capture_close(capture);
    return packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t all;

    if (size == 0) {
        return 0;
    }
    all = read_all(data, size, NULL);
    if (read_all(data, size, "ip and greater 100") > all) {
        abort();
    }
    return 0;
}
