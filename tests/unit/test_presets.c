/* The presets: every one resolves and is a possible card; every value of a real card says where it is
 * from; what is known of the cards (places, refusals, rates) is what the model does with them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/scenario.h"
#include "sa_table/table.h"

static const char *const presets[] = { "generic-100g", "generic-400g", "ixgbe-82599", "cx7-like",
                                       "netdevsim" };
enum { GENERIC_100G, GENERIC_400G, IXGBE, CX7, NETDEVSIM, PRESETS };
#define IS_REAL(i_) ((i_) >= IXGBE)

static struct espnic_config *config;
static struct scenario scenario;

static void load(int preset)
{
    size_t count = 0;
    const struct param_group *groups = espnic_param_groups(&count);
    char error[512] = "";

    config = calloc(1, sizeof *config);
    ck_assert_ptr_nonnull(config);
    scenario_init(&scenario, groups, count, config);
    scenario.preset_folders = "sim/presets";
    ck_assert_msg(scenario_load_preset(&scenario, presets[preset]), "%s", scenario.error);
    ck_assert_msg(nic_config_check(&config->card, error, sizeof error), "%s: %s", presets[preset],
                  error);
    ck_assert_msg(host_config_check(&config->host, error, sizeof error), "%s: %s", presets[preset],
                  error);
    ck_assert_msg(espnic_config_check(&scenario), "%s: %s", presets[preset], scenario.error);
}

static void unload(void)
{
    scenario_free(&scenario);
    free(config);
}

/* ---- the files ------------------------------------------------------------------------------- */

START_TEST(test_names)
{
    char **names = NULL;
    size_t count = preset_list("sim/presets", &names);

    for (size_t i = 0; i < PRESETS; i++) {
        bool found = false;

        for (size_t k = 0; k < count; k++) {
            found = found || strcmp(names[k], presets[i]) == 0;
        }
        ck_assert_msg(found, "%s is not listed", presets[i]);
    }
    ck_assert_msg(count == PRESETS, "%zu presets are listed, the test knows %d", count, PRESETS);
    preset_list_free(names, count);
}
END_TEST

START_TEST(test_resolves)
{
    struct sa_cache cache;
    char error[256] = "";

    load(_i);
    ck_assert_uint_gt(strlen(scenario.preset_description), 0);
    const struct sa_cache_config lines = nic_cache_config(&config->card);

    ck_assert_msg(sa_cache_init(&cache, &lines, error, sizeof error), "%s", error);
    sa_cache_destroy(&cache);
    unload();
}
END_TEST

static bool starts(const char *path, const char *prefix)
{
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

/* Of the link: damage done for experiments, guidelines of the specification, parts that are off. */
static bool says_nothing_of_the_link(const char *name)
{
    static const char *const always[] = {
        "ideal",      "seed",     "relaxed",          "ido",         "lcrc_ppb",   "dllp_crc_ppb",
        "poison_ppb", "lost_ppb", "poison_write_ppb", "abort_ppb",   "late_ppb",   "late_ps",
        "timeout_ps", "retry",    "quarantine_ps",    "ack_latency", "refresh_ps", "replay_timer",
        "retrain_ps"
    };
    const struct pcie_config *link = &config->card.pcie;

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(name, always[i]) == 0) {
            return true;
        }
    }
    if (strcmp(name, "dllp_ppm") == 0) {
        return link->dllp != PCIE_DLLP_SHARE;
    }
    return starts(name, "host.") && strcmp(name, "host.read_ps") != 0;
}

/* Parameters of the context cache that it makes no use of. */
static bool of_another_cache(const char *path)
{
    const struct nic_config *card = &config->card;
    bool prefetches =
        card->sa.prefetch_tx != NIC_PREFETCH_NO_TX || card->sa.prefetch_rx != NIC_PREFETCH_NO_RX;

    return (strcmp(path, "card.sa.cache.rrip_bits") == 0 &&
            card->cache.replacement != SA_CACHE_SRRIP) ||
           (strcmp(path, "card.sa.cache.size") == 0 && card->cache.size == 0) ||
           (strcmp(path, "card.sa.cache.prefetches") == 0 && !prefetches);
}

/* Parameters of command paths that the card has not. */
static bool of_another_path(const char *path)
{
    static const struct {
        const char *name;
        unsigned paths; /* bits: it is for these */
    } of[] = {
        { "depth", 1 << NIC_PATH_QUEUE | 1 << NIC_PATH_FIRMWARE | 1 << NIC_PATH_DESCRIPTOR },
        { "add", 1 << NIC_PATH_QUEUE | 1 << NIC_PATH_DESCRIPTOR },
        { "update", 1 << NIC_PATH_QUEUE | 1 << NIC_PATH_DESCRIPTOR },
        { "remove", 1 << NIC_PATH_QUEUE | 1 << NIC_PATH_DESCRIPTOR },
        { "table_write", 1 << NIC_PATH_REGISTERS },
        { "least", 1 << NIC_PATH_FIRMWARE },
        { "median", 1 << NIC_PATH_FIRMWARE },
        { "p99", 1 << NIC_PATH_FIRMWARE },
        { "most", 1 << NIC_PATH_FIRMWARE },
        { "add_commands", 1 << NIC_PATH_FIRMWARE },
        { "update_commands", 1 << NIC_PATH_FIRMWARE },
        { "remove_commands", 1 << NIC_PATH_FIRMWARE },
        { "limit", 1 << NIC_PATH_FIRMWARE },
        { "context", 1 << NIC_PATH_DESCRIPTOR },
        { "inbound", 1 << NIC_PATH_DESCRIPTOR },
    };

    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (strcmp(path + strlen("card.command."), of[i].name) == 0) {
            return (of[i].paths >> config->card.command.path & 1) == 0;
        }
    }
    return false;
}

/* A CAM has none. */
static bool of_look_up_memories(const char *path)
{
    static const char *const paths[] = { "card.sa.table.slots",  "card.sa.table.choices",
                                         "card.sa.table.ways",   "card.sa.table.stash",
                                         "card.sa.table.search", "card.sa.lookup_port",
                                         "card.sa.lookup_pace" };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strcmp(path, paths[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Values that say nothing of the card: of the simulator, of experiments, or of parts that it has not. */
static bool says_nothing(const char *path)
{
    static const char *const simulator[] = { "card.seed", "card.ideal", "card.sa.cache.seed" };
    const struct nic_config *card = &config->card;

    for (size_t i = 0; i < sizeof simulator / sizeof simulator[0]; i++) {
        if (strcmp(path, simulator[i]) == 0) {
            return true;
        }
    }
    if (strcmp(path, "card.command.access") == 0) { /* after an event */
        return card->sa.esn != NIC_ESN_EVENTS && card->table.round == 0;
    }
    if (starts(path, "card.forward.")) { /* of the network, or of a card that forwards by itself */
        return config->card.forward.path != NIC_FORWARD_HAIRPIN;
    }
    if (starts(path, "card.command.")) {
        return of_another_path(path);
    }
    if (starts(path, "card.pcie.")) {
        return card->pcie.ideal || says_nothing_of_the_link(path + strlen("card.pcie."));
    }
    if (starts(path, "card.rss.") && strcmp(path, "card.rss.hash") != 0) {
        return card->rss.hash == NIC_RSS_MIXED;
    }
    if (starts(path, "card.sa.cache.") || starts(path, "card.sa.context_")) {
        return card->sa.storage == NIC_STORAGE_ON_CHIP || of_another_cache(path);
    }
    if (strcmp(path, "card.sa.miss_time") == 0 || strcmp(path, "card.sa.mshrs_tx") == 0) {
        return card->sa.storage == NIC_STORAGE_ON_CHIP;
    }
    if (starts(path, "card.sa.memory_")) {
        return card->sa.storage != NIC_STORAGE_CARD_CACHE;
    }
    if (strcmp(path, "card.sa.host_base") == 0) {
        return card->sa.storage != NIC_STORAGE_HOST_CACHE;
    }
    if (of_look_up_memories(path)) {
        return card->table.organisation == SA_ORGANISATION_CAM;
    }
    if (strcmp(path, "card.sa.table.capacity") == 0) {
        return card->table.per_direction;
    }
    return starts(path, "card.sa.table.capacity_") && !card->table.per_direction;
}

static void check_note(int preset, const char *path, const struct param_note *note)
{
    bool known = note->origin == ORIGIN_READ || note->origin == ORIGIN_COMPUTED ||
                 note->origin == ORIGIN_FITTED || note->origin == ORIGIN_ASSUMED;

    if (note->origin == ORIGIN_DEFAULT &&
        (!IS_REAL(preset) || !starts(path, "card.") || says_nothing(path))) {
        return;
    }
    ck_assert_msg(known, "%s: %s is not set, or by hand: %s", presets[preset], path,
                  param_origin_name(note->origin));
    ck_assert_msg(note->source != NULL && strlen(note->source) > 2, "%s: %s has no source",
                  presets[preset], path);
}

START_TEST(test_provenance)
{
    size_t index = 0;
    size_t of[ORIGIN_USER + 1] = { 0 };

    load(_i);
    for (size_t g = 0; g < scenario.group_count; g++) {
        const struct param_group *group = &scenario.groups[g];

        for (size_t i = 0; i < group->count; i++, index++) {
            char path[256];

            snprintf(path, sizeof path, "%s.%s", group->path, group->params[i].name);
            check_note(_i, path, &scenario.notes[index]);
            of[scenario.notes[index].origin]++;
        }
    }
    ck_assert_uint_eq(index, scenario.note_count);
    if (IS_REAL(_i)) { /* not a card made of assumptions */
        ck_assert_uint_ge(of[ORIGIN_READ], 20);
    } else {
        ck_assert_uint_ge(of[ORIGIN_COMPUTED], 10);
    }
    ck_assert_uint_eq(of[ORIGIN_FITTED], _i == CX7 ? 5 : 0);
    unload();
}
END_TEST

/* ---- which SAs a card takes ----------------------------------------------------------------------- */

static struct esp_address v4(uint32_t address)
{
    return (struct esp_address){ .family = 4,
                                 .bytes = { (uint8_t)(address >> 24), (uint8_t)(address >> 16),
                                            (uint8_t)(address >> 8), (uint8_t)address } };
}

static struct esp_key key_of(enum esp_alg alg, unsigned icv)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    return (struct esp_key){ .alg = alg,
                             .icv = (uint8_t)(icv != 0 ? icv : info->icv_default),
                             .length = (uint8_t)(info->key_bytes + info->salt_bytes) };
}

static struct esp_node inbound(enum esp_alg enc, enum esp_alg auth, unsigned icv)
{
    struct esp_node node = { .dir = ESP_DIR_IN,
                             .mode = ESP_MODE_TRANSPORT,
                             .src = v4(0x0a000001),
                             .dst = v4(0x0a000002),
                             .sa_count = 1 };

    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP, .spi = 0x1000 };
    node.sa[0].enc = key_of(enc, icv);
    if (auth != ESP_ALG_NONE) {
        node.sa[0].auth = key_of(auth, 0);
    }
    return node;
}

static struct esp_node gcm(void)
{
    return inbound(ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 16);
}

static void expect(const struct esp_node *node, enum sa_reason reason, const char *what)
{
    enum sa_reason got = sa_validate(node, &config->card.capabilities);

    ck_assert_msg(got == reason, "%s, %s: found %s, expected %s", scenario.preset, what,
                  sa_reason_name(got), sa_reason_name(reason));
}

#define EXPECT(reason_, node_, ...)                                                                \
    do {                                                                                           \
        struct esp_node n = (node_);                                                               \
        __VA_ARGS__;                                                                               \
        expect(&n, reason_, #node_ " " #__VA_ARGS__);                                              \
    } while (0)

/* Encryption and authentication as an SA has them: an AEAD alone, or one of each. */
static void check_all_modes(enum esp_alg enc, enum esp_alg auth)
{
    static const uint16_t windows[] = { 0, 1, 32, 48, 64, 1000, 4096 };
    static const enum esp_udp udps[] = { ESP_UDP_NONE, ESP_UDP_TRANSPORT, ESP_UDP_TUNNEL };

    for (unsigned w = 0; w < sizeof windows / sizeof windows[0]; w++) {
        for (unsigned u = 0; u < sizeof udps / sizeof udps[0]; u++) {
            for (unsigned bits = 0; bits < 4; bits++) {
                struct esp_node node = inbound(enc, auth, 0);

                node.mode = bits & 1 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
                node.udp = udps[u];
                node.sa[0].esn = (bits & 2) != 0;
                node.sa[0].replay_window = windows[w];
                expect(&node, SA_OK, esp_alg_info(enc)->name);
            }
        }
    }
}

START_TEST(test_generic_takes_all)
{
    unsigned ciphers = 0;
    unsigned integrity = 0;

    load(_i);
    ck_assert_int_eq(config->card.general.offload, NIC_OFFLOAD_PACKET);
    ck_assert_int_eq(config->card.sa.esn, NIC_ESN_INFERRED);
    for (int alg = 0; alg < ESP_ALG_COUNT; alg++) {
        switch (esp_alg_info((enum esp_alg)alg)->kind) {
        case ESP_KIND_AEAD:
            check_all_modes((enum esp_alg)alg, ESP_ALG_NONE);
            ciphers++;
            break;
        case ESP_KIND_CIPHER:
            check_all_modes((enum esp_alg)alg, ESP_ALG_SHA_256);
            ciphers++;
            break;
        case ESP_KIND_HMAC:
        case ESP_KIND_GMAC:
            check_all_modes(ESP_ALG_NULL, (enum esp_alg)alg);
            integrity++;
            break;
        default: break;
        }
    }
    ck_assert_uint_eq(ciphers, 16);
    ck_assert_uint_eq(integrity, 8);
    unload();
}
END_TEST

/* Nodes until one is refused; each `period` of them share a destination. Returns how many went in. */
static unsigned fill(enum esp_dir dir, unsigned period, enum sa_reason reason,
                     struct sa_table *table)
{
    for (unsigned i = 0;; i++) {
        struct esp_node node = gcm();
        struct sa_added added;

        node.dir = dir;
        node.dst = v4(0x0a000002 + i / period);
        node.sa[0].spi = 0x1000 + i;
        node.sa[0].seq = dir == ESP_DIR_OUT;
        ck_assert_int_eq(sa_validate(&node, &config->card.capabilities), SA_OK);
        added = sa_table_add(table, &node, false);
        if (added.reason != SA_OK) {
            ck_assert_str_eq(sa_reason_name(added.reason), sa_reason_name(reason));
            return i;
        }
        sa_table_commit(table, added.id, 0);
    }
}

/* Linux drivers/net/ethernet/intel/ixgbe: 1024 SAs each way, 128 inbound addresses. */
START_TEST(test_82599)
{
    struct sa_table table;
    struct sa_capabilities by_hand;

    load(IXGBE);
    sa_table_init(&table, &config->card.table);
    ck_assert_uint_eq(fill(ESP_DIR_IN, 8, SA_FULL, &table), 1024);
    ck_assert_uint_eq(fill(ESP_DIR_OUT, 1, SA_FULL, &table), 1024);
    sa_table_destroy(&table);
    sa_table_init(&table, &config->card.table);
    ck_assert_uint_eq(fill(ESP_DIR_IN, 1, SA_NO_IP_SLOT, &table), 128);
    sa_table_destroy(&table);

    sa_capabilities_82599(&by_hand); /* written from the same sources by another hand */
    ck_assert_mem_eq(&config->card.capabilities, &by_hand, sizeof by_hand);
    EXPECT(SA_OK, inbound(ESP_ALG_NULL, ESP_ALG_AES_GMAC_128, 0));
    EXPECT(SA_OK, gcm(), n.sa[0].replay_window = 128); /* the host's */
    EXPECT(SA_UNSUPPORTED_ESN, gcm(), n.sa[0].esn = true);
    EXPECT(SA_UNSUPPORTED_ENCRYPTION, inbound(ESP_ALG_AES_GCM_256, ESP_ALG_NONE, 16));
    EXPECT(SA_UNSUPPORTED_ICV, inbound(ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 12));
    unload();
}
END_TEST

/* A session with the device itself, Linux 6.1: what it took, what it refused, 33 SAs. */
START_TEST(test_netdevsim)
{
    struct sa_table table;

    load(NETDEVSIM);
    EXPECT(SA_OK, gcm(), n.sa[0].replay_window = 32);
    EXPECT(SA_OK, gcm(), n.mode = ESP_MODE_TUNNEL);
    EXPECT(SA_UNSUPPORTED_ICV, inbound(ESP_ALG_AES_GCM_128, ESP_ALG_NONE, 8));
    EXPECT(SA_UNSUPPORTED_ENCRYPTION, inbound(ESP_ALG_CHACHA20_POLY1305, ESP_ALG_NONE, 0));
    EXPECT(SA_UNSUPPORTED_ENCRYPTION, inbound(ESP_ALG_AES_CBC_128, ESP_ALG_SHA_256, 0));
    EXPECT(SA_UNSUPPORTED_AH, inbound(ESP_ALG_NONE, ESP_ALG_SHA_256, 0), n.sa[0].op = ESP_OP_AH,
           n.sa[0].enc = (struct esp_key){ 0 });
    EXPECT(SA_UNSUPPORTED_UDP, gcm(), n.udp = ESP_UDP_TRANSPORT);
    EXPECT(SA_UNSUPPORTED_ESN, gcm(), n.sa[0].esn = true, n.sa[0].replay_window = 64);

    sa_table_init(&table, &config->card.table);
    ck_assert_uint_eq(fill(ESP_DIR_OUT, 1, SA_FULL, &table), 33);
    ck_assert_uint_eq(fill(ESP_DIR_IN, 1, SA_FULL, &table), 0); /* both directions together */
    sa_table_destroy(&table);
    unload();
}
END_TEST

/* Linux drivers/net/ethernet/mellanox/mlx5/core/en_accel/ipsec.c, mlx5e_xfrm_validate_state. */
START_TEST(test_cx7)
{
    load(CX7);
    for (unsigned window = 0; window <= 4096; window++) {
        bool taken = window == 0 || window == 32 || window == 64 || window == 128 || window == 256;
        EXPECT(taken ? SA_OK : SA_UNSUPPORTED_WINDOW, gcm(), n.sa[0].esn = true,
               n.sa[0].replay_window = (uint16_t)window);
    }
    EXPECT(SA_OK, inbound(ESP_ALG_AES_GCM_256, ESP_ALG_NONE, 16), n.mode = ESP_MODE_TUNNEL);
    EXPECT(SA_UNSUPPORTED_ENCRYPTION, inbound(ESP_ALG_AES_GCM_192, ESP_ALG_NONE, 16));
    EXPECT(SA_UNSUPPORTED_ICV, inbound(ESP_ALG_AES_GCM_256, ESP_ALG_NONE, 12));
    EXPECT(SA_UNSUPPORTED_ENCRYPTION, inbound(ESP_ALG_AES_CBC_128, ESP_ALG_SHA_256, 0));
    EXPECT(SA_UNSUPPORTED_AH, inbound(ESP_ALG_NONE, ESP_ALG_SHA_256, 0), n.sa[0].op = ESP_OP_AH,
           n.sa[0].enc = (struct esp_key){ 0 });
    unload();
}
END_TEST

/* Published: 770 to 820 tunnels of two SAs, 4.7 to 6.5 M misses a second. */
START_TEST(test_cx7_cache)
{
    const struct pcie_config *link;
    uint64_t contexts;
    uint64_t read_ps;
    uint64_t misses_per_s;

    load(CX7);
    link = &config->card.pcie;
    contexts = (uint64_t)config->card.cache.sets * config->card.cache.ways;
    ck_assert_uint_ge(contexts, 1540);
    ck_assert_uint_le(contexts, 1640);
    ck_assert_uint_eq(config->card.cache.line_bytes, config->card.sa.context);
    read_ps = link->up_ps + link->host.read_ps + link->down_ps + 20000;
    misses_per_s = config->card.cache.mshrs * 1000000000000 / read_ps;
    ck_assert_uint_ge(misses_per_s, 4700000);
    ck_assert_uint_le(misses_per_s, 6500000);
    unload();
}
END_TEST

/* ---- rates ------------------------------------------------------------------------------------- */

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Payload, padding to 4, pad length and next header. */
static uint64_t ciphered(uint64_t inner)
{
    return 4 * div_up(inner + 2, 4);
}

/* GCM in tunnel mode over IPv4: Ethernet 14, outer header 20, ESP 8, IV 8, ICV 16, FCS 4, and preamble
 * and gap 20. Never below the shortest frame. */
static double wire_pps(uint64_t inner, double bits)
{
    return bits / 8 / (double)(14 + 20 + 8 + 8 + ciphered(inner) + 16 + 4 + 20);
}

/* occupancy = ceil(P / w) + c, from the parameters alone. */
static double gcm_pps(uint64_t inner)
{
    const struct nic_crypto_config *c = &config->card.crypto;
    uint64_t clock = c->clock != 0 ? c->clock : config->card.general.clock;
    uint64_t cycles = div_up(ciphered(inner), c->width) + c->overhead + c->key_setup;

    return (double)clock / 1000 * config->card.general.lanes * c->engines / (double)cycles;
}

static double bus_pps(uint64_t frame)
{
    const struct nic_general *g = &config->card.general;

    return (double)g->clock / 1000 * g->lanes / (double)div_up(frame, g->bus);
}

/* Known packet rates of the line, so that wire_pps is not its own judge: 100 Gb/s, GCM in an IPv4 tunnel. */
START_TEST(test_line_formula)
{
    ck_assert_double_eq_tol(wire_pps(46, 100e9) / 1e6, 90.58, 0.01);
    ck_assert_double_eq_tol(wire_pps(512, 100e9) / 1e6, 20.63, 0.01);
    ck_assert_double_eq_tol(wire_pps(1446, 100e9) / 1e6, 8.13, 0.01);
}
END_TEST

/* Neither engines nor bus are below the line, all ports, from the smallest tunnel packet on. */
START_TEST(test_line_rate)
{
    double bits;

    load(_i);
    bits = (double)config->card.mac.rate * config->card.general.ports;
    for (uint64_t inner = 46; inner <= config->card.mac.mtu - 76; inner++) {
        double wire = wire_pps(inner, bits);

        ck_assert_msg(gcm_pps(inner) >= wire, "%s: engines %.3f Mpps, line %.3f, inner %lu bytes",
                      presets[_i], gcm_pps(inner) / 1e6, wire / 1e6, inner);
        ck_assert_msg(bus_pps(inner + 76) >= wire, "%s: bus, inner %lu bytes", presets[_i], inner);
    }
    unload();
}
END_TEST

/* Frames of 1514 bytes both ways cross the link: payload and 24 a TLP, completions and descriptors. */
START_TEST(test_link_rate)
{
    const struct pcie_config *link;
    double pps;
    double up;
    double down;
    uint64_t num;
    uint64_t den;
    char error[256];

    load(_i);
    link = &config->card.pcie;
    pps = (double)config->card.mac.rate * config->card.general.ports / 8 / 1538;
    ck_assert(pcie_link_clock(link, &num, &den, error, sizeof error));
    up = (double)(1514 + 24 * div_up(1514, link->mps) + (64 + 24) + 24 * div_up(1514, link->mrrs) +
                  (32 + 24)) +
         24.0 / config->card.dma.tx_fetch + 24.0 / config->card.dma.rx_fetch;
    down = (double)(1514 + 20 * div_up(1514, link->mps) + (64 + 20) + (16 + 20));
    ck_assert_msg(up * pps <= (double)num / (double)den, "%s: up %.1f of %.1f Gb/s", presets[_i],
                  up * pps * 8e-9, (double)num / (double)den * 8e-9);
    ck_assert_msg(down * pps <= (double)num / (double)den, "%s: down", presets[_i]);
    unload();
}
END_TEST

/* Acks as the base specification's table of latencies has them for MPS 256 on as many lanes. */
START_TEST(test_ack_latency)
{
    static const struct {
        int preset;
        uint32_t interval, lanes;
    } cases[] = {
        { GENERIC_100G, 168, 16 }, { GENERIC_400G, 182, 16 }, { IXGBE, 158, 8 }, { CX7, 168, 16 }
    };
    const struct pcie_config *link;

    load(cases[_i].preset);
    link = &config->card.pcie;
    ck_assert_uint_eq(link->lanes, cases[_i].lanes);
    ck_assert_int_eq(link->dllp, PCIE_DLLP_ON_DEMAND);
    ck_assert_uint_eq(link->ack_latency ? link->ack_latency : pcie_ack_latency(link),
                      cases[_i].interval);
    unload();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("presets");
    TCase *files = tcase_create("files");
    TCase *sas = tcase_create("sas");
    TCase *rates = tcase_create("rates");

    tcase_add_test(files, test_names);
    tcase_add_loop_test(files, test_resolves, 0, PRESETS);
    tcase_add_loop_test(files, test_provenance, 0, PRESETS);
    suite_add_tcase(s, files);
    tcase_add_loop_test(sas, test_generic_takes_all, GENERIC_100G, GENERIC_400G + 1);
    tcase_add_test(sas, test_82599);
    tcase_add_test(sas, test_netdevsim);
    tcase_add_test(sas, test_cx7);
    tcase_add_test(sas, test_cx7_cache);
    suite_add_tcase(s, sas);
    tcase_add_test(rates, test_line_formula);
    tcase_add_loop_test(rates, test_line_rate, 0, PRESETS);
    tcase_add_loop_test(rates, test_link_rate, 0, PRESETS);
    tcase_add_loop_test(rates, test_ack_latency, 0, 4);
    suite_add_tcase(s, rates);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
