/* What the tests of --tx-out share: running the program, captures, recordings, reports, tshark. */
#ifndef ESPNIC_TESTS_TX_OUT_SUPPORT_H
#define ESPNIC_TESTS_TX_OUT_SUPPORT_H

#include <jansson.h>

#include "esp/esp.h"

enum { TXO_ROOM = 70000, TXO_PATH = 900, TXO_MAX_NODES = 4096 };

struct txo_frame {
    uint8_t *bytes;
    uint32_t length; /* all of it was captured */
    uint32_t l3;     /* offset of the IP header; 0: raw IP */
    struct esp_view view;
};

struct txo_frames {
    struct txo_frame *at;
    unsigned count;
};

struct txo_nodes {
    struct esp_node at[TXO_MAX_NODES];
    unsigned count;
};

/* A folder of this process below /tmp, made at the first call. */
const char *txo_folder(void);
void txo_remove(void);
/* A file in it; the same buffer at every call. */
const char *txo_path(const char *name);

/* $ESPNIC_DATA/NAME; false after "SKIP ..." if it is not there. */
bool txo_data(const char *name, char path[TXO_PATH]);

/* Run a command; its exit status. Its output goes to a file of the folder. */
__attribute__((format(printf, 1, 2))) int txo_run(const char *format, ...);

/* Is there such a program? */
bool txo_have(const char *program);

/* All frames of a capture (Ethernet or raw IP) that the filter takes; "" takes all. */
void txo_load(const char *path, const char *filter, struct txo_frames *frames);
void txo_free(struct txo_frames *frames);

/* The nodes of all ADD records. */
void txo_load_nodes(const char *recording, struct txo_nodes *nodes);
const struct esp_node *txo_find_spi(const struct txo_nodes *nodes, uint32_t spi);

/* The SAs beside a capture as a recording: `end` is left, right or all. With `outbound` every SA
 * becomes one that sends, from the first number that the capture shows. */
void txo_recording(const char *sa_json, const char *end, bool outbound, const char *recording);

/* A number of a JSON report by its path, "tx.drops.mtu". */
uint64_t txo_number(const json_t *report, const char *path);
/* The sum of the numbers of an object. */
uint64_t txo_sum(const json_t *report, const char *path);

/* tshark's decryption of every frame of a capture in order, NULL where it shows none. False if tshark
 * cannot be asked: it is not there. */
struct txo_decrypted {
    uint8_t *bytes;
    uint32_t length;
};
bool txo_tshark(const char *capture, const struct txo_nodes *nodes, struct txo_decrypted *all,
                unsigned count);
/* Does tshark 4.0 know the cipher of the SA? */
bool txo_tshark_knows(const struct esp_sa *sa);

#endif
