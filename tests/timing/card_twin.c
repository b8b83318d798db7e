#include "card_twin.h"

#include "engine/rng.h"
#include "twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ESP_AROUND = 14 + 20 + 8 + 8 + 16, /* Ethernet, IPv4, ESP header, IV, ICV */
    ETHERNET_BYTES = 14,
    AES_BLOCK = 16,
    AROUND_MTU = 256, /* of the longest packet */
    ROUNDS = 10,      /* of AES-128 */
    TAG = 4,          /* cycles from the last block to the verdict */
    REORDER_LATENCY = 1,
    WIRE_PREAMBLE = 8,
    WIRE_FCS = 4,
    WIRE_GAP = 12,
    MOST_LINES = 8, /* of a context */
    MOST_MSHRS = 64,
    MOST_FRAMES = 512,   /* places of the cache */
    SHORTEST_FRAME = 60, /* without FCS */
    MOST_CYCLES = 4000000
};

/* ---- state ----------------------------------------------------------------------------------- */

struct place {
    bool valid, dirty, pinned, prefetched; /* ahead, and not used yet */
    uint64_t line;
    uint64_t used, filled; /* when, in events of the cache */
    unsigned distance;     /* of SRRIP */
};

struct miss {
    bool valid, dirty, prefetch;
    uint64_t line;
    uint32_t accesses;
    uint64_t fill; /* cycle */
};

struct cache {
    const struct sa_cache_config *config;
    uint32_t sets;
    struct place place[MOST_FRAMES];
    bool right[MOST_FRAMES]; /* nodes of the trees: the victim is on the right */
    struct miss miss[MOST_MSHRS];
    uint64_t events;
    struct rng random;
};

/* Card memory: one transfer at a time. */
struct memory {
    uint64_t free;                               /* first cycle in which a transfer can begin */
    uint64_t latency, transfer, last, miss_time; /* cycles; a line, the last line of a context */
    bool writes;                                 /* the last transfer is a write-back */
};

struct packet_state {
    bool was_good;                /* while it had no room before the engines */
    bool queued, good, reordered; /* is before sa_wait; passed replay_check; left the engines */
    uint64_t waits[MOST_LINES];   /* lines on their way */
    unsigned waiting;
    bool passed, merged, no_mshr, hazard, in_order; /* what happened to it */
    unsigned turn;                                  /* of entering the engines */
};

struct history {
    bool updated;
    uint64_t last;  /* cycle of the last update */
    uint32_t given; /* numbers */
    uint32_t top;
    bool received[CARD_PACKETS * 64];
};

struct model {
    const struct card_case *c;
    const struct nic_config *card;
    struct twin tw;
    unsigned stage[CARD_BLOCKS], channel[CARD_BLOCKS], domain, crypto_domain, wire_domain;
    size_t seen[CARD_BLOCKS]; /* begins of the stage that have had their effect */
    uint64_t now;
    struct cache cache;
    struct memory memory;
    struct packet_state packet[CARD_PACKETS];
    struct history sa[CARD_SAS + 1];
    unsigned turns;
    bool engines_counted;
    size_t expected; /* packets of the parser whose contexts have been fetched ahead */
    uint32_t lines, used, written; /* of a context */
    struct card_result *result;
    struct card_reached *reached;
};

static struct model model;

static uint32_t divide_up(uint64_t a, uint64_t b)
{
    return (uint32_t)((a + b - 1) / b);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Cycles of the core clock, rounded up. */
static uint64_t cycles(const struct model *m, uint64_t ps)
{
    unsigned __int128 product = (unsigned __int128)ps * m->card->general.clock; /* mHz */

    return (uint64_t)((product + 999999999999999u) / 1000000000000000u);
}

/* ---- cache of contexts ----------------------------------------------------------------------- */

static uint32_t set_of(const struct cache *k, uint64_t line)
{
    return (uint32_t)((k->config->hash == SA_CACHE_MIX ? rng_mix(line) : line) % k->sets);
}

static struct place *find(struct cache *k, uint64_t line)
{
    struct place *p = &k->place[set_of(k, line) * k->config->ways];

    for (uint32_t way = 0; way < k->config->ways; way++) {
        if (p[way].valid && p[way].line == line) {
            return &p[way];
        }
    }
    return NULL;
}

static struct miss *find_miss(struct cache *k, uint64_t line)
{
    for (uint32_t i = 0; i < k->config->mshrs; i++) {
        if (k->miss[i].valid && k->miss[i].line == line) {
            return &k->miss[i];
        }
    }
    return NULL;
}

static uint32_t free_misses(const struct cache *k)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < k->config->mshrs; i++) {
        n += !k->miss[i].valid;
    }
    return n;
}

/* The tree of a set points away from this way. */
static void point_away(struct cache *k, uint32_t set, uint32_t way)
{
    bool *node = &k->right[set * k->config->ways];
    uint32_t low = 0;
    uint32_t high = k->config->ways;

    for (uint32_t i = 0; high - low > 1;) {
        uint32_t middle = (low + high) / 2;
        bool right = way >= middle;

        node[i] = !right;
        i = 2 * i + (right ? 2 : 1);
        *(right ? &low : &high) = middle;
    }
}

static bool all_pinned(const struct place *p, uint32_t low, uint32_t high)
{
    for (uint32_t way = low; way < high; way++) {
        if (!p[way].pinned) {
            return false;
        }
    }
    return true;
}

/* A half without anything that may go is not gone into. */
static uint32_t pointed_at(const struct cache *k, uint32_t set)
{
    const bool *node = &k->right[set * k->config->ways];
    const struct place *p = &k->place[set * k->config->ways];
    uint32_t low = 0;
    uint32_t high = k->config->ways;

    for (uint32_t i = 0; high - low > 1;) {
        uint32_t middle = (low + high) / 2;
        bool right = (node[i] && !all_pinned(p, middle, high)) || all_pinned(p, low, middle);

        i = 2 * i + (right ? 2 : 1);
        *(right ? &low : &high) = middle;
    }
    return low;
}

static uint32_t earliest(const struct cache *k, const struct place *p, bool by_use)
{
    uint64_t least = UINT64_MAX;
    uint32_t victim = 0;

    for (uint32_t way = 0; way < k->config->ways; way++) {
        uint64_t when = by_use ? p[way].used : p[way].filled;

        if (!p[way].pinned && when < least) {
            least = when;
            victim = way;
        }
    }
    return victim;
}

static uint32_t most_distant(const struct cache *k, struct place *p)
{
    unsigned most = (1u << k->config->rrip_bits) - 1;

    for (;;) {
        for (uint32_t way = 0; way < k->config->ways; way++) {
            if (!p[way].pinned && p[way].distance == most) {
                return way;
            }
        }
        for (uint32_t way = 0; way < k->config->ways; way++) {
            p[way].distance += !p[way].pinned;
        }
    }
}

static uint32_t drawn(struct cache *k, const struct place *p)
{
    uint32_t n = 0;
    uint64_t left;

    for (uint32_t way = 0; way < k->config->ways; way++) {
        n += !p[way].pinned;
    }
    left = rng_below(&k->random, n);
    for (uint32_t way = 0;; way++) {
        if (!p[way].pinned && left-- == 0) {
            return way;
        }
    }
}

/* There is one without a pin. */
static uint32_t victim_of(struct cache *k, uint32_t set)
{
    struct place *p = &k->place[set * k->config->ways];

    for (uint32_t way = 0; way < k->config->ways; way++) {
        if (!p[way].valid) {
            return way;
        }
    }
    switch (k->config->replacement) {
    case SA_CACHE_LRU: return earliest(k, p, true);
    case SA_CACHE_FIFO: return earliest(k, p, false);
    case SA_CACHE_RANDOM: return drawn(k, p);
    case SA_CACHE_TREE_PLRU: return pointed_at(k, set);
    default: return most_distant(k, p);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The last line of a context may have less in it than others. Returns the cycle of the last beat. */
static uint64_t transfer(struct model *m, uint64_t line, bool writes)
{
    struct memory *mem = &m->memory;
    uint64_t start = mem->free > m->now ? mem->free : m->now;

    if (!writes && start > m->now) {
        m->reached->memory_busy++;
        m->reached->behind_write += mem->writes;
    }
    mem->free = start + (line % m->lines + 1 == m->lines ? mem->last : mem->transfer);
    mem->writes = writes;
    return mem->free;
}

/* ---- contexts of packets --------------------------------------------------------------------- */

/* Others pass by without any work. */
static bool is_known(const struct model *m, uint32_t item)
{
    return m->c->packet[item].sa < m->c->sas;
}

/* Numbers of the table are given in turn, from 1. */
static uint64_t sa_number(const struct model *m, uint32_t item)
{
    return is_known(m, item) ? m->c->packet[item].sa + 1 : 0;
}

static uint64_t line_of(const struct model *m, uint32_t item, uint32_t i)
{
    return sa_number(m, item) * m->lines + i;
}

/* Are there MSHRs for all lines that the packet needs? */
static bool can_look_up(struct model *m, uint32_t item)
{
    struct cache *k = &m->cache;
    uint32_t left = free_misses(k);
    uint32_t others = m->c->send ? 0 : m->card->sa.mshrs_tx; /* left to packets to send */

    if (!is_known(m, item)) {
        return true;
    }
    left = left > others ? left - others : 0;
    for (uint32_t i = 0; i < m->used; i++) {
        uint64_t line = line_of(m, item, i);
        const struct miss *miss = find_miss(k, line);

        if (find(k, line)) {
            continue;
        }
        if (miss ? k->config->merge > 0 && miss->accesses >= k->config->merge : left-- == 0) {
            return false;
        }
    }
    return true;
}

static void start_fetch(struct model *m, uint64_t line, bool write, bool prefetch)
{
    struct cache *k = &m->cache;
    uint32_t i = 0;

    while (k->miss[i].valid) {
        i++;
    }
    k->miss[i] = (struct miss){ .valid = true, .dirty = write, .prefetch = prefetch, .line = line };
    k->miss[i].accesses = !prefetch;
    k->miss[i].fill = transfer(m, line, false) + m->memory.latency + m->memory.miss_time;
}

static void access_line(struct model *m, uint32_t item, uint64_t line, bool write)
{
    struct cache *k = &m->cache;
    struct place *p = find(k, line);
    struct miss *miss = find_miss(k, line);
    struct packet_state *s = &m->packet[item];

    m->result->accesses++;
    if (p) {
        m->result->prefetch_useful += p->prefetched;
        p->prefetched = false;
        p->used = ++k->events;
        p->dirty |= write;
        p->distance = 0;
        point_away(k, set_of(k, line), (uint32_t)((p - k->place) % k->config->ways));
        m->result->hits++;
        return;
    }
    if (miss) {
        m->result->prefetch_late += miss->accesses == 0;
        miss->accesses++;
        miss->dirty |= write;
        m->result->merged++;
        s->merged = true;
    } else {
        start_fetch(m, line, write, false);
        m->result->misses++;
    }
    s->waits[s->waiting++] = line;
}

static void look_up(struct model *m, uint32_t item)
{
    struct packet_state *s = &m->packet[item];

    if (!is_known(m, item)) {
        return;
    }
    for (uint32_t i = 0; i < m->used; i++) {
        access_line(m, item, line_of(m, item, i), i < m->written);
    }
    m->result->packets_hit += s->waiting == 0;
    m->result->packets_missed += s->waiting > 0;
    m->reached->missed += s->waiting > 0;
}

/* The line has come: who waited for it does not any more. */
static void serve(struct model *m, uint64_t line)
{
    for (uint32_t i = 0; i < m->c->packets; i++) {
        struct packet_state *s = &m->packet[i];

        for (unsigned w = 0; w < s->waiting; w++) {
            if (s->waits[w] == line) {
                s->waits[w--] = s->waits[--s->waiting];
            }
        }
    }
}

static void write_back(struct model *m, uint64_t line)
{
    transfer(m, line, true);
    m->result->writebacks++;
    m->reached->dirty++;
}

/* The first places of the table are pinned. */
static bool is_pinned(const struct model *m, uint64_t line)
{
    return line / m->lines <= m->card->sa.pinned;
}

/* All ways are pinned: the line is used and not kept. */
static void pass_by(struct model *m, const struct miss *miss)
{
    m->result->bypasses++;
    m->result->pins_missed += is_pinned(m, miss->line);
    m->result->prefetch_useless += miss->accesses == 0;
    if (miss->dirty) {
        write_back(m, miss->line);
    }
}

static void replace(struct model *m, const struct miss *miss)
{
    struct cache *k = &m->cache;
    uint32_t set = set_of(k, miss->line);
    uint32_t way = victim_of(k, set);
    struct place *p = &k->place[set * k->config->ways + way];
    uint64_t event = ++k->events;

    m->result->evictions += p->valid;
    m->reached->victims += p->valid;
    m->reached->evictions[k->config->replacement] += p->valid;
    m->result->prefetch_useless += p->valid && p->prefetched;
    if (p->valid && p->dirty) {
        write_back(m, p->line);
    }
    *p = (struct place){ .valid = true,
                         .dirty = miss->dirty,
                         .prefetched = miss->accesses == 0,
                         .pinned = is_pinned(m, miss->line),
                         .line = miss->line,
                         .used = event,
                         .filled = event,
                         .distance = (1u << k->config->rrip_bits) - 2 };
    m->result->pins += p->pinned;
    point_away(k, set, way);
}

static void fill(struct model *m, struct miss *miss)
{
    struct cache *k = &m->cache;

    m->result->fills++;
    m->reached->fills++;
    if (all_pinned(&k->place[set_of(k, miss->line) * k->config->ways], 0, k->config->ways)) {
        pass_by(m, miss);
    } else {
        replace(m, miss);
    }
    serve(m, miss->line);
    miss->valid = false;
}

static void fills(struct model *m)
{
    for (;;) {
        struct miss *first = NULL;

        for (uint32_t i = 0; i < m->cache.config->mshrs; i++) {
            struct miss *miss = &m->cache.miss[i];

            if (miss->valid && miss->fill <= m->now && (!first || miss->fill < first->fill)) {
                first = miss;
            }
        }
        if (!first) {
            return;
        }
        fill(m, first);
    }
}

/* ---- prefetches ------------------------------------------------------------------------------ */

static uint32_t prefetches_under_way(const struct cache *k)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < k->config->mshrs; i++) {
        n += k->miss[i].valid && k->miss[i].prefetch;
    }
    return n;
}

/* Line by line. One that finds no MSHR is left out; the first that finds only those of the other direction ends it. */
static void prefetch(struct model *m, uint32_t item)
{
    struct cache *k = &m->cache;

    for (uint32_t i = 0; i < m->used; i++) {
        uint64_t line = line_of(m, item, i);

        if (find(k, line) || find_miss(k, line)) {
            m->result->prefetch_there++;
            continue;
        }
        if (free_misses(k) > 0 && free_misses(k) <= m->card->sa.mshrs_tx) {
            m->result->prefetch_dropped++;
            return;
        }
        if (free_misses(k) == 0 ||
            (k->config->prefetches > 0 && prefetches_under_way(k) == k->config->prefetches)) {
            m->result->prefetch_refused++;
        } else {
            start_fetch(m, line, false, true);
            m->result->prefetches++;
        }
    }
}

/* One a cycle, of packets that the parser has passed on. */
static void prefetches(struct model *m)
{
    const struct twin_stage *st = &m->tw.stage[m->stage[CARD_PARSER]];

    if (m->c->send || m->card->sa.prefetch_rx != NIC_PREFETCH_PARSER) {
        return;
    }
    while (m->expected < st->begins && !is_known(m, st->begin[m->expected].item)) {
        m->expected++;
    }
    if (m->expected < st->begins &&
        st->begin[m->expected].cycle + m->card->parser.latency + 1 <= m->now) {
        prefetch(m, st->begin[m->expected++].item);
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

enum verdict { GOOD, DUPLICATE, TOO_OLD, BAD_ICV };

static enum verdict check(const struct model *m, uint32_t item)
{
    const struct card_packet *p = &m->c->packet[item];
    const struct history *sa = &m->sa[p->sa];

    if (m->c->window == 0 || !is_known(m, item)) {
        return GOOD;
    }
    if (p->sequence + m->c->window <= sa->top) {
        return TOO_OLD;
    }
    return sa->received[p->sequence] ? DUPLICATE : GOOD;
}

/* After the engines. */
static enum verdict judge(const struct model *m, uint32_t item)
{
    return m->c->packet[item].bad_icv && is_known(m, item) ? BAD_ICV : check(m, item);
}

static void count_verdict(struct model *m, enum verdict v)
{
    m->result->replay += v == DUPLICATE;
    m->result->too_old += v == TOO_OLD;
    m->result->bad_icv += v == BAD_ICV;
}

static void update(struct model *m, uint32_t item)
{
    const struct card_packet *p = &m->c->packet[item];
    struct history *sa = &m->sa[p->sa];
    enum verdict v = judge(m, item);

    count_verdict(m, v);
    if (v == GOOD) {
        sa->updated = true;
        sa->last = m->now;
        sa->received[p->sequence] = true;
        sa->top = p->sequence > sa->top ? p->sequence : sa->top;
    }
}

/* ---- what blocks do to a packet -------------------------------------------------------------- */

static uint32_t beats(const struct model *m, uint64_t bytes)
{
    return divide_up(bytes, m->card->general.bus);
}

static uint32_t sealed_beats(const struct model *m, uint32_t item)
{
    return beats(m, m->c->packet[item].length);
}

static uint32_t clear_length(const struct model *m, uint32_t item)
{
    return m->c->packet[item].inner + ETHERNET_BYTES;
}

/* As it comes: sealed from the wire, clear from the host. */
static uint32_t beats_of(const struct model *m, uint32_t item)
{
    return m->c->send ? beats(m, clear_length(m, item)) : sealed_beats(m, item);
}

/* From encapsulate on, and up to decapsulate. What has no SA stays as it is. */
static uint32_t beats_inside(const struct model *m, uint32_t item)
{
    return is_known(m, item) ? sealed_beats(m, item) : beats_of(m, item);
}

static void plain_job(const struct model *m, const struct nic_stage_config *stage,
                      struct lane_job *job)
{
    job->beats_in = job->beats_out = beats_of(m, job->item);
    job->interval = stage->interval;
    job->latency = stage->latency;
    job->tail = stage->overhead;
}

static void drop(struct lane_job *job)
{
    job->beats_out = 0;
    job->out = LANE_NO_CHANNEL;
}

static void parser_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->parser, job);
}

/* The queue of sa_wait that a packet goes into. */
static uint8_t queue_of(const struct model *m, uint32_t item)
{
    return (uint8_t)(rng_mix(sa_number(m, item)) % m->card->sa.wait_queues);
}

static void lookup_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->lookup, job);
    job->out = queue_of(m, job->item);
}

static void wait_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    static const struct nic_stage_config nothing = { .interval = 1 };

    (void)now;
    (void)lane;
    plain_job(self, &nothing, job);
}

static void check_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->replay, job);
    m->packet[job->item].was_good |= check(m, job->item) == GOOD;
    if (check(m, job->item) != GOOD) {
        drop(job);
    }
}

static uint32_t sealed_bytes(const struct model *m, uint32_t item)
{
    return m->c->packet[item].length - ESP_AROUND;
}

/* Blocks of an iterative core, widths of a pipelined one. */
static uint32_t portions(const struct model *m, uint32_t item)
{
    const struct nic_crypto_config *crypto = &m->card->crypto;

    return divide_up(sealed_bytes(m, item),
                     crypto->block_cycles[NIC_CLASS_GCM] ? AES_BLOCK : crypto->width);
}

static void crypto_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;
    const struct nic_crypto_config *crypto = &m->card->crypto;
    uint32_t n = portions(m, job->item);
    uint32_t block = crypto->block_cycles[NIC_CLASS_GCM];
    uint32_t taken = block ? n * block : n + crypto->overhead + crypto->key_setup;

    (void)now;
    job->beats_in = job->beats_out = beats_inside(m, job->item);
    job->interval = 1;
    job->out = (uint8_t)lane;
    if (!is_known(m, job->item)) {
        job->latency = 1;
        return;
    }
    job->tail = taken > job->beats_in ? taken - job->beats_in : 0;
    job->latency = block ? taken + 1 : ROUNDS * crypto->stages_per_round + TAG;
    if (!block && n > job->beats_in) {
        job->latency += n - job->beats_in;
    }
}

static void reorder_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    static const struct nic_stage_config nothing = { .interval = 1, .latency = REORDER_LATENCY };

    (void)now;
    (void)lane;
    plain_job(self, &nothing, job);
    job->beats_in = job->beats_out = beats_inside(self, job->item);
}

static void update_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->update, job);
    if (judge(m, job->item) != GOOD) {
        drop(job);
    }
}

static uint32_t clear_beats(const struct model *m, uint32_t item)
{
    return is_known(m, item) ? beats(m, m->c->packet[item].inner + ETHERNET_BYTES)
                             : beats_of(m, item);
}

static void decapsulate_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->decapsulate, job);
    job->beats_out = clear_beats(m, job->item);
}

static void dma_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    (void)now;
    (void)lane;
    job->beats_in = clear_beats(self, job->item);
    job->beats_out = 0;
    job->out = LANE_NO_CHANNEL;
    job->interval = 1;
}

/* ---- what blocks do to a packet to send ------------------------------------------------------ */

static void tx_dma_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    job->beats_in = 1;
    job->beats_out = beats_of(m, job->item);
    job->interval = 1;
    job->latency = m->card->dma.latency;
}

static void fetch_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->fetch, job);
    job->out = queue_of(m, job->item);
}

enum refusal { SENT, TOO_LONG, NO_NUMBER };

static enum refusal refusal_of(const struct model *m, uint32_t item)
{
    const struct card_packet *p = &m->c->packet[item];

    if (!is_known(m, item)) {
        return SENT;
    }
    if (p->length - ETHERNET_BYTES > m->card->mac.mtu) {
        return TOO_LONG;
    }
    return m->sa[p->sa].given == m->c->numbers ? NO_NUMBER : SENT;
}

static void sequence_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->sequence, job);
    if (refusal_of(m, job->item) != SENT) {
        drop(job);
    }
}

static void encapsulate_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;

    (void)now;
    (void)lane;
    plain_job(m, &m->card->encapsulate, job);
    job->beats_out = beats_inside(m, job->item);
}

/* A byte a cycle, and a beat is many of them. */
static void mac_tx_job(void *self, uint64_t now, unsigned lane, struct lane_job *job)
{
    const struct model *m = self;
    uint32_t frame =
        is_known(m, job->item) ? m->c->packet[job->item].length : clear_length(m, job->item);
    uint32_t bytes = WIRE_PREAMBLE + larger(frame, SHORTEST_FRAME) + WIRE_FCS + WIRE_GAP;

    (void)now;
    (void)lane;
    job->beats_in = beats_inside(m, job->item);
    job->beats_out = 0;
    job->out = LANE_NO_CHANNEL;
    job->interval = bytes / job->beats_in;
    job->tail = bytes % job->beats_in;
}

/* A number is a read-modify-write of the SA. */
static void number(struct model *m, uint32_t item)
{
    struct history *sa = &m->sa[m->c->packet[item].sa];
    enum refusal why = refusal_of(m, item);

    m->result->mtu += why == TOO_LONG;
    m->result->exhausted += why == NO_NUMBER;
    m->packet[item].good = why == SENT;
    if (why == SENT) {
        m->packet[item].turn = m->turns++;
        if (is_known(m, item)) {
            sa->given++;
            sa->updated = true;
            sa->last = m->now;
        }
    }
}

/* ---- what they wait for ---------------------------------------------------------------------- */

static bool lookup_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct model *m = self;
    bool yes = can_look_up(m, item);

    (void)now;
    (void)cause;
    (void)again;
    m->packet[item].no_mshr |= !yes;
    return yes;
}

static bool wait_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct model *m = self;

    (void)now;
    (void)cause;
    (void)again;
    return m->packet[item].waiting == 0;
}

static bool update_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct model *m = self;
    const struct history *sa = &m->sa[m->c->packet[item].sa];
    bool numbered = m->c->send || m->c->window > 0;
    bool yes = !numbered || !is_known(m, item) || !sa->updated || now >= sa->last + m->card->sa.rmw;

    (void)cause;
    (void)again;
    m->packet[item].hazard |= !yes;
    return yes;
}

/* An engine takes the next packet when it has taken all of the one before, if a context is free. */
static bool engine_accepts(void *self, unsigned lane, uint32_t item)
{
    const struct model *m = self;
    const struct nic_crypto_config *crypto = &m->card->crypto;
    const struct twin_stage *st = &m->tw.stage[m->stage[CARD_CRYPTO]];

    if (!is_known(m, item) || lane == crypto->engines * crypto->contexts) {
        return !is_known(m, item) && lane == crypto->engines * crypto->contexts;
    }
    for (size_t i = st->begins; i-- > 0 && crypto->contexts > 1;) {
        const struct twin_begin *b = &st->begin[i];

        if (b->lane / crypto->contexts == lane / crypto->contexts) {
            return st->clock->edges - 1 >=
                   b->cycle + larger(portions(m, b->item), beats_inside(m, b->item));
        }
    }
    return true;
}

/* Everything that has to come out before it is out. */
static bool reorder_ready(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct model *m = self;

    (void)now;
    (void)cause;
    (void)again;
    for (uint32_t i = 0; i < m->c->packets; i++) {
        const struct packet_state *s = &m->packet[i];

        if (s->good && !s->reordered && s->turn < m->packet[item].turn &&
            (m->card->crypto.order == NIC_ORDER_LANE ||
             m->c->packet[i].sa == m->c->packet[item].sa)) {
            m->packet[item].in_order = true;
            return false;
        }
    }
    return true;
}

/* ---- the card -------------------------------------------------------------------------------- */

struct block {
    enum lane_start start;
    void (*job)(void *self, uint64_t now, unsigned lane, struct lane_job *job);
    bool (*ready)(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again);
    bool (*accepts)(void *self, unsigned lane, uint32_t item);
};

static const struct block receiving[CARD_BLOCKS] = {
    [CARD_PARSER] = { LANE_START_FIRST, parser_job, NULL, NULL },
    [CARD_LOOKUP] = { LANE_START_FIRST, lookup_job, lookup_ready, NULL },
    [CARD_WAIT] = { LANE_START_FIRST, wait_job, wait_ready, NULL },
    [CARD_CHECK] = { LANE_START_FIRST, check_job, NULL, NULL },
    [CARD_CRYPTO] = { LANE_START_FIRST, crypto_job, NULL, engine_accepts },
    [CARD_REORDER] = { LANE_START_LAST, reorder_job, reorder_ready, NULL },
    [CARD_UPDATE] = { LANE_START_LAST, update_job, update_ready, NULL },
    [CARD_DECAPSULATE] = { LANE_START_FIRST, decapsulate_job, NULL, NULL },
    [CARD_RX_DMA] = { LANE_START_LAST, dma_job, NULL, NULL },
};

static const struct block sending[CARD_BLOCKS] = {
    [CARD_PARSER] = { LANE_START_FIRST, tx_dma_job, NULL, NULL },
    [CARD_LOOKUP] = { LANE_START_FIRST, fetch_job, lookup_ready, NULL },
    [CARD_WAIT] = { LANE_START_FIRST, wait_job, wait_ready, NULL },
    [CARD_UPDATE] = { LANE_START_FIRST, sequence_job, update_ready, NULL },
    [CARD_DECAPSULATE] = { LANE_START_FIRST, encapsulate_job, NULL, NULL },
    [CARD_CRYPTO] = { LANE_START_FIRST, crypto_job, NULL, engine_accepts },
    [CARD_REORDER] = { LANE_START_FIRST, reorder_job, reorder_ready, NULL },
    [CARD_RX_DMA] = { LANE_START_LAST, mac_tx_job, NULL, NULL },
};

/* Blocks in the order in which packets pass them. */
static const enum card_block chains[2][CARD_BLOCKS] = {
    { CARD_PARSER, CARD_LOOKUP, CARD_WAIT, CARD_CHECK, CARD_CRYPTO, CARD_REORDER, CARD_UPDATE,
      CARD_DECAPSULATE, CARD_RX_DMA },
    { CARD_PARSER, CARD_LOOKUP, CARD_WAIT, CARD_UPDATE, CARD_DECAPSULATE, CARD_CRYPTO, CARD_REORDER,
      CARD_RX_DMA },
};

static unsigned links(const struct model *m)
{
    return m->c->send ? CARD_BLOCKS - 1 : CARD_BLOCKS;
}

static bool is_there(const struct model *m, unsigned b)
{
    return !m->c->send || b != CARD_CHECK;
}

/* The channel before a block. From the engines on it holds two of the longest packets at least. */
static uint32_t received_depth(const struct nic_config *card, enum card_block b)
{
    uint32_t two = 2 * divide_up(card->mac.mtu + AROUND_MTU, card->general.bus);

    switch (b) {
    case CARD_LOOKUP: return card->parser.depth;
    case CARD_WAIT: return larger(card->sa.wait_depth / card->sa.wait_queues, two);
    case CARD_CHECK: return card->lookup.depth;
    case CARD_CRYPTO: return card->replay.depth;
    case CARD_REORDER: return larger(card->crypto.depth, two);
    case CARD_UPDATE: return two;
    case CARD_DECAPSULATE: return larger(card->update.depth, two);
    default: return larger(card->decapsulate.depth, two);
    }
}

static uint32_t sent_depth(const struct nic_config *card, enum card_block b)
{
    uint32_t two = 2 * divide_up(card->mac.mtu + AROUND_MTU, card->general.bus);

    switch (b) {
    case CARD_LOOKUP: return two;
    case CARD_WAIT: return larger(card->sa.wait_depth / card->sa.wait_queues, two);
    case CARD_UPDATE: return card->fetch.depth;
    case CARD_DECAPSULATE: return card->sequence.depth;
    case CARD_CRYPTO: return card->encapsulate.depth;
    case CARD_REORDER: return larger(card->crypto.depth, two);
    default: return larger((uint32_t)(card->mac.tx_buffer / card->general.bus), two);
    }
}

static unsigned domain_of(const struct model *m, enum card_block b)
{
    if (b == CARD_CRYPTO) {
        return m->crypto_domain;
    }
    return b == CARD_RX_DMA && m->c->send ? m->wire_domain : m->domain;
}

static void build(struct model *m)
{
    const struct block *blocks = m->c->send ? sending : receiving;
    const enum card_block *chain = chains[m->c->send];

    const struct nic_config *card = m->card;
    unsigned lanes = card->crypto.engines * card->crypto.contexts +
                     1; /* the last one is the way around the engines */

    twin_init(&m->tw);
    m->domain = m->crypto_domain = twin_add_domain(&m->tw, card->general.clock, 1000);
    if (card->crypto.clock) { /* also one that is as fast as the core's */
        m->crypto_domain = twin_add_domain(&m->tw, card->crypto.clock, 1000);
    }
    m->wire_domain = m->domain;
    if (m->c->send) {
        m->wire_domain = twin_add_domain(&m->tw, card->mac.rate / 8, 1);
    }
    for (unsigned i = 0; i < links(m); i++) {
        enum card_block b = chain[i];
        struct stage_config s = {
            .name = card_block_name(m->c, b),
            .domain = domain_of(m, b),
            .lanes = b == CARD_CRYPTO ? lanes : 1,
            .start = blocks[b].start,
            .ops = { .job = blocks[b].job, .ready = blocks[b].ready, .accepts = blocks[b].accepts },
            .self = m
        };

        m->stage[b] = twin_add_stage(&m->tw, &s);
    }
    for (unsigned i = 0; i < links(m); i++) {
        enum card_block b = chain[i];
        unsigned writer_domain = i == 0 ? m->domain : domain_of(m, chain[i - 1]);

        m->channel[b] = m->tw.channels;
        for (unsigned n = 0; n < (b == CARD_REORDER ? lanes
                                  : b == CARD_WAIT  ? card->sa.wait_queues
                                                    : 1);
             n++) {
            struct channel_config ch = { .sync = card->general.sync };

            ch.unlimited = i == 0;
            ch.depth = m->c->send ? sent_depth(card, b) : received_depth(card, b);
            twin_add_channel(&m->tw, &ch, i == 0 ? -1 : (int)m->stage[chain[i - 1]], writer_domain,
                             m->stage[b]);
        }
    }
}

/* When tx_dma takes a packet is the card's word: host, descriptors and link are not part of this. */
static void offer_from_host(struct model *m, const struct card_result *seen)
{
    for (uint32_t i = 0; i < m->c->packets; i++) {
        unsigned __int128 product =
            (unsigned __int128)seen->span[i][CARD_PARSER].begin_ps * m->card->general.clock;
        uint64_t cycle = (uint64_t)((product + 999999999999999u) / 1000000000000000u);

        twin_offer(&m->tw, m->channel[CARD_PARSER], cycle - 1, i, true, true);
    }
}

/* The wire: a byte a cycle of its clock. A frame is in the receive buffer, all of it, when its last bit has come and
 * passed the PHY. */
static void offer(struct model *m)
{
    const struct nic_config *card = m->card;
    unsigned __int128 wire = card->mac.rate / 8; /* Hz */
    uint64_t latency = (uint64_t)((card->mac.latency * wire + 999999999999u) / 1000000000000u);
    uint64_t free = 0;

    for (uint32_t i = 0; i < m->c->packets; i++) {
        const struct card_packet *p = &m->c->packet[i];
        uint64_t stamp = (uint64_t)(((m->c->base_ps + p->time_ns * 1000) * wire + 999999999999u) /
                                    1000000000000u);
        uint64_t start = stamp > free ? stamp : free;
        uint64_t end = start + WIRE_PREAMBLE + p->length + WIRE_FCS;
        unsigned __int128 in = (unsigned __int128)(end + latency) * card->general.clock;
        uint64_t visible = (uint64_t)(in / (wire * 1000)) + card->general.sync;
        uint32_t n = beats_of(m, i);

        free = end + WIRE_GAP;
        for (uint32_t k = 0; k < n; k++) {
            twin_offer(&m->tw, m->channel[CARD_PARSER], visible - 1, i, k == 0, k + 1 == n);
        }
    }
}

/* Does the first packet of another queue, which came before, still wait for its context? */
static bool one_waits(const struct model *m, uint32_t item)
{
    bool seen[NIC_MAX_WAIT_QUEUES] = { false };

    for (uint32_t i = 0; i < item; i++) {
        if (m->packet[i].queued && !seen[queue_of(m, i)]) {
            seen[queue_of(m, i)] = true;
            if (m->packet[i].waiting > 0) {
                return true;
            }
        }
    }
    return false;
}

/* What a block does with a packet that it takes takes effect at the end of the cycle. */
static void take(struct model *m, enum card_block b, uint32_t item)
{
    switch (b) {
    case CARD_LOOKUP:
        look_up(m, item);
        m->packet[item].queued = true;
        break;
    case CARD_WAIT:
        m->packet[item].queued = false;
        m->packet[item].passed = one_waits(m, item);
        m->result->passed += m->packet[item].passed;
        break;
    case CARD_CHECK:
        m->packet[item].good = check(m, item) == GOOD;
        m->packet[item].turn = m->turns++;
        count_verdict(m, check(m, item));
        break;
    case CARD_REORDER: m->packet[item].reordered = true; break;
    case CARD_UPDATE: m->c->send ? number(m, item) : update(m, item); break;
    case CARD_RX_DMA: m->result->out++; break;
    default: break;
    }
}

static void take_all(struct model *m)
{
    static const enum card_block order[] = { CARD_LOOKUP,  CARD_WAIT,   CARD_CHECK,
                                             CARD_REORDER, CARD_UPDATE, CARD_RX_DMA };

    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        const struct twin_stage *st = &m->tw.stage[m->stage[order[i]]];

        while (is_there(m, order[i]) && m->seen[order[i]] < st->begins) {
            take(m, order[i], st->begin[m->seen[order[i]]++].item);
        }
    }
}

static uint64_t in_ps(const struct twin_domain *d, uint64_t cycle)
{
    return (uint64_t)((unsigned __int128)cycle * d->den * 1000000000000u / d->num);
}

/* The way around the engines is the last lane of theirs, and in nobody's account. */
static void accounts_of(struct model *m, enum card_block b)
{
    const struct twin_stage *st = &m->tw.stage[m->stage[b]];
    unsigned lanes = b == CARD_CRYPTO ? st->config.lanes - 1 : st->config.lanes;

    for (unsigned lane = 0; lane < lanes; lane++) {
        for (unsigned state = 0; state < ACCOUNT_STATES; state++) {
            m->result->cycles[b][state] += st->lane[lane].total[state];
        }
    }
}

/* Is this cycle of the engines' clock before the end of the present one of the core? */
static bool engines_are_there(const struct model *m, uint64_t cycle)
{
    const struct twin_domain *core = &m->tw.domain[m->domain];
    const struct twin_domain *engines = &m->tw.domain[m->crypto_domain];

    return (unsigned __int128)cycle * engines->den * core->num <=
           (unsigned __int128)m->now * core->den * engines->num;
}

/* One cycle of the core; the accounts of blocks that have lived long enough. */
static void step(struct model *m, const uint64_t end[CARD_BLOCKS])
{
    uint64_t last = end[CARD_CRYPTO] - 1;

    if (m->crypto_domain != m->domain && !m->engines_counted && engines_are_there(m, last)) {
        twin_run(&m->tw, m->crypto_domain, last);
        accounts_of(m, CARD_CRYPTO);
        m->engines_counted = true;
    }
    twin_run(&m->tw, m->domain, m->now);
    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        if (is_there(m, b) && domain_of(m, b) == m->domain && end[b] == m->now + 1) {
            accounts_of(m, b);
        }
    }
    take_all(m);
    fills(m);
    prefetches(m);
}

static bool lives(struct model *m, const uint64_t end[CARD_BLOCKS])
{
    return m->now < MOST_CYCLES && (m->now < end[CARD_PARSER] + 2 || !twin_drained(&m->tw));
}

/* The last beat of each packet that the block has passed on, or taken if it ends there. */
static void spans_of(struct model *m, enum card_block b)
{
    const struct twin_stage *st = &m->tw.stage[m->stage[b]];
    uint64_t last[CARD_PACKETS] = { 0 };

    for (unsigned i = 0; i < st->inputs + st->outputs; i++) {
        bool in = i < st->inputs;
        const struct twin_channel *ch = in ? st->in[i] : st->out[i - st->inputs];

        for (size_t k = 0; k < (in ? ch->popped : ch->pushed); k++) {
            uint64_t cycle = in ? ch->beat[k].popped : ch->beat[k].pushed;

            last[ch->beat[k].item] =
                in || cycle > last[ch->beat[k].item] ? cycle : last[ch->beat[k].item];
        }
    }
    for (size_t i = 0; i < st->begins; i++) {
        uint32_t item = st->begin[i].item;

        m->result->span[item][b] = (struct card_span){ true, in_ps(st->clock, st->begin[i].cycle),
                                                       in_ps(st->clock, last[item] + 1) };
    }
}

static uint64_t transfer_cycles(const struct model *m, uint64_t bytes)
{
    unsigned __int128 bits_by_clock = (unsigned __int128)bytes * 8 * m->card->general.clock;
    unsigned __int128 rate = (unsigned __int128)m->card->sa.memory_rate * 1000;

    return (uint64_t)((bits_by_clock + rate - 1) / rate);
}

static void start(struct model *m, const struct card_case *c)
{
    const struct nic_config *card = &c->config.card;
    uint64_t line = card->cache.line_bytes ? card->cache.line_bytes : card->sa.context;
    uint64_t used = card->sa.context_used ? card->sa.context_used : card->sa.context;
    uint64_t written = card->sa.context_written ? card->sa.context_written : used;

    m->c = c;
    m->card = card;
    m->lines = divide_up(card->sa.context, line);
    m->used = divide_up(used, line);
    m->written = divide_up(written, line);
    m->cache.config = &card->cache;
    m->cache.sets = card->cache.sets;
    m->cache.random = rng_stream(card->cache.seed, 0);
    m->memory.latency = cycles(m, card->sa.memory_latency);
    m->memory.transfer = transfer_cycles(m, line);
    m->memory.last = transfer_cycles(m, card->sa.context - (m->lines - 1) * line);
    m->memory.miss_time = cycles(m, card->sa.miss_time);
}

/* Did it enter the block before a packet that came earlier? */
static bool is_ahead(const struct model *m, uint32_t item, enum card_block b)
{
    const struct card_span *own = &m->result->span[item][b];

    for (uint32_t i = 0; i < item && own->seen; i++) {
        const struct card_span *other = &m->result->span[i][b];

        if (other->seen && other->begin_ps > own->begin_ps) {
            return true;
        }
    }
    return false;
}

static void tally(const struct model *m)
{
    struct card_reached *r = m->reached;

    for (uint32_t i = 0; i < m->c->packets; i++) {
        const struct packet_state *s = &m->packet[i];
        bool ahead = is_ahead(m, i, m->c->send ? CARD_UPDATE : CARD_CHECK);

        r->unknown += !is_known(m, i);
        r->merged += s->merged;
        r->no_mshr += s->no_mshr;
        r->hazards += s->hazard;
        r->in_order += s->in_order;
        r->passed += s->passed;
        r->reordered += !ahead && is_ahead(m, i, CARD_REORDER);
        r->dropped += !s->good;
        r->moved += !s->good && s->was_good;
        r->late += s->good && !m->result->span[i][CARD_DECAPSULATE].seen;
    }
    r->prefetches += m->result->prefetches;
    r->ahead_late += m->result->prefetch_late;
    r->ahead_useless += m->result->prefetch_useless;
    r->bypasses += m->result->bypasses;
    r->too_long += m->result->mtu;
    r->exhausted += m->result->exhausted;
    r->packets += m->c->packets;
    r->cycles += m->now;
    for (unsigned b = 0; b < CARD_BLOCKS; b++) {
        r->blocked[b] += m->result->cycles[b][ACCOUNT_BLOCKED];
    }
}

void card_twin_run(const struct card_case *c, const struct card_result *seen,
                   const uint64_t end[CARD_BLOCKS], struct card_result *result,
                   struct card_reached *reached)
{
    struct model *m = &model;

    memset(m, 0, sizeof *m);
    memset(result, 0, sizeof *result);
    m->result = result;
    m->reached = reached;
    start(m, c);
    build(m);
    if (c->send) {
        offer_from_host(m, seen);
    } else {
        offer(m);
    }
    for (m->now = 0; lives(m, end); m->now++) {
        step(m, end);
    }
    for (unsigned i = 0; i < links(m); i++) {
        spans_of(m, chains[c->send][i]);
    }
    tally(m);
    twin_free(&m->tw);
}
