/* The rules that a recorded host and card keep, checked record by record.
 *
 * The numbers are used everywhere in espnic. Where a rule is checked stands behind it:
 *
 *  1  The object header of a request has type 0x80, revision 1 and an accepted size.
 *     Not in the text form: it has no header bytes.
 *  2  A node has one or two entries; two are one ESP and one AH; an AH entry has integrity and no cipher.
 *     Here; the count itself is refused by the reader.
 *  3  Every algorithm is among those that the card has reported.
 *     Here if capabilities are given, else the card.
 *  4  ESN, a UDP kind and IPv6 are used only as the card has reported.
 *     Here if capabilities are given, else the card.
 *  5  The handle of a node that was added is nonzero and was not live.
 *     Here; zero is refused by the reader.
 *  6  A failing request hands out no handle, a successful one at least one.
 *     Not in the text form: it names refused nodes, too.
 *  7  The live bundles are never more than the capacity.
 *     Here if a capacity is given, else the card.
 *  8  UPDATE names a live entry with ESN, else it ends with INVALID_PARAMETER.
 *     Here.
 *  9  DELETE ends with SUCCESS, NOT_ACCEPTED or REQUEST_ABORTED; each handle is deleted at most once, and not used
 *     after it. Here.
 * 10  A delete request of the card (SaDeleteReq) is answered by two DELETEs, of the inbound SA and its partner.
 *     The reference host: the text form has no packets.
 * 11  The words of a received packet, CryptoDone and CryptoStatus among them, agree with each other.
 *     The reference host, of every completion.
 * 12  Nothing is offloaded before activation, and no SA added before the card has reported or while the offload is off.
 *     ADD while it is off: here; the rest: the running card and the reference host.
 *
 * Memory is proportional to the handles that are live or being deleted, not to the recording. */
#ifndef ESPNIC_TRACES_RULES_H
#define ESPNIC_TRACES_RULES_H

#include "traces/recording.h"

#include <stdbool.h>
#include <stdint.h>

enum { RULES_COUNT = 13 }; /* rules 1 to 12; index 0 is not used */

enum rules_where { RULES_CHECKED, RULES_WITH_CAPABILITIES, RULES_BY_CARD, RULES_NOT_IN_TEXT };

struct rules_info {
    const char *summary; /* one sentence */
    enum rules_where where;
};

/* `rule` 1 to 12. */
const struct rules_info *rules_info(unsigned rule);

/* What a card reported (NDIS_IPSEC_OFFLOAD_V2); masks are those of esp_alg_info. */
struct rules_capabilities {
    uint32_t auth_mask, encryption_mask; /* algorithms that NDIS has no bit for are not checked */
    uint32_t udp_mask;                   /* enum esp_udp bits */
    bool esn, ipv6;
    uint64_t capacity; /* bundles; 0 = not checked */
};

struct rules_violation {
    unsigned rule; /* 1 to 12 */
    uint64_t line; /* of the record */
    const char
        *sentence; /* with the key path in front: "nodes[0].handle: ..."; valid during the call */
};

typedef void (*rules_report)(void *context, const struct rules_violation *violation);

struct rules;

/* `capabilities` may be NULL and is copied. NULL only when memory runs out. */
struct rules *rules_create(const struct rules_capabilities *capabilities, rules_report report,
                           void *context);
void rules_destroy(struct rules *rules); /* NULL is allowed */

/* Feed the next record, in order. Calls `report` for each violation. False only when memory runs
 * out. */
bool rules_check(struct rules *rules, const struct recording_record *record);

/* Violations so far; by rule, or of all rules with rule = 0. */
uint64_t rules_violations(const struct rules *rules, unsigned rule);

/* Nodes live after the last record, and the most that ever were. */
uint64_t rules_live(const struct rules *rules);
uint64_t rules_peak_live(const struct rules *rules);

#endif
