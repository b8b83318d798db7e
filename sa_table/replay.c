#include "sa_table/replay.h"

#include <string.h>

const char *replay_verdict_name(enum replay_verdict verdict)
{
    static const char *const name[] = { "ok", "duplicate", "too_old", "zero" };

    return name[verdict];
}

uint32_t replay_words(uint32_t window)
{
    uint32_t words = 1;

    if (window == 0) {
        return 0;
    }
    while (words * 64 < window) {
        words *= 2;
    }
    return words;
}

void replay_init(uint64_t *top, uint64_t *bits, uint32_t window, uint64_t highest)
{
    *top = highest;
    /* Bits outside the window are cleared before the window moves over them, so setting all is
     * right. */
    if (window != 0) {
        memset(bits, highest == 0 ? 0 : 0xff, replay_words(window) * sizeof *bits);
    }
}

uint64_t replay_infer(uint64_t top, uint32_t seq_lo, uint32_t window, bool esn)
{
    uint32_t top_hi = (uint32_t)(top >> 32);
    uint32_t top_lo = (uint32_t)top;
    uint32_t behind = top_lo - seq_lo; /* how far below top, modulo 2^32 */
    uint32_t hi = top_hi;

    if (!esn) {
        return seq_lo;
    }
    /* At most `reach` numbers below top count as old, all others as new. */
    uint32_t reach = window == 0 ? 0x80000000u : window;

    if (behind < reach) {
        if (seq_lo > top_lo && top_hi != 0) {
            hi = top_hi - 1;
        }
    } else if (seq_lo <= top_lo && top_hi != UINT32_MAX) {
        hi = top_hi + 1;
    }
    return (uint64_t)hi << 32 | seq_lo;
}

/* Where a number has its bit. */
static uint32_t ring_bit(uint32_t window, uint64_t sequence)
{
    return (uint32_t)sequence & (replay_words(window) * 64 - 1);
}

enum replay_verdict replay_check(uint64_t top, const uint64_t *bits, uint32_t window,
                                 uint64_t sequence)
{
    if (window == 0) {
        return REPLAY_OK;
    }
    if (sequence == 0) {
        return REPLAY_ZERO;
    }
    if (sequence > top) {
        return REPLAY_OK;
    }
    if (top - sequence >= window) {
        return REPLAY_TOO_OLD;
    }
    uint32_t bit = ring_bit(window, sequence);

    return (bits[bit / 64] >> bit % 64 & 1) != 0 ? REPLAY_DUPLICATE : REPLAY_OK;
}

/* Clears the bits of top + 1 .. sequence, which come into the window. */
static void clear_ahead(uint64_t top, uint64_t *bits, uint32_t window, uint64_t sequence)
{
    uint32_t words = replay_words(window);
    uint64_t left = sequence - top;

    if (left >= (uint64_t)words * 64) {
        memset(bits, 0, words * sizeof *bits);
        return;
    }
    for (uint64_t number = top + 1; left > 0;) {
        uint32_t bit = ring_bit(window, number);
        uint32_t count = 64 - bit % 64;
        uint64_t mask = UINT64_MAX << bit % 64;

        if (count > left) {
            count = (uint32_t)left;
            mask &= UINT64_MAX >> (64 - (bit % 64 + count));
        }
        bits[bit / 64] &= ~mask;
        number += count;
        left -= count;
    }
}

enum replay_verdict replay_commit(uint64_t *top, uint64_t *bits, uint32_t window, bool esn,
                                  uint64_t sequence)
{
    enum replay_verdict verdict = replay_check(*top, bits, window, sequence);

    if (verdict != REPLAY_OK) {
        return verdict;
    }
    if (window == 0) {
        if (esn && sequence > *top) {
            *top = sequence;
        }
        return REPLAY_OK;
    }
    if (sequence > *top) {
        clear_ahead(*top, bits, window, sequence);
        *top = sequence;
    }
    uint32_t bit = ring_bit(window, sequence);

    bits[bit / 64] |= UINT64_C(1) << bit % 64;
    return REPLAY_OK;
}

uint64_t sequence_left(uint64_t next, bool esn)
{
    if (esn) {
        return 0 - next; /* 2^64 - next; next = 0 stands for 2^64 */
    }
    return next > UINT32_MAX ? 0 : (UINT64_C(1) << 32) - next;
}

bool sequence_take(uint64_t *next, bool esn, uint64_t count, uint64_t *first)
{
    if (sequence_left(*next, esn) < count) {
        return false;
    }
    *first = *next;
    *next += count;
    return true;
}

bool sequence_next(uint64_t *next, bool esn, uint64_t *sequence)
{
    return sequence_take(next, esn, 1, sequence);
}
