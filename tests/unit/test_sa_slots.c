/* The memories of the look-up against things that know nothing of them: a rule played on plain lists (direct, hash), a
 * matching of keys and slots (cuckoo: there is room exactly if there is a matching), and the load thresholds that
 * theory gives for large tables. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/slots.h"
#include "sa_table/table.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

/* A key is a number; its hash is a mix of it, in a direct map the number itself; its bits for h3 are spread. */
static uint64_t mixed(const void *owner, uint32_t reference)
{
    (void)owner;
    return rng_mix(0x5eed0000ull + reference);
}

static uint64_t plain(const void *owner, uint32_t reference)
{
    (void)owner;
    return reference;
}

static struct sa_slots_key spread(const void *owner, uint32_t reference)
{
    struct sa_slots_key key;

    (void)owner;
    for (uint32_t w = 0; w < SA_SLOTS_WORDS; w++) {
        key.word[w] = rng_mix(0x5eed0000ull + 3 * reference + w);
    }
    key.word[SA_SLOTS_WORDS - 1] &= (UINT64_C(1) << 34) - 1;
    return key;
}

static const struct sa_slots_owner by_hash = { .hash = mixed, .key = spread },
                                   by_number = { .hash = plain };

static const struct sa_slots_owner *owner_of(const struct sa_slots_config *config)
{
    return config->organisation == SA_ORGANISATION_DIRECT ? &by_number : &by_hash;
}

static uint32_t bucket_of(const struct sa_slots *slots, uint32_t key, uint32_t memory)
{
    if (slots->config.hash == SA_SLOTS_H3) {
        struct sa_slots_key bits = spread(NULL, key);

        return sa_slots_h3_bucket(slots, &bits, memory);
    }
    return sa_slots_bucket(slots, owner_of(&slots->config)->hash(NULL, key), memory);
}

/* ---- every key lies where a look-up reads ---------------------------------------------------- */

enum { KEYS = 4096 };

/* Counts every key in the memories and in the stash; each must lie in one of its buckets. */
static void count_keys(const struct sa_slots *slots, uint8_t found[KEYS])
{
    uint32_t ways = slots->config.ways;
    uint32_t all = slots->config.choices * slots->buckets * ways;

    memset(found, 0, KEYS);
    for (uint32_t i = 0; i < all; i++) {
        uint32_t key = slots->slot[i];

        if (key != 0) {
            REQUIRE(key < KEYS);
            REQUIRE(bucket_of(slots, key, i / ways / slots->buckets) == i / ways);
            found[key]++;
        }
    }
    for (uint32_t i = 0; i < SA_SLOTS_MAX_STASH; i++) {
        if (slots->state.stash[i] != 0) {
            REQUIRE(i < slots->config.stash);
            found[slots->state.stash[i]]++;
        }
    }
}

static void check_contents(const struct sa_slots *slots, const bool present[KEYS])
{
    uint8_t found[KEYS];
    uint32_t used = 0;

    count_keys(slots, found);
    for (uint32_t key = 0; key < KEYS; key++) {
        REQUIRE(found[key] == present[key]);
        used += present[key];
    }
    REQUIRE(slots->state.used == used);
}

/* ---- the rule, on lists ---------------------------------------------------------------------- */

enum { BUCKETS = 64, MAX_WAYS = 16 };

/* What should lie where, by the words of slots.h. */
struct lists {
    uint32_t bucket[SA_SLOTS_MAX_CHOICES * BUCKETS][MAX_WAYS];
    uint32_t stash[SA_SLOTS_MAX_STASH];
};

static uint32_t *list_place(struct lists *l, const struct sa_slots *slots, uint32_t key)
{
    uint32_t *best = NULL;
    uint32_t most = 0;

    for (uint32_t m = 0; m < slots->config.choices; m++) {
        uint32_t *bucket = l->bucket[bucket_of(slots, key, m)];
        uint32_t *first = NULL;
        uint32_t room = 0;

        for (uint32_t w = 0; w < slots->config.ways; w++) {
            if (bucket[w] == 0) {
                room++;
                first = first != NULL ? first : &bucket[w];
            }
        }
        if (room > most) {
            most = room;
            best = first;
        }
    }
    for (uint32_t i = 0; best == NULL && i < slots->config.stash; i++) {
        if (l->stash[i] == 0) {
            best = &l->stash[i];
        }
    }
    return best;
}

static void list_remove(struct lists *l, const struct sa_slots *slots, uint32_t key)
{
    for (uint32_t i = 0; i < slots->config.stash; i++) {
        if (l->stash[i] == key) {
            l->stash[i] = 0;
            return;
        }
    }
    for (uint32_t m = 0; m < slots->config.choices; m++) {
        uint32_t number = bucket_of(slots, key, m);

        for (uint32_t w = 0; w < slots->config.ways; w++) {
            if (l->bucket[number][w] != key) {
                continue;
            }
            l->bucket[number][w] = 0;
            for (uint32_t i = 0; i < slots->config.stash; i++) {
                if (l->stash[i] != 0 && bucket_of(slots, l->stash[i], m) == number) {
                    l->bucket[number][w] = l->stash[i];
                    l->stash[i] = 0;
                    return;
                }
            }
            return;
        }
    }
}

static void compare_lists(const struct lists *l, const struct sa_slots *slots)
{
    for (uint32_t b = 0; b < slots->config.choices * slots->buckets; b++) {
        for (uint32_t w = 0; w < slots->config.ways; w++) {
            REQUIRE(slots->slot[b * slots->config.ways + w] == l->bucket[b][w]);
        }
    }
    for (uint32_t i = 0; i < slots->config.stash; i++) {
        REQUIRE(slots->state.stash[i] == l->stash[i]);
    }
}

/* Without moves the rule says for every key which slot it gets. */
static const struct sa_slots_config ruled[] = {
    { SA_ORGANISATION_DIRECT, 64, 1, 1, 0, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 64, 1, 1, 0, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 96, 1, 3, 2, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 128, 2, 4, 0, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 128, 2, 4, 8, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 384, 4, 2, 64, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 256, 8, 16, 1, 1, SA_SLOTS_MIX },
    { SA_ORGANISATION_HASH, 64, 1, 1, 0, 1, SA_SLOTS_H3 },
    { SA_ORGANISATION_HASH, 128, 2, 4, 8, 1, SA_SLOTS_H3 },
    { SA_ORGANISATION_HASH, 384, 3, 2, 4, 1, SA_SLOTS_H3 },
    { SA_ORGANISATION_HASH, 512, 4, 2, 64, 1, SA_SLOTS_H3 },
};
enum { RULED = sizeof ruled / sizeof ruled[0] };

static void step_ruled(struct sa_slots *slots, struct lists *l, bool present[KEYS], uint32_t key,
                       unsigned refused[1])
{
    const struct sa_slots_owner *how = owner_of(&slots->config);
    struct sa_cost cost;

    if (present[key]) {
        uint32_t before = slots->state.in_stash;

        sa_slots_remove(slots, how, NULL, key, &cost);
        list_remove(l, slots, key);
        REQUIRE(cost.reads == 1 && cost.writes >= 1 && cost.writes <= 2);
        REQUIRE(cost.writes == 1 || slots->state.in_stash + 1 == before);
        present[key] = false;
        return;
    }
    uint32_t *slot = list_place(l, slots, key);

    REQUIRE(sa_slots_place(slots, how, NULL, key, &cost) == (slot != NULL));
    REQUIRE(cost.reads == 1 && cost.writes == (slot != NULL));
    if (slot != NULL) {
        *slot = key;
        present[key] = true;
    } else {
        refused[0]++;
    }
}

START_TEST(hash_and_direct_follow_the_rule)
{
    static struct lists l;
    struct sa_slots slots;
    bool present[KEYS] = { false };
    struct rng rng = rng_stream(11, (uint64_t)_i);
    unsigned refused = 0;

    memset(&l, 0, sizeof l);
    sa_slots_init(&slots, &ruled[_i]);
    ck_assert_uint_le(slots.buckets, BUCKETS);
    for (unsigned i = 0; i < 20000; i++) {
        step_ruled(&slots, &l, present, 1 + (uint32_t)rng_below(&rng, 3 * ruled[_i].slots),
                   &refused);
        compare_lists(&l, &slots);
    }
    check_contents(&slots, present);
    ck_assert_uint_gt(refused, 100);
    sa_slots_destroy(&slots);
}
END_TEST

/* ---- cuckoo: room exactly if there is a matching ---------------------------------------------- */

enum { MATCH_SLOTS = 256 };

/* Keys on one side, slots on the other; a key may be matched with any slot of its buckets. */
struct matching {
    const struct sa_slots *slots;
    uint32_t holder[MATCH_SLOTS]; /* key of each slot */
    bool visited[MATCH_SLOTS];
};

/* Kuhn's augmenting path: may this key have a slot, others giving way? */
static bool augment(struct matching *m, uint32_t key)
{
    uint32_t ways = m->slots->config.ways;

    for (uint32_t i = 0; i < m->slots->config.choices * ways; i++) {
        uint32_t slot = bucket_of(m->slots, key, i / ways) * ways + i % ways;

        if (m->visited[slot]) {
            continue;
        }
        m->visited[slot] = true;
        if (m->holder[slot] == 0 || augment(m, m->holder[slot])) {
            m->holder[slot] = key;
            return true;
        }
    }
    return false;
}

/* Can all these keys and one more have slots at once? */
static bool all_fit(const struct sa_slots *slots, const bool present[KEYS], uint32_t more)
{
    static struct matching m;

    m = (struct matching){ .slots = slots };
    for (uint32_t key = 1; key < KEYS; key++) {
        if (present[key] || key == more) {
            memset(m.visited, 0, sizeof m.visited);
            if (!augment(&m, key)) {
                return false;
            }
        }
    }
    return true;
}

static const struct sa_slots_config searched[] = {
    { SA_ORGANISATION_CUCKOO, 64, 2, 1, 0, 64, SA_SLOTS_MIX },
    { SA_ORGANISATION_CUCKOO, 64, 2, 2, 0, 64, SA_SLOTS_MIX },
    { SA_ORGANISATION_CUCKOO, 128, 2, 4, 0, 64, SA_SLOTS_MIX },
    { SA_ORGANISATION_CUCKOO, 96, 3, 1, 0, 96, SA_SLOTS_MIX },
    { SA_ORGANISATION_CUCKOO, 64, 4, 2, 0, 64, SA_SLOTS_MIX },
    { SA_ORGANISATION_CUCKOO, 64, 2, 2, 0, 64, SA_SLOTS_H3 },
};
enum { SEARCHED = sizeof searched / sizeof searched[0] };

START_TEST(cuckoo_finds_room_if_there_is_any)
{
    struct sa_slots slots;
    bool present[KEYS] = { false };
    struct rng rng = rng_stream(12, (uint64_t)_i);
    unsigned refused = 0, moves = 0;

    sa_slots_init(&slots, &searched[_i]);
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t key = 1 + (uint32_t)rng_below(&rng, searched[_i].slots * 5 / 2);
        struct sa_cost cost;

        if (present[key]) {
            sa_slots_remove(&slots, &by_hash, NULL, key, &cost);
            present[key] = false;
        } else {
            bool fits = all_fit(&slots, present, key);

            REQUIRE(sa_slots_place(&slots, &by_hash, NULL, key, &cost) == fits);
            REQUIRE(fits ? cost.writes >= 1 && cost.reads >= cost.writes : cost.writes == 0);
            moves += fits ? cost.writes - 1 : 0;
            refused += !fits;
            present[key] = fits;
        }
        check_contents(&slots, present);
    }
    ck_assert_uint_gt(refused, 20);
    ck_assert_uint_gt(moves, 100);
    sa_slots_destroy(&slots);
}
END_TEST

/* A short search refuses what a long one places, the stash takes it, and what leaves makes room for the stash. */
START_TEST(stash_takes_what_the_search_does_not_place)
{
    struct sa_slots_config config = { SA_ORGANISATION_CUCKOO, 64, 2, 1, 8, 4, SA_SLOTS_MIX };
    struct sa_slots slots;
    bool present[KEYS] = { false };
    struct rng rng = rng_stream(13, 0);
    unsigned refused = 0, out_of_stash = 0;
    uint32_t peak = 0;

    sa_slots_init(&slots, &config);
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t key = 1 + (uint32_t)rng_below(&rng, 140);
        uint32_t before = slots.state.in_stash;
        struct sa_cost cost;

        if (present[key]) {
            sa_slots_remove(&slots, &by_hash, NULL, key, &cost);
            present[key] = false;
            out_of_stash += cost.writes == 2;
        } else {
            present[key] = sa_slots_place(&slots, &by_hash, NULL, key, &cost);
            REQUIRE(present[key] || before == config.stash);
            REQUIRE(cost.reads <= 1 + config.search);
            refused += !present[key];
        }
        peak = slots.state.in_stash > peak ? slots.state.in_stash : peak;
        check_contents(&slots, present);
    }
    ck_assert_uint_eq(peak, config.stash);
    ck_assert_uint_gt(refused, 100);
    ck_assert_uint_gt(out_of_stash, 100);
    sa_slots_destroy(&slots);
}
END_TEST

/* ---- load thresholds --------------------------------------------------------------------------- */

/* P(X >= least) for X with a Poisson distribution. */
static double at_least(double mean, unsigned least)
{
    double term = exp(-mean), below = 0;

    for (unsigned i = 0; i < least; i++) {
        below += term;
        term *= mean / (i + 1);
    }
    return 1 - below;
}

/* Keys over slots up to which k buckets of l slots a key are enough in a large table (N. Fountoulakis, M. Khosla,
 * K. Panagiotou: The Multiple-Orientability Thresholds for Random Hypergraphs, SODA 2011): with x the solution of
 * k l = x Q(x, l) / Q(x, l + 1), it is x / (k l Q(x, l)^(k - 1)). */
static double threshold(unsigned k, unsigned l)
{
    double low = 1e-6, high = 100;

    for (unsigned i = 0; i < 200; i++) {
        double x = (low + high) / 2;

        if (x * at_least(x, l) / at_least(x, l + 1) < k * l) {
            low = x;
        } else {
            high = x;
        }
    }
    return low / (k * l * pow(at_least(low, l), k - 1));
}

static double load_at_first_failure(const struct sa_slots_config *config)
{
    struct sa_slots slots;
    struct sa_cost cost;
    uint32_t key = 1;
    double load;

    sa_slots_init(&slots, config);
    while (sa_slots_place(&slots, &by_hash, NULL, key, &cost)) {
        key++;
    }
    load = (double)slots.state.used / config->slots;
    sa_slots_destroy(&slots);
    return load;
}

static const struct {
    uint32_t choices, ways;
    double known; /* as papers print it */
} thresholds[] = { { 3, 1, 0.9179 }, { 4, 1, 0.9767 }, { 2, 2, 0.8970 }, { 2, 4, 0.9803 } };
enum { THRESHOLDS = sizeof thresholds / sizeof thresholds[0] };

/* First failure comes a little before the threshold: the table is finite and the search limited. */
START_TEST(load_at_first_failure_is_that_of_theory)
{
    uint32_t choices = thresholds[_i].choices, ways = thresholds[_i].ways;
    struct sa_slots_config config = {
        SA_ORGANISATION_CUCKOO, 96 * 4096, choices, ways, 0, 65536, SA_SLOTS_MIX
    };
    double limit = threshold(choices, ways);
    double load = load_at_first_failure(&config);

    ck_assert_double_eq_tol(limit, thresholds[_i].known, 0.00015);
    ck_assert_double_lt(load, limit + 0.001);
    ck_assert_double_gt(load, limit - 0.01);
}
END_TEST

/* Better organisations hold more: nothing is so plain that it cannot be got wrong. */
START_TEST(organisations_in_order)
{
    static const struct sa_slots_config order[] = {
        { SA_ORGANISATION_HASH, 32768, 1, 1, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 1, 4, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 2, 4, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 4, 4, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 4, 4, 32, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_CUCKOO, 32768, 2, 4, 0, 256, SA_SLOTS_MIX },
        { SA_ORGANISATION_CUCKOO, 32768, 4, 4, 0, 256, SA_SLOTS_MIX },
    };
    double last = 0;

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        double load = load_at_first_failure(&order[i]);

        ck_assert_double_gt(load, last);
        last = load;
    }
    ck_assert_double_lt(last, 1);
}
END_TEST

/* ---- h3 ------------------------------------------------------------------------------------------ */

/* SplitMix64 as its authors give it: a state that grows by the golden ratio. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* All rows, one bit a byte. */
static void all_rows(uint8_t row[SA_SLOTS_MAX_CHOICES][SA_SLOTS_ROWS][192])
{
    uint64_t state = 0;

    for (uint32_t i = 0; i < SA_SLOTS_MAX_CHOICES * SA_SLOTS_ROWS; i++) {
        for (uint32_t w = 0; w < 3; w++) {
            uint64_t word = next_random(&state);

            for (uint32_t b = 0; b < 64; b++) {
                row[i / SA_SLOTS_ROWS][i % SA_SLOTS_ROWS][w * 64 + b] = word >> b & 1;
            }
        }
    }
}

/* A random SA for received packets, and the bits of its key, by the words of slots.h. */
static void random_node(struct rng *rng, struct esp_node *node, uint8_t bits[162])
{
    bool v6 = rng_next(rng) & 1, ah = rng_next(rng) & 1;
    unsigned bytes = v6 ? 16 : 4;

    memset(bits, 0, 162);
    *node = (struct esp_node){ .dir = ESP_DIR_IN, .mode = ESP_MODE_TUNNEL, .sa_count = 1 };
    node->src.family = node->dst.family = v6 ? 6 : 4;
    node->sa[0] =
        (struct esp_sa){ .op = ah ? ESP_OP_AH : ESP_OP_ESP, .spi = (uint32_t)rng_next(rng) };
    for (unsigned i = 0; i < bytes; i++) {
        node->dst.bytes[i] = (uint8_t)rng_next(rng);
        for (unsigned b = 0; b < 8; b++) {
            bits[8 * (bytes - 1 - i) + b] = node->dst.bytes[i] >> b & 1;
        }
    }
    for (unsigned b = 0; b < 32; b++) {
        bits[128 + b] = node->sa[0].spi >> b & 1;
    }
    bits[160] = ah;
    bits[161] = v6;
}

/* The bucket, bit by bit. */
static uint32_t parity_bucket(uint8_t row[SA_SLOTS_ROWS][192], const uint8_t bits[162],
                              unsigned width)
{
    uint32_t bucket = 0;

    for (unsigned bit = 0; bit < width; bit++) {
        unsigned ones = 0;

        for (unsigned i = 0; i < 162; i++) {
            ones += row[bit][i] && bits[i];
        }
        bucket |= (ones % 2) << bit;
    }
    return bucket;
}

/* Does the table keep an SA that was added to the empty table in a bucket that its bits say, the first one? */
START_TEST(h3_buckets_of_a_table)
{
    static uint8_t row[SA_SLOTS_MAX_CHOICES][SA_SLOTS_ROWS][192];
    struct sa_table_config config;
    struct rng rng = rng_stream(14, (uint64_t)_i);
    unsigned width = 3 + (unsigned)_i;

    all_rows(row);
    sa_table_config_default(&config);
    config.organisation = SA_ORGANISATION_HASH;
    config.hash = SA_SLOTS_H3;
    config.choices = 1 + (uint32_t)_i;
    config.ways = 3;
    config.slots = config.choices * config.ways << width;
    for (unsigned n = 0; n < 200; n++) {
        struct sa_table table;
        struct esp_node node;
        struct sa_added added;
        uint8_t bits[162];

        sa_table_init(&table, &config);
        random_node(&rng, &node, bits);
        added = sa_table_add(&table, &node, false);
        ck_assert_int_eq(added.reason, SA_OK);
        ck_assert_uint_eq(table.slots.slot[parity_bucket(row[0], bits, width) * 3], added.id << 1);
        for (uint32_t m = 0; m < config.choices; m++) {
            struct sa_slots_key key = { { 0 } };

            for (unsigned i = 0; i < 162; i++) {
                key.word[i / 64] |= (uint64_t)bits[i] << i % 64;
            }
            ck_assert_uint_eq(sa_slots_h3_bucket(&table.slots, &key, m),
                              (m << width) + parity_bucket(row[m], bits, width));
        }
        sa_table_destroy(&table);
    }
}
END_TEST

/* The first output of SplitMix64 with seed 0, as implementations everywhere print it. */
START_TEST(h3_rows)
{
    ck_assert_uint_eq(sa_slots_h3_row(0, 0).word[0], UINT64_C(0xe220a8397b1dcdaf));
    ck_assert_uint_eq(sa_slots_h3_row(7, 31).word[2] >> 34, 0);
}
END_TEST

/* Rows of exclusive ors hold about as many keys as the mix: they are as good as random for keys not made for them. */
START_TEST(h3_holds_as_much)
{
    static const struct sa_slots_config pairs[] = {
        { SA_ORGANISATION_HASH, 32768, 2, 4, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 4, 4, 0, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_HASH, 32768, 4, 4, 32, 1, SA_SLOTS_MIX },
        { SA_ORGANISATION_CUCKOO, 32768, 2, 4, 0, 256, SA_SLOTS_MIX },
        { SA_ORGANISATION_CUCKOO, 32768, 4, 4, 0, 256, SA_SLOTS_MIX },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct sa_slots_config config = pairs[i];
        double mix = load_at_first_failure(&config), h3;

        config.hash = SA_SLOTS_H3;
        h3 = load_at_first_failure(&config);
        printf(
            "%s, %u memories of %u ways, stash of %u: load at first failure %.1f %% with mix, %.1f %% with h3\n",
            config.organisation == SA_ORGANISATION_HASH ? "hash" : "cuckoo", config.choices,
            config.ways, config.stash, 100 * mix, 100 * h3);
        ck_assert_double_eq_tol(h3, mix, 0.06);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sa_slots");
    TCase *tcase = tcase_create("sa_slots");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, hash_and_direct_follow_the_rule, 0, RULED);
    tcase_add_loop_test(tcase, cuckoo_finds_room_if_there_is_any, 0, SEARCHED);
    tcase_add_test(tcase, stash_takes_what_the_search_does_not_place);
    tcase_add_loop_test(tcase, load_at_first_failure_is_that_of_theory, 0, THRESHOLDS);
    tcase_add_test(tcase, organisations_in_order);
    tcase_add_loop_test(tcase, h3_buckets_of_a_table, 0, SA_SLOTS_MAX_CHOICES);
    tcase_add_test(tcase, h3_rows);
    tcase_add_test(tcase, h3_holds_as_much);
    suite_add_tcase(suite, tcase);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
