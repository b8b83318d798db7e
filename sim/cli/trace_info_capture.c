/* What is in a capture. Memory grows with the number of different (SPI, destination) only. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace.h"
#include "esp/packet.h"
#include "traces/capture.h"

#define NS_PER_S UINT64_C(1000000000)

/* Upper ends of the size classes, frame bytes without FCS; the last class has none. */
static const uint32_t size_limits[] = { 63, 127, 255, 511, 1023, 1514, 9014 };
static const char *const size_names[] = { "0-63",     "64-127",    "128-255",   "256-511",
                                          "512-1023", "1024-1514", "1515-9014", "9015-" };
enum { SIZE_CLASSES = 8, FIRST_SLOTS = 256 };

struct flow {
    bool used;
    uint8_t kind; /* enum esp_packet_kind */
    uint32_t spi;
    struct esp_address dst;
    uint64_t packets, bytes;
    uint32_t first_seq, last_seq;
};

struct tally {
    uint64_t packets, bytes, captured, cut, empty, backwards;
    uint64_t first_ns, last_ns, earliest_ns, latest_ns;
    uint32_t smallest, largest;
    uint64_t sizes[SIZE_CLASSES];
    uint64_t kinds[ESP_PACKET_KINDS];
    uint64_t vlan;
    struct flow *flows; /* open addressing, a power of two */
    size_t slots, flow_count;
};

/* ---- SPIs ------------------------------------------------------------------------------- */

static bool same_flow(const struct flow *a, const struct flow *b)
{
    return a->kind == b->kind && a->spi == b->spi && a->dst.family == b->dst.family &&
           memcmp(a->dst.bytes, b->dst.bytes, sizeof a->dst.bytes) == 0;
}

static struct flow *find_flow(const struct tally *t, const struct flow *key)
{
    uint64_t hash = key->spi * UINT64_C(0x9e3779b97f4a7c15) + key->kind;
    size_t i;

    for (i = 0; i < sizeof key->dst.bytes; i++) {
        hash = (hash ^ key->dst.bytes[i]) * UINT64_C(0x100000001b3);
    }
    for (i = (size_t)(hash ^ hash >> 32) & (t->slots - 1);
         t->flows[i].used && !same_flow(&t->flows[i], key); i = (i + 1) & (t->slots - 1)) {}
    return &t->flows[i];
}

static bool make_room(struct tally *t)
{
    struct tally grown = *t;

    if (t->flow_count < t->slots / 2) {
        return true;
    }
    grown.slots = t->slots > 0 ? t->slots * 2 : FIRST_SLOTS;
    grown.flows = calloc(grown.slots, sizeof grown.flows[0]);
    if (grown.flows == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->slots; i++) {
        if (t->flows[i].used) {
            *find_flow(&grown, &t->flows[i]) = t->flows[i];
        }
    }
    free(t->flows);
    *t = grown;
    return true;
}

static bool count_flow(struct tally *t, const struct capture_packet *packet,
                       const struct esp_view *view)
{
    struct flow key = { .used = true, .kind = view->kind, .spi = view->spi };
    struct esp_address src;
    struct flow *flow;

    if (!make_room(t)) {
        return false;
    }
    esp_view_addresses(packet->bytes, view, &src, &key.dst);
    flow = find_flow(t, &key);
    if (!flow->used) {
        *flow = key;
        flow->first_seq = view->seq;
        t->flow_count++;
    }
    flow->packets++;
    flow->bytes += packet->length;
    flow->last_seq = view->seq;
    return true;
}

/* Most packets first; then a fixed order. */
static int compare_flows(const void *left, const void *right)
{
    const struct flow *a = left;
    const struct flow *b = right;

    if (a->packets != b->packets) {
        return a->packets > b->packets ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->spi != b->spi) {
        return a->spi < b->spi ? -1 : 1;
    }
    return memcmp(&a->dst, &b->dst, sizeof a->dst);
}

static json_t *flow_table(struct tally *t)
{
    json_t *rows = json_array();
    size_t count = 0;

    for (size_t i = 0; i < t->slots; i++) {
        if (t->flows[i].used) {
            t->flows[count++] = t->flows[i];
        }
    }
    if (count > 0) {
        qsort(t->flows, count, sizeof t->flows[0], compare_flows);
    }
    for (size_t i = 0; i < count; i++) {
        const struct flow *flow = &t->flows[i];
        char dst[INET6_ADDRSTRLEN] = "";
        char spi[16];

        inet_ntop(flow->dst.family == 6 ? AF_INET6 : AF_INET, flow->dst.bytes, dst, sizeof dst);
        snprintf(spi, sizeof spi, "0x%08" PRIx32, flow->spi);
        json_array_append_new(
            rows,
            json_pack("{sssssssososIsI}", "spi", spi, "dst", dst, "kind",
                      esp_packet_kind_name((enum esp_packet_kind)flow->kind), "packets",
                      trace_number(flow->packets), "bytes", trace_number(flow->bytes), "first_seq",
                      (json_int_t)flow->first_seq, "last_seq", (json_int_t)flow->last_seq));
    }
    return rows;
}

/* ---- packets ---------------------------------------------------------------------------- */

static bool count_packet(struct tally *t, const struct capture_packet *packet)
{
    struct esp_view view;
    size_t class = 0;

    if (t->packets == 0) {
        t->first_ns = t->earliest_ns = t->latest_ns = packet->time_ns;
        t->smallest = packet->length;
    } else {
        t->backwards += packet->time_ns < t->last_ns;
    }
    t->last_ns = packet->time_ns;
    t->earliest_ns = packet->time_ns < t->earliest_ns ? packet->time_ns : t->earliest_ns;
    t->latest_ns = packet->time_ns > t->latest_ns ? packet->time_ns : t->latest_ns;
    t->packets++;
    t->bytes += packet->length;
    t->captured += packet->captured;
    t->cut += packet->captured < packet->length;
    t->empty += packet->captured == 0;
    t->smallest = packet->length < t->smallest ? packet->length : t->smallest;
    t->largest = packet->length > t->largest ? packet->length : t->largest;
    while (class < SIZE_CLASSES - 1 && packet->length > size_limits[class]) {
        class ++;
    }
    t->sizes[class]++;
    esp_parse(packet->bytes, packet->captured, packet->length, NULL, &view);
    t->kinds[view.kind]++;
    t->vlan += view.vlan_tags > 0;
    if (view.kind == ESP_PACKET_ESP || view.kind == ESP_PACKET_AH ||
        view.kind == ESP_PACKET_UDP_ESP) {
        return count_flow(t, packet, &view);
    }
    return true;
}

static json_t *time_text(uint64_t ns)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
    return json_string(text);
}

static json_t *compose(const char *path, const struct capture *capture, struct tally *t)
{
    json_t *root = json_object();
    json_t *kinds = json_object();
    json_t *sizes = json_object();
    double mean = t->packets > 0 ? (double)t->bytes / (double)t->packets : 0.0;

    json_object_set_new(root, "file", json_string(path));
    json_object_set_new(root, "kind", json_string(capture_is_pcapng(capture) ? "pcapng" : "pcap"));
    json_object_set_new(root, "link_type", json_string(capture_link_type(capture)));
    json_object_set_new(root, "records", trace_number(capture_record(capture)));
    json_object_set_new(root, "packets", trace_number(t->packets));
    json_object_set_new(root, "bytes", trace_number(t->bytes));
    json_object_set_new(root, "bytes_captured", trace_number(t->captured));
    json_object_set_new(root, "truncated", trace_number(t->cut));
    json_object_set_new(root, "empty", trace_number(t->empty));
    if (t->packets > 0) {
        json_object_set_new(root, "earliest", time_text(t->earliest_ns));
        json_object_set_new(root, "latest", time_text(t->latest_ns));
    }
    json_object_set_new(root, "span_ns", trace_number(t->latest_ns - t->earliest_ns));
    json_object_set_new(root, "earlier_than_the_one_before", trace_number(t->backwards));
    json_object_set_new(root, "smallest", trace_number(t->smallest));
    json_object_set_new(root, "mean", json_real(mean));
    json_object_set_new(root, "largest", trace_number(t->largest));
    for (size_t i = 0; i < SIZE_CLASSES; i++) {
        json_object_set_new(sizes, size_names[i], trace_number(t->sizes[i]));
    }
    json_object_set_new(root, "sizes", sizes);
    for (int kind = 0; kind < ESP_PACKET_KINDS; kind++) {
        json_object_set_new(kinds, esp_packet_kind_name((enum esp_packet_kind)kind),
                            trace_number(t->kinds[kind]));
    }
    json_object_set_new(root, "packets_by_kind", kinds);
    json_object_set_new(root, "vlan_tagged", trace_number(t->vlan));
    json_object_set_new(root, "spi_count", trace_number(t->flow_count));
    json_object_set_new(root, "spis", flow_table(t));
    return root;
}

json_t *trace_info_capture(const char *path, const char *filter, char *error, size_t error_size)
{
    struct capture *capture = capture_open(path, filter, error, error_size);
    struct capture_packet packet;
    struct tally tally = { .packets = 0 };
    enum capture_result result = CAPTURE_BROKEN;
    bool memory = true;
    json_t *info = NULL;

    while (capture != NULL && memory && (result = capture_next(capture, &packet)) == CAPTURE_OK) {
        memory = count_packet(&tally, &packet);
    }
    if (capture != NULL && !memory) {
        snprintf(error, error_size, "%s: out of memory", path);
    } else if (capture != NULL && result != CAPTURE_END) {
        snprintf(error, error_size, "%s", capture_error(capture));
    } else if (capture != NULL) {
        info = compose(path, capture, &tally);
    }
    free(tally.flows);
    capture_close(capture);
    return info;
}
