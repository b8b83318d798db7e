/* The driver of a card whose SA tables are behind registers (mailbox.c, tables.c). */
#ifndef ESPNIC_HOST_MAILBOX_H
#define ESPNIC_HOST_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "nic/abi.h"
#include "nic/ndis.h"
#include "nic/nic.h"

struct host;

/* What the driver knows of the tables: the shadow that a reset is undone from. Words as the registers
 * have them. */
struct host_tables {
    struct host_rx_entry {
        uint32_t used;
        uint32_t spi, ip; /* `ip`: entry of the addresses */
        uint32_t key[4], salt, mode;
    } rx[NIC_TABLE_MAX];
    struct host_tx_entry {
        uint32_t used;
        uint32_t key[4], salt;
        uint32_t spi; /* for the handle only */
    } tx[NIC_TABLE_MAX];
    struct host_ip_entry {
        uint32_t users;
        uint32_t word[4];
    } ip[NIC_TABLE_MAX];
    uint32_t rxs, txs, ips; /* entries of the card */
    uint32_t rx_used, tx_used;
};

/* The sequence under way; part of the host's flat state. */
struct host_mailbox {
    uint8_t job;     /* enum in mailbox.c, 0 = idle */
    uint8_t program; /* sequence of accesses, 0 = none */
    uint8_t step;
    uint8_t phase; /* of the job */
    uint8_t tries; /* looks whether the blocks are empty */
    uint8_t ready; /* bits: transmit, receive block is empty */
    bool engines;  /* run */
    bool restore;  /* the card has been reset: tables have to be written anew */
    uint32_t request, count, node, entry;
    uint32_t select; /* to be written to the index register, beside IPS_EN */
    uint32_t words[8];
    uint32_t value;            /* read last */
    uint64_t since;            /* when the read left */
    uint64_t read_ps, wait_ps; /* of the job: in reads; waiting for blocks to be empty */
    uint64_t began;
    uint32_t reads, writes;          /* of the request's tables */
    uint32_t offset[NDIS_MAX_CHAIN]; /* ADD: nodes */
    uint64_t handle[NDIS_MAX_CHAIN]; /* DELETE */
    struct abi_command_completion done;
};

/* Begin with a request, or with the restoration; the core then steps until nothing is left. */
void host_mailbox_request(struct host *host, uint32_t id, uint64_t time);
/* False: there is nothing to restore. */
bool host_mailbox_restore(struct host *host, uint64_t time);
bool host_mailbox_busy(const struct host *host);
/* The next access begins: true, with the time when the core has done it (CLOCK_NEVER: when the read is
 * answered). False: the job is over, and what it was for has ended. */
bool host_mailbox_step(struct host *host, uint64_t now, uint64_t *until);
/* The access is over. */
void host_mailbox_stepped(struct host *host, uint64_t now);
void host_mailbox_answer(struct host *host, uint64_t time, uint32_t value);

/* ---- tables.c: places, and the words of entries ---------------------------------------------------- */

struct host_tables *host_tables_new(uint32_t txs, uint32_t rxs, uint32_t ips);
/* Give the node a place: SA_OK with the entry and, inbound, whether its address is new in the table. */
enum sa_reason host_tables_add(struct host *host, const struct esp_node *node, uint32_t *entry,
                               bool *new_address);
/* Inbound or outbound entry of a handle; false: none. */
bool host_tables_find(const struct host_tables *t, uint64_t handle, bool *inbound, uint32_t *entry);
uint64_t host_tables_handle(const struct host_tables *t, bool inbound, uint32_t entry);
/* The entry is free; true if its address is as well: *ip. */
bool host_tables_remove(struct host_tables *t, bool inbound, uint32_t entry, uint32_t *ip);
/* The data registers of an entry. */
void host_tables_words(const struct host_tables *t, unsigned table, uint32_t entry,
                       uint32_t *words);
/* Put an SA there before time starts; 0: refused for *reason. */
uint64_t host_tables_preload(struct host *host, const struct esp_node *node,
                             enum sa_reason *reason);

#endif
