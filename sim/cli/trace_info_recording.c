/* What is in a recording. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace.h"
#include "traces/recording.h"
#include "traces/rules.h"

#define NS_PER_S UINT64_C(1000000000)

/* SA entries that are alike. There are few kinds: a list will do. */
struct sa_kind {
    enum esp_op op;
    enum esp_alg enc, auth;
    enum esp_mode mode;
    enum esp_dir dir;
    bool esn, timing_only;
    uint64_t count;
};

/* The most events within one second of the recording's clock (whole seconds from t = 0). */
struct busiest {
    uint64_t second, count, most;
};

struct tally {
    uint64_t kinds[RECORDING_KIND_COUNT];
    uint64_t nodes, deleted_handles, udp;
    uint64_t with_status, failed;
    uint64_t first_ns, last_ns, records;
    struct busiest adds, deletes;
    struct sa_kind *sas;
    size_t sa_count, sa_capacity;
};

static void count_in_second(struct busiest *b, uint64_t t_ns, uint64_t count)
{
    if (t_ns / NS_PER_S != b->second) {
        b->second = t_ns / NS_PER_S;
        b->count = 0;
    }
    b->count += count;
    b->most = b->count > b->most ? b->count : b->most;
}

static bool alike(const struct sa_kind *a, const struct sa_kind *b)
{
    return a->op == b->op && a->enc == b->enc && a->auth == b->auth && a->mode == b->mode &&
           a->dir == b->dir && a->esn == b->esn && a->timing_only == b->timing_only;
}

static bool count_sa(struct tally *t, const struct esp_node *node, const struct esp_sa *sa)
{
    struct sa_kind kind = { .op = sa->op,
                            .enc = sa->enc.alg,
                            .auth = sa->auth.alg,
                            .mode = node->mode,
                            .dir = node->dir,
                            .esn = sa->esn,
                            .timing_only = esp_sa_timing_only(sa),
                            .count = 1 };

    for (size_t i = 0; i < t->sa_count; i++) {
        if (alike(&t->sas[i], &kind)) {
            t->sas[i].count++;
            return true;
        }
    }
    if (t->sa_count == t->sa_capacity) {
        size_t capacity = t->sa_capacity > 0 ? t->sa_capacity * 2 : 16;
        struct sa_kind *grown = realloc(t->sas, capacity * sizeof *grown);

        if (grown == NULL) {
            return false;
        }
        t->sas = grown;
        t->sa_capacity = capacity;
    }
    t->sas[t->sa_count++] = kind;
    return true;
}

static bool count_record(struct tally *t, const struct recording_record *record)
{
    t->first_ns = t->records == 0 ? record->t_ns : t->first_ns;
    t->last_ns = record->t_ns;
    t->records++;
    t->kinds[record->kind]++;
    t->with_status += record->has_status;
    t->failed += record->has_status && record->status != 0;
    if (record->kind == RECORDING_DELETE_SA) {
        t->deleted_handles += record->handle_count;
        count_in_second(&t->deletes, record->t_ns, record->handle_count);
    }
    if (record->kind == RECORDING_ADD_SA || record->kind == RECORDING_ADD_SA_EX) {
        t->nodes += record->node_count;
        count_in_second(&t->adds, record->t_ns, record->node_count);
        for (size_t n = 0; n < record->node_count; n++) {
            const struct esp_node *node = &record->nodes[n];

            t->udp += node->udp != ESP_UDP_NONE;
            for (size_t i = 0; i < node->sa_count; i++) {
                if (!count_sa(t, node, &node->sa[i])) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* Most frequent first; then a fixed order. */
static int compare_kinds(const void *left, const void *right)
{
    const struct sa_kind *a = left;
    const struct sa_kind *b = right;
    const long long keys[][2] = {
        { (long long)b->count, (long long)a->count },
        { (int)a->op, (int)b->op },
        { (int)a->enc, (int)b->enc },
        { (int)a->auth, (int)b->auth },
        { (int)a->mode, (int)b->mode },
        { (int)a->dir, (int)b->dir },
        { a->esn, b->esn },
        { a->timing_only, b->timing_only },
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static const char *algorithm_name(enum esp_alg alg)
{
    return alg == ESP_ALG_NONE ? "-" : esp_alg_info(alg)->name;
}

static json_t *sa_table(struct tally *t)
{
    json_t *rows = json_array();

    if (t->sa_count > 0) {
        qsort(t->sas, t->sa_count, sizeof t->sas[0], compare_kinds);
    }
    for (size_t i = 0; i < t->sa_count; i++) {
        const struct sa_kind *k = &t->sas[i];

        json_array_append_new(rows,
                              json_pack("{sosssssssssssbsb}", "count", trace_number(k->count), "op",
                                        k->op == ESP_OP_AH ? "ah" : "esp", "enc",
                                        algorithm_name(k->enc), "auth", algorithm_name(k->auth),
                                        "mode", k->mode == ESP_MODE_TUNNEL ? "tunnel" : "transport",
                                        "dir", k->dir == ESP_DIR_IN ? "in" : "out", "esn", k->esn,
                                        "timing_only", k->timing_only));
    }
    return rows;
}

static double per_second(uint64_t count, uint64_t span_ns)
{
    return span_ns > 0 ? (double)count / ((double)span_ns / 1e9) : 0.0;
}

static json_t *rule_counts(const struct rules *rules)
{
    json_t *counts = json_object();

    for (unsigned rule = 1; rule < RULES_COUNT; rule++) {
        char name[16];

        snprintf(name, sizeof name, "rule_%u", rule);
        if (rules_violations(rules, rule) > 0) {
            json_object_set_new(counts, name, trace_number(rules_violations(rules, rule)));
        }
    }
    return counts;
}

static json_t *compose(const char *path, const struct recording_header *header, struct tally *t,
                       const struct rules *rules)
{
    json_t *root = json_object();
    json_t *kinds = json_object();
    uint64_t span_ns = t->last_ns - t->first_ns;

    json_object_set_new(root, "file", json_string(path));
    json_object_set_new(root, "kind", json_string("recording"));
    json_object_set_new(root, "records", trace_number(t->records));
    if (header->has_epoch) {
        char epoch[32];

        snprintf(epoch, sizeof epoch, "%" PRIu64 ".%09" PRIu64, header->epoch_ns / NS_PER_S,
                 header->epoch_ns % NS_PER_S);
        json_object_set_new(root, "epoch", json_string(epoch));
    }
    json_object_set_new(root, "preload", json_boolean(!header->has_epoch));
    json_object_set_new(root, "first_t_ns", trace_number(t->first_ns));
    json_object_set_new(root, "last_t_ns", trace_number(t->last_ns));
    json_object_set_new(root, "span_ns", trace_number(span_ns));
    for (int kind = 0; kind < RECORDING_KIND_COUNT; kind++) {
        if (t->kinds[kind] > 0) {
            json_object_set_new(kinds, recording_kind_name((enum recording_kind)kind),
                                trace_number(t->kinds[kind]));
        }
    }
    json_object_set_new(root, "requests", kinds);
    json_object_set_new(root, "nodes", trace_number(t->nodes));
    json_object_set_new(root, "nodes_udp_encapsulated", trace_number(t->udp));
    json_object_set_new(root, "handles_deleted", trace_number(t->deleted_handles));
    json_object_set_new(root, "peak_live", trace_number(rules_peak_live(rules)));
    json_object_set_new(root, "live_at_end", trace_number(rules_live(rules)));
    json_object_set_new(root, "adds_per_s", json_real(per_second(t->nodes, span_ns)));
    json_object_set_new(root, "deletes_per_s", json_real(per_second(t->deleted_handles, span_ns)));
    json_object_set_new(root, "most_adds_in_a_second", trace_number(t->adds.most));
    json_object_set_new(root, "most_deletes_in_a_second", trace_number(t->deletes.most));
    json_object_set_new(root, "with_status", trace_number(t->with_status));
    json_object_set_new(root, "failed", trace_number(t->failed));
    json_object_set_new(root, "violations", rule_counts(rules));
    json_object_set_new(root, "sas", sa_table(t));
    return root;
}

json_t *trace_info_recording(const char *path, char *error, size_t error_size)
{
    struct recording *reader = recording_open(path, error, error_size);
    struct rules *rules = rules_create(NULL, NULL, NULL);
    struct recording_record record = { 0 };
    enum recording_result result = RECORDING_BROKEN;
    struct tally tally = { .records = 0 };
    bool memory = rules != NULL;
    json_t *info = NULL;

    while (reader != NULL && memory && (result = recording_next(reader, &record)) == RECORDING_OK) {
        memory = count_record(&tally, &record) && rules_check(rules, &record);
    }
    if (reader != NULL && !memory) {
        snprintf(error, error_size, "%s: out of memory", path);
    } else if (reader != NULL && result != RECORDING_END) {
        snprintf(error, error_size, "%s", recording_error(reader));
    } else if (reader != NULL) {
        info = compose(path, recording_header(reader), &tally, rules);
    }
    free(tally.sas);
    recording_record_free(&record);
    rules_destroy(rules);
    recording_close(reader);
    return info;
}
