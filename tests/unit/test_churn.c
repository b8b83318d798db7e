/* Requests and packets at random times, and what must hold whatever happens:
 *   - every request completes once;
 *   - a packet that comes after the ADD of its SA has completed, and is with the host before its DELETE is asked for, was
 *     opened by the card (no SA is removed before its DELETE);
 *   - a packet that comes after the DELETE of its SA has completed was not (none is used afterwards);
 *   - what the card opened is the packet that was sent, under the handle that it was sent with;
 *   - the books balance, and at the end of a round, with all SAs deleted, the table is empty and the program holds no
 *     more memory than at the end of the round before.
 * CHURN_OPERATIONS=N: operations (requests and packets); without it 160000. */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "engine/rng.h"
#include "host_rig.h"

#define US UINT64_C(1000000) /* picoseconds */

enum {
    PLACES = 40,
    ROUNDS = 6,
    IN_FLIGHT = 1 << 16,
    LENGTH = 120,
    MAX_REQUESTS = 1 << 16,
    LIVES = 1 << 16
};
enum {
    TABLES = 4096 /* bytes by which rings and tables may still grow: less than ten for an SA */
};

static const uint64_t never = UINT64_MAX;

/* One SA's life, in ps; `never` while it has not come to that. */
struct life {
    uint64_t handle;
    uint32_t spi;
    uint64_t added, delete_asked, deleted;
    uint64_t add_record, delete_record;
    bool on_card;
};

/* A tunnel to ourselves: what leaves by `out` comes back to `in`. Handles; 0: none yet. */
struct place {
    uint64_t out, in;
    uint32_t spi; /* of the present generation, and so its keys */
};

struct packet {
    uint64_t tag;
    uint64_t
        arrived; /* when the first bit of the frame that comes back was given to the card; 0: not yet */
    uint8_t place;
    uint64_t in; /* handle of the SA that it came back under, 0: none */
};

struct churn {
    struct rig *rig;
    struct rng rng;
    struct place place[PLACES];
    struct life life[LIVES]; /* by handle */
    struct packet packet[IN_FLIGHT];
    uint8_t answered[MAX_REQUESTS];   /* completions of each request of this round */
    uint64_t of_record[MAX_REQUESTS]; /* handle that the request is about */
    uint64_t records;                 /* requests of this round */
    uint64_t next_handle, next_tag;
    uint32_t next_spi;
    uint64_t now;
    uint64_t operations;
    struct {
        uint64_t opened, must_open, must_not_open, refused, requests[3], packets;
    } count;
};

static struct life *life_of(struct churn *c, uint64_t handle)
{
    return &c->life[handle % LIVES];
}

static bool is_there(struct churn *c, uint64_t handle)
{
    return handle != 0 && life_of(c, handle)->delete_asked == never;
}

static uint64_t new_record(struct churn *c, unsigned kind)
{
    ck_assert_uint_lt(c->records + 1, MAX_REQUESTS);
    c->count.requests[kind]++;
    c->operations++;
    return ++c->records;
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static uint64_t add(struct churn *c, enum esp_dir dir, uint8_t net, uint32_t spi)
{
    uint64_t handle = ++c->next_handle;
    struct life *life = life_of(c, handle);
    struct esp_node node = rig_node(handle, dir, ESP_MODE_TUNNEL, spi);

    if (dir == ESP_DIR_OUT) {
        rig_select(&node, net);
    }
    node.sa[0].esn = spi % 3 == 0;
    node.sa[0].replay_window = dir == ESP_DIR_IN ? 1024 : 0;
    *life = (struct life){
        .handle = handle, .spi = spi, .added = never, .delete_asked = never, .deleted = never
    };
    life->add_record = new_record(c, 0);
    c->of_record[life->add_record] = handle;
    ck_assert(host_oid_add(c->rig->host, c->now, &node, 1, false, life->add_record, 0));
    return handle;
}

static void delete (struct churn *c, uint64_t handle)
{
    struct life *life = life_of(c, handle);

    life->delete_asked = c->now;
    life->delete_record = new_record(c, 1);
    c->of_record[life->delete_record] = handle;
    ck_assert(host_oid_delete(c->rig->host, c->now, &handle, 1, life->delete_record, 0));
}

static void update(struct churn *c, uint64_t handle)
{
    ck_assert(host_oid_update(c->rig->host, c->now, handle, ESP_OP_ESP, life_of(c, handle)->spi, 0,
                              new_record(c, 2), 0));
}

/* A new generation begins when both are gone, so keys and numbers of different ones never meet. */
static void request_at(struct churn *c, uint8_t net)
{
    struct place *p = &c->place[net];
    bool outbound = rng_below(&c->rng, 2) == 0;
    uint64_t *mine = outbound ? &p->out : &p->in;

    if (is_there(c, *mine)) {
        if (rng_below(&c->rng, 3) == 0) {
            update(c, *mine);
        } else {
            delete (c, *mine);
        }
        return;
    }
    if (!is_there(c, p->out) && !is_there(c, p->in)) {
        p->spi = ++c->next_spi;
    } else if (*mine != 0 && life_of(c, *mine)->spi == p->spi) {
        return; /* it has been deleted: its generation has to end first */
    }
    *mine = add(c, outbound ? ESP_DIR_OUT : ESP_DIR_IN, net, p->spi);
}

/* ---- packets ------------------------------------------------------------------------------------------ */

static void send(struct churn *c, uint8_t net)
{
    uint64_t tag = ++c->next_tag;
    struct packet *p = &c->packet[tag % IN_FLIGHT];

    *p = (struct packet){ .tag = tag, .place = net };
    c->operations++;
    c->count.packets++;
    ck_assert(rig_send(c->rig, c->now, net, (uint32_t)tag, LENGTH));
}

/* What has left comes back at once, under the inbound SA of its generation, if there is one. */
static void bring_back(struct churn *c)
{
    struct rig *rig = c->rig;

    for (unsigned i = 0; i < rig->wires; i++) {
        struct rig_frame *w = &rig->wire[i];
        struct packet *p = &c->packet[w->tag % IN_FLIGHT];
        uint64_t in = c->place[p->place].in;
        struct espnic_frame f = {
            .bytes = w->bytes, .captured = w->length, .length = w->length, .tag = w->tag
        };

        ck_assert_uint_eq(p->tag, w->tag);
        p->arrived = c->now;
        p->in = 0;
        if (w->bytes != NULL && in != 0 && esp_get32(w->bytes + 34) == life_of(c, in)->spi) {
            p->in = in;
        }
        ck_assert(espnic_wire_rx(rig->card, 0, c->now, &f));
        free(w->bytes);
    }
    rig->wires = 0;
}

static void check_delivery(struct churn *c, const struct rig_frame *up)
{
    const struct packet *p = &c->packet[up->tag % IN_FLIGHT];
    const struct life *in = life_of(c, p->in);
    bool opened = up->verdict == HOST_OFFLOADED;

    ck_assert_uint_eq(p->tag, up->tag);
    if (p->in == 0) {
        ck_assert(!opened);
        return;
    }
    ck_assert_uint_eq(in->handle, p->in);
    if (in->deleted <= p->arrived) {
        c->count.must_not_open++;
        ck_assert_msg(!opened, "packet %llu was opened after the DELETE of its SA",
                      (unsigned long long)up->tag);
    } else if (in->on_card && in->added <= p->arrived && up->time < in->delete_asked) {
        c->count.must_open++;
        ck_assert_msg(opened, "packet %llu was not opened though its SA is there",
                      (unsigned long long)up->tag);
    }
    if (opened) {
        uint8_t sent[LENGTH];

        c->count.opened++;
        rig_packet(sent, p->place, (uint32_t)up->tag, LENGTH);
        /* The card opens before the host is told of the ADD, and after it has forgotten the name. */
        ck_assert(up->handle == in->handle ||
                  (up->handle == 0 && (up->time < in->added || up->time >= in->delete_asked)));
        ck_assert_uint_eq(up->length, LENGTH);
        ck_assert_mem_eq(up->bytes + 12, sent + 12, LENGTH - 12);
    }
}

/* ---- what comes back from the host ---------------------------------------------------------------------- */

static void answer_life(struct life *l, const struct host_oid_done *done)
{
    if (done->kind == NDIS_ADD_SA) {
        ck_assert_uint_eq(done->record, l->add_record);
        l->on_card = done->status == NDIS_STATUS_SUCCESS && done->done == 1;
        l->added = done->time;
    } else if (done->kind == NDIS_DELETE_SA) {
        ck_assert_uint_eq(done->record, l->delete_record);
        ck_assert_uint_eq(done->status, NDIS_STATUS_SUCCESS);
        l->deleted = done->time;
    }
}

static void take_results(struct churn *c)
{
    struct rig *rig = c->rig;

    for (unsigned i = 0; i < rig->oids; i++) {
        const struct host_oid_done *done = &rig->oid[i];

        ck_assert_uint_ne(done->record, 0);
        ck_assert_uint_eq(c->answered[done->record], 0);
        c->answered[done->record] = 1;
        c->count.refused += done->kind == NDIS_ADD_SA && done->reason == SA_FULL;
        answer_life(life_of(c, c->of_record[done->record]), done);
    }
    for (unsigned i = 0; i < rig->ups; i++) {
        check_delivery(c, &rig->up[i]);
        free(rig->up[i].bytes);
    }
    rig->oids = 0;
    rig->ups = 0;
}

/* ---- a round ------------------------------------------------------------------------------------------------ */

static void run_until(struct churn *c, uint64_t time)
{
    c->now = time;
    host_simulate(c->rig->host, time);
    take_results(c);
    bring_back(c);
}

/* Something about one place, or a burst of packets to it with a request amid them: packets are in the card then that use
 * the SA. */
static void step(struct churn *c)
{
    uint8_t net = (uint8_t)rng_below(&c->rng, PLACES);
    uint64_t burst = rng_below(&c->rng, 8) == 0 ? 16 : rng_below(&c->rng, 3);
    uint64_t request = rng_below(&c->rng, 2) == 0 ? rng_below(&c->rng, burst + 1) : never;

    for (uint64_t i = 0; i <= burst; i++) {
        if (i == request) {
            request_at(c, net);
        }
        if (i < burst) {
            send(c, net);
            run_until(c, c->now + rng_below(&c->rng, US / 5));
        }
    }
    run_until(c, c->now + 1 + rng_below(&c->rng, US / 2));
}

static void settle(struct churn *c)
{
    for (unsigned i = 0; i < 5; i++) {
        run_until(c, c->now + 500 * US);
    }
    rig_settle(c->rig);
    c->now = host_now(c->rig->host);
    take_results(c);
    ck_assert_uint_eq(c->rig->wires, 0);
}

/* Random operations, then everything is deleted. Returns the memory that the program holds then. */
static size_t one_round(struct churn *c, uint64_t operations)
{
    uint64_t until = c->operations + operations;

    c->records = 0;
    memset(c->answered, 0, sizeof c->answered);
    memset(c->place, 0, sizeof c->place);
    c->rng = rng_stream(31, 0); /* every round alike, so that the same memory is needed */
    while (c->operations < until) {
        step(c);
        if (c->records > MAX_REQUESTS - 1000) { /* enough to tell apart: begin to count anew */
            break;
        }
    }
    for (unsigned p = 0; p < PLACES; p++) {
        uint64_t both[] = { c->place[p].out, c->place[p].in };

        for (unsigned i = 0; i < 2; i++) {
            if (is_there(c, both[i])) {
                delete (c, both[i]);
            }
        }
    }
    settle(c);
    for (uint64_t r = 1; r <= c->records; r++) {
        ck_assert_msg(c->answered[r] == 1, "request %llu: %u completions", (unsigned long long)r,
                      c->answered[r]);
    }
    ck_assert_uint_eq(nic_statistics(c->rig->card)->sa_live, 0);
    ck_assert_uint_eq(nic_table_statistics(c->rig->card)->live, 0);
    ck_assert_uint_eq(nic_table_statistics(c->rig->card)->slots_used, 0);
    return mallinfo2().uordblks;
}

static uint64_t wanted(void)
{
    const char *text = getenv("CHURN_OPERATIONS");

    return text != NULL ? strtoull(text, NULL, 10) : 160000;
}

/* In turn: a CAM, a cuckoo table, a cache of contexts behind PCIe, crypto offload. */
static void choose_card(struct rig *rig, int which)
{
    struct nic_config *card = &rig->card_config;

    card->table.capacity = PLACES;
    card->command.add = card->command.remove = 300000; /* 300 ns */
    card->command.update = 100000;
    if (which == 1) {
        card->table.organisation = SA_ORGANISATION_CUCKOO;
        card->table.slots = 16;
        card->table.ways = 1;
        card->table.search = 4;
        card->table.stash = 2;
        card->sa.lookup_port = true;
        card->sa.lookup_pace = 1;
    } else if (which == 2) {
        card->sa.storage = NIC_STORAGE_HOST_CACHE;
        card->cache.sets = 4;
        card->cache.ways = 2;
    }
}

START_TEST(churn)
{
    struct churn *c = must(calloc(1, sizeof *c));
    uint64_t operations = wanted() / 4;
    size_t held = 0, now_held = 0;
    unsigned rounds = 0;

    c->rig = rig_new(_i != 3, true);
    choose_card(c->rig, _i);
    rig_open(c->rig);
    c->next_spi = 500;
    c->now = c->rig->t0;
    /* Alike, so that the later ones find everything as long as they need it. */
    for (; rounds < ROUNDS || c->operations < operations; rounds++) {
        now_held = one_round(c, operations / ROUNDS + 1);
        held = rounds == ROUNDS / 2 ? now_held : held;
    }
    ck_assert_msg(now_held <= held + TABLES, "%zu bytes in round %u, %zu in round %u", now_held,
                  rounds, held, ROUNDS / 2 + 1);
    printf(
        "card %d: %llu operations: %llu ADD (%llu refused), %llu DELETE, %llu UPDATE, %llu packets, %llu opened; "
        "had to be opened %llu, had not to %llu\n",
        _i, (unsigned long long)c->operations, (unsigned long long)c->count.requests[0],
        (unsigned long long)c->count.refused, (unsigned long long)c->count.requests[1],
        (unsigned long long)c->count.requests[2], (unsigned long long)c->count.packets,
        (unsigned long long)c->count.opened, (unsigned long long)c->count.must_open,
        (unsigned long long)c->count.must_not_open);
    ck_assert_uint_gt(c->count.must_open, operations / 50);
    ck_assert_uint_gt(c->count.must_not_open, operations / 500);
    ck_assert_uint_gt(c->count.refused, operations / 2000);
    rig_free(c->rig);
    free(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("churn");
    TCase *tcase = tcase_create("churn");

    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, churn, 0, 4);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
