/* Which SA a packet of a trace uses, as host and card would find it, without simulating them: outbound by the
 * host's choice among selectors, inbound in the card's table by SPI, destination and protocol, with the SAs that
 * the recording has added and not deleted up to then. For studies of traces; takes no time, keeps no keys.
 *
 * Requests take effect when they are given. As in a simulation, a node that the card does not take lives in
 * software; the table is never full. Not looked at: hard lifetimes, what is inside an encrypted packet (a second
 * SA there), resets, and a tunnel around a transport SA (host.tx.nest). */
#ifndef ESPNIC_HOST_FINDER_H
#define ESPNIC_HOST_FINDER_H

#include "sa_table/capabilities.h"

/* Why a packet uses no SA of the card. X(NAME, key, sentence); keys as in the reports of a run. */
#define FINDER_REASONS(X)                                                                          \
    X(NOT_IPSEC, "not_ipsec", "received without AH or ESP, or not IP")                             \
    X(NO_SA, "no_sa", "received, and no SA on the card for SPI, destination and protocol")         \
    X(FRAGMENT, "fragment", "received IP fragment: the host puts it together")                     \
    X(OPTIONS, "options", "received with IP options or extension headers beyond the card")         \
    X(MALFORMED, "malformed", "received with headers that do not parse, or cut by the capture")    \
    X(WRONG_PROTOCOL, "wrong_protocol", "received with or without UDP, unlike its SA")             \
    X(NO_SELECTOR, "no_selector", "to send, and no outbound SA takes it")                          \
    X(NOT_IP, "not_ip", "to send, not IP: sent in clear")                                          \
    X(SOFTWARE, "software", "to send with an SA that the card did not take")                       \
    X(LINK_DOWN, "link_down", "to send while the recording says that the link is down")            \
    X(OFFLOAD_OFF, "offload_off", "IPsec offload is not active")

enum finder_reason {
    FINDER_FOUND,
#define X(name, key, text) FINDER_##name,
    FINDER_REASONS(X)
#undef X
        FINDER_REASON_COUNT
};

const char *finder_reason_name(enum finder_reason reason); /* "no_sa" */
const char *finder_reason_text(enum finder_reason reason);

struct finder_config {
    struct sa_capabilities can;
    bool packet_offload;      /* wrong_protocol ends a packet before its context is fetched */
    bool outbound_duplicates; /* see struct sa_table_config */
    bool any_tunnel;          /* an outbound tunnel SA without selector takes any packet */
    uint64_t tx_sa; /* recorded handle of what takes packets that no selector took; 0: none */
};

struct finder;

/* NULL when memory runs out. */
struct finder *finder_create(const struct finder_config *config);
void finder_destroy(struct finder *finder); /* NULL is allowed */

struct finder_added {
    uint32_t sa; /* its number while it is there, from 1, used again; 0: not on the card */
    enum sa_reason reason; /* why not; SA_OK with `sa` 0: the offload is not active */
};

struct finder_added finder_add(struct finder *finder, const struct esp_node *node);

/* The SA that left the card; 0: the handle names none that is there. */
uint32_t finder_delete(struct finder *finder, uint64_t handle);

void finder_offload(struct finder *finder, bool on); /* on at first */
void finder_link(struct finder *finder, bool up);    /* up at first */

struct finder_packet {
    enum finder_reason reason; /* FINDER_FOUND, else `sa` is 0 */
    uint32_t sa;
};

/* An Ethernet frame, of which `captured` bytes are there; received, or given to the host to be sent. */
struct finder_packet finder_receive(struct finder *finder, const uint8_t *frame, uint32_t captured,
                                    uint32_t length);
struct finder_packet finder_send(struct finder *finder, const uint8_t *frame, uint32_t captured,
                                 uint32_t length);

/* Recorded handle of an SA that is there. */
uint64_t finder_handle(const struct finder *finder, uint32_t sa);

/* SAs on the card, now and at most; nodes that live in software. */
uint64_t finder_live(const struct finder *finder);
uint64_t finder_peak(const struct finder *finder);
uint64_t finder_in_software(const struct finder *finder);

#endif
