/* The checker of rules.h. Live handles are kept in a hash table (sa_table/index), so that nothing
 * depends on pointers or on the order of a walk: 17 bytes a handle and 2 of buckets. A second SA, and
 * the time of an ADD or DELETE that is not complete, are kept beside it. */
#include "traces/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rng.h"
#include "sa_table/index.h"

enum { FIRST_CAPACITY = 64, HANDLES_IN_BUCKET = 2 };

/* NDIS_STATUS_* that the rules name */
enum { STATUS_SUCCESS = 0 };
#define STATUS_NOT_ACCEPTED      UINT32_C(0x00010003)
#define STATUS_INVALID_PARAMETER UINT32_C(0xC000000D)
#define STATUS_REQUEST_ABORTED   UINT32_C(0xC001000C)

enum {
    NODE_DELETING = 1u << 0,
    NODE_TWO = 1u << 1,
    NODE_MORE = 1u << 2, /* `spi` is a struct more */
    NODE_ESN = 1u << 3,  /* and the next bit: of the second SA */
    NODE_AH = 1u << 5    /* the same */
};

/* Handles are stored by the group, member by member: no padding. */
enum { GROUP_BITS = 6, GROUP = 1 << GROUP_BITS };

struct group {
    uint64_t handle[GROUP]; /* 0: free */
    uint32_t spi[GROUP];
    uint32_t next[GROUP]; /* of the same bucket, or of the free ones; 0 = end */
    uint8_t flags[GROUP]; /* NODE_* */
};

struct more {
    uint64_t when_ns;
    uint32_t spi[ESP_MAX_SAS];
};

/* What is known of a handle. */
struct node {
    uint64_t
        when_ns; /* its ADD completes, as far as the recording tells; deleting: its DELETE. 0: past */
    uint32_t spi[ESP_MAX_SAS];
    uint8_t flags;
};

/* Something on its way: a heap ordered by the time of completion. */
struct completion {
    uint64_t done_ns, handle;
};

struct rules {
    struct rules_capabilities capabilities;
    bool has_capabilities;
    rules_report report;
    void *context;
    struct sa_chunks groups;
    struct sa_index index;
    struct sa_pool more;
    uint32_t used, free; /* handles; from 1 */
    struct completion *heap;
    size_t heap_capacity, heap_count;
    uint64_t live, peak_live;
    bool off; /* the host has turned the offload off */
    uint64_t counts[RULES_COUNT];
};

static const struct rules_info infos[RULES_COUNT] = {
    [1] = { "a request's object header has type 0x80, revision 1 and an accepted size",
            RULES_NOT_IN_TEXT },
    [2] = { "a node has one or two entries; two are one ESP and one AH; "
            "an AH entry has an integrity algorithm and no cipher",
            RULES_CHECKED },
    [3] = { "every algorithm is among those that the card reported", RULES_WITH_CAPABILITIES },
    [4] = { "ESN, UDP encapsulation and IPv6 are used only as the card reported",
            RULES_WITH_CAPABILITIES },
    [5] = { "the handle of a node that was added is nonzero and was not live", RULES_CHECKED },
    [6] = { "a failing request hands out no handle, a successful one at least one",
            RULES_NOT_IN_TEXT },
    [7] = { "the live bundles do not exceed the reported capacity", RULES_WITH_CAPABILITIES },
    [8] = { "UPDATE_SA names a live handle and an entry with ESN, or ends with INVALID_PARAMETER",
            RULES_CHECKED },
    [9] = { "DELETE_SA ends with SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED, "
            "each handle is deleted at most once and not used after",
            RULES_CHECKED },
    [10] = { "a delete request of the card is answered by one DELETE of the inbound SA "
             "and one of its partner",
             RULES_BY_CARD },
    [11] = { "the status words of a received packet agree with each other", RULES_BY_CARD },
    [12] = { "no packet is offloaded before activation, no SA added before the card reported "
             "or while the offload is turned off",
             RULES_CHECKED },
};

const struct rules_info *rules_info(unsigned rule)
{
    return rule < RULES_COUNT ? &infos[rule] : &infos[0];
}

/* ---- live handles ----------------------------------------------------------------------- */

static struct group *group_of(const struct rules *rules, uint32_t id)
{
    return sa_chunks_at(&rules->groups, id >> GROUP_BITS);
}

static uint64_t *handle_at(const struct rules *rules, uint32_t id)
{
    return &group_of(rules, id)->handle[id % GROUP];
}

static uint32_t *next_at(const struct rules *rules, uint32_t id)
{
    return &group_of(rules, id)->next[id % GROUP];
}

/* Consecutive handles must not cluster. */
static uint64_t hash_of(const void *owner, uint32_t id)
{
    return rng_mix(*handle_at(owner, id));
}

static uint32_t *link_of(const void *owner, uint32_t id)
{
    return next_at(owner, id);
}

static const struct sa_index_owner by_handle = { .hash = hash_of, .link = link_of };

/* 0 if the handle is not live. */
static uint32_t find(const struct rules *rules, uint64_t handle)
{
    uint32_t id = handle != 0 ? sa_index_head(&rules->index, rng_mix(handle)) : 0;

    while (id != 0 && *handle_at(rules, id) != handle) {
        id = *next_at(rules, id);
    }
    return id;
}

static struct node load(const struct rules *rules, uint32_t id)
{
    const struct group *group = group_of(rules, id);
    struct node node = { .spi = { group->spi[id % GROUP] }, .flags = group->flags[id % GROUP] };

    if ((node.flags & NODE_MORE) != 0) {
        const struct more *more = sa_chunks_at(&rules->more.chunks, node.spi[0]);

        node.when_ns = more->when_ns;
        memcpy(node.spi, more->spi, sizeof node.spi);
    }
    return node;
}

/* A time that is past at `now_ns` says nothing any more: records come in order of time. */
static bool store(struct rules *rules, uint32_t id, const struct node *node, uint64_t now_ns)
{
    struct group *group = group_of(rules, id);
    uint32_t *spi = &group->spi[id % GROUP];
    uint8_t *flags = &group->flags[id % GROUP];
    bool had = (*flags & NODE_MORE) != 0;
    bool wants = (node->flags & (NODE_TWO | NODE_DELETING)) != 0 || node->when_ns > now_ns;
    uint32_t at = had ? *spi : 0;

    if (had && !wants) {
        sa_pool_release(&rules->more, at);
    } else if (wants && !had && (at = sa_pool_take(&rules->more)) == 0) {
        return false;
    }
    *flags = (uint8_t)((node->flags & ~(unsigned)NODE_MORE) | (wants ? NODE_MORE : 0u));
    *spi = node->spi[0];
    if (wants) {
        struct more *more = sa_chunks_at(&rules->more.chunks, at);

        *more = (struct more){ .when_ns = node->when_ns };
        memcpy(more->spi, node->spi, sizeof more->spi);
        *spi = at;
    }
    return true;
}

/* A place for one more handle, 0 when memory runs out. */
static uint32_t place(struct rules *rules, uint64_t handle)
{
    uint32_t id = rules->free;

    if (id == 0) {
        id = rules->used + 1;
        if (id == UINT32_MAX || !sa_chunks_reserve(&rules->groups, (id >> GROUP_BITS) + 1)) {
            return 0;
        }
    }
    uint32_t free_next = *next_at(rules, id);

    *handle_at(rules, id) = handle;
    if (!sa_index_insert(&rules->index, &by_handle, rules, id)) {
        *handle_at(rules, id) = 0;
        return 0;
    }
    if (id == rules->free) {
        rules->free = free_next;
    } else {
        rules->used = id;
    }
    return id;
}

static void forget(struct rules *rules, uint32_t id)
{
    const struct node nothing = { 0 };

    store(rules, id, &nothing, 0);
    sa_index_remove(&rules->index, &by_handle, rules, id);
    *handle_at(rules, id) = 0;
    *next_at(rules, id) = rules->free;
    rules->free = id;
}

/* ---- on their way ----------------------------------------------------------------------- */

static bool push_completion(struct rules *rules, uint64_t done_ns, uint64_t handle)
{
    size_t i = rules->heap_count;

    if (i == rules->heap_capacity) {
        size_t capacity = i > 0 ? i * 2 : FIRST_CAPACITY;
        struct completion *grown = realloc(rules->heap, capacity * sizeof *grown);

        if (grown == NULL) {
            return false;
        }
        rules->heap = grown;
        rules->heap_capacity = capacity;
    }
    rules->heap_count++;
    for (; i > 0 && rules->heap[(i - 1) / 2].done_ns > done_ns; i = (i - 1) / 2) {
        rules->heap[i] = rules->heap[(i - 1) / 2];
    }
    rules->heap[i] = (struct completion){ .done_ns = done_ns, .handle = handle };
    return true;
}

static void pop_completion(struct rules *rules)
{
    struct completion last = rules->heap[--rules->heap_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < rules->heap_count &&
            rules->heap[child + 1].done_ns < rules->heap[child].done_ns) {
            child++;
        }
        if (child >= rules->heap_count || rules->heap[child].done_ns >= last.done_ns) {
            break;
        }
        rules->heap[i] = rules->heap[child];
        i = child;
    }
    rules->heap[i] = last;
}

static bool is_deleting(const struct node *node)
{
    return (node->flags & NODE_DELETING) != 0;
}

/* Before its ADD completed? Said once: of an SA that is being deleted, no longer. */
static bool is_early(const struct node *node, const struct recording_record *record)
{
    return !is_deleting(node) && record->t_ns < node->when_ns;
}

/* Handles whose DELETE completed by now are free; when an ADD completed is of no interest after. */
static void expire(struct rules *rules, uint64_t now_ns)
{
    while (rules->heap_count > 0 && rules->heap[0].done_ns <= now_ns) {
        struct completion first = rules->heap[0];
        uint32_t id = find(rules, first.handle);
        struct node node = { 0 };

        if (id != 0) {
            node = load(rules, id);
        }
        if (is_deleting(&node) && node.when_ns == first.done_ns) {
            forget(rules, id);
            rules->live--;
        } else if (id != 0 && !is_deleting(&node)) {
            store(rules, id, &node, now_ns);
        }
        pop_completion(rules);
    }
}

/* ---- reports ---------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void violate(struct rules *rules,
                                                          const struct recording_record *record,
                                                          unsigned rule, const char *format, ...)
{
    char sentence[256];
    struct rules_violation violation = { .rule = rule, .line = record->line, .sentence = sentence };
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    rules->counts[0]++;
    rules->counts[rule]++;
    if (rules->report != NULL) {
        rules->report(rules->context, &violation);
    }
}

/* ---- ADD -------------------------------------------------------------------------------- */

static void check_entries(struct rules *rules, const struct recording_record *record, size_t n)
{
    const struct esp_node *node = &record->nodes[n];

    if (node->sa_count == 2 && node->sa[0].op == node->sa[1].op) {
        violate(rules, record, 2, "nodes[%zu].sa: two %s entries, expected one ESP and one AH", n,
                node->sa[0].op == ESP_OP_AH ? "AH" : "ESP");
    }
    for (size_t i = 0; i < node->sa_count; i++) {
        if (node->sa[i].op != ESP_OP_AH) {
            continue;
        }
        if (node->sa[i].enc.alg != ESP_ALG_NONE) {
            violate(rules, record, 2, "nodes[%zu].sa[%zu].enc: AH with a cipher, expected none", n,
                    i);
        }
        if (node->sa[i].auth.alg == ESP_ALG_NONE) {
            violate(rules, record, 2,
                    "nodes[%zu].sa[%zu].auth: AH without an integrity algorithm, expected one", n,
                    i);
        }
    }
}

static void check_capabilities(struct rules *rules, const struct recording_record *record, size_t n)
{
    const struct rules_capabilities *can = &rules->capabilities;
    const struct esp_node *node = &record->nodes[n];

    for (size_t i = 0; i < node->sa_count; i++) {
        const struct esp_sa *sa = &node->sa[i];
        const struct esp_alg_info *enc = esp_alg_info(sa->enc.alg);
        const struct esp_alg_info *auth = esp_alg_info(sa->auth.alg);

        if ((enc->ndis_encryption & ~can->encryption_mask) != 0) {
            violate(rules, record, 3, "nodes[%zu].sa[%zu].enc.alg: %s is not among those reported",
                    n, i, enc->name);
        }
        if ((auth->ndis_auth & ~can->auth_mask) != 0) {
            violate(rules, record, 3, "nodes[%zu].sa[%zu].auth.alg: %s is not among those reported",
                    n, i, auth->name);
        }
        if (sa->esn && !can->esn) {
            violate(rules, record, 4, "nodes[%zu].sa[%zu].esn: ESN is not reported", n, i);
        }
    }
    if (((uint32_t)node->udp & ~can->udp_mask) != 0) {
        violate(rules, record, 4, "nodes[%zu].udp_esp: this encapsulation is not reported", n);
    }
    if (node->src.family == 6 && !can->ipv6) {
        violate(rules, record, 4, "nodes[%zu].src: IPv6 is not reported", n);
    }
}

/* A handle that is not live becomes it. 0 when memory runs out. */
static uint32_t new_handle(struct rules *rules, const struct recording_record *record, size_t n)
{
    uint32_t id = place(rules, record->nodes[n].handle);

    if (id == 0) {
        return 0;
    }
    rules->live++;
    rules->peak_live = rules->live > rules->peak_live ? rules->live : rules->peak_live;
    if (rules->has_capabilities && rules->capabilities.capacity != 0 &&
        rules->live > rules->capabilities.capacity) {
        violate(rules, record, 7, "nodes[%zu]: %" PRIu64 " bundles live, capacity %" PRIu64, n,
                rules->live, rules->capabilities.capacity);
    }
    return id;
}

static bool add_node(struct rules *rules, const struct recording_record *record, size_t n)
{
    const struct esp_node *node = &record->nodes[n];
    uint64_t done_ns = record->has_done_ns ? record->done_ns : record->t_ns;
    uint32_t id = find(rules, node->handle);
    struct node now = { .when_ns = done_ns };

    if (id != 0) {
        struct node before = load(rules, id);

        if (!is_deleting(&before) || before.when_ns > done_ns) {
            violate(rules, record, 5, "nodes[%zu].handle: %" PRIu64 " is %s", n, node->handle,
                    is_deleting(&before) ? "still being deleted" : "live already");
        }
    } else {
        id = new_handle(rules, record, n);
        if (id == 0) {
            return false;
        }
    }
    now.flags = node->sa_count == 2 ? NODE_TWO : 0;
    for (size_t i = 0; i < node->sa_count; i++) {
        now.flags |= (uint8_t)((node->sa[i].esn ? (unsigned)NODE_ESN << i : 0u) |
                               (node->sa[i].op == ESP_OP_AH ? (unsigned)NODE_AH << i : 0u));
        now.spi[i] = node->sa[i].spi;
    }
    return store(rules, id, &now, record->t_ns) &&
           (done_ns <= record->t_ns || push_completion(rules, done_ns, node->handle));
}

static bool check_add(struct rules *rules, const struct recording_record *record)
{
    bool refused = record->has_status && record->status != STATUS_SUCCESS;

    if (rules->off) {
        violate(rules, record, 12, "oid: an ADD while the offload is turned off");
    }
    for (size_t n = 0; n < record->node_count; n++) {
        check_entries(rules, record, n);
        if (rules->has_capabilities) {
            check_capabilities(rules, record, n);
        }
        /* a refused node has no handle; its number only names it in the recording */
        if (!refused && !add_node(rules, record, n)) {
            return false;
        }
    }
    return true;
}

/* ---- UPDATE, DELETE --------------------------------------------------------------------- */

/* Why an UPDATE cannot be right; NULL if it can. */
static const char *wrong_update(const struct rules *rules, const struct recording_record *record)
{
    uint32_t id = find(rules, record->handle);
    struct node node;

    if (id == 0) {
        return "is not live";
    }
    node = load(rules, id);
    if (is_early(&node, record)) {
        return "is used before its ADD completed";
    }
    for (unsigned i = 0; i < ((node.flags & NODE_TWO) != 0 ? 2 : 1); i++) {
        enum esp_op op = (node.flags & NODE_AH << i) != 0 ? ESP_OP_AH : ESP_OP_ESP;

        if (op == record->op && node.spi[i] == record->spi) {
            return (node.flags & NODE_ESN << i) != 0 ? NULL : "has no ESN in the entry named";
        }
    }
    return "has no entry of this operation and SPI";
}

static void check_update(struct rules *rules, const struct recording_record *record)
{
    const char *wrong = wrong_update(rules, record);

    if (wrong != NULL && (!record->has_status || record->status != STATUS_INVALID_PARAMETER)) {
        violate(rules, record, 8, "handle: %" PRIu64 " %s", record->handle, wrong);
    }
}

static bool check_delete(struct rules *rules, const struct recording_record *record)
{
    uint64_t done_ns = record->has_done_ns ? record->done_ns : record->t_ns;
    bool kept = record->has_status &&
                (record->status == STATUS_NOT_ACCEPTED || record->status == STATUS_REQUEST_ABORTED);

    if (record->has_status && !kept && record->status != STATUS_SUCCESS) {
        violate(rules, record, 9,
                "status: 0x%08" PRIx32 ", expected SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED",
                record->status);
    }
    for (size_t i = 0; i < record->handle_count; i++) {
        uint64_t handle = record->handles[i];
        uint32_t id = find(rules, handle);
        struct node node = { 0 };

        if (id != 0) {
            node = load(rules, id);
        }
        if (id == 0 || is_deleting(&node)) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is %s", i, handle,
                    id == 0 ? "not live" : "being deleted already");
            continue;
        }
        if (is_early(&node, record)) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is used before its ADD completed",
                    i, handle);
        }
        if (kept) {
            continue; /* the SA stays; the host tries again after the reset */
        }
        node.flags |= NODE_DELETING;
        node.when_ns = done_ns;
        if (!store(rules, id, &node, record->t_ns) || !push_completion(rules, done_ns, handle)) {
            return false;
        }
    }
    /* without a completion time the DELETE is complete at once, but a handle twice in one chain is
     * still twice */
    expire(rules, record->t_ns);
    return true;
}

/* ---- the checker ------------------------------------------------------------------------ */

struct rules *rules_create(const struct rules_capabilities *capabilities, rules_report report,
                           void *context)
{
    struct rules *rules = calloc(1, sizeof *rules);

    if (rules == NULL) {
        return NULL;
    }
    if (capabilities != NULL) {
        rules->capabilities = *capabilities;
        rules->has_capabilities = true;
    }
    rules->report = report;
    rules->context = context;
    sa_chunks_init(&rules->groups, sizeof(struct group));
    sa_pool_init(&rules->more, sizeof(struct more));
    sa_index_init(&rules->index, HANDLES_IN_BUCKET);
    return rules;
}

void rules_destroy(struct rules *rules)
{
    if (rules != NULL) {
        free(rules->heap);
        sa_chunks_destroy(&rules->groups);
        sa_pool_destroy(&rules->more);
        sa_index_destroy(&rules->index);
        free(rules);
    }
}

bool rules_check(struct rules *rules, const struct recording_record *record)
{
    expire(rules, record->t_ns);
    switch (record->kind) {
    case RECORDING_ADD_SA:
    case RECORDING_ADD_SA_EX: return check_add(rules, record);
    case RECORDING_UPDATE_SA: check_update(rules, record); return true;
    case RECORDING_DELETE_SA: return check_delete(rules, record);
    case RECORDING_ENCAPSULATION: rules->off = !record->on; return true;
    default: return true;
    }
}

uint64_t rules_violations(const struct rules *rules, unsigned rule)
{
    return rule < RULES_COUNT ? rules->counts[rule] : 0;
}

uint64_t rules_live(const struct rules *rules)
{
    return rules->live;
}

uint64_t rules_peak_live(const struct rules *rules)
{
    return rules->peak_live;
}
