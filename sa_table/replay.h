/* Anti-replay windows, extended sequence numbers (ESN) and transmit numbering.
 *
 * Sources: RFC 4303 sections 3.3.3 (numbering), 3.4.3 (replay check) and appendix A2 (ESN), the
 * same rules for AH in RFC 4302. Plain functions on the caller's storage: no time, no
 * allocation.
 *
 * A window of W packets accepts the numbers top - W + 1 .. top once each, and everything above
 * top. Its bit map is a ring of 64-bit words: number n is bit n mod (64 * words). The words are
 * a power of two, so a window of up to 64 is one word and one of 4096 is 64. */
#ifndef ESPNIC_SA_TABLE_REPLAY_H
#define ESPNIC_SA_TABLE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

enum { REPLAY_MAX_WINDOW = 4096, REPLAY_MAX_WORDS = REPLAY_MAX_WINDOW / 64 };

enum replay_verdict {
    REPLAY_OK,
    REPLAY_DUPLICATE, /* inside the window and already received */
    REPLAY_TOO_OLD,   /* below the window */
    REPLAY_ZERO       /* number 0, which no sender uses (RFC 4303 3.3.3: the first number is 1) */
};

/* "ok", "duplicate", "too_old", "zero". */
const char *replay_verdict_name(enum replay_verdict verdict);

/* Words of bit map for a window of `window` packets (0 to REPLAY_MAX_WINDOW): 0 for 0, else a power
 * of two. */
uint32_t replay_words(uint32_t window);

/* Start of a receiving SA. `highest` is the highest number already received, 0 for a fresh SA.
 * Which of the lower numbers arrived is not known then; all of them count as received, so that no
 * packet can be accepted twice. `bits` has replay_words(window) words. */
void replay_init(uint64_t *top, uint64_t *bits, uint32_t window, uint64_t highest);

/* The 64-bit number of a packet that carries `seq_lo`.
 *   - without ESN: seq_lo itself.
 *   - with ESN and a window: RFC 4303 A2.2, the only number of that low half in the 2^32 numbers
 *     that start at the bottom of the window. A packet from below the window is therefore taken for
 *     one of the next 2^32 block, and its ICV fails.
 *   - with ESN and no window: the number nearest to top, at most 2^31 away. RFC 4303 3.4.3 advises
 *     against the combination and gives no rule (Linux 6.1 refuses it); this one tolerates
 *     reordering, as a receiver that does not care about order must.
 * There is no block below the first or above the last: the number then stays in top's block. */
uint64_t replay_infer(uint64_t top, uint32_t seq_lo, uint32_t window, bool esn);

/* The check before the crypto; changes nothing. Window 0 accepts everything (RFC 4303 3.4.3). */
enum replay_verdict replay_check(uint64_t top, const uint64_t *bits, uint32_t window,
                                 uint64_t sequence);

/* The check and the update after a good ICV. The check is repeated since packets of the SA may have
 * been committed in between. With window 0 the top moves only if `esn`, which needs it to infer;
 * without ESN nothing is written, so such an SA has no read-modify-write at all. */
enum replay_verdict replay_commit(uint64_t *top, uint64_t *bits, uint32_t window, bool esn,
                                  uint64_t sequence);

/* ---- transmit --------------------------------------------------------------------------- */

/* `next` is the number that the next packet carries (1 for a fresh SA). The last is 2^32 - 1,
 * with ESN 2^64 - 1 (RFC 4303 3.3.3: the counter must not cycle); after it `next` is 2^32, with
 * ESN 0. */

/* Numbers left: 0 = exhausted. */
uint64_t sequence_left(uint64_t next, bool esn);

/* Takes one number. False, with nothing changed, when the SA is exhausted. */
bool sequence_next(uint64_t *next, bool esn, uint64_t *sequence);

/* Takes `count` consecutive numbers (LSO) or none. `count` is at least 1; *first is the lowest. */
bool sequence_take(uint64_t *next, bool esn, uint64_t count, uint64_t *first);

#endif
