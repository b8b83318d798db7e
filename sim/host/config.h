/* Parameters of the reference host: groups "host", "host.tx", "host.rx", "host.oid",
 * "host.software" and "host.memory". Times are picoseconds of CPU work unless said otherwise. */
#ifndef ESPNIC_HOST_CONFIG_H
#define ESPNIC_HOST_CONFIG_H

#include "engine/describe.h"

enum { HOST_MAX_CORES = 64, HOST_MAX_QUEUES = 15 /* INT_ENABLE has no bit for more */ };

enum host_signal { HOST_SIGNAL_INTERRUPT, HOST_SIGNAL_POLL };
enum host_entry_store { HOST_STORE_FLUSH, HOST_STORE_POLL };
enum host_tx_done { HOST_TX_DONE_EACH, HOST_TX_DONE_REPORT, HOST_TX_DONE_HEAD };
enum host_rx_done { HOST_RX_DONE_EACH, HOST_RX_DONE_HEAD };
enum host_lso { HOST_LSO_OFF, HOST_LSO_CARD, HOST_LSO_SOFTWARE };
enum host_no_match { HOST_NO_MATCH_DROP, HOST_NO_MATCH_CLEAR };
enum host_tunnel_policy { HOST_TUNNEL_NONE, HOST_TUNNEL_LATEST };
enum host_esn_update { HOST_ESN_RECORDED, HOST_ESN_AUTOMATIC };
enum host_keep { HOST_KEEP_AUTO, HOST_KEEP_NONE, HOST_KEEP_INBOUND, HOST_KEEP_BOTH };
enum host_readd { HOST_READD_NEVER, HOST_READD_ON_USE };
enum host_failover { HOST_FAILOVER_KEEP, HOST_FAILOVER_READD };
enum host_unknown { HOST_UNKNOWN_DELIVER, HOST_UNKNOWN_DROP };

struct host_general_config {
    uint32_t cores;
    bool ideal; /* the CPU costs nothing */
    uint64_t seed;
    uint64_t interrupt;     /* message to first instruction of the handler */
    uint64_t poll;          /* busy polling: completion visible to seen */
    uint64_t mmio;          /* CPU time of a register write */
    uint64_t mmio_read;     /* of a register read, beside the round trip over the link */
    bool wc;                /* the card's window is write-combining; else 8-byte stores */
    uint64_t wc_line;       /* from line to line that leave a core */
    uint32_t wc_buffers;    /* lines that a core can hold */
    bool wc_pad;            /* the driver fills up the last line */
    uint64_t delete_delay;  /* SaDeleteReq seen to the first DELETE, and first DELETE to second */
    uint32_t readd;         /* enum host_readd */
    uint32_t readd_packets; /* carried in software before */
    uint64_t readd_pause;   /* ps since it left the card, or was refused */
    uint32_t failover;      /* enum host_failover: what a link that goes down means for SAs */
    uint64_t reset_hold;    /* a reset that no record ends */
    uint64_t reset_poll;    /* between two looks whether a reset is over */
};

struct host_tx_config {
    uint32_t ring, queues;
    uint64_t packet;  /* choose the SA, write the descriptor */
    uint64_t frame;   /* crypto offload: headers, number, trailer */
    uint64_t reclaim; /* a completion */
    uint32_t doorbell_batch;
    uint64_t doorbell_delay;
    uint32_t backlog;       /* packets that wait for a core, each core */
    uint32_t no_match;      /* enum host_no_match */
    uint32_t tunnel_policy; /* enum host_tunnel_policy */
    uint64_t sa;            /* recorded handle that takes what no selector took; 0: none */
    bool nest;              /* transport SA inside a tunnel SA where both match */
    uint32_t signal;        /* enum host_signal */
    uint32_t coalesce;
    uint64_t holdoff;      /* ps; the card counts whole ns */
    uint32_t done;         /* enum host_tx_done */
    uint32_t report;       /* every so many descriptors one asks to be reported */
    uint32_t done_batch;   /* completions a DMA write */
    uint64_t done_wait;    /* ps; whole ns */
    uint64_t done_bytes;   /* of an entry */
    uint64_t inline_bytes; /* longest frame that goes with its descriptor in the ring */
    uint64_t push;         /* longest descriptor, with its frame, that is written to the card */
    uint32_t lso;          /* enum host_lso */
    uint64_t lso_mtu;      /* longest IP packet that is not cut */
    uint64_t segment;      /* CPU time of a segment that the host makes */
};

struct host_rx_config {
    uint32_t ring, queues;
    uint64_t packet;  /* completion to delivery */
    uint64_t open;    /* crypto offload: window, trailer, headers */
    uint64_t forward; /* gateway: route, hop, rebuilt frame */
    uint32_t budget;  /* completions a poll */
    uint32_t refill;  /* buffers posted with one doorbell */
    uint32_t signal;  /* enum host_signal */
    uint32_t coalesce;
    uint64_t holdoff;
    uint32_t done; /* enum host_rx_done */
    uint32_t done_batch;
    uint64_t done_wait, done_bytes;
    uint32_t unknown;    /* enum host_unknown */
    uint32_t esn_update; /* enum host_esn_update */
    uint32_t esn_margin; /* numbers before the end of a half */
};

struct host_oid_config {
    uint32_t ring;
    uint32_t restore;     /* ADDs of a restoration that are with the card at a time */
    uint64_t issue;       /* build and post a command */
    uint64_t complete;    /* take its completion */
    uint64_t event;       /* take an event of the card, beside telling it so */
    uint64_t event_delay; /* from being told of an event to the driver's work on it */
    uint64_t drain_poll;  /* tables behind registers: between two looks whether a block is empty */
    uint32_t store;       /* enum host_entry_store */
    uint64_t store_wait;  /* ... between two looks whether an entry is stored */
    uint32_t signal;      /* enum host_signal */
    uint32_t coalesce;
    uint64_t holdoff;
};

struct host_software_config {
    uint64_t packet;
    uint64_t byte;               /* ps a byte of the packet */
    uint32_t keep;               /* enum host_keep */
    uint32_t reassemblies;       /* datagrams at a time */
    uint64_t reassembly_timeout; /* simulated time */
};

struct host_memory_config {
    uint64_t rx_buffer; /* bytes */
    uint64_t tx_buffer;
};

struct host_config {
    struct host_general_config general;
    struct host_tx_config tx;
    struct host_rx_config rx;
    struct host_oid_config oid;
    struct host_software_config software;
    struct host_memory_config memory;
};

extern const struct param_group host_param_groups[];
extern const size_t host_param_group_count;

/* With `host.ideal`: change what bounds the host beside the time of its CPU. */
void host_idealise(struct host_config *config);

/* What the tables cannot say (rings are powers of two). False with a sentence. */
bool host_config_check(const struct host_config *config, char *error, size_t error_size);

#endif
