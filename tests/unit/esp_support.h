/* What the tests of sim/esp share: JSON, hex, names of the data sets' algorithms. */
#ifndef ESPNIC_TESTS_ESP_SUPPORT_H
#define ESPNIC_TESTS_ESP_SUPPORT_H

#include <jansson.h>

#include "esp/esp.h"

enum { SUPPORT_BACKENDS = 2 };

/* Both backends, or those that this build and machine have; NULL for one that is not there (said
 * loudly, once). */
struct esp_crypt *support_open(unsigned which);

/* Path below $ESPNIC_DATA; false (and "SKIP name: ...") if the folder is not there. */
bool support_data(const char *test, const char *folder, char *path, size_t size);

/* Load a JSON file or fail the test. */
json_t *support_load(const char *path);

/* Member as hex, decimal or a 0x number. A missing or null one has length 0. */
size_t support_hex(const json_t *object, const char *key, uint8_t *out, size_t room);
uint64_t support_number(const json_t *object, const char *key);
const char *support_string(const json_t *object, const char *key);
bool support_flag(const json_t *object, const char *key);

/* Fill the keys of an SA from `cipher`, `enc_key`, `salt`, `auth`, `auth_key`, `icv_len` of the data
 * sets. False if the cipher is not one of ours. */
bool support_keys(const json_t *object, struct esp_sa *sa);

/* "10.0.0.1" or "2001:db8::1" */
struct esp_address support_address(const char *text);

/* An Ethernet frame (one VLAN tag with `vlan`) of a well-formed IP packet with `length` bytes in
 * all at L3 and random contents, in the middle of `buffer`. IPv4: `options` bytes of options (a
 * multiple of 4), IPv6: destination options of that many bytes (a multiple of 8). */
void support_frame(uint64_t *state, uint8_t *buffer, uint32_t capacity, uint8_t version,
                   uint32_t length, uint32_t options, bool vlan, struct esp_packet *packet);

/* A random key for the algorithm, salt included; ICV as given. */
void support_random_key(uint64_t *state, enum esp_alg alg, unsigned icv, struct esp_key *key);

/* Deterministic bytes. */
uint64_t support_random(uint64_t *state);
void support_fill(uint64_t *state, uint8_t *out, size_t length);

#endif
