/* The sample traces/samples/vpn-gateway: what the generator says it wrote is what the files hold.
 *
 * Nothing of the generator is used: the table of SAs follows from the recording alone, every packet
 * is opened with OpenSSL, numbers are compared with all numbers seen before, selectors bit by bit.
 * That the files are those of the generator is the matter of test_sample.sh. */
#include "cli/config.h"
#include "cli/scenario.h"
#include "esp_support.h"
#include "traces/capture.h"
#include "traces/recording.h"
#include "traces/rules.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE(name_) "traces/samples/vpn-gateway" name_
#define BASE_NS       UINT64_C(1700000000000000000) /* earliest stamp: t = 0 */
#define US            UINT64_C(1000)
#define NEVER         UINT64_MAX

enum { MAX_SAS = 1024, MAX_SEEN = 4096, ROOM = 4096 };

/* A node of the recording and what the packets make of it. */
struct entry {
    struct esp_node node;
    uint64_t add_ns, delete_ns;
    uint64_t update_ns; /* NEVER: none. It says update_hi */
    uint32_t update_hi;
    uint64_t first_ns, last_ns;           /* packets of it; NEVER: none */
    uint64_t before_update, after_update; /* the packets next to it; NEVER: none */
    uint64_t highest;
    uint64_t seen[MAX_SEEN];
    unsigned seen_count;
};

static struct entry *entries;
static unsigned entry_count;
static json_t *expected;

static uint64_t said(const char *part, const char *key)
{
    const json_t *value = json_object_get(json_object_get(expected, part), key);

    ck_assert_msg(json_is_integer(value), "%s.%s is not in the expectation", part, key);
    return (uint64_t)json_integer_value(value);
}

static struct entry *live_handle(uint64_t handle)
{
    for (unsigned i = entry_count; i-- > 0;) {
        if (entries[i].node.handle == handle && entries[i].delete_ns == NEVER) {
            return &entries[i];
        }
    }
    ck_abort_msg("handle %" PRIu64 " is not live", handle);
    return NULL;
}

static void take(const struct recording_record *r)
{
    for (size_t i = 0; r->kind == RECORDING_ADD_SA && i < r->node_count; i++) {
        ck_assert_uint_lt(entry_count, MAX_SAS);
        entries[entry_count] = (struct entry){ .node = r->nodes[i],
                                               .add_ns = r->t_ns,
                                               .delete_ns = NEVER,
                                               .update_ns = NEVER,
                                               .first_ns = NEVER,
                                               .last_ns = NEVER,
                                               .before_update = NEVER,
                                               .after_update = NEVER,
                                               .highest = r->nodes[i].sa[0].seq };
        entry_count++;
    }
    for (size_t i = 0; r->kind == RECORDING_DELETE_SA && i < r->handle_count; i++) {
        live_handle(r->handles[i])->delete_ns = r->t_ns;
    }
    if (r->kind == RECORDING_UPDATE_SA) {
        struct entry *e = live_handle(r->handle);

        ck_assert_uint_eq(e->update_ns, NEVER);
        ck_assert_uint_eq(e->node.sa[0].spi, r->spi);
        e->update_ns = r->t_ns;
        e->update_hi = r->seq_hi;
    }
}

static void open_recording(struct recording **reader)
{
    char error[RECORDING_ERROR_SIZE];

    *reader = recording_open(SAMPLE(".jsonl"), error, sizeof error);
    ck_assert_msg(*reader != NULL, "%s", error);
    ck_assert(recording_preload_default(*reader));
}

static void setup(void)
{
    struct recording_record record = { 0 };
    struct recording *reader;
    enum recording_result result;

    entries = calloc(MAX_SAS, sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    entry_count = 0;
    expected = support_load(SAMPLE(".expect.json"));
    open_recording(&reader);
    while ((result = recording_next(reader, &record)) == RECORDING_OK) {
        take(&record);
    }
    ck_assert_msg(result == RECORDING_END, "%s", recording_error(reader));
    recording_record_free(&record);
    recording_close(reader);
}

static void teardown(void)
{
    free(entries);
    json_decref(expected);
}

/* ---- the recording ---------------------------------------------------------------------- */

static void tell(void *context, const struct rules_violation *violation)
{
    (void)context;
    ck_abort_msg("line %" PRIu64 ": rule %u: %s", violation->line, violation->rule,
                 violation->sentence);
}

START_TEST(the_recording_keeps_the_rules)
{
    struct recording_record record = { 0 };
    struct recording *reader;
    struct rules *rules = rules_create(NULL, tell, NULL);
    uint64_t kinds[RECORDING_KIND_COUNT] = { 0 };
    uint64_t records = 0;
    uint64_t nodes = 0;
    uint64_t preloaded = 0;
    uint64_t deleted = 0;

    open_recording(&reader);
    while (recording_next(reader, &record) == RECORDING_OK) {
        ck_assert(rules_check(rules, &record));
        kinds[record.kind]++;
        records++;
        nodes += record.kind == RECORDING_ADD_SA ? record.node_count : 0;
        preloaded += record.kind == RECORDING_ADD_SA && record.t_ns == 0 ? record.node_count : 0;
        deleted += record.kind == RECORDING_DELETE_SA ? record.handle_count : 0;
    }
    ck_assert_uint_eq(records, said("recording", "records"));
    ck_assert_uint_eq(kinds[RECORDING_ADD_SA], said("recording", "add_requests"));
    ck_assert_uint_eq(kinds[RECORDING_UPDATE_SA], said("recording", "update_requests"));
    ck_assert_uint_eq(kinds[RECORDING_DELETE_SA], said("recording", "delete_requests"));
    ck_assert_uint_eq(nodes, said("recording", "nodes_added"));
    ck_assert_uint_eq(preloaded, said("recording", "nodes_preloaded"));
    ck_assert_uint_eq(deleted, said("recording", "nodes_deleted"));
    ck_assert_uint_eq(rules_live(rules), said("recording", "live_at_end"));
    ck_assert_uint_eq(rules_peak_live(rules), said("recording", "peak_live"));
    ck_assert_uint_eq(rules_violations(rules, 0), said("recording", "rule_violations"));
    rules_destroy(rules);
    recording_record_free(&record);
    recording_close(reader);
}
END_TEST

static bool same_client(const struct esp_node *a, const struct esp_node *b)
{
    const struct esp_prefix *x = a->dir == ESP_DIR_OUT ? &a->sel.dst : &a->sel.src;
    const struct esp_prefix *y = b->dir == ESP_DIR_OUT ? &b->sel.dst : &b->sel.src;

    return a->dir == b->dir && x->length == y->length && x->address.family == y->address.family &&
           memcmp(x->address.bytes, y->address.bytes, 16) == 0;
}

/* Partners point at each other; at a rekey both SAs live for 200 us or more. */
START_TEST(rekeys_overlap)
{
    unsigned rekeys[2] = { 0, 0 };
    unsigned tunnels = 0;

    for (unsigned i = 0; i < entry_count; i++) {
        const struct entry *new = &entries[i];
        const struct entry *old = NULL;
        unsigned partners = 0;

        for (unsigned k = 0; k < entry_count; k++) {
            if (k < i && same_client(&entries[k].node, &new->node)) {
                old = &entries[k];
            }
            partners += entries[k].node.handle == new->node.pair &&entries[k].node.pair ==
                        new->node.handle &&entries[k].node.dir != new->node.dir;
        }
        ck_assert_uint_eq(partners, 1);
        ck_assert(new->node.sel.present);
        tunnels += new->node.dir == ESP_DIR_OUT &&new->add_ns == 0;
        if (old != NULL) {
            rekeys[new->node.dir]++;
            ck_assert_uint_ne(old->delete_ns, NEVER);
            ck_assert_uint_ge(old->delete_ns, new->add_ns + 200 * US);
        }
    }
    ck_assert_uint_eq(tunnels, said("tunnels", "at_start"));
    ck_assert_uint_eq(rekeys[ESP_DIR_OUT], said("tunnels", "rekeys"));
    ck_assert_uint_eq(rekeys[ESP_DIR_IN], said("tunnels", "rekeys"));
    ck_assert_uint_eq(entry_count / 2,
                      tunnels + said("tunnels", "rekeys") + said("tunnels", "appearing"));
}
END_TEST

/* ---- packets ---------------------------------------------------------------------------- */

static struct capture *open_capture(const char *path)
{
    char error[CAPTURE_ERROR_SIZE];
    struct capture *capture = capture_open(path, "", error, sizeof error);

    ck_assert_msg(capture != NULL, "%s", error);
    return capture;
}

/* Time of the packet from t = 0. No frame begins before the one in front of it has left a line of
 * 100 Gbit/s: 24 bytes of FCS, preamble and gap; stamps are whole nanoseconds. */
static uint64_t time_of(const struct capture_packet *packet, uint64_t *free_ns)
{
    uint64_t t_ns = packet->time_ns - BASE_NS;

    ck_assert_uint_ge(packet->time_ns, BASE_NS);
    ck_assert_uint_eq(packet->captured, packet->length);
    ck_assert_uint_ge(packet->length, 60);
    ck_assert_msg(packet->record > 1 || t_ns == 0, "the first packet must be at t = 0");
    ck_assert_msg(t_ns >= *free_ns, "packet %" PRIu64 " is faster than the line", packet->record);
    *free_ns = t_ns + (packet->length + 24) * 8 / 100;
    return t_ns;
}

/* The first and last packet of an SA, and those beside its UPDATE. */
static void note_time(struct entry *e, uint64_t t_ns)
{
    e->first_ns = e->first_ns == NEVER ? t_ns : e->first_ns;
    e->last_ns = t_ns;
    if (e->update_ns == NEVER) {
        return;
    }
    if (t_ns < e->update_ns) {
        e->before_update = t_ns;
    } else if (e->after_update == NEVER) {
        e->after_update = t_ns;
    }
}

/* 50 us of silence with the UPDATE inside, so that it costs no packet on any card. */
static unsigned check_updates(enum esp_dir dir)
{
    unsigned updates = 0;

    for (unsigned i = 0; i < entry_count; i++) {
        const struct entry *e = &entries[i];

        if (e->node.dir == dir && e->update_ns != NEVER) {
            ck_assert_uint_ne(e->before_update, NEVER);
            ck_assert_uint_ne(e->after_update, NEVER);
            ck_assert_uint_ge(e->after_update, e->before_update + 50 * US);
            ck_assert_uint_ge(e->update_ns, e->before_update + 20 * US);
            ck_assert_uint_ge(e->after_update, e->update_ns + 20 * US);
            updates++;
        }
    }
    return updates;
}

static bool in_prefix(const struct esp_prefix *prefix, const struct esp_address *address)
{
    if (prefix->address.family != address->family) {
        return false;
    }
    for (unsigned bit = 0; bit < prefix->length; bit++) {
        unsigned differ = prefix->address.bytes[bit / 8] ^ address->bytes[bit / 8];

        if (differ >> (7 - bit % 8) & 1) {
            return false;
        }
    }
    return true;
}

static bool selects(const struct esp_selector *sel, const struct esp_address *src,
                    const struct esp_address *dst)
{
    return sel->present && in_prefix(&sel->src, src) && in_prefix(&sel->dst, dst);
}

/* ---- RX --------------------------------------------------------------------------------- */

static struct entry *find_spi(uint32_t spi, uint64_t t_ns)
{
    for (unsigned i = 0; i < entry_count; i++) {
        const struct entry *e = &entries[i];

        if (e->node.dir == ESP_DIR_IN && e->node.sa[0].spi == spi && e->add_ns <= t_ns &&
            t_ns < e->delete_ns) {
            return &entries[i];
        }
    }
    return NULL;
}

/* RFC 4303 A2.2: the upper half that a card infers from the window. */
static uint32_t infer(const struct entry *e, uint32_t low)
{
    uint32_t top = (uint32_t)e->highest;
    uint32_t hi = (uint32_t)(e->highest >> 32);
    uint32_t window = e->node.sa[0].replay_window;
    uint32_t bottom = top - window + 1;

    if (top >= window - 1) {
        return low >= bottom ? hi : hi + 1;
    }
    return low >= bottom ? hi - 1 : hi;
}

static bool was_seen(const struct entry *e, uint64_t seq)
{
    for (unsigned i = 0; i < e->seen_count; i++) {
        if (e->seen[i] == seq) {
            return true;
        }
    }
    return false;
}

struct rx_count {
    uint64_t packets, bytes, good, clear_bytes, replayed, beyond_window, late, bad_icv, unknown;
    uint64_t kinds[ESP_PACKET_KINDS];
};

/* Open a copy. The clear packet must be one that the tunnel may carry. */
static enum esp_status open_one(struct esp_crypt *crypt, const struct entry *e,
                                const struct capture_packet *packet, uint32_t l3, uint32_t seq_hi,
                                uint32_t *clear)
{
    static uint8_t buffer[ROOM];
    struct esp_packet copy = {
        .buffer = buffer, .capacity = ROOM, .length = packet->length, .l3 = l3
    };
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = e->node.sa[0].spi } };
    struct esp_opened opened[ESP_MAX_SAS];
    struct esp_address src;
    struct esp_address dst;
    struct esp_view view;
    uint32_t seq_his[ESP_MAX_SAS] = { seq_hi };
    enum esp_status status;

    ck_assert_uint_le(packet->length, ROOM);
    memcpy(buffer, packet->bytes, packet->length);
    status = esp_open_packet(crypt, &e->node, key, &copy, seq_his, NULL, opened, NULL);
    if (status == ESP_OK) {
        esp_parse(esp_packet_bytes(&copy), copy.length, copy.length, NULL, &view);
        ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
        esp_view_addresses(esp_packet_bytes(&copy), &view, &src, &dst);
        ck_assert(selects(&e->node.sel, &src, &dst));
        *clear = copy.length;
    }
    return status;
}

static void receive_esp(struct esp_crypt *crypt, const struct capture_packet *packet,
                        const struct esp_view *view, uint64_t t_ns, struct rx_count *count)
{
    struct entry *e = find_spi(view->spi, t_ns);
    uint32_t clear = 0;
    uint32_t hi;
    uint64_t seq;
    enum esp_status status;

    if (e == NULL) {
        count->unknown++;
        return;
    }
    /* Both kinds of card: the host says the upper half, and the card infers it. */
    hi = e->update_ns <= t_ns ? e->update_hi : e->node.sa[0].seq_hi;
    if (e->node.sa[0].esn) {
        ck_assert_uint_eq(infer(e, view->seq), hi);
    }
    seq = (uint64_t)hi << 32 | view->seq;
    note_time(e, t_ns);
    status = open_one(crypt, e, packet, view->l3, hi, &clear);
    if (was_seen(e, seq)) {
        ck_assert_int_eq(status, ESP_OK); /* a replay is a faithful copy */
        count->replayed++;
        count->beyond_window += e->highest - seq >= e->node.sa[0].replay_window;
        return;
    }
    if (status == ESP_BAD_ICV) {
        count->bad_icv++;
        return;
    }
    ck_assert_msg(status == ESP_OK, "packet %" PRIu64 ": %s", packet->record,
                  esp_status_name(status));
    ck_assert_uint_lt(e->seen_count, MAX_SEEN);
    e->seen[e->seen_count++] = seq;
    ck_assert(seq > e->highest || e->highest - seq < e->node.sa[0].replay_window);
    count->late += seq < e->highest;
    e->highest = seq > e->highest ? seq : e->highest;
    count->good++;
    count->clear_bytes += clear;
}

static void receive_all(struct rx_count *count)
{
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 1024, error, sizeof error);
    struct capture *capture = open_capture(SAMPLE("-rx.pcap"));
    struct capture_packet packet;
    uint64_t free_ns = 0;

    ck_assert_msg(crypt != NULL, "%s", error);
    while (capture_next(capture, &packet) == CAPTURE_OK) {
        uint64_t t_ns = time_of(&packet, &free_ns);
        struct esp_view view;

        esp_parse(packet.bytes, packet.captured, packet.length, NULL, &view);
        count->packets++;
        count->bytes += packet.length;
        count->kinds[view.kind]++;
        if (view.kind == ESP_PACKET_ESP || view.kind == ESP_PACKET_UDP_ESP) {
            receive_esp(crypt, &packet, &view, t_ns, count);
        }
    }
    capture_close(capture);
    esp_crypt_close(crypt);
}

START_TEST(every_good_packet_opens)
{
    static struct rx_count count;

    receive_all(&count);
    ck_assert_uint_eq(count.packets, said("rx", "packets"));
    ck_assert_uint_eq(count.bytes, said("rx", "bytes"));
    ck_assert_uint_eq(count.good, said("rx", "good"));
    ck_assert_uint_eq(count.clear_bytes, said("rx", "good_clear_bytes"));
    ck_assert_uint_eq(count.replayed, said("rx", "replayed"));
    ck_assert_uint_eq(count.bad_icv, said("rx", "bad_icv"));
    ck_assert_uint_eq(count.unknown, said("rx", "unknown_spi"));
    ck_assert_uint_eq(count.kinds[ESP_PACKET_NON_IP], said("rx", "arp"));
    ck_assert_uint_eq(count.kinds[ESP_PACKET_CLEAR_IP], said("rx", "icmp") + said("rx", "ike"));
    ck_assert_uint_eq(count.kinds[ESP_PACKET_IKE], said("rx", "ike_non_esp_marker"));
    ck_assert_uint_eq(count.kinds[ESP_PACKET_KEEPALIVE], said("rx", "keepalive"));
    ck_assert_uint_eq(check_updates(ESP_DIR_IN), 2);
    /* What the sample is there to show, it shows. */
    ck_assert_uint_ge(count.beyond_window, 2);
    ck_assert_uint_ge(count.replayed - count.beyond_window, 3);
    ck_assert_uint_ge(count.late, 50);
    ck_assert_uint_ge(count.kinds[ESP_PACKET_UDP_ESP], 100);
    /* A peer changes 100 us after the ADD or later, and is done 30 us before the DELETE. */
    for (unsigned i = 0; i < entry_count; i++) {
        const struct entry *e = &entries[i];

        if (e->node.dir == ESP_DIR_IN && e->first_ns != NEVER) {
            ck_assert(e->add_ns == 0 || e->first_ns >= e->add_ns + 100 * US);
            ck_assert_uint_le(e->last_ns, e->delete_ns - 30 * US);
        }
    }
}
END_TEST

/* ---- TX --------------------------------------------------------------------------------- */

/* The outbound SA with the latest ADD of the one tunnel that takes the packet. */
static struct entry *select_out(const struct capture_packet *packet, const struct esp_view *view,
                                uint64_t t_ns)
{
    struct entry *chosen = NULL;
    struct esp_address src;
    struct esp_address dst;
    bool settled = false;

    esp_view_addresses(packet->bytes, view, &src, &dst);
    for (unsigned i = 0; i < entry_count; i++) {
        struct entry *e = &entries[i];

        if (e->node.dir != ESP_DIR_OUT || !selects(&e->node.sel, &src, &dst) || t_ns < e->add_ns ||
            t_ns >= e->delete_ns) {
            continue;
        }
        ck_assert_msg(chosen == NULL || same_client(&chosen->node, &e->node),
                      "packet %" PRIu64 " belongs to two tunnels", packet->record);
        settled |= e->add_ns == 0 || t_ns >= e->add_ns + 100 * US;
        chosen = e;
    }
    ck_assert_msg(chosen != NULL, "packet %" PRIu64 " belongs to no tunnel", packet->record);
    if (chosen == NULL) { /* for those who do not know that ck_assert ends the test */
        abort();
    }
    /* In time even if the ADD or the way through the host take a while. */
    ck_assert_msg(settled, "packet %" PRIu64 " is too early for its SA", packet->record);
    ck_assert(chosen->delete_ns == NEVER || t_ns + 200 * US <= chosen->delete_ns);
    return chosen;
}

static uint32_t sealed_length(struct esp_crypt *crypt, const struct esp_node *node,
                              const struct capture_packet *packet, uint64_t seq)
{
    static uint8_t buffer[ROOM];
    struct esp_packet copy = { .buffer = buffer,
                               .capacity = ROOM,
                               .start = ESP_HEADROOM,
                               .length = packet->length,
                               .l3 = CAPTURE_ETHERNET_HEADER };
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = node->sa[0].spi } };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = seq } };

    ck_assert_uint_le(packet->length + ESP_HEADROOM + ESP_TAILROOM, ROOM);
    memcpy(buffer + ESP_HEADROOM, packet->bytes, packet->length);
    ck_assert_int_eq(esp_seal_packet(crypt, node, key, &copy, encap), ESP_OK);
    return copy.length;
}

/* `n` is `twelfths` of `all`, within a twentieth of `all`. */
static bool in_share(uint64_t n, uint64_t twelfths, uint64_t all)
{
    return n * 60 <= all * (5 * twelfths + 3) && n * 60 + all * 3 >= all * 5 * twelfths;
}

START_TEST(every_clear_packet_has_one_tunnel)
{
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 1024, error, sizeof error);
    struct capture *capture = open_capture(SAMPLE("-tx.pcap"));
    struct capture_packet packet;
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t sealed = 0;
    uint64_t free_ns = 0;
    unsigned sizes[3] = { 0 };

    ck_assert_msg(crypt != NULL, "%s", error);
    while (capture_next(capture, &packet) == CAPTURE_OK) {
        uint64_t t_ns = time_of(&packet, &free_ns);
        struct esp_view view;
        struct entry *e;
        uint64_t seq;

        esp_parse(packet.bytes, packet.captured, packet.length, NULL, &view);
        ck_assert_uint_eq(view.kind, ESP_PACKET_CLEAR_IP);
        e = select_out(&packet, &view, t_ns);
        note_time(e, t_ns);
        seq = e->node.sa[0].seq + e->seen_count++;
        ck_assert_uint_eq(e->update_ns <= t_ns ? e->update_hi : e->node.sa[0].seq_hi, seq >> 32);
        sealed += sealed_length(crypt, &e->node, &packet, seq);
        packets++;
        bytes += packet.length;
        sizes[0] += packet.length == (view.version == 6 ? 62 : 60);
        sizes[1] += packet.length == 590;
        sizes[2] += packet.length == 1514;
    }
    ck_assert_uint_eq(packets, said("tx", "packets"));
    ck_assert_uint_eq(packets, said("tx", "esp_packets"));
    ck_assert_uint_eq(bytes, said("tx", "bytes"));
    ck_assert_uint_eq(sealed, said("tx", "esp_bytes"));
    ck_assert_uint_eq(check_updates(ESP_DIR_OUT), 2);
    /* 7 : 4 : 1 */
    ck_assert_uint_eq(sizes[0] + sizes[1] + sizes[2], packets);
    ck_assert(in_share(sizes[0], 7, packets));
    ck_assert(in_share(sizes[1], 4, packets));
    ck_assert(in_share(sizes[2], 1, packets));
    capture_close(capture);
    esp_crypt_close(crypt);
}
END_TEST

/* ---- the scenario ----------------------------------------------------------------------- */

START_TEST(the_scenario_resolves)
{
    static struct espnic_config config;
    struct scenario scenario = { 0 };
    size_t count;
    const struct param_group *groups = espnic_param_groups(&count);

    if (access("sim/presets/generic-100g.yaml", R_OK) != 0) {
        puts("SKIP the_scenario_resolves: no preset sim/presets/generic-100g.yaml");
        return;
    }
    scenario_init(&scenario, groups, count, &config);
    scenario.preset_folders = "sim/presets";
    ck_assert_msg(scenario_resolve(&scenario, SAMPLE(".yaml"), NULL, 0), "%s", scenario.error);
    ck_assert_msg(espnic_config_check(&scenario), "%s", scenario.error);
    ck_assert_str_eq(config.workload.oids, SAMPLE(".jsonl"));
    ck_assert_str_eq(config.workload.tx[0], SAMPLE("-tx.pcap"));
    ck_assert_str_eq(config.workload.rx[0], SAMPLE("-rx.pcap"));
    scenario_free(&scenario);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sample");
    TCase *tests = tcase_create("vpn-gateway");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_recording_keeps_the_rules);
    tcase_add_test(tests, rekeys_overlap);
    tcase_add_test(tests, every_good_packet_opens);
    tcase_add_test(tests, every_clear_packet_has_one_tunnel);
    tcase_add_test(tests, the_scenario_resolves);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
