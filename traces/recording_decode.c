/* From a parsed line to a record: types, ranges, defaults. traces/FORMAT.md is the definition.
 *
 * Each kind of object is a table of members; read_object() walks the members in the order of the
 * file, so that the first wrong one is the one reported. */
#include "engine/nearest.h"
#include "traces/recording_internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* JSON integers are exact up to here in every reader (RFC 8259, section 6). */
#define JSON_EXACT (UINT64_C(1) << 53)

enum { MAX_REPLAY_WINDOW = 4096, NATT_PORT = 4500, DEFAULT_REPLAY_WINDOW = 64 };

/* The way to an object, on the stack: nodes[0] . sa[1] . enc */
struct path {
    const struct path *up;
    const char *key;
    bool has_index;
    size_t index;
};

struct decode {
    struct recording_place_in_file *at;
    struct recording_extras *extras;
    uint32_t node; /* where the decoder is, for x_ members */
    uint8_t sa;
    uint32_t sa_seen[ESP_MAX_SAS]; /* members that each SA entry of this node has */
};

struct member {
    const char *key;
    bool (*read)(struct decode *d, const struct path *object, const struct member *member,
                 json_t *value, void *target);
    size_t offset, size; /* of the field of `target` */
    uint64_t max;        /* read_uint */
    uint64_t min;
    bool required;
};

struct object_kind {
    enum recording_place place;
    const struct member *members;
    size_t count;
};

#define FIELD(type_, field_) .offset = offsetof(type_, field_), .size = sizeof(((type_ *)0)->field_)
#define OBJECT_KIND(place_, table_)                                                                \
    {                                                                                              \
        .place = (place_), .members = (table_), .count = sizeof(table_) / sizeof((table_)[0])      \
    }
#define SEEN(index_) (UINT32_C(1) << (index_))

/* ---- messages --------------------------------------------------------------------------- */

static size_t append_path(char *out, size_t size, size_t used, const struct path *path)
{
    if (path == NULL || path->key == NULL) {
        return used;
    }
    used = append_path(out, size, used, path->up);
    if (used < size) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? "." : "", path->key);
    }
    if (path->has_index && used < size) {
        used += (size_t)snprintf(out + used, size - used, "[%zu]", path->index);
    }
    return used < size ? used : size;
}

/* Always false, so that a reader can return it. `key` may be NULL: the object itself. */
__attribute__((format(printf, 4, 5))) static bool fail(struct decode *d, const struct path *object,
                                                       const char *key, const char *format, ...)
{
    char where[256] = "";
    char what[768];
    struct path last = { .up = object, .key = key };
    va_list arguments;

    append_path(where, sizeof where, 0, key != NULL ? &last : object);
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(d->at->error, d->at->error_size, "%s:%" PRIu64 ": %s%s%s", d->at->file, d->at->line,
             where, where[0] != '\0' ? ": " : "", what);
    return false;
}

static bool out_of_memory(struct decode *d)
{
    d->at->out_of_memory = true;
    return fail(d, NULL, NULL, "out of memory");
}

/* What a value is, for "found ...". Strings are cut: a key is not a thing for a log. */
static const char *describe(const json_t *value, char *out, size_t size)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return json_array_size(value) == 0 ? "an empty array" : "an array";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NULL: return "null";
    case JSON_REAL: snprintf(out, size, "%.17g", json_real_value(value)); break;
    case JSON_INTEGER:
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_STRING:
        snprintf(out, size, json_string_length(value) > 40 ? "\"%.37s...\"" : "\"%.40s\"",
                 json_string_value(value));
        break;
    }
    return out;
}

static bool fail_type(struct decode *d, const struct path *object, const char *key,
                      const json_t *value, const char *expected)
{
    char found[80];

    return fail(d, object, key, "found %s, expected %s", describe(value, found, sizeof found),
                expected);
}

/* ---- objects ---------------------------------------------------------------------------- */

static bool add_extra(struct decode *d, enum recording_place place, const char *key,
                      const json_t *value)
{
    struct recording_extras *extras = d->extras;
    struct recording_extra *grown =
        realloc(extras->items, (extras->count + 1) * sizeof extras->items[0]);
    struct recording_extra *extra;

    if (grown == NULL) {
        return out_of_memory(d);
    }
    extras->items = grown;
    extra = &grown[extras->count];
    extra->place = place;
    extra->node = d->node;
    extra->sa = d->sa;
    extra->key = strdup(key);
    extra->json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (extra->key == NULL || extra->json == NULL) {
        free(extra->key);
        free(extra->json);
        return out_of_memory(d);
    }
    extras->count++;
    return true;
}

static bool fail_unknown(struct decode *d, const struct path *object,
                         const struct object_kind *kind, const char *key)
{
    char list[512] = "";
    char proposal[64] = "";
    size_t used = 0;
    const char *best = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < kind->count; i++) {
        const char *known = kind->members[i].key;

        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", known);
        nearest_offer(key, known, &best, &distance);
    }
    if (best != NULL && nearest_plausible(key, distance)) {
        snprintf(proposal, sizeof proposal, "; did you mean %s?", best);
    }
    return fail(d, object, NULL, "found the unknown key \"%.40s\", expected one of: %s, x_...%s",
                key, list, proposal);
}

/* Read all members of `value` into `target`. `*seen` tells which there were. */
static bool read_object(struct decode *d, const struct path *path, const struct object_kind *kind,
                        json_t *value, void *target, uint32_t *seen)
{
    *seen = 0;
    for (void *i = json_object_iter(value); i != NULL; i = json_object_iter_next(value, i)) {
        const char *key = json_object_iter_key(i);
        size_t n = 0;

        while (n < kind->count && strcmp(kind->members[n].key, key) != 0) {
            n++;
        }
        if (n == kind->count) {
            if (strncmp(key, "x_", 2) != 0) {
                return fail_unknown(d, path, kind, key);
            }
            if (!add_extra(d, kind->place, key, json_object_iter_value(i))) {
                return false;
            }
            continue;
        }
        if (!kind->members[n].read(d, path, &kind->members[n], json_object_iter_value(i), target)) {
            return false;
        }
        *seen |= SEEN(n);
    }
    for (size_t n = 0; n < kind->count; n++) {
        if (kind->members[n].required && !(*seen & SEEN(n))) {
            return fail(d, path, kind->members[n].key, "found nothing, expected this key");
        }
    }
    return true;
}

static bool expect_object(struct decode *d, const struct path *object, const char *key,
                          const json_t *value)
{
    return json_is_object(value) || fail_type(d, object, key, value, "an object");
}

/* ---- plain values ----------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x" and 1 to 16 digits. */
static bool parse_hex_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t digits = 0;

    if (text[0] != '0' || text[1] != 'x') {
        return false;
    }
    for (text += 2; *text != '\0'; text++, digits++) {
        int digit = hex_digit(*text);

        if (digit < 0 || digits == 16) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return digits > 0;
}

static bool fail_range(struct decode *d, const struct path *object, const char *key,
                       const json_t *value, uint64_t min, uint64_t max)
{
    char expected[128];

    if (max == UINT64_MAX) {
        snprintf(expected, sizeof expected,
                 "an integer from %" PRIu64 " (from 2^53 on as a string \"0x...\")", min);
    } else {
        snprintf(expected, sizeof expected, "an integer from %" PRIu64 " to %" PRIu64, min, max);
    }
    return fail_type(d, object, key, value, expected);
}

static bool get_uint(struct decode *d, const struct path *object, const char *key,
                     const json_t *value, uint64_t min, uint64_t max, uint64_t *out)
{
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);

        if (number >= 0 && (uint64_t)number >= JSON_EXACT) {
            return fail_type(d, object, key, value, "a string \"0x...\" for a number from 2^53 on");
        }
        if (number < 0) {
            return fail_range(d, object, key, value, min, max);
        }
        *out = (uint64_t)number;
    } else if (!json_is_string(value) || !parse_hex_number(json_string_value(value), out)) {
        return fail_range(d, object, key, value, min, max);
    }
    return (*out >= min && *out <= max) || fail_range(d, object, key, value, min, max);
}

static void store(void *target, const struct member *member, uint64_t value)
{
    char *field = (char *)target + member->offset;

    switch (member->size) {
    case 1: *(uint8_t *)field = (uint8_t)value; break;
    case 2: *(uint16_t *)(void *)field = (uint16_t)value; break;
    case 4: *(uint32_t *)(void *)field = (uint32_t)value; break;
    default: *(uint64_t *)(void *)field = value; break;
    }
}

static bool read_uint(struct decode *d, const struct path *object, const struct member *member,
                      json_t *value, void *target)
{
    uint64_t number = 0;

    if (!get_uint(d, object, member->key, value, member->min, member->max, &number)) {
        return false;
    }
    store(target, member, number);
    return true;
}

static bool read_bool(struct decode *d, const struct path *object, const struct member *member,
                      json_t *value, void *target)
{
    if (!json_is_boolean(value)) {
        return fail_type(d, object, member->key, value, "true or false");
    }
    *(bool *)((char *)target + member->offset) = json_is_true(value);
    return true;
}

/* A name out of a table. The field is an enum: as wide as int. */
static bool read_name(struct decode *d, const struct path *object, const struct member *member,
                      json_t *value, void *target, const struct recording_name *names)
{
    char expected[256] = "one of: ";

    for (const struct recording_name *n = names; n->name != NULL && json_is_string(value); n++) {
        if (strcmp(json_string_value(value), n->name) == 0) {
            store(target, member, n->value);
            return true;
        }
    }
    for (const struct recording_name *n = names; n->name != NULL; n++) {
        size_t used = strlen(expected);

        snprintf(expected + used, sizeof expected - used, "%s%s", n > names ? ", " : "", n->name);
    }
    return fail_type(d, object, member->key, value, expected);
}

#define NAME_READER(reader_, names_)                                                               \
    static bool reader_(struct decode *d, const struct path *object, const struct member *member,  \
                        json_t *value, void *target)                                               \
    {                                                                                              \
        return read_name(d, object, member, value, target, names_);                                \
    }

static const struct recording_name dir_names[] = { { "in", ESP_DIR_IN },
                                                   { "out", ESP_DIR_OUT },
                                                   { NULL, 0 } };
static const struct recording_name mode_names[] = { { "transport", ESP_MODE_TRANSPORT },
                                                    { "tunnel", ESP_MODE_TUNNEL },
                                                    { NULL, 0 } };
static const struct recording_name op_names[] = { { "esp", ESP_OP_ESP },
                                                  { "ah", ESP_OP_AH },
                                                  { NULL, 0 } };

NAME_READER(read_dir, dir_names)
NAME_READER(read_mode, mode_names)
NAME_READER(read_op, op_names)
NAME_READER(read_udp, recording_udp_names)

/* Bytes from hex digits. `out` holds `length` / 2 bytes. */
static bool get_hex(struct decode *d, const struct path *object, const char *key,
                    const json_t *value, uint8_t *out)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0) {
            return fail(d, object, key,
                        "found a character that is no hex digit at place %zu, expected hex digits"
                        "%s",
                        i + 1, i == 1 && text[1] == 'x' ? " without 0x" : "");
        }
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

/* ---- addresses and selectors ------------------------------------------------------------ */

static bool parse_address(const char *text, struct esp_address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, out->bytes) == 1) {
        out->family = 4;
    } else if (inet_pton(AF_INET6, text, out->bytes) == 1) {
        out->family = 6;
    }
    return out->family != 0;
}

static bool read_address(struct decode *d, const struct path *object, const struct member *member,
                         json_t *value, void *target)
{
    struct esp_address *out = (void *)((char *)target + member->offset);

    return (json_is_string(value) && parse_address(json_string_value(value), out)) ||
           fail_type(d, object, member->key, value, "an IPv4 or IPv6 address");
}

/* A decimal number without sign or spaces, up to `max`; NULL if there is none. */
static const char *parse_decimal(const char *text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    const char *start = text;

    while (*text >= '0' && *text <= '9') {
        value = value * 10 + (unsigned)(*text++ - '0');
        if (value > max) {
            return NULL;
        }
    }
    *out = value;
    return text > start ? text : NULL;
}

static bool read_prefix(struct decode *d, const struct path *object, const struct member *member,
                        json_t *value, void *target)
{
    struct esp_prefix *out = (void *)((char *)target + member->offset);
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    const char *slash = strchr(text, '/');
    char address[INET6_ADDRSTRLEN] = "";
    unsigned length = 0;
    const char *rest;

    if (slash != NULL && (size_t)(slash - text) < sizeof address) {
        memcpy(address, text, (size_t)(slash - text));
        rest = parse_decimal(slash + 1, 128, &length);
        if (rest != NULL && *rest == '\0' && parse_address(address, &out->address) &&
            length <= (out->address.family == 4 ? 32U : 128U)) {
            out->length = (uint8_t)length;
            return true;
        }
    }
    return fail_type(d, object, member->key, value,
                     "a prefix: an address, a slash, a number of bits (\"10.0.0.0/8\")");
}

/* A number, or "lo-hi". The low and the high end are neighbours in the struct. */
static bool read_ports(struct decode *d, const struct path *object, const struct member *member,
                       json_t *value, void *target)
{
    uint16_t *ports = (void *)((char *)target + member->offset);
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    const char *dash = strchr(text, '-');
    unsigned low = 0;
    unsigned high = 0;

    if (dash != NULL) {
        const char *rest = parse_decimal(dash + 1, UINT16_MAX, &high);

        if (parse_decimal(text, UINT16_MAX, &low) != dash || rest == NULL || *rest != '\0' ||
            low > high) {
            return fail_type(d, object, member->key, value,
                             "a port from 0 to 65535, or a range \"lo-hi\"");
        }
    } else {
        uint64_t port = 0;

        if (!get_uint(d, object, member->key, value, 0, UINT16_MAX, &port)) {
            return false;
        }
        low = high = (unsigned)port;
    }
    ports[0] = (uint16_t)low;
    ports[1] = (uint16_t)high;
    return true;
}

enum { SEL_SRC, SEL_DST, SEL_PROTO, SEL_SPORT, SEL_DPORT };
static const struct member sel_members[] = {
    [SEL_SRC] = { "src", read_prefix, FIELD(struct esp_selector, src) },
    [SEL_DST] = { "dst", read_prefix, FIELD(struct esp_selector, dst) },
    [SEL_PROTO] = { "proto", read_uint, FIELD(struct esp_selector, proto), .max = UINT8_MAX },
    [SEL_SPORT] = { "sport", read_ports, FIELD(struct esp_selector, sport_lo) },
    [SEL_DPORT] = { "dport", read_ports, FIELD(struct esp_selector, dport_lo) },
};
static const struct object_kind sel_kind = OBJECT_KIND(RECORDING_IN_SEL, sel_members);

static bool read_sel(struct decode *d, const struct path *object, const struct member *member,
                     json_t *value, void *target)
{
    struct esp_selector *sel = &((struct esp_node *)target)->sel;
    struct path path = { .up = object, .key = member->key };
    uint32_t seen;

    if (!expect_object(d, object, member->key, value) ||
        !read_object(d, &path, &sel_kind, value, sel, &seen)) {
        return false;
    }
    sel->present = true;
    sel->has_src = (seen & SEEN(SEL_SRC)) != 0;
    sel->has_dst = (seen & SEEN(SEL_DST)) != 0;
    sel->has_proto = (seen & SEEN(SEL_PROTO)) != 0;
    sel->has_sport = (seen & SEEN(SEL_SPORT)) != 0;
    sel->has_dport = (seen & SEEN(SEL_DPORT)) != 0;
    if (sel->has_src && sel->has_dst && sel->src.address.family != sel->dst.address.family) {
        return fail(d, &path, "dst", "found an IPv%u prefix, expected IPv%u as in src",
                    sel->dst.address.family, sel->src.address.family);
    }
    return true;
}

/* ---- algorithms ------------------------------------------------------------------------- */

/* A key while its object is read: the members may come in any order. */
struct key_draft {
    enum esp_alg alg;
    uint8_t icv;
    const json_t *key;
};

static bool fits(bool cipher, enum esp_alg alg)
{
    enum esp_alg_kind kind = esp_alg_info(alg)->kind;

    return alg != ESP_ALG_NONE && cipher == (kind == ESP_KIND_CIPHER || kind == ESP_KIND_AEAD);
}

static bool read_alg(struct decode *d, const struct path *object, const struct member *member,
                     json_t *value, void *target)
{
    bool cipher = strcmp(object->key, "enc") == 0;
    char expected[512] = "one of: ";
    struct key_draft *draft = target;

    if (json_is_string(value)) {
        draft->alg = esp_alg_by_name(json_string_value(value), json_string_length(value));
    }
    if (fits(cipher, draft->alg)) {
        return true;
    }
    for (int alg = ESP_ALG_NONE + 1; alg < ESP_ALG_COUNT; alg++) {
        size_t used = strlen(expected);

        if (fits(cipher, (enum esp_alg)alg)) {
            snprintf(expected + used, sizeof expected - used, "%s%s",
                     expected[used - 1] == ' ' ? "" : ", ", esp_alg_info((enum esp_alg)alg)->name);
        }
    }
    return fail_type(d, object, member->key, value, expected);
}

static bool read_key_text(struct decode *d, const struct path *object, const struct member *member,
                          json_t *value, void *target)
{
    if (!json_is_string(value)) {
        return fail_type(d, object, member->key, value, "a string of hex digits");
    }
    ((struct key_draft *)target)->key = value;
    return true;
}

enum { KEY_ALG, KEY_KEY, KEY_ICV };
static const struct member key_members[] = {
    [KEY_ALG] = { "alg", read_alg, .required = true },
    [KEY_KEY] = { "key", read_key_text, .size = 0 },
    [KEY_ICV] = { "icv", read_uint, FIELD(struct key_draft, icv), .max = UINT8_MAX },
};

/* Key, then salt. AES-GCM may come without the salt, which is zero then. */
static bool get_key(struct decode *d, const struct path *path, const struct esp_alg_info *info,
                    const json_t *value, struct esp_key *out)
{
    size_t digits = json_string_length(value);
    size_t full = (size_t)info->key_bytes + info->salt_bytes;
    bool may_lack_salt = out->alg == ESP_ALG_AES_GCM_128 || out->alg == ESP_ALG_AES_GCM_192 ||
                         out->alg == ESP_ALG_AES_GCM_256;
    char expected[64] = "";

    if (digits != 2 * full && !(may_lack_salt && digits == 2 * (size_t)info->key_bytes)) {
        if (full == 0) {
            return fail(d, path, "key", "found a key, expected none for %s", info->name);
        }
        if (may_lack_salt) {
            snprintf(expected, sizeof expected, " or, without the salt, %u",
                     2U * (unsigned)info->key_bytes);
        }
        return fail(d, path, "key", "found %zu hex digits, expected %zu%s for %s", digits, 2 * full,
                    expected, info->name);
    }
    if (full == 0) {
        return fail(d, path, "key", "found a key, expected none for %s", info->name);
    }
    out->length = (uint8_t)(digits / 2);
    return get_hex(d, path, "key", value, out->bytes);
}

static bool get_icv(struct decode *d, const struct path *path, const struct esp_alg_info *info,
                    const struct key_draft *draft, struct esp_key *out)
{
    char expected[64] = "";

    if (esp_alg_icv_allowed(draft->alg, draft->icv)) {
        out->icv = draft->icv;
        return true;
    }
    for (size_t i = 0; i < sizeof info->icv_allowed && info->icv_allowed[i] != 0; i++) {
        size_t used = strlen(expected);

        snprintf(expected + used, sizeof expected - used, "%s%u", i > 0 ? " or " : "",
                 (unsigned)info->icv_allowed[i]);
    }
    return fail(d, path, "icv", "found %u bytes, expected %s for %s", (unsigned)draft->icv,
                expected[0] != '\0' ? expected : "none", info->name);
}

static bool read_key(struct decode *d, const struct path *object, const struct member *member,
                     json_t *value, void *target)
{
    struct esp_key *out = (void *)((char *)target + member->offset);
    struct object_kind kind = OBJECT_KIND(RECORDING_IN_ENC, key_members);
    struct path path = { .up = object, .key = member->key };
    struct key_draft draft = { .alg = ESP_ALG_NONE };
    const struct esp_alg_info *info;
    uint32_t seen;

    if (strcmp(member->key, "auth") == 0) {
        kind.place = RECORDING_IN_AUTH;
    }
    if (!expect_object(d, object, member->key, value) ||
        !read_object(d, &path, &kind, value, &draft, &seen)) {
        return false;
    }
    info = esp_alg_info(draft.alg);
    out->alg = draft.alg;
    out->icv = info->icv_default;
    if ((seen & SEEN(KEY_ICV)) && !get_icv(d, &path, info, &draft, out)) {
        return false;
    }
    return !(seen & SEEN(KEY_KEY)) || get_key(d, &path, info, draft.key, out);
}

/* ---- SA entries ------------------------------------------------------------------------- */

#define LIMIT(field_)                                                                              \
    {                                                                                              \
#field_, read_uint, FIELD(struct esp_lifetime, field_), .max = UINT64_MAX                  \
    }
static const struct member lifetime_members[] = {
    LIMIT(soft_packets), LIMIT(hard_packets), LIMIT(soft_bytes),
    LIMIT(hard_bytes),   LIMIT(soft_s),       LIMIT(hard_s),
};
static const struct object_kind lifetime_kind =
    OBJECT_KIND(RECORDING_IN_LIFETIME, lifetime_members);

static bool read_lifetime(struct decode *d, const struct path *object, const struct member *member,
                          json_t *value, void *target)
{
    struct path path = { .up = object, .key = member->key };
    uint32_t seen;

    return expect_object(d, object, member->key, value) &&
           read_object(d, &path, &lifetime_kind, value, &((struct esp_sa *)target)->lifetime,
                       &seen);
}

enum { SA_OP, SA_SPI, SA_ESN, SA_SEQ_HI, SA_SEQ, SA_WINDOW, SA_LIFETIME, SA_ENC, SA_AUTH };
static const struct member sa_members[] = {
    [SA_OP] = { "op", read_op, FIELD(struct esp_sa, op), .required = true },
    [SA_SPI] = { "spi", read_uint, FIELD(struct esp_sa, spi), .max = UINT32_MAX, .required = true },
    [SA_ESN] = { "esn", read_bool, FIELD(struct esp_sa, esn) },
    [SA_SEQ_HI] = { "seq_hi", read_uint, FIELD(struct esp_sa, seq_hi), .max = UINT32_MAX },
    [SA_SEQ] = { "seq", read_uint, FIELD(struct esp_sa, seq), .max = UINT64_MAX },
    [SA_WINDOW] = { "replay_window", read_uint, FIELD(struct esp_sa, replay_window),
                    .max = MAX_REPLAY_WINDOW },
    [SA_LIFETIME] = { "lifetime", read_lifetime, .size = 0 },
    [SA_ENC] = { "enc", read_key, FIELD(struct esp_sa, enc) },
    [SA_AUTH] = { "auth", read_key, FIELD(struct esp_sa, auth) },
};
static const struct object_kind sa_kind = OBJECT_KIND(RECORDING_IN_SA, sa_members);

static bool needs_key(const struct esp_key *key)
{
    return esp_alg_info(key->alg)->key_bytes > 0;
}

/* What can be told only when all members of the entry and the direction of its node are known. */
static bool finish_sa(struct decode *d, const struct path *path, uint32_t seen, enum esp_dir dir,
                      struct esp_sa *sa)
{
    if (!(seen & SEEN(SA_SEQ))) {
        sa->seq = (uint64_t)sa->seq_hi << 32 | (dir == ESP_DIR_OUT ? 1U : 0U);
    } else if (sa->seq >> 32 != sa->seq_hi) {
        return fail(d, path, "seq",
                    "found 0x%" PRIx64 ", expected its upper half to be seq_hi (0x%" PRIx32 ")",
                    sa->seq, sa->seq_hi);
    }
    if (!(seen & SEEN(SA_WINDOW)) && dir == ESP_DIR_IN) {
        sa->replay_window = DEFAULT_REPLAY_WINDOW;
    }
    if (!(seen & SEEN(SA_ENC)) && sa->op == ESP_OP_ESP) {
        sa->enc.alg = ESP_ALG_NULL;
    }
    if ((seen & SEEN(SA_AUTH)) && esp_alg_info(sa->enc.alg)->kind == ESP_KIND_AEAD) {
        return fail(d, path, "auth", "found an algorithm, expected none beside %s",
                    esp_alg_info(sa->enc.alg)->name);
    }
    if (needs_key(&sa->enc) && needs_key(&sa->auth) &&
        (sa->enc.length == 0) != (sa->auth.length == 0)) {
        return fail(d, path, sa->enc.length == 0 ? "enc.key" : "auth.key",
                    "found nothing, expected a key (or none in %s either: timing only)",
                    sa->enc.length == 0 ? "auth" : "enc");
    }
    return true;
}

/* The entries; finish_sa() follows when the direction is known. */
static bool read_sa_list(struct decode *d, const struct path *object, const struct member *member,
                         json_t *value, void *target)
{
    struct esp_node *node = target;
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count < 1 || count > ESP_MAX_SAS) {
        char found[80];

        if (json_is_array(value) && count > 0) {
            return fail(d, object, member->key, "found %zu entries, expected 1 or 2", count);
        }
        return fail(d, object, member->key, "found %s, expected an array of 1 or 2 entries",
                    describe(value, found, sizeof found));
    }
    node->sa_count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_array_get(value, i);
        struct path path = { .up = object, .key = member->key, .has_index = true, .index = i };

        d->sa = (uint8_t)i;
        if (!expect_object(d, &path, NULL, entry) ||
            !read_object(d, &path, &sa_kind, entry, &node->sa[i], &d->sa_seen[i])) {
            return false;
        }
    }
    d->sa = 0;
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------ */

enum {
    NODE_HANDLE,
    NODE_DIR,
    NODE_SRC,
    NODE_DST,
    NODE_MODE,
    NODE_UDP,
    NODE_SPORT,
    NODE_DPORT,
    NODE_PAIR,
    NODE_SEL,
    NODE_SA,
    NODE_PORT, /* the last two: ADD_SA_EX only */
    NODE_VLAN
};
static const struct member node_members[] = {
    [NODE_HANDLE] = { "handle", read_uint, FIELD(struct esp_node, handle), .min = 1,
                      .max = UINT64_MAX, .required = true },
    [NODE_DIR] = { "dir", read_dir, FIELD(struct esp_node, dir), .required = true },
    [NODE_SRC] = { "src", read_address, FIELD(struct esp_node, src), .required = true },
    [NODE_DST] = { "dst", read_address, FIELD(struct esp_node, dst), .required = true },
    [NODE_MODE] = { "mode", read_mode, FIELD(struct esp_node, mode) },
    [NODE_UDP] = { "udp_esp", read_udp, FIELD(struct esp_node, udp) },
    [NODE_SPORT] = { "encap_sport", read_uint, FIELD(struct esp_node, encap_sport),
                     .max = UINT16_MAX },
    [NODE_DPORT] = { "encap_dport", read_uint, FIELD(struct esp_node, encap_dport),
                     .max = UINT16_MAX },
    [NODE_PAIR] = { "pair", read_uint, FIELD(struct esp_node, pair), .min = 1, .max = UINT64_MAX },
    [NODE_SEL] = { "sel", read_sel, .size = 0 },
    [NODE_SA] = { "sa", read_sa_list, .size = 0, .required = true },
    [NODE_PORT] = { "switch_port", read_uint, FIELD(struct esp_node, switch_port),
                    .max = UINT32_MAX },
    [NODE_VLAN] = { "vlan", read_uint, FIELD(struct esp_node, vlan), .max = UINT16_MAX },
};
static const struct object_kind node_kind = { RECORDING_IN_NODE, node_members, NODE_SA + 1 };
static const struct object_kind node_ex_kind = { RECORDING_IN_NODE, node_members, NODE_VLAN + 1 };

static bool read_node(struct decode *d, const struct path *path, const struct object_kind *kind,
                      json_t *value, struct esp_node *node)
{
    uint32_t seen;

    memset(node, 0, sizeof *node);
    node->encap_sport = NATT_PORT;
    node->encap_dport = NATT_PORT;
    if (!read_object(d, path, kind, value, node, &seen)) {
        return false;
    }
    if (node->src.family != node->dst.family) {
        return fail(d, path, "dst", "found an IPv%u address, expected IPv%u as in src",
                    node->dst.family, node->src.family);
    }
    if (!(seen & SEEN(NODE_MODE))) {
        /* every kind of UDP encapsulation but this one names a tunnel */
        node->mode = node->udp == ESP_UDP_NONE || node->udp == ESP_UDP_TRANSPORT
                         ? ESP_MODE_TRANSPORT
                         : ESP_MODE_TUNNEL;
    }
    for (size_t i = 0; i < node->sa_count; i++) {
        struct path entry = { .up = path, .key = "sa", .has_index = true, .index = i };

        if (!finish_sa(d, &entry, d->sa_seen[i], node->dir, &node->sa[i])) {
            return false;
        }
    }
    return true;
}

static bool read_nodes(struct decode *d, const struct path *object, const struct member *member,
                       json_t *value, void *target)
{
    struct recording_record *record = target;
    bool ex = record->kind == RECORDING_ADD_SA_EX;
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count == 0) {
        return fail_type(d, object, member->key, value,
                         ex ? "an array of exactly 1 node" : "an array of 1 or more nodes");
    }
    if (ex && count != 1) {
        return fail(d, object, member->key, "found %zu nodes, expected exactly 1 in ADD_SA_EX",
                    count);
    }
    if (!recording_reserve((void **)&record->nodes, &record->node_capacity, count,
                           sizeof record->nodes[0])) {
        return out_of_memory(d);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_array_get(value, i);
        struct path path = { .up = object, .key = member->key, .has_index = true, .index = i };

        d->node = (uint32_t)i;
        if (!expect_object(d, &path, NULL, entry) ||
            !read_node(d, &path, ex ? &node_ex_kind : &node_kind, entry, &record->nodes[i])) {
            return false;
        }
        record->node_count = i + 1;
    }
    d->node = 0;
    return true;
}

/* ---- records ---------------------------------------------------------------------------- */

static bool read_handles(struct decode *d, const struct path *object, const struct member *member,
                         json_t *value, void *target)
{
    struct recording_record *record = target;
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count == 0) {
        return fail_type(d, object, member->key, value, "an array of 1 or more handles");
    }
    if (!recording_reserve((void **)&record->handles, &record->handle_capacity, count,
                           sizeof record->handles[0])) {
        return out_of_memory(d);
    }
    for (size_t i = 0; i < count; i++) {
        struct path path = { .up = object, .key = member->key, .has_index = true, .index = i };

        if (!get_uint(d, &path, NULL, json_array_get(value, i), 0, UINT64_MAX,
                      &record->handles[i])) {
            return false;
        }
    }
    record->handle_count = count;
    return true;
}

static bool read_status(struct decode *d, const struct path *object, const struct member *member,
                        json_t *value, void *target)
{
    struct recording_record *record = target;
    uint64_t number = 0;

    if (json_is_string(value) && strncmp(json_string_value(value), "0x", 2) != 0) {
        const char *text = json_string_value(value);
        size_t prefix = strncmp(text, "NDIS_STATUS_", 12) == 0 ? 0 : 12;

        for (const struct recording_name *n = recording_status_names; n->name != NULL; n++) {
            if (strcmp(n->name + prefix, text) == 0) {
                record->status = n->value;
                return true;
            }
        }
        return fail_type(d, object, member->key, value,
                         "a number or the name of an NDIS status (NDIS_STATUS_SUCCESS)");
    }
    if (!get_uint(d, object, member->key, value, 0, UINT32_MAX, &number)) {
        return false;
    }
    record->status = (uint32_t)number;
    return true;
}

static bool read_raw(struct decode *d, const struct path *object, const struct member *member,
                     json_t *value, void *target)
{
    struct recording_record *record = target;
    size_t digits = json_string_length(value);

    if (!json_is_string(value)) {
        return fail_type(d, object, member->key, value, "a string of hex digits");
    }
    if (digits % 2 != 0) {
        return fail(d, object, member->key, "found %zu hex digits, expected an even number",
                    digits);
    }
    if (!recording_reserve((void **)&record->raw, &record->raw_capacity, digits / 2, 1)) {
        return out_of_memory(d);
    }
    record->raw_length = digits / 2;
    return get_hex(d, object, member->key, value, record->raw);
}

/* Already looked at by find_kind(). */
static bool read_nothing(struct decode *d, const struct path *object, const struct member *member,
                         json_t *value, void *target)
{
    (void)d;
    (void)object;
    (void)member;
    (void)value;
    (void)target;
    return true;
}

#define U64_MEMBER(key_)                                                                           \
    {                                                                                              \
#key_, read_uint, FIELD(struct recording_record, key_), .max = UINT64_MAX                  \
    }

/* Members of every record come first, so that their places are known. */
enum { RECORD_T, RECORD_KIND, RECORD_REQ, RECORD_STATUS, RECORD_DONE, RECORD_RAW, RECORD_OWN };
#define COMMON_MEMBERS(kind_key_)                                                                  \
    [RECORD_T] = { "t_ns", read_uint, FIELD(struct recording_record, t_ns), .max = UINT64_MAX,     \
                   .required = true },                                                             \
    [RECORD_KIND] = { kind_key_, read_nothing, .size = 0 }, [RECORD_REQ] = U64_MEMBER(req),        \
    [RECORD_STATUS] = { "status", read_status, .size = 0 }, [RECORD_DONE] = U64_MEMBER(done_ns),   \
    [RECORD_RAW] = { "raw", read_raw, .size = 0 }

static const struct member add_members[] = {
    COMMON_MEMBERS("oid"),
    [RECORD_OWN] = { "nodes", read_nodes, .required = true },
};
static const struct member update_members[] = {
    COMMON_MEMBERS("oid"),
    [RECORD_OWN] = { "handle", read_uint, FIELD(struct recording_record, handle), .max = UINT64_MAX,
                     .required = true },
    { "op", read_op, FIELD(struct recording_record, op), .required = true },
    { "spi", read_uint, FIELD(struct recording_record, spi), .max = UINT32_MAX, .required = true },
    { "seq_hi", read_uint, FIELD(struct recording_record, seq_hi), .max = UINT32_MAX,
      .required = true },
};
static const struct member delete_members[] = {
    COMMON_MEMBERS("oid"),
    [RECORD_OWN] = { "handles", read_handles, .required = true },
};
static const struct member encapsulation_members[] = {
    COMMON_MEMBERS("event"),
    [RECORD_OWN] = { "on", read_bool, FIELD(struct recording_record, on), .required = true },
};
static const struct member link_members[] = {
    COMMON_MEMBERS("event"),
    [RECORD_OWN] = { "up", read_bool, FIELD(struct recording_record, on), .required = true },
};
static const struct member plain_members[] = { COMMON_MEMBERS("event") };

static const struct object_kind record_kinds[RECORDING_KIND_COUNT] = {
    [RECORDING_ADD_SA] = OBJECT_KIND(RECORDING_IN_RECORD, add_members),
    [RECORDING_ADD_SA_EX] = OBJECT_KIND(RECORDING_IN_RECORD, add_members),
    [RECORDING_UPDATE_SA] = OBJECT_KIND(RECORDING_IN_RECORD, update_members),
    [RECORDING_DELETE_SA] = OBJECT_KIND(RECORDING_IN_RECORD, delete_members),
    [RECORDING_ENCAPSULATION] = OBJECT_KIND(RECORDING_IN_RECORD, encapsulation_members),
    [RECORDING_PARAMETERS] = OBJECT_KIND(RECORDING_IN_RECORD, plain_members),
    [RECORDING_RESET_BEGIN] = OBJECT_KIND(RECORDING_IN_RECORD, plain_members),
    [RECORDING_RESET_END] = OBJECT_KIND(RECORDING_IN_RECORD, plain_members),
    [RECORDING_LINK] = OBJECT_KIND(RECORDING_IN_RECORD, link_members),
    [RECORDING_CANCEL] = OBJECT_KIND(RECORDING_IN_RECORD, plain_members),
};

/* Which record this is decides which members it may have. */
static bool find_kind(struct decode *d, json_t *object, enum recording_kind *kind)
{
    const json_t *oid = json_object_get(object, "oid");
    const json_t *event = json_object_get(object, "event");
    const json_t *value = oid != NULL ? oid : event;

    if (json_object_get(object, "recording") != NULL) {
        return fail(d, NULL, "recording",
                    "found the key of the first line, expected it there or nowhere");
    }
    if ((oid != NULL) == (event != NULL)) {
        return fail(d, NULL, NULL, "found %s, expected exactly one of oid and event",
                    oid != NULL ? "both oid and event" : "neither oid nor event");
    }
    for (const struct recording_name *n = recording_kind_names; n->name != NULL; n++) {
        if (json_is_string(value) && strcmp(n->name, json_string_value(value)) == 0 &&
            recording_is_oid((enum recording_kind)n->value) == (oid != NULL)) {
            *kind = (enum recording_kind)n->value;
            return true;
        }
    }
    return oid != NULL
               ? fail_type(d, NULL, "oid", value,
                           "one of: ADD_SA, ADD_SA_EX, UPDATE_SA, DELETE_SA (or their long names)")
               : fail_type(
                     d, NULL, "event", value,
                     "one of: encapsulation, parameters, reset_begin, reset_end, link, cancel");
}

bool recording_decode_record(struct recording_place_in_file *at, json_t *object,
                             struct recording_record *record)
{
    struct decode d = { .at = at, .extras = &record->extras };
    uint32_t seen;

    if (!find_kind(&d, object, &record->kind) ||
        !read_object(&d, NULL, &record_kinds[record->kind], object, record, &seen)) {
        return false;
    }
    record->has_req = (seen & SEEN(RECORD_REQ)) != 0;
    record->has_status = (seen & SEEN(RECORD_STATUS)) != 0;
    record->has_done_ns = (seen & SEEN(RECORD_DONE)) != 0;
    record->has_raw = (seen & SEEN(RECORD_RAW)) != 0;
    if (record->kind == RECORDING_CANCEL && !record->has_req) {
        return fail(&d, NULL, "req", "found nothing, expected the id of the request to cancel");
    }
    return true;
}

/* ---- first line ------------------------------------------------------------------------- */

static bool read_version(struct decode *d, const struct path *object, const struct member *member,
                         json_t *value, void *target)
{
    uint64_t version = 0;

    (void)target;
    return get_uint(d, object, member->key, value, 1, 1, &version);
}

enum { HEADER_VERSION, HEADER_EPOCH };
static const struct member header_members[] = {
    [HEADER_VERSION] = { "recording", read_version, .required = true },
    [HEADER_EPOCH] = { "epoch_ns", read_uint, FIELD(struct recording_header, epoch_ns),
                       .max = UINT64_MAX },
};
static const struct object_kind header_kind = OBJECT_KIND(RECORDING_IN_RECORD, header_members);

bool recording_decode_header(struct recording_place_in_file *at, json_t *object,
                             struct recording_header *header)
{
    struct decode d = { .at = at, .extras = &header->extras };
    uint32_t seen;

    if (!read_object(&d, NULL, &header_kind, object, header, &seen)) {
        return false;
    }
    header->present = true;
    header->has_epoch = (seen & SEEN(HEADER_EPOCH)) != 0;
    return true;
}
