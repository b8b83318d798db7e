/* Traffic without a surprise, for measuring: packets of one size, SAs in turn.
 *
 * A folder below /tmp gets sas.jsonl (every SA at t = 0, AES-GCM-128 in tunnel mode without replay window, so
 * that captures can be played again; then requests to add more, one every interval), rx.pcap (what the
 * peers send) and tx.pcap (clear packets that the outbound SAs take by selector). */
#ifndef TESTS_VALIDATION_UNIFORM_H
#define TESTS_VALIDATION_UNIFORM_H

#include <stdint.h>

struct uniform {
    unsigned sas;          /* of each direction */
    unsigned packets;      /* in each capture */
    uint32_t inner;        /* bytes of the inner IP packet, at least 28 */
    unsigned requests;     /* ADD_SA after t = 0 */
    uint64_t interval_ns;  /* between them; the first comes after one */
    const char *cipher;    /* of every SA, as in recordings; NULL: aes-gcm-128 */
    const char *integrity; /* NULL: none */
};

/* Returns the folder; dies with a message. The caller removes it with uniform_remove(). */
const char *uniform_make(const struct uniform *u);
void uniform_remove(const char *folder);

/* Bytes of the frames without FCS. */
uint32_t uniform_clear(const struct uniform *u);
uint32_t uniform_sealed(const struct uniform *u);

#endif
