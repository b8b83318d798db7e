/* The card, for clients inside this repository: what the public API (espnic.h) leaves out.
 * Preloading, statistics, snapshots, the search for the bottleneck. */
#ifndef ESPNIC_NIC_NIC_H
#define ESPNIC_NIC_NIC_H

#include "engine/account.h"
#include "engine/describe.h"
#include "engine/histogram.h"
#include "engine/snapshot.h"
#include "espnic.h"
#include "nic/drops.h"
#include "nic/routes.h"
#include "pcie_model/link.h"
#include "sa_table/cache.h"
#include "sa_table/capabilities.h"
#include "sa_table/table.h"

/* Counters of one direction. Frames and bytes at the wire side of the card are without FCS. */
struct nic_direction_stats {
    uint64_t packets_in; /* RX: frames complete on the wire; TX: descriptors whose frame was read */
    uint64_t bytes_in;
    uint64_t packets_out; /* RX: completions visible to the host; TX: frames whose last bit left */
    uint64_t bytes_out;
    uint64_t bytes_through; /* RX: bytes_in of the packets that came through; TX: bytes_out */
    uint64_t ipsec_passes;  /* AH or ESP headers processed */
    uint64_t bad_icv; /* ICVs that did not match, also where the packet went on (crypto offload) */
    uint64_t created; /* TX: segments of large sends beside the one that came in */
    uint64_t truncated; /* frames whose capture was cut short: content not processed */
    uint64_t drop[NIC_DROP_COUNT];
    uint64_t bypass[NIC_BYPASS_COUNT];
    uint64_t inside; /* in the card at the end; filled by nic_finish_stats */
};

/* Why the card asks the host to delete an SA (delete_request.c). */
enum nic_ask { NIC_ASK_NOT, NIC_ASK_ROOM, NIC_ASK_SOFT, NIC_ASK_SEQUENCE, NIC_ASKS };

/* Counters of one port. Drops: of packets that came in by it, and of those that were to leave by it. */
struct nic_port_stats {
    struct nic_port_direction_stats {
        uint64_t packets, bytes; /* on its wire; frames without FCS */
        uint64_t dropped;        /* by the card */
    } rx, tx;
};

/* Packets that turned round in the card. */
struct nic_forward_stats {
    uint64_t packets, encrypted;   /* of them, sent with an SA */
    uint64_t bytes_in, bytes;      /* frames as they came; as they went to the transmit side */
    uint64_t stay[NIC_STAY_COUNT]; /* went to the host instead */
};

/* Why gathered completions were written. */
enum nic_done_cause {
    NIC_DONE_FULL,
    NIC_DONE_WAITED,
    NIC_DONE_RING_END,
    NIC_DONE_NOTHING_LEFT,
    NIC_DONE_CAUSES
};

/* Descriptor rings. */
struct nic_ring_stats {
    uint64_t tx_done_writes, rx_done_writes;   /* DMA writes of completions */
    uint64_t tx_done_entries, rx_done_entries; /* completions in them */
    uint64_t done_cause[NIC_DONE_CAUSES];      /* of writes of gathered completions */
    uint64_t refused;                          /* settings that a ring could not take */
    uint64_t tx_inline;                        /* packets whose data came with the descriptor */
    uint64_t tx_pushed;                        /* descriptors taken from what the host wrote */
    uint64_t push_full, push_behind,
        push_long;                 /* not taken: no place, others first, too much data */
    uint64_t push_bad, push_again; /* no descriptor; written over what was there */
};

struct nic_stats {
    struct nic_direction_stats rx, tx;
    struct nic_port_stats port[NIC_MAX_PORTS];
    struct nic_forward_stats forward;
    struct nic_ring_stats rings;
    uint64_t replay[4];   /* enum replay_verdict of the check before the crypto */
    uint64_t replay_late; /* passed the check, failed at the update after the crypto */
    uint64_t context_hits, context_misses; /* of the context cache */
    uint64_t context_stores;           /* contexts of added SAs that went to the backing store */
    uint64_t context_passed;           /* packets that left sa_wait before one that came earlier */
    uint64_t prefetch_dropped;         /* no room in its queue, or for its request */
    uint64_t lso_frames, lso_segments; /* large sends that were cut, and into what */
    uint64_t lso_wraps; /* of them, where the lower half of the number wrapped inside */
    uint64_t doorbells, mmio_reads;
    uint64_t interrupts;
    uint64_t dma_failures; /* reads of host memory that failed, requests */
    uint64_t commands, command_nodes;
    uint64_t replay_overlaps; /* checked while another packet of the same SA was in the card */
    uint64_t delete_requests; /* received packets that left with SaDeleteReq */
    uint64_t asked[NIC_ASKS]; /* SaDeleteReq set, by reason */
    uint64_t soft_limits, hard_limits; /* lifetime limits reached */
    uint64_t ecn_marked, ecn_suspicious;
    struct nic_event_stats {
        uint64_t esn, limit;              /* raised */
        uint64_t unarmed;                 /* crossings that nobody was told of */
        uint64_t lost;                    /* no room on the card */
        uint64_t modified, armed, rounds; /* by the driver: scopes, arms of these, rounds added */
    } events;
    uint64_t sa_live, sa_peak;
    uint64_t sa_wiped; /* forgotten in resets */
};

/* A block of the card in the report: its issue-slot-cycles by state. */
struct nic_block_stats {
    char name[48];
    uint64_t slots; /* lanes times engines */
    uint64_t cycles[ACCOUNT_STATES];
    uint64_t items;
    const uint64_t *by_cause[2]; /* blocked by, waiting for: [block number] */
    uint64_t stall[PCIE_STALLS]; /* pcie_up: what it waited for */
};

enum { NIC_MAX_BLOCK_STATS = 96 };

/* Execute a command of the command queue now, at no cost and outside of time, as an experiment: `buffer` holds its
 * request and gets the handles. A DELETE is complete at once; packets in flight finish with the old keys. */
struct abi_command;
struct abi_command_completion;
void nic_command_at_once(struct espnic *card, const struct abi_command *command, uint8_t *buffer,
                         struct abi_command_completion *completion);

/* Install an SA before time starts, at no cost. False with the reason if the card refuses it. */
bool espnic_preload_add(struct espnic *card, const struct esp_node *node, uint64_t *handle,
                        enum sa_reason *reason);

/* Tables of a card that is programmed through registers. */
enum nic_table { NIC_TABLE_TX, NIC_TABLE_IP, NIC_TABLE_SPI, NIC_TABLE_KEY, NIC_TABLES };
enum { NIC_TABLE_WORDS = 6, NIC_TABLE_MAX = 1024 /* an index has 10 bits */ };

/* The same for such a card: what writing this entry would do. `words`: its data registers. */
void espnic_preload_entry(struct espnic *card, enum nic_table table, uint32_t index,
                          const uint32_t words[NIC_TABLE_WORDS]);
/* ... and its engines run. */
void espnic_preload_engines(struct espnic *card);

/* Counters as they stand. */
const struct nic_stats *nic_statistics(struct espnic *card);

/* ps, last bit in to last bit out, of packets that turned round in the card; NULL: it does not forward. */
const struct histogram *nic_forward_latency(const struct espnic *card);

/* Those of the SA table. */
const struct sa_table_stats *nic_table_statistics(const struct espnic *card);

/* Those of the cache of SA contexts; all 0 where there is none. */
const struct sa_cache_stats *nic_cache_statistics(const struct espnic *card);

/* Put every statistic of the card into the registry. `card` NULL: names and meanings only. */
void nic_register_stats(struct espnic *card, struct stat_registry *registry);

/* Bring all accounts up to the present; returns the number of blocks. Same order on every call. */
unsigned nic_block_accounts(struct espnic *card, struct nic_block_stats out[NIC_MAX_BLOCK_STATS]);
/* Share of the time that the PCIe link carried TLPs: direction 0 up (to the host), 1 down. */
double nic_pcie_busy(struct espnic *card, unsigned direction);
/* Payload bytes of TLPs in this direction. */
uint64_t nic_pcie_payload(const struct espnic *card, unsigned direction);
const char *nic_block_name(const struct espnic *card, unsigned block);

/* Packets inside, by direction. */
void nic_inside(const struct espnic *card, uint64_t *rx, uint64_t *tx);

/* Who waits for whom, a line a block, for a card that has packets and no events. Lines written. */
unsigned nic_explain_standstill(struct espnic *card, char *text, size_t size);

/* Do the card's books balance? False with a sentence. */
bool nic_check_books(struct espnic *card, char *error, size_t error_size);

/* A packet has passed a block: from the cycle it was taken to the one it left, picoseconds. */
struct nic_passage {
    const char *block; /* name */
    unsigned number;   /* of the block: below SCHED_MAX_BLOCKS */
    bool rx;
    uint64_t tag, begin_ps, end_ps;
    uint32_t bytes;
};
typedef void nic_passage_fn(void *self, const struct nic_passage *passage);

/* Call `fn` for every packet and block; for timelines. NULL: no more. */
void nic_trace(struct espnic *card, nic_passage_fn *fn, void *self);

void nic_register_state(struct espnic *card, struct snapshot *snap);

/* Cryptographic backend that really runs: "ipsec-mb", "openssl". */
const char *nic_backend(const struct espnic *card);

/* Events delivered so far, for reports on speed. */
uint64_t nic_events(const struct espnic *card);

#endif
