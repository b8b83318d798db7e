/* mailbox: the SA tables of a card that is programmed through registers (Intel 82599 family).
 *
 * The driver loads data registers and writes an index register with WRITE: the card takes the data
 * registers as they are at that moment, stores them after `card.command.table_write` and clears WRITE. An
 * index register written with WRITE or READ meanwhile waits, with every register write behind it.
 * Tables (hardware.md 2.1): transmit SAs (key, salt), receive addresses, receive SPIs (SPI, index of the
 * address), receive keys (key, salt, mode) with the index of the SPI.
 *
 * What the entries say becomes SAs of sa_table, where the data path finds them: an outbound one for each
 * transmit entry that is not all zero (ESP or AH, GCM or GMAC is said by each descriptor), an inbound one
 * for each valid key with an SPI. An entry that is changed is another SA: packets in flight keep the old
 * one, whose context goes with the last of them. Two receive entries for one SPI, address and protocol: the
 * first one counts. What the tables have no place for (window, ESN, lifetime, selector, mode) such an SA
 * has not.
 *
 * The tables outlive a reset; the engines' registers do not. TX_DIS and RX_DIS stop feeding the blocks
 * behind sa_fetch and sa_lookup; RDY is read as 1 when what was inside has left them. */
#include "nic/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { KEY_BYTES = 16, SALT_BYTES = 4, ICV = 16 };

static struct nic_mailbox *of(const struct espnic *card)
{
    return card->mailbox;
}

/* ---- from entries to SAs ------------------------------------------------------------------------ */

static void put_be32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

/* Bytes in the order of the packet, as a little-endian register holds them. */
static void put_le32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
    at[2] = (uint8_t)(v >> 16);
    at[3] = (uint8_t)(v >> 24);
}

static void read_key(const uint32_t *words, uint32_t salt, enum esp_alg alg, struct esp_key *key)
{
    key->alg = alg;
    key->icv = ICV;
    key->length = KEY_BYTES + SALT_BYTES;
    for (unsigned i = 0; i < 4; i++) {
        put_be32(key->bytes + 4 * (3 - i), words[i]);
    }
    put_be32(key->bytes + KEY_BYTES, salt);
}

static void common(struct esp_node *node, enum esp_dir dir, uint8_t family)
{
    memset(node, 0, sizeof *node);
    node->dir = dir;
    node->mode =
        ESP_MODE_TRANSPORT; /* the host builds and strips all headers: the card cannot know */
    node->src.family = family;
    node->dst.family = family;
    node->sa_count = 1;
}

static void transmit_node(const struct nic_tx_entry *e, struct esp_node *node)
{
    common(node, ESP_DIR_OUT, 4);
    node->sa[0].op = ESP_OP_ESP;
    node->sa[0].seq = 1;
    read_key(e->key, e->salt, ESP_ALG_AES_GCM_128, &node->sa[0].enc);
}

static void receive_node(const struct nic_mailbox *m, uint32_t i, struct esp_node *node)
{
    const struct nic_spi_entry *s = &m->spi[i];
    const struct nic_key_entry *k = &m->key[i];
    const uint32_t *address = m->ip[s->ip % m->ips].word;
    bool v6 = REG_GET(IPSRXMOD, IPV6, k->mode) != 0;
    struct esp_sa *sa = &node->sa[0];

    common(node, ESP_DIR_IN, v6 ? 6 : 4);
    for (unsigned w = v6 ? 0 : 3; w < 4; w++) {
        put_le32(node->dst.bytes + 4 * (v6 ? w : 0), address[w]);
    }
    sa->op = REG_GET(IPSRXMOD, ESP, k->mode) ? ESP_OP_ESP : ESP_OP_AH;
    sa->spi = __builtin_bswap32(s->spi);
    if (sa->op == ESP_OP_ESP && REG_GET(IPSRXMOD, DECRYPT, k->mode)) {
        read_key(k->key, k->salt, ESP_ALG_AES_GCM_128, &sa->enc);
    } else {
        sa->enc.alg = sa->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
        read_key(k->key, k->salt, ESP_ALG_AES_GMAC_128, &sa->auth);
    }
    if (REG_GET(IPSRXMOD, NO_KEY, k->mode)) {
        sa->enc.length = 0;
        sa->auth.length = 0;
    }
}

/* The SA goes: at once, or with the last packet that holds it (nic_command_drained). */
static void remove_sa(struct espnic *card, uint32_t *slot, uint64_t now_ns)
{
    uint32_t id = 0;

    if (*slot && sa_table_begin_delete(&card->table, sa_table_handle(&card->table, *slot), &id) ==
                     SA_DELETE_READY) {
        nic_forget_sa(card, id, now_ns);
    }
    *slot = 0;
}

static void add_sa(struct espnic *card, const struct esp_node *node, uint32_t *slot,
                   uint64_t now_ns)
{
    struct sa_added added = sa_table_add(&card->table, node, false);

    if (added.reason == SA_OK) {
        sa_table_commit(&card->table, added.id, now_ns);
    }
    *slot = added.id;
}

static bool is_empty(const struct nic_tx_entry *e)
{
    static const struct nic_tx_entry zero;

    return memcmp(e, &zero, sizeof zero) == 0;
}

/* The transmit entry has been stored. */
static void settle_transmit(struct espnic *card, uint32_t i, uint64_t now_ns)
{
    struct nic_mailbox *m = of(card);
    struct esp_node node;

    remove_sa(card, &m->tx_sa[i], now_ns);
    if (!is_empty(&m->tx[i])) {
        transmit_node(&m->tx[i], &node);
        add_sa(card, &node, &m->tx_sa[i], now_ns);
        explicit_bzero(&node, sizeof node);
    }
}

/* Something of the receive entry has been stored. */
static void settle_receive(struct espnic *card, uint32_t i, uint64_t now_ns)
{
    struct nic_mailbox *m = of(card);
    struct esp_node node;

    remove_sa(card, &m->rx_sa[i], now_ns);
    if (!REG_GET(IPSRXMOD, VALID, m->key[i].mode) || !m->spi[i].spi) {
        return;
    }
    receive_node(m, i, &node);
    add_sa(card, &node, &m->rx_sa[i], now_ns);
    if (m->rx_sa[i]) {
        m->owner[m->rx_sa[i]] = (uint16_t)i;
    }
    explicit_bzero(&node, sizeof node);
}

/* All SAs whose address this is. */
static void settle_address(struct espnic *card, uint32_t ip, uint64_t now_ns)
{
    struct nic_mailbox *m = of(card);

    for (uint32_t i = 0; i < m->rxs; i++) {
        if (m->spi[i].ip % m->ips == ip && REG_GET(IPSRXMOD, VALID, m->key[i].mode)) {
            settle_receive(card, i, now_ns);
        }
    }
}

/* ---- stores and loads ----------------------------------------------------------------------------- */

static uint32_t entries_of(const struct nic_mailbox *m, unsigned table)
{
    switch (table) {
    case NIC_TABLE_TX: return m->txs;
    case NIC_TABLE_IP: return m->ips;
    case NIC_TABLE_SPI:
    case NIC_TABLE_KEY: return m->rxs;
    default: return 0;
    }
}

/* The words of an entry are those of its structure. */
static void *words_of(struct nic_mailbox *m, unsigned table, uint32_t i, uint32_t *count)
{
    switch (table) {
    case NIC_TABLE_TX: *count = sizeof *m->tx / 4; return &m->tx[i];
    case NIC_TABLE_IP: *count = sizeof *m->ip / 4; return &m->ip[i];
    case NIC_TABLE_SPI: *count = sizeof *m->spi / 4; return &m->spi[i];
    default: *count = sizeof *m->key / 4; return &m->key[i];
    }
}

void nic_mailbox_store(struct espnic *card, unsigned table, uint32_t index, const uint32_t *words,
                       uint64_t now_ns)
{
    struct nic_mailbox *m = of(card);
    uint32_t count;
    void *entry;

    if (index >= entries_of(m, table)) {
        m->s.beyond++;
        return;
    }
    entry = words_of(m, table, index, &count);
    memcpy(entry, words, count * sizeof *words);
    m->s.stores++;
    switch (table) {
    case NIC_TABLE_TX: settle_transmit(card, index, now_ns); break;
    case NIC_TABLE_IP: settle_address(card, index, now_ns); break;
    default: settle_receive(card, index, now_ns); break;
    }
    card->stats.sa_live = card->table.stats.live;
    card->stats.sa_peak = card->table.stats.peak_live;
}

/* Data registers of a table, in the order of the words of its entries. */
struct port {
    enum reg_id reg;
    uint32_t count;
};

static const struct port ports[NIC_TABLES][3] = {
    [NIC_TABLE_TX] = { { REG_IPSTXKEY, 4 }, { REG_IPSTXSALT, 1 } },
    [NIC_TABLE_IP] = { { REG_IPSRXIPADDR, 4 } },
    [NIC_TABLE_SPI] = { { REG_IPSRXSPI, 1 }, { REG_IPSRXIPIDX, 1 } },
    [NIC_TABLE_KEY] = { { REG_IPSRXKEY, 4 }, { REG_IPSRXSALT, 1 }, { REG_IPSRXMOD, 1 } },
};

static void move(struct reg_file *registers, unsigned table, uint32_t *words, bool to_registers)
{
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned i = 0; i < ports[table][p].count; i++, words++) {
            if (to_registers) {
                reg_set(registers, ports[table][p].reg, i, *words);
            } else {
                *words = (uint32_t)reg_get(registers, ports[table][p].reg, i);
            }
        }
    }
}

static void load(struct espnic *card, unsigned table, uint32_t index)
{
    struct nic_mailbox *m = of(card);
    uint32_t count;

    if (index >= entries_of(m, table)) {
        m->s.beyond++;
        return;
    }
    move(&card->registers, table, words_of(m, table, index, &count), true);
}

void nic_mailbox_clear(struct reg_file *registers, unsigned table)
{
    enum reg_id reg = table == NIC_TABLE_TX ? REG_IPSTXIDX : REG_IPSRXIDX;

    reg_set(registers, reg, 0,
            reg_get(registers, reg, 0) &
                ~(uint64_t)(REG_MASK(IPSTXIDX, READ) | REG_MASK(IPSTXIDX, WRITE)));
}

static void finish(struct espnic *card, uint64_t now)
{
    struct nic_mailbox_state *s = &of(card)->s;
    const struct nic_mailbox_order *o = &s->order;

    if (o->write) {
        nic_mailbox_store(card, o->table, o->index, o->words, nic_now_ns(card, now));
    } else {
        load(card, o->table, o->index);
    }
    nic_mailbox_clear(&card->registers, o->table);
    s->finish = CLOCK_NEVER;
}

void nic_mailbox_wake(struct espnic *card, uint64_t now)
{
    if (card->mailbox && of(card)->s.finish <= now) {
        finish(card, now);
    }
}

static bool strobes(uint64_t value)
{
    return REG_GET(IPSTXIDX, WRITE, value) || REG_GET(IPSTXIDX, READ, value);
}

bool nic_mailbox_orders(const struct nic_mmio *access)
{
    bool index = access->offset == REG_IPSTXIDX_OFFSET || access->offset == REG_IPSRXIDX_OFFSET;

    return index && !access->read && strobes(access->value);
}

uint64_t nic_mailbox_busy(const struct espnic *card, const struct nic_mmio *next)
{
    return card->mailbox && nic_mailbox_orders(next) ? of(card)->s.finish : CLOCK_NEVER;
}

enum nic_mailbox_taken nic_mailbox_take(struct reg_file *registers, enum reg_id reg,
                                        struct nic_mailbox_order *order)
{
    uint64_t value = reg_get(registers, reg, 0);

    if (!strobes(value)) {
        return NIC_MAILBOX_NOTHING;
    }
    order->write = REG_GET(IPSTXIDX, WRITE, value) != 0;
    order->table = reg == REG_IPSTXIDX ? NIC_TABLE_TX : (uint8_t)REG_GET(IPSRXIDX, TABLE, value);
    order->index = (uint32_t)REG_GET(IPSTXIDX, INDEX, value);
    if (reg == REG_IPSRXIDX && order->table == 0) { /* no table has this number */
        nic_mailbox_clear(registers, NIC_TABLE_IP);
        return NIC_MAILBOX_NO_TABLE;
    }
    if (order->write) {
        move(registers, order->table, order->words, false);
    }
    return NIC_MAILBOX_BEGUN;
}

/* An index register has been written. */
static void begin(struct espnic *card, enum reg_id reg, uint64_t now)
{
    struct nic_mailbox_state *s = &of(card)->s;
    uint64_t cycles =
        clock_cycles_from_ps(&card->clocks, card->core, card->config.command.table_write);

    switch (nic_mailbox_take(&card->registers, reg, &s->order)) {
    case NIC_MAILBOX_NOTHING: return;
    case NIC_MAILBOX_NO_TABLE: s->beyond++; return;
    case NIC_MAILBOX_BEGUN: break;
    }
    if (!cycles || nic_is_ideal(&card->config, NIC_IDEAL_COMMAND)) {
        finish(card, now);
        return;
    }
    s->finish = now + cycles; /* the registers block, which runs now, wakes itself */
}

/* ---- the engines ------------------------------------------------------------------------------------ */

/* One of the gates has moved: packets that stood before it look again. */
static void wake_gates(struct espnic *card, uint64_t now)
{
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        sched_wake(&card->sched, card->lane[i].lookup.block, now + 1);
        sched_wake(&card->sched, card->lane[i].fetch.block, now + 1);
    }
}

static void engines(struct espnic *card, uint64_t now)
{
    const struct reg_file *r = &card->registers;
    struct nic_mailbox_state *s = &of(card)->s;
    uint64_t tx = reg_get(r, REG_SECTXCTRL, 0);
    uint64_t rx = reg_get(r, REG_SECRXCTRL, 0);
    bool stopped[2] = { REG_GET(SECRXCTRL, RX_DIS, rx) != 0, REG_GET(SECTXCTRL, TX_DIS, tx) != 0 };

    card->offload_on = !REG_GET(SECTXCTRL, SECTX_DIS, tx) && !REG_GET(SECRXCTRL, SECRX_DIS, rx) &&
                       REG_GET(IPSTXIDX, IPS_EN, reg_get(r, REG_IPSTXIDX, 0)) &&
                       REG_GET(IPSRXIDX, IPS_EN, reg_get(r, REG_IPSRXIDX, 0));
    if (stopped[NIC_RX] != s->stopped[NIC_RX] || stopped[NIC_TX] != s->stopped[NIC_TX]) {
        s->stopped[NIC_RX] = stopped[NIC_RX];
        s->stopped[NIC_TX] = stopped[NIC_TX];
        wake_gates(card, now);
    }
}

void nic_mailbox_written(struct espnic *card, enum reg_id reg, uint64_t now)
{
    if (reg == REG_IPSTXIDX || reg == REG_IPSRXIDX) {
        begin(card, reg, now);
    }
    engines(card, now);
}

void nic_mailbox_reset(struct espnic *card, uint64_t now)
{
    static const enum reg_id lost[] = { REG_SECTXCTRL,   REG_SECRXCTRL, REG_SECTXBUFFAF,
                                        REG_SECTXMINIFG, REG_IPSTXIDX,  REG_IPSRXIDX };

    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        reg_set(&card->registers, lost[i], 0, reg_table[lost[i]].reset);
    }
    of(card)->s.finish = CLOCK_NEVER; /* a store that was under way is lost */
    engines(card, now);
}

/* Behind the gate of this direction there is nothing. */
static bool drained(const struct espnic *card, unsigned dir)
{
    const struct nic_mailbox *m = of(card);

    for (unsigned i = 0; i < card->channels; i++) {
        if (m->inside[i] == 1 + dir && channel_beats(card->channel[i])) {
            return false;
        }
    }
    return true;
}

uint64_t nic_mailbox_read(struct espnic *card, uint32_t offset, uint64_t value)
{
    const struct nic_mailbox_state *s = &of(card)->s;

    switch (offset) {
    case REG_SECTXSTAT_OFFSET:
        return REG_PUT(SECTXSTAT, SECTX_RDY, 0, s->stopped[NIC_TX] && drained(card, NIC_TX));
    case REG_SECRXSTAT_OFFSET:
        return REG_PUT(SECRXSTAT, SECRX_RDY, 0, s->stopped[NIC_RX] && drained(card, NIC_RX));
    default: return value;
    }
}

/* ---- for the data path ------------------------------------------------------------------------------- */

uint32_t nic_mailbox_sa(const struct espnic *card, uint64_t handle)
{
    const struct nic_mailbox *m = of(card);
    uint32_t index = (uint32_t)handle - ABI_TABLE_TX_HANDLE;

    return index < m->txs && card->offload_on ? m->tx_sa[index] : 0;
}

uint64_t nic_mailbox_handle(const struct espnic *card, uint32_t sa)
{
    uint32_t index = of(card)->owner[sa];

    return abi_table_handle(sa_context(&card->table, sa)->first.spi, ABI_TABLE_RX_HANDLE + index);
}

/* ---- before time starts ------------------------------------------------------------------------------- */

void espnic_preload_entry(struct espnic *card, enum nic_table table, uint32_t index,
                          const uint32_t words[NIC_TABLE_WORDS])
{
    nic_mailbox_store(card, table, index, words, 0);
}

void espnic_preload_engines(struct espnic *card)
{
    reg_set(&card->registers, REG_SECTXCTRL, 0, REG_MASK(SECTXCTRL, STORE_FORWARD));
    reg_set(&card->registers, REG_SECRXCTRL, 0, 0);
    reg_set(&card->registers, REG_IPSTXIDX, 0, REG_MASK(IPSTXIDX, IPS_EN));
    reg_set(&card->registers, REG_IPSRXIDX, 0, REG_MASK(IPSRXIDX, IPS_EN));
    card->offload_on = true;
}

/* ---- set-up --------------------------------------------------------------------------------------------- */

static void *zeroed(size_t count, size_t bytes)
{
    return must(calloc(count, bytes));
}

struct sa_table_config nic_mailbox_table(const struct nic_config *config)
{
    struct sa_table_config t = config->table;

    /* addresses are counted in their own table; contexts of changed entries stay until their last packet */
    t.ip_entries = 0;
    t.capacity_in += NIC_TABLE_MAX;
    t.capacity_out += NIC_TABLE_MAX;
    t.outbound_duplicates = true;
    return t;
}

void nic_mailbox_init(struct espnic *card)
{
    const struct sa_table_config *c = &card->config.table;
    struct nic_mailbox *m = zeroed(1, sizeof *m);

    card->mailbox = m;
    m->txs = c->capacity_out;
    m->rxs = c->capacity_in;
    m->ips = c->ip_entries;
    m->owners = m->txs + m->rxs + 2 * NIC_TABLE_MAX + 1;
    m->tx = zeroed(m->txs, sizeof *m->tx);
    m->spi = zeroed(m->rxs, sizeof *m->spi);
    m->key = zeroed(m->rxs, sizeof *m->key);
    m->ip = zeroed(m->ips, sizeof *m->ip);
    m->tx_sa = zeroed(m->txs, sizeof *m->tx_sa);
    m->rx_sa = zeroed(m->rxs, sizeof *m->rx_sa);
    m->owner = zeroed(m->owners, sizeof *m->owner);
    m->s.finish = CLOCK_NEVER;
    card->table.stats.capacity = (uint64_t)m->txs + m->rxs;
}

static bool is_one_of(unsigned block, const struct stage *const *stages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (stages[i]->block == block) {
            return true;
        }
    }
    return false;
}

/* Channels behind the gates: those that the stages from there on write. */
void nic_mailbox_wire(struct espnic *card)
{
    for (unsigned i = 0; i < card->channels; i++) {
        unsigned writer = card->channel[i]->config.writer;

        for (unsigned l = 0; l < card->config.general.lanes; l++) {
            const struct nic_lane *lane = &card->lane[l];
            const struct stage *rx[] = { &lane->lookup,     &lane->replay, &lane->rx.crypto,
                                         &lane->rx.reorder, &lane->update, &lane->decapsulate };
            const struct stage *tx[] = { &lane->fetch, &lane->sequence, &lane->encapsulate,
                                         &lane->tx.crypto, &lane->tx.reorder };

            if (is_one_of(writer, rx, sizeof rx / sizeof rx[0])) {
                of(card)->inside[i] = 1 + NIC_RX;
            } else if (is_one_of(writer, tx, sizeof tx / sizeof tx[0])) {
                of(card)->inside[i] = 1 + NIC_TX;
            }
        }
    }
}

void nic_mailbox_free(struct espnic *card)
{
    struct nic_mailbox *m = of(card);

    if (!m) {
        return;
    }
    free(m->tx);
    free(m->spi);
    free(m->key);
    free(m->ip);
    free(m->tx_sa);
    free(m->rx_sa);
    free(m->owner);
    free(m);
}

void nic_mailbox_register_state(struct espnic *card, struct snapshot *snap)
{
    struct nic_mailbox *m = of(card);

    snapshot_fixed(snap, "mailbox.state", &m->s, sizeof m->s);
    snapshot_fixed(snap, "mailbox.tx", m->tx, m->txs * sizeof *m->tx);
    snapshot_fixed(snap, "mailbox.spi", m->spi, m->rxs * sizeof *m->spi);
    snapshot_fixed(snap, "mailbox.key", m->key, m->rxs * sizeof *m->key);
    snapshot_fixed(snap, "mailbox.ip", m->ip, m->ips * sizeof *m->ip);
    snapshot_fixed(snap, "mailbox.tx_sa", m->tx_sa, m->txs * sizeof *m->tx_sa);
    snapshot_fixed(snap, "mailbox.rx_sa", m->rx_sa, m->rxs * sizeof *m->rx_sa);
    snapshot_fixed(snap, "mailbox.owner", m->owner, m->owners * sizeof *m->owner);
}
