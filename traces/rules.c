/* The checker of rules.h. Live handles are kept in a hash table of our own, so that nothing depends
 * on pointers or on the order of a walk: entries side by side, chained from buckets. 32 bytes a handle and
 * 4 to 8 of buckets. */
#include "traces/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* NDIS_STATUS_* that the rules name */
enum { STATUS_SUCCESS = 0 };
#define STATUS_NOT_ACCEPTED      UINT32_C(0x00010003)
#define STATUS_INVALID_PARAMETER UINT32_C(0xC000000D)
#define STATUS_REQUEST_ABORTED   UINT32_C(0xC001000C)

enum { ENTRY_DELETING = 1, ENTRY_ESN = 2 /* and the next bit: of the second SA */ };

struct entry {
    uint64_t handle; /* 0: free */
    uint64_t
        when_ns; /* when its ADD completed, as far as the recording tells; deleting: its DELETE */
    uint32_t spi[ESP_MAX_SAS];
    uint32_t next; /* of the same bucket, or of the free ones: index, 0 = end */
    uint8_t sa_count, flags;
    uint8_t op[ESP_MAX_SAS];
};

/* A DELETE on its way: a heap ordered by the time of completion. */
struct deletion {
    uint64_t done_ns, handle;
};

struct rules {
    struct rules_capabilities capabilities;
    bool has_capabilities;
    rules_report report;
    void *context;
    struct entry *entries; /* from 1 */
    uint32_t *buckets;
    size_t bucket_count; /* power of two */
    uint32_t capacity, used, free, in_use;
    struct deletion *deletions;
    size_t deletion_capacity, deletion_count;
    uint64_t live, peak_live;
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
    [12] = { "no packet is offloaded before activation, no SA added before the card reported",
             RULES_BY_CARD },
};

const struct rules_info *rules_info(unsigned rule)
{
    return rule < RULES_COUNT ? &infos[rule] : &infos[0];
}

/* ---- live handles ----------------------------------------------------------------------- */

/* splitmix64's finaliser: consecutive handles must not cluster. */
static uint32_t *bucket_of(const struct rules *rules, uint64_t handle)
{
    handle ^= handle >> 30;
    handle *= UINT64_C(0xbf58476d1ce4e5b9);
    handle ^= handle >> 27;
    handle *= UINT64_C(0x94d049bb133111eb);
    handle ^= handle >> 31;
    return &rules->buckets[(size_t)handle & (rules->bucket_count - 1)];
}

static struct entry *find(const struct rules *rules, uint64_t handle)
{
    uint32_t i = handle != 0 ? *bucket_of(rules, handle) : 0;

    while (i != 0 && rules->entries[i].handle != handle) {
        i = rules->entries[i].next;
    }
    return i != 0 ? &rules->entries[i] : NULL;
}

static void chain(struct rules *rules, uint32_t i)
{
    uint32_t *bucket = bucket_of(rules, rules->entries[i].handle);

    rules->entries[i].next = *bucket;
    *bucket = i;
}

static bool more_buckets(struct rules *rules, size_t count)
{
    uint32_t *grown = calloc(count, sizeof *grown);

    if (grown == NULL) {
        return false;
    }
    free(rules->buckets);
    rules->buckets = grown;
    rules->bucket_count = count;
    for (uint32_t i = 1; i <= rules->used; i++) {
        if (rules->entries[i].handle != 0) {
            chain(rules, i);
        }
    }
    return true;
}

/* For one more. Entries grow by an eighth: what is not used yet is hardly resident. */
static bool make_room(struct rules *rules)
{
    struct entry *grown;
    uint32_t capacity;

    if (rules->in_use >= rules->bucket_count && !more_buckets(rules, rules->bucket_count * 2)) {
        return false;
    }
    if (rules->free != 0 || rules->used < rules->capacity) {
        return true;
    }
    capacity = rules->capacity + rules->capacity / 8 + FIRST_CAPACITY;
    grown = realloc(rules->entries, (capacity + (size_t)1) * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    rules->entries = grown;
    rules->capacity = capacity;
    return true;
}

static struct entry *place(struct rules *rules, uint64_t handle)
{
    uint32_t i = rules->free;

    if (i != 0) {
        rules->free = rules->entries[i].next;
    } else {
        i = ++rules->used;
    }
    rules->entries[i] = (struct entry){ .handle = handle };
    rules->in_use++;
    chain(rules, i);
    return &rules->entries[i];
}

static void forget(struct rules *rules, struct entry *entry)
{
    uint32_t i = (uint32_t)(entry - rules->entries);
    uint32_t *link = bucket_of(rules, entry->handle);

    while (*link != i) {
        link = &rules->entries[*link].next;
    }
    *link = entry->next;
    *entry = (struct entry){ .next = rules->free };
    rules->free = i;
    rules->in_use--;
}

/* ---- deletions on their way ------------------------------------------------------------- */

static bool push_deletion(struct rules *rules, uint64_t done_ns, uint64_t handle)
{
    size_t i = rules->deletion_count;

    if (i == rules->deletion_capacity) {
        size_t capacity = i > 0 ? i * 2 : FIRST_CAPACITY;
        struct deletion *grown = realloc(rules->deletions, capacity * sizeof *grown);

        if (grown == NULL) {
            return false;
        }
        rules->deletions = grown;
        rules->deletion_capacity = capacity;
    }
    rules->deletion_count++;
    for (; i > 0 && rules->deletions[(i - 1) / 2].done_ns > done_ns; i = (i - 1) / 2) {
        rules->deletions[i] = rules->deletions[(i - 1) / 2];
    }
    rules->deletions[i] = (struct deletion){ .done_ns = done_ns, .handle = handle };
    return true;
}

static void pop_deletion(struct rules *rules)
{
    struct deletion last = rules->deletions[--rules->deletion_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < rules->deletion_count &&
            rules->deletions[child + 1].done_ns < rules->deletions[child].done_ns) {
            child++;
        }
        if (child >= rules->deletion_count || rules->deletions[child].done_ns >= last.done_ns) {
            break;
        }
        rules->deletions[i] = rules->deletions[child];
        i = child;
    }
    rules->deletions[i] = last;
}

static bool is_deleting(const struct entry *entry)
{
    return (entry->flags & ENTRY_DELETING) != 0;
}

/* Before its ADD completed? Said once: of an SA that is being deleted, no longer. */
static bool is_early(const struct entry *entry, const struct recording_record *record)
{
    return !is_deleting(entry) && record->t_ns < entry->when_ns;
}

/* Handles whose DELETE completed by now are free. */
static void expire(struct rules *rules, uint64_t now_ns)
{
    while (rules->deletion_count > 0 && rules->deletions[0].done_ns <= now_ns) {
        struct deletion first = rules->deletions[0];
        struct entry *entry = find(rules, first.handle);

        if (entry != NULL && is_deleting(entry) && entry->when_ns == first.done_ns) {
            forget(rules, entry);
            rules->live--;
        }
        pop_deletion(rules);
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

static bool add_node(struct rules *rules, const struct recording_record *record, size_t n)
{
    const struct esp_node *node = &record->nodes[n];
    uint64_t done_ns = record->has_done_ns ? record->done_ns : record->t_ns;
    struct entry *entry = find(rules, node->handle);

    if (entry != NULL && (!is_deleting(entry) || entry->when_ns > done_ns)) {
        violate(rules, record, 5, "nodes[%zu].handle: %" PRIu64 " is %s", n, node->handle,
                is_deleting(entry) ? "still being deleted" : "live already");
    }
    if (entry == NULL) {
        if (!make_room(rules)) {
            return false;
        }
        entry = place(rules, node->handle);
        rules->live++;
        rules->peak_live = rules->live > rules->peak_live ? rules->live : rules->peak_live;
        if (rules->has_capabilities && rules->capabilities.capacity != 0 &&
            rules->live > rules->capabilities.capacity) {
            violate(rules, record, 7, "nodes[%zu]: %" PRIu64 " bundles live, capacity %" PRIu64, n,
                    rules->live, rules->capabilities.capacity);
        }
    }
    entry->when_ns = done_ns;
    entry->flags = 0;
    entry->sa_count = node->sa_count;
    for (size_t i = 0; i < node->sa_count; i++) {
        entry->op[i] = (uint8_t)node->sa[i].op;
        entry->flags |= (uint8_t)(node->sa[i].esn ? ENTRY_ESN << i : 0);
        entry->spi[i] = node->sa[i].spi;
    }
    return true;
}

static bool check_add(struct rules *rules, const struct recording_record *record)
{
    bool refused = record->has_status && record->status != STATUS_SUCCESS;

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
static const char *wrong_update(const struct entry *entry, const struct recording_record *record)
{
    if (entry == NULL) {
        return "is not live";
    }
    if (is_early(entry, record)) {
        return "is used before its ADD completed";
    }
    for (size_t i = 0; i < entry->sa_count; i++) {
        if (entry->op[i] == record->op && entry->spi[i] == record->spi) {
            return (entry->flags & ENTRY_ESN << i) != 0 ? NULL : "has no ESN in the entry named";
        }
    }
    return "has no entry of this operation and SPI";
}

static void check_update(struct rules *rules, const struct recording_record *record)
{
    const char *wrong = wrong_update(find(rules, record->handle), record);

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
        struct entry *entry = find(rules, handle);

        if (entry == NULL || is_deleting(entry)) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is %s", i, handle,
                    entry == NULL ? "not live" : "being deleted already");
            continue;
        }
        if (is_early(entry, record)) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is used before its ADD completed",
                    i, handle);
        }
        if (kept) {
            continue; /* the SA stays; the host tries again after the reset */
        }
        entry->flags |= ENTRY_DELETING;
        entry->when_ns = done_ns;
        if (!push_deletion(rules, done_ns, handle)) {
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
    if (!more_buckets(rules, FIRST_CAPACITY)) {
        free(rules);
        return NULL;
    }
    return rules;
}

void rules_destroy(struct rules *rules)
{
    if (rules != NULL) {
        free(rules->deletions);
        free(rules->entries);
        free(rules->buckets);
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
