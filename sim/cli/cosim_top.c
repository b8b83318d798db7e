/* Random traffic for ipsec_top: that of its parts, all at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"

static const struct cosim_stimulus *const parts[SOLO_TOP_PARTS] = { &cosim_rx_stimulus,
                                                                    &cosim_tx_stimulus,
                                                                    &cosim_csr_stimulus };

enum { MOST = 255 /* SAs to send with */ };

struct traffic {
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

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    size_t bytes = 2 * strlen(config) + 64;
    char *all = must(malloc(bytes));

    /* parameters of esp_tx: one that is fixed here, one that has another name */
    snprintf(all, bytes, "%s MTU=1500 CRYPTO_DEPTH=%u", config,
             nic_solo_number(config, "AES_DEPTH"));
    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        t->part[i] = parts[i]->create(all, seed);
    }
    free(all);
    if (nic_solo_number(config, "SA_TABLE")) {
        join(t, (1u << nic_solo_number(config, "SA_W")) - 1);
    }
    return t;
}

static void destroy(void *self)
{
    struct traffic *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        parts[i]->destroy(t->part[i]);
    }
    free(t);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        parts[i]->drive(t->part[i], out + nic_solo_top_places.out[i],
                        in + nic_solo_top_places.in[i]);
    }
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    unsigned count = 0;

    for (unsigned i = 0; i < SOLO_TOP_PARTS; i++) {
        count += parts[i]->shares(t->part[i], share + count);
    }
    return count;
}

const struct cosim_stimulus cosim_top_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
