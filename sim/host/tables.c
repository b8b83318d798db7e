/* The driver's shadow of the tables behind registers: which places are taken, and by what. As Linux's ixgbe
 * has it: the first free place; an address is shared by the SAs that have it. What the card cannot do is
 * refused here, without an access to it. */
#include <stdlib.h>
#include <string.h>

#include "engine/must.h"
#include "host/internal.h"
#include "pcie_model/registers.h"

enum { KEY_BYTES = 16 };

struct host_tables *host_tables_new(uint32_t txs, uint32_t rxs, uint32_t ips)
{
    struct host_tables *t = must(calloc(1, sizeof *t));

    t->txs = txs;
    t->rxs = rxs;
    t->ips = ips;
    return t;
}

/* ---- words ---------------------------------------------------------------------------------------- */

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Key words last one first; a salt that is missing is 0 (O-9). */
static void key_words(const struct esp_key *key, uint32_t *words, uint32_t *salt)
{
    uint8_t bytes[KEY_BYTES + 4] = { 0 };

    memcpy(bytes, key->bytes, key->length < sizeof bytes ? key->length : sizeof bytes);
    for (unsigned i = 0; i < 4; i++) {
        words[i] = be32(bytes + 4 * (3 - i));
    }
    *salt = be32(bytes + KEY_BYTES);
    explicit_bzero(bytes, sizeof bytes);
}

/* A register's bytes are in the order of the packet; IPv4 goes into the last word. */
static void address_words(const struct esp_address *a, uint32_t *words)
{
    memset(words, 0, 4 * sizeof *words);
    for (unsigned w = a->family == 6 ? 0 : 3; w < 4; w++) {
        words[w] = __builtin_bswap32(be32(a->bytes + 4 * (a->family == 6 ? w : 0)));
    }
}

static const struct esp_key *key_of(const struct esp_sa *sa)
{
    return sa->auth.alg == ESP_ALG_AES_GMAC_128 ? &sa->auth : &sa->enc;
}

static void receive_words(const struct esp_node *node, struct host_rx_entry *e)
{
    const struct esp_sa *sa = &node->sa[0];
    uint64_t mode = REG_MASK(IPSRXMOD, VALID);

    mode = REG_PUT(IPSRXMOD, ESP, mode, sa->op == ESP_OP_ESP);
    mode = REG_PUT(IPSRXMOD, DECRYPT, mode, sa->enc.alg == ESP_ALG_AES_GCM_128);
    mode = REG_PUT(IPSRXMOD, IPV6, mode, node->dst.family == 6);
    mode = REG_PUT(IPSRXMOD, NO_KEY, mode, esp_sa_timing_only(sa));
    *e = (struct host_rx_entry){ .used = 1,
                                 .spi = __builtin_bswap32(sa->spi),
                                 .mode = (uint32_t)mode };
    key_words(key_of(sa), e->key, &e->salt);
}

/* ---- places ----------------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The entry of these words, else the first free one; `ips`: none. */
static uint32_t address_place(const struct host_tables *t, const uint32_t *words)
{
    uint32_t free = t->ips;

    for (uint32_t i = 0; i < t->ips; i++) {
        if (t->ip[i].users == 0) {
            free = free == t->ips ? i : free;
        } else if (memcmp(t->ip[i].word, words, sizeof t->ip[i].word) == 0) {
            return i;
        }
    }
    return free;
}

static bool same_sa(const struct host_tables *t, const struct host_rx_entry *e,
                    const struct host_rx_entry *wanted, const uint32_t *address)
{
    uint32_t kind = (uint32_t)(REG_MASK(IPSRXMOD, ESP) | REG_MASK(IPSRXMOD, IPV6));

    return e->used && e->spi == wanted->spi && (e->mode & kind) == (wanted->mode & kind) &&
           memcmp(t->ip[e->ip].word, address, sizeof t->ip[e->ip].word) == 0;
}

static enum sa_reason add_receive(struct host_tables *t, const struct esp_node *node,
                                  uint32_t *entry, bool *new_address)
{
    struct host_rx_entry wanted;
    uint32_t address[4];
    uint32_t free = t->rxs;

    if (is_zero(node->dst.bytes, sizeof node->dst.bytes) || node->sa[0].spi == 0) {
        return SA_UNSUPPORTED_DESTINATION;
    }
    receive_words(node, &wanted);
    address_words(&node->dst, address);
    for (uint32_t i = 0; i < t->rxs; i++) {
        if (same_sa(t, &t->rx[i], &wanted, address)) {
            return SA_DUPLICATE; /* O-33 */
        }
        free = free == t->rxs && !t->rx[i].used ? i : free;
    }
    if (free == t->rxs) {
        return SA_FULL;
    }
    wanted.ip = address_place(t, address);
    if (wanted.ip == t->ips) {
        return SA_NO_IP_SLOT;
    }
    *new_address = t->ip[wanted.ip].users++ == 0;
    memcpy(t->ip[wanted.ip].word, address, sizeof address);
    t->rx[free] = wanted;
    t->rx_used++;
    *entry = free;
    return SA_OK;
}

static enum sa_reason add_transmit(struct host_tables *t, const struct esp_node *node,
                                   uint32_t *entry)
{
    uint32_t i = 0;

    while (i < t->txs && t->tx[i].used) {
        i++;
    }
    if (i == t->txs) {
        return SA_FULL;
    }
    t->tx[i] = (struct host_tx_entry){ .used = 1, .spi = node->sa[0].spi };
    key_words(key_of(&node->sa[0]), t->tx[i].key, &t->tx[i].salt);
    if (is_zero((const uint8_t *)t->tx[i].key, sizeof t->tx[i].key) && t->tx[i].salt == 0) {
        t->tx[i].salt = 1; /* no key in the recording: an entry of zeros would be no SA */
    }
    t->tx_used++;
    *entry = i;
    return SA_OK;
}

enum sa_reason host_tables_add(struct host *host, const struct esp_node *node, uint32_t *entry,
                               bool *new_address)
{
    enum sa_reason reason = sa_validate(node, &host->s->can);

    *new_address = false;
    if (reason != SA_OK) {
        return reason;
    }
    return node->dir == ESP_DIR_IN ? add_receive(host->tables, node, entry, new_address)
                                   : add_transmit(host->tables, node, entry);
}

bool host_tables_find(const struct host_tables *t, uint64_t handle, bool *inbound, uint32_t *entry)
{
    uint32_t number = (uint32_t)handle;

    *inbound = number < ABI_TABLE_TX_HANDLE;
    *entry = number - (*inbound ? (uint32_t)ABI_TABLE_RX_HANDLE : (uint32_t)ABI_TABLE_TX_HANDLE);
    return *entry < (*inbound ? t->rxs : t->txs) &&
           (*inbound ? t->rx[*entry].used : t->tx[*entry].used) &&
           host_tables_handle(t, *inbound, *entry) == handle;
}

uint64_t host_tables_handle(const struct host_tables *t, bool inbound, uint32_t entry)
{
    return inbound
               ? abi_table_handle(__builtin_bswap32(t->rx[entry].spi), ABI_TABLE_RX_HANDLE + entry)
               : abi_table_handle(t->tx[entry].spi, ABI_TABLE_TX_HANDLE + entry);
}

bool host_tables_remove(struct host_tables *t, bool inbound, uint32_t entry, uint32_t *ip)
{
    if (!inbound) {
        explicit_bzero(&t->tx[entry], sizeof t->tx[entry]);
        t->tx_used--;
        return false;
    }
    *ip = t->rx[entry].ip;
    explicit_bzero(&t->rx[entry], sizeof t->rx[entry]);
    t->rx_used--;
    if (--t->ip[*ip].users != 0) {
        return false;
    }
    memset(&t->ip[*ip], 0, sizeof t->ip[*ip]);
    return true;
}

void host_tables_words(const struct host_tables *t, unsigned table, uint32_t entry, uint32_t *words)
{
    switch (table) {
    case NIC_TABLE_TX:
        memcpy(words, t->tx[entry].key, sizeof t->tx[entry].key);
        words[4] = t->tx[entry].salt;
        break;
    case NIC_TABLE_IP: memcpy(words, t->ip[entry].word, sizeof t->ip[entry].word); break;
    case NIC_TABLE_SPI:
        words[0] = t->rx[entry].spi;
        words[1] = t->rx[entry].ip;
        break;
    default:
        memcpy(words, t->rx[entry].key, sizeof t->rx[entry].key);
        words[4] = t->rx[entry].salt;
        words[5] = t->rx[entry].mode;
        break;
    }
}

/* ---- before time starts ------------------------------------------------------------------------------ */

static void preload_entry(struct host *host, enum nic_table table, uint32_t entry)
{
    uint32_t words[NIC_TABLE_WORDS] = { 0 };

    host_tables_words(host->tables, table, entry, words);
    espnic_preload_entry(host->card, table, entry, words);
    explicit_bzero(words, sizeof words);
}

uint64_t host_tables_preload(struct host *host, const struct esp_node *node, enum sa_reason *reason)
{
    struct host_tables *t = host->tables;
    uint32_t entry;
    bool new_address;

    *reason = host_tables_add(host, node, &entry, &new_address);
    if (*reason != SA_OK) {
        return 0;
    }
    if (node->dir == ESP_DIR_OUT) {
        preload_entry(host, NIC_TABLE_TX, entry);
    } else {
        preload_entry(host, NIC_TABLE_IP, t->rx[entry].ip);
        preload_entry(host, NIC_TABLE_SPI, entry);
        preload_entry(host, NIC_TABLE_KEY, entry);
    }
    espnic_preload_engines(host->card);
    host->s->mailbox.engines = true;
    return host_tables_handle(t, node->dir == ESP_DIR_IN, entry);
}
