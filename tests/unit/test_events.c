/* Upper halves that the driver moves (card.sa.esn events), and packet limits in rounds (card.sa.table.round): against
 * arithmetic on the numbers and times of the packets. What the card says of an event is read where it writes it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "host/internal.h"
#include "host_rig.h"
#include "nic/card.h"
#include "sa_table/scope.h"

#define US    UINT64_C(1000000)
#define MS    (1000 * US)
#define HALF  (UINT64_C(1) << 31)
#define BLOCK (UINT64_C(1) << 32)

/* ---- scope ----------------------------------------------------------------------------------------- */

START_TEST(a_scope_holds_each_lower_half_once)
{
    struct rng rng = rng_stream(3, 0);

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t begin = (rng_next(&rng) >> 34) * HALF; /* below 2^61 */
        struct scope scope = scope_at(begin + rng_below(&rng, HALF));
        uint32_t lo = (uint32_t)rng_next(&rng);
        uint64_t n = scope_number(scope, lo);

        ck_assert_uint_eq(scope_begin(scope), begin);
        ck_assert_uint_ge(n, begin);
        ck_assert_uint_lt(n - begin, BLOCK);
        ck_assert_uint_eq(n % BLOCK, lo);
    }
}
END_TEST

/* A driver that looks in time follows the place wherever it is. */
START_TEST(the_driver_follows_the_place)
{
    struct scope scope = scope_at(5);

    for (uint64_t k = 1; k < 1000; k++) {
        scope = scope_after(scope, (uint32_t)(k * HALF + k));
        ck_assert_uint_eq(scope_begin(scope), k * HALF);
    }
}
END_TEST

/* ---- rounds ----------------------------------------------------------------------------------------- */

/* Packet by packet: a counter, and a driver that answers `late` packets after an event. */
struct life {
    uint64_t passed, soft_at, told, rounds;
    uint64_t most;        /* the counter ever */
    uint64_t nearest;     /* to 0, a threshold that is not in the last round */
    bool hard, hard_told; /* nothing passes any more */
};

static struct life live(uint64_t soft, uint64_t hard, uint32_t round, uint32_t late, uint64_t most)
{
    struct rounds plan = rounds_plan(soft, hard, round);
    struct rounds_state state = { 0 };
    struct life l = { .nearest = UINT64_MAX };
    uint64_t left = plan.start;
    uint64_t threshold = rounds_threshold(&plan, round, 0);
    bool armed = true;
    uint64_t event = 0; /* packet of the one that is worked on, 0: none */

    l.most = left;
    while (left > 0 && l.passed < most) {
        left--;
        l.passed++;
        if (armed && (left == 0 || left <= threshold)) {
            armed = false;
            event = l.passed;
        }
        if (event != 0 && l.passed - event >= late) {
            struct rounds_step step = rounds_event(&plan, round, &state, (uint32_t)left);

            l.soft_at = step.soft ? event : l.soft_at;
            l.told += step.soft;
            l.hard_told = l.hard_told || step.hard;
            if (step.add) {
                ck_assert_uint_lt(left, round);
                left += round;
                l.rounds++;
            }
            l.most = left > l.most ? left : l.most;
            threshold = step.threshold;
            armed = !step.hard && threshold != 0;
            if (armed && state.now < plan.rounds) {
                l.nearest = threshold < l.nearest ? threshold : l.nearest;
            }
            event = 0;
        }
    }
    l.hard = left == 0;
    return l;
}

/* All limits of a few rounds, and every delay of less than half a round. A soft limit closer to the hard one than the
 * driver is late is overtaken by it. */
START_TEST(limits_in_rounds_are_exact_while_the_driver_is_in_time)
{
    unsigned lives = 0;

    for (uint32_t round = 2; round <= 9; round++) {
        for (uint64_t hard = 1; hard <= 6 * round + 1; hard++) {
            for (uint64_t soft = 0; soft < hard; soft++) {
                for (uint32_t late = 0; late < round / 2; late++) {
                    struct life l = live(soft, hard, round, late, 100000);

                    ck_assert_msg(l.hard && l.passed == hard,
                                  "round %u hard %lu soft %lu late %u: %lu", round,
                                  (unsigned long)hard, (unsigned long)soft, late,
                                  (unsigned long)l.passed);
                    ck_assert_uint_eq(l.told, soft != 0 && late < hard - soft);
                    ck_assert(l.told == 0 || l.soft_at == soft);
                    ck_assert_uint_lt(l.most, 2 * (uint64_t)round);
                    ck_assert(l.nearest >= round / 2);
                    lives++;
                }
            }
        }
    }
    ck_assert_uint_gt(lives, 10000);
}
END_TEST

/* No round is added: what is on the counter at the start passes, and no more. */
START_TEST(a_driver_that_never_answers_ends_it_early)
{
    for (uint64_t hard = 20; hard < 100; hard++) {
        ck_assert_uint_eq(live(7, hard, 10, UINT32_MAX, 1000).passed, 10 + hard % 10);
    }
}
END_TEST

/* The figures of mlx5: 2^31 a round, and a threshold that is 2^30 from 0 and from where a round is added. */
START_TEST(rounds_of_mlx5)
{
    struct rng rng = rng_stream(5, 0);

    for (unsigned i = 0; i < 100000; i++) {
        uint64_t hard = 1 + (rng_next(&rng) >> rng_below(&rng, 60));
        uint64_t soft = 1 + rng_below(&rng, hard);
        struct rounds plan = rounds_plan(soft, hard, (uint32_t)HALF);

        ck_assert_uint_eq(plan.start + plan.rounds * HALF, hard);
        ck_assert(plan.rounds == 0 || plan.start >= HALF);
        if (soft == hard) {
            ck_assert_uint_eq(plan.soft_round, ROUNDS_NEVER);
            continue;
        }
        ck_assert_uint_le(plan.soft_round, plan.rounds);
        ck_assert_uint_eq(plan.start + plan.soft_round * HALF - plan.soft_value, soft);
        if (plan.soft_round != plan.rounds) {
            ck_assert_uint_ge(plan.soft_value, HALF / 2);
            ck_assert(plan.soft_round == 0 || plan.soft_value < HALF + HALF / 2);
        }
    }
}
END_TEST

/* ---- what the card says ------------------------------------------------------------------------------ */

enum { MOST_EVENTS = 512 };

static struct abi_event said[MOST_EVENTS];
static unsigned says;

static void listen(struct rig *rig, uint64_t address, uint8_t *bytes, uint32_t length)
{
    if (address >> REGION_SHIFT == REGION_RINGS && (uint32_t)address >= rig->host->layout.events) {
        ck_assert_uint_eq(length, sizeof said[0]);
        ck_assert_uint_lt(says, MOST_EVENTS);
        memcpy(&said[says++], bytes, sizeof said[0]);
    }
}

static struct rig *open_rig(bool packet_offload, void (*change)(struct rig *rig))
{
    struct rig *rig = rig_new(packet_offload, true);

    rig->card_config.sa.esn = NIC_ESN_EVENTS;
    rig->spoil_answer = listen;
    says = 0;
    if (change != NULL) {
        change(rig);
    }
    rig_open(rig);
    return rig;
}

/* Commands take what is said here, so that what happens meanwhile can be counted. */
static void take_ms(struct rig *rig, uint64_t modify, uint64_t access)
{
    struct nic_command_config *c = &rig->card_config.command;

    c->path = NIC_PATH_FIRMWARE;
    c->least = c->median = c->p99 = c->most = modify * MS;
    c->update_commands = 1;
    c->access = access * MS;
}

static struct esp_node add(struct rig *rig, enum esp_dir dir, uint32_t spi, uint64_t number)
{
    struct esp_node node = rig_node(spi, dir, ESP_MODE_TUNNEL, spi);

    node.sa[0].esn = true;
    node.sa[0].seq = number;
    node.sa[0].seq_hi = (uint32_t)(number >> 32);
    if (dir == ESP_DIR_OUT) {
        rig_select(&node, 1);
    }
    ck_assert(host_oid_add(rig->host, host_now(rig->host), &node, 1, false, spi, 0));
    rig_settle(rig);
    return node;
}

/* What a peer sends with this number arrives. */
static void arrive(struct rig *rig, const struct esp_node *node, uint64_t time, uint64_t number)
{
    static struct esp_crypt *crypt;
    static char error[256];
    uint8_t buffer[2048];
    struct esp_packet packet = {
        .buffer = buffer, .capacity = sizeof buffer, .start = 256, .l3 = 14
    };
    struct esp_encap encap[ESP_MAX_SAS] = { { .seq = number } };
    struct esp_key_ref key[ESP_MAX_SAS] = { { node->sa[0].spi, 1 }, { 0, 0 } };
    struct espnic_frame frame;

    if (crypt == NULL) {
        crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 512, error, sizeof error);
        ck_assert_msg(crypt != NULL, "%s", error);
    }
    packet.length = rig_packet(buffer + 256, 9, (uint32_t)number, 200);
    ck_assert_int_eq(esp_seal_packet(crypt, node, key, &packet, encap), ESP_OK);
    frame = (struct espnic_frame){ .bytes = esp_packet_bytes(&packet),
                                   .captured = packet.length,
                                   .length = packet.length,
                                   .tag = number & (HOST_TAG_LIMIT - 1) };
    host_simulate(rig->host, time);
    ck_assert(espnic_wire_rx(rig->card, 0, time, &frame));
}

static const struct nic_event_stats *events(struct rig *rig)
{
    return &nic_statistics(rig->card)->events;
}

/* ---- received ---------------------------------------------------------------------------------------- */

/* By the book: the top, and where the lowest number of a window of 64 is. */
struct book {
    uint64_t top;
    uint64_t crossed_at[8]; /* time of the packet */
    unsigned crossings;
};

static uint64_t lowest(uint64_t top)
{
    return top < 63 ? 0 : top - 63;
}

static void note(struct book *book, uint64_t number, uint64_t time)
{
    if (number > book->top) {
        if (lowest(number) / HALF != lowest(book->top) / HALF) {
            book->crossed_at[book->crossings++] = time;
        }
        book->top = number;
    }
}

/* Across a multiple of 2^31 with loss and reordering, a driver that is in time: everything that comes is taken, and the
 * event is raised by the packet that arithmetic names. */
START_TEST(received_across_the_middle_with_loss)
{
    uint64_t where = (uint64_t)(1 + _i) * HALF;
    struct rng rng = rng_stream((uint64_t)_i, 7);
    struct rig *rig = open_rig(true, NULL);
    struct esp_node node = add(rig, ESP_DIR_IN, 700, where - 150);
    struct book book = { .top = where - 150 };
    uint64_t begin = host_now(rig->host) + 10 * US;
    uint64_t number[400];
    unsigned sent = 0;

    for (unsigned i = 0; i < 400; i++) {
        number[i] = where - 149 + i;
    }
    for (unsigned i = 0; i + 20 < 400; i++) { /* nothing is more than 20 places late */
        unsigned other = i % 20 == 0 ? i + (unsigned)rng_below(&rng, 20) : i;
        uint64_t n = number[i];

        number[i] = number[other];
        number[other] = n;
    }
    for (unsigned i = 0; i < 400; i++) {
        uint64_t time = begin + i * 2 * US;

        if (rng_below(&rng, 7) != 0) {
            arrive(rig, &node, time, number[i]);
            note(&book, number[i], time);
            sent++;
        }
    }
    rig_settle(rig);
    ck_assert_uint_gt(sent, 300);
    ck_assert_uint_eq(rig->ups, sent);
    ck_assert_uint_eq(book.crossings, 1);
    ck_assert_uint_eq(says, 1);
    ck_assert_uint_eq(events(rig)->esn, 1);
    ck_assert_uint_eq(said[0].kind, ABI_EVENT_ESN);
    ck_assert_uint_eq(said[0].spi, 700);
    ck_assert_uint_gt(said[0].raised_ps, book.crossed_at[0]);
    ck_assert_uint_lt(said[0].raised_ps, book.crossed_at[0] + 2 * US);
    ck_assert_uint_eq(events(rig)->modified, 1);
    ck_assert_uint_eq(events(rig)->armed, 1);
    ck_assert_uint_eq(events(rig)->unarmed, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->oid[HOST_OID_UPDATE].requests, 0);
    rig_free(rig);
}
END_TEST

static void firmware_of_2_ms(struct rig *rig)
{
    take_ms(rig, 2, 0);
}

/* The middle is crossed, and 2^31 numbers are lost; the driver takes 2 ms for the upper half. Of what comes after the
 * wrap meanwhile the card makes numbers of 2^32 before: as many packets fail as fit in that time. */
START_TEST(packets_lost_while_the_driver_is_late)
{
    enum { EVERY = 100, AFTER = 60 };
    struct rig *rig = open_rig(true, firmware_of_2_ms);
    uint64_t half = 6 * BLOCK;
    struct esp_node node = add(rig, ESP_DIR_IN, 701, half + HALF - 10);
    uint64_t begin = host_now(rig->host) + MS;
    uint64_t crossing = begin + 72 * EVERY * US; /* number half + HALF + 63 */
    unsigned lost = 0;
    uint64_t n = 0;

    for (; n < 73 + 2; n++) { /* -9 to 65 past the middle */
        arrive(rig, &node, begin + n * EVERY * US, half + HALF - 9 + n);
    }
    for (uint64_t i = 0; i < AFTER; i++, n++) {
        uint64_t time = begin + n * EVERY * US;

        arrive(rig, &node, time, half + BLOCK - 4 + i);
        /* above the wrap, and before the new upper half: 2 ms, and less than 100 us for all the rest */
        lost += i >= 4 && time <= crossing + 2000 * US;
    }
    rig_settle(rig);
    ck_assert_uint_eq(lost, 20 - 2 - 4);
    ck_assert_uint_eq(nic_statistics(rig->card)->rx.drop[NIC_DROP_BAD_ICV], lost);
    ck_assert_uint_eq(rig->ups, n - lost);
    ck_assert_uint_eq(events(rig)->esn, 1); /* the window has not left the half yet */
    ck_assert_uint_eq(events(rig)->unarmed, 0);
    rig_free(rig);
}
END_TEST

static void slow_arming(struct rig *rig)
{
    take_ms(rig, 1, 1);
}

/* Between the new upper half and arming there is another crossing: nobody is told. What comes is taken up to the next
 * middle; from there on nothing is, for ever. */
START_TEST(a_crossing_that_nobody_is_told_of)
{
    struct rig *rig = open_rig(true, slow_arming);
    uint64_t half = 3 * BLOCK;
    struct esp_node node = add(rig, ESP_DIR_IN, 702, half + HALF);
    uint64_t begin = host_now(rig->host) + MS;
    uint64_t armed_at = begin + 3 * MS; /* read, modify, arm: 1 ms each */
    uint64_t taken = 0;

    arrive(rig, &node, begin, half + HALF + 100);                      /* crosses: event */
    arrive(rig, &node, begin + 2 * MS + 500 * US, half + BLOCK + 200); /* modified, not armed */
    taken = 2;
    for (uint64_t i = 0; i < 10; i++) {
        arrive(rig, &node, armed_at + MS + i * US, half + BLOCK + 300 + i);
        taken++;
    }
    for (uint64_t i = 0; i < 30; i++) {
        arrive(rig, &node, armed_at + 2 * MS + i * MS, half + BLOCK + HALF + 1000 + i);
    }
    rig_settle(rig);
    ck_assert_uint_eq(events(rig)->esn, 1);
    ck_assert_uint_eq(events(rig)->unarmed, 1);
    ck_assert_uint_eq(events(rig)->armed, 1);
    ck_assert_uint_eq(rig->ups, taken);
    ck_assert_uint_eq(nic_statistics(rig->card)->rx.drop[NIC_DROP_BAD_ICV], 30);
    rig_free(rig);
}
END_TEST

/* More SAs cross at once than the ring of events holds. One is worked on after the other: each waits for those before
 * it, for what these take of the card and of the CPU at least, which for one event follow each other. Nothing is lost, as the overlap bit lets the driver be late. */
START_TEST(many_cross_at_once)
{
    enum { MANY = 300, CARD = 1000 + 500 + 1000 /* ns: read, modify, arm */ };
    enum { CPU = 300 + 3 * (500 + 300) /* the event; each command issued, and its end taken */ };
    struct rig *rig = open_rig(true, NULL);
    struct esp_node node[MANY];
    uint64_t begin;

    for (uint32_t i = 0; i < MANY; i++) {
        node[i] = add(rig, ESP_DIR_IN, 1000 + i, 4 * BLOCK - 1 + (i % 2) * HALF);
    }
    begin = host_now(rig->host) + US;
    for (uint32_t i = 0; i < MANY; i++) {
        arrive(rig, &node[i], begin + i * US / 5, node[i].sa[0].seq + 70);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        arrive(rig, &node[i], begin + (MANY + i) * US / 5, node[i].sa[0].seq + 71);
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->ups, 2 * MANY);
    ck_assert_uint_eq(says, MANY);
    ck_assert_uint_eq(events(rig)->esn, MANY);
    ck_assert_uint_eq(events(rig)->armed, MANY);
    ck_assert_uint_eq(events(rig)->lost, 0);
    ck_assert_uint_eq(host_statistics(rig->host)->events.taken, MANY);
    ck_assert_double_ge(histogram_scaled(&rig->card->rearm_ns,
                                         histogram_percentile(&rig->card->rearm_ns, 100, 100)),
                        (double)MANY * (CARD + CPU - 200));
    rig_free(rig);
}
END_TEST

/* The same without contents: the card drops what would fail. */
START_TEST(late_without_contents)
{
    struct rig *rig = rig_new(true, false);
    struct esp_node node;
    uint64_t begin;

    rig->card_config.sa.esn = NIC_ESN_EVENTS;
    take_ms(rig, 2, 0);
    rig_open(rig);
    node = add(rig, ESP_DIR_IN, 703, HALF - 10);
    begin = host_now(rig->host) + MS;
    arrive(rig, &node, begin, HALF + 100);
    arrive(rig, &node, begin + 10 * US, BLOCK - 1);
    arrive(rig, &node, begin + 20 * US, BLOCK);
    arrive(rig, &node, begin + 30 * US, BLOCK + 1);
    arrive(rig, &node, begin + 3 * MS, BLOCK + 2);
    rig_settle(rig);
    ck_assert_uint_eq(nic_statistics(rig->card)->rx.drop[NIC_DROP_BAD_ICV], 2);
    ck_assert_uint_eq(rig->ups, 3);
    rig_free(rig);
}
END_TEST

/* ---- sent ---------------------------------------------------------------------------------------------- */

/* Every frame on the wire opens with its number, in another library, and the numbers follow each other from `first`. */
static void check_numbers(struct rig *rig, struct esp_node node, uint64_t first, unsigned count)
{
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 512, error, sizeof error);

    ck_assert_msg(crypt != NULL, "%s", error);
    ck_assert_uint_eq(rig->wires, count);
    node.dir = ESP_DIR_IN;
    for (unsigned i = 0; i < count; i++) {
        const struct rig_frame *f = &rig->wire[i];
        struct esp_packet packet = {
            .buffer = f->bytes, .capacity = f->length, .length = f->length, .l3 = 14
        };
        struct esp_key_ref key[2] = { { node.sa[0].spi, 1 }, { 0, 0 } };
        uint32_t hi[2] = { (uint32_t)((first + i) >> 32), 0 };
        struct esp_opened opened;

        ck_assert_uint_eq(esp_get32(f->bytes + 14 + 20 + 4), (uint32_t)(first + i));
        ck_assert_int_eq(esp_open_packet(crypt, &node, key, &packet, hi, NULL, &opened, NULL),
                         ESP_OK);
    }
    esp_crypt_close(crypt);
}

static void pour(struct rig *rig, uint32_t from, uint32_t count, uint64_t begin, uint64_t every)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert(rig_send(rig, begin + i * every, 1, from + i, 300));
    }
}

/* Packet offload numbers, crypto offload is given numbers; from 100 before a multiple of 2^31 on, faster than the driver.
 * Nothing waits and nothing is dropped. */
START_TEST(sent_across_the_middle)
{
    uint64_t where = (uint64_t)(5 + _i / 2) * HALF;
    bool packet = _i % 2 == 0;
    struct rig *rig = open_rig(packet, NULL);
    struct esp_node node = add(rig, ESP_DIR_OUT, 710, where - 100);

    pour(rig, 0, 300, host_now(rig->host) + US, US / 5);
    rig_settle(rig);
    check_numbers(rig, node, where - 100, 300);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 0);
    ck_assert_uint_eq(events(rig)->esn, packet ? 1 : 0);
    ck_assert_uint_eq(events(rig)->armed, packet ? 1 : 0);
    /* with crypto offload the ADD tells no lower half: from an odd one on the first packet does */
    ck_assert_uint_eq(events(rig)->modified, packet ? 1 : 1 + (_i / 2 == 1));
    rig_free(rig);
}
END_TEST

static void slow_wire(struct rig *rig)
{
    rig->card_config.mac.rate = UINT64_C(1000000000);
}

/* Crypto offload, hundreds of packets in the rings while the numbers cross the middle: the half changes behind those
 * that are below it. */
START_TEST(sent_across_the_middle_with_much_in_flight)
{
    struct rig *rig = open_rig(false, slow_wire);
    struct esp_node node = add(rig, ESP_DIR_OUT, 714, 9 * HALF - 300);

    pour(rig, 0, 900, host_now(rig->host) + US, US / 10);
    rig_settle(rig);
    ck_assert_uint_eq(events(rig)->modified, 0);
    pour(rig, 900, 1, host_now(rig->host), 1); /* none of those is in the rings now */
    rig_settle(rig);
    check_numbers(rig, node, 9 * HALF - 300, 901);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 0);
    ck_assert_uint_eq(events(rig)->modified, 1);
    rig_free(rig);
}
END_TEST

/* As if 2^31 packets had been sent since. */
static void skip_to(struct rig *rig, uint64_t number)
{
    struct sa_table *table = &rig->card->table;
    uint32_t id = sa_table_next(table, 0);

    sa_context(table, id)->first.sequence = number;
}

/* Two crossings, of which the card could not tell the first: it gives no number before the driver has answered to the
 * second, and none twice. What comes in that time is dropped, so many as fit in it. */
START_TEST(no_number_is_given_twice)
{
    enum { EVERY = 100 };
    struct rig *rig = open_rig(true, firmware_of_2_ms);
    uint64_t half = 8 * BLOCK;
    struct esp_node node = add(rig, ESP_DIR_OUT, 711, half + HALF - 20);
    uint64_t begin = host_now(rig->host) + MS;
    unsigned dropped = 0;

    skip_to(rig, half + BLOCK - 5);
    for (uint32_t i = 0; i < 60; i++) {
        ck_assert(rig_send(rig, begin + i * EVERY * US, 1, i, 300));
        /* the fifth takes the last number; the new half is there 2 ms and less than 100 us later */
        dropped += i > 4 && (i - 4) * EVERY <= 2000;
    }
    rig_settle(rig);
    ck_assert_uint_eq(dropped, 20);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.drop[NIC_DROP_ESN_LATE], dropped);
    ck_assert_uint_eq(events(rig)->esn, 1);
    check_numbers(rig, node, half + BLOCK - 5, 60 - dropped);
    rig_free(rig);
}
END_TEST

/* Crypto offload, a firmware that needs longer than the numbers last: the SA waits, and goes on in order. */
START_TEST(sent_with_crypto_offload_waits_for_a_slow_driver)
{
    struct rig *rig = open_rig(false, firmware_of_2_ms);
    struct esp_node node = add(rig, ESP_DIR_OUT, 712, 2 * BLOCK - 20);

    pour(rig, 0, 100, host_now(rig->host) + US, 5 * US);
    rig_settle(rig);
    check_numbers(rig, node, 2 * BLOCK - 20, 100);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalls, 1);
    ck_assert_uint_eq(host_statistics(rig->host)->tx.esn_stalled_packets, 80);
    rig_free(rig);
}
END_TEST

/* Crypto offload, received: the host moves the scope when its window has left the half. */
START_TEST(received_with_crypto_offload)
{
    struct rig *rig = open_rig(false, NULL);
    struct esp_node node = add(rig, ESP_DIR_IN, 713, 7 * BLOCK - 200);
    uint64_t begin = host_now(rig->host) + US;

    for (uint64_t i = 0; i < 400; i++) {
        uint64_t at = i % 10 == 3 ? i + 1 : i % 10 == 4 ? i - 1 : i; /* two change places */

        arrive(rig, &node, begin + i * US, 7 * BLOCK - 199 + at);
    }
    rig_settle(rig);
    ck_assert_uint_eq(rig->ups, 400);
    ck_assert_uint_eq(events(rig)->esn, 0);
    ck_assert_uint_eq(events(rig)->modified, 2); /* with the first packet, and past the wrap */
    rig_free(rig);
}
END_TEST

/* ---- a whole life in rounds ------------------------------------------------------------------------------ */

static void rounds_of_100(struct rig *rig)
{
    rig->card_config.sa.esn = NIC_ESN_INFERRED;
    rig->card_config.table.round = 100;
}

static void late_rounds_of_100(struct rig *rig)
{
    rounds_of_100(rig);
    rig->host_config.oid.event_delay = 10 * MS;
}

static struct esp_node add_limited(struct rig *rig, uint64_t soft, uint64_t hard)
{
    struct esp_node node = rig_node(720, ESP_DIR_OUT, ESP_MODE_TUNNEL, 720);

    rig_select(&node, 1);
    node.sa[0].lifetime.soft_packets = soft;
    node.sa[0].lifetime.hard_packets = hard;
    ck_assert(host_oid_add(rig->host, rig->t0, &node, 1, false, 1, 0));
    rig_settle(rig);
    return node;
}

/* Soft and hard limit to the packet, in any place of a round; how many rounds are added is arithmetic. */
START_TEST(limits_of_a_whole_life)
{
    static const uint64_t limit[][2] = { { 330, 520 }, { 1, 2 },     { 519, 520 }, { 20, 350 },
                                         { 199, 600 }, { 200, 600 }, { 249, 600 }, { 251, 600 },
                                         { 480, 520 }, { 30, 90 } };
    uint64_t soft = limit[_i][0];
    uint64_t hard = limit[_i][1];
    uint64_t rounds = hard / 100 > 1 ? hard / 100 - 1 : 0;
    struct rig *rig = open_rig(true, rounds_of_100);
    struct esp_node node = add_limited(rig, soft, hard);
    uint64_t begin = host_now(rig->host) + US;
    const struct host_event_stats *told = &host_statistics(rig->host)->events;
    bool found = false;

    pour(rig, 0, 700, begin, US);
    rig_settle(rig);
    check_numbers(rig, node, 1, (unsigned)hard);
    ck_assert_uint_eq(nic_statistics(rig->card)->tx.drop[NIC_DROP_EXPIRED], 700 - hard);
    ck_assert_uint_eq(events(rig)->rounds, rounds);
    ck_assert_uint_eq(told->soft, hard - soft > 10); /* else it is over when the driver looks */
    ck_assert_uint_eq(told->hard, 1);
    ck_assert_uint_eq(told->early, 0);
    for (unsigned i = 0; i < says;
         i++) { /* one of them when the packet of the soft limit was in the card */
        ck_assert_uint_eq(said[i].kind, ABI_EVENT_LIMIT);
        found = found || (said[i].raised_ps > begin + (soft - 1) * US &&
                          said[i].raised_ps < rig->wire[soft - 1].time);
    }
    ck_assert(found);
    rig_free(rig);
}
END_TEST

START_TEST(rounds_that_come_too_late)
{
    struct rig *rig = open_rig(true, late_rounds_of_100);
    struct esp_node node = add_limited(rig, 330, 520);

    pour(rig, 0, 700, host_now(rig->host) + US, US);
    rig_settle(rig);
    check_numbers(rig, node, 1, 120); /* 520 less four rounds */
    ck_assert_uint_eq(host_statistics(rig->host)->events.early, 1);
    ck_assert_uint_eq(events(rig)->rounds, 0);
    rig_free(rig);
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------------------- */

START_TEST(refused_with_a_sentence)
{
    struct rig *rig = rig_new(false, false);
    struct nic_config *c = &rig->card_config;
    char error[512];

    rig_path(rig, NIC_PATH_DESCRIPTOR);
    c->sa.esn = NIC_ESN_EVENTS;
    ck_assert(!nic_config_check(c, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "card.sa.esn: found events, expected host or inferred"));
    rig_path(rig, NIC_PATH_REGISTERS);
    ck_assert(!nic_config_check(c, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "card.sa.esn: found events"));
    free(rig);

    rig = rig_new(false, false);
    c = &rig->card_config;
    c->table.round = 100;
    ck_assert(!nic_config_check(c, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "card.sa.table.round: found 100, expected 0"));
    c->general.offload = NIC_OFFLOAD_PACKET;
    c->table.round = 1;
    ck_assert(!nic_config_check(c, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "card.sa.table.round: found 1, expected"));
    c->table.round = 2;
    ck_assert_msg(nic_config_check(c, error, sizeof error), "%s", error);
    c->table.poll_packets = US;
    ck_assert(!nic_config_check(c, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "card.sa.table.poll_packets: found"));
    free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *pure = tcase_create("arithmetic");
    TCase *whole = tcase_create("card and host");
    SRunner *runner;
    int failed;

    tcase_set_timeout(pure, 60);
    tcase_set_timeout(whole, 60);
    tcase_add_test(pure, a_scope_holds_each_lower_half_once);
    tcase_add_test(pure, the_driver_follows_the_place);
    tcase_add_test(pure, limits_in_rounds_are_exact_while_the_driver_is_in_time);
    tcase_add_test(pure, a_driver_that_never_answers_ends_it_early);
    tcase_add_test(pure, rounds_of_mlx5);
    suite_add_tcase(suite, pure);
    tcase_add_loop_test(whole, received_across_the_middle_with_loss, 0, 8);
    tcase_add_test(whole, packets_lost_while_the_driver_is_late);
    tcase_add_test(whole, a_crossing_that_nobody_is_told_of);
    tcase_add_test(whole, many_cross_at_once);
    tcase_add_test(whole, late_without_contents);
    tcase_add_loop_test(whole, sent_across_the_middle, 0, 4);
    tcase_add_test(whole, sent_across_the_middle_with_much_in_flight);
    tcase_add_test(whole, no_number_is_given_twice);
    tcase_add_test(whole, sent_with_crypto_offload_waits_for_a_slow_driver);
    tcase_add_test(whole, received_with_crypto_offload);
    tcase_add_loop_test(whole, limits_of_a_whole_life, 0, 10);
    tcase_add_test(whole, rounds_that_come_too_late);
    tcase_add_test(whole, refused_with_a_sentence);
    suite_add_tcase(suite, whole);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
