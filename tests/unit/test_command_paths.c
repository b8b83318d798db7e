/* The ways by which SAs get to the card beside the plain command queue: tables behind registers (how many
 * accesses, how long, what is refused, what a reset costs), a firmware behind the queue, contexts in
 * descriptors. On every path the four parts of a request's latency are its latency (host_rig.c). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_support.h"
#include "host_rig.h"
#include "nic/abi.h"
#include "pcie_model/registers.h"

#define US 1000000ull
#define MS (1000 * US)

/* ---- a card without a host: reads one after the other --------------------------------------------- */

struct bench {
    struct espnic *card;
    uint64_t answered, value;
    bool ok;
};

static const uint8_t *no_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    (void)self, (void)time, (void)address, (void)length;
    return NULL;
}

static void no_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                     uint32_t length)
{
    (void)self, (void)time, (void)address, (void)bytes, (void)length;
}

static void no_message(void *self, uint64_t time, unsigned vector)
{
    (void)self, (void)time, (void)vector;
}

static void no_frame(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    (void)self, (void)time, (void)port, (void)frame;
}

static void answered(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    struct bench *b = self;

    (void)tag;
    b->answered = time;
    b->value = value;
    b->ok = ok;
}

static void bench_open(struct bench *b, const struct nic_config *config)
{
    struct espnic_options options = { 0 };
    struct espnic_ports ports = { .self = b,
                                  .dma_read = no_read,
                                  .dma_write = no_write,
                                  .msix = no_message,
                                  .mmio_done = answered,
                                  .wire_tx = no_frame,
                                  .wire_ready = no_message };
    char error[256];

    memset(b, 0, sizeof *b);
    b->card = espnic_create(config, &options, &ports, error, sizeof error);
    ck_assert_msg(b->card != NULL, "%s", error);
}

static uint64_t bench_read(struct bench *b, uint64_t time, enum reg_id reg)
{
    ck_assert(espnic_mmio_read(b->card, time, reg_offset(reg, 0), reg_table[reg].bytes, 1));
    b->answered = 0;
    while (b->answered == 0) {
        espnic_advance(b->card, espnic_next_event(b->card));
    }
    return b->value;
}

static void bench_write(struct bench *b, uint64_t time, enum reg_id reg, unsigned index,
                        uint64_t value)
{
    ck_assert(
        espnic_mmio_write(b->card, time, reg_offset(reg, index), reg_table[reg].bytes, value));
}

/* Shortest and longest round trip of a register read, at different places within a cycle of the link. */
static void round_trip(const struct nic_config *config, uint64_t *least, uint64_t *most)
{
    struct bench b;

    bench_open(&b, config);
    *least = UINT64_MAX;
    *most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t at = espnic_now(b.card) + 100000 + i * 137;
        uint64_t took;

        bench_read(&b, at, REG_STATUS);
        took = b.answered - at;
        *least = took < *least ? took : *least;
        *most = took > *most ? took : *most;
    }
    espnic_destroy(b.card);
}

/* ---- accesses ------------------------------------------------------------------------------------------ */

struct want {
    unsigned writes, reads;
};

static const struct host_oid_done *last(const struct rig *rig)
{
    return &rig->oid[rig->oids - 1];
}

static struct rig *with_tables(uint32_t in, uint32_t out, uint32_t ips)
{
    struct rig *rig = rig_new(false, true);

    rig_path(rig, NIC_PATH_REGISTERS);
    rig->card_config.table.capacity_in = in;
    rig->card_config.table.capacity_out = out;
    rig->card_config.table.ip_entries = ips;
    return rig;
}

/* The request is made alone; what it did is what was wanted, and it took as long as that takes. */
static void measured(struct rig *rig, enum host_oid_kind kind, struct want want, uint64_t least,
                     uint64_t most)
{
    const struct host_oid_stats *s = &host_statistics(rig->host)->oid[kind];
    uint64_t writes = s->mmio_writes;
    uint64_t reads = s->mmio_reads;
    const struct host_oid_done *d;

    rig_settle(rig);
    d = &rig->oid[rig->oids - 1];
    ck_assert_uint_eq(d->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(s->mmio_writes - writes, want.writes);
    ck_assert_uint_eq(s->mmio_reads - reads, want.reads);
    ck_assert_uint_eq(d->part_ps[HOST_PART_DRIVER],
                      rig->host_config.oid.issue + want.writes * rig->host_config.general.mmio);
    ck_assert_uint_ge(d->part_ps[HOST_PART_PCIE], want.reads * least);
    /* a read can find the write before it still on the wire */
    ck_assert_uint_le(d->part_ps[HOST_PART_PCIE], want.reads * (most + 3000));
    ck_assert_uint_eq(d->part_ps[HOST_PART_CARD], 0);
    ck_assert_uint_eq(d->part_ps[HOST_PART_INTERRUPT], 0);
}

static void add(struct rig *rig, uint64_t handle, enum esp_dir dir, uint8_t last_byte)
{
    struct esp_node node = rig_node(handle, dir, ESP_MODE_TUNNEL, (uint32_t)(1000 + handle));

    node.dst.bytes[3] = last_byte;
    ck_assert(host_oid_add(rig->host, host_now(rig->host) + US, &node, 1, false, handle, 0));
}

static void delete (struct rig *rig, uint64_t handle)
{
    ck_assert(host_oid_delete(rig->host, host_now(rig->host) + US, &handle, 1, 1000 + handle, 0));
}

/* hardware.md 2.3: transmit SA 6 and 3, receive SA 10 and 6, new address 5 and 3 more; DELETE the same. */
START_TEST(numbers_of_accesses)
{
    const struct want tx = { 6, 3 };
    const struct want rx = { 10, 6 };
    const struct want rx_address = { 15, 9 };
    struct rig *rig = with_tables(1024, 1024, 128);
    const struct host_engine_stats *engine;
    uint64_t least;
    uint64_t most;

    if (_i != 0) { /* another link, another CPU: the same accesses */
        rig->card_config.pcie.generation = 2;
        rig->card_config.pcie.lanes = 8;
        rig->card_config.pcie.up_ps = 250000;
        rig->host_config.general.mmio = 97000;
        rig->host_config.general.mmio_read = 500000;
    }
    rig_open(rig);
    round_trip(&rig->card_config, &least, &most);
    least += rig->host_config.general.mmio_read;
    most += rig->host_config.general.mmio_read;
    ck_assert_uint_le(most - least, 20000); /* edges of the link's clock */
    engine = &host_statistics(rig->host)->engine;
    add(rig, 1, ESP_DIR_OUT, 2); /* starts the engines */
    rig_settle(rig);
    ck_assert_uint_eq(engine->starts, 1);
    ck_assert_uint_eq(engine->mmio_writes, 2 + 6);
    ck_assert_uint_eq(engine->mmio_reads, 5 + 3);
    add(rig, 2, ESP_DIR_OUT, 2);
    measured(rig, HOST_OID_ADD, tx, least, most);
    add(rig, 3, ESP_DIR_IN, 2);
    measured(rig, HOST_OID_ADD, rx_address, least, most);
    add(rig, 4, ESP_DIR_IN, 2);
    measured(rig, HOST_OID_ADD, rx, least, most);
    add(rig, 5, ESP_DIR_IN, 9);
    measured(rig, HOST_OID_ADD, rx_address, least, most);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 5);
    delete (rig, 3);
    measured(rig, HOST_OID_DELETE, rx, least, most);
    delete (rig, 4); /* the last with its address */
    measured(rig, HOST_OID_DELETE, rx_address, least, most);
    delete (rig, 2);
    measured(rig, HOST_OID_DELETE, tx, least, most);
    delete (rig, 5);
    measured(rig, HOST_OID_DELETE, rx_address, least, most);
    ck_assert_uint_eq(engine->stops, 0);
    delete (rig, 1); /* stops them */
    rig_settle(rig);
    ck_assert_uint_eq(engine->stops, 1);
    ck_assert_uint_eq(engine->mmio_writes, 2 + 6 + 2 + 8);
    ck_assert_uint_eq(engine->mmio_reads, 5 + 3 + 5 + 4);
    ck_assert_uint_eq(engine->waits, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 0);
    rig_free(rig);
}
END_TEST

/* ---- there and back ----------------------------------------------------------------------------------- */

enum use { GCM, GMAC_ESP, GMAC_AH, USES };

static struct esp_node node_of(uint64_t handle, enum esp_dir dir, enum esp_mode mode, enum use use,
                               bool v6)
{
    struct esp_node node = rig_node(handle, dir, mode, 500);
    struct esp_sa *sa = &node.sa[0];

    if (use != GCM) {
        sa->auth = sa->enc;
        sa->auth.alg = ESP_ALG_AES_GMAC_128;
        memset(&sa->enc, 0, sizeof sa->enc);
        sa->enc.alg = use == GMAC_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
        sa->op = use == GMAC_ESP ? ESP_OP_ESP : ESP_OP_AH;
    }
    if (mode == ESP_MODE_TRANSPORT) {
        node.src = (struct esp_address){ 4, { 192, 168, 1, 1 } };
        node.dst = (struct esp_address){ 4, { 172, 16, 0, 1 } };
    } else if (v6) {
        node.src = (struct esp_address){ 6, { 0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, [15] = 1 } };
        node.dst = (struct esp_address){ 6, { 0x20, 1, 0xd, 0xb8, 5, 6, 7, 8, [15] = 2 } };
    }
    return node;
}

/* Packets out under one SA and back under the other; all arrive, and on the card if `verdict` says so. */
static void there_and_back(struct rig *rig, enum host_verdict verdict, unsigned packets)
{
    uint64_t begin = host_now(rig->host) + 10 * US;
    unsigned first = rig->wires;
    unsigned ups = rig->ups;

    for (uint32_t i = 0; i < packets; i++) {
        ck_assert(rig_send(rig, begin + 5 * i * US, 1, i, 100 + 30 * i));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, first + packets);
    for (unsigned i = first; i < rig->wires; i++) {
        struct espnic_frame f = { .bytes = rig->wire[i].bytes,
                                  .captured = rig->wire[i].length,
                                  .length = rig->wire[i].length,
                                  .tag = rig->wire[i].tag };

        ck_assert(espnic_wire_rx(rig->card, 0, host_now(rig->host), &f));
        host_simulate(rig->host, host_now(rig->host) + 50 * US);
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->ups, ups + packets);
    for (unsigned i = ups; i < rig->ups; i++) {
        uint8_t expected[2000];

        rig_packet(expected, 1, (uint32_t)rig->up[i].tag, 100 + 30 * (uint32_t)rig->up[i].tag);
        ck_assert_uint_eq(rig->up[i].length, 100 + 30 * rig->up[i].tag);
        ck_assert_mem_eq(rig->up[i].bytes + 14, expected + 14, rig->up[i].length - 14);
        ck_assert_int_eq(rig->up[i].verdict, verdict);
        ck_assert_uint_eq(rig->up[i].handle, 2);
    }
}

static void both_ways(struct rig *rig, enum esp_mode mode, enum use use, bool v6, bool esn)
{
    struct esp_node node[2] = { node_of(1, ESP_DIR_OUT, mode, use, v6),
                                node_of(2, ESP_DIR_IN, mode, use, v6) };

    rig_select(&node[0], 1);
    for (unsigned i = 0; i < 2 && esn; i++) { /* across the end of a half */
        node[i].sa[0].esn = true;
        node[i].sa[0].seq = 0xfffffff8u - i;
    }
    ck_assert(host_oid_add(rig->host, host_now(rig->host) + US, node, 2, false, 7, 0));
    rig_settle(rig);
}

START_TEST(through_tables)
{
    struct rig *rig = with_tables(8, 8, 4);

    rig_open(rig);
    both_ways(rig, _i & 1 ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL, (enum use)(_i / 4), _i & 2,
              false);
    there_and_back(rig, HOST_OFFLOADED, 30);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.ipsec_passes, 30);
    rig_free(rig);
}
END_TEST

/* ---- what the driver refuses ----------------------------------------------------------------------------- */

static void refused(struct rig *rig, const struct esp_node *node, uint32_t status,
                    enum sa_reason reason)
{
    uint64_t reads = nic_statistics(rig->card)->mmio_reads;
    const struct host_oid_stats *s = &host_statistics(rig->host)->oid[HOST_OID_ADD];
    uint64_t writes = s->mmio_writes;

    ck_assert(host_oid_add(rig->host, host_now(rig->host) + US, node, 1, false, 77, 0));
    rig_settle(rig);
    ck_assert_uint_eq(last(rig)->status, status);
    ck_assert_int_eq(last(rig)->reason, reason);
    ck_assert_uint_eq(last(rig)->done, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->mmio_reads, reads);
    ck_assert_uint_eq(s->mmio_writes, writes);
    ck_assert_int_eq(host_where(rig->host, node->handle), HOST_PLACE_SOFTWARE);
}

START_TEST(refused_without_an_access)
{
    struct rig *rig = with_tables(3, 2, 2);
    struct esp_node node;

    rig_open(rig);
    node = rig_node(50, ESP_DIR_OUT, ESP_MODE_TUNNEL, 600);
    node.sa[0].enc.alg = ESP_ALG_AES_GCM_256;
    node.sa[0].enc.length = 36;
    refused(rig, &node, NDIS_STATUS_NOT_SUPPORTED, SA_UNSUPPORTED_ENCRYPTION);
    node = rig_node(51, ESP_DIR_IN, ESP_MODE_TUNNEL, 601);
    node.sa[0].esn = true;
    refused(rig, &node, NDIS_STATUS_NOT_SUPPORTED, SA_UNSUPPORTED_ESN);
    node = rig_node(52, ESP_DIR_OUT, ESP_MODE_TUNNEL, 602);
    node.sa[0].enc.icv = 8;
    refused(rig, &node, NDIS_STATUS_NOT_SUPPORTED, SA_UNSUPPORTED_ICV);
    node = rig_node(53, ESP_DIR_IN, ESP_MODE_TUNNEL, 603);
    memset(node.dst.bytes, 0, sizeof node.dst.bytes);
    refused(rig, &node, NDIS_STATUS_NOT_SUPPORTED, SA_UNSUPPORTED_DESTINATION);
    node = rig_node(54, ESP_DIR_IN, ESP_MODE_TUNNEL, 604);
    node.udp = ESP_UDP_TUNNEL;
    refused(rig, &node, NDIS_STATUS_NOT_SUPPORTED, SA_UNSUPPORTED_UDP);
    add(rig, 1, ESP_DIR_IN, 2);
    add(rig, 2, ESP_DIR_IN, 3);
    rig_settle(rig);
    node = rig_node(55, ESP_DIR_IN, ESP_MODE_TUNNEL, 605);
    node.dst.bytes[3] =
        4; /* the third address: the table of addresses is full before that of SAs */
    refused(rig, &node, NDIS_STATUS_RESOURCES, SA_NO_IP_SLOT);
    node = rig_node(56, ESP_DIR_IN, ESP_MODE_TUNNEL, 1001); /* the first one again */
    refused(rig, &node, NDIS_STATUS_FAILURE, SA_DUPLICATE);
    add(rig, 3, ESP_DIR_IN, 3);
    add(rig, 4, ESP_DIR_OUT, 3);
    add(rig, 5, ESP_DIR_OUT, 3);
    rig_settle(rig);
    node = rig_node(57, ESP_DIR_IN, ESP_MODE_TUNNEL, 606);
    refused(rig, &node, NDIS_STATUS_RESOURCES, SA_FULL);
    node = rig_node(58, ESP_DIR_OUT, ESP_MODE_TUNNEL, 607);
    refused(rig, &node, NDIS_STATUS_RESOURCES, SA_FULL);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 5);
    delete (rig, 5); /* a place that is free again is given again */
    add(rig, 6, ESP_DIR_OUT, 3);
    rig_settle(rig);
    ck_assert_int_eq(host_where(rig->host, 6), HOST_PLACE_CARD);
    /* UPDATE names no ESN SA (1.4); DELETE of an unknown handle is a success (O-3) */
    ck_assert(host_oid_update(rig->host, host_now(rig->host) + US, 6, ESP_OP_ESP, 1006, 1, 78, 0));
    rig_settle(rig);
    ck_assert_uint_eq(last(rig)->status, NDIS_STATUS_INVALID_PARAMETER);
    delete (rig, 4711);
    rig_settle(rig);
    ck_assert_uint_eq(last(rig)->status, NDIS_STATUS_SUCCESS);
    rig_free(rig);
}
END_TEST

/* ---- reset -------------------------------------------------------------------------------------------------- */

/* The tables outlive a reset, the engines do not: stop, clear all, start, write anew. */
START_TEST(restored_after_reset)
{
    const unsigned in = 8;
    const unsigned out = 16;
    const unsigned ips = 4;
    struct rig *rig = with_tables(in, out, ips);
    const struct host_engine_stats *engine;
    uint64_t handle = 9;

    rig_open(rig);
    both_ways(rig, ESP_MODE_TUNNEL, GCM, false, false);
    add(rig, 9, ESP_DIR_OUT, 2);
    there_and_back(rig, HOST_OFFLOADED, 5);
    engine = &host_statistics(rig->host)->engine;
    ck_assert(host_event(rig->host, host_now(rig->host) + US, HOST_EVENT_RESET_BEGIN, 0));
    host_simulate(rig->host, host_now(rig->host) + 10 * US);
    ck_assert(host_oid_delete(rig->host, host_now(rig->host), &handle, 1, 90, 0));
    add(rig, 10, ESP_DIR_OUT, 2);
    host_simulate(rig->host, host_now(rig->host) + 20 * US);
    ck_assert_uint_eq(last(rig)->status, NDIS_STATUS_RESET_IN_PROGRESS);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_END, 0));
    rig_settle(rig);
    ck_assert_uint_eq(engine->restores, 1);
    /* stop 2 + 8, lookup off 2, clear, start 2 + 6, rewrite one address, one receive and two transmit SAs */
    ck_assert_uint_eq(engine->restore_writes,
                      10 + 2 + 6 * out + 10 * in + 5 * ips + 8 + 5 + 10 + 2 * 6);
    ck_assert_uint_eq(engine->restore_reads, 9 + 3 * out + 6 * in + 3 * ips + 8 + 3 + 6 + 2 * 3);
    ck_assert_uint_gt(engine->restore_ps, engine->restore_reads * 200000);
    ck_assert_uint_eq(last(rig)->status, NDIS_STATUS_SUCCESS); /* DELETE, made once more */
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_DELETE].retried, 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2);
    there_and_back(rig, HOST_OFFLOADED, 5);
    rig_free(rig);
}
END_TEST

/* A request whose accesses a reset interrupts goes on, ends once, and is part of what is restored. */
START_TEST(reset_in_the_middle)
{
    struct rig *rig = with_tables(8, 8, 4);

    rig_open(rig);
    both_ways(rig, ESP_MODE_TUNNEL, GCM, false, false);
    add(rig, 5, ESP_DIR_IN, 7);
    host_simulate(rig->host, host_now(rig->host) + (500 + 400 * (uint64_t)_i) * 1000);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_BEGIN, 0));
    host_simulate(rig->host, host_now(rig->host) + 30 * US);
    ck_assert(host_event(rig->host, host_now(rig->host), HOST_EVENT_RESET_END, 0));
    rig_settle(rig);
    ck_assert_uint_eq(rig->oids, 2);
    ck_assert_uint_eq(host_statistics(rig->host)->engine.restores, 1);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live,
                      host_where(rig->host, 5) == HOST_PLACE_CARD ? 3 : 2);
    there_and_back(rig, HOST_OFFLOADED, 5);
    rig_free(rig);
}
END_TEST

/* Packets are inside when the first SA comes: the driver waits until they have left, and none is lost. */
START_TEST(engines_start_under_load)
{
    struct rig *rig = with_tables(8, 8, 4);
    const struct host_engine_stats *engine;

    rig->card_config.mac.rate = 100000000;
    rig->host_config.tx.no_match = HOST_NO_MATCH_CLEAR;
    rig->host_config.oid.drain_poll = 200 * US;
    rig_open(rig);
    for (uint32_t i = 0; i < 30; i++) {
        ck_assert(rig_send(rig, rig->t0 + i, 9, i, 1000));
    }
    host_simulate(rig->host, rig->t0 + 100 * US);
    engine = &host_statistics(rig->host)->engine;
    both_ways(rig, ESP_MODE_TUNNEL, GCM, false, false);
    ck_assert_uint_eq(engine->starts, 1);
    ck_assert_uint_gt(engine->waits, 1);
    ck_assert_uint_eq(engine->mmio_reads, 5 + 3 + 2 * engine->waits);
    ck_assert_uint_eq(last(rig)->part_ps[HOST_PART_CARD], engine->waits * 200 * US);
    ck_assert_uint_eq(rig->wires, 30);
    there_and_back(rig, HOST_OFFLOADED, 5);
    rig_free(rig);
}
END_TEST

START_TEST(cancelled_before_its_turn)
{
    struct rig *rig = with_tables(8, 8, 4);

    rig_open(rig);
    for (unsigned i = 0; i < 6; i++) {
        struct esp_node node = rig_node(1 + i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500 + i);

        ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1 + i, 100 + i));
    }
    ck_assert(host_event(rig->host, rig->t0, HOST_EVENT_CANCEL, 105));
    rig_settle(rig);
    ck_assert_uint_eq(rig->oids, 6);
    ck_assert_int_eq(host_where(rig->host, 6), HOST_PLACE_SOFTWARE);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 5);
    rig_free(rig);
}
END_TEST

/* ---- the registers themselves ------------------------------------------------------------------------------- */

/* WRITE clears itself after the time of a store; the card takes the data as they were at the strobe. */
START_TEST(strobe_clears_itself)
{
    struct rig *rig = with_tables(8, 8, 4);
    uint64_t write = REG_MASK(IPSTXIDX, WRITE) | REG_PUT(IPSTXIDX, INDEX, 0, 5);
    struct bench b;
    uint64_t t = US;

    rig->card_config.command.table_write = 3 * US;
    ck_assert(nic_config_check(&rig->card_config, (char[256]){ 0 }, 256));
    bench_open(&b, &rig->card_config);
    for (unsigned i = 0; i < 4; i++) {
        bench_write(&b, t, REG_IPSTXKEY, i, 0x11111111u * (i + 1));
    }
    bench_write(&b, t, REG_IPSTXSALT, 0, 77);
    bench_write(&b, t, REG_IPSTXIDX, 0, write);
    bench_write(&b, t, REG_IPSTXSALT, 0, 99); /* too late for this entry */
    ck_assert_uint_eq(bench_read(&b, t, REG_IPSTXIDX), write);
    ck_assert_uint_eq(bench_read(&b, t + 2 * US, REG_IPSTXIDX), write);
    ck_assert_uint_eq(bench_read(&b, t + 4 * US, REG_IPSTXIDX),
                      write & ~(uint64_t)REG_MASK(IPSTXIDX, WRITE));
    bench_write(&b, t + 10 * US, REG_IPSTXIDX, 0,
                REG_MASK(IPSTXIDX, READ) | REG_PUT(IPSTXIDX, INDEX, 0, 5));
    ck_assert_uint_eq(bench_read(&b, t + 20 * US, REG_IPSTXSALT), 77);
    ck_assert_uint_eq(nic_statistics(b.card)->sa_live, 1);
    ck_assert_uint_eq(bench_read(&b, t + 30 * US, REG_CMD_SIZE), UINT64_MAX); /* has no queue */
    ck_assert(!b.ok);
    /* not fed and empty: ready; an index beyond the table stores nothing */
    ck_assert_uint_eq(bench_read(&b, t + 40 * US, REG_SECTXSTAT), 0);
    bench_write(&b, t + 50 * US, REG_SECTXCTRL, 0, REG_MASK(SECTXCTRL, TX_DIS));
    bench_write(&b, t + 50 * US, REG_IPSTXIDX, 0,
                REG_MASK(IPSTXIDX, WRITE) | REG_PUT(IPSTXIDX, INDEX, 0, 8));
    ck_assert_uint_eq(bench_read(&b, t + 60 * US, REG_SECTXSTAT), 1);
    ck_assert_uint_eq(nic_statistics(b.card)->sa_live, 1);
    espnic_destroy(b.card);
    rig_free(rig);
}
END_TEST

/* A driver that looks at WRITE: at once and then each millisecond, until it is clear or for the sixth time. */
static void looks(uint64_t table_write, unsigned waits, unsigned given_up)
{
    struct rig *rig = with_tables(8, 8, 4);
    const struct host_engine_stats *engine;
    const struct host_oid_stats *stats;
    uint64_t reads;

    rig->card_config.command.table_write = table_write;
    rig->host_config.oid.store = HOST_STORE_POLL;
    rig_open(rig);
    engine = &host_statistics(rig->host)->engine;
    stats = &host_statistics(rig->host)->oid[HOST_OID_ADD];
    add(rig, 1, ESP_DIR_OUT, 2);
    rig_settle(rig);
    ck_assert_uint_eq(stats->mmio_reads, 3 + waits); /* a look for each flush behind a store */
    ck_assert_uint_eq(engine->store_waits, waits);
    ck_assert_uint_eq(engine->store_given_up, given_up);
    ck_assert_uint_eq(last(rig)->part_ps[HOST_PART_CARD], waits * rig->host_config.oid.store_wait);
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 1);
    if (given_up == 0) { /* address, SPI and key: each store has its own looks */
        reads = stats->mmio_reads;
        add(rig, 2, ESP_DIR_IN, 2);
        rig_settle(rig);
        ck_assert_uint_eq(stats->mmio_reads - reads, 9 + 3 * waits);
        ck_assert_uint_eq(engine->store_waits, 4 * waits);
        ck_assert_uint_eq(engine->store_given_up, 0);
        ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, 2);
    }
    rig_free(rig);
}

START_TEST(looks_at_write)
{
    static const struct {
        uint64_t table_write;
        unsigned waits, given_up;
    } cases[] = { { 0, 0, 0 },         { 500 * US, 1, 0 },  { 1500 * US, 2, 0 },
                  { 2500 * US, 3, 0 }, { 4500 * US, 5, 0 }, { 20000 * US, 5, 1 } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        looks(cases[i].table_write, cases[i].waits, cases[i].given_up);
    }
}
END_TEST

/* ---- firmware ------------------------------------------------------------------------------------------------ */

enum { BURST = 60 };

static struct rig *burst_of_adds(uint64_t seed)
{
    struct rig *rig = rig_new(true, false);

    rig_path(rig, NIC_PATH_FIRMWARE);
    rig->card_config.general.seed = seed;
    rig_open(rig);
    for (unsigned i = 0; i < BURST; i++) {
        struct esp_node node = rig_node(1 + i, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500 + i);

        ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1 + i, 100 + i));
    }
    host_simulate(rig->host, rig->t0 + 50 * US);
    return rig;
}

/* One command at a time, each within the distribution; no more with the card than it lets wait. */
START_TEST(firmware_takes_its_time)
{
    struct rig *rig = burst_of_adds(1);
    struct rig *same = burst_of_adds(1);
    struct rig *other = burst_of_adds(2);
    const struct nic_command_config *c = &rig->card_config.command;
    uint64_t before = 0;
    unsigned differ = 0;

    rig_settle(rig);
    rig_settle(same);
    rig_settle(other);
    ck_assert_uint_eq(rig->oids, BURST);
    for (unsigned i = 0; i < BURST; i++) {
        uint64_t took = rig->oid[i].time - before;

        ck_assert_uint_eq(rig->oid[i].status, NDIS_STATUS_SUCCESS);
        ck_assert_uint_eq(rig->oid[i].time, same->oid[i].time);
        differ += rig->oid[i].time != other->oid[i].time;
        if (i > 0) { /* DMA of the next command hides behind the work on this one */
            ck_assert_uint_ge(took + US / 10, 2 * c->least);
            ck_assert_uint_le(took, 2 * c->most + 5 * US);
        }
        before = rig->oid[i].time;
        /* the card's part is its queue and the work: the 40th waits for those that the card lets in */
        ck_assert_uint_ge(rig->oid[i].part_ps[HOST_PART_CARD], 2 * c->least);
        ck_assert_uint_le(rig->oid[i].part_ps[HOST_PART_CARD], 2 * c->limit * c->most);
        if (i >= c->limit) {
            ck_assert_uint_ge(rig->oid[i].part_ps[HOST_PART_DRIVER], 2 * c->least);
        }
    }
    ck_assert_uint_gt(differ, BURST / 2);
    ck_assert_uint_eq(host_statistics(rig->host)->commands_held, BURST - c->limit);
    /* in the long run: the mean of the linear pieces */
    ck_assert_uint_ge((before - rig->t0) / (2 * BURST), 180 * US);
    ck_assert_uint_le((before - rig->t0) / (2 * BURST), 220 * US);
    rig_free(rig);
    rig_free(same);
    rig_free(other);
}
END_TEST

/* ---- contexts in descriptors ---------------------------------------------------------------------------------- */

START_TEST(through_descriptors)
{
    bool table = _i & 1;
    struct rig *rig = rig_new(false, true);
    const struct host_oid_done *d;

    rig_path(rig, NIC_PATH_DESCRIPTOR);
    rig->card_config.command.inbound = table;
    rig_open(rig);
    both_ways(rig, ESP_MODE_TUNNEL, GCM, _i & 2, _i & 4);
    d = last(rig);
    ck_assert_uint_eq(d->status, NDIS_STATUS_SUCCESS);
    ck_assert_uint_eq(d->done, table ? 2 : 1);
    if (!table) { /* the driver alone */
        ck_assert_uint_eq(d->time - d->request_time, d->part_ps[HOST_PART_DRIVER]);
        ck_assert_int_eq(d->reason, SA_UNSUPPORTED_INBOUND);
    }
    ck_assert_uint_eq(nic_statistics(rig->card)->sa_live, table ? 1 : 0);
    there_and_back(rig, table ? HOST_OFFLOADED : HOST_SOFTWARE, 30);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 0);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.ipsec_passes, 30);
    delete (rig, 1);
    rig_settle(rig);
    d = last(rig);
    ck_assert_uint_eq(d->done, 1);
    ck_assert_uint_eq(d->time - d->request_time, d->part_ps[HOST_PART_DRIVER]);
    rig_free(rig);
}
END_TEST

static void send_some(struct rig *rig)
{
    struct esp_node node = rig_node(1, ESP_DIR_OUT, ESP_MODE_TUNNEL, 500);

    rig_open(rig);
    rig_select(&node, 1);
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 7, 0));
    rig_settle(rig);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert(rig_send(rig, rig->t0 + 100 * US + 5 * i * US, 1, i, 100));
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->wires, 20);
}

/* A context costs its bytes on the link with every descriptor. */
START_TEST(descriptors_carry_their_bytes)
{
    struct rig *rig[2] = { rig_new(false, true), rig_new(false, true) };
    uint64_t bytes[2];

    for (unsigned i = 0; i < 2; i++) {
        rig_path(rig[i], NIC_PATH_DESCRIPTOR);
        rig[i]->card_config.command.context = i == 0 ? 64 : 192;
        send_some(rig[i]);
        bytes[i] = nic_pcie_payload(rig[i]->card, 1);
        rig_free(rig[i]);
    }
    ck_assert_uint_eq(bytes[1] - bytes[0], 20 * (192 - 64));
}
END_TEST

/* ---- cards that cannot be -------------------------------------------------------------------------------------- */

static const struct {
    enum nic_path path;
    const char *parameter, *value, *named;
} cases[] = {
    { NIC_PATH_REGISTERS, "card.offload", "packet", "card.offload" },
    { NIC_PATH_REGISTERS, "card.sa.storage", "host-cache", "card.sa.storage" },
    { NIC_PATH_REGISTERS, "card.sa.table.organisation", "hash", "card.sa.table.organisation" },
    { NIC_PATH_REGISTERS, "card.sa.table.capacity_in", "1025", "card.sa.table.capacity_in" },
    { NIC_PATH_REGISTERS, "card.sa.table.ip_entries", "0", "card.sa.table.ip_entries" },
    { NIC_PATH_REGISTERS, "card.sa.table.per_direction", "false", "card.sa.table.per_direction" },
    { NIC_PATH_REGISTERS, "card.algorithms.encryption", "all", "card.algorithms.encryption" },
    { NIC_PATH_REGISTERS, "card.capabilities.esn", "true", "card.capabilities.esn" },
    { NIC_PATH_FIRMWARE, "card.command.p99", "1us", "card.command.p99" },
    { NIC_PATH_FIRMWARE, "card.command.least", "1s", "card.command.least" },
    { NIC_PATH_FIRMWARE, "card.capabilities.ah", "false", "card.capabilities.ah_esp" },
    { NIC_PATH_FIRMWARE, "card.capabilities.esp", "false", "card.capabilities.ah_esp" },
    { NIC_PATH_DESCRIPTOR, "card.offload", "packet", "card.offload" },
    { NIC_PATH_DESCRIPTOR, "card.command.context", "72B", "card.command.context" },
    { NIC_PATH_DESCRIPTOR, "card.capabilities.ah_esp", "true", "card.capabilities.ah_esp" },
};

enum { IMPOSSIBLE_CARDS = sizeof cases / sizeof cases[0] };

START_TEST(impossible_cards)
{
    struct rig *rig = rig_new(false, false);
    char error[512] = "";

    rig_path(rig, cases[_i].path);
    ck_assert_msg(nic_config_check(&rig->card_config, error, sizeof error), "%s", error);
    ck_assert_msg(espnic_config_set(&rig->card_config, cases[_i].parameter, cases[_i].value, error,
                                    sizeof error),
                  "%s", error);
    ck_assert(!nic_config_check(&rig->card_config, error, sizeof error));
    ck_assert_msg(strncmp(error, cases[_i].named, strlen(cases[_i].named)) == 0, "%s", error);
    ck_assert_ptr_nonnull(strstr(error, "expected"));
    free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command paths");
    TCase *tcase = tcase_create("command paths");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, numbers_of_accesses, 0, 2);
    tcase_add_loop_test(tcase, through_tables, 0, 4 * USES);
    tcase_add_test(tcase, refused_without_an_access);
    tcase_add_test(tcase, restored_after_reset);
    tcase_add_loop_test(tcase, reset_in_the_middle, 0, 16);
    tcase_add_test(tcase, engines_start_under_load);
    tcase_add_test(tcase, cancelled_before_its_turn);
    tcase_add_test(tcase, strobe_clears_itself);
    tcase_add_test(tcase, looks_at_write);
    tcase_add_test(tcase, firmware_takes_its_time);
    tcase_add_loop_test(tcase, through_descriptors, 0, 8);
    tcase_add_test(tcase, descriptors_carry_their_bytes);
    tcase_add_loop_test(tcase, impossible_cards, 0, IMPOSSIBLE_CARDS);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
