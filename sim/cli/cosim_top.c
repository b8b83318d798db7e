/* Random traffic for ipsec_top, and garbage: that of its parts, all at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_garbage.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"

typedef const struct cosim_stimulus *const parts_of_top[SOLO_TOP_PARTS];

static parts_of_top traffic_parts = { &cosim_rx_stimulus, &cosim_tx_stimulus, &cosim_csr_stimulus };
static parts_of_top garbage_parts = { &cosim_rx_garbage, &cosim_tx_garbage, &cosim_csr_garbage };

enum { MOST = 255 /* SAs to send with */ };

struct traffic {
    const struct cosim_stimulus *const *of; /* its parts */
    void *part[SOLO_TOP_PARTS];
};

/* One command path for the SAs of both. */
static void join(struct traffic *t, uint32_t places)
{
    struct cosim_senders senders;
    uint32_t count = places - places / 4 + 1;

    cosim_tx_senders(t->part[1], count < MOST ? count : MOST, &senders);
    senders.words = nic_solo_top_places.in[1] - nic_solo_top_places.in[0];
    cosim_rx_commands(t->part[0], &senders);
}

static struct traffic *create_parts(parts_of_top parts, const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    size_t bytes = 2 * strlen(config) + 64;
    char *all = must(malloc(bytes));

    /* parameters of esp_tx: one that is fixed here, one that has another name */
    snprintf(all, bytes, "%s MTU=1500 CRYPTO_DEPTH=%u", config,
             nic_solo_number(config, "AES_DEPTH"));
    t->of = parts;
    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        t->part[i] = parts[i]->create(all, seed);
    }
    free(all);
    return t;
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = create_parts(traffic_parts, config, seed);

    if (nic_solo_number(config, "SA_TABLE")) {
        join(t, (1u << nic_solo_number(config, "SA_W")) - 1);
    }
    return t;
}

static void *create_garbage(const char *config, uint64_t seed)
{
    return create_parts(garbage_parts, config, seed);
}

static void destroy(void *self)
{
    struct traffic *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        t->of[i]->destroy(t->part[i]);
    }
    free(t);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        t->of[i]->drive(t->part[i], out + nic_solo_top_places.out[i],
                        in + nic_solo_top_places.in[i]);
    }
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    unsigned count = 0;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        count += t->of[i]->shares(t->part[i], share + count);
    }
    return count;
}

const struct cosim_stimulus cosim_top_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};

const struct cosim_stimulus cosim_top_garbage = {
    .create = create_garbage, .destroy = destroy, .drive = drive, .shares = shares
};
