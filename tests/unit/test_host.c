/* The reference host with the card: what it sends and gets, in what order it asks for things, and
 * whether everything is accounted for. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"
#include "host_rig.h"

#define US 1000000ull

/* ---- there and back ---------------------------------------------------------------------------- */

enum where { ON_CARD, IN_SOFTWARE };

static void suit(struct esp_node *node, unsigned suite)
{
    struct esp_sa *sa = &node->sa[0];
    uint64_t state = node->sa[0].spi;

    switch (suite) {
    case 1: /* CBC with HMAC */
        support_random_key(&state, ESP_ALG_AES_CBC_256, 0, &sa->enc);
        support_random_key(&state, ESP_ALG_SHA_256, 16, &sa->auth);
        break;
    case 2: /* ESN near the end of a half: UPDATE_SA in crypto offload */
    case 5: /* the same, inferred by the card */
        sa->esn = true;
        sa->seq = 0xfffffff0u - (node->dir == ESP_DIR_IN ? 1 : 0);
        break;
    case 3: /* AH around ESP; a packet has the AH first */
        node->sa_count = 2;
        node->sa[1] = (struct esp_sa){ .op = ESP_OP_AH,
                                       .spi = sa->spi + 1000,
                                       .seq = sa->seq,
                                       .replay_window = sa->replay_window };
        support_random_key(&state, ESP_ALG_SHA_1, 12, &node->sa[1].auth);
        if (node->dir == ESP_DIR_IN) {
            struct esp_sa esp = node->sa[0];

            node->sa[0] = node->sa[1];
            node->sa[1] = esp;
        }
        break;
    case 4: node->udp = node->mode == ESP_MODE_TUNNEL ? ESP_UDP_TUNNEL : ESP_UDP_TRANSPORT; break;
    default: break;
    }
}

enum { SUITES = 6, BACK = 40 };

/* A frame comes as two fragments. */
static void in_halves(struct rig *rig, const struct espnic_frame *f, unsigned id)
{
    static uint8_t part[2][2000];
    uint32_t first = (f->length / 2 - 34) & ~7u;

    for (unsigned k = 0; k < 2; k++) {
        uint32_t bytes = k == 0 ? first : f->length - 34 - first;
        struct espnic_frame half = {
            .bytes = part[k], .captured = 34 + bytes, .length = 34 + bytes, .tag = f->tag
        };

        memcpy(part[k], f->bytes, 34);
        memcpy(part[k] + 34, f->bytes + 34 + k * first, bytes);
        esp_put16(part[k] + 16, (uint16_t)(20 + bytes));
        esp_put16(part[k] + 18, (uint16_t)id);
        esp_put16(part[k] + 20, (uint16_t)(k == 0 ? 0x2000 : first / 8));
        esp_put16(part[k] + 24, 0);
        esp_put16(part[k] + 24, esp_ip_checksum(part[k] + 14, 20));
        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &half));
    }
}

static void there_and_back(bool packet_offload, enum where out, enum where in, enum esp_mode mode,
                           unsigned suite, bool fragments)
{
    struct rig *rig = rig_new(packet_offload, true);
    struct esp_node node[2];
    uint8_t expected[2000];
    uint64_t tag[BACK] = { 0 };

    if (out == IN_SOFTWARE) {
        strcpy(rig->card_config.algorithms.encryption, "none");
        strcpy(rig->card_config.algorithms.authentication, "none");
    }
    if (suite == 2 && !packet_offload) {
        rig->host_config.rx.esn_update = HOST_ESN_AUTOMATIC;
        rig->host_config.rx.esn_margin = 0;
        rig->card_config.sa.esn = NIC_ESN_HOST;
    }
    rig_open(rig);
    node[0] = rig_node(1, ESP_DIR_OUT, mode, 500);
    rig_select(&node[0], 1);
    suit(&node[0], suite);
    node[1] = rig_node(2, ESP_DIR_IN, mode, 500);
    suit(&node[1], suite);
    if (mode == ESP_MODE_TRANSPORT) {
        for (unsigned i = 0; i < 2; i++) {
            node[i].src = (struct esp_address){ 4, { 192, 168, 1, 1 } };
            node[i].dst = (struct esp_address){ 4, { 172, 16, 0, 1 } };
        }
    }
    ck_assert(host_oid_add(rig->host, rig->t0, node, 2, false, 7, 0));
    host_simulate(rig->host, rig->t0 + 200 * US);
    ck_assert_int_eq(host_where(rig->host, 1),
                     out == ON_CARD ? HOST_PLACE_CARD : HOST_PLACE_SOFTWARE);
    ck_assert_int_eq(host_where(rig->host, 2),
                     in == ON_CARD ? HOST_PLACE_CARD : HOST_PLACE_SOFTWARE);
    for (uint32_t i = 0; i < BACK; i++) {
        ck_assert(rig_send(rig, rig->t0 + (200 + 5 * i) * US, 1, i, 100 + 30 * i));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, BACK);
    for (unsigned i = 0; i < BACK; i++) {
        struct espnic_frame f = { .bytes = rig->wire[i].bytes,
                                  .captured = rig->wire[i].length,
                                  .length = rig->wire[i].length,
                                  .tag = rig->wire[i].tag };
        struct esp_view view;

        ck_assert_ptr_nonnull(f.bytes);
        esp_parse(f.bytes, f.length, f.length, NULL, &view);
        ck_assert_int_eq(view.kind, suite == 3   ? ESP_PACKET_AH
                                    : suite == 4 ? ESP_PACKET_UDP_ESP
                                                 : ESP_PACKET_ESP);
        tag[rig->wire[i].tag]++;
        if (fragments && f.length > 400) {
            in_halves(rig, &f, i + 1);
        } else {
            ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
        }
        host_simulate(rig->host, host_now(rig->host) + 50 * US);
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->ups, BACK);
    for (unsigned i = 0; i < BACK; i++) {
        const struct rig_frame *up = &rig->up[i];
        bool by_host = in == IN_SOFTWARE || (fragments && rig->wire[i].length > 400);

        ck_assert_uint_eq(tag[i], 1);
        rig_packet(expected, 1, (uint32_t)up->tag, 100 + 30 * (uint32_t)up->tag);
        ck_assert_uint_eq(up->length, 100 + 30 * up->tag);
        ck_assert_ptr_nonnull(up->bytes);
        ck_assert_mem_eq(up->bytes + 12, expected + 12, up->length - 12);
        ck_assert_int_eq(up->verdict, by_host ? HOST_SOFTWARE : HOST_OFFLOADED);
        ck_assert_uint_eq(up->handle, 2);
    }
    rig_free(rig);
}

START_TEST(round_trip_packet_offload)
{
    there_and_back(true, ON_CARD, ON_CARD, _i % 2 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
                   (unsigned)_i / 2, false);
}
END_TEST

START_TEST(round_trip_crypto_offload)
{
    there_and_back(false, ON_CARD, ON_CARD, _i % 2 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
                   (unsigned)_i / 2, false);
}
END_TEST

START_TEST(round_trip_software)
{
    there_and_back(_i >= 2 * SUITES, IN_SOFTWARE, IN_SOFTWARE,
                   _i % 2 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT, (unsigned)(_i / 2) % SUITES,
                   false);
}
END_TEST

/* Fragments are the host's work though the SA is on the card. */
START_TEST(fragments_of_offloaded)
{
    there_and_back(_i != 0, ON_CARD, ON_CARD, ESP_MODE_TUNNEL, 0, true);
}
END_TEST

/* ---- extended sequence numbers in crypto offload -------------------------------------------------- */

/* Two SAs send; one crosses the end of a half. Each of its packets must carry an ICV made with the right
 * upper half; the other SA goes on meanwhile. Checked by opening every frame with another library call. */
START_TEST(esn_hand_over)
{
    struct rig *rig = rig_new(false, true);
    struct esp_node node[2];
    struct esp_crypt *crypt;
    char error[256];
    uint64_t last_old = 0;
    uint64_t first_new = UINT64_MAX;
    unsigned between = 0;
    enum { EACH = 200 };

    rig->card_config.sa.esn = NIC_ESN_HOST;
    rig_open(rig);
    for (unsigned i = 0; i < 2; i++) {
        node[i] = rig_node(1 + i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500 + i);
        node[i].sa[0].esn = true;
        rig_select(&node[i], (uint8_t)(1 + i));
    }
    node[0].sa[0].seq_hi = 6;
    node[0].sa[0].seq = ((uint64_t)7 << 32) - EACH / 2;
    ck_assert(host_oid_add(rig->host, rig->t0, node, 2, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < EACH; i++) {
        uint64_t at = rig->t0 + 100 * US + i * US / 10;

        ck_assert(rig_send(rig, at, 1, i, 300));
        ck_assert(rig_send(rig, at, 2, EACH + i, 300));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, 2 * EACH);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 1);
    ck_assert_uint_gt(host_statistics(rig->host)->tx.esn_stalled_packets, 1);
    crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 512, error, sizeof error);
    ck_assert_msg(crypt != NULL, "%s", error);
    for (unsigned i = 0; i < rig->wires; i++) {
        const struct rig_frame *f = &rig->wire[i];
        unsigned which = f->tag < EACH ? 0 : 1;
        struct esp_packet packet = {
            .buffer = f->bytes, .capacity = f->length, .length = f->length, .l3 = 14
        };
        struct esp_key_ref key[2] = { { 1 + which, 1 }, { 0, 0 } };
        uint32_t lo = esp_get32(f->bytes + 14 + 20 + 4);
        uint32_t hi[2] = { which == 1 ? 0 : lo < 0x80000000u ? 7 : 6, 0 };
        struct esp_opened opened;
        uint64_t number = (uint64_t)hi[0] << 32 | lo;

        ck_assert_uint_eq(number, node[which].sa[0].seq + f->tag - which * EACH);
        if (which == 0) {
            last_old = hi[0] == 6 ? f->time : last_old;
            first_new = hi[0] == 7 && f->time < first_new ? f->time : first_new;
        }
        node[which].dir = ESP_DIR_IN;
        ck_assert_int_eq(
            esp_open_packet(crypt, &node[which], key, &packet, hi, NULL, &opened, NULL), ESP_OK);
        ck_assert_uint_eq(packet.length, 300);
    }
    ck_assert_uint_gt(first_new, last_old);
    for (unsigned i = 0; i < rig->wires; i++) {
        between += rig->wire[i].tag >= EACH && rig->wire[i].time > last_old &&
                   rig->wire[i].time < first_new;
    }
    ck_assert_uint_gt(between, 5); /* the other SA was not held up */
    esp_crypt_close(crypt);
    rig_free(rig);
}
END_TEST

/* A recorded UPDATE of an outbound SA waits for what is in flight, and a wrong one is put right. */
START_TEST(esn_recorded_update)
{
    struct rig *rig = rig_new(false, true);
    struct esp_node node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    struct esp_crypt *crypt;
    char error[256];

    rig->card_config.sa.esn = NIC_ESN_HOST;
    rig_open(rig);
    node.sa[0].esn = true;
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, true, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert(rig_send(rig, rig->t0 + 100 * US + i * US / 10, 1, i, 200));
        if (i == 50) { /* numbers are still in half 0 */
            ck_assert(host_oid_update(rig->host, host_now(rig->host), 1, ESP_OP_ESP, 500, 3, 2, 0));
        }
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, 100);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 2);
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_UPDATE].completed, 2);
    crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 512, error, sizeof error);
    node.dir = ESP_DIR_IN;
    for (unsigned i = 0; i < rig->wires; i++) {
        struct esp_packet packet = { .buffer = rig->wire[i].bytes,
                                     .capacity = rig->wire[i].length,
                                     .length = rig->wire[i].length,
                                     .l3 = 14 };
        struct esp_key_ref key[2] = { { 1, 1 }, { 0, 0 } };
        uint32_t hi[2] = { 0, 0 };
        struct esp_opened opened;

        ck_assert_int_eq(esp_open_packet(crypt, &node, key, &packet, hi, NULL, &opened, NULL),
                         ESP_OK);
    }
    esp_crypt_close(crypt);
    rig_free(rig);
}
END_TEST

/* ---- requests ------------------------------------------------------------------------------------ */

static const struct host_oid_done *done_of(const struct rig *rig, uint64_t record)
{
    const struct host_oid_done *found = NULL;

    for (unsigned i = 0; i < rig->oids; i++) {
        if (rig->oid[i].record == record) {
            ck_assert_ptr_null(found); /* exactly once */
            found = &rig->oid[i];
        }
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

START_TEST(requests_wait_for_their_add)
{
    struct rig *rig = rig_new(true, false);
    struct esp_node node = rig_node(9, ESP_DIR_IN, ESP_MODE_TUNNEL, 500);
    uint64_t handle = 9;
    const struct host_oid_done *add, *update, *first, *again, *second;

    rig_open(rig);
    node.sa[0].esn = true;
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    ck_assert(host_oid_update(rig->host, rig->t0, 9, ESP_OP_ESP, 500, 0, 2, 0));
    ck_assert(host_oid_delete(rig->host, rig->t0, &handle, 1, 3, 0));
    /* the number may be used again after its DELETE, complete or not */
    node.sa[0].spi = 501;
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 4, 0));
    ck_assert_int_eq(host_where(rig->host, 9), HOST_PLACE_ADDING);
    ck_assert(host_oid_delete(rig->host, rig->t0, &handle, 1, 5, 0));
    ck_assert_int_eq(host_where(rig->host, 9), HOST_PLACE_NONE);
    rig_settle(rig);
    add = done_of(rig, 1);
    update = done_of(rig, 2);
    first = done_of(rig, 3);
    again = done_of(rig, 4);
    second = done_of(rig, 5);
    ck_assert_uint_eq(add->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(add->done, 1);
    ck_assert_uint_eq(update->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(first->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(again->done, 1);
    ck_assert_uint_eq(second->done, 1);
    ck_assert_uint_gt(update->time, add->time);
    ck_assert_uint_gt(first->time, add->time);
    ck_assert_uint_gt(second->time, again->time);
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_DELETE].waited, 2);
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_UPDATE].waited, 1);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.live, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    rig_free(rig);
}
END_TEST

START_TEST(unknown_and_refused)
{
    struct rig *rig = rig_new(true, false);
    struct esp_node node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    uint64_t handle = 77;

    rig->card_config.table.capacity = 1;
    rig_open(rig);
    /* no such handle: the card answers as a card does */
    ck_assert(host_oid_update(rig->host, rig->t0, 77, ESP_OP_ESP, 1, 1, 1, 0));
    ck_assert(host_oid_delete(rig->host, rig->t0, &handle, 1, 2, 0));
    rig_settle(rig);
    ck_assert_uint_eq(done_of(rig, 1)->status, NDIS_STATUS_INVALID_PARAMETER);
    ck_assert(done_of(rig, 1)->on_card);
    ck_assert_uint_eq(done_of(rig, 2)->status, NDIS_STATUS_SUCCESS);
    ck_assert(done_of(rig, 2)->on_card);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.unknown_handles, 2);
    /* the second node finds no room: it lives in software, and its requests end here */
    ck_assert(host_oid_add(rig->host, host_now(rig->host), &node, 1, false, 3, 0));
    node.handle = 2;
    node.sa[0].spi = 501;
    ck_assert(host_oid_add(rig->host, host_now(rig->host), &node, 1, false, 4, 0));
    rig_settle(rig);
    ck_assert_int_eq(host_where(rig->host, 1), HOST_PLACE_CARD);
    ck_assert_int_eq(host_where(rig->host, 2), HOST_PLACE_SOFTWARE);
    ck_assert_uint_eq(done_of(rig, 4)->status, NDIS_STATUS_RESOURCES);
    ck_assert_int_eq(done_of(rig, 4)->reason, SA_FULL);
    handle = 2;
    ck_assert(host_oid_update(rig->host, host_now(rig->host), 2, ESP_OP_ESP, 501, 1, 5, 0));
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), &handle, 1, 6, 0));
    rig_settle(rig);
    ck_assert(!done_of(rig, 5)->on_card);
    ck_assert(!done_of(rig, 6)->on_card);
    ck_assert_int_eq(host_where(rig->host, 2), HOST_PLACE_NONE);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.live, 1);
    /* the past is refused */
    ck_assert(!host_oid_add(rig->host, host_now(rig->host) - 1, &node, 1, false, 7, 0));
    ck_assert(!rig_send(rig, host_now(rig->host) - 1, 1, 1, 100));
    rig_free(rig);
}
END_TEST

/* More requests than the command ring holds, in chains; everything completes once. */
START_TEST(storm)
{
    struct rig *rig = rig_new(true, false);
    enum { REQUESTS = 300, CHAIN = 3 };
    struct esp_node node[CHAIN];
    uint64_t handles[REQUESTS * CHAIN];
    uint32_t n = 0;

    rig->host_config.oid.ring = 4;
    rig->host_config.oid.signal = HOST_SIGNAL_POLL;
    rig_open(rig);
    for (unsigned r = 0; r < REQUESTS; r++) {
        for (unsigned k = 0; k < CHAIN; k++) {
            handles[n] = 1000 + n;
            node[k] =
                rig_node(handles[n], n % 2 ? ESP_DIR_IN : ESP_DIR_OUT, ESP_MODE_TUNNEL, 300 + n);
            n++;
        }
        ck_assert(host_oid_add(rig->host, rig->t0, node, CHAIN, false, 1 + r, 0));
    }
    /* a chain longer than a card takes */
    ck_assert(host_oid_delete(rig->host, rig->t0 + US, handles, n, 5000, 0));
    rig_settle(rig);
    for (unsigned r = 0; r < REQUESTS; r++) {
        ck_assert_uint_eq(done_of(rig, 1 + r)->done, CHAIN);
    }
    ck_assert_uint_eq(host_statistics(rig->host)->sa.live, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.peak_live, n);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_DELETE].requests,
                      (n + NDIS_MAX_CHAIN - 1) / NDIS_MAX_CHAIN);
    rig_free(rig);
}
END_TEST

START_TEST(cancel_what_waits)
{
    struct rig *rig = rig_new(true, false);
    struct esp_node node;

    rig->host_config.oid.ring = 2;
    rig_open(rig);
    for (unsigned i = 0; i < 10; i++) {
        node = rig_node(1 + i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500 + i);
        ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1 + i, 100 + i));
    }
    ck_assert(host_event(rig->host, rig->t0, HOST_EVENT_CANCEL, 109));
    ck_assert(host_event(rig->host, rig->t0, HOST_EVENT_CANCEL, 4711));
    rig_settle(rig);
    ck_assert_uint_eq(done_of(rig, 10)->status, NDIS_STATUS_REQUEST_ABORTED);
    ck_assert(!done_of(rig, 10)->on_card);
    ck_assert_int_eq(host_where(rig->host, 10), HOST_PLACE_SOFTWARE);
    ck_assert_int_eq(host_where(rig->host, 9), HOST_PLACE_CARD);
    rig_free(rig);
}
END_TEST

/* ---- SaDeleteReq and reset -------------------------------------------------------------------------- */

START_TEST(delete_request)
{
    struct rig *rig = rig_new(_i != 0, true);
    struct esp_node node[2];
    const struct host_stats *stats;
    unsigned deletes = 0;
    unsigned software;

    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig_open(rig);
    node[0] = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    rig_select(&node[0], 1);
    node[1] = rig_node(2, ESP_DIR_IN, ESP_MODE_TUNNEL, 500);
    node[1].pair = 1;
    ck_assert(host_oid_add(rig->host, rig->t0, node, 2, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    for (uint32_t i = 0; i < 20; i++) {
        struct espnic_frame f;

        ck_assert(rig_send(rig, rig->t0 + (100 + 50 * i) * US, 1, i, 200));
        host_simulate(rig->host, host_now(rig->host) + 20 * US);
        ck_assert_uint_eq(rig->wires, i + 1);
        f = (struct espnic_frame){ .bytes = rig->wire[i].bytes,
                                   .captured = rig->wire[i].length,
                                   .length = rig->wire[i].length,
                                   .tag = i };
        rig->ask_delete = i >= 5 && i < 10;
        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
    }
    rig_settle(rig);
    stats = host_statistics(rig->host);
    for (unsigned i = 0; i < rig->oids; i++) {
        deletes += rig->oid[i].kind == NDIS_DELETE_SA;
        ck_assert_uint_eq(rig->oid[i].status, NDIS_STATUS_SUCCESS);
    }
    ck_assert_uint_eq(deletes, 2); /* one for it, one for its partner */
    ck_assert_uint_eq(stats->sa.delete_requests_obeyed, 1);
    ck_assert_uint_eq(stats->sa.pair_deletes, 1);
    ck_assert_uint_eq(stats->sa.in_software, 2);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    /* traffic goes on in software with the same numbers: nothing is lost, nothing is a replay */
    ck_assert_uint_eq(rig->ups, 20);
    software = 0;
    for (unsigned i = 0; i < 20; i++) {
        software += rig->up[i].verdict == HOST_SOFTWARE;
        ck_assert_uint_eq(esp_get32(rig->wire[i].bytes + 38), i + 1);
        ck_assert_uint_eq(rig->up[i].length, 200);
    }
    ck_assert_uint_ge(software, 10);
    rig_free(rig);
}
END_TEST

START_TEST(reset_retries_deletes)
{
    struct rig *rig = rig_new(true, false);
    struct esp_node node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    uint64_t handle = 1;

    rig_open(rig);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    host_simulate(rig->host, rig->t0 + 100 * US);
    ck_assert(host_event(rig->host, rig->t0 + 100 * US, HOST_EVENT_RESET_BEGIN, 0));
    ck_assert(host_oid_delete(rig->host, rig->t0 + 110 * US, &handle, 1, 2, 0));
    node = rig_node(2, ESP_DIR_OUT, ESP_MODE_TUNNEL, 501);
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0 + 110 * US, &node, 1, false, 3, 0));
    ck_assert(rig_send(rig, rig->t0 + 150 * US, 1, 5, 100));
    host_simulate(rig->host, rig->t0 + 190 * US);
    ck_assert_uint_eq(rig->wires, 0); /* nothing is sent meanwhile */
    if (_i == 0) {
        ck_assert(host_event(rig->host, rig->t0 + 200 * US, HOST_EVENT_RESET_END, 0));
    } /* else the driver ends it by itself */
    rig_settle(rig);
    ck_assert_uint_eq(done_of(rig, 2)->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_gt(done_of(rig, 2)->time,
                      rig->t0 + (_i == 0 ? 200 * US : rig->host_config.general.reset_hold));
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_DELETE].retried, 1);
    ck_assert_uint_eq(done_of(rig, 3)->status, NDIS_STATUS_RESET_IN_PROGRESS);
    ck_assert_int_eq(host_where(rig->host, 2), HOST_PLACE_SOFTWARE);
    ck_assert_uint_eq(rig->wires, 1);
    rig_free(rig);
}
END_TEST

/* ---- choice of the SA, end to end --------------------------------------------------------------------- */

START_TEST(which_sa)
{
    struct rig *rig = rig_new(true, true);
    struct esp_node node;
    uint64_t handle = 3;
    uint32_t spi[6];

    rig->host_config.tx.tunnel_policy = _i == 0 ? HOST_TUNNEL_NONE : HOST_TUNNEL_LATEST;
    rig_open(rig);
    node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 501); /* wide selector */
    rig_select(&node, 1);
    node.sel.src.length = 16;
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    node = rig_node(2, ESP_DIR_OUT, ESP_MODE_TUNNEL, 502); /* narrow */
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 2, 0));
    node = rig_node(3, ESP_DIR_OUT, ESP_MODE_TUNNEL, 503); /* narrow, later: a rekey */
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 3, 0));
    node = rig_node(4, ESP_DIR_OUT, ESP_MODE_TRANSPORT, 504); /* transport, between endpoints */
    node.src = (struct esp_address){ 4, { 192, 168, 9, 1 } };
    node.dst = (struct esp_address){ 4, { 172, 16, 0, 1 } };
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 4, 0));
    node = rig_node(5, ESP_DIR_OUT, ESP_MODE_TUNNEL, 505); /* tunnel without selector */
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 5, 0));
    host_simulate(rig->host, rig->t0 + 200 * US);
    ck_assert(rig_send(rig, rig->t0 + 200 * US, 1, 0, 100)); /* 503 */
    ck_assert(rig_send(rig, rig->t0 + 210 * US, 2, 1, 100)); /* 501 */
    ck_assert(rig_send(rig, rig->t0 + 220 * US, 9, 2, 100)); /* 504: 64 bits against 16 */
    host_simulate(rig->host, rig->t0 + 300 * US);
    ck_assert(host_oid_delete(rig->host, rig->t0 + 300 * US, &handle, 1, 6, 0));
    ck_assert(rig_send(rig, rig->t0 + 300 * US, 1, 3, 100)); /* 502, at once */
    handle = 1;
    ck_assert(host_oid_delete(rig->host, rig->t0 + 300 * US, &handle, 1, 7, 0));
    ck_assert(rig_send(rig, rig->t0 + 300 * US, 2, 4, 100)); /* 505 or nothing */
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, _i == 0 ? 4 : 5);
    for (unsigned i = 0; i < rig->wires; i++) {
        spi[rig->wire[i].tag] = esp_get32(rig->wire[i].bytes + 34);
    }
    ck_assert_uint_eq(spi[0], 503);
    ck_assert_uint_eq(spi[1], 501);
    ck_assert_uint_eq(spi[2], 504);
    ck_assert_uint_eq(spi[3], 502);
    if (_i != 0) {
        ck_assert_uint_eq(spi[4], 505);
    }
    ck_assert_uint_eq(host_statistics(rig->host)->tx.drop[HOST_TX_DROP_NO_SELECTOR],
                      _i == 0 ? 1 : 0);
    rig_free(rig);
}
END_TEST

/* ---- load ---------------------------------------------------------------------------------------------- */

struct stream {
    uint32_t next, count;
    uint8_t frame[1600];
};

static bool peek(void *self, struct host_packet *packet)
{
    struct stream *s = self;

    if (s->next == s->count) {
        return false;
    }
    *packet = (struct host_packet){ .frame = { .bytes = s->frame, .tag = s->next } };
    packet->frame.length =
        rig_packet(s->frame, (uint8_t)(1 + s->next % 4), s->next, 64 + s->next % 1400);
    packet->frame.captured = packet->frame.length;
    return true;
}

static void take(void *self)
{
    ((struct stream *)self)->next++;
}

/* As fast as it goes: nothing is lost, and nothing waits for long in the host. */
START_TEST(closed_loop)
{
    struct rig *rig = rig_new(_i != 0, _i < 2);
    static struct stream stream;
    struct host_source source = { &stream, peek, take, true };
    struct esp_node node;

    stream = (struct stream){ .count = 3000 };
    rig->host_config.general.cores = 1 + (uint32_t)_i;
    rig->host_config.tx.ring = 64;
    rig->host_config.tx.doorbell_batch = 1u << _i;
    rig->host_config.tx.doorbell_delay = _i == 2 ? US : 0;
    rig->host_config.tx.signal = _i == 3 ? HOST_SIGNAL_POLL : HOST_SIGNAL_INTERRUPT;
    rig_open(rig);
    for (uint8_t i = 1; i <= 4; i++) {
        enum sa_reason reason;

        node = rig_node(i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500u + i);
        rig_select(&node, i);
        ck_assert(host_preload_add(rig->host, &node, &reason));
    }
    host_set_source(rig->host, &source);
    rig_settle(rig);
    ck_assert_uint_eq(stream.next, 3000);
    ck_assert_uint_eq(rig->wires, 3000);
    ck_assert_uint_eq(rig->tx_drops, 0);
    ck_assert_uint_gt(host_statistics(rig->host)->tx.ring_full, 0);
    rig_free(rig);
}
END_TEST

/* Anything at any time, small rings, several cores. Same seed, same result; books balance. */
struct inputs {
    uint64_t state, now, record;
    uint32_t sent;
    unsigned step;
};

static void commotion(struct rig *rig, struct inputs *in, unsigned steps)
{
    uint64_t state = in->state;
    uint64_t now = in->now;
    uint64_t record = in->record;
    uint32_t sent = in->sent;

    for (unsigned i = in->step; i < in->step + steps; i++) {
        uint64_t handle = 1 + support_random(&state) % 40;
        struct esp_node node =
            rig_node(handle, handle % 2 ? ESP_DIR_IN : ESP_DIR_OUT, ESP_MODE_TUNNEL,
                     (uint32_t)(500 + support_random(&state) % 60));

        now += support_random(&state) % (US / 2);
        switch (support_random(&state) % 12) {
        case 0:
        case 1:
            record++;
            node.pair = handle ^ 1;
            if (node.dir == ESP_DIR_OUT) {
                rig_select(&node, (uint8_t)(handle % 5));
            }
            ck_assert(host_oid_add(rig->host, now, &node, 1, handle % 3 == 0, record, record));
            break;
        case 2:
            record++;
            ck_assert(host_oid_delete(rig->host, now, &handle, 1, record, record));
            break;
        case 3:
            record++;
            ck_assert(host_oid_update(rig->host, now, handle, ESP_OP_ESP,
                                      (uint32_t)(500 + support_random(&state) % 60), 0, record,
                                      record));
            break;
        case 4:
            if (support_random(&state) % 20 == 0) {
                ck_assert(host_event(rig->host, now, HOST_EVENT_RESET_BEGIN, 0));
            } else if (support_random(&state) % 4 == 0) {
                ck_assert(host_event(rig->host, now, HOST_EVENT_RESET_END, 0));
            } else {
                ck_assert(host_event(rig->host, now, HOST_EVENT_CANCEL, record));
            }
            break;
        case 5: rig->ask_delete = support_random(&state) % 8 == 0; break;
        case 6:
        case 7:
            if (rig->wires != 0) {
                const struct rig_frame *w = &rig->wire[support_random(&state) % rig->wires];
                struct espnic_frame f = {
                    .bytes = w->bytes, .captured = w->length, .length = w->length, .tag = i
                };

                host_simulate(rig->host, now);
                ck_assert(espnic_wire_rx(rig->card, 0, now, &f));
            }
            break;
        default:
            ck_assert(rig_send(rig, now, (uint8_t)(support_random(&state) % 6), sent++,
                               64 + (uint32_t)(support_random(&state) % 1400)));
            break;
        }
    }
    *in = (struct inputs){ state, now, record, sent, in->step + steps };
}

/* Kinds of rigs beyond those of the plain queue: other command paths, two of each; other uses of rings. */
enum { QUEUE_RIGS = 6, PATH_RIGS = QUEUE_RIGS + 8, RING_KINDS = 6, RIGS = PATH_RIGS + RING_KINDS };

static void choose_rings(struct rig *rig, int kind)
{
    struct host_tx_config *tx = &rig->host_config.tx;
    struct host_rx_config *rx = &rig->host_config.rx;

    tx->done = (uint32_t)kind % 3;
    tx->report = kind < 3 ? 3 : 50; /* more than the ring has: nobody asks in time */
    tx->done_batch = 1 + (uint32_t)kind % 4;
    tx->done_bytes = kind % 3 == 0 ? 16 : 64;
    rx->done = kind % 2 ? HOST_RX_DONE_HEAD : HOST_RX_DONE_EACH;
    rx->done_batch = 1 + 3 * (uint32_t)(kind / 2);
    rx->done_bytes = kind == 0 ? 32 : 64;
    tx->inline_bytes = kind < 2 ? 200 : 0;
    tx->push = kind % 2 ? 64 : 512;
    rig->host_config.general.wc = kind % 3 != 2;
    rig->host_config.general.wc_pad = kind % 3 == 1;
    rig->card_config.dma.tx_inline = 256;
    rig->card_config.dma.tx_push = (uint32_t)kind;
}

static void choose_path(struct rig *rig, int kind)
{
    struct nic_config *c = &rig->card_config;

    switch (kind / 2) {
    case 3:
        rig_path(rig, NIC_PATH_REGISTERS);
        c->table.capacity_in = 7;
        c->table.capacity_out = 5;
        c->table.ip_entries = 2;
        rig->host_config.oid.drain_poll = 3 * US;
        break;
    case 4:
        rig_path(rig, NIC_PATH_FIRMWARE);
        c->command.least = US / 2;
        c->command.median = US;
        c->command.p99 = 2 * US;
        c->command.most = 10 * US;
        c->command.limit = 3;
        break;
    default:
        rig_path(rig, NIC_PATH_DESCRIPTOR);
        c->command.inbound = kind / 2 == 6;
        break;
    }
}

static struct rig *commotion_rig(int kind)
{
    struct rig *rig = rig_new(kind % 2 != 0, true);

    rig->host_config.general.cores = 1 + (uint32_t)kind % 3;
    rig->host_config.tx.ring = 8;
    rig->host_config.rx.ring = 16;
    rig->host_config.rx.refill = 4;
    rig->host_config.oid.ring = 4;
    rig->host_config.tx.backlog = 16;
    rig->host_config.tx.no_match = kind % 4 < 2 ? HOST_NO_MATCH_DROP : HOST_NO_MATCH_CLEAR;
    rig->host_config.software.keep = kind % 3 == 0 ? HOST_KEEP_BOTH : HOST_KEEP_AUTO;
    rig->host_config.general.ideal = kind == 5;
    rig->host_config.general.reset_hold = 50 * US;
    rig->card_config.table.capacity = 12;
    rig->card_config.sa.esn = kind % 4 == 0 ? NIC_ESN_HOST : NIC_ESN_INFERRED;
    if (kind >= PATH_RIGS) {
        choose_rings(rig, kind - PATH_RIGS);
    } else if (kind >= QUEUE_RIGS) {
        choose_path(rig, kind);
    }
    rig_open(rig);
    return rig;
}

START_TEST(books_in_commotion)
{
    struct rig *a = commotion_rig(_i);
    struct rig *b = commotion_rig(_i);

    struct inputs in[2] = { { (uint64_t)_i + 1, a->t0, 0, 0, 0 },
                            { (uint64_t)_i + 1, b->t0, 0, 0, 0 } };

    commotion(a, &in[0], 3000);
    commotion(b, &in[1], 3000);
    rig_settle(a);
    rig_settle(b);
    for (uint64_t r = 1; r <= in[0].record; r++) {
        done_of(a, r);
    }
    ck_assert_uint_eq(a->wires, b->wires);
    ck_assert_uint_eq(a->ups, b->ups);
    ck_assert_mem_eq(host_statistics(a->host), host_statistics(b->host), sizeof(struct host_stats));
    ck_assert_uint_gt(a->wires, 100);
    ck_assert_uint_gt(a->ups, 10);
    if (a->card_config.command.path == NIC_PATH_REGISTERS) { /* all of it has happened */
        const struct host_engine_stats *e = &host_statistics(a->host)->engine;

        ck_assert_uint_gt(e->starts, 0);
        ck_assert_uint_gt(e->restores, 0);
    }
    for (unsigned i = 0; i < a->wires; i++) {
        ck_assert_uint_eq(a->wire[i].time, b->wire[i].time);
        ck_assert_mem_eq(a->wire[i].bytes, b->wire[i].bytes, a->wire[i].length);
    }
    rig_free(a);
    rig_free(b);
}
END_TEST

/* Saved in the middle of it all, and gone back to: the same again, to the last byte. */
START_TEST(snapshot_and_restore)
{
    struct rig *rig = commotion_rig(_i);
    struct inputs in = { 99, rig->t0, 0, 0, 0 };
    struct inputs saved;
    static struct snapshot snapshot;
    static struct host_stats stats;
    static struct rig_frame wire[RIG_LIST];
    char error[512];
    FILE *file = tmpfile();
    unsigned wires;
    unsigned first;

    ck_assert_ptr_nonnull(file);
    memset(&snapshot, 0, sizeof snapshot);
    nic_register_state(rig->card, &snapshot);
    host_register_state(rig->host, &snapshot);
    commotion(rig, &in, 1200);
    ck_assert(!host_idle(rig->host));
    ck_assert_msg(snapshot_save(&snapshot, file, error, sizeof error), "%s", error);
    rig->ask_delete = false;
    saved = in;
    first = rig->wires;
    commotion(rig, &in, 800);
    rig_settle(rig);
    stats = *host_statistics(rig->host);
    wires = rig->wires;
    memcpy(wire, rig->wire, sizeof wire);
    rewind(file);
    ck_assert_msg(snapshot_restore(&snapshot, file, error, sizeof error), "%s", error);
    fclose(file);
    rig->wires = first;
    while (rig->ups != 0) {
        free(rig->up[--rig->ups].bytes);
    }
    rig->oids = 0;
    rig->ask_delete = false;
    commotion(rig, &saved, 800);
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, wires);
    ck_assert_uint_gt(wires, first + 20);
    ck_assert_mem_eq(host_statistics(rig->host), &stats, sizeof stats);
    for (unsigned i = first; i < wires; i++) {
        ck_assert_uint_eq(rig->wire[i].time, wire[i].time);
        ck_assert_mem_eq(rig->wire[i].bytes, wire[i].bytes, wire[i].length);
        free(wire[i].bytes);
    }
    rig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *tcase = tcase_create("host");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, round_trip_packet_offload, 0, 2 * SUITES);
    tcase_add_loop_test(tcase, round_trip_crypto_offload, 0, 2 * SUITES);
    tcase_add_loop_test(tcase, round_trip_software, 0, 4 * SUITES);
    tcase_add_loop_test(tcase, fragments_of_offloaded, 0, 2);
    tcase_add_test(tcase, esn_hand_over);
    tcase_add_test(tcase, esn_recorded_update);
    tcase_add_test(tcase, requests_wait_for_their_add);
    tcase_add_test(tcase, unknown_and_refused);
    tcase_add_test(tcase, storm);
    tcase_add_test(tcase, cancel_what_waits);
    tcase_add_loop_test(tcase, delete_request, 0, 2);
    tcase_add_loop_test(tcase, reset_retries_deletes, 0, 2);
    tcase_add_loop_test(tcase, which_sa, 0, 2);
    tcase_add_loop_test(tcase, closed_loop, 0, 4);
    tcase_add_loop_test(tcase, books_in_commotion, 0, RIGS);
    tcase_add_loop_test(tcase, snapshot_and_restore, 0, RIGS);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
