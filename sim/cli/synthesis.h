/* Traffic made in memory: a gateway with tunnels between clients on both sides of it.
 *
 * A profile is a list of frame sizes (L2, without FCS and VLAN tag) with a packet rate each. Every port of the
 * card gets, half and half, clear frames (with a VLAN tag) to be encrypted, and ESP frames of the same inner
 * packets to be opened; each size of each half is a stream of its own with even spacing, a random phase, and its
 * own walk over the tunnels of the port. The rates are scaled together so that the wire of each port is offered
 * `workload.load`; what comes too early waits for the wire, as from a capture.
 *
 * Why one gateway stands for two back to back: of two equal gateways under equal load each port carries the clear
 * frames of its generator and the ESP frames of the other gateway, whose sizes and rates are those of its own ESP
 * (ESP goes out as it comes in). So what one gateway sees is known without the other one. A packet crosses both;
 * rates are the same, latency is that of one.
 *
 * Packets have headers only, and SAs no keys: timing-only runs. Tunnels: SA 2t+1 sends to 11.0.0.0 + t, SA 2t+2
 * receives for 10.0.0.0 + t; AES-GCM-256 with ESN, windows of 64. */
#ifndef ESPNIC_CLI_SYNTHESIS_H
#define ESPNIC_CLI_SYNTHESIS_H

#include "cli/config.h"
#include "host/host.h"
#include "traces/capture.h"

struct synthesis;

enum { SYNTHESIS_CLEAR, SYNTHESIS_ESP, SYNTHESIS_KINDS };

/* Do the other parameters allow the profile, if there is one? False with "key: sentence" in `error`. */
bool synthesis_possible(const struct espnic_config *config, char *error, size_t error_size);

/* NULL with a sentence in `error`, which begins with the path of the parameter. */
struct synthesis *synthesis_create(const struct espnic_config *config, char *error,
                                   size_t error_size);
void synthesis_destroy(struct synthesis *s);

/* Install the SAs of all tunnels. False: the card did not take one. */
bool synthesis_preload(const struct synthesis *s, struct host *host, char *error,
                       size_t error_size);

/* The next frame of the port of this number; it never ends. *time: ps from t = 0. *tag says what it is, see below. The bytes are
 * valid until the next call for this port. */
void synthesis_next(struct synthesis *s, unsigned number, struct capture_packet *packet,
                    uint64_t *time, uint64_t *tag);

/* From the tag of a frame: what came in (enum), and the L2 bytes of the clear packet, without VLAN tag. */
static inline unsigned synthesis_kind(uint64_t tag)
{
    return (unsigned)(tag & 1);
}
static inline uint32_t synthesis_size(uint64_t tag)
{
    return (uint32_t)(tag >> 1);
}

/* Mean bytes of a frame on the wire, with everything, of the profile half clear and half ESP; 0: no profile.
 * For reports: what the profile says, not what was simulated. */
double synthesis_wire_bytes(const char *profile);

/* Is it a profile? False with a sentence. Empty is none, and good. */
bool synthesis_profile_check(const char *profile, char *error, size_t error_size);

#endif
