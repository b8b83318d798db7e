/* The capture table: what `espnic run` hands to the host, beside what the recorded receiver handed
 * to its own, packet by packet; and what it counts, beside what the Linux kernel counted. One line a
 * capture, end and offload mode (make test T=captures V=1 shows it).
 *
 * Equal means: for tunnel SAs the inner packet, for transport SAs addresses, protocol and all bytes
 * behind the IP header; where the clear side was recorded behind a router, TTL and IPv4 checksum
 * aside. Clear frames must come up unchanged in every byte. IPv4 header checksums of what was
 * decrypted must be right. Order must hold within each SA; where the recording does not name the SA
 * (clear sides of gateways), over all packets. Back to back that is asked of one receive ring: with
 * several, the host's cores take flows of one SA past each other, as RSS does.
 *
 * Rules that make our figures differ from the kernel's, each tested here:
 *   crypto offload: the card checks the ICV before the host looks at the window, so a damaged packet
 *     that is also a repeated one counts as ICV failure (the kernel: as replay);
 *   crypto offload, ESN: the number of a good packet is known, not inferred, so one from below the
 *     window counts as too old (the kernel, which infers, counts it as ICV failure; so does packet
 *     offload);
 *   packet offload, packets back to back: a number is looked at before the packets in flight have
 *     moved the window and again after the ICV, so a refused packet may count under another of the
 *     three reasons (replayed, too old, ICV failed); what is accepted, and the sum, are the kernel's;
 *   lifetimes on the card: the kernel drops its SA with the hard limit and counts what follows as
 *     unknown SPI; a card keeps the SA until its DELETE (only the host removes SAs) and counts it as
 *     expired. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture_support.h"

#define LEFT_ETHER  "02:00:00:00:01:01"
#define RIGHT_ETHER "02:00:00:00:02:01"
#define INTO_LEFT   "not ether src " LEFT_ETHER
#define INTO_RIGHT  "not ether src " RIGHT_ETHER
/* What a gateway sent into its clear network, its own ICMP errors aside. */
#define OUT_OF_LEFT  "ether src 02:00:00:00:01:02 and not src host 10.91.1.1"
#define OUT_OF_RIGHT "ether src 02:00:00:00:02:02 and not src host 10.92.1.1"
#define INITIATOR    "198.18.0.1" /* of the strongSwan recordings */

enum mode { PACKET, CRYPTO, MODES };
static const char *const mode_names[] = { "packet", "crypto" };

enum source {
    FRAMES,   /* expect.json: hashes of the payloads */
    INNER,    /* the same, of the ESP inside the ESP */
    CLEAR_IN, /* packets as the receiver had them after decryption */
    ROUTED,   /* frames behind the receiving gateway */
    ARRIVALS, /* expect.json: verdict on each arrival */
    AS_IT_IS  /* nobody has the keys: every frame as it came */
};

struct row {
    const char *name;
    const char *capture, *sa, *end, *filter;
    const char *expect; /* expect.json, or the clear side */
    const char *clear;  /* clear side beside FRAMES, or the filter of the clear side of ROUTED */
    const char *state, *state_dst;
    const char *stat_before, *stat_after;
    enum source source;
    void (*change)(const struct row *row, json_t **records);
    const char *set[2];
    const char *preset; /* another card than generic-100g, in its own mode */
    int only;           /* mode + 1, 0: both */
    /* What the kernel's counters do not say. */
    uint64_t as_is, missing, bad_icv, expired, in_software;
    uint64_t beyond; /* packets that the kernel counted after the end of the capture */
    bool expires_on_card;
    bool hot;  /* all packets back to back at the rate of the wire: many of an SA in flight */
    bool late; /* packets come before the SA is in the table */
    uint64_t software; /* SAs refused by the card of which none is left at the end */
};

/* ---- changes of the recording ------------------------------------------------------------------------- */

static json_t *first_sa(json_t *record)
{
    json_t *node = json_array_get(json_object_get(record, "nodes"), 0);

    return json_array_get(json_object_get(node, "sa"), 0);
}

static json_int_t handle_of(json_t *record)
{
    return json_integer_value(
        json_object_get(json_array_get(json_object_get(record, "nodes"), 0), "handle"));
}

static void without_handle(json_t *records, json_int_t handle)
{
    for (size_t i = json_array_size(records); i-- > 0;) {
        if (handle_of(json_array_get(records, i)) == handle) {
            json_array_remove(records, i);
        }
    }
}

static void outer_only(const struct row *row, json_t **records)
{
    (void)row;
    without_handle(*records, 2);
}

static void inner_only(const struct row *row, json_t **records)
{
    (void)row;
    without_handle(*records, 1);
}

static void wrong_key(const struct row *row, json_t **records)
{
    json_t *enc = json_object_get(first_sa(json_array_get(*records, 0)), "enc");
    char key[200];

    (void)row;
    snprintf(key, sizeof key, "%s", json_string_value(json_object_get(enc, "key")));
    key[0] = key[0] == '0' ? '1' : '0';
    json_object_set_new(enc, "key", json_string(key));
}

/* linux61-20: "soft 20/hard 60 packets, soft 3 s/hard 6 s". */
static void limit_packets(json_t *records, int hard)
{
    size_t i;
    json_t *record;

    json_array_foreach(records, i, record)
    {
        if (first_sa(record) != NULL) {
            json_object_set_new(first_sa(record), "lifetime",
                                json_pack("{s:i, s:i}", "soft_packets", 20, "hard_packets", hard));
        }
    }
}

static void limit_60(const struct row *row, json_t **records)
{
    (void)row;
    limit_packets(*records, 60);
}

static void limit_59(const struct row *row, json_t **records)
{
    (void)row;
    limit_packets(*records, 59);
}

static void asked_by_daemon(const struct row *row, json_t **records)
{
    char path[CS_PATH];
    const char *data = getenv("ESPNIC_DATA");
    json_t *timed;

    snprintf(path, sizeof path, "%s/control/%s.nlmon.pcap", data != NULL ? data : "../shared/data",
             row->name);
    timed = cs_timed(*records, path, INITIATOR);
    json_decref(*records);
    *records = timed;
}

static const char *path_below(const char *name, char path[CS_PATH])
{
    const char *data = getenv("ESPNIC_DATA");

    snprintf(path, CS_PATH, "%s%s%s", data != NULL ? data : "../shared/data",
             *name != '\0' ? "/" : "", name);
    return path;
}

/* The SA of a handle, as its kernel used it at this end. */
static json_t *use_of(json_t *sas, json_int_t handle, const char *end)
{
    json_t *sa = json_array_get(sas, (size_t)(handle - 1));

    return json_object_get(json_object_get(sa, "use"), end);
}

/* The kernel deletes by itself at the hard limit; sa2oids.py knows DELETE requests only. */
static void delete_at_expiry(const struct row *row, json_t **records)
{
    char path[CS_PATH];
    json_t *sas = cs_sas(path_below(row->sa, path));
    uint64_t epoch = strtoull(
        json_string_value(json_object_get(json_array_get(*records, 0), "epoch_ns")), NULL, 16);
    size_t count = json_array_size(*records);
    unsigned added = 0;

    for (size_t i = 0; i < count; i++) {
        json_t *record = json_array_get(*records, i);
        json_int_t handle = handle_of(record);
        json_t *use = handle != 0 ? use_of(sas, handle, row->end) : NULL;
        double expired = json_number_value(json_object_get(use, "expire_hard"));

        if (expired != 0 && json_object_get(use, "deleted") == NULL) {
            uint64_t us = (uint64_t)(expired * 1e6 + 0.5);

            json_array_append_new(*records, json_pack("{s:I, s:s, s:[I]}", "t_ns",
                                                      (json_int_t)(us * 1000 - epoch), "oid",
                                                      "DELETE_SA", "handles", handle));
            added++;
        }
    }
    ck_assert_uint_gt(added, 0);
    json_decref(sas);
}

/* The limits that iproute2 gave to the kernel, for the card to enforce. */
static void limit_as_kernel(const struct row *row, json_t **records)
{
    static const char *const names[][2] = {
        { "packet_soft", "soft_packets" }, { "packet_hard", "hard_packets" },
        { "byte_soft", "soft_bytes" },     { "byte_hard", "hard_bytes" },
        { "time_soft", "soft_s" },         { "time_hard", "hard_s" }
    };
    char path[CS_PATH];
    json_t *sas = cs_sas(path_below(row->sa, path));
    size_t i;
    json_t *record;

    json_array_foreach(*records, i, record)
    {
        json_t *limits;
        json_t *lifetime = json_object();

        if (first_sa(record) != NULL) {
            limits =
                json_object_get(json_array_get(sas, (size_t)(handle_of(record) - 1)), "limits");
            for (unsigned k = 0; k < 6; k++) {
                if (json_object_get(limits, names[k][0]) != NULL) {
                    json_object_set(lifetime, names[k][1], json_object_get(limits, names[k][0]));
                }
            }
            if (json_object_size(lifetime) != 0) {
                json_object_set(first_sa(record), "lifetime", lifetime);
            }
        }
        json_decref(lifetime);
    }
    json_decref(sas);
}

/* ---- the rows ----------------------------------------------------------------------------------------- */

#define CAP(name_) "captures/" name_
#define KEYED(name_, source_, ...)                                                                 \
    {                                                                                              \
        .name = name_, .capture = CAP(name_ ".pcap"), .sa = CAP(name_ ".sa.json"), .end = "all",   \
        .expect = CAP(name_ ".expect.json"), .source = source_, __VA_ARGS__                        \
    }
#define LINUX(name_, ...) KEYED(name_, FRAMES, .state = CAP(name_ ".state.txt"), __VA_ARGS__)
#define REPLAY(name_)     KEYED(name_, ARRIVALS, .state = CAP(name_ ".state.txt"))
#define NO_KEYS(name_, file_, esp_)                                                                \
    {                                                                                              \
        .name = (name_), .capture = CAP(file_), .source = AS_IT_IS, .as_is = (esp_)                \
    }
#define END(name_, end_, filter_, ...)                                                             \
    {                                                                                              \
        .name = name_, .capture = "linux/" name_ "/" name_ ".wire.pcap", .end = (end_),            \
        .filter = (filter_),                                                                       \
        .stat_before = "linux/" name_ "/" name_ "." end_ ".xfrm_stat-before.txt",                  \
        .stat_after = "linux/" name_ "/" name_ "." end_ ".xfrm_stat-after.txt", __VA_ARGS__        \
    }
#define TRANSPORT(name_, end_, filter_, dst_, ...)                                                 \
    END(name_, end_, filter_, .sa = "linux/" name_ "/" name_ ".sa.json", .source = CLEAR_IN,       \
        .expect = "linux/" name_ "/" name_ "." end_ ".clear-in.pcap",                              \
        .state = "linux/" name_ "/" name_ "." end_ ".state-after.txt", .state_dst = dst_,          \
        __VA_ARGS__)
#define TUNNEL(name_, packed_, end_, filter_, clear_, ...)                                         \
    END(name_, end_, filter_, .sa = "linux/" name_ "/" name_ ".sa.json" packed_, .source = ROUTED, \
        .expect = "linux/" name_ "/" name_ "." end_ ".clear.pcap", .clear = clear_, __VA_ARGS__)
#define HOT_REPLAY(name_) KEYED(name_, ARRIVALS, .state = CAP(name_ ".state.txt"), .hot = true)
#define CLEAR(name_)      .clear = CAP(name_ ".clear.pcap")
/* Host-managed ESN; the host sends UPDATE_SA with the last number of a half. */
#define HOST_ESN .only = CRYPTO + 1, .set = { "card.sa.esn=host", "host.rx.esn_update=automatic" }

static const struct row rows[] = {
    /* ESP by others, keys public */
    KEYED("wiki-esp-transport-v4-v6", FRAMES,
          .in_software = 2), /* NULL and no ICV: no card takes it */
    KEYED("wiki-esp-tunnel-nested", INNER),
    KEYED("wiki-esp-tunnel-nested", FRAMES, .change = outer_only),
    KEYED("wiki-esp-tunnel-nested", AS_IT_IS, .change = inner_only, .as_is = 312),
    KEYED("wiki-esp-unsupported-blowfish-v6", AS_IT_IS, .as_is = 72),
    KEYED("tcpdump-3des-md5-tunnel", FRAMES), KEYED("tcpdump-aes256-sha1-tunnel", FRAMES),
    KEYED("tcpdump-espudp", FRAMES),
    /* ESP by others, no keys */
    NO_KEYS("arkime-ikev2-esp-v6-nokeys", "arkime-ikev2-esp-v6-nokeys.pcap", 162),
    NO_KEYS("ndpi-esp-nokeys", "ndpi-esp-nokeys.pcapng", 2),
    NO_KEYS("open5gs-ims-call-nokeys-sll", "open5gs-ims-call-nokeys-sll.pcapng", 13),
    /* Linux 6.1, every algorithm; some states were read after a TCP exchange that the capture lacks */
    LINUX("linux61-01-gcm128-tunnel4in4", .beyond = 68, CLEAR("linux61-01-gcm128-tunnel4in4")),
    LINUX("linux61-02-gcm256-esn-wrap-tunnel4in4", .beyond = 68,
          CLEAR("linux61-02-gcm256-esn-wrap-tunnel4in4")),
    LINUX("linux61-03-gcm192-icv12-transport4"),
    LINUX("linux61-05-cbc128-sha1-tunnel4in6", CLEAR("linux61-05-cbc128-sha1-tunnel4in6")),
    LINUX("linux61-08-cbc192-sha384-udpencap-tunnel4", .beyond = 70,
          CLEAR("linux61-08-cbc192-sha384-udpencap-tunnel4")),
    LINUX("linux61-09-null-sha256-transport4"),
    LINUX("linux61-10-gmac128-tunnel4in4", CLEAR("linux61-10-gmac128-tunnel4in4")),
    LINUX("linux61-11-chacha20poly1305-tunnel6in6",
          CLEAR("linux61-11-chacha20poly1305-tunnel6in6")),
    LINUX("linux61-13-cbc128-sha256-esn-wrap-tunnel4", .beyond = 68,
          CLEAR("linux61-13-cbc128-sha256-esn-wrap-tunnel4")),
    LINUX("linux61-18-gcm128-bulk-tcp-tunnel4in4", .beyond = 132,
          CLEAR("linux61-18-gcm128-bulk-tcp-tunnel4in4")),
    LINUX("linux61-20-gcm128-lifetime-expiry-tunnel4", .change = limit_60),
    LINUX("linux61-20-gcm128-lifetime-expiry-tunnel4", .change = limit_59, .missing = 2,
          .expired = 2),
    LINUX("linux61-01-gcm128-tunnel4in4", .beyond = 68, .change = wrong_key, .missing = 47,
          .bad_icv = 47),
    /* Linux 6.1, replay */
    REPLAY("linux61-replay-r1-gcm128-win32"), REPLAY("linux61-replay-r2-cbc128-sha256-win64"),
    REPLAY("linux61-replay-r3-gcm128-esn-win128-wrap"), REPLAY("linux61-replay-r5-gcm128-nowindow"),
    REPLAY("linux61-replay-r7-null-sha256-win32"),
    /* strongSwan: all SAs from the start; and as the daemon of the initiator asked for them */
    KEYED("strongswan-rekey-moderate", FRAMES),
    KEYED("strongswan-rekey-moderate", FRAMES, .change = asked_by_daemon,
          .filter = "not src host " INITIATOR),
    KEYED("strongswan-rekey-storm-udpencap", FRAMES),
    KEYED("strongswan-rekey-storm-udpencap", FRAMES, .change = asked_by_daemon,
          .filter = "not src host " INITIATOR),
    /* Linux 6.1, a card at either end, SAs added and deleted as they were */
    TRANSPORT("A-transport4-gcm128", "left", INTO_LEFT, "10.9.0.1"),
    TRANSPORT("A-transport4-gcm128", "right", INTO_RIGHT, "10.9.0.2"),
    TRANSPORT("S-transport4-gcm128-esn", "left", INTO_LEFT, "10.9.0.1"),
    TRANSPORT("S-transport4-gcm128-esn", "right", INTO_RIGHT, "10.9.0.2"),
    TRANSPORT("C-transport6-cbc-sha256", "left", INTO_LEFT, "fd00:9::1"),
    TRANSPORT("C-transport6-cbc-sha256", "right", INTO_RIGHT, "fd00:9::2"),
    TUNNEL("D-natt-tunnel4-gcm128", "", "left", INTO_LEFT, OUT_OF_LEFT,
           .state = "linux/D-natt-tunnel4-gcm128/D-natt-tunnel4-gcm128.left.state-after.txt",
           .state_dst = "10.9.0.1"),
    TUNNEL("D-natt-tunnel4-gcm128", "", "right", INTO_RIGHT, OUT_OF_RIGHT,
           .state = "linux/D-natt-tunnel4-gcm128/D-natt-tunnel4-gcm128.right.state-after.txt",
           .state_dst = "10.9.0.2"),
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT),
    TUNNEL("F1-churn300", ".gz", "right", INTO_RIGHT, OUT_OF_RIGHT),
    TUNNEL("F3-churn200-expire", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .change = delete_at_expiry),
    TUNNEL("F3-churn200-expire", ".gz", "right", INTO_RIGHT, OUT_OF_RIGHT,
           .change = delete_at_expiry),
    TUNNEL("F3-churn200-expire", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .change = limit_as_kernel,
           .expires_on_card = true),
    TUNNEL("F3-churn200-expire", ".gz", "right", INTO_RIGHT, OUT_OF_RIGHT,
           .change = limit_as_kernel, .expires_on_card = true),
    TUNNEL("G1-ikev2-rekey5s-6children", "", "left", INTO_LEFT, OUT_OF_LEFT),
    TUNNEL("G1-ikev2-rekey5s-6children", "", "right", INTO_RIGHT, OUT_OF_RIGHT),
    /* What the card cannot do, the host does in software */
    KEYED("wiki-esp-tunnel-nested", INNER, .set = { "card.algorithms.encryption=aes-cbc-128" },
          .in_software = 1),
    TRANSPORT("S-transport4-gcm128-esn", "right", INTO_RIGHT, "10.9.0.2",
              .set = { "card.capabilities.esn=false" }, .in_software = 2),
    KEYED("linux61-replay-r3-gcm128-esn-win128-wrap", ARRIVALS, .only = PACKET + 1,
          .state = CAP("linux61-replay-r3-gcm128-esn-win128-wrap.state.txt"),
          .set = { "card.capabilities.esn=false" }, .in_software = 1),
    KEYED("linux61-replay-r7-null-sha256-win32", ARRIVALS, .only = PACKET + 1,
          .state = CAP("linux61-replay-r7-null-sha256-win32.state.txt"),
          .set = { "card.capabilities.tunnel=false" }, .in_software = 1),
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT,
           .set = { "card.algorithms.encryption=aes-gcm-128" }, .software = 852),
    /* The same packets as fast as the wire takes them */
    HOT_REPLAY("linux61-replay-r1-gcm128-win32"),
    HOT_REPLAY("linux61-replay-r2-cbc128-sha256-win64"),
    HOT_REPLAY("linux61-replay-r3-gcm128-esn-win128-wrap"),
    HOT_REPLAY("linux61-replay-r5-gcm128-nowindow"),
    HOT_REPLAY("linux61-replay-r7-null-sha256-win32"),
    LINUX("linux61-02-gcm256-esn-wrap-tunnel4in4", .beyond = 68, .hot = true),
    LINUX("linux61-13-cbc128-sha256-esn-wrap-tunnel4", .beyond = 68, .hot = true),
    LINUX("linux61-18-gcm128-bulk-tcp-tunnel4in4", .beyond = 132, .hot = true),
    KEYED("wiki-esp-transport-v4-v6", FRAMES, .in_software = 2, .hot = true),
    KEYED("wiki-esp-tunnel-nested", INNER, .hot = true),
    KEYED("strongswan-rekey-moderate", FRAMES, .hot = true),
    KEYED("strongswan-rekey-storm-udpencap", FRAMES, .hot = true),
    /* Every other card: the host makes up for what it cannot do, and for a full table (netdevsim) */
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .preset = "generic-400g"),
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .preset = "cx7-like"),
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .preset = "ixgbe-82599"),
    TUNNEL("F1-churn300", ".gz", "left", INTO_LEFT, OUT_OF_LEFT, .preset = "netdevsim"),
    TUNNEL("F3-churn200-expire", ".gz", "right", INTO_RIGHT, OUT_OF_RIGHT, .preset = "netdevsim",
           .change = delete_at_expiry),
    /* A card so slow that packets come before their SA (the quickest peer sends 52 ms after the ADD): they
     * are handed up as they are, none is lost */
    TUNNEL("G1-ikev2-rekey5s-6children", "", "left", INTO_LEFT, OUT_OF_LEFT,
           .set = { "card.command.add=100ms" }, .late = true),
    /* ESN managed by the host: with UPDATE_SA in time, and without */
    TRANSPORT("S-transport4-gcm128-esn", "left", INTO_LEFT, "10.9.0.1", HOST_ESN),
    TRANSPORT("S-transport4-gcm128-esn", "right", INTO_RIGHT, "10.9.0.2", HOST_ESN),
    LINUX("linux61-02-gcm256-esn-wrap-tunnel4in4", .beyond = 68, HOST_ESN),
    LINUX("linux61-13-cbc128-sha256-esn-wrap-tunnel4", .beyond = 68, HOST_ESN),
    TRANSPORT("S-transport4-gcm128-esn", "right", INTO_RIGHT, "10.9.0.2", .only = CRYPTO + 1,
              .set = { "card.sa.esn=host" }, .missing = 302, .bad_icv = 302), /* 3:0 to 3:301 */
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- what is expected --------------------------------------------------------------------------------- */

struct expected {
    struct cs_key key;
    unsigned label; /* order must hold within a label */
    bool clear;     /* a frame without ESP */
    bool matched;
};

enum { LABEL_CLEAR, LABEL_DATAGRAM, LABEL_SIDE, LABEL_SA, MAX_LABELS = LABEL_SA + 1024 };

struct list {
    struct expected *at;
    size_t count;
};

static void append(struct list *list, const struct cs_key *key, unsigned label, bool clear)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count == 0 ? 1 : 2 * list->count;

        list->at = realloc(list->at, room * sizeof *list->at);
        ck_assert_ptr_nonnull(list->at);
    }
    list->at[list->count++] = (struct expected){ .key = *key, .label = label, .clear = clear };
}

static void append_frame(struct list *list, const struct cs_frame *f, enum cs_kind kind,
                         unsigned label, bool clear)
{
    struct cs_key key = { .kind = kind };

    memcpy(key.hash, f->hash[kind], CS_HASH);
    append(list, &key, label, clear);
}

/* Frames that nothing may touch. */
static void expect_untouched(const struct row *row, const struct cs_frames *wire, struct list *list)
{
    struct cs_key keys[64];
    size_t used;
    size_t count;

    for (size_t i = 0; i < wire->count; i++) {
        const struct cs_frame *f = &wire->at[i];

        if (f->class == CS_CLEAR || (row->source == AS_IT_IS && f->class == CS_ESP)) {
            append_frame(list, f, CS_FRAME, LABEL_CLEAR, true);
        }
    }
    if (row->source == AS_IT_IS) { /* the host puts fragments together whatever is in them */
        count = cs_reassemble(wire, keys, sizeof keys / sizeof keys[0], &used);
        for (size_t i = 0; i < count; i++) {
            append(list, &keys[i], LABEL_DATAGRAM, true);
        }
    }
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    ck_assert_msg(value != NULL, "no \"%s\"", key);
    return value;
}

static const json_t *sa_of(const json_t *sas, const char *id, unsigned *label)
{
    size_t i;
    const json_t *sa;

    json_array_foreach(sas, i, sa)
    {
        if (strcmp(text(sa, "id"), id) == 0) {
            *label = LABEL_SA + (unsigned)i;
            ck_assert_uint_lt(*label, MAX_LABELS);
            return sa;
        }
    }
    ck_abort_msg("no SA %s", id);
    return NULL;
}

static void expect_payload(const json_t *frame, const json_t *sas, bool inner, struct list *list)
{
    const json_t *of = inner ? json_object_get(frame, "inner") : frame;
    const char *hash = text(of, "payload_sha256");
    struct cs_key key;
    unsigned label;
    const json_t *sa = sa_of(sas, text(of, "sa"), &label);
    const json_t *from = inner ? sa : frame;

    if (strcmp(text(sa, "mode"), "tunnel") == 0) {
        cs_hex_key(CS_PACKET, hash, &key);
    } else {
        cs_upper_key(text(from, "src"), text(from, "dst"),
                     (unsigned)json_integer_value(json_object_get(of, "next_header")), hash, &key);
    }
    append(list, &key, label, false);
}

static bool has_record(const struct cs_frames *wire, uint64_t record)
{
    for (size_t i = 0; i < wire->count; i++) {
        if (wire->at[i].record == record) {
            return true;
        }
    }
    return false;
}

static void expect_frames(const struct row *row, const json_t *expect, const struct cs_frames *wire,
                          struct list *list)
{
    char path[CS_PATH];
    json_t *sas = cs_sas(path_below(row->sa, path));
    size_t i;
    json_t *frame;

    ck_assert(json_is_array(json_object_get(expect, "frames")));
    json_array_foreach(json_object_get(expect, "frames"), i, frame)
    {
        if (has_record(wire, (uint64_t)json_integer_value(json_object_get(frame, "frame")))) {
            ck_assert_str_eq(text(frame, "result"), "ok");
            expect_payload(frame, sas, row->source == INNER, list);
        }
    }
    json_decref(sas);
}

static void expect_side(const char *name, const char *filter, enum cs_kind kind, struct list *list)
{
    char path[CS_PATH];
    struct cs_frames side;

    cs_load(path_below(name, path), filter, &side);
    for (size_t i = 0; i < side.count; i++) {
        if (side.at[i].ip) {
            append_frame(list, &side.at[i], kind, LABEL_SIDE, false);
        }
    }
    cs_free(&side);
}

/* ---- one run ------------------------------------------------------------------------------------------ */

struct run {
    const struct row *row;
    enum mode mode;
    struct cs_frames wire, got;
    json_t *report, *expect;
    struct list list;
    struct cs_counters kernel;
    uint64_t esp, wanted, decrypted, equal, missing, clear_missing, as_is, strange, inversions,
        bad_checksums;
};

static const char *scratch(const char *name, char path[CS_PATH])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(path, CS_PATH, "%s/espnic-captures.%d.%s", tmp != NULL ? tmp : "/tmp", (int)getpid(),
             name);
    return path;
}

static bool write_recording(const struct row *row, const char *to)
{
    char data[CS_PATH];
    char sa[CS_PATH];
    json_t *records;
    bool some;

    if (row->sa == NULL) {
        return false;
    }
    records = cs_recording(path_below("", data), path_below(row->sa, sa), row->end);
    ck_assert_msg(records != NULL, "sa2oids.py failed on %s", sa);
    if (row->change != NULL) {
        row->change(row, &records);
    }
    some = json_array_size(records) != 0; /* Blowfish: nothing that the format can say */
    cs_write_recording(records, to);
    json_decref(records);
    return some;
}

static void simulate(struct run *run, bool hot)
{
    const char *espnic = getenv("ESPNIC");
    char wire[CS_PATH];
    char oids[CS_PATH];
    char out[CS_PATH];
    char report[CS_PATH];
    char log[CS_PATH];
    char offload[32];
    const char *argv[40] = { espnic != NULL ? espnic : "build/espnic",
                             "run",
                             "--preset",
                             "generic-100g",
                             "--rx",
                             path_below(run->row->capture, wire),
                             "--rx-out",
                             scratch("pcap", out),
                             "--report",
                             scratch("json", report),
                             "--experiments",
                             "0" };
    unsigned n = 12;
    json_error_t error;
    int status;

    if (run->row->preset != NULL) {
        argv[3] = run->row->preset;
    } else {
        snprintf(offload, sizeof offload, "card.offload=%s", mode_names[run->mode]);
        argv[n++] = "--set";
        argv[n++] = offload;
    }
    argv[n++] = "--set";
    argv[n++] = "host.rx.esn_margin=0";
    for (unsigned i = 0; i < 2 && run->row->set[i] != NULL; i++) {
        argv[n++] = "--set";
        argv[n++] = run->row->set[i];
    }
    if (hot) {
        argv[n++] = "--load";
        argv[n++] = "max";
        argv[n++] = "--set";
        argv[n++] = "host.rx.queues=1"; /* order is the card's, not that of the host's cores */
    }
    if (run->row->filter != NULL) {
        argv[n++] = "--rx-filter";
        argv[n++] = run->row->filter;
    }
    if (write_recording(run->row, scratch("jsonl", oids))) {
        argv[n++] = "--oids";
        argv[n++] = oids;
    }
    status = cs_run(argv, scratch("log", log));
    ck_assert_msg(status == 0, "%s ended with status %d, see %s", argv[0], status, log);
    cs_load(wire, run->row->filter, &run->wire);
    cs_load(out, NULL, &run->got);
    run->report = json_load_file(report, 0, &error);
    ck_assert_msg(run->report != NULL, "%s: %s", report, error.text);
    unlink(oids);
    unlink(out);
    unlink(report);
    unlink(log);
}

static uint64_t number(const struct run *run, const char *path)
{
    return cs_number(run->report, path);
}

/* The first expected packet that this one is, from `first` on. */
static struct expected *find(const struct list *list, size_t first, const struct cs_frame *f)
{
    for (size_t i = first; i < list->count; i++) {
        struct expected *e = &list->at[i];

        if (!e->matched && (f->ip || e->key.kind == CS_FRAME) &&
            memcmp(e->key.hash, f->hash[e->key.kind], CS_HASH) == 0) {
            return e;
        }
    }
    return NULL;
}

static bool came_as_esp(const struct run *run, const struct cs_frame *f)
{
    for (size_t i = 0; i < run->wire.count; i++) {
        if (run->wire.at[i].class == CS_ESP &&
            memcmp(run->wire.at[i].hash[CS_FRAME], f->hash[CS_FRAME], CS_HASH) == 0) {
            return true;
        }
    }
    return false;
}

/* Every packet that came up against every one that should have. */
static void match(struct run *run)
{
    size_t first = 0;
    size_t last[MAX_LABELS] = { 0 };

    for (size_t i = 0; i < run->got.count; i++) {
        const struct cs_frame *f = &run->got.at[i];
        struct expected *e;

        while (first < run->list.count && run->list.at[first].matched) {
            first++;
        }
        e = find(&run->list, first, f);
        if (e == NULL) {
            bool esp = came_as_esp(run, f);

            run->as_is += esp;
            run->strange += !esp;
            continue;
        }
        size_t place = (size_t)(e - run->list.at) + 1;
        run->inversions += place < last[e->label];
        last[e->label] = place;
        e->matched = true;
        run->equal += !e->clear;
        run->bad_checksums += !e->clear && !cs_header_checksum_good(f);
    }
    for (size_t i = 0; i < run->list.count; i++) {
        run->wanted += !run->list.at[i].clear;
        run->missing += !run->list.at[i].matched && !run->list.at[i].clear;
        run->clear_missing += !run->list.at[i].matched && run->list.at[i].clear;
    }
}

/* ---- replay: a verdict on each arrival ----------------------------------------------------------------- */

enum { HOST_TIME_NS = 1000000 /* arrivals are 6 ms apart, the host has a packet after some us */ };

static bool handed_up(const struct run *run, uint64_t arrival_ns)
{
    unsigned count = 0;

    for (size_t i = 0; i < run->got.count; i++) {
        count += run->got.at[i].time_ns >= arrival_ns &&
                 run->got.at[i].time_ns < arrival_ns + HOST_TIME_NS;
    }
    ck_assert_uint_le(count, 1);
    return count == 1;
}

/* Crypto offload: the ICV comes first, and the number of a packet with a good one is known. */
static void count_by_rule(struct cs_counters *c, const char *reason, bool corrupted)
{
    if (corrupted) {
        c->failed++;
    } else if (strcmp(reason, "replay") == 0) {
        c->replay++;
    } else if (strcmp(reason, "too-old") == 0) {
        c->too_old++;
    }
}

static void judge_arrivals(struct run *run, struct cs_counters *rule)
{
    const json_t *arrivals = json_object_get(run->expect, "arrivals");
    size_t i;
    json_t *arrival;

    ck_assert_uint_eq(json_array_size(arrivals), run->wire.count);
    json_array_foreach(arrivals, i, arrival)
    {
        bool accepted = json_is_true(json_object_get(arrival, "accepted"));
        bool up = handed_up(run, run->wire.at[i].time_ns);

        ck_assert_int_eq(json_integer_value(json_object_get(arrival, "seq")), run->wire.at[i].seq);
        run->wanted += accepted;
        run->equal += accepted && up;
        run->missing += accepted && !up;
        run->strange += !accepted && up;
        count_by_rule(rule, text(arrival, "reason"),
                      json_is_true(json_object_get(arrival, "corrupted")));
    }
}

/* Back to back, times say nothing: what came up must be what comes up, verdict by verdict, when the packets
 * are milliseconds apart. */
static void judge_hot(struct run *run, struct cs_counters *rule)
{
    struct run paced = { .row = run->row, .mode = run->mode, .expect = run->expect };

    simulate(&paced, false);
    judge_arrivals(&paced, rule);
    run->wanted = paced.wanted;
    ck_assert_uint_eq(paced.missing + paced.strange, 0);
    for (size_t i = 0; i < run->got.count; i++) {
        bool same = i < paced.got.count && memcmp(run->got.at[i].hash[CS_PACKET],
                                                  paced.got.at[i].hash[CS_PACKET], CS_HASH) == 0;

        run->equal += same;
        run->strange += !same;
    }
    run->missing = run->wanted - run->equal;
    cs_free(&paced.wire);
    cs_free(&paced.got);
    json_decref(paced.report);
}

/* ---- the table ---------------------------------------------------------------------------------------- */

static struct cs_counters counted(const struct run *run)
{
    return (struct cs_counters){
        .known = true,
        .accepted = (int64_t)(number(run, "host.rx.offloaded") + number(run, "host.rx.software")),
        .too_old = (int64_t)number(run, "rx.drops.too_old"),
        .replay = (int64_t)number(run, "rx.drops.replay"),
        .failed = (int64_t)number(run, "rx.drops.bad_icv"),
        .no_state = (int64_t)number(run, "host.rx.unprocessed"),
        .expired = (int64_t)number(run, "rx.drops.expired"),
    };
}

static void print_heading(void)
{
    printf(
        "\nEach line: packets in, those that the receiver had clear, those that the simulated host "
        "got decrypted, equal ones, ESP\nhanded up as it came; then kernel/simulated: accepted, "
        "too old, replayed, ICV failed, no SA, expired (-: not recorded).\n\n");
    printf("%-41s %-5s %-6s %5s %5s %5s %5s %5s  %11s %7s %7s %7s %7s %7s\n", "capture", "end",
           "mode", "in", "clear", "got", "equal", "as is", "accepted", "old", "replay", "ICV",
           "no SA", "expired");
    fflush(stdout);
}

static void print_pair(int width, bool known, int64_t kernel, int64_t ours)
{
    char pair[64];

    if (known && kernel >= 0) {
        snprintf(pair, sizeof pair, "%" PRId64 "/%" PRId64, kernel, ours);
    } else {
        snprintf(pair, sizeof pair, "-/%" PRId64, ours);
    }
    printf(" %*s", width, pair);
}

static void print_row(const struct run *run, const struct cs_counters *ours)
{
    const struct cs_counters *k = &run->kernel;
    char end[16];

    snprintf(end, sizeof end, "%s", run->row->end != NULL ? run->row->end : "-");
    printf("%-41s %-5s %-6s %5zu %5" PRIu64 " %5" PRIu64 " %5" PRIu64 " %5" PRIu64 " ",
           run->row->name, end, run->row->preset != NULL ? "-" : mode_names[run->mode],
           run->wire.count, run->wanted, run->decrypted, run->equal, run->as_is);
    print_pair(11, k->known, k->accepted, ours->accepted);
    print_pair(7, k->known, k->too_old, ours->too_old);
    print_pair(7, k->known, k->replay, ours->replay);
    print_pair(7, k->known, k->failed, ours->failed);
    print_pair(7, k->known, k->no_state, ours->no_state);
    print_pair(7, k->known, k->expired, ours->expired);
    if (run->row->hot) {
        printf("  back to back");
    }
    if (run->row->set[0] != NULL || run->row->preset != NULL) {
        printf("  %s", run->row->set[0] != NULL ? run->row->set[0] : run->row->preset);
    }
    if (run->row->change == limit_59) {
        printf("  one packet less allowed");
    } else if (run->row->change == wrong_key) {
        printf("  wrong key for one SA");
    } else if (run->row->change == outer_only) {
        printf("  outer SA only");
    } else if (run->row->change == inner_only) {
        printf("  inner SA only");
    } else if (run->row->change == asked_by_daemon) {
        printf("  as the daemon asked");
    } else if (run->row->expires_on_card) {
        printf("  lifetimes on the card");
    }
    printf("\n");
    fflush(stdout);
}

/* The kernel's account and ours. */
static void check_counters(const struct run *run, const struct cs_counters *ours,
                           const struct cs_counters *rule)
{
    const struct row *row = run->row;
    const struct cs_counters *k = &run->kernel;

    if (k->known && k->accepted >= 0) {
        ck_assert_int_eq(ours->accepted + (int64_t)(row->missing + row->beyond), k->accepted);
        ck_assert_int_eq(ours->too_old + ours->replay + ours->failed - (int64_t)row->bad_icv,
                         k->too_old + k->replay + k->failed);
    }
    if (row->source == ARRIVALS && run->mode == CRYPTO) {
        k = rule;
    }
    if (row->source == ARRIVALS && run->mode == PACKET && row->hot) {
        return; /* the first look at the window is before the packets in flight: the sum holds */
    }
    if (k->known && k->failed >= 0) {
        ck_assert_int_eq(ours->too_old, k->too_old);
        ck_assert_int_eq(ours->replay, k->replay);
        ck_assert_int_eq(ours->failed, k->failed + (int64_t)row->bad_icv);
    } else {
        ck_assert_int_eq(ours->too_old + ours->replay, 0);
        ck_assert_int_eq(ours->failed, (int64_t)row->bad_icv);
    }
    if (k->known && k->seq_error >= 0) {
        ck_assert_int_eq(ours->too_old + ours->replay, k->seq_error);
        ck_assert_int_eq(ours->failed, k->proto_error + (int64_t)row->bad_icv);
    }
    if (row->expires_on_card) {
        ck_assert_int_eq(ours->no_state + ours->expired, k->no_state + k->expired);
    } else if (k->known && k->no_state >= 0 && !row->late) {
        ck_assert_int_eq(ours->no_state, k->no_state);
        ck_assert_int_eq(ours->expired, k->expired);
    } else {
        ck_assert_int_eq(ours->expired, (int64_t)row->expired);
    }
}

static void check_packets(const struct run *run, const struct cs_counters *ours)
{
    const struct row *row = run->row;

    ck_assert_uint_eq(number(run, "rx.packets_in"), run->wire.count);
    ck_assert_uint_eq(number(run, "rx.packets_out"), run->got.count);
    if (row->late) {
        ck_assert_uint_gt(run->missing, 0);
        ck_assert_int_eq((int64_t)run->missing, ours->no_state);
    } else {
        ck_assert_uint_eq(run->missing, row->missing);
    }
    ck_assert_uint_eq(run->clear_missing, 0);
    ck_assert_uint_eq(run->strange, 0);
    ck_assert_uint_eq(run->inversions, 0);
    ck_assert_uint_eq(run->bad_checksums, 0);
    ck_assert_uint_eq(run->decrypted, run->equal);
    ck_assert_uint_eq(number(run, "sa.in_software"), row->in_software);
    if (row->software != 0) {
        ck_assert_uint_eq(number(run, "oids.delete.in_software"), row->software);
        ck_assert_uint_gt(number(run, "host.rx.software"), 0);
        ck_assert_uint_gt(number(run, "host.rx.offloaded"), 0);
    }
    ck_assert_uint_eq(number(run, "inputs.rule_violations"), 0);
    if (row->source == AS_IT_IS) {
        ck_assert_uint_eq(number(run, "card.rx.bypass.no_sa"), row->as_is);
    } else {
        ck_assert_uint_eq(run->as_is, (uint64_t)ours->no_state);
    }
    /* Not a packet is lost without a reason that is checked above. */
    ck_assert_uint_eq(run->got.count + number(run, "inputs.fragments_merged"),
                      run->wire.count + number(run, "inputs.reassembled") -
                          (uint64_t)(ours->too_old + ours->replay + ours->failed + ours->expired));
}

/* ---- the test ----------------------------------------------------------------------------------------- */

static bool there(const char *name)
{
    char path[CS_PATH];

    return name == NULL || access(path_below(name, path), R_OK) == 0;
}

static const char *absent(const struct row *row)
{
    const char *const files[] = { row->capture,
                                  row->sa,
                                  row->expect,
                                  row->state,
                                  row->stat_before,
                                  row->stat_after,
                                  row->source == FRAMES ? row->clear : NULL };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!there(files[i])) {
            return files[i];
        }
    }
    return row->sa != NULL && !there("sa2oids.py") ? "sa2oids.py" : NULL;
}

static void gather(struct run *run)
{
    const struct row *row = run->row;
    char path[CS_PATH];
    char after[CS_PATH];
    json_error_t error;

    run->kernel = (struct cs_counters){ false, -1, -1, -1, -1, -1, -1, -1, -1 };
    if (row->state != NULL) {
        cs_read_state(path_below(row->state, path), row->state_dst, &run->kernel);
    }
    if (row->stat_after != NULL) {
        cs_read_stat(path_below(row->stat_before, path), path_below(row->stat_after, after),
                     &run->kernel);
    }
    if (row->source == FRAMES || row->source == INNER || row->source == ARRIVALS) {
        run->expect = json_load_file(path_below(row->expect, path), 0, &error);
        ck_assert_msg(run->expect != NULL, "%s: %s", path, error.text);
    }
    for (size_t i = 0; i < run->wire.count; i++) {
        run->esp += run->wire.at[i].class == CS_ESP;
    }
}

static void expect_all(struct run *run)
{
    const struct row *row = run->row;

    expect_untouched(row, &run->wire, &run->list);
    switch (row->source) {
    case FRAMES:
    case INNER: expect_frames(row, run->expect, &run->wire, &run->list); break;
    case CLEAR_IN: expect_side(row->expect, NULL, CS_PACKET, &run->list); break;
    case ROUTED: expect_side(row->expect, row->clear, CS_ROUTED, &run->list); break;
    case ARRIVALS:
    case AS_IT_IS: break;
    }
}

/* The clear side that goes with expect.json: the same packets in the same order. */
static void check_clear_side(const struct run *run)
{
    struct list side = { 0 };
    size_t next = 0;

    if (run->row->source != FRAMES || run->row->clear == NULL) {
        return;
    }
    expect_side(run->row->clear, NULL, CS_PACKET, &side);
    ck_assert_uint_eq(side.count, run->wanted);
    for (size_t i = 0; i < run->got.count; i++) {
        ck_assert_uint_lt(next, side.count);
        ck_assert_mem_eq(run->got.at[i].hash[CS_PACKET], side.at[next].key.hash, CS_HASH);
        next++;
    }
    ck_assert_uint_eq(next, side.count);
    free(side.at);
}

static void run_row(const struct row *row, enum mode mode)
{
    struct run *run = calloc(1, sizeof *run);
    struct cs_counters rule = { .known = true, .accepted = -1, .no_state = -1, .seq_error = -1 };
    struct cs_counters ours;

    ck_assert_ptr_nonnull(run);
    run->row = row;
    run->mode = mode;
    simulate(run, row->hot);
    gather(run);
    ours = counted(run);
    run->decrypted = (uint64_t)ours.accepted;
    if (row->source == ARRIVALS && row->hot) {
        judge_hot(run, &rule);
    } else if (row->source == ARRIVALS) {
        judge_arrivals(run, &rule);
    } else {
        expect_all(run);
        match(run);
    }
    print_row(run, &ours);
    check_packets(run, &ours);
    check_counters(run, &ours, &rule);
    check_clear_side(run);
    json_decref(run->report);
    json_decref(run->expect);
    cs_free(&run->wire);
    cs_free(&run->got);
    free(run->list.at);
    free(run);
}

/* The rows in the modes that they are for. */
static struct {
    const struct row *row;
    enum mode mode;
} jobs[ROWS * MODES];
static int job_count;

static void list_jobs(void)
{
    for (int i = 0; i < ROWS * MODES; i++) {
        const struct row *row = &rows[i / MODES];
        int only = row->preset != NULL ? PACKET + 1 : row->only;

        if (only == 0 || only == i % MODES + 1) {
            jobs[job_count].row = row;
            jobs[job_count++].mode = (enum mode)(i % MODES);
        }
    }
}

START_TEST(table)
{
    const struct row *row = jobs[_i].row;
    const char *missing = absent(row);

    if (missing != NULL) {
        char path[CS_PATH];

        printf("SKIP captures line %d, %s %s %s: no data at %s\n", _i + 1, row->name,
               row->end != NULL ? row->end : "-", mode_names[jobs[_i].mode],
               path_below(missing, path));
        return;
    }
    run_row(row, jobs[_i].mode);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("captures");
    TCase *tcase = tcase_create("table");
    SRunner *runner = srunner_create(suite);
    char path[CS_PATH];
    int failed;

    suite_add_tcase(suite, tcase);
    if (!there("sa2oids.py")) {
        printf("SKIP captures, the whole table: no data at %s\n", path_below("", path));
        srunner_free(runner);
        return EXIT_SUCCESS;
    }
    print_heading();
    list_jobs();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, table, 0, job_count);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
