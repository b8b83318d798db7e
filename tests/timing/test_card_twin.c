/* The card's receive side, SA contexts behind a cache and all, against its twin, which steps every cycle: random cards
 * and packets; every packet must enter and leave every block in the same cycle, every block must spend its cycles alike
 * (the misses that found no MSHR and the hazards are what sa_lookup and replay_update wait for), and every counter of
 * the cache must be the same.
 *
 * CARD_CASES=n in the environment runs so many cases; CARD_SEED=n case n only, and prints it. */
#include "card_twin.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 600 };

static struct card_case the_case;
static struct card_result card, twin;
static struct card_reached reached[2]; /* received, sent */

/* ---- comparison ------------------------------------------------------------------------------ */

/* The earliest difference: later ones follow from it. */
static struct {
    uint64_t at; /* ps */
    char text[512];
} first;

static void differs(unsigned packet, enum card_block block, const char *what, uint64_t in_card,
                    uint64_t in_twin)
{
    uint64_t at = in_card < in_twin ? in_card : in_twin;

    if (at < first.at) {
        first.at = at;
        snprintf(first.text, sizeof first.text,
                 "packet %u %s %s: card %" PRIu64 ", twin %" PRIu64 " ps", packet, what,
                 card_block_name(&the_case, block), in_card, in_twin);
    }
}

static void compare_spans(void)
{
    for (unsigned i = 0; i < the_case.packets; i++) {
        for (unsigned b = 0; b < CARD_BLOCKS; b++) {
            const struct card_span *x = &card.span[i][b];
            const struct card_span *y = &twin.span[i][b];

            if (x->begin_ps != y->begin_ps || x->seen != y->seen) {
                differs(i, b, "enters", x->seen ? x->begin_ps : UINT64_MAX,
                        y->seen ? y->begin_ps : UINT64_MAX);
            } else if (x->end_ps != y->end_ps) {
                differs(i, b, "leaves", x->end_ps, y->end_ps);
            }
        }
    }
}

static void compare_count(const char *what, uint64_t in_card, uint64_t in_twin)
{
    if (in_card != in_twin && !first.text[0]) {
        snprintf(first.text, sizeof first.text, "%s: card %" PRIu64 ", twin %" PRIu64, what,
                 in_card, in_twin);
    }
}

static void compare_counts(void)
{
#define COUNT(name) compare_count(#name, card.name, twin.name)
    COUNT(accesses);
    COUNT(hits);
    COUNT(misses);
    COUNT(merged);
    COUNT(fills);
    COUNT(evictions);
    COUNT(writebacks);
    COUNT(bypasses);
    COUNT(pins);
    COUNT(pins_missed);
    COUNT(prefetches);
    COUNT(prefetch_there);
    COUNT(prefetch_refused);
    COUNT(prefetch_dropped);
    COUNT(prefetch_useful);
    COUNT(prefetch_late);
    COUNT(prefetch_useless);
    COUNT(packets_hit);
    COUNT(packets_missed);
    COUNT(passed);
    COUNT(replay);
    COUNT(too_old);
    COUNT(bad_icv);
    COUNT(mtu);
    COUNT(exhausted);
    COUNT(out);
#undef COUNT
}

/* rx_dma and tx_dma wait for the host, too; mac_tx has a clock of its own. */
static void compare_accounts(void)
{
    static const char *const names[ACCOUNT_STATES] = { [ACCOUNT_BUSY] = "busy",
                                                       [ACCOUNT_BLOCKED] = "blocked",
                                                       [ACCOUNT_WAITING] = "waiting",
                                                       [ACCOUNT_STARVED] = "starved" };
    char what[80];

    for (unsigned b = the_case.send; b < CARD_RX_DMA; b++) {
        for (unsigned s = 0; s < ACCOUNT_STATES; s++) {
            const char *name = card_block_name(&the_case, b);

            snprintf(what, sizeof what, "cycles in which %s is %s", name ? name : "-", names[s]);
            compare_count(what, card.cycles[b][s], twin.cycles[b][s]);
        }
    }
}

/* Cycles that each block has lived. */
static void lives(uint64_t end[CARD_BLOCKS])
{
    const struct nic_crypto_config *crypto = &the_case.config.card.crypto;

    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        end[b] = 0;
        for (unsigned s = 0; s < ACCOUNT_STATES; s++) {
            end[b] += card.cycles[b][s];
        }
    }
    end[CARD_CRYPTO] /= crypto->engines * crypto->contexts;
}

static void print_passage(unsigned i)
{
    printf("%u:", i);
    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        const struct card_span *x = &card.span[i][b];
        const struct card_span *y = &twin.span[i][b];

        if (!x->seen && !y->seen) {
            continue;
        }
        printf(" %s %" PRIu64 "-%" PRIu64, card_block_name(&the_case, b), x->begin_ps, x->end_ps);
        if (x->begin_ps != y->begin_ps || x->end_ps != y->end_ps) {
            printf(" (twin %" PRIu64 "-%" PRIu64 ")", y->begin_ps, y->end_ps);
        }
    }
    printf("\n");
}

static void run_case(uint64_t seed, bool send)
{
    uint64_t end[CARD_BLOCKS];

    first.at = UINT64_MAX;
    first.text[0] = 0;
    card_case_make(&the_case, seed, send);
    card_case_run(&the_case, &card);
    lives(end);
    card_twin_run(&the_case, &card, end, &twin, &reached[send]);
    compare_spans();
    compare_counts();
    compare_accounts();
}

/* ---- what was reached ------------------------------------------------------------------------ */

/* At least `percent` of `of`. */
static void at_least(const char *what, uint64_t n, double percent, uint64_t of)
{
    double share = of ? 100.0 * (double)n / (double)of : 0;

    printf("  %-58s %9" PRIu64 " of %9" PRIu64 ", %7.3f %%, at least %6.3f %%\n", what, n, of,
           share, percent);
    fflush(stdout);
    ck_assert_msg(share >= percent, "%s: %.2f %%, at least %.2f %%", what, share, percent);
}

static void check_cache(const struct card_reached *r)
{
    static const char *const policies[SA_CACHE_REPLACEMENTS] = { "lru", "random", "fifo",
                                                                 "tree-plru", "srrip" };
    char what[80];

    at_least("packets that missed", r->missed, 20, r->packets);
    at_least("... merged with a fetch under way", r->merged, 5, r->packets);
    at_least("... held before the look-up for lack of an MSHR", r->no_mshr, 5, r->packets);
    at_least("... held by the read-modify-write of their SA", r->hazards, 5, r->packets);
    at_least("... that passed one without its context", r->passed, 3, r->packets);
    at_least("... that left the engines before an earlier one", r->reordered, 1, r->packets);
    at_least("... held behind the engines for an earlier one", r->in_order, 3, r->packets);
    at_least("... without an SA", r->unknown, 2, r->packets);
    at_least("fills with a victim", r->victims, 50, r->fills);
    at_least("... that was dirty", r->dirty, 30, r->fills);
    at_least("fetches that found the memory occupied", r->memory_busy, 20, r->fills);
    at_least("... by a write-back", r->behind_write, 3, r->fills);
    at_least("fills that pinned lines kept out", r->bypasses, 1, r->fills);
    for (unsigned p = 0; p < SA_CACHE_REPLACEMENTS; p++) {
        snprintf(what, sizeof what, "fills with a victim by %s", policies[p]);
        at_least(what, r->evictions[p], 5, r->fills);
    }
}

static void check_blocked(const struct card_reached *r, bool send)
{
    char what[80];

    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        /* behind decapsulate rx_dma keeps up; the wire takes all it can */
        if (b == CARD_RX_DMA ||
            (send ? b == CARD_CHECK || b == CARD_PARSER : b == CARD_DECAPSULATE)) {
            continue;
        }
        snprintf(what, sizeof what, "cycles in which %s finds no room",
                 card_block_name(&the_case, b));
        at_least(what, r->blocked[b], 0.1, r->cycles);
    }
}

static void check_received(const struct card_reached *r)
{
    at_least("packets dropped by replay_check", r->dropped, 1, r->packets);
    at_least("... since the window moved while they had no room", r->moved, 0.005, r->packets);
    at_least("... dropped by replay_update", r->late, 1, r->packets);
    at_least("fetches ahead of use", r->prefetches, 2, r->fills);
    at_least("... that were asked for on their way", r->ahead_late, 10, r->prefetches);
    at_least("... that were not asked for", r->ahead_useless, 2, r->prefetches);
}

static void check_sent(const struct card_reached *r)
{
    at_least("packets longer than the MTU with what is put around", r->too_long, 0.2, r->packets);
    at_least("... that found no number left", r->exhausted, 1, r->packets);
}

static void check_shares(unsigned cases, bool send)
{
    const struct card_reached *r = &reached[send];

    printf("%s: %u cases, %" PRIu64 " cycles:\n", send ? "sent" : "received", cases, r->cycles);
    check_cache(r);
    if (send) {
        check_sent(r);
    } else {
        check_received(r);
    }
    check_blocked(r, send);
}

/* ---- the test -------------------------------------------------------------------------------- */

/* _i: received, sent. */
START_TEST(card_equals_twin)
{
    bool send = _i != 0;
    const char *cases = getenv("CARD_CASES");
    const char *seed = getenv("CARD_SEED");
    unsigned n = cases ? (unsigned)strtoul(cases, NULL, 0) : CASES;

    if (seed) {
        run_case(strtoull(seed, NULL, 0), send);
        card_case_print(&the_case);
        for (unsigned i = 0; i < the_case.packets; i++) {
            print_passage(i);
        }
        ck_assert_msg(!first.text[0], "%s, case %s: %s", send ? "sent" : "received", seed,
                      first.text);
        return;
    }
    for (uint64_t i = 1; i <= n; i++) {
        run_case(i, send);
        ck_assert_msg(!first.text[0], "%s, case %" PRIu64 ": %s", send ? "sent" : "received", i,
                      first.text);
    }
    if (n >= CASES) {
        check_shares(n, send);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("card_twin");
    TCase *tc = tcase_create("card_twin");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 1200);
    tcase_add_loop_test(tc, card_equals_twin, 0, 2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
