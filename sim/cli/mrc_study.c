#include "cli/mrc_study.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/feed.h"
#include "engine/must.h"
#include "traces/capture.h"
#include "traces/recording.h"

struct mrc_seen {
    uint64_t ns;       /* of the last access */
    uint64_t interval; /* of the last access, + 1 */
};

/* While it is read. */
struct reader {
    struct mrc_study *study;
    struct recording *recording;
    struct recording_record record;
    bool have_record;
    struct capture *capture[MRC_DIRECTIONS];
    enum mrc_direction direction_of[MRC_DIRECTIONS]; /* of the captures of the merge */
    struct capture_merge *merge;
    uint64_t epoch_ns;
    uint64_t interval; /* number of the present one */
    uint64_t interval_packets;
    bool any;
    FILE *accesses, *active;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->error, r->error_size, format, args);
    va_end(args);
    return false;
}

/* ---- pools -------------------------------------------------------------------------------------- */

static void start_pool(struct mrc_study *s, const char *name, bool rx, bool tx)
{
    struct mrc_pool *pool = &s->pool[s->pools++];

    pool->name = name;
    pool->direction[MRC_RX] = rx;
    pool->direction[MRC_TX] = tx;
    pool->mrc = mrc_create(&s->config->sampling);
}

static struct mrc_seen *seen_at(struct mrc_pool *pool, uint32_t sa)
{
    if (sa >= pool->room) {
        uint32_t room = sa + sa / 8 + 64;

        pool->seen = must(realloc(pool->seen, room * sizeof *pool->seen));
        memset(pool->seen + pool->room, 0, (room - pool->room) * sizeof *pool->seen);
        pool->room = room;
    }
    return &pool->seen[sa];
}

static void pool_access(struct mrc_pool *pool, uint32_t sa, uint64_t t_ns, uint64_t interval)
{
    struct mrc_seen *seen = seen_at(pool, sa);
    uint64_t last = mrc_last(pool->mrc, sa);

    if (last != 0) {
        histogram_add(&pool->n.reuse_packets, mrc_accesses(pool->mrc) + 1 - last);
        histogram_add(&pool->n.reuse_ns, t_ns > seen->ns ? t_ns - seen->ns : 0);
    }
    if (seen->interval != interval + 1) {
        seen->interval = interval + 1;
        pool->active++;
    }
    seen->ns = t_ns;
    mrc_access(pool->mrc, sa);
}

static void pool_forget(struct mrc_pool *pool, uint32_t sa)
{
    mrc_forget(pool->mrc, sa);
    *seen_at(pool, sa) = (struct mrc_seen){ 0 };
}

/* ---- intervals ----------------------------------------------------------------------------------- */

static void end_interval(struct reader *r)
{
    struct mrc_study *s = r->study;

    if (r->active != NULL && r->interval_packets != 0) {
        fprintf(r->active, "%" PRIu64 ",%" PRIu64, r->interval * s->config->interval_ns,
                r->interval_packets);
        for (unsigned i = 0; i < s->pools; i++) {
            fprintf(r->active, ",%" PRIu64, s->pool[i].active);
        }
        fputc('\n', r->active);
    }
    for (unsigned i = 0; i < s->pools; i++) {
        histogram_add(&s->pool[i].n.active, s->pool[i].active);
        s->pool[i].active = 0;
    }
    r->interval_packets = 0;
}

/* A packet whose stamp goes back counts in the interval that has been reached. */
static void reach_interval(struct reader *r, uint64_t t_ns)
{
    struct mrc_study *s = r->study;
    uint64_t interval = t_ns / s->config->interval_ns;

    if (!r->any) {
        r->any = true;
        r->interval = interval;
    } else if (interval > r->interval) {
        end_interval(r);
        for (unsigned i = 0; i < s->pools; i++) {
            histogram_add_many(&s->pool[i].n.active, 0, interval - r->interval - 1);
        }
        r->interval = interval;
    }
    r->interval_packets++;
}

/* ---- requests ------------------------------------------------------------------------------------- */

static void add_nodes(struct reader *r)
{
    struct mrc_requests *q = &r->study->requests;

    for (size_t i = 0; i < r->record.node_count; i++) {
        struct finder_added added = finder_add(r->study->finder, &r->record.nodes[i]);

        q->adds++;
        if (added.reason != SA_OK) {
            q->refused[added.reason]++;
        } else if (added.sa == 0) {
            q->offload_off++;
        }
    }
}

static void delete_nodes(struct reader *r)
{
    struct mrc_study *s = r->study;

    for (size_t i = 0; i < r->record.handle_count; i++) {
        uint64_t software = finder_in_software(s->finder);
        uint32_t sa = finder_delete(s->finder, r->record.handles[i]);

        s->requests.deletes++;
        s->requests.unknown_deletes += sa == 0 && finder_in_software(s->finder) == software;
        for (unsigned p = 0; sa != 0 && p < s->pools; p++) {
            pool_forget(&s->pool[p], sa);
        }
        if (sa != 0 && r->accesses != NULL) {
            fprintf(r->accesses, "%" PRIu64 ",delete,%" PRIu64 "\n", r->record.t_ns,
                    r->record.handles[i]);
        }
    }
}

static void take_record(struct reader *r)
{
    switch (r->record.kind) {
    case RECORDING_ADD_SA:
    case RECORDING_ADD_SA_EX: add_nodes(r); break;
    case RECORDING_DELETE_SA: delete_nodes(r); break;
    case RECORDING_ENCAPSULATION: finder_offload(r->study->finder, r->record.on); break;
    case RECORDING_LINK: finder_link(r->study->finder, r->record.on); break;
    default: break; /* finds no SA and loses none */
    }
}

static bool next_record(struct reader *r)
{
    for (;;) {
        enum recording_result result = recording_next(r->recording, &r->record);

        r->have_record = result == RECORDING_OK;
        if (result == RECORDING_OK) {
            r->study->requests.records++;
            return true;
        }
        if (result == RECORDING_END) {
            return true;
        }
        if (result == RECORDING_BROKEN || !r->study->config->skip_bad) {
            return fail(r, "%s", recording_error(r->recording));
        }
        r->study->requests.bad_records++;
    }
}

/* All up to a time: at the same time requests come before packets. */
static bool take_records(struct reader *r, uint64_t t_ns)
{
    while (r->have_record && r->record.t_ns <= t_ns) {
        take_record(r);
        if (!next_record(r)) {
            return false;
        }
    }
    return true;
}

/* ---- packets ---------------------------------------------------------------------------------------- */

static void take_packet(struct reader *r, const struct capture_packet *p, enum mrc_direction d,
                        uint64_t t_ns)
{
    struct mrc_study *s = r->study;
    struct finder_packet found =
        (d == MRC_RX ? finder_receive : finder_send)(s->finder, p->bytes, p->captured, p->length);

    s->packets[d].packets++;
    s->packets[d].bytes += p->length;
    s->packets[d].cut += p->captured < p->length;
    s->packets[d].reason[found.reason]++;
    s->span_ns = t_ns > s->span_ns ? t_ns : s->span_ns;
    reach_interval(r, t_ns);
    for (unsigned i = 0; found.sa != 0 && i < s->pools; i++) {
        if (s->pool[i].direction[d]) {
            pool_access(&s->pool[i], found.sa, t_ns, r->interval);
        }
    }
    if (found.sa != 0 && r->accesses != NULL) {
        fprintf(r->accesses, "%" PRIu64 ",%s,%" PRIu64 "\n", t_ns, d == MRC_RX ? "rx" : "tx",
                finder_handle(s->finder, found.sa));
    }
}

static bool take_packets(struct reader *r, struct progress *progress)
{
    struct capture_packet packet;
    enum capture_result result;
    uint64_t packets = 0;
    size_t from = 0;

    while ((result = capture_merge_next(r->merge, &packet, &from)) == CAPTURE_OK) {
        uint64_t t_ns = packet.time_ns > r->epoch_ns ? packet.time_ns - r->epoch_ns : 0;

        if (!take_records(r, t_ns)) {
            return false;
        }
        take_packet(r, &packet, r->direction_of[from], t_ns);
        if (progress != NULL) {
            progress_update(progress, ++packets, t_ns * 1000);
        }
    }
    if (result == CAPTURE_BROKEN) {
        return fail(r, "%s", capture_error(r->capture[from]));
    }
    if (r->any) {
        end_interval(r);
    }
    return take_records(r, UINT64_MAX);
}

/* ---- files -------------------------------------------------------------------------------------------- */

static bool open_captures(struct reader *r)
{
    const struct mrc_study_config *c = r->study->config;
    const char *path[] = { c->rx, c->tx };
    const char *filter[] = { c->rx_filter, c->tx_filter };
    size_t count = 0;

    for (enum mrc_direction d = MRC_RX; d < MRC_DIRECTIONS; d++) {
        if (path[d] == NULL) {
            continue;
        }
        r->direction_of[count] = d;
        r->capture[count] = capture_open(path[d], filter[d], r->error, r->error_size);
        if (r->capture[count++] == NULL) {
            return false;
        }
    }
    r->merge = must(capture_merge_create(r->capture, count));
    return true;
}

/* t = 0: the recording's, or the earliest packet of all captures. */
static bool find_epoch(struct reader *r)
{
    const struct mrc_study_config *c = r->study->config;
    const struct recording_header *header = recording_header(r->recording);
    bool any = false;

    if (header->has_epoch) {
        r->epoch_ns = header->epoch_ns;
        return true;
    }
    return feed_earliest(NULL, c->rx != NULL ? c->rx : "", c->rx_filter, &r->epoch_ns, &any,
                         r->error, r->error_size) &&
           feed_earliest(NULL, c->tx != NULL ? c->tx : "", c->tx_filter, &r->epoch_ns, &any,
                         r->error, r->error_size);
}

static bool open_outputs(struct reader *r)
{
    const struct mrc_study *s = r->study;

    if (s->config->accesses != NULL) {
        r->accesses = fopen(s->config->accesses, "w");
        if (r->accesses == NULL) {
            return fail(r, "--accesses: cannot write %s: %s", s->config->accesses, strerror(errno));
        }
        fputs("t_ns,what,handle\n", r->accesses);
    }
    if (s->config->active != NULL) {
        r->active = fopen(s->config->active, "w");
        if (r->active == NULL) {
            return fail(r, "--active: cannot write %s: %s", s->config->active, strerror(errno));
        }
        fputs("t_ns,packets", r->active);
        for (unsigned i = 0; i < s->pools; i++) {
            fprintf(r->active, ",%s", s->pool[i].name);
        }
        fputc('\n', r->active);
    }
    return true;
}

static bool close_output(struct reader *r, const char *option, const char *path, FILE **file)
{
    bool bad;

    if (*file == NULL) {
        return true;
    }
    bad = ferror(*file) != 0;
    bad = fclose(*file) != 0 || bad;
    *file = NULL;
    return !bad || fail(r, "--%s: cannot write %s", option, path);
}

static void close_all(struct reader *r)
{
    if (r->accesses != NULL) {
        fclose(r->accesses);
    }
    if (r->active != NULL) {
        fclose(r->active);
    }
    capture_merge_destroy(r->merge);
    for (unsigned i = 0; i < MRC_DIRECTIONS; i++) {
        capture_close(r->capture[i]);
    }
    recording_record_free(&r->record);
    recording_close(r->recording);
}

/* ---- the study ------------------------------------------------------------------------------------------ */

static bool start(struct reader *r)
{
    struct mrc_study *s = r->study;
    bool both = s->config->rx != NULL && s->config->tx != NULL;

    s->finder = must(finder_create(&s->config->finder));
    if (both) {
        start_pool(s, "shared", true, true);
    }
    if (s->config->rx != NULL) {
        start_pool(s, "rx", true, false);
    }
    if (s->config->tx != NULL) {
        start_pool(s, "tx", false, true);
    }
    r->recording = recording_open(s->config->oids, r->error, r->error_size);
    return r->recording != NULL && open_captures(r) && find_epoch(r) && open_outputs(r) &&
           next_record(r);
}

static void sum_up(struct mrc_study *s)
{
    s->requests.live = finder_live(s->finder);
    s->requests.peak_live = finder_peak(s->finder);
    s->requests.in_software = finder_in_software(s->finder);
    for (unsigned i = 0; i < s->pools; i++) {
        struct mrc_pool *pool = &s->pool[i];

        pool->n.accesses = mrc_accesses(pool->mrc);
        pool->n.first = mrc_cold(pool->mrc);
        pool->n.sas = mrc_cold(pool->mrc) - mrc_forgotten(pool->mrc);
        pool->n.marks = mrc_marks(pool->mrc);
        pool->n.rate = mrc_rate(pool->mrc);
    }
}

struct mrc_study *mrc_study_run(const struct mrc_study_config *config, struct progress *progress,
                                char *error, size_t error_size)
{
    struct mrc_study *s = must(calloc(1, sizeof *s));
    struct reader r = { .study = s, .error = error, .error_size = error_size };
    bool good;

    s->config = config;
    good = start(&r) && take_packets(&r, progress) &&
           close_output(&r, "accesses", config->accesses, &r.accesses) &&
           close_output(&r, "active", config->active, &r.active);
    close_all(&r);
    if (!good) {
        mrc_study_free(s);
        return NULL;
    }
    sum_up(s);
    return s;
}

void mrc_study_free(struct mrc_study *s)
{
    if (s == NULL) {
        return;
    }
    for (unsigned i = 0; i < s->pools; i++) {
        mrc_destroy(s->pool[i].mrc);
        free(s->pool[i].seen);
    }
    finder_destroy(s->finder);
    free(s);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

#define PACKETS(name, help)                                                                        \
    {                                                                                              \
#name, STAT_U64, offsetof(struct mrc_packets, name), "packets", help                       \
    }

static const struct stat_field of_packets[] = {
    PACKETS(packets, "Packets of the capture that pass the filter."),
    { "bytes", STAT_U64, offsetof(struct mrc_packets, bytes), "bytes",
      "Their length, frames without FCS." },
    PACKETS(cut, "Of them, captured shorter than they were; headers are enough."),
    { "with_sa", STAT_U64, offsetof(struct mrc_packets, reason[FINDER_FOUND]), "packets",
      "Of them, those that use an SA of the card: the accesses of the pool." },
};

static const struct stat_field of_reasons[] = {
#define X(name, key, text)                                                                         \
    { key, STAT_U64, offsetof(struct mrc_packets, reason[FINDER_##name]), "packets", text },
    FINDER_REASONS(X)
#undef X
};

#define REQUESTS(name, unit, help)                                                                 \
    {                                                                                              \
#name, STAT_U64, offsetof(struct mrc_requests, name), unit, help                           \
    }

static const struct stat_field of_requests[] = {
    REQUESTS(records, "records", "Records of the recording, to its end."),
    REQUESTS(bad_records, "records", "Damaged records that were passed over (--skip-bad)."),
    REQUESTS(adds, "nodes", "Nodes of ADD: one context each, an AH and an ESP included."),
    REQUESTS(deletes, "handles", "Handles of DELETE."),
    REQUESTS(unknown_deletes, "handles", "Of them, those that named no node."),
    REQUESTS(offload_off, "nodes", "ADDs that failed because the offload was not active."),
    REQUESTS(peak_live, "SAs", "SA contexts on the card at once, at most."),
    REQUESTS(live, "SAs", "SA contexts on the card after the last record."),
    REQUESTS(in_software, "nodes", "Nodes that the card did not take, after the last record."),
};

#define POOL(name, type, unit, help)                                                               \
    {                                                                                              \
#name, type, offsetof(struct mrc_pool_numbers, name), unit, help                           \
    }

static const struct stat_field of_pool[] = {
    POOL(accesses, STAT_U64, "packets", "Packets that use an SA: each looks its context up once."),
    POOL(first, STAT_U64, "packets",
         "First accesses of an SA since its ADD: no cache hits them (cold misses)."),
    POOL(sas, STAT_U64, "SAs", "SAs live at the end that were used."),
    POOL(marks, STAT_U64, "SAs", "SAs in the sample at the end; exact: all that are needed."),
    POOL(rate, STAT_REAL, "", "Share of the SAs in the sample at the end; 1: the curve is exact."),
    POOL(reuse_packets, STAT_HIST, "packets",
         "From an access to the next of the same SA: packets of the pool, 1 is the next one."),
    POOL(reuse_ns, STAT_HIST, "ns", "The same in time."),
    POOL(active, STAT_HIST, "SAs",
         "Different SAs used in an interval (interval_ns), from the first packet to the last; "
         "intervals without a packet count 0."),
};

static void register_direction(const struct mrc_packets *p, const char *name,
                               struct stat_registry *registry)
{
    char path[64];

    snprintf(path, sizeof path, "packets.%s", name);
    stat_register(registry, path, "Packets of a direction.", p, of_packets, STAT_COUNT(of_packets));
    snprintf(path, sizeof path, "packets.%s.without_sa", name);
    stat_register(registry, path, "Packets that use no SA of the card, by reason.", p, of_reasons,
                  STAT_COUNT(of_reasons));
}

static void register_refusals(const struct mrc_requests *q, struct stat_registry *registry)
{
    static struct stat_field refusals[SA_REASON_COUNT - 1];

    for (unsigned i = 1; i < SA_REASON_COUNT; i++) {
        refusals[i - 1] = (struct stat_field){ .name = sa_reason_name((enum sa_reason)i),
                                               .type = STAT_U64,
                                               .offset = i * sizeof q->refused[0],
                                               .unit = "nodes",
                                               .help = sa_reason_text((enum sa_reason)i) };
    }
    stat_register(registry, "requests.refused", "Nodes of ADD that the card did not take.",
                  q->refused, refusals, STAT_COUNT(refusals));
}

void mrc_study_register(const struct mrc_study *s, struct stat_registry *registry)
{
    if (s->config->rx != NULL) {
        register_direction(&s->packets[MRC_RX], "rx", registry);
    }
    if (s->config->tx != NULL) {
        register_direction(&s->packets[MRC_TX], "tx", registry);
    }
    stat_register(registry, "requests", "Control requests of the recording.", &s->requests,
                  of_requests, STAT_COUNT(of_requests));
    register_refusals(&s->requests, registry);
    for (unsigned i = 0; i < s->pools; i++) {
        char path[64];

        snprintf(path, sizeof path, "pools.%s", s->pool[i].name);
        stat_register(registry, path, "SAs that share a cache.", &s->pool[i].n, of_pool,
                      STAT_COUNT(of_pool));
    }
}
