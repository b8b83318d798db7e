/* The tables of a card that is programmed through registers (mailbox.c). */
#ifndef ESPNIC_NIC_MAILBOX_H
#define ESPNIC_NIC_MAILBOX_H

#include "nic/card.h"

/* As the registers hold them. */
struct nic_tx_entry {
    uint32_t key[4], salt;
};

struct nic_ip_entry {
    uint32_t word[4];
};

struct nic_spi_entry {
    uint32_t spi, ip;
};

struct nic_key_entry {
    uint32_t key[4], salt, mode;
};

/* A store or load, as an index register has asked for it. */
struct nic_mailbox_order {
    uint32_t words[NIC_TABLE_WORDS]; /* store: what goes into the entry */
    uint32_t index;
    uint8_t table; /* enum nic_table */
    bool write;
};

struct nic_mailbox {
    struct nic_mailbox_state {
        uint64_t finish; /* of the store or load under way, CLOCK_NEVER */
        struct nic_mailbox_order order;
        bool stopped[2]; /* NIC_RX, NIC_TX: the block is not fed */
        uint64_t stores;
        uint64_t beyond; /* accesses to entries or tables that are not there */
    } s;
    uint32_t txs, rxs, ips; /* entries */
    struct nic_tx_entry *tx;
    struct nic_spi_entry *spi;
    struct nic_key_entry *key;
    struct nic_ip_entry *ip;
    uint32_t *tx_sa, *rx_sa; /* [entry]: context of sa_table, 0 = none */
    uint16_t *owner;         /* [context]: receive entry */
    uint32_t owners;
    uint8_t inside[256]; /* [channel]: 1 + direction of the security block that it is a part of */
};

/* How the card's sa_table has to be to hold what such tables can hold. */
struct sa_table_config nic_mailbox_table(const struct nic_config *config);
void nic_mailbox_init(struct espnic *card);
void nic_mailbox_wire(struct espnic *card); /* after all channels are there */
void nic_mailbox_free(struct espnic *card);
void nic_mailbox_register_state(struct espnic *card, struct snapshot *snap);

/* Store an entry; `words` as many as it has. */
void nic_mailbox_store(struct espnic *card, unsigned table, uint32_t index, const uint32_t *words,
                       uint64_t now_ns);

/* One of its registers has been written; the card is reset. */
void nic_mailbox_written(struct espnic *card, enum reg_id reg, uint64_t now);
void nic_mailbox_reset(struct espnic *card, uint64_t now);
/* The registers block has woken: a store may be over. */
void nic_mailbox_wake(struct espnic *card, uint64_t now);
/* Must this write wait? The cycle until which, CLOCK_NEVER: no. */
uint64_t nic_mailbox_busy(const struct espnic *card, const struct nic_mmio *next);
/* When the store or load under way is over, CLOCK_NEVER: there is none. */
static inline uint64_t nic_mailbox_finish(const struct espnic *card)
{
    return card->mailbox ? card->mailbox->s.finish : CLOCK_NEVER;
}

/* The registers' part in it. Does this access, a write, ask for a store or load? */
bool nic_mailbox_orders(const struct nic_mmio *access);
/* The index register has been written: what it asks for, with the data registers as they are now. */
enum nic_mailbox_taken { NIC_MAILBOX_NOTHING, NIC_MAILBOX_NO_TABLE, NIC_MAILBOX_BEGUN };
enum nic_mailbox_taken nic_mailbox_take(struct reg_file *registers, enum reg_id reg,
                                        struct nic_mailbox_order *order);
/* The store or load is over: the strobes of its index register go back to 0. */
void nic_mailbox_clear(struct reg_file *registers, unsigned table);

/* What a read shows of a register that holds `value`. */
uint64_t nic_mailbox_read(struct espnic *card, uint32_t offset, uint64_t value);

/* The context of a transmit descriptor's handle, 0: none. The handle that a completion shows for a receive
 * context. */
uint32_t nic_mailbox_sa(const struct espnic *card, uint64_t handle);
uint64_t nic_mailbox_handle(const struct espnic *card, uint32_t sa);

#endif
