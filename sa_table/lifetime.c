/* Limits of an SA in packets, bytes and seconds, and its last use.
 *
 * A card that polls its counters acts on what they said at the last multiple of the period: what was counted before
 * that moment. A value that changes only when a packet is counted need not be looked at in between: it is the same as
 * after the packet before. So the value at the last poll is either the present one (no packet since then) or was noted
 * when the first packet after it was counted. */
#include "sa_table/table.h"

enum { PS_OF_NS = 1000 };

static struct sa_lifetime *lifetime_of(const struct sa_table *table, const struct sa_entry *entry)
{
    return sa_chunks_at(&table->lifetimes.chunks, entry->lifetime);
}

/* ---- what the card has seen ------------------------------------------------------------------ */

/* Number of the last poll; `period` in picoseconds, not 0. */
static uint64_t poll_of(uint64_t now_ns, uint64_t period)
{
    return (uint64_t)((unsigned __int128)now_ns * PS_OF_NS / period);
}

static uint64_t seen(const struct sa_counter *counter, uint64_t now_ns, uint64_t period)
{
    bool since = period != 0 && poll_of(now_ns, period) == counter->poll;

    return since ? counter->at_poll : counter->value;
}

static void count(struct sa_counter *counter, uint64_t more, uint64_t now_ns, uint64_t period)
{
    uint64_t poll = period != 0 ? poll_of(now_ns, period) : 0;

    if (poll != counter->poll) {
        counter->poll = poll;
        counter->at_poll = counter->value;
    }
    counter->value += more;
}

static uint64_t age_s(const struct sa_lifetime *lifetime, uint64_t now_ns, uint64_t period)
{
    uint64_t then = now_ns;

    if (period != 0) {
        then = (uint64_t)((unsigned __int128)poll_of(now_ns, period) * period / PS_OF_NS);
    }
    return then > lifetime->start_ns ? (then - lifetime->start_ns) / 1000000000u : 0;
}

/* ---- limits ---------------------------------------------------------------------------------- */

struct sa_lifetime *sa_rounds(const struct sa_table *table, const struct sa_entry *entry)
{
    struct sa_lifetime *lifetime = entry->lifetime != 0 ? lifetime_of(table, entry) : NULL;

    return lifetime != NULL && lifetime->counted ? lifetime : NULL;
}

/* One packet less; true: the driver is to be told. */
static bool count_down(struct sa_lifetime *lifetime)
{
    if (lifetime->left == 0) {
        return false;
    }
    if (--lifetime->left == 0) {
        return true; /* armed from the beginning, and once only */
    }
    if (lifetime->armed == 0 || lifetime->left > lifetime->threshold) {
        return false;
    }
    lifetime->armed = 0;
    return true;
}

struct limits {
    uint64_t packets, bytes, seconds;
};

static bool reached(uint64_t limit, uint64_t value)
{
    return limit != 0 && value >= limit;
}

static bool any_reached(const struct sa_table *table, const struct sa_entry *entry,
                        const struct limits *limit, uint64_t now_ns)
{
    const struct sa_table_config *c = &table->config;
    const struct sa_lifetime *l = lifetime_of(table, entry);

    return (!l->counted && reached(limit->packets, seen(&l->packets, now_ns, c->poll_packets))) ||
           reached(limit->bytes, seen(&l->bytes, now_ns, c->poll_bytes)) ||
           reached(limit->seconds, age_s(l, now_ns, c->poll_seconds));
}

bool sa_expired(const struct sa_table *table, const struct sa_entry *entry, uint64_t now_ns)
{
    if (entry->lifetime == 0) {
        return false;
    }
    const struct esp_lifetime *l = &lifetime_of(table, entry)->limit;
    struct limits hard = { l->hard_packets, l->hard_bytes, l->hard_s };

    if (lifetime_of(table, entry)->counted && lifetime_of(table, entry)->left == 0) {
        return true;
    }
    return any_reached(table, entry, &hard, now_ns);
}

unsigned sa_limits(const struct sa_table *table, struct sa_entry *entry, uint64_t now_ns)
{
    unsigned events = 0;

    if (entry->lifetime == 0) {
        return 0;
    }
    const struct esp_lifetime *l = &lifetime_of(table, entry)->limit;
    struct limits soft = { l->soft_packets, l->soft_bytes, l->soft_s };

    if ((entry->flags & SA_ENTRY_SOFT) == 0 && any_reached(table, entry, &soft, now_ns)) {
        entry->flags |= SA_ENTRY_SOFT;
        events |= SA_EVENT_SOFT;
    }
    if ((entry->flags & SA_ENTRY_HARD) == 0 && sa_expired(table, entry, now_ns)) {
        entry->flags |= SA_ENTRY_HARD;
        events |= SA_EVENT_HARD;
    }
    return events;
}

/* What passes beyond a hard limit that the card has not seen yet. */
static void count_overshoot(struct sa_table *table, const struct sa_lifetime *l, uint64_t bytes)
{
    table->stats.overshoot_packets +=
        l->counted ? l->left == 0 : reached(l->limit.hard_packets, l->packets.value);
    if (reached(l->limit.hard_bytes, l->bytes.value)) {
        table->stats.overshoot_bytes += bytes;
    }
}

unsigned sa_count(struct sa_table *table, struct sa_entry *entry, uint64_t bytes, uint64_t now_ns)
{
    if (entry->lifetime == 0) {
        return 0;
    }
    struct sa_lifetime *l = lifetime_of(table, entry);
    bool tell;

    count_overshoot(table, l, bytes);
    count(&l->packets, 1, now_ns, table->config.poll_packets);
    count(&l->bytes, bytes, now_ns, table->config.poll_bytes);
    tell = l->counted && count_down(l);
    return sa_limits(table, entry, now_ns) | (tell ? SA_EVENT_ROUND : 0u);
}

/* ---- limits in time -------------------------------------------------------------------------- */

static uint64_t due(const struct sa_lifetime *lifetime, uint64_t seconds)
{
    uint64_t ns;

    if (seconds == 0 || __builtin_mul_overflow(seconds, UINT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, lifetime->start_ns, &ns)) {
        return UINT64_MAX;
    }
    return ns;
}

uint64_t sa_deadline(const struct sa_table *table, const struct sa_entry *entry)
{
    uint64_t soft = UINT64_MAX;
    uint64_t hard = UINT64_MAX;

    if (entry->lifetime == 0) {
        return UINT64_MAX;
    }
    const struct sa_lifetime *lifetime = lifetime_of(table, entry);

    if ((entry->flags & SA_ENTRY_SOFT) == 0) {
        soft = due(lifetime, lifetime->limit.soft_s);
    }
    if ((entry->flags & SA_ENTRY_HARD) == 0) {
        hard = due(lifetime, lifetime->limit.hard_s);
    }
    return soft < hard ? soft : hard;
}

/* ---- last use -------------------------------------------------------------------------------- */

struct sa_activity *sa_activity(const struct sa_table *table, uint32_t id)
{
    return table->config.watch ? sa_chunks_at(&table->activity, id) : NULL;
}
