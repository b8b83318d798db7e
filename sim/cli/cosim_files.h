/* Real traffic for ipsec_top: SAs of a recording, packets of captures, and what comes out as captures. */
#ifndef ESPNIC_CLI_COSIM_FILES_H
#define ESPNIC_CLI_COSIM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp/sa.h"

struct cosim_files_request {
    const char *oids, *rx, *tx;  /* inputs: recording, captures; NULL: none */
    const char *rx_out, *tx_out; /* outputs: what the RTL gave; NULL: not wanted */
};

/* What has become of a capture. Frames of the file are either `in` or among those that are left out. */
struct cosim_side_counts {
    uint64_t in, out;
    uint64_t with_sa; /* that the RTL found an SA for */
    /* left out */
    uint64_t too_long; /* longer than the RTL takes */
    uint64_t cut;      /* there are not all of their bytes in the capture, or none */
    uint64_t beyond;   /* with headers that only the C block follows */
    /* sent in clear, since their SA is one that the RTL does not do */
    uint64_t without_sa;
};

/* One side of the datapath: a capture goes in beat by beat, frames come out and are written. */
struct cosim_side {
    void *self;
    void (*close)(void *self);
    /* Closes the output. False with a sentence if it could not be written. Once, before close. */
    bool (*finish)(void *self, char *error, size_t error_size);
    /* The SA gets this number from the next cycle on. */
    void (*set_sa)(void *self, uint32_t *in, uint32_t number, const struct esp_node *node);
    /* Beats in and out, in this cycle. False with a message in error if the capture is damaged. */
    bool (*drive)(void *self, const uint32_t *out, uint32_t *in);
    /* What the RTL shows in this cycle, with the inputs that it gets. */
    void (*observe)(void *self, const uint32_t *out, const uint32_t *in);
    bool (*ended)(const void *self);        /* the capture is over, all of it has gone in */
    const char *(*error)(const void *self); /* NULL: none */
    const struct cosim_side_counts *(*counts)(const void *self);
};

struct finder;

/* NULL `path`: nothing goes in. False with a sentence in `error`. */
bool cosim_rx_side(struct cosim_side *side, const char *path, const char *out_path, char *error,
                   size_t error_size);
/* Which SA takes a frame: `finder`; the numbers of its SAs are those of the RTL. */
bool cosim_tx_side(struct cosim_side *side, const char *path, const char *out_path,
                   struct finder *finder, const uint32_t *number_of, uint32_t sas, char *error,
                   size_t error_size);

/* ---- the run ----------------------------------------------------------------------------------------- */

struct cosim_files;

/* Reads the recording. NULL with a sentence in `error`. `config` as for the block. Outputs are made only if `outputs`. */
struct cosim_files *cosim_files_open(const struct cosim_files_request *request, const char *config,
                                     bool outputs, char *error, size_t error_size);
void cosim_files_close(struct cosim_files *files);
/* The inputs of this cycle. */
void cosim_files_drive(struct cosim_files *files, const uint32_t *out, uint32_t *in);
void cosim_files_observe(struct cosim_files *files, const uint32_t *rtl_out, const uint32_t *in);
/* All has gone in, and nothing has come out for long; or a capture is damaged. */
bool cosim_files_ended(const struct cosim_files *files);
/* NULL: no capture is damaged. */
const char *cosim_files_error(const struct cosim_files *files);
/* Closes the outputs. False with a sentence if one could not be written. Once, before close. */
bool cosim_files_finish(struct cosim_files *files, char *error, size_t error_size);
/* What went in and came out, and what was left out, on standard output. */
void cosim_files_print(const struct cosim_files *files);
/* Has all of the captures been through, and some of each with an SA? If not, standard error says what is missing. */
bool cosim_files_enough(const struct cosim_files *files);

#endif
