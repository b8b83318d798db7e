#include "nic/config.h"

#include "espnic.h"
#include "nic/routes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MHZ  1000000000ull
#define GBPS 1000000000ull
#define NS   1000ull
#define KIB  1024ull

#define LONGEST (1000000000ull * NS)

static const char *const offloads[] = { "crypto", "packet", NULL };
static const char *const steerings[] = { "sa", "arrival", NULL };
static const char *const esns[] = { "host", "inferred", "events", NULL };
static const char *const storages[] = { "on-chip", "host-cache", "card-cache", NULL };
static const char *const tx_prefetches[] = { "none", "descriptor", "ring", NULL };
static const char *const rx_prefetches[] = { "none", "parser", NULL };
static const char *const orders[] = { "sa", "lane", NULL };
static const char *const forwards[] = { "none", "host", "hairpin", NULL };
static const char *const fulls[] = { "wait", "drop", NULL };
static const char *const paths[] = { "queue", "registers", "firmware", "descriptor", NULL };

const char *const nic_ideal_names[] = { "wire",        "parser",    "sa_lookup",     "replay_check",
                                        "crypto",      "reorder",   "replay_update", "decapsulate",
                                        "rx_dma",      "tx_dma",    "sa_fetch",      "sequence",
                                        "encapsulate", "sa_memory", "pcie",          "command",
                                        "forward",     NULL };

#define F(type, field) PARAM_FIELD(struct type, field)

static const struct param general[] = {
    { "clock", PARAM_FREQ, F(nic_general, clock), 500 * MHZ, MHZ, 10000 * MHZ, NULL, NULL,
      "Core clock: every block but wire, PCIe link and (if set apart) crypto." },
    { "offload", PARAM_ENUM, F(nic_general, offload), NIC_OFFLOAD_PACKET, 0, 1, offloads, NULL,
      "crypto: the host frames, numbers and checks replay (IPsecOV2); packet: the card does." },
    { "ports", PARAM_U32, F(nic_general, ports), 1, 1, NIC_MAX_PORTS, NULL, NULL, "Wire ports." },
    { "lanes", PARAM_U32, F(nic_general, lanes), 1, 1, NIC_MAX_LANES, NULL, NULL,
      "Copies of the data path, each a bus wide, in each direction." },
    { "steering", PARAM_ENUM, F(nic_general, steering), NIC_STEER_SA, 0, 1, steerings, NULL,
      "How packets are given to lanes: by SA (order within an SA is kept) or in turn." },
    { "bus", PARAM_BYTES, F(nic_general, bus), 64, 8, 512, NULL, NULL, "Bytes of a beat." },
    { "sync", PARAM_U32, F(nic_general, sync), 2, 1, 8, NULL, NULL,
      "Edges that a clock crossing takes." },
    { "seed", PARAM_U64, F(nic_general, seed), 1, 0, UINT64_MAX, NULL, NULL,
      "Seed of the card's random streams (CBC IVs, random replacement)." },
    { "ideal", PARAM_STRING, F(nic_general, ideal), 0, 0, 0, NULL, "",
      "Blocks that take no time and have no limit, for experiments: names separated by commas." },
};

static const struct param mac[] = {
    { "rate", PARAM_RATE, F(nic_mac_config, rate), 100 * GBPS, 1000000, 1600 * GBPS, NULL, NULL,
      "Bit rate of each port's wire." },
    { "rx_buffer", PARAM_BYTES, F(nic_mac_config, rx_buffer), 256 * KIB, 16 * KIB, 64 * KIB *KIB,
      NULL, NULL, "Receive buffer of each port; a frame that finds no room is dropped." },
    { "tx_buffer", PARAM_BYTES, F(nic_mac_config, tx_buffer), 0, 0, 64 * KIB *KIB, NULL, NULL,
      "Frames that wait for the wire of each port, shared out to the lanes; a lane whose next frame finds no room "
      "holds up those behind it, for other ports too. 0, and at least: two of the longest frames a lane." },
    { "mtu", PARAM_BYTES, F(nic_mac_config, mtu), 9000, 576, 65535, NULL, NULL,
      "Longest IP packet that may be sent." },
    { "latency", PARAM_TIME, F(nic_mac_config, latency), 100 * NS, 0, 100000 * NS, NULL, NULL,
      "PHY and PCS, each direction." },
};

#define STAGE(beat, packet, pipe, behind)                                                          \
    {                                                                                              \
        { "interval", PARAM_U32,       F(nic_stage_config, interval), beat, 1, 1024, NULL,         \
          NULL,       "Cycles a beat." },                                                          \
            { "overhead", PARAM_U32, F(nic_stage_config, overhead),       packet, 0, 65535,        \
              NULL,       NULL,      "Cycles a packet, beside its beats." },                       \
            { "latency", PARAM_U32, F(nic_stage_config, latency),  pipe, 0, 65535,                 \
              NULL,      NULL,      "Cycles through the pipeline." },                              \
            { "depth", PARAM_U32, F(nic_stage_config, depth),       behind, 2, 65536,              \
              NULL,    NULL,      "Beats of the channel behind it." },                             \
    }

static const struct param parser[] = STAGE(1, 0, 8, 64);
static const struct param lookup[] = STAGE(1, 0, 12, 64);
static const struct param replay[] = STAGE(1, 0, 4, 64);
static const struct param update[] = STAGE(1, 0, 4, 64);
static const struct param decapsulate[] = STAGE(1, 0, 4, 256);
static const struct param fetch[] = STAGE(1, 0, 12, 64);
static const struct param sequence[] = STAGE(1, 0, 4, 64);
static const struct param encapsulate[] = STAGE(1, 0, 6, 64);

static const struct param sa[] = {
    { "storage", PARAM_ENUM, F(nic_sa_config, storage), NIC_STORAGE_ON_CHIP, 0, 2, storages, NULL,
      "Where contexts are: on the chip, or behind a cache in host memory or card memory." },
    { "esn", PARAM_ENUM, F(nic_sa_config, esn), NIC_ESN_INFERRED, 0, 2, esns, NULL,
      "Who advances the upper half: the host by UPDATE_SA; the card (RFC 4303 appendix A); or the driver, which the "
      "card tells of every 2^31 numbers, with an overlap bit that lets it be late (mlx5); with card.offload crypto it "
      "sees that by itself." },
    { "delete_watermark", PARAM_U32, F(nic_sa_config, delete_watermark), 0, 0, 100, NULL, NULL,
      "From this percentage of the capacity on the card asks the host to delete inbound SAs as their packets come "
      "(SaDeleteReq); with delete_idle only those that were idle; 0: never." },
    { "delete_idle", PARAM_TIME, F(nic_sa_config, delete_idle), 0, 0, LONGEST, NULL, NULL,
      "The card asks at the first packet of an SA after a pause of at least this; 0: never for that reason." },
    { "delete_on_soft", PARAM_BOOL, F(nic_sa_config, delete_on_soft), 0, 0, 1, NULL, NULL,
      "The card asks when an inbound SA reaches a soft lifetime limit." },
    { "delete_sequence", PARAM_U64, F(nic_sa_config, delete_sequence), 0, 0, UINT64_MAX, NULL, NULL,
      "The card asks when an inbound SA has no more than so many sequence numbers left; 0: never." },
    { "delete_again", PARAM_TIME, F(nic_sa_config, delete_again), 0, 0, LONGEST, NULL, NULL,
      "From one SaDeleteReq of an SA to the next, while it is not deleted and the reason lasts (O-15); 0: one only." },
    { "reset_wipes", PARAM_BOOL, F(nic_sa_config, reset_wipes), 0, 0, 1, NULL, NULL,
      "A reset (recorded, or faults.reset) makes the card forget all SAs, which it reports, and the host adds them "
      "again (O-26); false: they are there afterwards. Tables behind registers survive, and their driver rewrites "
      "them." },
    { "context", PARAM_BYTES, F(nic_sa_config, context), 0, 0, 4096, NULL, NULL,
      "Bytes of one SA context in storage, at least 16; 0: what card.algorithms and card.capabilities need (keys expanded "
      "at ADD unless card.crypto.key_setup is 1), in steps of 64." },
    { "lookup_port", PARAM_BOOL, F(nic_sa_config, lookup_port), 0, 0, 1, NULL, NULL,
      "Look-ups and commands share one port of the look-up memories (card.sa.table.organisation); false: neither "
      "waits for the other." },
    { "lookup_pace", PARAM_U32, F(nic_sa_config, lookup_pace), 2, 1, 1024, NULL, "cycles",
      "From one access of a command to the look-up memories to the next." },
    { "rmw", PARAM_U32, F(nic_sa_config, rmw), 4, 1, 4096, NULL, NULL,
      "Cycles from one update of an SA's numbers to the next of the same SA." },
    { "miss_time", PARAM_TIME, F(nic_sa_config, miss_time), 0, 0, 1000000 * NS, NULL, NULL,
      "What the card itself takes for a miss, beside the fetch: from the context being there to its use. Its MSHR is "
      "taken that long." },
    { "mshrs_tx", PARAM_U32, F(nic_sa_config, mshrs_tx), 0, 0, 65535, NULL, NULL,
      "MSHRs that received packets leave to packets to send, so that what has been received gets out." },
    { "memory_latency", PARAM_TIME, F(nic_sa_config, memory_latency), 200 * NS, 0, 1000000 * NS,
      NULL, NULL, "Card memory: from request to data." },
    { "memory_rate", PARAM_RATE, F(nic_sa_config, memory_rate), 200 * GBPS, 1000000, 100000 * GBPS,
      NULL, NULL, "Card memory: bandwidth for contexts." },
    { "wait_depth", PARAM_U32, F(nic_sa_config, wait_depth), 1024, 256, 65536, NULL, NULL,
      "Beats of packets that may wait for their contexts, per lane and direction." },
    { "wait_queues", PARAM_U32, F(nic_sa_config, wait_queues), 1, 1, NIC_MAX_WAIT_QUEUES, NULL,
      NULL,
      "Queues that they wait in, by a hash of the SA, each with its share of wait_depth: a packet whose context is there "
      "passes those of other queues. 1: in order." },
    { "memory", PARAM_BYTES, F(nic_sa_config, memory), 0, 0, 1ull << 40, NULL, NULL,
      "Memory for contexts, which says how many SAs there can be (of context bytes each); 0: card.sa.table.capacity does." },
    { "host_base", PARAM_U64, F(nic_sa_config, host_base), 1ull << 40, 0, UINT64_MAX >> 1, NULL,
      NULL, "Address of the backing store in host memory." },
    { "context_used", PARAM_BYTES, F(nic_sa_config, context_used), 0, 0, 4096, NULL, NULL,
      "Bytes of a context, from its beginning, that a packet needs: its other lines are not fetched; 0: all." },
    { "context_written", PARAM_BYTES, F(nic_sa_config, context_written), 0, 0, 4096, NULL, NULL,
      "Bytes of these, from the beginning, that a packet changes: their lines become dirty; 0: all of these." },
};

/* Of the context cache, beside sa_cache_params. */
static const struct param cache_use[] = {
    { "prefetch_tx", PARAM_ENUM, F(nic_sa_config, prefetch_tx), NIC_PREFETCH_NO_TX, 0, 2,
      tx_prefetches, NULL,
      "Fetch the context of a packet to send ahead: when its payload is asked for (descriptor), or when its "
      "descriptor has come (ring)." },
    { "prefetch_rx", PARAM_ENUM, F(nic_sa_config, prefetch_rx), NIC_PREFETCH_NO_RX, 0, 1,
      rx_prefetches, NULL,
      "Fetch the context of a received packet ahead: when the parser passes it on. Of use where packets queue before "
      "sa_lookup; else the look-up asks as soon." },
    { "pinned", PARAM_U32, F(nic_sa_config, pinned), 0, 0, UINT32_MAX, NULL, NULL,
      "SAs whose contexts stay in the cache once they are there: those of the first places of the table." },
};

static const struct param algorithms[] = {
    { "encryption", PARAM_STRING, F(nic_algorithms, encryption), 0, 0, 0, NULL, "all",
      "Ciphers: all, none, or names of the recording format separated by commas." },
    { "authentication", PARAM_STRING, F(nic_algorithms, authentication), 0, 0, 0, NULL, "all",
      "Integrity algorithms, likewise; no-icv stands for a cipher without one." },
    { "icv_8", PARAM_BOOL, F(nic_algorithms, icv_8), 1, 0, 1, NULL, NULL, "AEAD ICVs of 8 bytes." },
    { "icv_12", PARAM_BOOL, F(nic_algorithms, icv_12), 1, 0, 1, NULL, NULL,
      "AEAD ICVs of 12 bytes." },
    { "icv_16", PARAM_BOOL, F(nic_algorithms, icv_16), 1, 0, 1, NULL, NULL,
      "AEAD ICVs of 16 bytes." },
    { "udp", PARAM_BOOL, F(nic_algorithms, udp), 1, 0, 1, NULL, NULL,
      "UDP encapsulation, every kind." },
};

#define BLOCK_CYCLES(name, class, cycles, what)                                                    \
    {                                                                                              \
        name, PARAM_U32, F(nic_crypto_config, block_cycles[class]), cycles, 0, 4096, NULL, NULL,   \
            what                                                                                   \
    }

static const struct param crypto[] = {
    { "clock", PARAM_FREQ, F(nic_crypto_config, clock), 0, 0, 10000 * MHZ, NULL, NULL,
      "Clock of the engines; 0: the core clock." },
    { "engines", PARAM_U32, F(nic_crypto_config, engines), 1, 1, NIC_MAX_ENGINES, NULL, NULL,
      "Engines of each lane and direction." },
    { "contexts", PARAM_U32, F(nic_crypto_config, contexts), 1, 1, NIC_MAX_ENGINES, NULL, NULL,
      "Packets that one engine works on at a time (serial modes interleave)." },
    { "width", PARAM_BYTES, F(nic_crypto_config, width), 64, 1, 512, NULL, NULL,
      "Bytes a cycle of a pipelined counter mode." },
    { "overhead", PARAM_U32, F(nic_crypto_config, overhead), 1, 0, 1024, NULL, NULL,
      "Cycles a packet that the pipeline cannot hide." },
    { "stages_per_round", PARAM_U32, F(nic_crypto_config, stages_per_round), 1, 1, 8, NULL, NULL,
      "Pipeline registers of an AES round: with the rounds, the latency." },
    { "key_setup", PARAM_U32, F(nic_crypto_config, key_setup), 0, 0, 64, NULL, NULL,
      "Cycles a packet for key expansion; 0: round keys are stored with the SA." },
    BLOCK_CYCLES("gcm_block", NIC_CLASS_GCM, 0,
                 "AES-GCM, GMAC: cycles a 16-byte block of an iterative core; 0: pipelined."),
    BLOCK_CYCLES("chacha_block", NIC_CLASS_CHACHA, 0,
                 "ChaCha20-Poly1305: cycles a 64-byte block; 0: pipelined."),
    BLOCK_CYCLES("cbc_encrypt_block", NIC_CLASS_CBC_ENC, 11,
                 "AES-CBC encryption: cycles a 16-byte block, serial within a packet."),
    BLOCK_CYCLES("cbc_decrypt_block", NIC_CLASS_CBC_DEC, 0,
                 "AES-CBC decryption: cycles a block; 0: pipelined."),
    BLOCK_CYCLES("ctr_block", NIC_CLASS_CTR, 0, "AES-CTR and CCM's cipher; 0: pipelined."),
    BLOCK_CYCLES("des_block", NIC_CLASS_3DES, 16,
                 "DES: cycles an 8-byte block; 3DES takes three times as many."),
    BLOCK_CYCLES("hash_block", NIC_CLASS_HASH, 65,
                 "HMAC: cycles a block of 64 bytes (SHA-384, SHA-512: 128 bytes), serial."),
    { "order", PARAM_ENUM, F(nic_crypto_config, order), NIC_ORDER_SA, 0, 1, orders, NULL,
      "What must come out in order: the packets of an SA, or all of a lane." },
    { "depth", PARAM_U32, F(nic_crypto_config, depth), 256, 32, 65536, NULL, NULL,
      "Beats of the channel behind each engine." },
};

static const struct param dma[] = {
    { "tx_queues", PARAM_U32, F(nic_dma_config, tx_queues), 1, 1, 16, NULL, NULL,
      "Transmit queues." },
    { "rx_queues", PARAM_U32, F(nic_dma_config, rx_queues), 1, 1, 16, NULL, NULL,
      "Receive queues." },
    { "tx_fetch", PARAM_U32, F(nic_dma_config, tx_fetch), 8, 1, 64, NULL, NULL,
      "Transmit descriptors a read." },
    { "tx_prefetch", PARAM_U32, F(nic_dma_config, tx_prefetch), 64, 1, 1024, NULL, NULL,
      "Transmit descriptors held on the card, per queue." },
    { "tx_buffer", PARAM_BYTES, F(nic_dma_config, tx_buffer), 128 * KIB, 64 * KIB, 64 * KIB *KIB,
      NULL, NULL, "Packets on their way from host memory." },
    { "tx_outstanding", PARAM_U32, F(nic_dma_config, tx_outstanding), 128, 1, 4096, NULL, NULL,
      "Payload reads under way." },
    { "tx_inline", PARAM_BYTES, F(nic_dma_config, tx_inline), 0, 0, 960, NULL, NULL,
      "Bytes of a packet that can come with its descriptor, in the ring or written by the host; a "
      "multiple of 16; 0: none." },
    { "tx_push", PARAM_U32, F(nic_dma_config, tx_push), 0, 0, 1024, NULL, NULL,
      "Descriptors that the host may write to the card (window TX_PUSH) and a queue holds until they "
      "are used; more are read from the ring; 0: there is no such window." },
    { "rx_fetch", PARAM_U32, F(nic_dma_config, rx_fetch), 32, 1, 256, NULL, NULL,
      "Receive descriptors a read." },
    { "rx_prefetch", PARAM_U32, F(nic_dma_config, rx_prefetch), 256, 1, 4096, NULL, NULL,
      "Receive descriptors held on the card, per queue." },
    { "rx_buffer", PARAM_BYTES, F(nic_dma_config, rx_buffer), 64 * KIB, 16 * KIB, 64 * KIB *KIB,
      NULL, NULL, "Packets on their way to host memory, per lane." },
    { "latency", PARAM_U32, F(nic_dma_config, latency), 10, 1, 4096, NULL, NULL,
      "Cycles of the DMA engine from packet to request." },
};

static const char *const rss_hashes[] = { "mixed", "toeplitz", NULL };

static const struct param rss[] = {
    { "hash", PARAM_ENUM, F(nic_rss_config, hash), NIC_RSS_MIXED, 0, 1, rss_hashes, NULL,
      "How received packets are spread over the queues in use: their addresses through a mixing "
      "function, modulo the queues; or the Toeplitz hash and a table, as Microsoft's RSS has it." },
    { "types", PARAM_STRING, F(nic_rss_config, types), 0, 0, 0, NULL, "all",
      "toeplitz: what is hashed: all, or of ipv4, tcp-ipv4, udp-ipv4, ipv6, tcp-ipv6, udp-ipv6, "
      "separated by commas; tcp and udp are addresses and ports, after decryption." },
    { "key", PARAM_STRING, F(nic_rss_config, key), 0, 0, 0, NULL,
      "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa",
      "toeplitz: the secret key, 40 bytes; the default is that of Microsoft's verification suite." },
    { "table", PARAM_U32, F(nic_rss_config, table), 128, 1, 4096, NULL, NULL,
      "toeplitz: entries of the indirection table, a power of two; queues stand in it in turn." },
};

static const struct param command[] = {
    { "path", PARAM_ENUM, F(nic_command_config, path), NIC_PATH_QUEUE, 0, 3, paths, NULL,
      "How SAs get to the card: command queue; tables behind registers (82599); queue served by a firmware "
      "(mlx5); in every transmit descriptor, with the queue for what is received (T6)." },
    { "depth", PARAM_U32, F(nic_command_config, depth), 16, 1, 256, NULL, NULL,
      "Commands under way on the card." },
    { "add", PARAM_TIME, F(nic_command_config, add), 2000 * NS, 0, 1000000000ull * NS, NULL, NULL,
      "Work of the command processor for a node of ADD." },
    { "update", PARAM_TIME, F(nic_command_config, update), 500 * NS, 0, 1000000000ull * NS, NULL,
      NULL, "Work for UPDATE." },
    { "remove", PARAM_TIME, F(nic_command_config, remove), 1000 * NS, 0, 1000000000ull * NS, NULL,
      NULL, "Work for a node of DELETE." },
    { "access", PARAM_TIME, F(nic_command_config, access), 1000 * NS, 0, 1000000000ull * NS, NULL,
      NULL,
      "Reading or arming the state of an SA after an event (mlx5: ASO), which no firmware serves (assumed; not "
      "published)." },
    { "table_write", PARAM_TIME, F(nic_command_config, table_write), 100 * NS, 0,
      1000000000ull * NS, NULL, NULL,
      "registers: from the WRITE bit of an index register to the entry being stored (assumed; not "
      "published)." },
    { "least", PARAM_TIME, F(nic_command_config, least), 150000 * NS, 0, LONGEST, NULL, NULL,
      "firmware: the shortest firmware command." },
    { "median", PARAM_TIME, F(nic_command_config, median), 195000 * NS, 0, LONGEST, NULL, NULL,
      "firmware: half of the commands take at most this; registering memory with mlx5 takes 160 to 230 us a "
      "command." },
    { "p99", PARAM_TIME, F(nic_command_config, p99), 250000 * NS, 0, LONGEST, NULL, NULL,
      "firmware: 99 % of the commands take at most this." },
    { "most", PARAM_TIME, F(nic_command_config, most), 500000 * NS, 0, LONGEST, NULL, NULL,
      "firmware: the longest command. Between these four the distribution is linear." },
    { "add_commands", PARAM_U32, F(nic_command_config, add_commands), 2, 1, 64, NULL, NULL,
      "firmware: commands for a node of ADD (mlx5: key and IPsec object)." },
    { "update_commands", PARAM_U32, F(nic_command_config, update_commands), 2, 1, 64, NULL, NULL,
      "firmware: commands for UPDATE (mlx5: query and modify)." },
    { "remove_commands", PARAM_U32, F(nic_command_config, remove_commands), 2, 1, 64, NULL, NULL,
      "firmware: commands for a node of DELETE." },
    { "limit", PARAM_U32, F(nic_command_config, limit), 32, 1, 65535, NULL, NULL,
      "firmware: requests that may be with the card; the host holds the others back (mlx5: 32 entries)." },
    { "context", PARAM_BYTES, F(nic_command_config, context), 80, 64, 256, NULL, NULL,
      "descriptor: bytes of SA context behind the 64 of every transmit descriptor, a multiple of 16: 24 of "
      "its head, 16 of the hash key (T6), then the keys." },
    { "inbound", PARAM_BOOL, F(nic_command_config, inbound), 0, 0, 1, NULL, NULL,
      "descriptor: the card has a table of SAs for received packets; else the host decrypts." },
};

static const struct param forward[] = {
    { "path", PARAM_ENUM, F(nic_forward_config, path), NIC_FORWARD_NONE, 0, 2, forwards, NULL,
      "Received packets that a route leads on: none: they end in the host's stack; host: its cores send them "
      "on, so that each crosses PCIe twice; hairpin: the card sends them on by itself." },
    { "routes", PARAM_STRING, F(nic_forward_config, routes), 0, 0, 0, NULL, "default=other",
      "Longest prefix of the clear packet's destination: PREFIX=PORT, separated by spaces or commas. PREFIX: "
      "10.1.0.0/16, fd00::/8, default. PORT: a number, other (the other of ports 0 and 1, 2 and 3), same, "
      "host (not forwarded)." },
    { "vlan", PARAM_U32, F(nic_forward_config, vlan), 0, 0, 4094, NULL, NULL,
      "VLAN of frames that are forwarded in clear, 0: no tag. Tags of received frames end with the frame." },
    { "ttl", PARAM_BOOL, F(nic_forward_config, ttl), 1, 0, 1, NULL, NULL,
      "As a router: a hop less in each packet, none left: to the host." },
    { "clear", PARAM_BOOL, F(nic_forward_config, clear), 0, 0, 1, NULL, NULL,
      "Packets that came in clear and that no outbound SA takes: forwarded in clear, or left to the host. Those "
      "that came out of an SA go on in clear in any case." },
    { "interval", PARAM_U32, F(nic_forward_config, stage.interval), 1, 1, 1024, NULL, NULL,
      "hairpin: cycles a beat." },
    { "overhead", PARAM_U32, F(nic_forward_config, stage.overhead), 0, 0, 65535, NULL, NULL,
      "hairpin: cycles a packet, beside its beats." },
    { "latency", PARAM_U32, F(nic_forward_config, stage.latency), 12, 0, 65535, NULL, NULL,
      "hairpin: cycles of the look-up of rule and route." },
    { "buffer", PARAM_BYTES, F(nic_forward_config, buffer), 32 * KIB, 16 * KIB, 4096 * KIB, NULL,
      NULL, "hairpin: packets that wait for the transmit side, for each pair of lanes." },
    { "full", PARAM_ENUM, F(nic_forward_config, full), NIC_FORWARD_WAIT, 0, 1, fulls, NULL,
      "hairpin: a packet that finds no room there waits (then the receive buffer overflows at the wire: "
      "rx_overflow), or is dropped (forward_full)." },
};

#define GROUP(path, help, field, table)                                                            \
    {                                                                                              \
        path, help, offsetof(struct nic_config, field), table, PARAM_COUNT(table)                  \
    }

static struct param_group groups[] = {
    GROUP("card", "The card as a whole.", general, general),
    GROUP("card.mac", "Wire ports.", mac, mac),
    GROUP("card.parser", "RX: parser.", parser, parser),
    GROUP("card.sa_lookup", "RX: SA look-up.", lookup, lookup),
    GROUP("card.replay_check", "RX: replay check before the crypto.", replay, replay),
    GROUP("card.replay_update", "RX: replay check and update after it.", update, update),
    GROUP("card.decapsulate", "RX: decapsulation.", decapsulate, decapsulate),
    GROUP("card.sa_fetch", "TX: SA fetch.", fetch, fetch),
    GROUP("card.sequence", "TX: numbering.", sequence, sequence),
    GROUP("card.encapsulate", "TX: encapsulation.", encapsulate, encapsulate),
    GROUP("card.sa", "SA contexts.", sa, sa),
    GROUP("card.sa.cache", "Use of the cache of SA contexts.", sa, cache_use),
    GROUP("card.algorithms", "What the card can process.", algorithms, algorithms),
    GROUP("card.crypto", "Crypto engines, of each direction.", crypto, crypto),
    GROUP("card.dma", "Rings and DMA engines.", dma, dma),
    GROUP("card.rss", "Receive side scaling: which queue a packet goes to.", rss, rss),
    GROUP("card.command", "Command processor.", command, command),
    GROUP("card.forward", "Forwarding: the card in a gateway.", forward, forward),
    { "card.sa.table", "SA table.", offsetof(struct nic_config, table), sa_table_params, 0 },
    { "card.sa.cache", "Cache of SA contexts.", offsetof(struct nic_config, cache), sa_cache_params,
      0 },
    { "card.capabilities", "What the card reports and accepts.",
      offsetof(struct nic_config, capabilities), sa_capabilities_params, 0 },
    { "card.pcie", "PCIe link.", offsetof(struct nic_config, pcie), pcie_params, 0 },
    { "card.pcie.host", "Memory behind the PCIe root complex.",
      offsetof(struct nic_config, pcie.host), pcie_memory_params, 0 },
};

const struct param_group *nic_param_groups(size_t *count)
{
    size_t n = PARAM_COUNT(groups);

    /* tables of other modules: their lengths are not constant expressions here */
    groups[n - 5].count = sa_table_param_count;
    groups[n - 4].count = sa_cache_param_count;
    groups[n - 3].count = sa_capabilities_param_count;
    groups[n - 2].count = pcie_param_count;
    groups[n - 1].count = pcie_memory_param_count;
    *count = n;
    return groups;
}

__attribute__((format(printf, 3, 4))) static bool refuse(char *error, size_t error_size,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return false;
}

struct nic_config *espnic_config_create(void)
{
    struct nic_config *config = calloc(1, sizeof *config);
    size_t n;
    const struct param_group *all = nic_param_groups(&n);

    if (config) {
        param_set_defaults(config, all, n);
    }
    return config;
}

void espnic_config_destroy(struct nic_config *config)
{
    free(config);
}

bool espnic_config_set(struct nic_config *config, const char *path, const char *value, char *error,
                       size_t error_size)
{
    size_t n;
    const struct param_group *all = nic_param_groups(&n);
    const struct param_group *group;
    const char *nearest;
    const struct param *param = param_find(all, n, path, &group, &nearest);
    char why[256];

    if (!param) {
        return refuse(error, error_size, "unknown parameter %s; the nearest is %s", path, nearest);
    }
    return param_parse(param, (char *)config + group->offset, value, why, sizeof why) ||
           refuse(error, error_size, "%s: %s", path, why);
}

static bool check_ideal(const struct nic_config *config, char *error, size_t error_size)
{
    const char *at = config->general.ideal;

    while (*at) {
        size_t word = strcspn(at, ",");
        bool known = false;

        for (unsigned i = 0; nic_ideal_names[i]; i++) {
            known = known || (strlen(nic_ideal_names[i]) == word &&
                              strncmp(at, nic_ideal_names[i], word) == 0);
        }
        if (!known) {
            return refuse(error, error_size,
                          "card.ideal: found \"%.*s\", expected names of blocks: wire, parser, "
                          "sa_lookup, replay_check, crypto, reorder, replay_update, decapsulate, "
                          "rx_dma, tx_dma, sa_fetch, sequence, encapsulate, sa_memory, pcie, "
                          "command, forward",
                          (int)word, at);
        }
        at += word + (at[word] == ',');
    }
    return true;
}

static bool check_capabilities(struct nic_config *config, char *error, size_t error_size)
{
    struct sa_capabilities *can = &config->capabilities;
    const struct nic_algorithms *a = &config->algorithms;
    char why[160];

    if (!sa_algorithm_mask(a->encryption, false, &can->encryption, why, sizeof why)) {
        return refuse(error, error_size, "card.algorithms.encryption: %s", why);
    }
    if (!sa_algorithm_mask(a->authentication, true, &can->authentication, why, sizeof why)) {
        return refuse(error, error_size, "card.algorithms.authentication: %s", why);
    }
    can->aead_icvs =
        (a->icv_8 ? SA_ICV(8) : 0) | (a->icv_12 ? SA_ICV(12) : 0) | (a->icv_16 ? SA_ICV(16) : 0);
    can->udp = a->udp ? ESP_UDP_TRANSPORT | ESP_UDP_TUNNEL | ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL |
                            ESP_UDP_TRANSPORT_OVER_TUNNEL
                      : 0;
    if (can->window_max < can->window_min) {
        return refuse(error, error_size,
                      "card.capabilities.window_max: found %u, expected at least window_min (%u)",
                      can->window_max, can->window_min);
    }
    if (can->window_max != 0 && can->window_max < 32) {
        return refuse(error, error_size,
                      "card.capabilities.window_max: found %u, expected 0 (no replay check) or 32 "
                      "to 4096: RFC 4303 3.4.3 asks for 32 at least",
                      can->window_max);
    }
    if (can->ah_esp && !(can->ah && can->esp)) {
        return refuse(
            error, error_size,
            "card.capabilities.ah_esp: found true, expected false: card.capabilities.%s is "
            "false",
            can->ah ? "esp" : "ah");
    }
    can->host_checks_replay = config->general.offload == NIC_OFFLOAD_CRYPTO;
    return true;
}

/* The bits of a bucket's number are all that h3 gives. */
static bool check_hash(const struct sa_table_config *t, char *error, size_t error_size)
{
    uint32_t slots = sa_table_slots(t);
    uint32_t buckets = slots / (t->choices * t->ways);

    return t->hash != SA_SLOTS_H3 || (buckets != 0 && (buckets & (buckets - 1)) == 0) ||
           refuse(
               error, error_size,
               "card.sa.table.hash: found h3, expected mix, or a power of two of buckets: %u slots are %u buckets of "
               "%u ways in each of %u memories",
               slots, buckets, t->ways, t->choices);
}

/* A hash or cuckoo table is made of whole buckets in every memory. */
static bool check_organisation(const struct sa_table_config *t, char *error, size_t error_size)
{
    uint32_t whole = t->choices * t->ways;

    if (t->organisation == SA_ORGANISATION_CAM && t->slots != 0) {
        return refuse(
            error, error_size,
            "card.sa.table.slots: found %u, expected 0: a CAM (card.sa.table.organisation) has no slots "
            "beside its capacity",
            t->slots);
    }
    if (t->organisation == SA_ORGANISATION_CAM || t->organisation == SA_ORGANISATION_DIRECT) {
        return true;
    }
    if (t->slots % whole != 0) {
        return refuse(
            error, error_size,
            "card.sa.table.slots: found %u, expected a multiple of choices * ways (%u), as %u",
            t->slots, whole, (t->slots + whole - 1) / whole * whole);
    }
    if (!check_hash(t, error, error_size)) {
        return false;
    }
    if (t->organisation == SA_ORGANISATION_CUCKOO && t->choices < 2) {
        return refuse(
            error, error_size,
            "card.sa.table.choices: found 1, expected at least 2: a cuckoo table moves a key to "
            "another of its buckets");
    }
    return t->organisation != SA_ORGANISATION_CUCKOO || t->search >= t->choices ||
           refuse(error, error_size,
                  "card.sa.table.search: found %u, expected at least choices (%u)", t->search,
                  t->choices);
}

/* ---- contexts and capacity ------------------------------------------------------------------------ */

enum { CONTEXT_STEP = 64, SHORTEST_CONTEXT = 16, SEQUENCE_BYTES = 8 };

static bool size_context(struct nic_config *config, char *error, size_t error_size)
{
    struct nic_sa_config *c = &config->sa;
    const struct sa_capabilities *can = &config->capabilities;
    uint32_t window = can->host_checks_replay ? 0 : can->window_max;

    c->layout = sa_layout_of(can, !config->crypto.key_setup);
    c->context_bytes = c->context
                           ? c->context
                           : (c->layout.total + CONTEXT_STEP - 1) / CONTEXT_STEP * CONTEXT_STEP;
    if (c->context_bytes < SHORTEST_CONTEXT) {
        return refuse(error, error_size,
                      "card.sa.context: found %llu bytes, expected 0 or 16 to 4096",
                      (unsigned long long)c->context);
    }
    if (window > (c->context_bytes - SEQUENCE_BYTES) * 8) {
        return refuse(
            error, error_size,
            "card.capabilities.window_max: found %u, expected at most %llu: the bits that "
            "card.sa.context (%llu bytes) has beside a sequence number",
            window, (unsigned long long)(c->context_bytes - SEQUENCE_BYTES) * 8,
            (unsigned long long)c->context_bytes);
    }
    return true;
}

/* card.sa.memory says how many contexts there can be. */
static bool size_table(struct nic_config *config, char *error, size_t error_size)
{
    uint64_t contexts = config->sa.memory / config->sa.context_bytes;

    if (config->sa.memory == 0) {
        return true;
    }
    if (config->table.per_direction) {
        return refuse(
            error, error_size,
            "card.sa.memory: found %llu bytes, expected 0: with card.sa.table.per_direction "
            "capacity_in and capacity_out say how many SAs there can be",
            (unsigned long long)config->sa.memory);
    }
    if (contexts == 0 || contexts > SA_TABLE_MOST) {
        return refuse(
            error, error_size,
            "card.sa.memory: found %llu bytes, expected room for 1 to %u contexts of %llu "
            "bytes (card.sa.context)",
            (unsigned long long)config->sa.memory, SA_TABLE_MOST,
            (unsigned long long)config->sa.context_bytes);
    }
    config->table.capacity = (uint32_t)contexts;
    return true;
}

static bool check_table(const struct nic_config *config, char *error, size_t error_size)
{
    const struct sa_table_config *t = &config->table;

    if (!t->per_direction && t->capacity == 0) {
        return refuse(error, error_size,
                      "card.sa.table.capacity: found 0, expected at least 1: a card without SAs "
                      "offloads nothing");
    }
    if (t->per_direction && t->capacity_in == 0 && t->capacity_out == 0) {
        return refuse(error, error_size,
                      "card.sa.table.capacity_in: found 0 and capacity_out 0, expected at least 1");
    }
    return check_organisation(t, error, error_size);
}

/* ---- context cache ------------------------------------------------------------------------------ */

struct sa_cache_config nic_cache_config(const struct nic_config *config)
{
    struct sa_cache_config cache = config->cache;
    char ignored[160];

    if (cache.line_bytes == 0) {
        cache.line_bytes = (uint32_t)config->sa.context_bytes;
    }
    sa_cache_check(&cache, ignored, sizeof ignored);
    return cache;
}

uint32_t nic_context_lines(const struct nic_config *config, bool changed)
{
    const struct nic_sa_config *c = &config->sa;
    uint64_t line = nic_cache_config(config).line_bytes;
    uint64_t used = c->context_used ? c->context_used : c->context_bytes;
    uint64_t bytes = changed && c->context_written ? c->context_written : used;

    return (uint32_t)((bytes + line - 1) / line);
}

/* Lines against contexts, and what a packet asks for at once. */
static bool check_lines(const struct nic_config *config, const struct sa_cache_config *cache,
                        char *error, size_t error_size)
{
    const struct nic_sa_config *c = &config->sa;
    uint64_t used = c->context_used ? c->context_used : c->context_bytes;
    uint32_t lines = nic_context_lines(config, false);
    uint64_t all = (c->context_bytes + cache->line_bytes - 1) / cache->line_bytes;

    if (cache->line_bytes > c->context_bytes) {
        return refuse(error, error_size,
                      "card.sa.cache.line_bytes: found %u, expected at most card.sa.context (%llu "
                      "bytes): a line is of one context",
                      cache->line_bytes, (unsigned long long)c->context_bytes);
    }
    if (used > c->context_bytes) {
        return refuse(error, error_size,
                      "card.sa.context_used: found %llu bytes, expected at most card.sa.context "
                      "(%llu)",
                      (unsigned long long)used, (unsigned long long)c->context_bytes);
    }
    if (c->context_written > used) {
        return refuse(error, error_size,
                      "card.sa.context_written: found %llu bytes, expected at most what a packet "
                      "needs of a context (%llu)",
                      (unsigned long long)c->context_written, (unsigned long long)used);
    }
    if (c->mshrs_tx != 0 && c->mshrs_tx + lines > cache->mshrs) {
        return refuse(
            error, error_size,
            "card.sa.mshrs_tx: found %u, expected less: received packets need %u of the %u MSHRs "
            "(card.sa.cache.mshrs)",
            c->mshrs_tx, lines, cache->mshrs);
    }
    if (lines > cache->mshrs) {
        return refuse(error, error_size,
                      "card.sa.cache.mshrs: found %u, expected at least %u: a packet needs so many "
                      "lines of its context",
                      cache->mshrs, lines);
    }
    if (lines + 1 > config->pcie.queue && c->storage == NIC_STORAGE_HOST_CACHE) {
        return refuse(error, error_size,
                      "card.pcie.queue: found %u, expected at least %u: requests for the lines of "
                      "a context and one for a victim",
                      config->pcie.queue, lines + 1);
    }
    if (c->pinned * all > (uint64_t)cache->sets * cache->ways) {
        return refuse(error, error_size,
                      "card.sa.cache.pinned: found %u contexts of %llu lines, expected at most the "
                      "%llu lines of the cache",
                      c->pinned, (unsigned long long)all,
                      (unsigned long long)cache->sets * cache->ways);
    }
    return true;
}

static bool check_cache(const struct nic_config *config, char *error, size_t error_size)
{
    struct sa_cache_config cache = config->cache;
    char why[256];

    if (cache.line_bytes == 0) {
        cache.line_bytes = (uint32_t)config->sa.context_bytes;
    }
    if (!sa_cache_check(&cache, why, sizeof why)) {
        return refuse(error, error_size, "card.sa.cache.%s", why);
    }
    return config->sa.storage == NIC_STORAGE_ON_CHIP ||
           check_lines(config, &cache, error, error_size);
}

/* ---- receive side scaling ------------------------------------------------------------------------ */

static const char *const rss_types[] = { "ipv4", "tcp-ipv4", "udp-ipv4",
                                         "ipv6", "tcp-ipv6", "udp-ipv6" };

/* Of one word; 0: none of them. */
static uint32_t rss_type(const char *word, size_t length)
{
    for (unsigned i = 0; i < PARAM_COUNT(rss_types); i++) {
        if (strlen(rss_types[i]) == length && !strncmp(rss_types[i], word, length)) {
            return 1u << i;
        }
    }
    return 0;
}

static bool check_rss_types(struct nic_rss_config *c, char *error, size_t error_size)
{
    bool all = !strcmp(c->types, "all");
    const char *at = c->types;
    bool more = !all;

    c->type_mask = all ? (1u << PARAM_COUNT(rss_types)) - 1 : 0;
    while (more) {
        size_t length = strcspn(at, ",");
        uint32_t type = rss_type(at, length);

        if (!type) {
            return refuse(error, error_size,
                          "card.rss.types: found \"%.*s\", expected all, or ipv4, tcp-ipv4, "
                          "udp-ipv4, ipv6, tcp-ipv6, udp-ipv6 separated by commas",
                          (int)length, at);
        }
        c->type_mask |= type;
        more = at[length] == ',';
        at += length + 1;
    }
    return true;
}

static bool check_rss_key(struct nic_rss_config *c, char *error, size_t error_size)
{
    size_t digits = strspn(c->key, "0123456789abcdefABCDEF");

    if (digits != 2 * sizeof c->key_bytes || c->key[digits]) {
        return refuse(error, error_size,
                      "card.rss.key: found %zu characters, %zu of them hexadecimal digits from the "
                      "first on, expected %zu digits",
                      strlen(c->key), digits, 2 * sizeof c->key_bytes);
    }
    for (size_t i = 0; i < sizeof c->key_bytes; i++) {
        char byte[3] = { c->key[2 * i], c->key[2 * i + 1], 0 };

        c->key_bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

static bool check_rss(struct nic_rss_config *c, char *error, size_t error_size)
{
    if (c->table & (c->table - 1)) {
        return refuse(error, error_size, "card.rss.table: found %u, expected a power of two",
                      c->table);
    }
    return check_rss_types(c, error, error_size) && check_rss_key(c, error, error_size);
}

/* ---- command paths ------------------------------------------------------------------------------ */

/* What tables behind registers have no field for: a sentence about the first parameter that wants it. */
struct unlike {
    const char *path, *found, *expected;
    bool wanted;
};

static bool refuse_unlike(const struct unlike *u, size_t count, const char *why, char *error,
                          size_t error_size)
{
    for (size_t i = 0; i < count; i++) {
        if (u[i].wanted) {
            return refuse(error, error_size, "%s: found %s, expected %s: %s", u[i].path, u[i].found,
                          u[i].expected, why);
        }
    }
    return true;
}

/* An index register has 10 bits. */
static bool check_entries(const char *path, uint32_t entries, char *error, size_t error_size)
{
    return (entries >= 1 && entries <= 1024) ||
           refuse(
               error, error_size,
               "%s: found %u, expected 1 to 1024: card.command.path registers has indices of 10 bits",
               path, entries);
}

static bool check_registers(const struct nic_config *c, char *error, size_t error_size)
{
    const struct sa_capabilities *can = &c->capabilities;
    const struct sa_table_config *t = &c->table;
    uint32_t enc = SA_ALGORITHM(ESP_ALG_AES_GCM_128) | SA_ALGORITHM(ESP_ALG_NULL);
    const struct unlike unlike[] = {
        { "card.offload", "packet", "crypto", c->general.offload != NIC_OFFLOAD_CRYPTO },
        { "card.sa.storage", "a cache", "on-chip", c->sa.storage != NIC_STORAGE_ON_CHIP },
        { "card.sa.table.organisation", "another", "cam", t->organisation != SA_ORGANISATION_CAM },
        { "card.sa.table.per_direction", "false", "true", !t->per_direction },
        { "card.algorithms.encryption", "other ciphers", "aes-gcm-128, null or both",
          (can->encryption & ~enc) != 0 },
        { "card.algorithms.authentication", "others", "aes-gmac-128 or none",
          (can->authentication & ~SA_ALGORITHM(ESP_ALG_AES_GMAC_128)) != 0 },
        { "card.algorithms.icv_8", "true", "false", (can->aead_icvs & SA_ICV(8)) != 0 },
        { "card.algorithms.icv_12", "true", "false", (can->aead_icvs & SA_ICV(12)) != 0 },
        { "card.algorithms.udp", "true", "false", can->udp != 0 },
        { "card.capabilities.esn", "true", "false", can->esn },
        { "card.capabilities.ah_esp", "true", "false", can->ah_esp },
        { "card.capabilities.transport_tunnel", "true", "false", can->transport_tunnel },
    };

    return check_entries("card.sa.table.capacity_in", t->capacity_in, error, error_size) &&
           check_entries("card.sa.table.capacity_out", t->capacity_out, error, error_size) &&
           check_entries("card.sa.table.ip_entries", t->ip_entries, error, error_size) &&
           refuse_unlike(unlike, sizeof unlike / sizeof unlike[0],
                         "card.command.path registers has the fields of the 82599 and no others",
                         error, error_size);
}

/* Each at least the one before it. */
static bool check_firmware(const struct nic_command_config *c, char *error, size_t error_size)
{
    if (c->median < c->least) {
        return refuse(error, error_size,
                      "card.command.least: found %llu ps, expected at most median (%llu ps)",
                      (unsigned long long)c->least, (unsigned long long)c->median);
    }
    if (c->p99 < c->median) {
        return refuse(error, error_size,
                      "card.command.p99: found %llu ps, expected at least median (%llu ps)",
                      (unsigned long long)c->p99, (unsigned long long)c->median);
    }
    if (c->most < c->p99) {
        return refuse(error, error_size,
                      "card.command.most: found %llu ps, expected at least p99 (%llu ps)",
                      (unsigned long long)c->most, (unsigned long long)c->p99);
    }
    return true;
}

static bool check_descriptor(const struct nic_config *c, char *error, size_t error_size)
{
    const struct unlike unlike[] = {
        { "card.offload", "packet", "crypto", c->general.offload != NIC_OFFLOAD_CRYPTO },
        { "card.capabilities.ah_esp", "true", "false", c->capabilities.ah_esp },
        { "card.capabilities.transport_tunnel", "true", "false", c->capabilities.transport_tunnel },
    };

    if (c->command.context % 16 != 0) {
        return refuse(error, error_size,
                      "card.command.context: found %llu bytes, expected a multiple of 16",
                      (unsigned long long)c->command.context);
    }
    return refuse_unlike(
        unlike, sizeof unlike / sizeof unlike[0],
        "with card.command.path descriptor a packet carries one context, and the host "
        "numbers",
        error, error_size);
}

/* An upper half that the driver moves, and limits in rounds, want a card that SAs are added to. */
static bool check_events(const struct nic_config *c, char *error, size_t error_size)
{
    static const char *const path[] = { "queue", "registers", "firmware", "descriptor" };
    bool queue = c->command.path == NIC_PATH_QUEUE || c->command.path == NIC_PATH_FIRMWARE;
    uint32_t round = c->table.round;

    if (c->sa.esn == NIC_ESN_EVENTS && !queue) {
        return refuse(error, error_size,
                      "card.sa.esn: found events, expected host or inferred: with "
                      "card.command.path %s %s",
                      path[c->command.path],
                      c->command.path == NIC_PATH_DESCRIPTOR
                          ? "each descriptor brings its upper half along"
                          : "there is no upper half");
    }
    if (round == 1) {
        return refuse(error, error_size,
                      "card.sa.table.round: found 1, expected 0 (no rounds) or at least 2");
    }
    if (round != 0 && c->general.offload != NIC_OFFLOAD_PACKET) {
        return refuse(error, error_size,
                      "card.sa.table.round: found %u, expected 0: with card.offload crypto the "
                      "host counts packets",
                      round);
    }
    if (round != 0 && c->table.poll_packets != 0) {
        return refuse(error, error_size,
                      "card.sa.table.poll_packets: found %llu ps, expected 0: with "
                      "card.sa.table.round the card counts every packet down",
                      (unsigned long long)c->table.poll_packets);
    }
    return true;
}

static bool check_path(const struct nic_config *config, char *error, size_t error_size)
{
    switch (config->command.path) {
    case NIC_PATH_REGISTERS: return check_registers(config, error, error_size);
    case NIC_PATH_FIRMWARE: return check_firmware(&config->command, error, error_size);
    case NIC_PATH_DESCRIPTOR: return check_descriptor(config, error, error_size);
    default: return true;
    }
}

static bool check_forward(const struct nic_config *config, char *error, size_t error_size)
{
    const struct nic_forward_config *f = &config->forward;
    struct nic_routes routes;
    char why[256];

    if (!nic_routes_parse(f->routes, config->general.ports, &routes, why, sizeof why)) {
        return refuse(error, error_size, "card.forward.routes: %s", why);
    }
    if (f->path == NIC_FORWARD_HAIRPIN && config->general.offload != NIC_OFFLOAD_PACKET) {
        return refuse(
            error, error_size,
            "card.forward.path: found hairpin, expected host or none: with card.offload crypto the "
            "host frames and numbers every packet");
    }
    return true;
}

/* Messages of the link begin with the name of the parameter, if there is one that is wrong by itself. */
static bool check_link(const struct pcie_config *link, char *error, size_t error_size)
{
    char why[256];
    size_t length;
    uint64_t num;
    uint64_t den;

    if (pcie_link_clock(link, &num, &den, why, sizeof why)) {
        return true;
    }
    length = strcspn(why, " ");
    for (size_t i = 0; i < pcie_param_count; i++) {
        if (strlen(pcie_params[i].name) == length && !strncmp(pcie_params[i].name, why, length)) {
            return refuse(error, error_size, "card.pcie.%s: %s", pcie_params[i].name, why);
        }
    }
    return refuse(error, error_size, "card.pcie: %s", why);
}

bool nic_config_check(struct nic_config *config, char *error, size_t error_size)
{
    const struct nic_general *g = &config->general;
    uint64_t longest = (config->mac.mtu + 64 + g->bus) / g->bus;

    if (g->bus & (g->bus - 1)) {
        return refuse(error, error_size, "card.bus: found %llu, expected a power of two, 8 to 512",
                      (unsigned long long)g->bus);
    }
    if (config->crypto.engines * config->crypto.contexts > NIC_MAX_ENGINES) {
        return refuse(error, error_size,
                      "card.crypto.engines: found %u engines with %u contexts, expected at most %d "
                      "in all",
                      config->crypto.engines, config->crypto.contexts, NIC_MAX_ENGINES);
    }
    if (config->mac.rx_buffer / g->bus / g->lanes <= longest) {
        return refuse(error, error_size,
                      "card.mac.rx_buffer: found %llu bytes, expected room for a frame of the MTU "
                      "in each lane",
                      (unsigned long long)config->mac.rx_buffer);
    }
    if (config->dma.tx_inline % 16) {
        return refuse(error, error_size,
                      "card.dma.tx_inline: found %llu bytes, expected a multiple of 16",
                      (unsigned long long)config->dma.tx_inline);
    }
    if (config->pcie.mps % 128) {
        return refuse(error, error_size, "card.pcie.mps: found %llu, expected 128 to 4096",
                      (unsigned long long)config->pcie.mps);
    }
    return check_ideal(config, error, error_size) &&
           check_capabilities(config, error, error_size) &&
           size_context(config, error, error_size) && size_table(config, error, error_size) &&
           check_table(config, error, error_size) && check_cache(config, error, error_size) &&
           check_path(config, error, error_size) && check_events(config, error, error_size) &&
           check_forward(config, error, error_size) && check_rss(&config->rss, error, error_size) &&
           check_link(&config->pcie, error, error_size);
}
