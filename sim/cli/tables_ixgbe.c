/* Intel 82599: registers, sequences of accesses, limits, restoration after a reset, what it takes and what it says. */
#include <stdio.h>
#include <string.h>

#include "cli/validate_bench.h"
#include "cli/validate_tables.h"
#include "nic/abi.h"

#define LINUX     "Linux drivers/net/ethernet/intel/ixgbe/ixgbe_ipsec.c"
#define REGISTERS "Linux drivers/net/ethernet/intel/ixgbe/ixgbe_type.h; Intel 82599 datasheet"

static const char group[] = "ixgbe";
static const char preset[] = "ixgbe-82599";

static const struct tables_figure exact = { .group = group,
                                            .kind = VALIDATION_COMPUTED,
                                            .source = LINUX,
                                            .preset = preset,
                                            .sets = "",
                                            .settings = "" };

static bool opened(struct bench *b, const char *settings)
{
    return bench_config(b, preset, "", settings) && bench_open(b, true);
}

static bool add_one(struct bench *b, uint64_t handle, enum esp_dir dir, uint8_t last_byte)
{
    struct esp_node node;

    bench_node(&node, handle, dir, ESP_ALG_AES_GCM_128, 4096 + (uint32_t)handle);
    node.dst.bytes[3] = last_byte;
    return bench_add(b, &node);
}

/* ---- registers ------------------------------------------------------------------------------------- */

/* Where the registers are, as published: numbers, not the names that this program has for them. */
enum {
    SECTXCTRL = 0x8800,
    SECTXSTAT = 0x8804,
    SECTXBUFFAF = 0x8808,
    SECTXMINIFG = 0x8810,
    IPSTXIDX = 0x8900,
    IPSTXSALT = 0x8904,
    IPSTXKEY = 0x8908,
    SECRXCTRL = 0x8d00,
    SECRXSTAT = 0x8d04,
    IPSRXIDX = 0x8e00,
    IPSRXIPADDR = 0x8e04,
    IPSRXSPI = 0x8e14,
    IPSRXIPIDX = 0x8e18,
    IPSRXKEY = 0x8e1c,
    IPSRXSALT = 0x8e2c,
    IPSRXMOD = 0x8e30
};

enum { TABLE_IP = 1, TABLE_SPI = 2, TABLE_KEY = 3 };
#define STROBE_WRITE 0x80000000u
#define STROBE_READ  0x40000000u

static const uint32_t offsets[] = {
    SECTXCTRL,       SECTXSTAT,        SECTXBUFFAF,   SECTXMINIFG,  IPSTXIDX,
    IPSTXSALT,       IPSTXKEY,         IPSTXKEY + 4,  IPSTXKEY + 8, IPSTXKEY + 12,
    SECRXCTRL,       SECRXSTAT,        IPSRXIDX,      IPSRXIPADDR,  IPSRXIPADDR + 4,
    IPSRXIPADDR + 8, IPSRXIPADDR + 12, IPSRXSPI,      IPSRXIPIDX,   IPSRXKEY,
    IPSRXKEY + 4,    IPSRXKEY + 8,     IPSRXKEY + 12, IPSRXSALT,    IPSRXMOD,
};
enum { OFFSETS = sizeof offsets / sizeof offsets[0], MOST_WORDS = 6 };

/* Put words into an entry and take them out again: how many are the same. */
static bool there_and_back(struct bench *b, const uint32_t *at, const uint32_t *words,
                           unsigned count, uint32_t index_register, uint32_t select, unsigned *same)
{
    uint32_t value;

    *same = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!bench_write(b, at[i], words[i])) {
            return false;
        }
    }
    if (!bench_write(b, index_register, select | STROBE_WRITE)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) { /* what a READ must bring back */
        if (!bench_write(b, at[i], 0)) {
            return false;
        }
    }
    if (!bench_write(b, index_register, select | STROBE_READ)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!bench_read(b, at[i], &value)) {
            return false;
        }
        *same += value == words[i];
    }
    return true;
}

static const struct entry {
    const char *what;
    unsigned count;
    uint32_t at[MOST_WORDS], words[MOST_WORDS];
    uint32_t index_register, select; /* entry in bits 12:3, table in bits 2:1 */
} entries[] = {
    { "words of transmit entry 777, written and read back",
      5,
      { IPSTXKEY, IPSTXKEY + 4, IPSTXKEY + 8, IPSTXKEY + 12, IPSTXSALT },
      { 0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff01, 0x0badcafe },
      IPSTXIDX,
      777u << 3 },
    { "words of address entry 101",
      4,
      { IPSRXIPADDR, IPSRXIPADDR + 4, IPSRXIPADDR + 8, IPSRXIPADDR + 12 },
      { 0, 0, 0, 0x010200c0 },
      IPSRXIDX,
      101u << 3 | TABLE_IP << 1 },
    { "words of SPI entry 1023",
      2,
      { IPSRXSPI, IPSRXIPIDX },
      { 0x78563412, 101 },
      IPSRXIDX,
      1023u << 3 | TABLE_SPI << 1 },
    { "words of key entry 1023",
      6,
      { IPSRXKEY, IPSRXKEY + 4, IPSRXKEY + 8, IPSRXKEY + 12, IPSRXSALT, IPSRXMOD },
      { 0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff01, 0x0badcafe, 1u | 1u << 2 | 1u << 3 },
      IPSRXIDX,
      1023u << 3 | TABLE_KEY << 1 },
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static bool add_registers(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;
    unsigned found = 0;
    uint32_t value;

    f.source = REGISTERS;
    for (unsigned i = 0; i < OFFSETS; i++) {
        if (!bench_read(b, offsets[i], &value)) {
            return false;
        }
        found += b->readable;
    }
    tables_add(v, &f, "registers", OFFSETS, found, "registers at the published offsets");
    for (unsigned i = 0; i < ENTRIES; i++) {
        const struct entry *e = &entries[i];
        unsigned same;

        if (!there_and_back(b, e->at, e->words, e->count, e->index_register, e->select, &same)) {
            return false;
        }
        tables_add(v, &f, "words", e->count, same, "%s", e->what);
    }
    if (!bench_read(b, IPSRXIDX, &value)) {
        return false;
    }
    tables_add(v, &f, "bits", 0, value >> 30,
               "READ and WRITE after the store: they clear themselves");
    return true;
}

/* The words that the driver leaves in an entry: those of the key, last one first, each big-endian. */
static bool add_key_words(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;
    struct esp_node node;
    unsigned same = 0;
    uint32_t value;

    bench_node(&node, 1, ESP_DIR_OUT, ESP_ALG_AES_GCM_128, 4711);
    if (!bench_add(b, &node) || !bench_write(b, IPSTXIDX, STROBE_READ | 1)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *at = node.sa[0].enc.bytes + (3 - i) * 4;

        if (!bench_read(b, IPSTXKEY + 4 * i, &value)) {
            return false;
        }
        same +=
            value == ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
    }
    tables_add(v, &f, "words", 4, same, "key words in the order and byte order of the driver");
    return true;
}

/* ---- accesses --------------------------------------------------------------------------------------- */

static const struct access {
    const char *what;
    enum host_oid_kind kind;
    enum esp_dir dir;
    uint64_t handle;
    uint8_t last_byte; /* of the destination */
    unsigned writes, reads;
} accesses[] = { /* one after the other; the first SA of all is there already */
                 { "transmit SA", HOST_OID_ADD, ESP_DIR_OUT, 2, 2, 6, 3 },
                 { "receive SA with a new address", HOST_OID_ADD, ESP_DIR_IN, 3, 7, 15, 9 },
                 { "receive SA", HOST_OID_ADD, ESP_DIR_IN, 4, 7, 10, 6 },
                 { "DELETE of a transmit SA", HOST_OID_DELETE, ESP_DIR_OUT, 2, 2, 6, 3 },
                 { "DELETE of a receive SA", HOST_OID_DELETE, ESP_DIR_IN, 4, 7, 10, 6 },
                 { "DELETE of the last one of an address", HOST_OID_DELETE, ESP_DIR_IN, 3, 7, 15,
                   9 }
};
enum { ACCESSES = sizeof accesses / sizeof accesses[0] };

static bool add_accesses(struct validation *v, struct bench *b)
{
    if (!add_one(b, 1, ESP_DIR_OUT, 2)) { /* starts the engines, which has accesses of its own */
        return false;
    }
    for (unsigned i = 0; i < ACCESSES; i++) {
        const struct access *a = &accesses[i];
        struct host_oid_stats before = host_statistics(b->host)->oid[a->kind];
        const struct host_oid_stats *after;

        if (a->kind == HOST_OID_ADD ? !add_one(b, a->handle, a->dir, a->last_byte)
                                    : !bench_delete(b, a->handle)) {
            return false;
        }
        after = &host_statistics(b->host)->oid[a->kind];
        tables_add(v, &exact, "writes", a->writes,
                   (double)(after->mmio_writes - before.mmio_writes), "%s", a->what);
        tables_add(v, &exact, "reads", a->reads, (double)(after->mmio_reads - before.mmio_reads),
                   "%s", a->what);
    }
    return true;
}

/* A second transmit SA, whose entry takes `table_write` to be stored: how long its ADD takes, and how many of its
 * stores the driver gives up. */
static bool stored(struct bench *b, const char *settings, double *us, double *given_up)
{
    const struct host_engine_stats *e;
    bool ok = opened(b, settings) && add_one(b, 1, ESP_DIR_OUT, 2) && bench_settle(b);

    if (!ok) {
        return false;
    }
    e = &host_statistics(b->host)->engine;
    *given_up = -(double)e->store_given_up;
    ok = add_one(b, 2, ESP_DIR_OUT, 2);
    *given_up += (double)e->store_given_up;
    *us = (double)(b->oid.time - b->oid.request_time) / 1e6;
    return ok;
}

/* A card that never clears WRITE, as far as the driver can see, beside one that does so at once. */
static bool add_longest_wait(struct validation *v, char *error, size_t error_size)
{
    struct tables_figure f = exact;
    struct bench b;
    double us[2];
    double given_up[2];
    bool ok = stored(&b, "host.oid.store=poll card.command.table_write=0ns", &us[0], &given_up[0]);

    f.source =
        "DPDK drivers/net/intel/ixgbe/ixgbe_ipsec.c, IXGBE_REGISTER_POLL_WAIT_5_MS; with host.oid.store poll, "
        "since the driver of Linux does not look";
    if (ok) {
        bench_close(&b);
        ok = stored(&b, "host.oid.store=poll card.command.table_write=1s", &us[1], &given_up[1]);
    }
    if (ok) {
        tables_add(v, &f, "stores", 1, given_up[1] - given_up[0],
                   "WRITE bit that stays: given up by the driver");
        f.tolerance = 1;
        tables_add(v, &f, "ms", 5, (us[1] - us[0]) / 1000, "longest wait for the WRITE bit");
    } else {
        snprintf(error, error_size, "longest wait: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

/* One SA and a reset: what the driver does, in writes and reads. */
static bool restoration(struct bench *b, const char *settings, double *writes, double *reads)
{
    bool ok = opened(b, settings) && add_one(b, 1, ESP_DIR_OUT, 2) && bench_reset(b);

    if (ok) {
        const struct host_engine_stats *e = &host_statistics(b->host)->engine;

        *writes = (double)e->restore_writes;
        *reads = (double)e->restore_reads;
    }
    return ok;
}

/* What clears the tables, without what stops and starts the engines and writes the SA: a card with a single entry of
 * each kind does the rest alike; of its three entries the accesses are those of the rows above. */
static bool add_clearing(struct validation *v, char *error, size_t error_size)
{
    struct tables_figure f = exact;
    struct bench b;
    double writes[2];
    double reads[2];
    bool ok = restoration(&b, "", &writes[0], &reads[0]);

    if (ok) {
        bench_close(&b);
        ok = restoration(&b,
                         "card.sa.table.capacity_in=1 card.sa.table.capacity_out=1 "
                         "card.sa.table.ip_entries=1",
                         &writes[1], &reads[1]);
    }
    if (ok) {
        f.tolerance = 1;
        tables_add(v, &f, "writes", 17000, writes[0] - writes[1] + 6 + 10 + 5,
                   "zeros into all entries");
        tables_add(v, &f, "reads", 9600, reads[0] - reads[1] + 3 + 6 + 3, "zeros into all entries");
    } else {
        snprintf(error, error_size, "clearing: %s", b.error);
    }
    bench_close(&b);
    return ok;
}

/* ---- limits ----------------------------------------------------------------------------------------- */

static bool limit(struct validation *v, enum esp_dir dir, uint32_t addresses, uint32_t published,
                  const char *what, char *error, size_t error_size)
{
    struct tables_figure words = exact;
    struct esp_node node;
    struct bench b;
    uint32_t taken = 0;
    bool ok = opened(&b, "");

    bench_node(&node, 1, dir, ESP_ALG_AES_GCM_128, 4096);
    words.words = bench_answers;
    ok = ok && bench_fill(&b, &node, published + 10, addresses, &taken);
    if (ok) {
        tables_add(v, &exact, "SAs", published, taken, "%s", what);
        tables_add(v, &words, "", BENCH_NO_ROOM, bench_answer(&b), "%s: one more", what);
    } else {
        snprintf(error, error_size, "%s: %s", what, b.error);
    }
    bench_close(&b);
    return ok;
}

/* ---- what it takes ------------------------------------------------------------------------------------- */

static const struct tables_wish wishes[] = {
    { "SA: ESP, AES-GCM-128, ICV of 16", BENCH_AS_IT_IS, BENCH_DONE },
    { "SA: AH, AES-GMAC-128", BENCH_AH, BENCH_DONE },
    { "SA: IPv6", BENCH_IPV6, BENCH_DONE },
    { "SA: key of 256 bits", BENCH_KEY_256, BENCH_NOT_SUPPORTED },
    { "SA: ICV of 8", BENCH_ICV_8, BENCH_NOT_SUPPORTED },
    { "SA: AES-CBC", BENCH_CBC, BENCH_NOT_SUPPORTED },
    { "SA: ESN", BENCH_ESN, BENCH_NOT_SUPPORTED },
};
enum { WISHES = sizeof wishes / sizeof wishes[0] };

static bool add_wishes(struct validation *v, struct bench *b)
{
    return tables_wishes(v, b, &exact, wishes, WISHES);
}

/* ---- received packets ------------------------------------------------------------------------------------ */

enum { GOOD, WRONG_PROTOCOL, WRONG_LENGTH, WRONG_ICV, SOMETHING };
static const char *const verdicts[] = { "no error", "invalid protocol", "invalid length",
                                        "authentication failed", "something else" };

/* What the completion said of the packet that the status counters have since `before`. */
static int verdict_since(struct bench *b, const struct host_rx_stats *before)
{
    static const int meaning[8] = {
        [ABI_CRYPTO_SUCCESS] = GOOD,
        [ABI_CRYPTO_GENERIC_ERROR] = SOMETHING,
        [ABI_CRYPTO_TRANSPORT_AH_AUTH_FAILED] = WRONG_ICV,
        [ABI_CRYPTO_TRANSPORT_ESP_AUTH_FAILED] = WRONG_ICV,
        [ABI_CRYPTO_TUNNEL_AH_AUTH_FAILED] = WRONG_ICV,
        [ABI_CRYPTO_TUNNEL_ESP_AUTH_FAILED] = WRONG_ICV,
        [ABI_CRYPTO_INVALID_PACKET_SYNTAX] = WRONG_LENGTH,
        [ABI_CRYPTO_INVALID_PROTOCOL] = WRONG_PROTOCOL,
    };
    const struct host_rx_stats *after = &host_statistics(b->host)->rx;

    for (unsigned i = 0; i < 8; i++) {
        if (after->crypto_status[i] > before->crypto_status[i]) {
            return meaning[i];
        }
    }
    return SOMETHING;
}

/* A packet under the SA of `node`, but as `bad` has it. */
static bool receive_bad(struct bench *b, const struct esp_node *node, int bad)
{
    struct esp_node sent = *node;
    uint8_t frame[BENCH_FRAME];
    uint32_t length;

    if (bad == WRONG_PROTOCOL) {
        bench_change(&sent, BENCH_IN_UDP);
    }
    length = bench_seal(b, &sent, 10u + (unsigned)bad, 100, frame);
    if (length == 0) {
        return false;
    }
    if (bad == WRONG_ICV) {
        frame[length - 1] ^= 1;
    }
    if (bad == WRONG_LENGTH) { /* header and IV, and 12 bytes: shorter than trailer and ICV */
        length = 14 + 20 + 8 + 8 + 12;
        frame[16] = 0;
        frame[17] = (uint8_t)(length - 14);
        frame[24] = frame[25] = 0;
        esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    }
    return bench_arrive(b, 0, host_now(b->host) + 1000000, frame, length) && bench_settle(b);
}

/* Status and error of the receive descriptor as published: bit SECP, and a code in bits 28:27. */
enum { SECP_BIT = 17, ERROR_LSB = 27, ERROR_CODES = 4 };

static uint32_t status_and_error(const struct bench *b)
{
    struct abi_rx_completion c;

    memcpy(&c, b->written, sizeof c);
    return (uint32_t)c.security << 16;
}

/* By the codes of the datasheet: GOOD is 0 there, and so on. */
static void add_error_bits(struct validation *v, const uint32_t status[ERROR_CODES], uint32_t clear)
{
    struct tables_figure f = exact;
    unsigned seen = 0;

    f.source =
        "Intel 82599 datasheet: status and error of the receive descriptor. The completion has these bits "
        "(sim/nic/abi.h, security), but not the other fields of that descriptor";
    for (int bad = GOOD; bad <= WRONG_ICV; bad++) {
        tables_add(v, &f, "", bad, status[bad] >> ERROR_LSB & 3, "error bits 28:27: %s",
                   verdicts[bad]);
        seen += status[bad] >> SECP_BIT & 1;
    }
    tables_add(v, &f, "packets", ERROR_CODES, seen, "bit 17, seen by the engines: these four");
    tables_add(v, &f, "bits", 0, clear, "... and what is set of a clear packet");
}

static bool add_verdicts(struct validation *v, struct bench *b)
{
    struct tables_figure f = exact;
    struct esp_node node;
    uint32_t status[ERROR_CODES];
    uint8_t frame[BENCH_FRAME];
    uint32_t length = bench_clear(1, 100, frame);

    f.source =
        "Intel 82599 datasheet: error field of the receive descriptor, in words; here by the status that NDIS has";
    f.words = verdicts;
    bench_node(&node, 50, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 6000);
    if (!bench_add(b, &node)) {
        return false;
    }
    for (int bad = GOOD; bad <= WRONG_ICV; bad++) {
        struct host_rx_stats before = host_statistics(b->host)->rx;

        if (!receive_bad(b, &node, bad)) {
            return false;
        }
        tables_add(v, &f, "", bad, verdict_since(b, &before), "received: %s", verdicts[bad]);
        status[bad] = status_and_error(b);
    }
    if (!bench_arrive(b, 0, host_now(b->host) + 1000000, frame, length) || !bench_settle(b)) {
        return false;
    }
    add_error_bits(v, status, status_and_error(b));
    return true;
}

/* No window and no lifetime on the card. */
static bool add_left_to_host(struct validation *v, struct bench *b)
{
    struct esp_node node;
    uint64_t before = nic_statistics(b->card)->rx.packets_out;
    uint64_t dropped = host_statistics(b->host)->rx.drop[HOST_RX_DROP_REPLAY];

    bench_node(&node, 51, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 6001);
    node.sa[0].replay_window = 64;
    if (!bench_add(b, &node) || !bench_receive(b, &node, 1, false) ||
        !bench_receive(b, &node, 1, false)) {
        return false;
    }
    tables_add(v, &exact, "packets", 2, (double)(nic_statistics(b->card)->rx.packets_out - before),
               "a packet and its copy: the card hands up");
    tables_add(v, &exact, "packets", 1,
               (double)(host_statistics(b->host)->rx.drop[HOST_RX_DROP_REPLAY] - dropped),
               "... and the host drops");
    bench_node(&node, 52, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 6002);
    node.sa[0].lifetime.hard_packets = 1;
    before = nic_statistics(b->card)->rx.packets_out;
    if (!bench_add(b, &node) || !bench_receive(b, &node, 1, false) ||
        !bench_receive(b, &node, 2, false)) {
        return false;
    }
    tables_add(v, &exact, "packets", 2, (double)(nic_statistics(b->card)->rx.packets_out - before),
               "two packets under a hard limit of one: the card hands up");
    return true;
}

/* ---- engines and reset ----------------------------------------------------------------------------------- */

static bool add_engines(struct validation *v, struct bench *b)
{
    const struct host_engine_stats *e;
    struct esp_node node;
    double live;

    if (!add_one(b, 1, ESP_DIR_OUT, 2) || !add_one(b, 2, ESP_DIR_IN, 2) ||
        !add_one(b, 3, ESP_DIR_IN, 9)) {
        return false;
    }
    e = &host_statistics(b->host)->engine;
    tables_add(v, &exact, "starts", 1, (double)e->starts, "engines start with the first SA");
    live = (double)nic_statistics(b->card)->sa_live;
    if (!bench_reset(b)) {
        return false;
    }
    tables_add(v, &exact, "SAs", live, (double)nic_statistics(b->card)->sa_live,
               "SAs on the card after a reset: written anew from the driver's shadow");
    bench_node(&node, 2, ESP_DIR_IN, ESP_ALG_AES_GCM_128, 4098);
    node.dst.bytes[3] = 2;
    if (!bench_receive(b, &node, 1, false)) {
        return false;
    }
    struct tables_figure f = exact;

    f.words = tables_no_yes;
    tables_add(v, &f, "", 1, b->verdict == HOST_OFFLOADED,
               "a packet after it is opened by the card");
    for (uint64_t handle = 1; handle <= 3; handle++) {
        if (!bench_delete(b, handle)) {
            return false;
        }
    }
    tables_add(v, &exact, "stops", 1, (double)host_statistics(b->host)->engine.stops,
               "engines stop with the last");
    return true;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static void add_absent(struct validation *v)
{
    tables_absent(
        v, group, "", 1024, "handle of the first transmit SA",
        LINUX
        ". A number of the driver alone, which no register has; here handles are the SPI and the place of the "
        "entry (IPsecOV2 wants one that is not used again)");
    tables_absent(
        v, group, "ms", 3, "MAC in loopback, to drain the engines without a link",
        LINUX
        ". Frames leave without a link, too (a link that is down stops the host from sending), so the "
        "blocks always drain; the card has no registers of a MAC (MACC, HLREG0)");
    tables_absent(
        v, group, "frames", 1, "more stored on transmit once an engine runs",
        "Intel 82599 datasheet, STORE_FORWARD. Frames are stored before they start in any case, so that "
        "nothing changes with the first SA");
    tables_absent(
        v, group, "", 1, "receive SAs of a VF, filters of the BMC: refused",
        LINUX
        ". There are no virtual functions and no management controller, so there is nothing to "
        "refuse");
}

typedef bool part(struct validation *v, struct bench *b);

bool tables_ixgbe(struct validation *v, char *error, size_t error_size)
{
    static part *const parts[] = { add_registers, add_key_words,    add_accesses, add_wishes,
                                   add_verdicts,  add_left_to_host, add_engines };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct bench b;
        bool ok = opened(&b, "") && parts[i](v, &b);

        if (!ok) {
            snprintf(error, error_size, "ixgbe: %s", b.error);
        }
        bench_close(&b);
        if (!ok) {
            return false;
        }
    }
    if (!add_clearing(v, error, error_size) || !add_longest_wait(v, error, error_size) ||
        !limit(v, ESP_DIR_OUT, 1, 1024, "transmit SAs", error, error_size) ||
        !limit(v, ESP_DIR_IN, 100, 1024, "receive SAs", error, error_size) ||
        !limit(v, ESP_DIR_IN, 256, 128, "receive SAs, an address each", error, error_size)) {
        return false;
    }
    add_absent(v);
    return true;
}
