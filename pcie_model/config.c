/* Parameters and statistics of the link, and the clock that they give. */
#include <inttypes.h>
#include <stdio.h>

#include "pcie_model/link.h"

/* Per lane (PCI Express Base Specification 5.0, 4.2 and 8.2). The encoding of Gen1 and 2 is 8b/10b, later 128b/130b. */
static const struct {
    uint32_t megatransfers; /* per second */
    uint32_t payload, coded;
} generations[] = {
    { 2500, 8, 10 },     { 5000, 8, 10 },     { 8000, 128, 130 },
    { 16000, 128, 130 }, { 32000, 128, 130 }, { 64000, PCIE_FLIT_BYTES, 256 }, /* bytes of TLPs */
};

enum {
    GENERATIONS = sizeof generations / sizeof generations[0],
    MILLION = 1000000,
    BILLION = 1000000000
};

#define LONGEST_PS          1000000000000ull /* 1 s */
#define SHORTEST_REFRESH_PS 1000000ull       /* there must be room for more than UpdateFCs */

static const char *const dllp_policies[] = { "on-demand", "published", "share", NULL };

/* name, type, default, least, most, help */
#define PARAM(name_, type_, def_, min_, max_, help_)                                               \
    {                                                                                              \
#name_, type_, PARAM_FIELD(struct pcie_config, name_), def_, min_, max_, NULL, NULL, help_ \
    }

const struct param pcie_params[] = {
    PARAM(generation, PARAM_U32, 4, 1, GENERATIONS, "PCIe generation, 1 to 6"),
    PARAM(lanes, PARAM_U32, 16, 1, 16, "lanes: 1, 2, 4, 8 or 16"),
    PARAM(mps, PARAM_BYTES, 256, 128, 4096, "Max_Payload_Size, a power of two"),
    PARAM(mrrs, PARAM_BYTES, 512, 128, 4096, "Max_Read_Request_Size, a power of two"),
    PARAM(rcb, PARAM_BYTES, 64, 64, 128, "Read Completion Boundary of the host, 64 or 128 bytes"),
    PARAM(completion, PARAM_BYTES, 0, 0, 4096,
          "most data that the host puts into one completion, a power of two from rcb on; 0: mps"),
    PARAM(
        address64, PARAM_BOOL, 1, 0, 1,
        "requests to addresses from 4 GB on, and to the registers, have 4DW headers; false: none has"),
    PARAM(up_ps, PARAM_TIME, 110000, 0, LONGEST_PS,
          "one way from the card to the root complex, beyond the wire time"),
    PARAM(down_ps, PARAM_TIME, 110000, 0, LONGEST_PS, "one way back, beyond the wire time"),
    { "dllp", PARAM_ENUM, PARAM_FIELD(struct pcie_config, dllp), PCIE_DLLP_ON_DEMAND, 0, 2,
      dllp_policies, NULL,
      "what DLLPs cost: on-demand (Ack and UpdateFC follow from the traffic), published (one of each "
      "every ack_latency bytes, as the published analytical model has it), share (dllp_ppm of the "
      "rate)" },
    PARAM(dllp_ppm, PARAM_U32, 8550, 0, MILLION / 2,
          "dllp share: of the encoded rate for DLLPs and SKP ordered sets, parts per million; the "
          "default is one Ack and one UpdateFC in 168 symbol times on 16 lanes and an SKP in 1538"),
    PARAM(
        ack_latency, PARAM_U32, 0, 0, 65535,
        "symbol times between two Acks, and between two UpdateFCs of a class; 0: the guideline of "
        "the specification for lanes, mps and generation"),
    PARAM(
        retry, PARAM_U32, 0, 0, 2047,
        "TLPs that the card keeps until they are acknowledged; 0: any number. The host has room for all"),
    PARAM(lcrc_ppb, PARAM_U32, 0, 0, BILLION / 2,
          "TLPs that arrive damaged and are sent again, of 10^9, both directions"),
    PARAM(
        dllp_crc_ppb, PARAM_U32, 0, 0, BILLION / 2,
        "DLLPs (Ack, Nak, UpdateFC) that arrive damaged and are dropped, of 10^9, both directions; "
        "for dllp on-demand and published, generations 1 to 5"),
    PARAM(replay_timer, PARAM_U32, 0, 0, MILLION,
          "limit of the REPLAY_TIMER, symbol times beyond up_ps + down_ps; 0: that of the "
          "specification (three times ack_latency, from generation 4 on at least 24000)"),
    PARAM(refresh_ps, PARAM_TIME, 0, 0, LONGEST_PS,
          "longest time between two UpdateFCs of a class, dllp on-demand; 0: 30 us (base "
          "specification, 2.6.1.2) if DLLPs can be damaged, otherwise any; at least 1 us"),
    PARAM(retrain_ps, PARAM_TIME, 10000000, 0, LONGEST_PS,
          "the link is down for that long when REPLAY_NUM rolls over, at the fourth repetition "
          "without progress (assumed)"),
    PARAM(poison_ppb, PARAM_U32, 0, 0, BILLION / 2, "completions that arrive poisoned, of 10^9"),
    PARAM(poison_write_ppb, PARAM_U32, 0, 0, BILLION / 2,
          "writes to host memory (MSI-X included) and to registers that arrive poisoned, of 10^9: "
          "nothing is written"),
    PARAM(lost_ppb, PARAM_U32, 0, 0, BILLION / 2,
          "read TLPs that the host does not answer, of 10^9: the completion timeout ends them"),
    PARAM(abort_ppb, PARAM_U32, 0, 0, BILLION / 2,
          "read TLPs that the host answers with Completer Abort, of 10^9"),
    PARAM(late_ppb, PARAM_U32, 0, 0, BILLION / 2,
          "read TLPs that the host answers late_ps later than it would, of 10^9"),
    PARAM(late_ps, PARAM_TIME, 20000000000, 0, LONGEST_PS,
          "lateness of late_ppb; beyond timeout_ps the completions are unexpected"),
    PARAM(
        timeout_ps, PARAM_TIME, 10000000000, 1000000, LONGEST_PS,
        "completion timeout; the specification has 50 us to 64 s and recommends 10 ms at least (base "
        "specification, 2.8)"),
    PARAM(quarantine_ps, PARAM_TIME, 0, 0, LONGEST_PS,
          "time from a completion timeout until the tag and its completion space are used again"),
    PARAM(tags, PARAM_U32, 256, 1, 16384,
          "read TLPs (of at most mrrs) outstanding: 32, 256 (extended tags) or 768 (10 bits)"),
    PARAM(
        space_headers, PARAM_U32, 0, 0, 65535,
        "completions that the card has room for; a read counts one for each rcb that it touches; 0: "
        "infinite"),
    PARAM(space_data, PARAM_U32, 0, 0, 1048575,
          "data of completions that the card has room for, units of 16 bytes; 0: infinite"),
    PARAM(host_ph, PARAM_U32, 127, 0, 2032,
          "posted header credits of the host; 0: infinite. 127 and 2047 are the most that can be "
          "outstanding without scaled flow control"),
    PARAM(host_pd, PARAM_U32, 2047, 0, 32752,
          "posted data credits of the host, units of 16 bytes; 0: infinite"),
    PARAM(host_nph, PARAM_U32, 127, 0, 2032, "non-posted header credits of the host; 0: infinite"),
    PARAM(card_ph, PARAM_U32, 32, 0, 2032, "posted header credits of the card; 0: infinite"),
    PARAM(card_pd, PARAM_U32, 128, 0, 32752,
          "posted data credits of the card, units of 16 bytes; 0: infinite"),
    PARAM(card_nph, PARAM_U32, 32, 0, 2032, "non-posted header credits of the card; 0: infinite"),
    PARAM(relaxed, PARAM_BOOL, 0, 0, 1,
          "completions of register reads do not wait for writes that were pushed before"),
    PARAM(
        ido, PARAM_BOOL, 0, 0, 1,
        "ID-based ordering: requests of a queue need not wait for writes of other queues at the host"),
    PARAM(queue, PARAM_U32, 16, 2, 4096, "requests that each client of the link can have waiting"),
    PARAM(ideal, PARAM_BOOL, 0, 0, 1,
          "no wire time, no latency beyond clock crossings, no limit of outstanding reads"),
    PARAM(seed, PARAM_U64, 1, 0, INT64_MAX, "of the damage to TLPs"),
};
const size_t pcie_param_count = PARAM_COUNT(pcie_params);

#undef PARAM

#define COUNTER(type_, field_, unit_, help_)                                                       \
    {                                                                                              \
        .name = #field_, .type = STAT_U64, .offset = offsetof(struct type_, field_),               \
        .unit = (unit_), .help = (help_)                                                           \
    }

const char *pcie_stall_name(enum pcie_stall stall)
{
    static const char *const names[PCIE_STALLS] = {
        [PCIE_STALL_TAGS] = "tags",
        [PCIE_STALL_SPACE] = "completion space",
        [PCIE_STALL_POSTED] = "posted credits",
        [PCIE_STALL_NONPOSTED] = "non-posted credits",
        [PCIE_STALL_RETRY] = "retry buffer",
    };

    return names[stall];
}

#define STALL(stall_, name_, what_)                                                                \
    {                                                                                              \
        .name = "stall_" #name_, .type = STAT_U64,                                                 \
        .offset = offsetof(struct pcie_stats, stall_cycles[PCIE_STALL_##stall_]),                  \
        .unit = "byte times",                                                                      \
        .help = "the wire up was clear, the first in turn had a TLP to send and lacked " what_     \
    }

const struct stat_field pcie_stat_table[] = {
    COUNTER(pcie_stats, reads, "requests", "DMA reads that the card started"),
    COUNTER(pcie_stats, writes, "requests", "DMA writes that the card started, without MSI-X"),
    COUNTER(pcie_stats, msix, "requests", "MSI-X messages"),
    COUNTER(pcie_stats, mmio_reads, "requests", "register reads that the host started"),
    COUNTER(pcie_stats, mmio_writes, "requests", "register writes that the host started"),
    STALL(TAGS, tags, "a tag"),
    STALL(SPACE, space, "space for its completions"),
    STALL(POSTED, posted, "posted credits"),
    STALL(NONPOSTED, nonposted, "non-posted credits"),
    STALL(RETRY, retry, "room in the retry buffer"),
    COUNTER(pcie_stats, poisoned, "TLPs",
            "completions that arrived poisoned (AER: advisory non-fatal, for the card goes on)"),
    COUNTER(
        pcie_stats, timeouts, "TLPs",
        "reads that were not answered in time (AER: completion timeout, uncorrectable non-fatal)"),
    COUNTER(pcie_stats, unsupported_reads, "TLPs",
            "reads where the host has no memory, answered as unsupported request (AER: advisory "
            "non-fatal)"),
    COUNTER(pcie_stats, unsupported_writes, "TLPs",
            "writes where the host has no memory, dropped (AER: unsupported request, uncorrectable "
            "non-fatal)"),
    COUNTER(pcie_stats, aborted_reads, "TLPs",
            "reads that the host answered with Completer Abort (AER: advisory non-fatal)"),
    COUNTER(
        pcie_stats, unexpected, "TLPs",
        "completions of reads that had timed out, dropped (AER: unexpected completion, advisory "
        "non-fatal)"),
    COUNTER(pcie_stats, poisoned_writes, "TLPs",
            "writes that reached the host poisoned, not written (AER: poisoned TLP, uncorrectable "
            "non-fatal)"),
    COUNTER(pcie_stats, poisoned_mmio, "TLPs",
            "register writes that reached the card poisoned, not written (AER: poisoned TLP, "
            "uncorrectable non-fatal)"),
    COUNTER(
        pcie_stats, unsupported_mmio, "TLPs",
        "register reads where the card has no register, answered as unsupported request (AER: advisory "
        "non-fatal)"),
    COUNTER(
        pcie_stats, aborted_mmio, "TLPs",
        "register reads that the registers do not allow (size, alignment, write-only), answered with "
        "Completer Abort (AER: advisory non-fatal)"),
    COUNTER(pcie_stats, retrains, "times", "the link was retrained after a REPLAY_NUM rollover"),
};
const size_t pcie_stat_count = STAT_COUNT(pcie_stat_table);

const struct stat_field pcie_direction_stat_table[] = {
    COUNTER(pcie_direction_stats, tlps_write, "TLPs", "memory writes of the card, MSI-X included"),
    COUNTER(pcie_direction_stats, tlps_read, "TLPs", "memory read requests of the card"),
    COUNTER(pcie_direction_stats, tlps_completion, "TLPs", "completions with data"),
    COUNTER(pcie_direction_stats, tlps_mmio, "TLPs",
            "register writes and read requests of the host"),
    COUNTER(pcie_direction_stats, wire_write, "bytes", "wire bytes of tlps_write"),
    COUNTER(pcie_direction_stats, wire_read, "bytes", "wire bytes of tlps_read"),
    COUNTER(pcie_direction_stats, wire_completion, "bytes", "wire bytes of tlps_completion"),
    COUNTER(pcie_direction_stats, wire_mmio, "bytes", "wire bytes of tlps_mmio"),
    COUNTER(pcie_direction_stats, payload_bytes, "bytes", "data carried, without padding to DWs"),
    COUNTER(pcie_direction_stats, wire_bytes, "bytes",
            "all TLPs: framing, sequence number, header, padded payload, LCRC"),
    COUNTER(pcie_direction_stats, wire_replay, "bytes", "of wire_bytes, those sent again"),
    COUNTER(pcie_direction_stats, wire_dllp, "bytes", "DLLPs: Ack, Nak, UpdateFC"),
    COUNTER(pcie_direction_stats, wire_skp, "bytes", "SKP ordered sets"),
    COUNTER(pcie_direction_stats, acks, "DLLPs", "Acks sent in this direction"),
    COUNTER(pcie_direction_stats, updates, "DLLPs", "UpdateFCs sent in this direction"),
    COUNTER(pcie_direction_stats, naks, "DLLPs", "Naks sent in this direction"),
    COUNTER(pcie_direction_stats, lcrc_errors, "TLPs",
            "that arrived damaged (AER: bad TLP, correctable)"),
    COUNTER(pcie_direction_stats, replays, "TLPs", "that were sent again"),
    COUNTER(pcie_direction_stats, bad_dllps, "DLLPs",
            "that arrived damaged and were dropped (AER: bad DLLP, correctable)"),
    COUNTER(pcie_direction_stats, replay_timeouts, "times",
            "the REPLAY_TIMER of the sender of these TLPs ran out (AER: correctable)"),
    COUNTER(pcie_direction_stats, replay_rollovers, "times",
            "REPLAY_NUM of the sender of these TLPs rolled over (AER: correctable)"),
    COUNTER(pcie_direction_stats, busy_cycles, "byte times", "time in which a TLP was on the wire"),
    { .name = "utilisation",
      .type = STAT_REAL,
      .offset = offsetof(struct pcie_direction_stats, utilisation),
      .unit = "",
      .help = "busy_cycles over all byte times" },
};
const size_t pcie_direction_stat_count = STAT_COUNT(pcie_direction_stat_table);

static bool power_of_two(uint64_t value, uint64_t least, uint64_t most)
{
    return value >= least && value <= most && (value & (value - 1)) == 0;
}

static bool sizes_possible(const struct pcie_config *c, char *error, size_t error_size)
{
    if (!power_of_two(c->mps, 128, 4096)) {
        snprintf(error, error_size,
                 "mps is %" PRIu64 " bytes, expected a power of two, 128 to 4096", c->mps);
    } else if (!power_of_two(c->mrrs, 128, 4096)) {
        snprintf(error, error_size,
                 "mrrs is %" PRIu64 " bytes, expected a power of two, 128 to 4096", c->mrrs);
    } else if (!power_of_two(c->rcb, 64, 128)) {
        snprintf(error, error_size, "rcb is %" PRIu64 " bytes, expected 64 or 128", c->rcb);
    } else if (c->completion && !power_of_two(c->completion, c->rcb, 4096)) {
        snprintf(error, error_size,
                 "completion is %" PRIu64 " bytes, expected 0 or a power of two from rcb (%" PRIu64
                 ") to 4096",
                 c->completion, c->rcb);
    } else {
        return true;
    }
    return false;
}

/* A pool that cannot hold the largest TLP would stand still. */
static bool pool_possible(const char *name, uint32_t units, uint64_t least, char *error,
                          size_t error_size)
{
    if (units != 0 && units < least) {
        snprintf(error, error_size,
                 "%s is %" PRIu32 ", expected 0 or at least %" PRIu64 " (the largest TLP)", name,
                 units, least);
        return false;
    }
    return true;
}

/* MPS bytes and, unaligned, a DW more. */
static bool credits_possible(const struct pcie_config *c, char *error, size_t error_size)
{
    uint64_t data = (c->mps + 15) / 16;

    return pool_possible("host_pd", c->host_pd, data, error, error_size) &&
           pool_possible("card_pd", c->card_pd, 1, error, error_size);
}

bool pcie_link_clock(const struct pcie_config *config, uint64_t *num, uint64_t *den, char *error,
                     size_t error_size)
{
    const struct pcie_config *c = config;

    if (c->generation < 1 || c->generation > GENERATIONS) {
        snprintf(error, error_size, "generation is %" PRIu32 ", expected 1 to %d", c->generation,
                 GENERATIONS);
        return false;
    }
    if (!power_of_two(c->lanes, 1, 16)) {
        snprintf(error, error_size, "lanes is %" PRIu32 ", expected 1, 2, 4, 8 or 16", c->lanes);
        return false;
    }
    if (!sizes_possible(c, error, error_size)) {
        return false;
    }
    if (c->dllp_ppm >= MILLION) {
        snprintf(error, error_size, "dllp_ppm is %" PRIu32 ", expected less than %d", c->dllp_ppm,
                 MILLION);
        return false;
    }
    if (c->up_ps > LONGEST_PS || c->down_ps > LONGEST_PS || c->refresh_ps > LONGEST_PS ||
        c->retrain_ps > LONGEST_PS || c->late_ps > LONGEST_PS || c->quarantine_ps > LONGEST_PS ||
        c->timeout_ps > LONGEST_PS) {
        snprintf(error, error_size, "a latency of the link is more than 1 s");
        return false;
    }
    if (c->dllp == PCIE_DLLP_PUBLISHED && c->generation == 6) {
        snprintf(error, error_size,
                 "dllp is published, which there is for generations 1 to 5 only");
        return false;
    }
    if (c->dllp_crc_ppb && (c->dllp == PCIE_DLLP_SHARE || c->generation == 6)) {
        snprintf(error, error_size,
                 "dllp_crc_ppb is %" PRIu32 ", expected 0: with %s there are no DLLPs of their own",
                 c->dllp_crc_ppb, c->generation == 6 ? "flits" : "dllp: share");
        return false;
    }
    if (c->refresh_ps && c->refresh_ps < SHORTEST_REFRESH_PS) {
        snprintf(error, error_size, "refresh_ps is %" PRIu64 " ps, expected 0 or at least 1 us",
                 c->refresh_ps);
        return false;
    }
    if (!credits_possible(c, error, error_size)) {
        return false;
    }
    if (!pcie_memory_check(&c->host, error, error_size)) {
        return false;
    }
    if (c->tags < 1 || c->queue < 2) {
        snprintf(error, error_size,
                 "tags is %" PRIu32 " and queue %" PRIu32 ", expected at least 1 and 2", c->tags,
                 c->queue);
        return false;
    }
    /* megatransfers x 10^6 x payload/coded x lanes / 8 x (10^6 - ppm) / 10^6 */
    *num = (uint64_t)generations[c->generation - 1].megatransfers *
           generations[c->generation - 1].payload * c->lanes *
           (MILLION - (c->dllp == PCIE_DLLP_SHARE ? c->dllp_ppm : 0));
    *den = (uint64_t)generations[c->generation - 1].coded * 8;
    return true;
}
