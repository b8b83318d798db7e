/* The parameters and statistics of the table, by name. */
#include "sa_table/table.h"

static const char *const organisations[] = { "cam", "hash", "cuckoo", "direct", NULL };
static const char *const hashes[] = { "mix", "h3", NULL };
static const char *const units[] = { "bundles", "sas", NULL };

#define POLL_MOST   UINT64_C(3600000000000000) /* an hour */
#define FIELD(name) PARAM_FIELD(struct sa_table_config, name)

const struct param sa_table_params[] = {
    { "organisation", PARAM_ENUM, FIELD(organisation), SA_ORGANISATION_CAM, 0,
      SA_ORGANISATION_DIRECT, organisations, NULL,
      "How the keys of received SAs lie in memory: a CAM refuses only when it is full, a hash table when the buckets "
      "of a key are, a cuckoo table when moving keys makes no room either, a direct map when the slot of the SPI is "
      "taken." },
    { "slots", PARAM_U32, FIELD(slots), 0, 0, 0x10000000, NULL, NULL,
      "Slots of the look-up memories together, not with a CAM; 0: the capacity for received SAs, rounded up to whole "
      "buckets." },
    { "choices", PARAM_U32, FIELD(choices), 2, 1, SA_SLOTS_MAX_CHOICES, NULL, NULL,
      "hash, cuckoo: buckets where a key may lie, each in a memory of its own; all are read at once." },
    { "ways", PARAM_U32, FIELD(ways), 4, 1, 16, NULL, NULL, "hash, cuckoo: slots of a bucket." },
    { "stash", PARAM_U32, FIELD(stash), 0, 0, SA_SLOTS_MAX_STASH, NULL, NULL,
      "hash, cuckoo: keys in a small CAM beside the memories, for those that find no slot." },
    { "search", PARAM_U32, FIELD(search), 256, 1, 65536, NULL, NULL,
      "cuckoo: buckets that an insertion looks at before it gives up." },
    { "hash", PARAM_ENUM, FIELD(hash), SA_SLOTS_MIX, 0, SA_SLOTS_H3, hashes, NULL,
      "hash, cuckoo: what says which buckets are a key's: a 64-bit mix, or h3, rows of exclusive ors over the bits of "
      "the key as hardware has them (Carter and Wegman 1979); with h3 the buckets of a memory, slots / choices / ways, "
      "are a power of two." },
    { "unit", PARAM_ENUM, FIELD(unit), SA_UNIT_BUNDLES, 0, SA_UNIT_SAS, units, NULL,
      "What the capacity counts: nodes (AH and ESP together cost 1) or SAs (O-8)." },
    { "per_direction", PARAM_BOOL, FIELD(per_direction), 0, 0, 1, NULL, NULL,
      "Separate tables: capacity_in and capacity_out instead of capacity (O-8)." },
    { "capacity", PARAM_U32, FIELD(capacity), 65536, 0, SA_TABLE_MOST, NULL, NULL,
      "Places of the table for both directions together." },
    { "capacity_in", PARAM_U32, FIELD(capacity_in), 1024, 0, SA_TABLE_MOST, NULL, NULL,
      "Places for inbound SAs, with per_direction." },
    { "capacity_out", PARAM_U32, FIELD(capacity_out), 1024, 0, SA_TABLE_MOST, NULL, NULL,
      "Places for outbound SAs, with per_direction." },
    { "ip_entries", PARAM_U32, FIELD(ip_entries), 0, 0, SA_TABLE_MOST, NULL, NULL,
      "Places of a separate table of inbound destination addresses, shared by SAs (82599: 128); "
      "0: no such table." },
    { "outbound_duplicates", PARAM_BOOL, FIELD(outbound_duplicates), 0, 0, 1, NULL, NULL,
      "Accept outbound SAs with equal SPI, destination and protocol (O-33 rejects them)." },
    { "poll_packets", PARAM_TIME, FIELD(poll_packets), 0, 0, POLL_MOST, NULL, NULL,
      "Limits in packets: how often the card looks at the count; 0: it sees every packet." },
    { "poll_bytes", PARAM_TIME, FIELD(poll_bytes), 0, 0, POLL_MOST, NULL, NULL,
      "Limits in bytes: how often the card looks at the count; 0: it sees every packet." },
    { "poll_seconds", PARAM_TIME, FIELD(poll_seconds), 0, 0, POLL_MOST, NULL, NULL,
      "Limits in seconds: how often the card looks at the clock; 0: at every packet." },
    { "round", PARAM_U32, FIELD(round), 0, 0, 0x80000000u, NULL, "packets",
      "Limits in packets: the card counts down from less than two rounds of so many, and the driver adds a round when "
      "one is used up (mlx5: 2147483648); 0: the card holds whole limits. At least 2." },
};
const size_t sa_table_param_count = PARAM_COUNT(sa_table_params);

#undef FIELD
#define STAT(name, unit, help)                                                                     \
    {                                                                                              \
#name, STAT_U64, offsetof(struct sa_table_stats, name), unit, help                         \
    }
#define LEVEL(name, unit, help)                                                                    \
    {                                                                                              \
#name, STAT_GAUGE, offsetof(struct sa_table_stats, name), unit, help                       \
    }
#define FAILURE(name, reason, help)                                                                \
    {                                                                                              \
        "add_failures_" name, STAT_U64,                                                            \
            offsetof(struct sa_table_stats, add_failures) + (reason) * sizeof(uint64_t), "nodes",  \
            help                                                                                   \
    }

const struct stat_field sa_table_stat_table[] = {
    STAT(capacity, "", "Places of the table, in the configured unit."),
    LEVEL(live, "nodes", "Nodes that hold a place: being added, live, being deleted."),
    LEVEL(live_in, "nodes", "Inbound ones of these."),
    LEVEL(live_out, "nodes", "Outbound ones of these."),
    LEVEL(live_entries, "SAs", "SAs of these nodes: AH and ESP of a bundle count 2."),
    STAT(peak_live, "nodes", "Largest value of live."),
    STAT(adds, "nodes", "Nodes that were given a place."),
    FAILURE("full", SA_FULL, "Nodes refused: the table was full."),
    FAILURE("no_slot", SA_NO_SLOT,
            "Nodes refused: no slot for the key in a table that was not full."),
    FAILURE("no_ip_slot", SA_NO_IP_SLOT, "Nodes refused: the address table was full."),
    FAILURE("duplicate", SA_DUPLICATE, "Nodes refused: same key as a present SA."),
    STAT(slots, "slots", "Slots of the look-up memories; 0: a CAM."),
    LEVEL(slots_used, "slots", "Keys of received SAs that hold one, those in the stash included."),
    STAT(slots_peak, "slots", "Largest value of slots_used."),
    STAT(
        slots_at_refusal, "slots",
        "slots_used when a key found no slot for the first time; 0: that never happened. Over slots it is the load "
        "factor at first failure."),
    STAT(stash_peak, "keys", "Most keys that were in the stash at once."),
    STAT(moves, "keys", "Keys moved to make room for others, or out of the stash."),
    STAT(searched, "buckets", "Buckets read to make room, beside the key's own."),
    STAT(updates, "requests", "UPDATE_SA that named an ESN entry of a live SA."),
    STAT(update_failures, "requests", "UPDATE_SA that did not."),
    STAT(update_disagreements, "requests",
         "UPDATE_SA whose upper half was not the one that the card had inferred."),
    STAT(deletes, "nodes", "Nodes whose place was released."),
    STAT(stale_handles, "uses", "Handles used that named no live SA."),
    STAT(lookups, "look-ups", "Inbound look-ups by SPI, destination and protocol."),
    STAT(hits, "look-ups", "Inbound look-ups that found a live SA."),
    STAT(misses, "look-ups", "Inbound look-ups that found none."),
    STAT(probes, "accesses", "Accesses of the index by inbound look-ups."),
    LEVEL(ip_live, "addresses", "Addresses in the separate address table."),
    STAT(ip_peak, "addresses", "Largest value of ip_live."),
    STAT(
        overshoot_packets, "packets",
        "Packets of SAs that had reached a hard limit in packets, let pass because the card had not looked yet."),
    STAT(overshoot_bytes, "bytes", "The same of hard limits in bytes."),
};
const size_t sa_table_stat_count = STAT_COUNT(sa_table_stat_table);

void sa_table_config_default(struct sa_table_config *config)
{
    *config = (struct sa_table_config){
        .organisation = SA_ORGANISATION_CAM,
        .choices = 2,
        .ways = 4,
        .search = 256,
        .unit = SA_UNIT_BUNDLES,
        .capacity = 65536,
        .capacity_in = 1024,
        .capacity_out = 1024,
    };
}
