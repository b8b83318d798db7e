/* A card and the reference host around it, with everything they show kept in lists. */
#ifndef ESPNIC_TESTS_HOST_RIG_H
#define ESPNIC_TESTS_HOST_RIG_H

#include "host/host.h"
#include "nic/config.h"
#include "nic/nic.h"

enum { RIG_LIST = 8192 };

struct rig_frame {
    uint64_t time, tag;
    uint8_t *bytes; /* NULL: no contents */
    uint32_t length;
    bool forwarded;
    enum host_verdict verdict; /* deliveries */
    uint64_t handle;
};

struct rig {
    struct nic_config card_config;
    struct host_config host_config;
    bool functional;
    struct espnic *card;
    struct host *host;
    struct espnic_ports inner; /* the host's */
    struct rig_frame wire[RIG_LIST], up[RIG_LIST];
    unsigned wires, ups;
    struct host_oid_done oid[RIG_LIST];
    unsigned oids;
    uint64_t tx_drops;
    bool ask_delete; /* set SaDeleteReq in every receive completion */
    /* Change what the card reads of a request, or writes to the host; NULL: as it is. */
    void (*spoil_request)(struct rig *rig, uint8_t *bytes, uint32_t length);
    void (*spoil_answer)(struct rig *rig, uint64_t address, uint8_t *bytes, uint32_t length);
    uint64_t t0;
};

/* Defaults; change rig->card_config and rig->host_config, then rig_open. */
struct rig *rig_new(bool packet_offload, bool functional);
void rig_open(struct rig *rig);
/* SAs get to the card by this path; what it cannot be combined with is turned off. Before rig_open. */
void rig_path(struct rig *rig, enum nic_path path);
/* Books of both sides must balance. */
void rig_check(struct rig *rig);
void rig_free(struct rig *rig);
/* Run until nothing happens any more; the host must be idle then. */
void rig_settle(struct rig *rig);

/* ESP between 10.0.0.1 and 10.0.0.2, or 2001:db8::1 and ::2: AES-GCM-128, key from `spi`. */
struct esp_node rig_node(uint64_t handle, enum esp_dir dir, enum esp_mode mode, uint32_t spi);
/* A selector for packets from 192.168.`net`.0/24. */
void rig_select(struct esp_node *node, uint8_t net);
/* A UDP packet from 192.168.`net`.1 in 1514 bytes of buffer; returns its length. */
uint32_t rig_packet(uint8_t *frame, uint8_t net, uint32_t number, uint32_t length);
/* The same as TCP with 20 bytes of header; without checksum. */
uint32_t rig_tcp(uint8_t *frame, uint8_t net, uint32_t number, uint32_t length);
bool rig_send_tcp(struct rig *rig, uint64_t time, uint8_t net, uint32_t number, uint32_t length);
bool rig_send(struct rig *rig, uint64_t time, uint8_t net, uint32_t number, uint32_t length);

#endif
