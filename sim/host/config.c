#include "host/config.h"

#include <stdio.h>

#define F(type_, field_) PARAM_FIELD(struct type_, field_)
#define NS               1000ull
#define US               (1000 * NS)
#define MS               (1000 * US)
#define SECOND           (1000 * MS)

static const char *const signals[] = { "interrupt", "poll", NULL };
static const char *const stores[] = { "flush", "poll", NULL };
static const char *const tx_dones[] = { "each", "report", "head", NULL };
static const char *const rx_dones[] = { "each", "head", NULL };
static const char *const lsos[] = { "off", "card", "software", NULL };
static const char *const no_matches[] = { "drop", "clear", NULL };
static const char *const tunnel_policies[] = { "none", "latest", NULL };
static const char *const esn_updates[] = { "recorded", "automatic", NULL };
static const char *const keeps[] = { "auto", "none", "inbound", "both", NULL };
static const char *const readds[] = { "never", "on_use", NULL };
static const char *const failovers[] = { "keep", "readd", NULL };
static const char *const unknowns[] = { "deliver", "drop", NULL };

static const struct param general_params[] = {
    { "cores", PARAM_U32, F(host_general_config, cores), 1, 1, HOST_MAX_CORES, NULL, NULL,
      "CPU cores; the first one also serves the OIDs." },
    { "ideal", PARAM_BOOL, F(host_general_config, ideal), 0, 0, 1, NULL, NULL,
      "The host's CPU and interrupts take no time." },
    { "seed", PARAM_U64, F(host_general_config, seed), 1, 0, UINT64_MAX, NULL, NULL,
      "Seed of the IVs that the host makes." },
    { "interrupt", PARAM_TIME, F(host_general_config, interrupt), 1 * US, 0, SECOND, NULL, NULL,
      "From the arrival of an MSI-X message to the first look at the completions." },
    { "poll", PARAM_TIME, F(host_general_config, poll), 50 * NS, 0, SECOND, NULL, NULL,
      "Busy polling: from a completion being visible to the host seeing it." },
    { "mmio", PARAM_TIME, F(host_general_config, mmio), 20 * NS, 0, SECOND, NULL, NULL,
      "CPU time of a register write (posted)." },
    { "mmio_read", PARAM_TIME, F(host_general_config, mmio_read), 0, 0, SECOND, NULL, NULL,
      "What a register read of the command path takes between core and root complex, beside its round trip "
      "over the link; the core waits for both." },
    { "wc", PARAM_BOOL, F(host_general_config, wc), 1, 0, 1, NULL, NULL,
      "The window for descriptors (host.tx.push) is mapped write-combining: lines of 64 bytes leave the core; "
      "else stores of 8 bytes, host.mmio each." },
    { "wc_line", PARAM_TIME, F(host_general_config, wc_line), 60 * NS, 0, SECOND, NULL, NULL,
      "From line to line that leave a core (55 to 69 ns measured), full or not." },
    { "wc_buffers", PARAM_U32, F(host_general_config, wc_buffers), 6, 1, 64, NULL, NULL,
      "Lines that a core holds (6 to 10): it goes on when the rest of them fit." },
    { "wc_pad", PARAM_BOOL, F(host_general_config, wc_pad), 1, 0, 1, NULL, NULL,
      "The driver fills up the last line; else that leaves in stores of 8 bytes." },
    { "delete_delay", PARAM_TIME, F(host_general_config, delete_delay), 10 * US, 0, SECOND, NULL,
      NULL, "From a packet with SaDeleteReq to the first DELETE, and from that to the partner's." },
    { "readd", PARAM_ENUM, F(host_general_config, readd), HOST_READD_NEVER, 0, 1, readds, NULL,
      "SAs that left the card because it asked (SaDeleteReq), or that it had no room for: they stay in software, or "
      "are added again, with their partner if that is in software, too, when they are used." },
    { "readd_packets", PARAM_U32, F(host_general_config, readd_packets), 8, 1, UINT32_MAX, NULL,
      NULL, "With on_use: packets that an SA has carried in software before." },
    { "readd_pause", PARAM_TIME, F(host_general_config, readd_pause), MS, 0, 1000 * SECOND, NULL,
      NULL, "With on_use: least time since it left the card, or was refused." },
    { "failover", PARAM_ENUM, F(host_general_config, failover), HOST_FAILOVER_KEEP, 0, 1, failovers,
      NULL,
      "When the link goes down: SAs stay on the card, or all are deleted, and added again when it is up (as Linux's "
      "bonding does when the active port changes)." },
    { "reset_hold", PARAM_TIME, F(host_general_config, reset_hold), 10 * MS, 0, 100 * SECOND, NULL,
      NULL, "After this time the driver ends a reset that no record ends." },
    { "reset_poll", PARAM_TIME, F(host_general_config, reset_poll), 10 * US, 1, SECOND, NULL, NULL,
      "Between two looks whether a reset is over." },
};

static const struct param tx_params[] = {
    { "ring", PARAM_U32, F(host_tx_config, ring), 1024, 2, 65536, NULL, NULL,
      "Descriptors of a transmit ring, a power of two." },
    { "queues", PARAM_U32, F(host_tx_config, queues), 0, 0, HOST_MAX_QUEUES, NULL, NULL,
      "Transmit rings used, at most as many as cores and as the card has; 0: as many as possible." },
    { "packet", PARAM_TIME, F(host_tx_config, packet), 40 * NS, 0, SECOND, NULL, NULL,
      "CPU time of a packet: choose the SA, write the descriptor." },
    { "frame", PARAM_TIME, F(host_tx_config, frame), 30 * NS, 0, SECOND, NULL, NULL,
      "Crypto offload: CPU time of headers, number and trailer of a packet." },
    { "reclaim", PARAM_TIME, F(host_tx_config, reclaim), 5 * NS, 0, SECOND, NULL, NULL,
      "CPU time of a transmit completion." },
    { "doorbell_batch", PARAM_U32, F(host_tx_config, doorbell_batch), 16, 1, 65536, NULL, NULL,
      "Descriptors after which the doorbell is rung at the latest." },
    { "doorbell_delay", PARAM_TIME, F(host_tx_config, doorbell_delay), 0, 0, SECOND, NULL, NULL,
      "How long a smaller batch may wait; 0: until no packet waits for the core." },
    { "backlog", PARAM_U32, F(host_tx_config, backlog), 4096, 1, 1u << 20, NULL, NULL,
      "Packets that may wait for a core; one more is dropped (host_backlog)." },
    { "no_match", PARAM_ENUM, F(host_tx_config, no_match), HOST_NO_MATCH_DROP, 0, 1, no_matches,
      NULL, "IP packets that no SA takes: dropped (no_selector) or sent unprotected." },
    { "tunnel_policy", PARAM_ENUM, F(host_tx_config, tunnel_policy), HOST_TUNNEL_NONE, 0, 1,
      tunnel_policies, NULL,
      "Tunnel SAs without selector take no clear packet, or the latest takes what no selector does." },
    { "sa", PARAM_U64, F(host_tx_config, sa), 0, 0, UINT64_MAX, NULL, NULL,
      "Recorded handle of the SA that takes every packet that no selector takes; 0: none." },
    { "nest", PARAM_BOOL, F(host_tx_config, nest), 0, 0, 1, NULL, NULL,
      "A packet that a transport and a tunnel selector match goes through both SAs." },
    { "signal", PARAM_ENUM, F(host_tx_config, signal), HOST_SIGNAL_INTERRUPT, 0, 1, signals, NULL,
      "How the host learns of transmit completions." },
    { "coalesce", PARAM_U32, F(host_tx_config, coalesce), 64, 1, 65536, NULL, NULL,
      "Completions an interrupt." },
    { "holdoff", PARAM_TIME, F(host_tx_config, holdoff), 10 * US, 0, SECOND, NULL, NULL,
      "Longest wait for them, and least time between two interrupts; whole ns." },
    { "done", PARAM_ENUM, F(host_tx_config, done), HOST_TX_DONE_EACH, 0, 2, tx_dones, NULL,
      "What the card writes of completed descriptors: an entry for each; an entry for every `report`th, which "
      "stands for those before it (RS bit); or only the number completed so far (head write-back)." },
    { "report", PARAM_U32, F(host_tx_config, report), 16, 1, 65536, NULL, NULL,
      "With report and head: every so many descriptors one asks to be reported." },
    { "done_batch", PARAM_U32, F(host_tx_config, done_batch), 1, 1, 64, NULL, NULL,
      "Completions that the card gathers for one DMA write (82599: 8, XL710: 4)." },
    { "done_wait", PARAM_TIME, F(host_tx_config, done_wait), 2 * US, 0, MS, NULL, NULL,
      "How long a completion waits for others; whole ns. None waits when nothing else is posted." },
    { "done_bytes", PARAM_BYTES, F(host_tx_config, done_bytes), 32, 16, 128, NULL, NULL,
      "Bytes of a completion entry: 16, 32, 64 or 128; in 16 there is no sequence number." },
    { "inline", PARAM_BYTES, F(host_tx_config, inline_bytes), 0, 0, 960, NULL, NULL,
      "Frames of at most so many bytes go with their descriptors, whose ring has room for them; at most "
      "what the card takes (card.dma.tx_inline); 0: none." },
    { "push", PARAM_BYTES, F(host_tx_config, push), 0, 0, 1024, NULL, NULL,
      "A doorbell for one descriptor writes it to the card instead, if the card has a window "
      "(card.dma.tx_push): up to so many bytes of descriptor, SA context and frame, or without the frame; "
      "64 is a descriptor alone; 0: never." },
    { "lso", PARAM_ENUM, F(host_tx_config, lso), HOST_LSO_OFF, 0, 2, lsos, NULL,
      "TCP frames longer than lso_mtu with what IPsec adds (host.memory.tx_buffer must hold them): "
      "sent as they are; cut by the card, where it can, else by the host; or always by the host." },
    { "lso_mtu", PARAM_BYTES, F(host_tx_config, lso_mtu), 1500, 256, 65535, NULL, NULL,
      "Longest IP packet that is not cut, and longest one of the segments with what IPsec adds." },
    { "segment", PARAM_TIME, F(host_tx_config, segment), 150 * NS, 0, SECOND, NULL, NULL,
      "CPU time of a segment that the host makes (headers, checksum, copy), beside that of a packet." },
};

static const struct param rx_params[] = {
    { "ring", PARAM_U32, F(host_rx_config, ring), 1024, 2, 65536, NULL, NULL,
      "Descriptors of a receive ring, a power of two." },
    { "queues", PARAM_U32, F(host_rx_config, queues), 0, 0, HOST_MAX_QUEUES, NULL, NULL,
      "Receive rings used, at most as many as the card has; 0: all of them." },
    { "packet", PARAM_TIME, F(host_rx_config, packet), 40 * NS, 0, SECOND, NULL, NULL,
      "CPU time of a received packet." },
    { "open", PARAM_TIME, F(host_rx_config, open), 30 * NS, 0, SECOND, NULL, NULL,
      "Crypto offload: CPU time of replay window, trailer and headers of a packet." },
    { "forward", PARAM_TIME, F(host_rx_config, forward), 20 * NS, 0, SECOND, NULL, NULL,
      "card.forward.path host: CPU time of a received packet for route, hop and frame, beside rx.packet before "
      "and tx.packet behind it." },
    { "budget", PARAM_U32, F(host_rx_config, budget), 64, 1, 65536, NULL, NULL,
      "Packets that a core receives, or sends, before it turns to the other direction." },
    { "refill", PARAM_U32, F(host_rx_config, refill), 32, 1, 65536, NULL, NULL,
      "Buffers given back with one doorbell; of a ring that has fewer, all of them." },
    { "signal", PARAM_ENUM, F(host_rx_config, signal), HOST_SIGNAL_INTERRUPT, 0, 1, signals, NULL,
      "How the host learns of received packets." },
    { "coalesce", PARAM_U32, F(host_rx_config, coalesce), 32, 1, 65536, NULL, NULL,
      "Packets an interrupt." },
    { "holdoff", PARAM_TIME, F(host_rx_config, holdoff), 5 * US, 0, SECOND, NULL, NULL,
      "Longest wait for them, and least time between two interrupts; whole ns." },
    { "done", PARAM_ENUM, F(host_rx_config, done), HOST_RX_DONE_EACH, 0, 1, rx_dones, NULL,
      "What the card writes of a received packet: an entry for each; or 64 bytes in front of the packet, and "
      "the number of packets so far (head write-back)." },
    { "done_batch", PARAM_U32, F(host_rx_config, done_batch), 1, 1, 64, NULL, NULL,
      "Completions that the card gathers for one DMA write." },
    { "done_wait", PARAM_TIME, F(host_rx_config, done_wait), 1 * US, 0, MS, NULL, NULL,
      "How long a completion waits for others; whole ns." },
    { "done_bytes", PARAM_BYTES, F(host_rx_config, done_bytes), 64, 32, 128, NULL, NULL,
      "Bytes of a completion entry: 32, 64 or 128; in 32 there is one handle and no sequence number." },
    { "unknown", PARAM_ENUM, F(host_rx_config, unknown), HOST_UNKNOWN_DELIVER, 0, 1, unknowns, NULL,
      "IPsec that neither card nor host can process: delivered as it is, or dropped." },
    { "esn_update", PARAM_ENUM, F(host_rx_config, esn_update), HOST_ESN_RECORDED, 0, 1, esn_updates,
      NULL,
      "Crypto offload, inbound: UPDATE_SA as recorded only, or made by the host near the end of a "
      "half." },
    { "esn_margin", PARAM_U32, F(host_rx_config, esn_margin), 32, 0, 1u << 30, NULL, NULL,
      "With automatic: numbers before the end of a half at which UPDATE_SA is sent." },
};

static const struct param oid_params[] = {
    { "ring", PARAM_U32, F(host_oid_config, ring), 256, 2, 65536, NULL, NULL,
      "Commands of the command ring, a power of two." },
    { "restore", PARAM_U32, F(host_oid_config, restore), 16, 1, 65536, NULL, NULL,
      "ADDs that are with the card at a time when all SAs are added again (card.sa.reset_wipes, host.failover); "
      "others may come between." },
    { "issue", PARAM_TIME, F(host_oid_config, issue), 500 * NS, 0, SECOND, NULL, NULL,
      "CPU time to build and post a command." },
    { "complete", PARAM_TIME, F(host_oid_config, complete), 300 * NS, 0, SECOND, NULL, NULL,
      "CPU time to take its completion." },
    { "event", PARAM_TIME, F(host_oid_config, event), 300 * NS, 0, SECOND, NULL, NULL,
      "CPU time to take an event of the card (card.sa.esn events, card.sa.table.round)." },
    { "event_delay", PARAM_TIME, F(host_oid_config, event_delay), 0, 0, 1000 * SECOND, NULL, NULL,
      "From the driver being told of an event until it works on it (a work queue), if it has no other; it works on one "
      "after the other, as mlx5's does." },
    { "drain_poll", PARAM_TIME, F(host_oid_config, drain_poll), 10 * MS, 1, SECOND, NULL, NULL,
      "Card with tables behind registers: between two looks whether the security blocks are empty, before "
      "the engines start or stop (Linux ixgbe: 10 ms, 20 times at most)." },
    { "store", PARAM_ENUM, F(host_oid_config, store), HOST_STORE_FLUSH, 0, 1, stores, NULL,
      "Card with tables behind registers, after the WRITE bit of an index register: flush (Linux ixgbe), or look there "
      "until it is clear, five times more at most (poll; DPDK ixgbe)." },
    { "store_wait", PARAM_TIME, F(host_oid_config, store_wait), MS, 1, SECOND, NULL, NULL,
      "poll: between two looks (DPDK ixgbe: 1 ms)." },
    { "signal", PARAM_ENUM, F(host_oid_config, signal), HOST_SIGNAL_INTERRUPT, 0, 1, signals, NULL,
      "How the host learns of command completions." },
    { "coalesce", PARAM_U32, F(host_oid_config, coalesce), 1, 1, 65536, NULL, NULL,
      "Completions an interrupt." },
    { "holdoff", PARAM_TIME, F(host_oid_config, holdoff), 0, 0, SECOND, NULL, NULL,
      "Longest wait for them, and least time between two interrupts; whole ns." },
};

static const struct param software_params[] = {
    { "packet", PARAM_TIME, F(host_software_config, packet), 400 * NS, 0, SECOND, NULL, NULL,
      "CPU time of IPsec in software, a packet." },
    { "byte", PARAM_TIME, F(host_software_config, byte), 250, 0, SECOND, NULL, NULL,
      "CPU time of IPsec in software, a byte." },
    { "keep", PARAM_ENUM, F(host_software_config, keep), HOST_KEEP_AUTO, 0, 3, keeps, NULL,
      "SAs on the card whose keys the host keeps, to take over in software what the card leaves alone; "
      "auto: inbound, and none in a timing-only run." },
    { "reassemblies", PARAM_U32, F(host_software_config, reassemblies), 64, 1, 4096, NULL, NULL,
      "Fragmented packets under reassembly at a time." },
    { "reassembly_timeout", PARAM_TIME, F(host_software_config, reassembly_timeout), SECOND, 1,
      100 * SECOND, NULL, NULL, "Simulated time after which an incomplete packet is given up." },
};

static const struct param memory_params[] = {
    { "rx_buffer", PARAM_BYTES, F(host_memory_config, rx_buffer), 16384, 256, 65536, NULL, NULL,
      "Size of a receive buffer." },
    { "tx_buffer", PARAM_BYTES, F(host_memory_config, tx_buffer), 16384, 1024, 131072, NULL, NULL,
      "Size of a transmit buffer; 512 bytes of it are room for IPsec." },
};

#define GROUP(path, help, member, params)                                                          \
    {                                                                                              \
        path, help, offsetof(struct host_config, member), params, PARAM_COUNT(params)              \
    }

const struct param_group host_param_groups[] = {
    GROUP("host", "Reference host: CPU and signalling.", general, general_params),
    GROUP("host.tx", "Transmit side of transport and driver.", tx, tx_params),
    GROUP("host.rx", "Receive side.", rx, rx_params),
    GROUP("host.oid", "Control requests.", oid, oid_params),
    GROUP("host.software", "IPsec in software.", software, software_params),
    GROUP("host.memory", "Packet buffers.", memory, memory_params),
};

const size_t host_param_group_count = sizeof host_param_groups / sizeof host_param_groups[0];

static bool power_of_two(uint32_t n)
{
    return n >= 2 && (n & (n - 1)) == 0;
}

static void at_least(uint32_t *value, uint32_t least)
{
    *value = *value < least ? least : *value;
}

static void at_most(uint32_t *value, uint32_t most)
{
    *value = *value > most ? most : *value;
}

/* An ideal host sees completions at once, without messages that would load the link, and has room in its
 * rings. It gives buffers back and rings doorbells in the same batches: those cost the link. */
void host_idealise(struct host_config *c)
{
    enum { RING = 1024 };

    if (!c->general.ideal) {
        return;
    }
    c->tx.signal = c->rx.signal = c->oid.signal = HOST_SIGNAL_POLL;
    c->tx.doorbell_delay = 0;
    at_least(&c->tx.ring, RING);
    at_least(&c->rx.ring, RING);
    at_least(&c->oid.ring, RING);
    at_most(&c->rx.refill, RING / 4);
    at_most(&c->tx.doorbell_batch, RING / 4);
}

static bool check_done_bytes(const char *path, uint64_t found, uint64_t least, char *error,
                             size_t error_size)
{
    bool good = found >= least && found <= 128 && (found & (found - 1)) == 0;

    if (!good) {
        snprintf(error, error_size, "%s: found %llu bytes, expected %s32, 64 or 128", path,
                 (unsigned long long)found, least == 16 ? "16, " : "");
    }
    return good;
}

static bool check_done(const struct host_config *config, char *error, size_t error_size)
{
    const struct host_tx_config *tx = &config->tx;

    if (tx->done == HOST_TX_DONE_REPORT && tx->done_bytes == 16) {
        snprintf(
            error, error_size,
            "host.tx.done_bytes: found 16, expected 32 or more: with host.tx.done report an entry "
            "says how many descriptors it stands for");
        return false;
    }
    return check_done_bytes("host.tx.done_bytes", tx->done_bytes, 16, error, error_size) &&
           check_done_bytes("host.rx.done_bytes", config->rx.done_bytes, 32, error, error_size);
}

bool host_config_check(const struct host_config *config, char *error, size_t error_size)
{
    const struct {
        const char *path;
        uint32_t value;
    } rings[] = { { "host.tx.ring", config->tx.ring },
                  { "host.rx.ring", config->rx.ring },
                  { "host.oid.ring", config->oid.ring } };

    for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        if (!power_of_two(rings[i].value)) {
            snprintf(error, error_size, "%s: found %u, expected a power of two", rings[i].path,
                     rings[i].value);
            return false;
        }
    }
    return check_done(config, error, error_size);
}
