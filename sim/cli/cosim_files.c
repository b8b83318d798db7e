/* Real traffic for ipsec_top. The SAs of a recording that the RTL can do get numbers, inbound and outbound ones by
 * themselves, in the order of their ADDs, and are set before the first packet; requests that come later in the recording
 * than its ADDs (UPDATE, DELETE, resets) are left out and counted. Packets go in back to back. */
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

struct cosim_files {
    struct cosim_side side[2];
    struct finder *finder;
    struct esp_node *node[2]; /* [direction][number - 1] */
    uint32_t nodes[2], set[2];
    uint32_t *number_of; /* [SA of the finder], for sending */
    uint32_t numbers;
    uint32_t sas, window;
    uint64_t other_nodes, other_requests;
    uint64_t quiet; /* cycles since something came out, or went in */
    uint64_t seen;  /* frames in and out by then */
    char error[RECORDING_ERROR_SIZE];
};

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

/* What the RTL has: one ESP with a key, AES-GCM, or, inbound, GMAC; UDP inbound only. */
static bool can(const struct esp_node *node)
{
    const struct esp_sa *sa = &node->sa[0];

    if (node->sa_count != 1 || sa->op != ESP_OP_ESP || esp_sa_timing_only(sa)) {
        return false;
    }
    if (node->dir == ESP_DIR_OUT) {
        return is_gcm(sa) && node->udp == ESP_UDP_NONE;
    }
    return is_gcm(sa) || is_gmac(sa);
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

static bool take_node(struct cosim_files *f, const struct esp_node *node, uint64_t line)
{
    struct finder_added added = finder_add(f->finder, node);
    unsigned side = node->dir == ESP_DIR_IN ? RX : TX;

    if (!can(node) || !added.sa) {
        f->other_nodes++;
        return true;
    }
    if (f->nodes[side] + 1 >= f->sas) {
        snprintf(f->error, sizeof f->error,
                 "line %llu: more than %u SAs in one direction: a larger --param SA_W",
                 (unsigned long long)line, f->sas - 1);
        return false;
    }
    if (side == RX && node->sa[0].replay_window > f->window) {
        snprintf(f->error, sizeof f->error,
                 "line %llu: a replay window of %u, and the RTL has %u: --param WINDOW=...",
                 (unsigned long long)line, node->sa[0].replay_window, f->window);
        return false;
    }
    f->node[side][f->nodes[side]++] = *node;
    if (side == TX) {
        set_number(f, added.sa, f->nodes[TX]);
    }
    return true;
}

static bool read_oids(struct cosim_files *f, const char *path)
{
    struct recording_record record = { 0 };
    struct recording *r = recording_open(path, f->error, sizeof f->error);
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
                                     char *error, size_t error_size)
{
    struct cosim_files *f = must(calloc(1, sizeof *f));

    f->sas = 1u << nic_solo_number(config, "SA_W");
    f->window = nic_solo_number(config, "WINDOW");
    set_number(f, 0, 0);
    for (unsigned s = 0; s < 2; s++) {
        f->node[s] = must(calloc(f->sas, sizeof *f->node[s]));
    }
    f->finder = make_finder(f->error, sizeof f->error);
    if (f->finder && (!r->oids || read_oids(f, r->oids)) &&
        cosim_rx_side(&f->side[RX], r->rx, r->rx_out, f->error, sizeof f->error) &&
        cosim_tx_side(&f->side[TX], r->tx, r->tx_out, f->finder, f->number_of, f->sas, f->error,
                      sizeof f->error)) {
        return f;
    }
    snprintf(error, error_size, "%s", f->error);
    cosim_files_close(f);
    return NULL;
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
        seen += f->side[s].frames_in(self) + f->side[s].frames_out(self);
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

void cosim_files_print(const struct cosim_files *f)
{
    static const char *const way[2] = { "received", "sent" };

    printf(
        "  SAs: %u inbound, %u outbound; %llu that the RTL does not do, %llu later requests left out\n",
        f->nodes[RX], f->nodes[TX], (unsigned long long)f->other_nodes,
        (unsigned long long)f->other_requests);
    for (unsigned s = 0; s < 2; s++) {
        printf("  %-8s %llu frames in, %llu out\n", way[s],
               (unsigned long long)f->side[s].frames_in(f->side[s].self),
               (unsigned long long)f->side[s].frames_out(f->side[s].self));
    }
}
