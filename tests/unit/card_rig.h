/* A card, and a driver of its rings that does nothing by itself: what it reads, writes and sends is kept in
 * lists. Memory begins at address 0; nothing but rings and buffers is there. */
#ifndef ESPNIC_TESTS_CARD_RIG_H
#define ESPNIC_TESTS_CARD_RIG_H

#include "nic/card.h"

enum {
    CRIG_LIST = 16384,
    CRIG_RING = 0x20000, /* of a queue: descriptors, then completions */
    CRIG_TX = 0x100000,  /* transmit ring of queue 0; others CRIG_RING * 2 behind */
    CRIG_RX = 0x600000,
    CRIG_FRAMES = 0x1000000, /* buffers of 64 KiB, transmit */
    CRIG_BUFFERS = 0x3000000,
    CRIG_BUFFER = 0x20000,
    CRIG_MEMORY = 0x8000000
};

struct crig_write { /* a DMA write, as it became visible */
    uint64_t time, address;
    uint32_t length;
    uint32_t word; /* its first 4 bytes */
};

struct crig_frame {
    uint64_t time, tag;
    unsigned port;
    uint32_t length;
    uint8_t *bytes; /* NULL: no contents */
};

struct crig {
    struct nic_config config;
    struct espnic *card;
    uint8_t *memory;
    bool no_contents; /* transmit buffers have none */
    uint32_t tx_size[16], rx_size[16], tx_entry[16];
    uint32_t tx_tail[16], rx_tail[16];
    struct crig_write write[CRIG_LIST];
    struct crig_frame wire[CRIG_LIST];
    unsigned writes, wires, messages;
    uint64_t read_value; /* of the last register read */
    bool read_ok;
    struct pcie_direction_stats before[2]; /* crig_mark */
};

/* Defaults; change rig->config, then open. */
struct crig *crig_new(void);
void crig_open(struct crig *rig, bool functional);
void crig_free(struct crig *rig);

/* A register is written, or read, now. */
void crig_set(struct crig *rig, enum reg_id reg, unsigned index, uint64_t value);
uint64_t crig_get(struct crig *rig, enum reg_id reg, unsigned index);

/* Rings of `size` entries; RX: the driver posts all its buffers of `bytes` bytes. */
void crig_tx_ring(struct crig *rig, unsigned q, uint32_t size);
void crig_rx_ring(struct crig *rig, unsigned q, uint32_t size, uint32_t bytes);
void crig_post_rx(struct crig *rig, unsigned q, uint32_t count, uint32_t bytes);

/* Where things are. */
uint64_t crig_tx_at(unsigned q);
uint64_t crig_tx_done_at(unsigned q);
uint64_t crig_rx_done_at(unsigned q);
uint8_t *crig_frame_bytes(struct crig *rig, unsigned n); /* transmit buffer number n, mod 128 */
uint64_t crig_frame_at(unsigned n);

/* The next descriptor of the ring: not yet rung. Without an address it gets the frame number `tag`. */
void crig_put(struct crig *rig, unsigned q, const struct abi_tx_descriptor *d);
void crig_ring(struct crig *rig, unsigned q);

/* Fill a UDP frame; a received one arrives now, or after those before it. */
void crig_udp(uint8_t *frame, uint32_t number, uint32_t length);
void crig_receive(struct crig *rig, uint32_t number, uint32_t length);

/* Until nothing happens any more; the card's books must balance then. */
void crig_settle(struct crig *rig);
void crig_until(struct crig *rig, uint64_t time);

/* Count TLPs from here on: up is direction 0. */
void crig_mark(struct crig *rig);
struct pcie_direction_stats crig_since(struct crig *rig, unsigned direction);

#endif
