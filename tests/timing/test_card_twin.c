/* The card's receive side against its twin, with SA contexts behind a cache. */
#include "card_twin.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct card_case the_case;
static struct card_result card, twin;
static struct card_reached reached;
static char message[512];

/* The earliest difference. */
static uint64_t difference_at;

static void differs(unsigned packet, unsigned block, bool end, uint64_t a, uint64_t b)
{
    uint64_t at = a < b ? a : b;

    if (at < difference_at) {
        difference_at = at;
        snprintf(message, sizeof message,
                 "case %" PRIu64 ": packet %u %s %s at %" PRIu64 " ps, in the twin at %" PRIu64
                 " ps", the_case.seed, packet, end ? "leaves" : "enters", card_block_names[block], a, b);
    }
}

static void compare_spans(void)
{
    for (unsigned i = 0; i < the_case.packets; i++) {
        for (unsigned b = 0; b < CARD_BLOCKS; b++) {
            const struct card_span *x = &card.span[i][b];
            const struct card_span *y = &twin.span[i][b];
            uint64_t never = UINT64_MAX;

            if (x->seen != y->seen || x->begin_ps != y->begin_ps) {
                differs(i, b, false, x->seen ? x->begin_ps : never, y->seen ? y->begin_ps : never);
            } else if (x->end_ps != y->end_ps) {
                differs(i, b, true, x->end_ps, y->end_ps);
            }
        }
    }
}

static void compare_count(const char *what, uint64_t a, uint64_t b)
{
    if (a != b && message[0] == 0) {
        snprintf(message, sizeof message, "case %" PRIu64 ": %s: %" PRIu64 ", in the twin %" PRIu64, the_case.seed,
                 what, a, b);
    }
}

static void compare_accounts(void)
{
    static const char *const names[ACCOUNT_STATES] = { [ACCOUNT_BUSY] = "busy",
                                                       [ACCOUNT_BLOCKED] = "blocked",
                                                       [ACCOUNT_WAITING] = "waiting",
                                                       [ACCOUNT_STARVED] = "starved" };
    char what[64];

    for (unsigned b = 0; b < CARD_RX_DMA; b++) {
        for (unsigned s = 0; s < ACCOUNT_STATES; s++) {
            snprintf(what, sizeof what, "cycles in which %s is %s", card_block_names[b], names[s]);
            compare_count(what, card.cycles[b][s], twin.cycles[b][s]);
        }
    }
}

static void compare(uint64_t seed)
{
    uint64_t end[CARD_BLOCKS];

    message[0] = 0;
    difference_at = UINT64_MAX;
    card_case_make(&the_case, seed);
    card_case_run(&the_case, &card);
    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        end[b] = 0;
        for (unsigned s = 0; s < ACCOUNT_STATES; s++) {
            end[b] += card.cycles[b][s];
        }
        end[b] /= b == CARD_CRYPTO ? the_case.config.card.crypto.engines * the_case.config.card.crypto.contexts + 1 : 1;
    }
    if (getenv("CARD_SEED")) for (unsigned b = 0; b < CARD_BLOCKS; b++) printf("end %s %lu\n", card_block_names[b], end[b]);
    card_twin_run(&the_case, end, &twin, &reached);
    compare_spans();
#define COUNT(name) compare_count(#name, card.name, twin.name)
    compare_accounts();
    COUNT(accesses);
    COUNT(hits);
    COUNT(misses);
    COUNT(merged);
    COUNT(fills);
    COUNT(evictions);
    COUNT(writebacks);
    COUNT(packets_hit);
    COUNT(packets_missed);
    COUNT(replay);
    COUNT(too_old);
    COUNT(bad_icv);
    COUNT(out);
#undef COUNT
}

int main(void)
{
    unsigned bad = 0;
    const char *one = getenv("CARD_SEED");
    unsigned n = getenv("CARD_CASES") ? (unsigned)atoi(getenv("CARD_CASES")) : 100;

    for (uint64_t s = one ? strtoull(one, NULL, 0) : 1; s <= (one ? strtoull(one, NULL, 0) : n); s++) {
        compare(s);
        if (message[0]) {
            bad++;
            puts(message);
        }
        if (one) {
            card_case_print(&the_case);
            printf("refused %lu\n", card.refused);
            for (unsigned i = 0; i < the_case.packets; i++) {
                printf("%u:", i);
                for (unsigned b = 0; b < CARD_BLOCKS; b++) {
                    bool same = card.span[i][b].begin_ps == twin.span[i][b].begin_ps && card.span[i][b].end_ps == twin.span[i][b].end_ps;
                    printf(" %s[%.1f,%.1f]", card_block_names[b], card.span[i][b].begin_ps / 1e3, card.span[i][b].end_ps / 1e3);
                    if (!same) printf("!=[%.1f,%.1f]", twin.span[i][b].begin_ps / 1e3, twin.span[i][b].end_ps / 1e3);
                }
                puts("");
            }
        }
    }
    printf("%u of %u differ; packets %lu missed %lu merged %lu no_mshr %lu hazards %lu dirty %lu/%lu/%lu membusy %lu/%lu dropped %lu\n", bad, n,
           reached.packets, reached.missed, reached.merged, reached.no_mshr, reached.hazards, reached.dirty_victims,
           reached.victims, reached.fills, reached.memory_busy, reached.memory_busy_writing, reached.dropped);
    return bad > 0;
}
