/* Where the keys of received SAs lie: the memories of a hash table, and what they refuse.
 *
 * The card finds a received packet's SA by its key. Unless it has a CAM, the key must lie where the look-up will read:
 * in one of `choices` buckets, one in each of as many memories, which a look-up reads side by side; each bucket has
 * `ways` slots. Beside them a small CAM, the stash, takes what found no slot. An insertion can fail in a table that is
 * not full.
 *   direct   one bucket of one slot, given by the low part of the SPI
 *   hash     the bucket with the most free slots, the first memory at a tie (d-left hashing: Voecking 1999)
 *   cuckoo   where no bucket has room, keys are moved to another of their own buckets: the shortest chain of moves, by
 *            a search in breadth that looks at no more than `search` buckets (Pagh and Rodler 2001; buckets:
 *            Dietzfelbinger and Weidling 2007). Nothing moves unless the chain ends in a free slot.
 * After a removal the first key of the stash that may lie in the bucket is moved there.
 *
 * Which buckets are a key's is said by a hash:
 *   mix   a 64-bit hash of the key is mixed anew for each memory, with multiplications; any number of buckets
 *   h3    what hardware does (Carter and Wegman, "Universal Classes of Hash Functions", JCSS 1979: the class H3): each
 *         bit of the bucket is the parity of key AND a row of random bits. The buckets of a memory are a power of two.
 *
 * No time in here: each operation says how many accesses of a memory it needs one after the other. Buckets that are
 * read at the same time in different memories count as one. */
#ifndef ESPNIC_SA_TABLE_SLOTS_H
#define ESPNIC_SA_TABLE_SLOTS_H

#include "sa_table/pool.h"

enum sa_organisation {
    SA_ORGANISATION_CAM, /* an insertion fails only when the table is full */
    SA_ORGANISATION_HASH,
    SA_ORGANISATION_CUCKOO,
    SA_ORGANISATION_DIRECT
};

enum { SA_SLOTS_MAX_CHOICES = 8, SA_SLOTS_MAX_STASH = 64 };

enum sa_slots_hash { SA_SLOTS_MIX, SA_SLOTS_H3 };

/* A key for h3: 162 bits, least significant word first.
 *   0..127    destination, as a number; an IPv4 address in the low 32, the others 0
 *   128..159  SPI
 *   160       protocol: 1 AH, 0 ESP
 *   161       IP version: 1 IPv6, 0 IPv4 */
enum { SA_SLOTS_WORDS = 3, SA_SLOTS_ROWS = 32 };

struct sa_slots_key {
    uint64_t word[SA_SLOTS_WORDS];
};

struct sa_slots_config {
    uint32_t
        organisation; /* enum sa_organisation; CAM: there are no slots, and nothing here may be called */
    uint32_t slots;   /* of all memories: a multiple of choices * ways */
    uint32_t choices; /* 1 .. SA_SLOTS_MAX_CHOICES; cuckoo: at least 2; direct: 1 */
    uint32_t ways;    /* 1 .. 16; direct: 1 */
    uint32_t stash;   /* 0 .. SA_SLOTS_MAX_STASH; direct: 0 */
    uint32_t search;  /* cuckoo: buckets, at least `choices` */
    uint32_t
        hash; /* enum sa_slots_hash, not for direct; H3: slots / choices / ways is a power of two */
};

/* Accesses of the memories, one after the other. */
struct sa_cost {
    uint32_t reads, writes;
};

struct sa_slots {
    struct sa_slots_config config;
    uint32_t buckets;         /* in each memory */
    struct sa_slots_key *row; /* h3: [memory * SA_SLOTS_ROWS + bit] */
    uint32_t *slot; /* [(memory * buckets + bucket) * ways + way]: a reference, 0 = free */
    struct sa_slots_state {
        uint32_t stash[SA_SLOTS_MAX_STASH]; /* references, 0 = free */
        uint32_t used, in_stash;
    } state;
    /* of searches, no state: */
    struct sa_step *step;
    uint32_t *seen; /* [bucket]: search that came there last */
    uint32_t searches;
};

/* How a key is found again: never 0 references. */
struct sa_slots_owner {
    uint64_t (*hash)(const void *owner, uint32_t reference); /* mix; direct: it is the SPI */
    struct sa_slots_key (*key)(const void *owner, uint32_t reference); /* h3 */
};

/* Ends the program when memory runs out. */
void sa_slots_init(struct sa_slots *slots, const struct sa_slots_config *config);
void sa_slots_destroy(struct sa_slots *slots);

/* Gives the key a slot. False if there is none for it: then nothing has changed. *cost is set in either case. */
bool sa_slots_place(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                    uint32_t reference, struct sa_cost *cost);

/* The reference must have a slot. */
void sa_slots_remove(struct sa_slots *slots, const struct sa_slots_owner *how, const void *owner,
                     uint32_t reference, struct sa_cost *cost);

/* Number of the bucket in memory `memory` where a key of this hash may lie, counted over all memories: mix and direct. */
uint32_t sa_slots_bucket(const struct sa_slots *slots, uint64_t hash, uint32_t memory);
/* The same of this key: h3. */
uint32_t sa_slots_h3_bucket(const struct sa_slots *slots, const struct sa_slots_key *key,
                            uint32_t memory);

/* The row of random bits for a bit of the bucket (below SA_SLOTS_ROWS) in a memory: word w is output number
 * (memory * 32 + bit) * 3 + w, counted from 0, of SplitMix64 with seed 0; of the last word the low 34 bits. */
struct sa_slots_key sa_slots_h3_row(uint32_t memory, uint32_t bit);

#endif
