/* The rules of the interface (traces/rules.h) that a recording cannot break, broken on purpose between driver and
 * card, one test each. The others are broken by recordings in tests/fault/test_invariants.sh:
 *
 *    1  object header, Size, length                    here: request_headers
 *    2  entries of a node                              recording (counts of 0 and 3: here, request_headers)
 *    3  algorithms one-hot and reported, keys in blob  recording; not one-hot, keys outside: here, request_headers
 *    4  ESN, UDP kind, IPv6 as reported                recording
 *    5  handle nonzero and not live                    recording; a card that hands one out twice: here, handle_twice
 *    6  failing request no handle, SUCCESS one         here: handles_and_status
 *    7  capacity                                       recording
 *    8  UPDATE                                         recording; a card that says yes: here, update_of_nothing
 *    9  DELETE                                         recording; a status outside the set: here, delete_status
 *   10  SaDeleteReq                                    recording; repeated requests: here, delete_requests
 *   11  CryptoStatus, NextCryptoDone, reserved bits    here: packet_words
 *   12  before activation                              recording; CryptoDone before activation: here, too_early
 *
 * After each breach other SAs work as before, and when they are deleted the table is as empty as at the start. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"
#include "host_rig.h"

#define US UINT64_C(1000000)

enum { LENGTH = 200 };

static const struct host_oid_done *done_of(const struct rig *rig, uint64_t record)
{
    for (unsigned i = 0; i < rig->oids; i++) {
        if (rig->oid[i].record == record) {
            return &rig->oid[i];
        }
    }
    ck_abort_msg("record %llu has not ended", (unsigned long long)record);
}

static void add(struct rig *rig, struct esp_node *node, uint32_t count, uint64_t record)
{
    ck_assert(host_oid_add(rig->host, host_now(rig->host), node, count, false, record, 0));
    rig_settle(rig);
}

/* SAs 1 (out) and 2 (in), each other's partners; a packet by the first comes back by the second. */
static struct rig *open_with_pair(bool packet_offload)
{
    struct rig *rig = rig_new(packet_offload, true);
    struct esp_node node[2];

    rig_open(rig);
    node[0] = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);
    rig_select(&node[0], 1);
    node[1] = rig_node(2, ESP_DIR_IN, ESP_MODE_TUNNEL, 500);
    node[1].pair = 1;
    node[0].pair = 2;
    add(rig, node, 2, 1);
    ck_assert_uint_eq(done_of(rig, 1)->done, 2);
    return rig;
}

/* A packet goes out and comes back to the card. */
static void bring_back(struct rig *rig, uint32_t number)
{
    unsigned wires = rig->wires;
    struct espnic_frame f;

    ck_assert(rig_send(rig, host_now(rig->host), 1, number, LENGTH));
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, wires + 1);
    f = (struct espnic_frame){ .bytes = rig->wire[wires].bytes,
                               .captured = rig->wire[wires].length,
                               .length = rig->wire[wires].length,
                               .tag = number };
    ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
    rig_settle(rig);
}

/* And is delivered; true if the card sealed and opened it. */
static bool round_trip(struct rig *rig, uint32_t number)
{
    unsigned ups = rig->ups;
    uint64_t offloaded = host_statistics(rig->host)->tx.offloaded;
    uint8_t sent[LENGTH];

    bring_back(rig, number);
    ck_assert_uint_eq(rig->ups, ups + 1);
    rig_packet(sent, 1, number, LENGTH);
    ck_assert_uint_eq(rig->up[ups].length, LENGTH);
    ck_assert_mem_eq(rig->up[ups].bytes + 14, sent + 14, LENGTH - 14);
    return rig->up[ups].verdict == HOST_OFFLOADED &&
           host_statistics(rig->host)->tx.offloaded == offloaded + 1;
}

/* The pair works, new SAs can be added, and nothing is left when all are deleted. */
static void unharmed(struct rig *rig, const uint64_t *more, unsigned count)
{
    struct esp_node node = rig_node(90, ESP_DIR_OUT, ESP_MODE_TUNNEL, 900);
    uint64_t all[8] = { 1, 2, 90 };

    rig->spoil_request = NULL;
    rig->spoil_answer = NULL;
    ck_assert(round_trip(rig, 4711));
    add(rig, &node, 1, 9001);
    ck_assert_uint_eq(done_of(rig, 9001)->status, NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < count; i++) {
        all[3 + i] = more[i];
    }
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), all, 3 + count, 9002, 0));
    rig_settle(rig);
    ck_assert_uint_eq(done_of(rig, 9002)->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    ck_assert_uint_eq(nic_table_statistics(rig->card)->live, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.live, 0);
}

/* Breaches by the card: `rule` so often, of the others none. */
static void seen(struct rig *rig, unsigned rule, uint64_t times)
{
    const uint64_t *n = host_statistics(rig->host)->card_rules;

    for (unsigned i = 0; i < HOST_CARD_RULES; i++) {
        ck_assert_msg(n[i] == (i == rule ? times : 0), "rule %u: %llu breaches counted", i,
                      (unsigned long long)n[i]);
    }
}

/* ---- 1, 2, 3: bytes of a request that the text form cannot say ------------------------------------------ */

enum { AT_TYPE = 0, AT_REVISION = 1, AT_SIZE = 2, AT_ENTRIES = 16, AT_IDENTIFIER = 96 };
enum { AT_KEY_OFFSET = 104, AT_KEY_LENGTH = 164 };

static const struct spoil {
    unsigned at, value;
    uint32_t status;
} spoils[] = {
    { AT_TYPE, 0x81, NDIS_STATUS_INVALID_DATA },
    { AT_REVISION, 2, NDIS_STATUS_INVALID_DATA },
    { AT_SIZE, 168, NDIS_STATUS_INVALID_DATA },
    { AT_ENTRIES, 0, NDIS_STATUS_INVALID_DATA },
    { AT_ENTRIES, 3, NDIS_STATUS_INVALID_DATA },
    { AT_IDENTIFIER, 0x18, NDIS_STATUS_INVALID_DATA },
    { AT_KEY_OFFSET, 1, NDIS_STATUS_INVALID_DATA },
    { AT_KEY_LENGTH, 255, NDIS_STATUS_INVALID_LENGTH },
};

enum { SPOILS = sizeof spoils / sizeof spoils[0] };

static int spoil_number;

static void spoil_one(struct rig *rig, uint8_t *bytes, uint32_t length)
{
    (void)rig;
    ck_assert_uint_gt(length, AT_KEY_LENGTH);
    bytes[spoils[spoil_number].at] = (uint8_t)spoils[spoil_number].value;
}

START_TEST(request_headers)
{
    struct rig *rig = open_with_pair(false);
    struct esp_node node = rig_node(3, ESP_DIR_IN, ESP_MODE_TRANSPORT, 700);
    const uint64_t three = 3;

    spoil_number = _i;
    rig->spoil_request = spoil_one;
    add(rig, &node, 1, 2);
    ck_assert_uint_eq(done_of(rig, 2)->status, spoils[_i].status);
    ck_assert_uint_eq(done_of(rig, 2)->done, 0);
    ck_assert_int_eq(host_where(rig->host, 3), HOST_PLACE_SOFTWARE);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2);
    seen(rig, 0, 0);
    unharmed(rig, &three, 1);
    rig_free(rig);
}
END_TEST

/* ---- 5, 6, 8, 9: a card that answers wrongly ------------------------------------------------------------- */

static bool is_answer(const struct rig *rig, uint64_t address, uint32_t length)
{
    return length == sizeof(struct abi_command_completion) &&
           address >> REGION_SHIFT == REGION_RINGS && (uint32_t)address < rig->host->layout.tx &&
           (uint32_t)address >= rig->host->layout.cmd_done;
}

static uint64_t another_handle;

static void hand_out(struct rig *rig, uint64_t address, uint8_t *bytes, uint32_t length)
{
    (void)rig;
    if (length == sizeof another_handle && address >> REGION_SHIFT == REGION_COMMANDS) {
        memcpy(bytes, &another_handle, sizeof another_handle);
    }
}

/* The handle of a live SA for another one. The host believes the card; both names lead to the live one. */
START_TEST(handle_twice)
{
    struct rig *rig = open_with_pair(true);
    struct esp_node node = rig_node(3, ESP_DIR_IN, ESP_MODE_TUNNEL, 700);

    another_handle = host_sa(rig->host, host_sa_find(rig->host, 2))->card;
    rig->spoil_answer = hand_out;
    add(rig, &node, 1, 2);
    seen(rig, 5, 1);
    rig->spoil_answer = NULL;
    ck_assert(round_trip(rig, 5));
    rig_free(rig);
}
END_TEST

static uint32_t another_status;

static void answer_status(struct rig *rig, uint64_t address, uint8_t *bytes, uint32_t length)
{
    struct abi_command_completion c;

    if (is_answer(rig, address, length)) {
        memcpy(&c, bytes, sizeof c);
        c.status = another_status;
        memcpy(bytes, &c, sizeof c);
    }
}

START_TEST(handles_and_status)
{
    struct rig *rig = open_with_pair(true);
    struct esp_node node = rig_node(3, ESP_DIR_OUT, ESP_MODE_TUNNEL, 700);
    const uint64_t three = 3;

    if (_i ==
        0) { /* a handle, and a failing status: the SA is not used, and its place on the card is lost */
        another_status = NDIS_STATUS_RESOURCES;
        rig->spoil_answer = answer_status;
    } else { /* SUCCESS, and no handle */
        another_handle = 0;
        rig->spoil_answer = hand_out;
    }
    add(rig, &node, 1, 2);
    ck_assert_int_eq(host_where(rig->host, 3), HOST_PLACE_SOFTWARE);
    seen(rig, 6, 1);
    rig->spoil_answer = NULL;
    ck_assert(round_trip(rig, 5));
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), &three, 1, 3, 0));
    rig_settle(rig);
    ck_assert_uint_eq(host_statistics(rig->host)->sa.live, 2);
    rig_free(rig);
}
END_TEST

START_TEST(update_of_nothing)
{
    struct rig *rig = open_with_pair(false);

    another_status = NDIS_STATUS_SUCCESS;
    rig->spoil_answer = answer_status;
    ck_assert(host_oid_update(rig->host, host_now(rig->host), 77, ESP_OP_ESP, 1, 1, 2, 0));
    rig_settle(rig);
    seen(rig, 8, 1);
    unharmed(rig, NULL, 0);
    rig_free(rig);
}
END_TEST

START_TEST(delete_status)
{
    struct rig *rig = open_with_pair(false);
    struct esp_node node = rig_node(3, ESP_DIR_IN, ESP_MODE_TUNNEL, 700);
    const uint64_t three = 3;

    add(rig, &node, 1, 2);
    another_status = NDIS_STATUS_FAILURE;
    rig->spoil_answer = answer_status;
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), &three, 1, 3, 0));
    rig_settle(rig);
    ck_assert_uint_eq(done_of(rig, 3)->status, NDIS_STATUS_FAILURE);
    seen(rig, 9, 1);
    /* for the host it is still there and can be named again */
    ck_assert_int_eq(host_where(rig->host, 3), HOST_PLACE_CARD);
    unharmed(rig, &three, 1);
    rig_free(rig);
}
END_TEST

/* ---- 10: a card that asks more than once ------------------------------------------------------------------ */

/* Asked with every packet for a while, the host deletes each of the two once; until then both are used. */
START_TEST(delete_requests)
{
    struct rig *rig = rig_new(_i != 0, true);
    struct esp_node node[2] = { rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500),
                                rig_node(2, ESP_DIR_IN, ESP_MODE_TUNNEL, 500) };
    unsigned deletes = 0;
    uint64_t t;

    rig->host_config.software.keep = HOST_KEEP_BOTH;
    rig->host_config.general.delete_delay = 300 * US;
    rig_open(rig);
    rig_select(&node[0], 1);
    node[1].pair = 1;
    add(rig, node, 2, 1);
    rig->ask_delete = true;
    t = host_now(rig->host);
    for (uint32_t i = 0; i < 20; i++) {
        struct espnic_frame f;

        t += 20 * US;
        ck_assert(rig_send(rig, t, 1, i, LENGTH));
        host_simulate(rig->host, t + 15 * US);
        ck_assert_uint_eq(rig->wires, i + 1);
        f = (struct espnic_frame){ .bytes = rig->wire[i].bytes,
                                   .captured = rig->wire[i].length,
                                   .length = rig->wire[i].length,
                                   .tag = i };
        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
    }
    rig_settle(rig);
    for (unsigned i = 0; i < rig->oids; i++) {
        deletes += rig->oid[i].kind == NDIS_DELETE_SA;
    }
    ck_assert_uint_eq(deletes, 2);
    ck_assert_uint_gt(host_statistics(rig->host)->rx.delete_requests, 5);
    ck_assert_uint_eq(rig->ups, 20);
    for (unsigned i = 0; i < 8; i++) { /* the first DELETE goes after 300 us */
        ck_assert_int_eq(rig->up[i].verdict, HOST_OFFLOADED);
    }
    ck_assert_int_eq(rig->up[19].verdict, HOST_SOFTWARE);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    seen(rig, 0, 0);
    rig_free(rig);
}
END_TEST

/* ---- 11, 12: words of received packets ------------------------------------------------------------------- */

static uint32_t set_bits, clear_bits;

static void change_word(struct rig *rig, uint64_t address, uint8_t *bytes, uint32_t length)
{
    struct abi_rx_completion c;

    if (length == sizeof c && address >> REGION_SHIFT == REGION_RINGS &&
        (uint32_t)address >= rig->host->layout.rx_done) {
        memcpy(&c, bytes, sizeof c);
        c.offload_word = (c.offload_word | set_bits) & ~clear_bits;
        memcpy(bytes, &c, sizeof c);
    }
}

START_TEST(packet_words)
{
    static const uint32_t wrong[][2] = {
        { 3u << ABI_RX_CRYPTO_STATUS_LSB, ABI_RX_CRYPTO_DONE }, /* a status, and not done */
        { ABI_RX_NEXT_CRYPTO_DONE, ABI_RX_CRYPTO_DONE },        /* the second, and not the first */
        { 1u << 3, 0 },
        { 1u << 15, 0 }
    };
    struct rig *rig = open_with_pair(false);

    set_bits = wrong[_i][0];
    clear_bits = wrong[_i][1];
    rig->spoil_answer = change_word;
    bring_back(rig, 1);
    /* what the card has decrypted and says it has not is no packet for the host; reserved bits do no harm */
    ck_assert_uint_eq(rig->ups, _i < 2 ? 0 : 1);
    ck_assert_uint_eq(host_statistics(rig->host)->rx.drop[HOST_RX_DROP_BAD_ICV], _i < 2 ? 1 : 0);
    seen(rig, 11, 1);
    unharmed(rig, NULL, 0);
    rig_free(rig);
}
END_TEST

START_TEST(too_early)
{
    struct rig *rig = open_with_pair(true);

    rig->host->s->activated =
        false; /* as if the completion of OID_OFFLOAD_ENCAPSULATION were still to come */
    ck_assert(round_trip(rig, 1));
    seen(rig, 12, 1);
    rig->host->s->activated = true;
    unharmed(rig, NULL, 0);
    rig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariants");
    TCase *tc = tcase_create("invariants");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, request_headers, 0, SPOILS);
    tcase_add_test(tc, handle_twice);
    tcase_add_loop_test(tc, handles_and_status, 0, 2);
    tcase_add_test(tc, update_of_nothing);
    tcase_add_test(tc, delete_status);
    tcase_add_loop_test(tc, delete_requests, 0, 2);
    tcase_add_loop_test(tc, packet_words, 0, 4);
    tcase_add_test(tc, too_early);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
