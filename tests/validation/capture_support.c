#include "capture_support.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traces/capture.h"

enum {
    PROTO_ESP = 50,
    PROTO_UDP = 17,
    IPV6_HOP = 0,
    IPV6_ROUTING = 43,
    IPV6_FRAGMENT = 44,
    IPV6_OPTIONS = 60,
    NAT_T_PORT = 4500
};

/* ---- keys --------------------------------------------------------------------------------------------- */

struct piece {
    const void *bytes;
    size_t length;
};

static void sha256(const struct piece *pieces, size_t count, uint8_t hash[CS_HASH])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    ck_assert_int_eq(EVP_DigestInit_ex(context, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].length), 1);
    }
    ck_assert_int_eq(EVP_DigestFinal_ex(context, hash, NULL), 1);
    EVP_MD_CTX_free(context);
}

static void upper_hash(const void *src, const void *dst, size_t address, uint8_t proto,
                       const uint8_t upper[CS_HASH], uint8_t hash[CS_HASH])
{
    const struct piece pieces[] = {
        { src, address }, { dst, address }, { &proto, 1 }, { upper, CS_HASH }
    };

    sha256(pieces, 4, hash);
}

void cs_hex_key(enum cs_kind kind, const char *sha256_hex, struct cs_key *key)
{
    key->kind = kind;
    ck_assert_uint_eq(strlen(sha256_hex), 2 * CS_HASH);
    for (unsigned i = 0; i < CS_HASH; i++) {
        char byte[3] = { sha256_hex[2 * i], sha256_hex[2 * i + 1], '\0' };
        char *end;

        key->hash[i] = (uint8_t)strtoul(byte, &end, 16);
        ck_assert(*end == '\0');
    }
}

void cs_upper_key(const char *src, const char *dst, unsigned proto, const char *sha256_hex,
                  struct cs_key *key)
{
    int family = strchr(src, ':') ? AF_INET6 : AF_INET;
    uint8_t from[16];
    uint8_t to[16];
    uint8_t upper[CS_HASH];

    cs_hex_key(CS_UPPER, sha256_hex, key);
    memcpy(upper, key->hash, CS_HASH);
    ck_assert_int_eq(inet_pton(family, src, from), 1);
    ck_assert_int_eq(inet_pton(family, dst, to), 1);
    upper_hash(from, to, family == AF_INET ? 4 : 16, (uint8_t)proto, upper, key->hash);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* Offset and length of the IP packet, by EtherType behind VLAN tags. */
static bool find_ip(struct cs_frame *f)
{
    uint32_t at = 12;

    while (at + 4 <= f->length &&
           (be16(f->bytes + at) == 0x8100 || be16(f->bytes + at) == 0x88a8)) {
        at += 4;
    }
    if (at + 2 + 20 > f->length) {
        return false;
    }
    f->l3 = at + 2;
    if (be16(f->bytes + at) == 0x0800) {
        f->l3_length = be16(f->bytes + f->l3 + 2);
    } else if (be16(f->bytes + at) == 0x86dd) {
        f->l3_length = 40 + be16(f->bytes + f->l3 + 4);
    } else {
        return false;
    }
    return f->l3_length >= 20 && f->l3 + f->l3_length <= f->length;
}

/* The protocol, where its header is, and whether this is a fragment. */
static unsigned upper_of(const struct cs_frame *f, uint32_t *offset, bool *fragment)
{
    const uint8_t *ip = f->bytes + f->l3;
    unsigned next;

    *fragment = false;
    if (ip[0] >> 4 == 4) {
        *offset = (ip[0] & 15u) * 4;
        *fragment = (be16(ip + 6) & 0x3fff) != 0;
        return ip[9];
    }
    *offset = 40;
    next = ip[6];
    while (*offset + 8 <= f->l3_length && (next == IPV6_HOP || next == IPV6_ROUTING ||
                                           next == IPV6_FRAGMENT || next == IPV6_OPTIONS)) {
        *fragment |= next == IPV6_FRAGMENT;
        uint32_t size = next == IPV6_FRAGMENT ? 8 : 8 + 8u * ip[*offset + 1];
        next = ip[*offset];
        *offset += size;
    }
    return next;
}

static void classify(struct cs_frame *f, unsigned proto, uint32_t offset, bool fragment)
{
    const uint8_t *ip = f->bytes + f->l3;
    uint32_t left = f->l3_length > offset ? f->l3_length - offset : 0;

    f->class = CS_CLEAR;
    if (fragment) {
        f->class = CS_FRAGMENT;
        f->esp_fragment = proto == PROTO_ESP;
    } else if (proto == PROTO_ESP && left >= 8) {
        f->class = CS_ESP;
        f->seq = be32(ip + offset + 4);
    } else if (proto == PROTO_UDP && left >= 8 + 8 &&
               (be16(ip + offset) == NAT_T_PORT || be16(ip + offset + 2) == NAT_T_PORT) &&
               be32(ip + offset + 8) != 0) {
        f->class = CS_ESP; /* RFC 3948: no non-ESP marker */
        f->seq = be32(ip + offset + 12);
    }
}

static void hash_packet(struct cs_frame *f)
{
    uint8_t *ip = f->bytes + f->l3;
    bool v4 = ip[0] >> 4 == 4;
    uint32_t offset;
    bool fragment;
    unsigned proto = upper_of(f, &offset, &fragment);
    uint8_t head[40];
    uint8_t upper[CS_HASH];
    size_t fixed = v4 ? 20 : 40;

    classify(f, proto, offset, fragment);
    sha256(&(struct piece){ ip, f->l3_length }, 1, f->hash[CS_PACKET]);
    memcpy(head, ip, fixed);
    head[v4 ? 8 : 7] = 0;
    if (v4) {
        head[10] = head[11] = 0;
    }
    sha256((struct piece[]){ { head, fixed }, { ip + fixed, f->l3_length - fixed } }, 2,
           f->hash[CS_ROUTED]);
    offset = offset < f->l3_length ? offset : f->l3_length;
    sha256(&(struct piece){ ip + offset, f->l3_length - offset }, 1, upper);
    upper_hash(ip + (v4 ? 12 : 8), ip + (v4 ? 16 : 24), v4 ? 4 : 16, (uint8_t)proto, upper,
               f->hash[CS_UPPER]);
}

static void take_frame(struct cs_frames *frames, const struct capture_packet *p)
{
    struct cs_frame *f;

    ck_assert_msg(p->captured == p->length, "record %" PRIu64 " is cut short", p->record);
    if ((frames->count & (frames->count - 1)) == 0) { /* full at every power of two */
        size_t room = frames->count == 0 ? 1 : 2 * frames->count;

        frames->at = realloc(frames->at, room * sizeof *frames->at);
        ck_assert_ptr_nonnull(frames->at);
    }
    f = &frames->at[frames->count++];
    *f = (struct cs_frame){ .time_ns = p->time_ns, .record = p->record, .length = p->captured };
    f->bytes = malloc(p->captured);
    ck_assert_ptr_nonnull(f->bytes);
    memcpy(f->bytes, p->bytes, p->captured);
    memcpy(f->source_mac, p->bytes + 6, 6);
    sha256(&(struct piece){ f->bytes, f->length }, 1, f->hash[CS_FRAME]);
    f->ip = find_ip(f);
    if (f->ip) {
        hash_packet(f);
    }
}

void cs_load(const char *path, const char *filter, struct cs_frames *frames)
{
    char error[CAPTURE_ERROR_SIZE];
    struct capture *capture = capture_open(path, filter, error, sizeof error);
    struct capture_packet packet;
    enum capture_result result;

    ck_assert_msg(capture != NULL, "%s", error);
    *frames = (struct cs_frames){ 0 };
    while ((result = capture_next(capture, &packet)) == CAPTURE_OK) {
        take_frame(frames, &packet);
    }
    ck_assert_msg(result == CAPTURE_END, "%s", capture_error(capture));
    capture_close(capture);
}

void cs_free(struct cs_frames *frames)
{
    for (size_t i = 0; i < frames->count; i++) {
        free(frames->at[i].bytes);
    }
    free(frames->at);
    *frames = (struct cs_frames){ 0 };
}

bool cs_header_checksum_good(const struct cs_frame *frame)
{
    const uint8_t *ip = frame->bytes + frame->l3;
    uint32_t sum = 0;

    if (!frame->ip || ip[0] >> 4 != 4) {
        return true;
    }
    for (uint32_t i = 0; i < (ip[0] & 15u) * 4; i += 2) {
        sum += be16(ip + i);
    }
    return (sum >> 16) + (sum & 0xffff) == 0xffff; /* at most 30 words: one carry is enough */
}

/* ---- reassembly --------------------------------------------------------------------------------------- */

enum { DATAGRAM = 65536 };

static const uint8_t *ip_of(const struct cs_frame *f)
{
    return f->bytes + f->l3;
}

static bool same_datagram(const struct cs_frame *a, const struct cs_frame *b)
{
    return ip_of(a)[0] >> 4 == 4 && ip_of(b)[0] >> 4 == 4 &&
           memcmp(ip_of(a) + 4, ip_of(b) + 4, 2) == 0 && ip_of(a)[9] == ip_of(b)[9] &&
           memcmp(ip_of(a) + 12, ip_of(b) + 12, 8) == 0;
}

/* The fragments 0..last that belong with `last`: complete if every byte up to the end is there. */
static bool put_together(const struct cs_frames *frames, size_t last, uint8_t *payload,
                         uint32_t *length, size_t *pieces)
{
    static uint8_t there[DATAGRAM];
    uint32_t sum = 0;

    memset(there, 0, sizeof there);
    *length = 0;
    *pieces = 0;
    for (size_t i = 0; i <= last; i++) {
        const struct cs_frame *f = &frames->at[i];

        if (f->class != CS_FRAGMENT || !same_datagram(f, &frames->at[last])) {
            continue;
        }
        uint32_t head = (ip_of(f)[0] & 15u) * 4;
        uint32_t at = (be16(ip_of(f) + 6) & 0x1fff) * 8;
        uint32_t size = f->l3_length - head;

        ck_assert_uint_le(at + size, DATAGRAM);
        memcpy(payload + at, ip_of(f) + head, size);
        memset(there + at, 1, size);
        if ((be16(ip_of(f) + 6) & 0x2000) == 0) {
            *length = at + size;
        }
        ++*pieces;
    }
    for (uint32_t i = 0; i < *length; i++) {
        sum += there[i];
    }
    return *length != 0 && sum == *length;
}

size_t cs_reassemble(const struct cs_frames *frames, struct cs_key *keys, size_t room, size_t *used)
{
    static uint8_t payload[DATAGRAM];
    size_t count = 0;

    *used = 0;
    for (size_t i = 0; i < frames->count; i++) {
        const struct cs_frame *f = &frames->at[i];
        uint8_t upper[CS_HASH];
        uint32_t length;
        size_t pieces;

        if (f->class != CS_FRAGMENT || !put_together(frames, i, payload, &length, &pieces)) {
            continue;
        }
        ck_assert_uint_lt(count, room);
        sha256(&(struct piece){ payload, length }, 1, upper);
        keys[count].kind = CS_UPPER;
        upper_hash(ip_of(f) + 12, ip_of(f) + 16, 4, ip_of(f)[9], upper, keys[count].hash);
        count++;
        *used += pieces;
    }
    return count;
}

/* ---- the kernel's counters ---------------------------------------------------------------------------- */

enum { MAX_STATES = 4096 };

struct state {
    uint32_t spi;
    int64_t packets, too_old, replay, failed;
};

static FILE *open_text(const char *path)
{
    size_t n = strlen(path);
    char command[CS_PATH + 32];
    FILE *file;

    if (n > 3 && strcmp(path + n - 3, ".gz") == 0) {
        snprintf(command, sizeof command, "gzip -dc '%s'", path);
        file = popen(command, "r"); /* NOLINT(cert-env33-c): a path of ours */
    } else {
        file = fopen(path, "r");
    }
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    return file;
}

static void close_text(FILE *file, const char *path)
{
    size_t n = strlen(path);

    if (n > 3 && strcmp(path + n - 3, ".gz") == 0) {
        ck_assert_int_eq(pclose(file), 0);
    } else {
        fclose(file);
    }
}

static struct state *find_state(struct state *states, size_t *count, uint32_t spi)
{
    for (size_t i = 0; i < *count; i++) {
        if (states[i].spi == spi) {
            return &states[i];
        }
    }
    ck_assert_uint_lt(*count, MAX_STATES);
    states[*count] = (struct state){ .spi = spi };
    return &states[(*count)++];
}

static void most(int64_t *value, int64_t other)
{
    *value = other > *value ? other : *value;
}

/* The number behind `word` in the line, decimal or 0x. */
static bool number_behind(const char *line, const char *word, int64_t *value)
{
    const char *at = strstr(line, word);
    char *end = NULL;

    if (at == NULL) {
        return false;
    }
    at += strlen(word);
    *value = strtoll(at, &end, 0);
    return end != at;
}

static bool names_address(const char *line, const char *word, const char *address)
{
    const char *at = strstr(line, word);
    size_t n = strlen(address);

    return at != NULL && strncmp(at + strlen(word), address, n) == 0 &&
           strchr(" \n", at[strlen(word) + n]) != NULL;
}

static void read_state_line(const char *line, const char *dst, struct state *states, size_t *count,
                            struct state **current, bool *wanted)
{
    int64_t value;
    int64_t replay;
    int64_t failed;

    if (strncmp(line, "src ", 4) == 0) {
        *wanted = dst == NULL || names_address(line, " dst ", dst);
        *current = NULL;
    } else if (number_behind(line, "proto esp spi ", &value)) {
        *current = *wanted && value != 0 ? find_state(states, count, (uint32_t)value) : NULL;
    } else if (*current == NULL) {
        return;
    } else if (number_behind(line, "(bytes), ", &value)) { /* not "(bytes), hard" */
        most(&(*current)->packets, value);
    } else if (number_behind(line, "replay-window ", &value) &&
               number_behind(line, " replay ", &replay) &&
               number_behind(line, " failed ", &failed)) {
        most(&(*current)->too_old, value);
        most(&(*current)->replay, replay);
        most(&(*current)->failed, failed);
    }
}

void cs_read_state(const char *path, const char *dst, struct cs_counters *counters)
{
    FILE *file = open_text(path);
    struct state *states = calloc(MAX_STATES, sizeof *states);
    struct state *current = NULL;
    size_t count = 0;
    bool wanted = false;
    char line[512];

    ck_assert_ptr_nonnull(states);
    while (fgets(line, sizeof line, file) != NULL) {
        read_state_line(line, dst, states, &count, &current, &wanted);
    }
    close_text(file, path);
    ck_assert_msg(count != 0, "%s: no SA", path);
    counters->known = true;
    counters->accepted = counters->too_old = counters->replay = counters->failed = 0;
    for (size_t i = 0; i < count; i++) {
        counters->accepted += states[i].packets;
        counters->too_old += states[i].too_old;
        counters->replay += states[i].replay;
        counters->failed += states[i].failed;
    }
    free(states);
}

static int64_t stat_of(const char *path, const char *name)
{
    FILE *file = open_text(path);
    char line[128];
    int64_t value;
    int64_t found = -1;

    while (fgets(line, sizeof line, file) != NULL) {
        size_t n = strcspn(line, " \t");

        if (n == strlen(name) && strncmp(line, name, n) == 0 && number_behind(line, name, &value)) {
            found = value;
        }
    }
    close_text(file, path);
    ck_assert_msg(found >= 0, "%s: no %s", path, name);
    return found;
}

void cs_read_stat(const char *before, const char *after, struct cs_counters *counters)
{
    counters->known = true;
    counters->no_state = stat_of(after, "XfrmInNoStates") - stat_of(before, "XfrmInNoStates");
    counters->expired =
        stat_of(after, "XfrmInStateExpired") - stat_of(before, "XfrmInStateExpired");
    counters->seq_error =
        stat_of(after, "XfrmInStateSeqError") - stat_of(before, "XfrmInStateSeqError");
    counters->proto_error =
        stat_of(after, "XfrmInStateProtoError") - stat_of(before, "XfrmInStateProtoError");
}

/* ---- recordings --------------------------------------------------------------------------------------- */

int cs_run(const char *const *argv, const char *output)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        FILE *out = freopen(output, "w", stdout);

        if (out == NULL || dup2(fileno(stdout), STDERR_FILENO) < 0) {
            _exit(126);
        }
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool is_packed(const char *path)
{
    size_t n = strlen(path);

    return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

static json_t *load_json(const char *path)
{
    json_error_t error;
    FILE *file = open_text(path);
    json_t *root = json_loadf(file, 0, &error);

    ck_assert_msg(root != NULL, "%s: %s", path, error.text);
    close_text(file, path);
    return root;
}

json_t *cs_sas(const char *sa_json)
{
    json_t *root = load_json(sa_json);
    json_t *sas = json_incref(json_object_get(root, "sas"));

    ck_assert(json_is_array(sas));
    json_decref(root);
    return sas;
}

json_t *cs_recording(const char *data, const char *sa_json, const char *end)
{
    char command[3 * CS_PATH];
    char line[16384];
    json_t *records = json_array();
    FILE *pipe;

    /* bash: a process substitution unpacks on the way. SAs that the format cannot express are told on the
     * error output, which the caller's rows know about. */
    snprintf(command, sizeof command,
             is_packed(sa_json) ? "exec bash -c \"python3 '%s/sa2oids.py' <(gzip -dc '%s') %s\""
                                : "exec python3 '%s/sa2oids.py' '%s' %s 2>/dev/null",
             data, sa_json, end);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c): paths of ours */
    ck_assert_ptr_nonnull(pipe);
    while (fgets(line, sizeof line, pipe) != NULL) {
        json_error_t error;
        json_t *record = json_loads(line, 0, &error);

        ck_assert_msg(record != NULL, "sa2oids.py: %s: %s", error.text, line);
        json_array_append_new(records, record);
    }
    if (pclose(pipe) != 0) {
        json_decref(records);
        return NULL;
    }
    return records;
}

/* One message of the netlink capture. */
struct request {
    uint64_t time_ns;
    bool add;
    uint32_t spi;
};

enum {
    NL_REQUEST = 1,
    XFRM_FAMILY = 6,
    XFRM_NEWSA = 0x10,
    XFRM_DELSA = 0x11,
    XFRM_UPDSA = 0x1a,
    XFRM_ID = 56, /* struct xfrm_id in struct xfrm_usersa_info, behind the selector */
    COOKED = 16,  /* header of LINKTYPE_NETLINK */
    NL_HEADER = 16
};

/* Host order: these captures were made on little-endian machines. */
static uint32_t le(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;

    for (unsigned i = bytes; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

static bool read_request(const uint8_t *message, uint32_t length, const uint8_t dst[4],
                         struct request *request)
{
    uint32_t type = le(message + 4, 2);
    const uint8_t *body = message + NL_HEADER;
    uint32_t id = type == XFRM_DELSA ? 0 : XFRM_ID;

    if ((le(message + 6, 2) & NL_REQUEST) == 0 ||
        (type != XFRM_NEWSA && type != XFRM_UPDSA && type != XFRM_DELSA) ||
        length < NL_HEADER + id + 20 || memcmp(body + id, dst, 4) != 0) {
        return false;
    }
    request->add = type != XFRM_DELSA;
    request->spi = be32(body + id + 16);
    return true;
}

static uint64_t spi_of(const json_t *record)
{
    const json_t *node = json_array_get(json_object_get(record, "nodes"), 0);
    const json_t *sa = json_array_get(json_object_get(node, "sa"), 0);

    return (uint64_t)json_integer_value(json_object_get(sa, "spi"));
}

/* The first request of a kind for an SPI makes the record; the tap shows each message twice. */
static void add_timed(json_t *timed, json_t *records, const struct request *r, json_t *done)
{
    char name[32];
    size_t i;
    json_t *record;

    snprintf(name, sizeof name, "%s-%" PRIu32, r->add ? "add" : "delete", r->spi);
    if (json_object_get(done, name) != NULL) {
        return;
    }
    json_array_foreach(records, i, record)
    {
        if (json_object_get(record, "nodes") == NULL || spi_of(record) != r->spi) {
            continue;
        }
        json_t *handle =
            json_object_get(json_array_get(json_object_get(record, "nodes"), 0), "handle");
        json_t *made = r->add ? json_deep_copy(record)
                              : json_pack("{s:s, s:[O]}", "oid", "DELETE_SA", "handles", handle);

        json_object_set_new(made, "t_ns", json_integer((json_int_t)r->time_ns));
        json_array_append_new(timed, made);
        json_object_set_new(done, name, json_true());
        return;
    }
}

json_t *cs_timed(json_t *records, const char *nlmon, const char *dst)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(nlmon, PCAP_TSTAMP_PRECISION_NANO, error);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    uint8_t address[4];
    json_t *timed = json_array();
    json_t *done = json_object();
    char head[32];
    uint64_t epoch = 0;
    size_t i;
    json_t *record;

    ck_assert_msg(pcap != NULL, "%s", error);
    ck_assert_int_eq(inet_pton(AF_INET, dst, address), 1);
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        struct request r = { .time_ns = (uint64_t)header->ts.tv_sec * 1000000000u +
                                        (uint64_t)header->ts.tv_usec };
        uint32_t at = COOKED;

        epoch = epoch == 0 ? r.time_ns : epoch;
        r.time_ns -= epoch;
        while (be16(bytes + 14) == XFRM_FAMILY && at + NL_HEADER <= header->caplen &&
               le(bytes + at, 4) >= NL_HEADER && at + le(bytes + at, 4) <= header->caplen) {
            if (read_request(bytes + at, le(bytes + at, 4), address, &r)) {
                add_timed(timed, records, &r, done);
            }
            at += (le(bytes + at, 4) + 3) & ~3u;
        }
    }
    pcap_close(pcap);
    json_array_foreach(timed, i, record)
    {
        ck_assert(json_integer_value(json_object_get(record, "t_ns")) >= 0);
    }
    snprintf(head, sizeof head, "0x%" PRIx64, epoch);
    json_array_insert_new(timed, 0, json_pack("{s:i, s:s}", "recording", 1, "epoch_ns", head));
    json_decref(done);
    return timed;
}

static int by_time(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a;
    const json_t *y = *(json_t *const *)b;
    json_int_t s = json_integer_value(json_object_get(x, "t_ns"));
    json_int_t t = json_integer_value(json_object_get(y, "t_ns"));
    json_int_t i = json_integer_value(json_object_get(x, "x_line"));
    json_int_t j = json_integer_value(json_object_get(y, "x_line"));

    return s != t ? (s > t) - (s < t) : (i > j) - (i < j);
}

void cs_write_recording(json_t *records, const char *path)
{
    size_t count = json_array_size(records);
    json_t **sorted = calloc(count + 1, sizeof *sorted);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(sorted);
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(records, i);
        json_object_set_new(sorted[i], "x_line", json_integer((json_int_t)i));
    }
    qsort(sorted, count, sizeof *sorted, by_time);
    for (size_t i = 0; i < count; i++) {
        bool head = json_object_get(sorted[i], "recording") != NULL;

        ck_assert(!head || i == 0);
        if (head) { /* the first line has no other keys */
            json_object_del(sorted[i], "x_line");
        }
        ck_assert_int_eq(json_dumpf(sorted[i], file, JSON_COMPACT), 0);
        ck_assert_int_eq(fputc('\n', file), '\n');
    }
    ck_assert_int_eq(fclose(file), 0);
    free(sorted);
}

uint64_t cs_number(const json_t *report, const char *path)
{
    char name[64];
    const json_t *at = report;

    for (const char *p = path; *p != '\0';) {
        size_t n = strcspn(p, ".");

        ck_assert_uint_lt(n, sizeof name);
        memcpy(name, p, n);
        name[n] = '\0';
        at = json_object_get(at, name);
        p += n + (p[n] == '.');
    }
    ck_assert_msg(json_is_integer(at), "the report has no %s", path);
    return (uint64_t)json_integer_value(at);
}
