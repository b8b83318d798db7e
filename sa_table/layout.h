/* How many bytes an SA context takes on a card, from what the card can do.
 *
 * The parts, for one SA (AH or ESP); a card with AH and ESP in one bundle has all but the endpoints twice:
 *   endpoints  addresses, mode and flags 4, UDP ports 4 if it encapsulates
 *   numbers    what packets change: sequence number with its upper half 8 (RFC 4303 2.2.1 and 3.3.3), window of
 *              window_max bits (RFC 4303 A2), packets and bytes so far 8 each (RFC 4301 4.4.2.1); where the host
 *              numbers and checks replay, of the first two only the upper half 4, with ESN
 *   limits     SPI and algorithms 8; soft and hard limits of packets and bytes 8 each, of seconds 4 each
 *   keys       of the longest suite: an AEAD, or a cipher and an integrity algorithm, salts included
 * Keys are kept as the host gives them, or `expanded` at ADD: round keys (FIPS 197: 16 bytes a round and 16 more; DES: 128
 * for each of its keys), a hash subkey of 16 for GCM and GMAC (SP 800-38D), and for an HMAC the two states behind the
 * padded key (RFC 2104 section 4) instead of it. ChaCha20 has nothing to expand.
 * Free places for alignment are not in it, so a real context is rather longer. */
#ifndef ESPNIC_SA_TABLE_LAYOUT_H
#define ESPNIC_SA_TABLE_LAYOUT_H

#include "sa_table/capabilities.h"

struct sa_layout { /* bytes */
    uint64_t endpoints, numbers, limits, keys;
    uint64_t total;
    uint64_t least; /* what no card can do without: keys as given, sequence numbers, windows */
};

struct sa_layout sa_layout_of(const struct sa_capabilities *can, bool expanded);

#endif
