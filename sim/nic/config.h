/* The description of a card. Every field has a descriptor in config.c: name, unit, range, meaning. */
#ifndef ESPNIC_NIC_CONFIG_H
#define ESPNIC_NIC_CONFIG_H

#include "engine/describe.h"
#include "nic/abi.h"
#include "pcie_model/link.h"
#include "sa_table/cache.h"
#include "sa_table/capabilities.h"
#include "sa_table/layout.h"
#include "sa_table/table.h"

enum { NIC_MAX_PORTS = 4, NIC_MAX_LANES = 4, NIC_MAX_ENGINES = 14, NIC_MAX_WAIT_QUEUES = 16 };

enum nic_offload { NIC_OFFLOAD_CRYPTO, NIC_OFFLOAD_PACKET };
enum nic_steering { NIC_STEER_SA, NIC_STEER_ARRIVAL };
enum nic_esn { NIC_ESN_HOST, NIC_ESN_INFERRED, NIC_ESN_EVENTS };
enum nic_storage { NIC_STORAGE_ON_CHIP, NIC_STORAGE_HOST_CACHE, NIC_STORAGE_CARD_CACHE };
enum nic_prefetch_tx { NIC_PREFETCH_NO_TX, NIC_PREFETCH_DESCRIPTOR, NIC_PREFETCH_RING };
enum nic_prefetch_rx { NIC_PREFETCH_NO_RX, NIC_PREFETCH_PARSER };
enum nic_order { NIC_ORDER_SA, NIC_ORDER_LANE };
enum nic_forward { NIC_FORWARD_NONE, NIC_FORWARD_HOST, NIC_FORWARD_HAIRPIN };
enum nic_forward_full { NIC_FORWARD_WAIT, NIC_FORWARD_DROP };

/* Blocks that card.ideal knows, in the order of nic_ideal_names. */
enum nic_ideal {
    NIC_IDEAL_WIRE,
    NIC_IDEAL_PARSER,
    NIC_IDEAL_SA_LOOKUP,
    NIC_IDEAL_REPLAY_CHECK,
    NIC_IDEAL_CRYPTO,
    NIC_IDEAL_REORDER,
    NIC_IDEAL_REPLAY_UPDATE,
    NIC_IDEAL_DECAPSULATE,
    NIC_IDEAL_RX_DMA,
    NIC_IDEAL_TX_DMA,
    NIC_IDEAL_SA_FETCH,
    NIC_IDEAL_SEQUENCE,
    NIC_IDEAL_ENCAPSULATE,
    NIC_IDEAL_SA_MEMORY,
    NIC_IDEAL_PCIE,
    NIC_IDEAL_COMMAND,
    NIC_IDEAL_FORWARD
};

struct nic_general {
    uint64_t clock;   /* core clock, millihertz */
    uint32_t offload; /* enum nic_offload */
    uint32_t ports, lanes;
    uint32_t steering; /* enum nic_steering */
    uint64_t bus;      /* bytes of a beat */
    uint32_t sync;     /* synchroniser edges of every clock crossing */
    uint64_t seed;
    char ideal[256];     /* names of blocks that are free: "crypto,pcie" */
    uint32_t ideal_mask; /* the same: bit enum nic_ideal; nic_idealise() makes it */
};

struct nic_mac_config {
    uint64_t rate;      /* bit/s of the wire */
    uint64_t rx_buffer; /* bytes, per port */
    uint64_t tx_buffer; /* the same, before the wire; 0: two of the longest frames, per lane */
    uint64_t mtu;       /* L3 bytes */
    uint64_t latency;   /* ps: PHY and PCS, each direction */
};

/* A plain pipeline stage. */
struct nic_stage_config {
    uint32_t interval; /* cycles a beat */
    uint32_t overhead; /* cycles a packet */
    uint32_t latency;  /* cycles */
    uint32_t depth;    /* beats of the channel behind it */
};

struct nic_sa_config {
    uint32_t storage;          /* enum nic_storage */
    uint32_t esn;              /* enum nic_esn */
    uint32_t delete_watermark; /* percent of the capacity, 0: no SaDeleteReq */
    uint64_t delete_idle;      /* ps: SaDeleteReq at the first packet after so long a pause */
    bool delete_on_soft;       /* SaDeleteReq at a soft lifetime limit */
    uint64_t delete_sequence;  /* SaDeleteReq with no more than so many numbers left, 0: never */
    uint64_t delete_again;     /* ps: from one SaDeleteReq of an SA to the next, 0: only one */
    bool reset_wipes;          /* the table does not survive a reset (O-26) */
    uint64_t context;          /* bytes */
    uint64_t memory;           /* bytes for all contexts, 0: the table has its own capacity */
    uint64_t context_bytes;    /* found by nic_config_check(): context, or what the layout needs */
    struct sa_layout layout;   /* likewise */
    bool lookup_port;          /* look-ups and commands share one port of the look-up memories */
    uint32_t lookup_pace;      /* cycles from one access of a command to the next */
    uint32_t rmw;              /* cycles between two updates of one SA */
    uint64_t miss_time;        /* ps: the card's own part of a miss */
    uint32_t mshrs_tx;         /* of card.sa.cache.mshrs, for packets to send alone */
    uint64_t memory_latency;   /* ps: card memory */
    uint64_t memory_rate;      /* bit/s: card memory */
    uint32_t wait_depth;       /* beats of packets that wait for their context */
    uint32_t wait_queues;      /* that they wait in, by SA */
    uint64_t host_base;        /* address of the backing store in host memory */
    uint64_t context_used;     /* bytes of it that a packet needs, from its beginning; 0: all */
    uint64_t context_written;  /* bytes of these that it changes, likewise; 0: all of these */
    uint32_t prefetch_tx;      /* enum nic_prefetch_tx */
    uint32_t prefetch_rx;      /* enum nic_prefetch_rx */
    uint32_t pinned;           /* places of the table whose contexts are pinned */
};

enum nic_class { /* what the crypto timing tells apart */
                 NIC_CLASS_GCM,
                 NIC_CLASS_CHACHA,
                 NIC_CLASS_CBC_ENC,
                 NIC_CLASS_CBC_DEC,
                 NIC_CLASS_CTR,
                 NIC_CLASS_3DES,
                 NIC_CLASS_HASH,
                 NIC_CLASS_COUNT
};

struct nic_crypto_config {
    uint64_t clock;    /* millihertz, 0: the core clock */
    uint32_t engines;  /* per lane and direction */
    uint32_t contexts; /* packets that one engine works on */
    uint64_t width;    /* bytes per cycle of a pipelined counter mode */
    uint32_t overhead; /* cycles a packet that nothing hides */
    uint32_t stages_per_round;
    uint32_t key_setup;                     /* 1: key expansion is paid per packet */
    uint32_t block_cycles[NIC_CLASS_COUNT]; /* serial modes: cycles a block */
    uint32_t order;                         /* enum nic_order */
    uint32_t depth;                         /* beats behind each engine */
};

struct nic_dma_config {
    uint32_t tx_queues, rx_queues;
    uint32_t tx_fetch;       /* descriptors a read */
    uint32_t tx_prefetch;    /* descriptors on the card, per queue */
    uint64_t tx_buffer;      /* bytes of packets being read, per card */
    uint32_t tx_outstanding; /* payload reads under way */
    uint64_t tx_inline;      /* bytes of a packet that can come with its descriptor */
    uint32_t tx_push;        /* descriptors written by the host that a queue holds */
    uint32_t rx_fetch;
    uint32_t rx_prefetch;
    uint64_t rx_buffer; /* bytes of packets being written, per lane */
    uint32_t latency;   /* cycles of the engine */
};

enum nic_rss_hash { NIC_RSS_MIXED, NIC_RSS_TOEPLITZ };

/* Bits of type_mask, IPv4; those of IPv6 are three places above. */
enum { NIC_RSS_IP = 1, NIC_RSS_TCP = 2, NIC_RSS_UDP = 4 };

struct nic_rss_config {
    uint32_t hash;      /* enum nic_rss_hash */
    char types[128];    /* "all", or a list of names */
    char key[128];      /* hexadecimal */
    uint32_t table;     /* entries of the indirection table */
    uint32_t type_mask; /* nic_config_check() makes these two */
    uint8_t key_bytes[40];
};

struct nic_command_config {
    uint32_t path;                /* enum nic_path */
    uint32_t depth;               /* commands under way */
    uint64_t add, update, remove; /* ps: work of the command processor, per node */
    uint64_t access;              /* ps: a read or write of an SA's state past the firmware */
    uint64_t table_write;         /* ps: registers: a store into a table, or a load */
    /* firmware */
    uint64_t least, median, p99, most;                       /* ps: a firmware command */
    uint32_t add_commands, update_commands, remove_commands; /* of them, per node */
    uint32_t limit;                                          /* commands posted and not completed */
    /* descriptor */
    uint64_t context; /* bytes behind each transmit descriptor */
    bool inbound;     /* there is a table for received packets */
};

/* The card in a gateway. What is said of the gateway holds for the reference host too, if it forwards. */
struct nic_forward_config {
    uint32_t path;     /* enum nic_forward */
    char routes[1024]; /* see nic_routes_parse */
    uint32_t vlan;     /* tag of frames that are forwarded in clear, 0: none */
    bool ttl;          /* a hop is taken from each packet */
    bool clear;        /* clear packets that no outbound SA takes are forwarded in clear */
    /* the card's stage, with NIC_FORWARD_HAIRPIN */
    struct nic_stage_config stage; /* `depth` follows from `buffer` */
    uint64_t buffer;               /* bytes before sa_fetch, for each pair of lanes */
    uint32_t full;                 /* enum nic_forward_full */
};

struct nic_algorithms {
    char encryption[192], authentication[192]; /* "all", "none" or lists of names */
    bool icv_8, icv_12, icv_16;                /* AEAD ICV lengths of the card */
    bool udp;                                  /* every kind of UDP encapsulation */
};

struct nic_config {
    struct nic_general general;
    struct nic_mac_config mac;
    struct nic_stage_config parser, lookup, replay, update, decapsulate;
    struct nic_stage_config fetch, sequence, encapsulate;
    struct nic_sa_config sa;
    struct sa_table_config table;
    struct sa_cache_config cache;
    struct sa_capabilities capabilities;
    struct nic_algorithms algorithms;
    struct nic_crypto_config crypto;
    struct nic_dma_config dma;
    struct nic_rss_config rss;
    struct nic_command_config command;
    struct nic_forward_config forward;
    struct pcie_config pcie;
};

/* Groups with offsets into struct nic_config; paths begin with "card". */
const struct param_group *nic_param_groups(size_t *count);

/* Fill in what follows from other fields and see that the card is possible. False with a sentence
 * in `error`, which begins with the path of the parameter ("card.crypto.engines: ..."). */
bool nic_config_check(struct nic_config *config, char *error, size_t error_size);

/* The cache with what follows from other parameters: the length of a line, the number of sets. */
struct sa_cache_config nic_cache_config(const struct nic_config *config);
/* Lines of a context that a packet needs, or changes. */
uint32_t nic_context_lines(const struct nic_config *config, bool changed);

/* Does the block take no time? */
static inline bool nic_is_ideal(const struct nic_config *config, enum nic_ideal block)
{
    return config->general.ideal_mask >> block & 1;
}

/* Read card.ideal, and change what bounds the blocks of card.ideal, beside the time that they take (ideal.c). */
void nic_idealise(struct nic_config *config);

/* Names that card.ideal knows, by enum nic_ideal, NULL-terminated. */
extern const char *const nic_ideal_names[];

#endif
