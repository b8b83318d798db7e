/* The card at the edges of what its ports may be asked: a PHY in which thousands of frames are under way, inputs that a
 * callback gives with a time of before, accesses and ports that there are not, descriptors of frames that their SA
 * cannot protect. */
#include "card_rig.h"

#include "engine/describe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 60, US = 1000000 /* ps */ };

/* ---- a long PHY -------------------------------------------------------------------------------------------- */

enum { MANY = 2000, IN_FLIGHT = 1500, ROUNDS = 3 };

static struct crig *long_phy(void)
{
    struct crig *rig = crig_new();

    rig->config.mac.latency = 100 * (uint64_t)US;
    rig->config.mac.rx_buffer = 16384;
    return rig;
}

/* All of them are between MAC and wire at the same time: 2000 byte times of 84 are 13 us. */
START_TEST(all_leave_a_long_phy)
{
    struct crig *rig = long_phy();

    crig_open(rig, false);
    crig_tx_ring(rig, 0, 2048);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            const struct abi_tx_descriptor d = { .tag = round * MANY + i, .length = FRAME };

            crig_put(rig, 0, &d);
        }
        crig_ring(rig, 0);
        crig_settle(rig);
    }
    ck_assert_uint_eq(rig->wires, ROUNDS * MANY);
    for (uint32_t i = 0; i < rig->wires; i++) {
        ck_assert_uint_eq(rig->wire[i].tag, i);
    }
    ck_assert_uint_ge(rig->wire[MANY - 1].time - rig->wire[0].time, 84 * 80 * (MANY - 1));
    crig_free(rig);
}
END_TEST

/* A receive buffer of 16 KiB takes the first 256 frames of a beat ahead of their time; whether the others find room is
 * decided when they have come, and meanwhile the wire goes on. */
START_TEST(all_come_through_a_long_phy)
{
    struct crig *rig = long_phy();

    rig->config.parser.interval = 1024; /* slower than the wire */
    crig_open(rig, false);
    crig_rx_ring(rig, 0, 64, 2048);
    crig_settle(rig);
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        crig_receive(rig, i, FRAME);
        crig_until(rig, espnic_wire_free(rig->card, 0));
    }
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rx.packets_in, IN_FLIGHT);
    ck_assert_uint_gt(rig->card->stats.rx.drop[NIC_DROP_RX_OVERFLOW], 1024);
    crig_free(rig);
}
END_TEST

/* ---- the past ------------------------------------------------------------------------------------------------ */

static struct {
    unsigned calls, taken, refused;
} answers;

/* A frame leaves in the middle of a long espnic_advance(): what comes before this moment is past. */
static void answer_at_once(void *self, uint64_t time, unsigned port,
                           const struct espnic_frame *frame)
{
    const struct crig *rig = self;
    const struct espnic_frame f = { .length = FRAME };
    const uint8_t line[64] = { 0 };

    (void)frame;
    answers.calls++;
    answers.taken += espnic_wire_rx(rig->card, port, time - 1, &f);
    answers.taken += espnic_mmio_write(rig->card, time - 1, REG_CTRL_OFFSET, 4, 5);
    answers.taken += espnic_mmio_burst(rig->card, time - 1, REG_CTRL_OFFSET, line, 4);
    answers.taken += espnic_mmio_read(rig->card, time - 1, REG_CTRL_OFFSET, 4, 0);
    ck_assert_uint_ge(espnic_wire_free(rig->card, port), time);
    ck_assert_uint_eq(espnic_now(rig->card), time);
    answers.refused += !espnic_wire_rx(rig->card, port, time, &f);
    answers.refused += !espnic_mmio_write(rig->card, time, REG_CTRL_OFFSET, 4, 5);
    answers.refused += !espnic_mmio_read(rig->card, time, REG_CTRL_OFFSET, 4, 0);
}

START_TEST(callbacks_have_a_past)
{
    struct crig *rig = crig_new();
    const struct abi_tx_descriptor d = { .length = FRAME };
    uint64_t end;

    memset(&answers, 0, sizeof answers);
    crig_open(rig, false);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    for (unsigned i = 0; i < 10; i++) {
        crig_put(rig, 0, &d);
    }
    crig_ring(rig, 0);
    rig->card->ports.wire_tx = answer_at_once;
    end = espnic_now(rig->card) + 100 * (uint64_t)US;
    ck_assert_uint_eq(espnic_advance(rig->card, end), end);
    ck_assert_uint_eq(answers.calls, 10);
    ck_assert_uint_eq(answers.taken, 0);
    ck_assert_uint_eq(answers.refused, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rx.packets_in, 10);
    crig_free(rig);
}
END_TEST

/* ---- what there is not ----------------------------------------------------------------------------------------- */

START_TEST(ports_and_accesses)
{
    struct crig *rig = crig_new();
    const struct espnic_frame f = { .length = FRAME };

    rig->config.general.ports = 2;
    crig_open(rig, false);
    crig_settle(rig);
    ck_assert(!espnic_wire_rx(rig->card, 2, espnic_now(rig->card), &f));
    ck_assert_uint_eq(espnic_wire_free(rig->card, 1), espnic_now(rig->card));
    ck_assert_uint_eq(espnic_wire_free(rig->card, 2), ESPNIC_NEVER);
    ck_assert_uint_eq(espnic_wire_free(rig->card, UINT32_MAX), ESPNIC_NEVER);
    ck_assert(!espnic_mmio_write(rig->card, espnic_now(rig->card), REG_TX_PUSH_OFFSET, 16, 12345));
    ck_assert(!espnic_mmio_write(rig->card, espnic_now(rig->card), REG_CTRL_OFFSET, 0, 0));
    ck_assert(!espnic_mmio_read(rig->card, espnic_now(rig->card), REG_CTRL_OFFSET, 16, 0));
    crig_settle(rig);
    crig_free(rig);
}
END_TEST

/* Entries are found by masks: a ring of another size than a power of two would overwrite itself, so there is none. */
START_TEST(sizes_of_the_command_ring)
{
    static const struct {
        uint32_t asked, has;
    } size[] = { { 3, 0 }, { 64, 64 }, { 1, 0 }, { 65536, 65536 }, { 131072, 0 }, { 0, 0 } };
    struct crig *rig = crig_new();
    uint64_t refused = 0;

    crig_open(rig, false);
    for (unsigned i = 0; i < sizeof size / sizeof *size; i++) {
        crig_set(rig, REG_CMD_SIZE, 0, size[i].asked);
        ck_assert_uint_eq(crig_get(rig, REG_CMD_SIZE, 0), size[i].has);
        refused += size[i].asked != size[i].has;
        ck_assert_uint_eq(rig->card->stats.rings.refused, refused);
    }
    crig_free(rig);
}
END_TEST

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

START_TEST(refused_on_its_port)
{
    struct crig *rig = crig_new();
    const struct abi_tx_descriptor d = { .length = 13, .port = 1 };

    rig->config.general.ports = 2;
    crig_open(rig, false);
    crig_tx_ring(rig, 0, 64);
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.tx.drop[NIC_DROP_BAD_LENGTH], 1);
    ck_assert_uint_eq(rig->card->stats.port[0].tx.dropped, 0);
    ck_assert_uint_eq(rig->card->stats.port[1].tx.dropped, 1);
    crig_free(rig);
}
END_TEST

/* An outbound SA of a transport, ESP or AH. */
static uint64_t add_sa(struct crig *rig, bool ah, bool cbc)
{
    struct esp_node node = { .handle = 1,
                             .dir = ESP_DIR_OUT,
                             .mode = ESP_MODE_TRANSPORT,
                             .src = { 4, { 10, 0, 0, 1 } },
                             .dst = { 4, { 10, 0, 0, 2 } },
                             .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];
    enum sa_reason reason;
    uint64_t handle;

    *sa = (struct esp_sa){ .op = ah ? ESP_OP_AH : ESP_OP_ESP, .spi = 0x1234, .seq = 1 };
    if (!ah) {
        sa->enc = (struct esp_key){ .alg = cbc ? ESP_ALG_AES_CBC_128 : ESP_ALG_AES_GCM_128,
                                    .icv = cbc ? 0 : 16,
                                    .length = cbc ? 16 : 20 };
    }
    if (ah || cbc) {
        sa->auth = (struct esp_key){ .alg = ESP_ALG_SHA_256, .icv = 16, .length = 32 };
    }
    ck_assert_msg(espnic_preload_add(rig->card, &node, &handle, &reason), "%s",
                  sa_reason_name(reason));
    return handle;
}

static const struct {
    const char *what;
    bool ah, cbc;
    uint32_t bytes; /* from the header of the SA to the ICV's end */
    bool good;
} sizes[] = {
    { "GCM: header, IV, pad length, next header, ICV", false, false, 8 + 8 + 4 + 16, true },
    { "GCM: a byte less than IV, pad length, next header, ICV", false, false, 8 + 8 + 1 + 16,
      false },
    { "GCM: no room for the ICV", false, false, 20, false },
    { "CBC: one block", false, true, 8 + 16 + 16 + 16, true },
    { "CBC: no block", false, true, 8 + 16 + 16, false },
    { "CBC: a block and a half", false, true, 8 + 16 + 24 + 16, false },
    { "AH: header, ICV", true, false, 12 + 16 + 4, true },
    { "AH: no room for the ICV", true, false, 12 + 12, false },
};

/* Crypto offload: what the SA cannot protect must not leave in clear. */
static void sends(bool functional, unsigned i)
{
    struct crig *rig = crig_new();
    uint32_t length = 34 + sizes[i].bytes;
    struct abi_tx_descriptor d = { .length = length };
    uint8_t *frame;

    rig->config.general.offload = NIC_OFFLOAD_CRYPTO;
    crig_open(rig, functional);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    frame = crig_frame_bytes(rig, 0);
    crig_udp(frame, 1, length < 42 ? 42 : length);
    esp_put16(frame + 16, (uint16_t)(length - 14));
    frame[23] = sizes[i].ah ? ESP_PROTO_AH : ESP_PROTO_ESP;
    memset(frame + 34, 0, sizes[i].bytes);
    frame[34] = sizes[i].ah ? ESP_PROTO_UDP : 0;
    frame[35] = sizes[i].ah ? 5 : 0; /* RFC 4302 2.2: 7 words of 32 bits less 2 */
    esp_put32(frame + (sizes[i].ah ? 38 : 34), 0x1234);
    esp_put32(frame + (sizes[i].ah ? 42 : 38), 1);
    d.handle = add_sa(rig, sizes[i].ah, sizes[i].cbc);
    d.header_word = 5u << (sizes[i].ah ? ABI_HEADER_AH_OFFSET_LSB : ABI_HEADER_ESP_OFFSET_LSB);
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_msg(rig->wires == sizes[i].good, "%s: %u frames on the wire", sizes[i].what,
                  rig->wires);
    ck_assert_uint_eq(rig->card->stats.tx.drop[NIC_DROP_BAD_LENGTH], !sizes[i].good);
    ck_assert_uint_eq(rig->card->stats.tx.ipsec_passes, sizes[i].good);
    crig_free(rig);
}

START_TEST(no_frame_leaves_unprotected)
{
    sends(true, (unsigned)_i);
    sends(false, (unsigned)_i);
}
END_TEST

/* ---- congestion marks ------------------------------------------------------------------------------------------- */

enum { TOS = 15, CE = 3, NOT_ECT = 0, ECT_0 = 2, ECT_1 = 1, ROOM = 2048, SPI = 0x100 };

/* A frame in a GCM tunnel whose outer header has another ECN field than the inner one: nothing protects it there. */
static uint32_t make_marked(struct esp_crypt *crypt, const struct esp_node *in, uint64_t seq,
                            unsigned inner, unsigned outer, uint8_t *bytes)
{
    static uint8_t buffer[ROOM];
    struct esp_packet packet = {
        .buffer = buffer, .capacity = ROOM, .start = 256, .length = 100, .l3 = 14
    };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = seq } };
    struct esp_key_ref key[ESP_MAX_SAS] = { { .id = 1 } };
    struct esp_node out = *in;
    uint8_t *frame = buffer + packet.start;

    out.dir = ESP_DIR_OUT;
    crig_udp(frame, 1, 100);
    frame[TOS] = (uint8_t)inner;
    esp_put16(frame + 24, 0);
    esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    ck_assert_int_eq(esp_seal_packet(crypt, &out, key, &packet, encap), ESP_OK);
    frame = esp_packet_bytes(&packet);
    frame[TOS] = (uint8_t)outer;
    esp_put16(frame + 24, 0);
    esp_put16(frame + 24, esp_ip_checksum(frame + 14, 20));
    memcpy(bytes, frame, packet.length);
    return packet.length;
}

static uint64_t shown(struct crig *rig, const char *path, const char *name)
{
    static struct stat_registry r;

    r.count = 0;
    nic_register_stats(rig->card, &r);
    for (size_t g = 0; g < r.count; g++) {
        for (size_t i = 0; !strcmp(r.groups[g].path, path) && i < r.groups[g].count; i++) {
            if (!strcmp(r.groups[g].stats[i].name, name)) {
                return *(const uint64_t *)(const void *)((const char *)r.groups[g].base +
                                                         r.groups[g].stats[i].offset);
            }
        }
    }
    ck_abort_msg("no statistic %s.%s", path, name);
}

/* RFC 6040, figure 4: a mark goes inwards; ECT(1) outside of ECT(0) goes inwards and may be an attack. */
START_TEST(congestion_marks)
{
    static uint8_t bytes[ROOM];
    static const struct {
        unsigned inner, outer;
    } fields[] = {
        { ECT_0, ECT_0 }, { ECT_0, CE }, { ECT_1, CE }, { NOT_ECT, ECT_1 }, { NOT_ECT, CE }
    };
    struct crig *rig = crig_new();
    struct esp_node node = { .handle = 1,
                             .dir = ESP_DIR_IN,
                             .mode = ESP_MODE_TUNNEL,
                             .src = { 4, { 10, 9, 0, 1 } },
                             .dst = { 4, { 10, 9, 0, 2 } },
                             .sa_count = 1 };
    struct esp_crypt *crypt;
    enum sa_reason reason;
    uint64_t handle;
    char error[256];

    node.sa[0] = (struct esp_sa){ .op = ESP_OP_ESP, .spi = SPI, .replay_window = 64 };
    node.sa[0].enc = (struct esp_key){ .alg = ESP_ALG_AES_GCM_128, .icv = 16, .length = 20 };
    crypt = esp_crypt_open(ESP_BACKEND_AUTO, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);
    ck_assert_msg(crypt != NULL, "%s", error);
    crig_open(rig, true);
    crig_rx_ring(rig, 0, 64, ROOM);
    ck_assert(espnic_preload_add(rig->card, &node, &handle, &reason));
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint32_t length = make_marked(crypt, &node, i + 1, fields[i].inner, fields[i].outer, bytes);
        struct espnic_frame f = { .bytes = bytes, .captured = length, .length = length };

        ck_assert(espnic_wire_rx(rig->card, 0, espnic_now(rig->card), &f));
        crig_settle(rig);
    }
    ck_assert_uint_eq(shown(rig, "card.rx.ecn", "marked"), 2);
    ck_assert_uint_eq(shown(rig, "card.rx.ecn", "suspicious"), 1);
    ck_assert_uint_eq(shown(rig, "card.rx.drops", "ecn"), 1);
    esp_crypt_close(crypt);
    crig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("card_edges");
    TCase *tc = tcase_create("edges");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, all_leave_a_long_phy);
    tcase_add_test(tc, all_come_through_a_long_phy);
    tcase_add_test(tc, callbacks_have_a_past);
    tcase_add_test(tc, ports_and_accesses);
    tcase_add_test(tc, sizes_of_the_command_ring);
    tcase_add_test(tc, refused_on_its_port);
    tcase_add_test(tc, congestion_marks);
    tcase_add_loop_test(tc, no_frame_leaves_unprotected, 0, sizeof sizes / sizeof *sizes);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
