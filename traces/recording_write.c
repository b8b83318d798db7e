/* Writer of OID recordings, text form: one canonical line a record, in the order of
 * traces/FORMAT.md. */
#include "traces/recording_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define JSON_EXACT (UINT64_C(1) << 53)

enum { NATT_PORT = 4500, DEFAULT_REPLAY_WINDOW = 64 };

struct recording_writer {
    FILE *stream;
    char *name;
    char *line; /* being composed */
    size_t length, capacity;
    bool out_of_memory;
    int write_error; /* errno of the first failure */
};

/* ---- text ------------------------------------------------------------------------------- */

static void put_bytes(struct recording_writer *w, const char *bytes, size_t length)
{
    if (!recording_reserve((void **)&w->line, &w->capacity, w->length + length, 1)) {
        w->out_of_memory = true;
        return;
    }
    memcpy(w->line + w->length, bytes, length);
    w->length += length;
}

static void put(struct recording_writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

/* A comma unless this is the first thing in its object or array. */
static void separate(struct recording_writer *w)
{
    char last = w->length > 0 ? w->line[w->length - 1] : '{';

    if (last != '{' && last != '[') {
        put(w, ",");
    }
}

static void put_key(struct recording_writer *w, const char *key)
{
    separate(w);
    put(w, "\"");
    put(w, key);
    put(w, "\":");
}

static void put_number(struct recording_writer *w, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof text, number < JSON_EXACT ? "%" PRIu64 : "\"0x%" PRIx64 "\"", number);
    put(w, text);
}

static void put_member(struct recording_writer *w, const char *key, uint64_t number)
{
    put_key(w, key);
    put_number(w, number);
}

/* Names of the format: nothing in them needs an escape. */
static void put_string(struct recording_writer *w, const char *key, const char *text)
{
    put_key(w, key);
    put(w, "\"");
    put(w, text);
    put(w, "\"");
}

static void put_hex(struct recording_writer *w, const char *key, const uint8_t *bytes,
                    size_t length)
{
    static const char digits[] = "0123456789abcdef";

    put_key(w, key);
    put(w, "\"");
    for (size_t i = 0; i < length; i++) {
        const char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

        put_bytes(w, pair, 2);
    }
    put(w, "\"");
}

/* ---- x_ members ------------------------------------------------------------------------- */

static bool belongs(const struct recording_extra *extra, enum recording_place place, size_t node,
                    size_t sa)
{
    return extra->place == place && extra->node == node && extra->sa == sa;
}

static bool has_extras(const struct recording_extras *extras, enum recording_place place,
                       size_t node, size_t sa)
{
    for (size_t i = 0; i < extras->count; i++) {
        if (belongs(&extras->items[i], place, node, sa)) {
            return true;
        }
    }
    return false;
}

static void put_extras(struct recording_writer *w, const struct recording_extras *extras,
                       enum recording_place place, size_t node, size_t sa)
{
    for (size_t i = 0; i < extras->count; i++) {
        const struct recording_extra *extra = &extras->items[i];

        if (belongs(extra, place, node, sa)) {
            json_t *key = json_string(extra->key);
            char *quoted = key != NULL ? json_dumps(key, JSON_ENCODE_ANY) : NULL;

            if (quoted == NULL) {
                w->out_of_memory = true;
            } else {
                separate(w);
                put(w, quoted);
                put(w, ":");
                put(w, extra->json);
            }
            free(quoted);
            json_decref(key);
        }
    }
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void put_address(struct recording_writer *w, const struct esp_address *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof text);
    put(w, text);
}

static void put_prefix(struct recording_writer *w, const char *key, const struct esp_prefix *prefix)
{
    char length[8];

    put_key(w, key);
    put(w, "\"");
    put_address(w, &prefix->address);
    snprintf(length, sizeof length, "/%u\"", (unsigned)prefix->length);
    put(w, length);
}

static void put_ports(struct recording_writer *w, const char *key, uint16_t low, uint16_t high)
{
    char text[16];

    if (low == high) {
        put_member(w, key, low);
        return;
    }
    snprintf(text, sizeof text, "%u-%u", (unsigned)low, (unsigned)high);
    put_string(w, key, text);
}

static void put_selector(struct recording_writer *w, const struct esp_selector *sel,
                         const struct recording_extras *extras, size_t node)
{
    put_key(w, "sel");
    put(w, "{");
    if (sel->has_src) {
        put_prefix(w, "src", &sel->src);
    }
    if (sel->has_dst) {
        put_prefix(w, "dst", &sel->dst);
    }
    if (sel->has_proto) {
        put_member(w, "proto", sel->proto);
    }
    if (sel->has_sport) {
        put_ports(w, "sport", sel->sport_lo, sel->sport_hi);
    }
    if (sel->has_dport) {
        put_ports(w, "dport", sel->dport_lo, sel->dport_hi);
    }
    put_extras(w, extras, RECORDING_IN_SEL, node, 0);
    put(w, "}");
}

static void put_lifetime(struct recording_writer *w, const struct esp_lifetime *lifetime,
                         const struct recording_extras *extras, size_t node, size_t sa)
{
    const struct {
        const char *key;
        uint64_t value;
    } limits[] = {
        { "soft_packets", lifetime->soft_packets },
        { "hard_packets", lifetime->hard_packets },
        { "soft_bytes", lifetime->soft_bytes },
        { "hard_bytes", lifetime->hard_bytes },
        { "soft_s", lifetime->soft_s },
        { "hard_s", lifetime->hard_s },
    };
    bool any = has_extras(extras, RECORDING_IN_LIFETIME, node, sa);

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        any = any || limits[i].value != 0;
    }
    if (!any) {
        return;
    }
    put_key(w, "lifetime");
    put(w, "{");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].value != 0) {
            put_member(w, limits[i].key, limits[i].value);
        }
    }
    put_extras(w, extras, RECORDING_IN_LIFETIME, node, sa);
    put(w, "}");
}

/* `absent`: what no member at all means. */
static void put_algorithm(struct recording_writer *w, const char *key, const struct esp_key *alg,
                          enum esp_alg absent, const struct recording_extras *extras,
                          enum recording_place place, size_t node, size_t sa)
{
    const struct esp_alg_info *info = esp_alg_info(alg->alg);

    if (alg->alg == ESP_ALG_NONE || (alg->alg == absent && !has_extras(extras, place, node, sa))) {
        return;
    }
    put_key(w, key);
    put(w, "{");
    put_string(w, "alg", info->name);
    if (alg->length > 0) {
        put_hex(w, "key", alg->bytes, alg->length);
    }
    if (alg->icv != info->icv_default) {
        put_member(w, "icv", alg->icv);
    }
    put_extras(w, extras, place, node, sa);
    put(w, "}");
}

static void put_sa(struct recording_writer *w, const struct esp_sa *sa, enum esp_dir dir,
                   const struct recording_extras *extras, size_t node, size_t index)
{
    uint64_t first = (uint64_t)sa->seq_hi << 32 | (dir == ESP_DIR_OUT ? 1U : 0U);

    separate(w);
    put(w, "{");
    put_string(w, "op", sa->op == ESP_OP_AH ? "ah" : "esp");
    put_member(w, "spi", sa->spi);
    if (sa->esn) {
        put_key(w, "esn");
        put(w, "true");
    }
    if (sa->seq_hi != 0) {
        put_member(w, "seq_hi", sa->seq_hi);
    }
    if (sa->seq != first) {
        put_member(w, "seq", sa->seq);
    }
    if (sa->replay_window != (dir == ESP_DIR_IN ? DEFAULT_REPLAY_WINDOW : 0)) {
        put_member(w, "replay_window", sa->replay_window);
    }
    put_lifetime(w, &sa->lifetime, extras, node, index);
    put_algorithm(w, "enc", &sa->enc, sa->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE, extras,
                  RECORDING_IN_ENC, node, index);
    put_algorithm(w, "auth", &sa->auth, ESP_ALG_NONE, extras, RECORDING_IN_AUTH, node, index);
    put_extras(w, extras, RECORDING_IN_SA, node, index);
    put(w, "}");
}

static void put_node(struct recording_writer *w, const struct esp_node *node, bool ex,
                     const struct recording_extras *extras, size_t index)
{
    bool tunnel = node->udp != ESP_UDP_NONE && node->udp != ESP_UDP_TRANSPORT;

    separate(w);
    put(w, "{");
    put_member(w, "handle", node->handle);
    put_string(w, "dir", node->dir == ESP_DIR_IN ? "in" : "out");
    put_string(w, "src", "");
    w->length--; /* the closing quote */
    put_address(w, &node->src);
    put(w, "\"");
    put_string(w, "dst", "");
    w->length--;
    put_address(w, &node->dst);
    put(w, "\"");
    if ((node->mode == ESP_MODE_TUNNEL) != tunnel) {
        put_string(w, "mode", node->mode == ESP_MODE_TUNNEL ? "tunnel" : "transport");
    }
    if (node->udp != ESP_UDP_NONE) {
        put_string(w, "udp_esp", recording_name_of(recording_udp_names, (uint32_t)node->udp));
    }
    if (node->encap_sport != NATT_PORT) {
        put_member(w, "encap_sport", node->encap_sport);
    }
    if (node->encap_dport != NATT_PORT) {
        put_member(w, "encap_dport", node->encap_dport);
    }
    if (node->pair != 0) {
        put_member(w, "pair", node->pair);
    }
    if (node->sel.present) {
        put_selector(w, &node->sel, extras, index);
    }
    if (ex && node->switch_port != 0) {
        put_member(w, "switch_port", node->switch_port);
    }
    if (ex && node->vlan != 0) {
        put_member(w, "vlan", node->vlan);
    }
    put_key(w, "sa");
    put(w, "[");
    for (size_t i = 0; i < node->sa_count; i++) {
        put_sa(w, &node->sa[i], node->dir, extras, index, i);
    }
    put(w, "]");
    put_extras(w, extras, RECORDING_IN_NODE, index, 0);
    put(w, "}");
}

/* ---- records ---------------------------------------------------------------------------- */

static void put_request(struct recording_writer *w, const struct recording_record *record)
{
    switch (record->kind) {
    case RECORDING_ADD_SA:
    case RECORDING_ADD_SA_EX:
        put_key(w, "nodes");
        put(w, "[");
        for (size_t i = 0; i < record->node_count; i++) {
            put_node(w, &record->nodes[i], record->kind == RECORDING_ADD_SA_EX, &record->extras, i);
        }
        put(w, "]");
        break;
    case RECORDING_UPDATE_SA:
        put_member(w, "handle", record->handle);
        put_string(w, "op", record->op == ESP_OP_AH ? "ah" : "esp");
        put_member(w, "spi", record->spi);
        put_member(w, "seq_hi", record->seq_hi);
        break;
    case RECORDING_DELETE_SA:
        put_key(w, "handles");
        put(w, "[");
        for (size_t i = 0; i < record->handle_count; i++) {
            separate(w);
            put_number(w, record->handles[i]);
        }
        put(w, "]");
        break;
    case RECORDING_ENCAPSULATION:
    case RECORDING_LINK:
        put_key(w, record->kind == RECORDING_LINK ? "up" : "on");
        put(w, record->on ? "true" : "false");
        break;
    default: break;
    }
}

/* Send the composed line off. */
static bool finish_line(struct recording_writer *w)
{
    put(w, "\n");
    if (!w->out_of_memory && fwrite(w->line, 1, w->length, w->stream) != w->length &&
        w->write_error == 0) {
        w->write_error = errno != 0 ? errno : EIO;
    }
    w->length = 0;
    return !w->out_of_memory && w->write_error == 0;
}

bool recording_write(struct recording_writer *w, const struct recording_record *record)
{
    const char *status = recording_status_name(record->status);

    put(w, "{");
    put_member(w, "t_ns", record->t_ns);
    put_string(w, recording_is_oid(record->kind) ? "oid" : "event",
               recording_kind_name(record->kind));
    put_request(w, record);
    if (record->has_req) {
        put_member(w, "req", record->req);
    }
    if (record->has_status && status != NULL) {
        put_string(w, "status", status);
    } else if (record->has_status) {
        put_member(w, "status", record->status);
    }
    if (record->has_done_ns) {
        put_member(w, "done_ns", record->done_ns);
    }
    if (record->has_raw) {
        put_hex(w, "raw", record->raw, record->raw_length);
    }
    put_extras(w, &record->extras, RECORDING_IN_RECORD, 0, 0);
    put(w, "}");
    return finish_line(w);
}

static void write_header(struct recording_writer *w, const struct recording_header *header)
{
    put(w, "{");
    put_member(w, "recording", 1);
    if (header->has_epoch) {
        put_member(w, "epoch_ns", header->epoch_ns);
    }
    put_extras(w, &header->extras, RECORDING_IN_RECORD, 0, 0);
    put(w, "}");
    finish_line(w);
}

struct recording_writer *recording_writer_open_stream(FILE *stream, const char *name,
                                                      const struct recording_header *header,
                                                      char *error, size_t error_size)
{
    struct recording_writer *w = calloc(1, sizeof *w);

    if (w != NULL) {
        w->name = strdup(name);
    }
    if (w == NULL || w->name == NULL) {
        snprintf(error, error_size, "%s: out of memory", name);
        free(w);
        fclose(stream);
        return NULL;
    }
    w->stream = stream;
    if (header != NULL && header->present) {
        write_header(w, header);
    }
    return w;
}

struct recording_writer *recording_writer_open(const char *path,
                                               const struct recording_header *header, char *error,
                                               size_t error_size)
{
    FILE *stream;

    if (strcmp(path, "-") == 0) {
        return recording_writer_open_stream(stdout, "<stdout>", header, error, error_size);
    }
    stream = fopen(path, "wb");
    if (stream == NULL) {
        snprintf(error, error_size, "%s: cannot create: %s", path, strerror(errno));
        return NULL;
    }
    return recording_writer_open_stream(stream, path, header, error, error_size);
}

bool recording_writer_close(struct recording_writer *w, char *error, size_t error_size)
{
    bool closed = (w->stream == stdout ? fflush(w->stream) : fclose(w->stream)) == 0;
    bool ok;

    if (!closed && w->write_error == 0) {
        w->write_error = errno;
    }
    ok = !w->out_of_memory && w->write_error == 0;
    if (!ok) {
        snprintf(error, error_size, "%s: cannot write: %s", w->name,
                 w->out_of_memory ? "out of memory" : strerror(w->write_error));
    }
    free(w->line);
    free(w->name);
    free(w);
    return ok;
}
