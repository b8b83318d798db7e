/* Real traffic for ipsec_top. The SAs of a recording that the RTL can do get numbers, inbound and outbound ones by
 * themselves, in the order of their ADDs, and are set before the first packet; the others are left out and counted, each for
 * its reason, and so are requests that are no ADD (UPDATE, DELETE, resets). Packets go in back to back. */
#include "cli/cosim_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "espnic.h"
#include "host/finder.h"
#include "nic/config.h"
#include "nic/solo.h"
#include "traces/recording.h"

enum { RX, TX, QUIET = 5000 /* cycles, after which nothing is under way any more */ };

/* Why an SA is left out. */
#define LEFT_OUT(X)                                                                                \
    X(KIND, "not one ESP with AES-GCM, or (received) AES-GMAC, and its key")                       \
    X(UDP, "sent over UDP")                                                                        \
    X(ANY, "received for any destination: the look-up of the RTL has none")                        \
    X(SELECTOR, "with a selector for what is received: the RTL does not look inside")              \
    X(LIFETIME, "with a hard lifetime: the RTL counts none")                                       \
    X(TWICE, "with SPI and destination of an SA before it (DELETEs are left out)")                 \
    X(CARD, "that the card refuses")

enum left_out {
#define X(name, text) LEFT_##name,
    LEFT_OUT(X)
#undef X
        LEFT_COUNT
};

struct cosim_files {
    const struct cosim_files_request *request;
    struct cosim_side side[2];
    struct finder *finder;
    struct esp_node *node[2]; /* [direction][number - 1] */
    uint32_t nodes[2], set[2];
    uint32_t *number_of; /* [SA of the finder], for sending */
    uint32_t numbers;
    uint32_t sas, window;
    uint64_t left_out[LEFT_COUNT], other_requests;
    uint64_t quiet; /* cycles since something came out, or went in */
    uint64_t seen;  /* frames in and out by then */
    char error[RECORDING_ERROR_SIZE];
};

static const char *const left_out_text[] = {
#define X(name, text) text,
    LEFT_OUT(X)
#undef X
};

static const char *const way[2] = { "received", "sent" };

/* ---- the recording ---------------------------------------------------------------------------------- */

static bool is_gmac(const struct esp_sa *sa)
{
    return (sa->enc.alg == ESP_ALG_NULL || sa->enc.alg == ESP_ALG_NONE) &&
           esp_alg_info(sa->auth.alg)->kind == ESP_KIND_GMAC;
}

static bool is_gcm(const struct esp_sa *sa)
{
    return sa->enc.alg == ESP_ALG_AES_GCM_128 || sa->enc.alg == ESP_ALG_AES_GCM_192 ||
           sa->enc.alg == ESP_ALG_AES_GCM_256;
}

static bool is_any(const struct esp_address *a)
{
    static const uint8_t zero[sizeof a->bytes];

    return memcmp(a->bytes, zero, sizeof zero) == 0;
}

static bool has_hard_lifetime(const struct esp_sa *sa)
{
    return sa->lifetime.hard_packets || sa->lifetime.hard_bytes || sa->lifetime.hard_s;
}

/* LEFT_COUNT: the RTL does it. The selectors of what is sent are the host's affair, which chooses the SA. */
static enum left_out why_not(const struct esp_node *node)
{
    const struct esp_sa *sa = &node->sa[0];
    bool in = node->dir == ESP_DIR_IN;

    if (node->sa_count != 1 || sa->op != ESP_OP_ESP || esp_sa_timing_only(sa) ||
        !(is_gcm(sa) || (in && is_gmac(sa)))) {
        return LEFT_KIND;
    }
    if (!in && node->udp != ESP_UDP_NONE) {
        return LEFT_UDP;
    }
    if (in && is_any(&node->dst)) {
        return LEFT_ANY;
    }
    if (in && node->sel.present) {
        return LEFT_SELECTOR;
    }
    return has_hard_lifetime(sa) ? LEFT_LIFETIME : LEFT_COUNT;
}

static void set_number(struct cosim_files *f, uint32_t sa, uint32_t number)
{
    if (sa >= f->numbers) {
        f->number_of = must(realloc(f->number_of, (sa + 1) * sizeof *f->number_of));
        memset(f->number_of + f->numbers, 0, (sa + 1 - f->numbers) * sizeof *f->number_of);
        f->numbers = sa + 1;
    }
    f->number_of[sa] = number;
}

/* The finder has it too, so that it chooses for what is sent as the host would. */
static enum left_out find_place(struct cosim_files *f, const struct esp_node *node,
                                struct finder_added *added)
{
    enum left_out why = why_not(node);

    *added = finder_add(f->finder, node);
    if (added->sa) {
        set_number(f, added->sa, 0);
    }
    if (why == LEFT_COUNT && !added->sa) {
        why = added->reason == SA_DUPLICATE ? LEFT_TWICE : LEFT_CARD;
    }
    return why;
}

static bool take_node(struct cosim_files *f, const struct esp_node *node, uint64_t line)
{
    const char *file = f->request->oids;
    unsigned side = node->dir == ESP_DIR_IN ? RX : TX;
    struct finder_added added;
    enum left_out why = find_place(f, node, &added);

    if (why != LEFT_COUNT) {
        f->left_out[why]++;
        return true;
    }
    if (f->nodes[side] + 1 >= f->sas) {
        snprintf(f->error, sizeof f->error,
                 "%s:%llu: more than %u SAs for what is %s: a larger --param SA_W", file,
                 (unsigned long long)line, f->sas - 1, way[side]);
        return false;
    }
    if (side == RX && node->sa[0].replay_window > f->window) {
        snprintf(f->error, sizeof f->error,
                 "%s:%llu: a replay window of %u, and the RTL has %u: --param WINDOW=...", file,
                 (unsigned long long)line, node->sa[0].replay_window, f->window);
        return false;
    }
    f->node[side][f->nodes[side]++] = *node;
    if (side == TX) {
        set_number(f, added.sa, f->nodes[TX]);
    }
    return true;
}

static bool read_oids(struct cosim_files *f)
{
    struct recording_record record = { 0 };
    struct recording *r = recording_open(f->request->oids, f->error, sizeof f->error);
    enum recording_result result = RECORDING_END;
    bool ok = r != NULL;

    while (ok && (result = recording_next(r, &record)) == RECORDING_OK) {
        if (record.kind != RECORDING_ADD_SA && record.kind != RECORDING_ADD_SA_EX) {
            f->other_requests += record.kind != RECORDING_ENCAPSULATION;
            continue;
        }
        for (size_t i = 0; i < record.node_count && ok; i++) {
            ok = take_node(f, &record.nodes[i], record.line);
        }
    }
    if (ok && result != RECORDING_END) {
        snprintf(f->error, sizeof f->error, "%s", recording_error(r));
        ok = false;
    }
    recording_record_free(&record);
    recording_close(r);
    return ok;
}

/* A capture for which there is no SA would show nothing. */
static bool check_sas(struct cosim_files *f)
{
    const char *const capture[2] = { f->request->rx, f->request->tx };

    for (unsigned s = 0; s < 2; s++) {
        if (capture[s] && f->nodes[s] == 0) {
            int used =
                snprintf(f->error, sizeof f->error, "%s: no SA for what is %s that the RTL does",
                         f->request->oids, way[s]);

            for (unsigned why = 0; why < LEFT_COUNT && used < (int)sizeof f->error; why++) {
                if (f->left_out[why]) {
                    used += snprintf(f->error + used, sizeof f->error - (size_t)used, "; %llu %s",
                                     (unsigned long long)f->left_out[why], left_out_text[why]);
                }
            }
            return false;
        }
    }
    return true;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static struct finder *make_finder(char *error, size_t error_size)
{
    struct finder_config config = { .packet_offload = true, .any_tunnel = true };
    struct nic_config *card = must(espnic_config_create());
    bool ok = nic_config_check(card, error, error_size);

    config.can = card->capabilities;
    espnic_config_destroy(card);
    return ok ? must(finder_create(&config)) : NULL;
}

struct cosim_files *cosim_files_open(const struct cosim_files_request *r, const char *config,
                                     bool outputs, char *error, size_t error_size)
{
    struct cosim_files *f = must(calloc(1, sizeof *f));

    f->request = r;
    f->sas = 1u << nic_solo_number(config, "SA_W");
    f->window = nic_solo_number(config, "WINDOW");
    set_number(f, 0, 0);
    for (unsigned s = 0; s < 2; s++) {
        f->node[s] = must(calloc(f->sas, sizeof *f->node[s]));
    }
    f->finder = make_finder(f->error, sizeof f->error);
    if (f->finder && read_oids(f) && check_sas(f) &&
        cosim_rx_side(&f->side[RX], r->rx, outputs ? r->rx_out : NULL, f->error, sizeof f->error) &&
        cosim_tx_side(&f->side[TX], r->tx, outputs ? r->tx_out : NULL, f->finder, f->number_of,
                      f->sas, f->error, sizeof f->error)) {
        return f;
    }
    snprintf(error, error_size, "%s", f->error);
    cosim_files_close(f);
    return NULL;
}

bool cosim_files_finish(struct cosim_files *f, char *error, size_t error_size)
{
    bool ok = true;

    for (unsigned s = 0; s < 2; s++) {
        ok = f->side[s].finish(f->side[s].self, error, error_size) && ok;
    }
    return ok;
}

void cosim_files_close(struct cosim_files *f)
{
    for (unsigned s = 0; s < 2; s++) {
        if (f->side[s].self) {
            f->side[s].close(f->side[s].self);
        }
        free(f->node[s]);
    }
    if (f->finder) {
        finder_destroy(f->finder);
    }
    free(f->number_of);
    free(f);
}

/* ---- cycles --------------------------------------------------------------------------------------------- */

/* False when there is nothing more to set. */
static bool set_next(struct cosim_files *f, uint32_t *in)
{
    bool more = false;

    for (unsigned s = 0; s < 2; s++) {
        if (f->set[s] < f->nodes[s]) {
            f->side[s].set_sa(f->side[s].self, in + nic_solo_top_places.in[s], f->set[s] + 1,
                              &f->node[s][f->set[s]]);
            f->set[s]++;
            more = true;
        }
    }
    return more;
}

void cosim_files_drive(struct cosim_files *f, const uint32_t *out, uint32_t *in)
{
    uint64_t seen = 0;

    if (set_next(f, in)) {
        return;
    }
    for (unsigned s = 0; s < 2; s++) {
        void *self = f->side[s].self;

        if (!f->side[s].drive(self, out + nic_solo_top_places.out[s],
                              in + nic_solo_top_places.in[s])) {
            snprintf(f->error, sizeof f->error, "%s", f->side[s].error(self));
        }
        seen += f->side[s].counts(self)->in + f->side[s].counts(self)->out;
    }
    f->quiet = seen == f->seen ? f->quiet + 1 : 0;
    f->seen = seen;
}

void cosim_files_observe(struct cosim_files *f, const uint32_t *out, const uint32_t *in)
{
    for (unsigned s = 0; s < 2; s++) {
        f->side[s].observe(f->side[s].self, out + nic_solo_top_places.out[s],
                           in + nic_solo_top_places.in[s]);
    }
}

bool cosim_files_ended(const struct cosim_files *f)
{
    return *f->error || (f->side[RX].ended(f->side[RX].self) &&
                         f->side[TX].ended(f->side[TX].self) && f->quiet > QUIET);
}

const char *cosim_files_error(const struct cosim_files *f)
{
    return *f->error ? f->error : NULL;
}

static void print_side(const struct cosim_side *side, const char *name)
{
    const struct cosim_side_counts *n = side->counts(side->self);
    const struct {
        const char *text;
        uint64_t count;
    } some[] = { { "too long for the RTL: left out", n->too_long },
                 { "cut short by the capture: left out", n->cut },
                 { "with headers that the RTL does not follow: left out", n->beyond },
                 { "of SAs that are left out: sent in clear", n->without_sa } };

    printf("  %-8s %llu frames in, %llu of them with an SA, %llu out\n", name,
           (unsigned long long)n->in, (unsigned long long)n->with_sa, (unsigned long long)n->out);
    for (unsigned i = 0; i < sizeof some / sizeof *some; i++) {
        if (some[i].count) {
            printf("           %llu %s\n", (unsigned long long)some[i].count, some[i].text);
        }
    }
}

void cosim_files_print(const struct cosim_files *f)
{
    printf("  SAs: %u inbound, %u outbound; %llu later requests left out\n", f->nodes[RX],
           f->nodes[TX], (unsigned long long)f->other_requests);
    for (unsigned why = 0; why < LEFT_COUNT; why++) {
        if (f->left_out[why]) {
            printf("       left out: %llu %s\n", (unsigned long long)f->left_out[why],
                   left_out_text[why]);
        }
    }
    if (f->request->rx) {
        print_side(&f->side[RX], way[RX]);
    }
    if (f->request->tx) {
        print_side(&f->side[TX], way[TX]);
    }
}

bool cosim_files_enough(const struct cosim_files *f)
{
    const char *const capture[2] = { f->request->rx, f->request->tx };
    bool ok = cosim_files_ended(f);

    if (!ok) {
        fputs(
            "espnic cosim: the captures are not through after so many cycles: a larger --cycles\n",
            stderr);
    }
    for (unsigned s = 0; s < 2; s++) {
        const struct cosim_side_counts *n = f->side[s].counts(f->side[s].self);
        unsigned long long refused = n->too_long + n->cut;

        if (capture[s] && n->with_sa == 0) {
            fprintf(stderr, "espnic cosim: %s: no frame of it has met an SA: nothing is shown\n",
                    capture[s]);
            ok = false;
        }
        if (refused) {
            fprintf(stderr, "espnic cosim: %s: %llu frames could not go in (above)\n", capture[s],
                    refused);
            ok = false;
        }
    }
    return ok;
}
