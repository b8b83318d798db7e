/* The checker of rules.h. Live handles are kept in a hash table of our own, so that nothing depends
 * on pointers or on the order of a walk. */
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

struct entry {
    uint64_t handle;     /* 0 = free slot */
    uint64_t added_ns;   /* when its ADD completed, as far as the recording tells */
    uint64_t deleted_ns; /* when its DELETE completes; meaningful while deleting */
    bool deleting;
    uint8_t sa_count;
    uint8_t op[ESP_MAX_SAS];
    bool esn[ESP_MAX_SAS];
    uint32_t spi[ESP_MAX_SAS];
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
    struct entry *entries;
    size_t capacity, used; /* capacity is a power of two */
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
static size_t slot_of(const struct rules *rules, uint64_t handle)
{
    handle ^= handle >> 30;
    handle *= UINT64_C(0xbf58476d1ce4e5b9);
    handle ^= handle >> 27;
    handle *= UINT64_C(0x94d049bb133111eb);
    handle ^= handle >> 31;
    return (size_t)handle & (rules->capacity - 1);
}

static struct entry *find(const struct rules *rules, uint64_t handle)
{
    if (handle == 0) {
        return NULL;
    }
    for (size_t i = slot_of(rules, handle); rules->entries[i].handle != 0;
         i = (i + 1) & (rules->capacity - 1)) {
        if (rules->entries[i].handle == handle) {
            return &rules->entries[i];
        }
    }
    return NULL;
}

static struct entry *place(struct rules *rules, uint64_t handle)
{
    size_t i = slot_of(rules, handle);

    while (rules->entries[i].handle != 0) {
        i = (i + 1) & (rules->capacity - 1);
    }
    rules->entries[i].handle = handle;
    rules->used++;
    return &rules->entries[i];
}

/* Keeps at least a quarter of the slots free. */
static bool make_room(struct rules *rules)
{
    struct entry *old = rules->entries;
    size_t old_capacity = rules->capacity;
    struct entry *grown;

    if (rules->used < old_capacity - old_capacity / 4) {
        return true;
    }
    grown = calloc(old_capacity * 2, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    rules->entries = grown;
    rules->capacity = old_capacity * 2;
    rules->used = 0;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].handle != 0) {
            *place(rules, old[i].handle) = old[i];
        }
    }
    free(old);
    return true;
}

/* Close the gap, so that no probe sequence breaks. */
static void forget(struct rules *rules, struct entry *entry)
{
    size_t mask = rules->capacity - 1;
    size_t gap = (size_t)(entry - rules->entries);

    for (size_t i = (gap + 1) & mask; rules->entries[i].handle != 0; i = (i + 1) & mask) {
        size_t home = slot_of(rules, rules->entries[i].handle);

        if (((i - home) & mask) >= ((i - gap) & mask)) {
            rules->entries[gap] = rules->entries[i];
            gap = i;
        }
    }
    memset(&rules->entries[gap], 0, sizeof rules->entries[gap]);
    rules->used--;
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

/* Handles whose DELETE completed by now are free. */
static void expire(struct rules *rules, uint64_t now_ns)
{
    while (rules->deletion_count > 0 && rules->deletions[0].done_ns <= now_ns) {
        struct deletion first = rules->deletions[0];
        struct entry *entry = find(rules, first.handle);

        if (entry != NULL && entry->deleting && entry->deleted_ns == first.done_ns) {
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

    if (entry != NULL && (!entry->deleting || entry->deleted_ns > done_ns)) {
        violate(rules, record, 5, "nodes[%zu].handle: %" PRIu64 " is %s", n, node->handle,
                entry->deleting ? "still being deleted" : "live already");
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
    entry->added_ns = done_ns;
    entry->deleting = false;
    entry->sa_count = node->sa_count;
    for (size_t i = 0; i < node->sa_count; i++) {
        entry->op[i] = (uint8_t)node->sa[i].op;
        entry->esn[i] = node->sa[i].esn;
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
    if (record->t_ns < entry->added_ns) {
        return "is used before its ADD completed";
    }
    for (size_t i = 0; i < entry->sa_count; i++) {
        if (entry->op[i] == record->op && entry->spi[i] == record->spi) {
            return entry->esn[i] ? NULL : "has no ESN in the entry named";
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

        if (entry == NULL || entry->deleting) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is %s", i, handle,
                    entry == NULL ? "not live" : "being deleted already");
            continue;
        }
        if (record->t_ns < entry->added_ns) {
            violate(rules, record, 9, "handles[%zu]: %" PRIu64 " is used before its ADD completed",
                    i, handle);
        }
        if (kept) {
            continue; /* the SA stays; the host tries again after the reset */
        }
        entry->deleting = true;
        entry->deleted_ns = done_ns;
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
    rules->capacity = FIRST_CAPACITY;
    rules->entries = calloc(rules->capacity, sizeof rules->entries[0]);
    if (rules->entries == NULL) {
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
