/* What the host can see the card break of the rules of the interface (traces/rules.h, numbered as there). The
 * model keeps them; damaged links, a card in RTL or a user's own may not. Counted, and an error with --strict.
 *
 *   5  a node was added under a handle that a live one has (inbound: the host looks these up)
 *   6  a failing ADD hands out a handle, or a successful one none
 *   8  UPDATE of a handle that was never issued succeeds
 *   9  DELETE ends with another status than SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED
 *  11  words of a received packet that contradict each other
 *  12  a packet was offloaded before OID_OFFLOAD_ENCAPSULATION
 *
 * Of the others 1 to 4 and 7 are the host's duty, and what a recording breaks of them the card refuses; 10 is the
 * host's, too (nodes.c). */
#include "host/internal.h"

enum { RX_RESERVED = 0xfff8 }; /* bits 3 to 15 of the word */

static void broken(struct host *host, unsigned rule)
{
    host->stats->card_rules[rule]++;
}

void host_watch_handle(struct host *host, uint32_t sa, uint64_t handle)
{
    if (handle != 0 && (host_sa(host, sa)->flags & SA_HOST_IN) != 0 &&
        host_sa_of_card(host, handle) != 0) {
        broken(host, 5);
    }
}

void host_watch_add(struct host *host, uint32_t status, uint32_t handles)
{
    if ((status == NDIS_STATUS_SUCCESS) != (handles != 0)) {
        broken(host, 6);
    }
}

void host_watch_update(struct host *host, uint32_t status, bool known)
{
    if (!known && status == NDIS_STATUS_SUCCESS) {
        broken(host, 8);
    }
}

void host_watch_delete(struct host *host, uint32_t status)
{
    if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_NOT_ACCEPTED &&
        status != NDIS_STATUS_REQUEST_ABORTED) {
        broken(host, 9);
    }
}

void host_watch_rx(struct host *host, uint32_t word)
{
    bool done = (word & ABI_RX_CRYPTO_DONE) != 0;
    bool more = (word & ABI_RX_NEXT_CRYPTO_DONE) != 0 || word >> ABI_RX_CRYPTO_STATUS_LSB != 0;

    if ((more && !done) || (word & RX_RESERVED) != 0) {
        broken(host, 11);
    }
    if (done && !host->s->activated) {
        broken(host, 12);
    }
}
