/* Completions: what they cost on the bus, counted by hand; that each comes once, in its place, and not later than
 * it should; and that no ring can be asked for what it cannot do. */
#include "card_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { EACH, REPORT, HEAD };
enum { LONG_NS = 1000000000 };

static void done(struct crig *rig, bool rx, unsigned q, unsigned mode, unsigned batch,
                 unsigned bytes, uint32_t wait_ns)
{
    uint64_t v = REG_PUT(TX_DONE, MODE, 0, mode);

    v = REG_PUT(TX_DONE, BATCH, v, batch);
    v = REG_PUT(TX_DONE, BYTES, v, bytes / 16);
    crig_set(rig, rx ? REG_RX_DONE_WAIT : REG_TX_DONE_WAIT, q, wait_ns);
    crig_set(rig, rx ? REG_RX_DONE : REG_TX_DONE, q, v);
}

/* Frames `from` to `to` of 100 bytes, every `report`th asks to be reported. */
static void send(struct crig *rig, unsigned from, unsigned to, unsigned report)
{
    for (unsigned n = from; n < to; n++) {
        struct abi_tx_descriptor d = { .length = 100, .tag = n };

        d.flags = (n + 1) % report == 0 ? ABI_TX_REPORT : 0;
        crig_udp(crig_frame_bytes(rig, n), n, 100);
        crig_put(rig, 0, &d);
    }
    crig_ring(rig, 0);
}

/* ---- what they cost -------------------------------------------------------------------------------------- */

/* 64 packets. A write TLP is 24 bytes and its data, of 256 bytes at most (MPS). */
START_TEST(bytes_of_sending)
{
    static const struct {
        unsigned mode, batch, bytes, report;
        uint64_t tlps, wire;
    } cases[] = {
        { EACH, 1, 32, 1, 64, 64 * (24 + 32) },    /* 56 bytes a packet */
        { EACH, 1, 16, 1, 64, 64 * (24 + 16) },    /* 40 */
        { EACH, 8, 32, 1, 8, 8 * (24 + 256) },     /* 35 */
        { EACH, 16, 32, 1, 8, 8 * (24 + 256) },    /* 512 bytes are two TLPs */
        { EACH, 8, 16, 1, 8, 8 * (24 + 128) },     /* 19 */
        { EACH, 4, 128, 1, 32, 32 * (24 + 256) },  /* 140 */
        { EACH, 64, 128, 1, 32, 32 * (24 + 256) }, /* 8 KiB in one request */
        { REPORT, 1, 32, 16, 4, 4 * (24 + 32) },   /* 3.5 */
        { REPORT, 4, 32, 16, 1, 24 + 128 },        /* 2.4 */
        { REPORT, 1, 64, 32, 2, 2 * (24 + 64) },   /* 2.75 */
        { HEAD, 1, 32, 32, 2, 2 * (24 + 4) },      /* 0.9 */
        { HEAD, 4, 32, 16, 1, 24 + 4 },            /* 0.4 */
        { HEAD, 1, 32, 1, 64, 64 * (24 + 4) },     /* 28 */
    };
    struct crig *rig = crig_new();
    struct pcie_direction_stats up;

    crig_open(rig, true);
    done(rig, false, 0, cases[_i].mode, cases[_i].batch, cases[_i].bytes, LONG_NS);
    crig_tx_ring(rig, 0, 256);
    crig_settle(rig);
    crig_mark(rig);
    send(rig, 0, 64, cases[_i].report);
    crig_settle(rig);
    up = crig_since(rig, 0);
    ck_assert_uint_eq(rig->wires, 64);
    ck_assert_uint_eq(up.tlps_write, cases[_i].tlps);
    ck_assert_uint_eq(up.wire_write, cases[_i].wire);
    ck_assert_uint_eq(rig->card->stats.rings.tx_done_entries,
                      cases[_i].mode == REPORT ? 64 / cases[_i].report : 64);
    ck_assert_uint_eq(crig_get(rig, REG_TX_HEAD, 0), 64);
    crig_free(rig);
}
END_TEST

/* 32 packets of 200 bytes, a TLP of 224 each; with the prefix 264 bytes, which are two. */
START_TEST(bytes_of_receiving)
{
    static const struct {
        unsigned mode, batch, bytes;
        uint64_t tlps, wire;
    } cases[] = {
        { EACH, 1, 64, 64, 32 * (224 + 24 + 64) },
        { EACH, 1, 32, 64, 32 * (224 + 24 + 32) },
        { EACH, 4, 64, 40, 32 * 224 + 8 * (24 + 256) },
        { EACH, 8, 32, 36, 32 * 224 + 4 * (24 + 256) },
        { EACH, 16, 128, 48, 32 * 224 + 16 * (24 + 256) },
        { HEAD, 8, 64, 68, 32 * (2 * 24 + 264) + 4 * (24 + 4) },
        { HEAD, 32, 64, 65, 32 * (2 * 24 + 264) + 1 * (24 + 4) },
    };
    struct crig *rig = crig_new();
    struct pcie_direction_stats up;

    crig_open(rig, true);
    done(rig, true, 0, cases[_i].mode, cases[_i].batch, cases[_i].bytes, LONG_NS);
    crig_rx_ring(rig, 0, 64, 2048);
    crig_settle(rig);
    crig_mark(rig);
    for (unsigned n = 0; n < 32; n++) {
        crig_receive(rig, n, 200);
    }
    crig_until(rig, espnic_now(rig->card) + 100000000);
    up = crig_since(rig, 0);
    ck_assert_uint_eq(up.tlps_write, cases[_i].tlps);
    ck_assert_uint_eq(up.wire_write, cases[_i].wire);
    crig_settle(rig);
    ck_assert_uint_eq(crig_get(rig, REG_RX_HEAD, 0), 32);
    crig_free(rig);
}
END_TEST

/* ---- each once, in its place ------------------------------------------------------------------------------- */

/* A driver that reads entries as they come, over several passes through a small ring. */
struct reader {
    struct crig *rig;
    uint32_t entries, known;
    bool seen[1024];
};

static bool entry(struct reader *r, uint32_t bytes, struct abi_tx_completion *c)
{
    uint32_t size = r->rig->tx_size[0];
    const uint8_t *at = r->rig->memory + crig_tx_done_at(0) + (r->entries & (size - 1)) * bytes;

    memset(c, 0, sizeof *c);
    memcpy(c, at, bytes < sizeof *c ? bytes : sizeof *c);
    return ((c->flags & ABI_PHASE) != 0) == ((r->entries & size) == 0);
}

static void read_all(struct reader *r, unsigned mode, uint32_t bytes)
{
    struct abi_tx_completion c;

    while (mode != HEAD && entry(r, bytes, &c)) {
        r->entries++;
        ck_assert_uint_eq(c.status, ABI_TX_OK);
        if (mode == REPORT) {
            ck_assert_uint_gt(c.head, r->known);
            ck_assert_uint_eq(c.tag, c.head - 1);
            r->known = c.head;
        } else {
            ck_assert(!r->seen[c.tag]);
            r->seen[c.tag] = true;
            r->known++;
        }
    }
    if (mode == HEAD) {
        memcpy(&r->known, r->rig->memory + crig_tx_done_at(0), 4);
    }
}

START_TEST(every_one_once)
{
    static const struct {
        unsigned mode, batch, bytes, report;
    } cases[] = { { EACH, 1, 32, 1 },    { EACH, 6, 32, 1 },   { EACH, 5, 16, 1 },
                  { EACH, 64, 64, 1 },   { REPORT, 1, 32, 5 }, { REPORT, 3, 128, 7 },
                  { REPORT, 64, 32, 1 }, { HEAD, 2, 32, 3 },   { HEAD, 64, 32, 100 } };
    struct crig *rig = crig_new();
    struct reader r = { .rig = rig };
    unsigned sent = 0;

    crig_open(rig, true);
    done(rig, false, 0, cases[_i].mode, cases[_i].batch, cases[_i].bytes, 300);
    crig_tx_ring(rig, 0, 16);
    for (unsigned round = 0; sent < 600; round++) {
        ck_assert_uint_lt(round, 3000);
        unsigned room = 16 - (sent - r.known);
        unsigned n = round % 5 < room ? round % 5 : room;

        send(rig, sent, sent + n, cases[_i].report);
        sent += n;
        crig_until(rig, espnic_now(rig->card) + 50000 + round % 7 * 40000);
        read_all(&r, cases[_i].mode, cases[_i].bytes);
        ck_assert_uint_le(r.known, rig->wires);
    }
    crig_settle(rig);
    read_all(&r, cases[_i].mode, cases[_i].bytes);
    ck_assert_uint_eq(r.known, sent);
    ck_assert_uint_eq(rig->wires, sent);
    crig_free(rig);
}
END_TEST

/* Two lanes fill one ring; on a slow link the completion of a short packet overtakes that of a long one. */
START_TEST(received_in_place)
{
    static const struct {
        unsigned mode, batch, bytes;
    } cases[] = {
        { EACH, 1, 64 }, { EACH, 1, 32 }, { EACH, 7, 64 }, { EACH, 3, 128 }, { HEAD, 4, 64 }
    };
    enum { RING = 8 };
    struct crig *rig = crig_new();
    uint32_t got = 0;
    uint32_t number = 0;
    bool seen[400] = { false };

    rig->config.general.lanes = 2;
    rig->config.general.steering = NIC_STEER_ARRIVAL;
    rig->config.pcie.generation = 1;
    rig->config.pcie.lanes = 1;
    crig_open(rig, true);
    done(rig, true, 0, cases[_i].mode, cases[_i].batch, cases[_i].bytes, 500);
    crig_rx_ring(rig, 0, RING, 16384);
    crig_settle(rig);
    while (number < 300) {
        unsigned burst = 1 + number % 4;

        for (unsigned i = 0; i < burst; i++, number++) {
            crig_receive(rig, number, number % 3 ? 9000 : 64);
            crig_until(rig, espnic_now(rig->card) + 2000000);
        }
        crig_settle(rig);
        for (; got < number; got++) {
            struct abi_rx_completion c;
            struct abi_rx_short s;
            uint32_t at = got % RING;
            const uint8_t *e = rig->memory + crig_rx_done_at(0) + (size_t)at * cases[_i].bytes;
            const uint8_t *packet = rig->memory + CRIG_BUFFERS + (size_t)at * CRIG_BUFFER;
            static uint8_t want[9000];
            uint32_t n;

            memcpy(&c, cases[_i].mode == HEAD ? packet : e, sizeof c);
            memcpy(&s, e, sizeof s);
            if (cases[_i].bytes == 32) {
                c.length = s.length;
                c.cookie = s.cookie;
                c.flags = s.flags;
            }
            packet += cases[_i].mode == HEAD ? ABI_RX_PREFIX : 0;
            if (cases[_i].mode != HEAD) {
                ck_assert_uint_eq((c.flags & ABI_PHASE) != 0, (got & RING) == 0);
            }
            ck_assert_uint_eq(c.cookie, at);
            n = esp_get16(packet + 18); /* the IP ID */
            ck_assert(n < number && !seen[n]);
            seen[n] = true;
            crig_udp(want, n, n % 3 ? 9000 : 64);
            ck_assert_uint_eq(c.length, n % 3 ? 9000 : 64);
            ck_assert_mem_eq(packet, want, c.length);
        }
        crig_post_rx(rig, 0, burst, 16384);
    }
    crig_settle(rig);
    crig_free(rig);
}
END_TEST

/* Entries in memory before which none is missing, as a driver sees them by their phase. */
static uint32_t contiguous(const struct crig *rig, uint32_t from, uint32_t size)
{
    for (;; from++) {
        struct abi_rx_completion c;

        memcpy(&c, rig->memory + crig_rx_done_at(0) + from % size * sizeof c, sizeof c);
        if (((c.flags & ABI_PHASE) != 0) != ((from & size) == 0)) {
            return from;
        }
    }
}

/* Two ports, two lanes, one queue: a short packet's entry overtakes that of a long one, where the ring ends, too.
 * The driver posts what it has seen; were a phase not that of the entry's own pass, it would see no more. */
START_TEST(lanes_overtake_each_other)
{
    enum { RING = 8, PACKETS = 400 };
    static uint8_t bytes[9000];
    struct crig *rig = crig_new();
    uint32_t seen = 0;
    unsigned overtaken = 0;

    rig->config.general.ports = 2;
    rig->config.general.lanes = 2;
    crig_open(rig, true);
    done(rig, true, 0, EACH, 1, 64, 0);
    crig_rx_ring(rig, 0, RING, 16384);
    crig_settle(rig);
    rig->writes = 0;
    for (unsigned n = 0; n < PACKETS; n += 2) {
        uint64_t now = espnic_now(rig->card);

        for (unsigned port = 0; port < 2; port++) {
            uint32_t length = (n / 2 + port) % 3 ? 64 : 9000;
            struct espnic_frame f = { .bytes = bytes, .captured = length, .length = length };

            crig_udp(bytes, n + port, length);
            ck_assert(espnic_wire_rx(rig->card, port, now, &f));
        }
        while (espnic_next_event(rig->card) < now + 2000000) { /* 2 us */
            espnic_advance(rig->card, espnic_next_event(rig->card));
            ck_assert_uint_le((uint32_t)reg_get(&rig->card->registers, REG_RX_HEAD, 0),
                              contiguous(rig, seen, RING));
        }
        crig_until(rig, now + 2000000);
        crig_post_rx(rig, 0, contiguous(rig, seen, RING) - seen, 16384);
        seen = contiguous(rig, seen, RING);
    }
    crig_settle(rig);
    ck_assert_uint_eq(contiguous(rig, seen, RING), PACKETS);
    ck_assert_uint_eq(crig_get(rig, REG_RX_HEAD, 0), PACKETS);
    for (unsigned i = 0, last = RING - 1; i < rig->writes; i++) {
        if (rig->write[i].length == sizeof(struct abi_rx_completion)) {
            unsigned at = (unsigned)(rig->write[i].address - crig_rx_done_at(0)) / rig->write[i].length;

            overtaken += at != (last + 1) % RING;
            last = at;
        }
    }
    ck_assert_uint_gt(overtaken, PACKETS / 20);
    crig_free(rig);
}
END_TEST

/* The number written never counts a descriptor whose frame has not left, though those behind it have. */
START_TEST(head_waits_for_its_turn)
{
    struct crig *rig = crig_new();
    uint32_t head = 0;
    unsigned heads = 0;

    rig->config.general.ports = 2;
    rig->config.mac.rate = 1000000000;
    crig_open(rig, true);
    done(rig, false, 0, HEAD, 1, 32, 0);
    crig_tx_ring(rig, 0, 64);
    for (unsigned n = 0; n < 20; n++) {
        struct abi_tx_descriptor d = { .length = n % 10 ? 60 : 9000,
                                       .tag = n,
                                       .flags = ABI_TX_REPORT };

        d.port = n % 10 ? 1 : 0;
        crig_udp(crig_frame_bytes(rig, n), n, d.length);
        crig_put(rig, 0, &d);
    }
    crig_ring(rig, 0);
    crig_settle(rig);
    for (unsigned i = 0; i < rig->writes; i++) {
        const struct crig_write *w = &rig->write[i];

        if (w->address != crig_tx_done_at(0)) {
            continue;
        }
        heads++;
        ck_assert_uint_gt(w->word, head);
        head = w->word;
        for (unsigned f = 0; f < rig->wires; f++) {
            ck_assert(rig->wire[f].tag >= head || rig->wire[f].time <= w->time);
        }
    }
    ck_assert_uint_eq(head, 20);
    ck_assert_uint_ge(heads, 2);
    ck_assert_uint_lt(heads, 20); /* some waited for the long ones */
    crig_free(rig);
}
END_TEST

/* ---- not withheld ----------------------------------------------------------------------------------------- */

static uint64_t completion_time(const struct crig *rig, uint64_t address)
{
    for (unsigned i = 0; i < rig->writes; i++) {
        if (rig->write[i].address == address) {
            return rig->write[i].time;
        }
    }
    return ESPNIC_NEVER;
}

/* Five of 64 received: they wait as long as the ring says, and no longer. */
static uint64_t wait_of(unsigned mode, uint32_t wait_ns)
{
    struct crig *rig = crig_new();
    uint64_t begin;
    uint64_t end;

    crig_open(rig, true);
    done(rig, true, 0, mode, 64, 64, wait_ns);
    crig_rx_ring(rig, 0, 64, 2048);
    crig_settle(rig);
    begin = espnic_now(rig->card);
    for (unsigned n = 0; n < 5; n++) {
        crig_receive(rig, n, 100);
    }
    crig_settle(rig);
    end = completion_time(rig, crig_rx_done_at(0));
    ck_assert_uint_ne(end, ESPNIC_NEVER);
    ck_assert_uint_eq(rig->card->stats.rings.rx_done_entries, 5);
    ck_assert_uint_eq(rig->card->stats.rings.done_cause[NIC_DONE_WAITED], 1);
    crig_free(rig);
    return end - begin;
}

/* Less than the 2 ns of a core cycle: a SKP ordered set may stand before the TLP. */
START_TEST(waits_as_long_as_it_says)
{
    static const uint32_t waits[] = { 1002, 1004, 7000, 1000000 };
    uint64_t least = wait_of(_i ? HEAD : EACH, 1000);

    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint64_t more = (waits[i] - 1000) * 1000ull;
        uint64_t took = wait_of(_i ? HEAD : EACH, waits[i]) - least;

        ck_assert_uint_lt(took < more ? more - took : took - more, 1000);
    }
}
END_TEST

/* The last of the traffic does not wait: nothing that could come is posted. */
START_TEST(the_last_ones)
{
    static const unsigned modes[] = { EACH, REPORT, HEAD };
    struct crig *rig = crig_new();

    crig_open(rig, true);
    done(rig, false, 0, modes[_i], 64, 32, LONG_NS);
    done(rig, true, 0, modes[_i] == REPORT ? EACH : modes[_i], 64, 64, LONG_NS);
    crig_tx_ring(rig, 0, 64);
    rig->rx_size[0] = 64;
    crig_rx_ring(rig, 0, 4, 2048);
    crig_settle(rig);
    send(rig, 0, 5, 100);
    for (unsigned n = 0; n < 4; n++) {
        crig_receive(rig, n, 100);
    }
    crig_until(rig, espnic_now(rig->card) + 10000000); /* 10 us of a second */
    ck_assert_uint_eq(rig->wires, 5);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 5);
    ck_assert_uint_eq(rig->card->dma.rx[0].completed, 4);
    if (modes[_i] != EACH) { /* else the ring of four entries ends with the last */
        ck_assert_uint_ge(rig->card->stats.rings.done_cause[NIC_DONE_NOTHING_LEFT], 1);
    }
    crig_settle(rig);
    crig_free(rig);
}
END_TEST

/* A slow one is left: those before it are told when they have waited, with or without asking for it. */
START_TEST(behind_a_slow_one)
{
    static const struct {
        unsigned mode, report;
    } cases[] = { { EACH, 1 }, { REPORT, 1 }, { REPORT, 100 }, { HEAD, 1 }, { HEAD, 100 } };
    struct crig *rig = crig_new();
    struct abi_tx_descriptor slow = { .length = 9000, .tag = 5 };
    uint64_t begin;

    rig->config.mac.rate = 100000000; /* 720 us for it, 8 us for each of the others */
    crig_open(rig, true);
    done(rig, false, 0, cases[_i].mode, 64, 32, 30000);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    send(rig, 0, 5, cases[_i].report);
    crig_put(rig, 0, &slow);
    crig_ring(rig, 0);
    begin = espnic_now(rig->card);
    crig_until(rig, begin + 5 * 10000000 + 40000000);
    ck_assert_uint_eq(rig->wires, 5);
    ck_assert_uint_ge(rig->card->dma.tx[0].completed, 3);
    crig_until(rig, begin + 5 * 10000000 + 80000000);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 5);
    ck_assert_uint_ge(rig->card->stats.rings.done_cause[NIC_DONE_WAITED], 1);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 6);
    crig_free(rig);
}
END_TEST

/* ---- failures and refusals ------------------------------------------------------------------------------- */

/* Whoever fails is reported, asked or not, with its reason; those before it are complete with it. */
START_TEST(failures_are_told)
{
    struct crig *rig = crig_new();
    struct abi_tx_completion c;
    const struct abi_tx_descriptor bad = { .length = 5, .tag = 3 };

    crig_open(rig, true);
    done(rig, false, 0, REPORT, 1, 32, LONG_NS);
    crig_tx_ring(rig, 0, 64);
    send(rig, 0, 3, 100);
    crig_put(rig, 0, &bad);
    send(rig, 4, 8, 8);
    crig_settle(rig);
    memcpy(&c, rig->memory + crig_tx_done_at(0), sizeof c);
    ck_assert_uint_eq(c.tag, 3);
    ck_assert_uint_eq(c.status, (uint32_t)ABI_TX_FAILED);
    ck_assert_uint_eq(c.reason, NIC_DROP_BAD_LENGTH);
    ck_assert_uint_eq(c.head, 4);
    memcpy(&c, rig->memory + crig_tx_done_at(0) + 32, sizeof c);
    ck_assert_uint_eq(c.tag, 7);
    ck_assert_uint_eq(c.status, ABI_TX_OK);
    ck_assert_uint_eq(c.head, 8);
    ck_assert_uint_eq(rig->card->stats.rings.tx_done_entries, 2);
    crig_free(rig);
}
END_TEST

/* What is said of a packet needs room in its buffer. */
START_TEST(prefix_needs_room)
{
    struct crig *rig = crig_new();

    crig_open(rig, true);
    done(rig, true, 0, HEAD, 1, 64, 0);
    crig_rx_ring(rig, 0, 16, 256);
    crig_settle(rig);
    crig_receive(rig, 0, 192);
    crig_receive(rig, 1, 193);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rx.packets_out, 1);
    ck_assert_uint_eq(rig->card->stats.rx.drop[NIC_DROP_RX_BUFFER_SMALL], 1);
    crig_free(rig);
}
END_TEST

START_TEST(impossible_settings)
{
    static const struct {
        bool rx;
        uint64_t mode, batch, bytes16;
    } bad[] = {
        { false, 3, 1, 2 },     { false, EACH, 65, 2 },  { false, EACH, 1, 3 },
        { false, EACH, 1, 15 }, { false, REPORT, 1, 1 }, { true, REPORT, 1, 4 },
        { true, EACH, 1, 1 },   { true, EACH, 127, 4 },
    };
    struct crig *rig = crig_new();
    unsigned refused = 0;

    crig_open(rig, true);
    done(rig, false, 0, REPORT, 9, 64, 100);
    done(rig, true, 0, EACH, 5, 32, 100);
    crig_settle(rig);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum reg_id reg = bad[i].rx ? REG_RX_DONE : REG_TX_DONE;
        uint64_t before = crig_get(rig, reg, 0);
        uint64_t v = REG_PUT(TX_DONE, MODE, 0, bad[i].mode);

        v = REG_PUT(TX_DONE, BATCH, v, bad[i].batch);
        crig_set(rig, reg, 0, REG_PUT(TX_DONE, BYTES, v, bad[i].bytes16));
        crig_settle(rig);
        ck_assert_uint_eq(rig->card->stats.rings.refused, ++refused);
        ck_assert_uint_eq(crig_get(rig, reg, 0), before);
    }
    /* with something in the ring */
    crig_tx_ring(rig, 0, 16);
    send(rig, 0, 3, 1);
    done(rig, false, 0, EACH, 1, 32, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.refused, refused + 1);
    ck_assert_uint_eq(rig->card->dma.tx[0].done.mode, REPORT);
    /* and when all is complete */
    done(rig, false, 0, EACH, 1, 16, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->stats.rings.refused, refused + 1);
    ck_assert_uint_eq(rig->card->dma.tx[0].done.bytes, 16);
    send(rig, 3, 9, 1);
    crig_settle(rig);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 9);
    crig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("completions");
    TCase *tc = tcase_create("completions");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, bytes_of_sending, 0, 13);
    tcase_add_loop_test(tc, bytes_of_receiving, 0, 7);
    tcase_add_loop_test(tc, every_one_once, 0, 9);
    tcase_add_loop_test(tc, received_in_place, 0, 5);
    tcase_add_test(tc, lanes_overtake_each_other);
    tcase_add_test(tc, head_waits_for_its_turn);
    tcase_add_loop_test(tc, waits_as_long_as_it_says, 0, 2);
    tcase_add_loop_test(tc, the_last_ones, 0, 3);
    tcase_add_loop_test(tc, behind_a_slow_one, 0, 5);
    tcase_add_test(tc, failures_are_told);
    tcase_add_test(tc, prefix_needs_room);
    tcase_add_test(tc, impossible_settings);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
