/* The driver of a card whose SA tables are behind registers: exactly the accesses of Linux's ixgbe
 * (hardware.md 2.3, 2.4; drivers/net/ethernet/intel/ixgbe/ixgbe_ipsec.c). Each write costs the core its CPU
 * time, each read its round trip over the link (and host.mmio_read); a flush is the read of a status register.
 *
 *   transmit SA   4 key words, salt, flush; read IPSTXIDX, write it with WRITE, flush      6 writes 3 reads
 *   receive SA    SPI, index of its address, flush; IPSRXIDX likewise;
 *                 4 key words, salt, mode, flush; IPSRXIDX likewise                       10 writes 6 reads
 *   address       4 words, flush; IPSRXIDX likewise                                        5 writes 3 reads
 *   DELETE        the same with zeros; the address with the last SA that has it
 *   start, stop   of the engines: with the first SA, and when the last one goes; both stop feeding the
 *                 blocks first and wait until they are empty
 *   restoration   after a reset: stop, zeros into all entries, start, addresses, SAs
 *
 * With host.oid.store poll the flush behind a store is a read of the index register, as DPDK's driver has it: again and
 * again until WRITE is clear or the driver gives up, which it tells nobody.
 *
 * A request holds the core until its last access, so requests are served one after the other. As in Linux
 * since 2018 the driver looks at once whether the blocks are empty, before it waits for the first time, and
 * goes on when both are (older ones: when either is).
 * Not modelled: MAC loopback while there is no link (blocks here always drain), interrupts of the core
 * between accesses, the clearing of the tables when the driver is loaded. */
#include <string.h>

#include "host/internal.h"
#include "pcie_model/registers.h"

enum job { JOB_NONE, JOB_ADD, JOB_DELETE, JOB_RESTORE };

enum program {
    PROGRAM_NONE,
    PROGRAM_TX,
    PROGRAM_RX,
    PROGRAM_IP,
    PROGRAM_DRAIN,
    PROGRAM_START,
    PROGRAM_STOP,
    PROGRAM_LOOKUP_OFF
};

/* ---- sequences of accesses ----------------------------------------------------------------------------- */

enum access_kind {
    ACCESS_END,
    ACCESS_WORD,   /* write words[word] */
    ACCESS_BITS,   /* write (value read & keep) | bits */
    ACCESS_SELECT, /* write IPS_EN as it was read, and `select` */
    ACCESS_READ,
    ACCESS_READY,  /* read; note whether the block is empty */
    ACCESS_WAIT,   /* not yet empty: wait, and back to the first ACCESS_READY */
    ACCESS_STORED, /* a flush; or, with host.oid.store poll, the index register */
    ACCESS_STORING /* WRITE is still set there: wait, and back to ACCESS_STORED */
};

struct access {
    uint8_t kind, word, index;
    enum reg_id reg;
    uint32_t keep, bits;
};

#define WORD(reg_, index_, word_)                                                                  \
    {                                                                                              \
        .kind = ACCESS_WORD, .reg = REG_##reg_, .index = (index_), .word = (word_)                 \
    }
#define READ(reg_)                                                                                 \
    {                                                                                              \
        .kind = ACCESS_READ, .reg = REG_##reg_                                                     \
    }
#define BITS(reg_, keep_, bits_)                                                                   \
    {                                                                                              \
        .kind = ACCESS_BITS, .reg = REG_##reg_, .keep = (uint32_t)(keep_),                         \
        .bits = (uint32_t)(bits_)                                                                  \
    }
#define FLUSH READ(STATUS)
#define STORE(index_)                                                                              \
    READ(index_), { .kind = ACCESS_SELECT, .reg = REG_##index_ },                                  \
        { .kind = ACCESS_STORED, .reg = REG_##index_ },                                            \
    {                                                                                              \
        .kind = ACCESS_STORING                                                                     \
    }
#define KEY(reg_, first_)                                                                          \
    WORD(reg_, 0, first_), WORD(reg_, 1, (first_) + 1), WORD(reg_, 2, (first_) + 2),               \
        WORD(reg_, 3, (first_) + 3)

static const struct access transmit_sa[] = {
    KEY(IPSTXKEY, 0), WORD(IPSTXSALT, 0, 4), FLUSH, STORE(IPSTXIDX), { ACCESS_END }
};

/* words: SPI and address; key, salt and mode */
static const struct access receive_sa[] = {
    WORD(IPSRXSPI, 0, 0),  WORD(IPSRXIPIDX, 0, 1), FLUSH, STORE(IPSRXIDX), KEY(IPSRXKEY, 2),
    WORD(IPSRXSALT, 0, 6), WORD(IPSRXMOD, 0, 7),   FLUSH, STORE(IPSRXIDX), { ACCESS_END }
};

static const struct access receive_address[] = {
    KEY(IPSRXIPADDR, 0), FLUSH, STORE(IPSRXIDX), { ACCESS_END }
};

static const struct access drain[] = { READ(SECTXCTRL),
                                       BITS(SECTXCTRL, ~0u, REG_MASK(SECTXCTRL, TX_DIS)),
                                       READ(SECRXCTRL),
                                       BITS(SECRXCTRL, ~0u, REG_MASK(SECRXCTRL, RX_DIS)),
                                       FLUSH,
                                       { .kind = ACCESS_READY, .reg = REG_SECTXSTAT },
                                       { .kind = ACCESS_READY, .reg = REG_SECRXSTAT },
                                       { .kind = ACCESS_WAIT },
                                       { ACCESS_END } };

/* Least gap 3, and the almost-full mark below a jumbo frame (hardware.md 2.4). */
static const struct access start[] = { READ(SECTXMINIFG),
                                       BITS(SECTXMINIFG, 0xfffffff0u, 3),
                                       READ(SECTXBUFFAF),
                                       BITS(SECTXBUFFAF, 0xfffffc00u, 0x15),
                                       BITS(SECRXCTRL, 0, 0),
                                       BITS(SECTXCTRL, 0, REG_MASK(SECTXCTRL, STORE_FORWARD)),
                                       BITS(IPSTXIDX, 0, REG_MASK(IPSTXIDX, IPS_EN)),
                                       BITS(IPSRXIDX, 0, REG_MASK(IPSRXIDX, IPS_EN)),
                                       FLUSH,
                                       { ACCESS_END } };

static const struct access stop[] = { BITS(IPSTXIDX, 0, 0),
                                      BITS(IPSRXIDX, 0, 0),
                                      READ(SECTXCTRL),
                                      BITS(SECTXCTRL, ~(uint32_t)REG_MASK(SECTXCTRL, STORE_FORWARD),
                                           REG_MASK(SECTXCTRL, SECTX_DIS)),
                                      READ(SECRXCTRL),
                                      BITS(SECRXCTRL, ~0u, REG_MASK(SECRXCTRL, SECRX_DIS)),
                                      BITS(SECTXBUFFAF, 0, 0x250),
                                      READ(SECTXMINIFG),
                                      BITS(SECTXMINIFG, 0xfffffff0u, 1),
                                      BITS(SECTXCTRL, 0, REG_MASK(SECTXCTRL, SECTX_DIS)),
                                      BITS(SECRXCTRL, 0, REG_MASK(SECRXCTRL, SECRX_DIS)),
                                      FLUSH,
                                      { ACCESS_END } };

static const struct access lookup_off[] = { BITS(IPSRXIDX, 0, 0),
                                            BITS(IPSTXIDX, 0, 0),
                                            { ACCESS_END } };

static const struct access *const programs[] = {
    [PROGRAM_TX] = transmit_sa,       [PROGRAM_RX] = receive_sa, [PROGRAM_IP] = receive_address,
    [PROGRAM_DRAIN] = drain,          [PROGRAM_START] = start,   [PROGRAM_STOP] = stop,
    [PROGRAM_LOOKUP_OFF] = lookup_off
};

/* Polls of 10 ms, 20 of them (hardware.md 2.4). */
enum { DRAIN_TRIES = 20, BOTH_READY = 3 };

/* Looks at WRITE after the first, 1 ms apart (hardware.md 2.3; DPDK drivers/net/intel/ixgbe/ixgbe_ipsec.c and
 * base/ixgbe_osdep.h). */
enum { STORE_TRIES = 5 };

static struct host_mailbox *mailbox(struct host *host)
{
    return &host->s->mailbox;
}

static void run(struct host_mailbox *m, enum program program)
{
    m->program = (uint8_t)program;
    m->step = 0;
    m->tries = 0;
    m->ready = 0;
}

/* ---- entries into words ------------------------------------------------------------------------------- */

static uint32_t selection(unsigned table, uint32_t entry)
{
    uint64_t v = REG_MASK(IPSTXIDX, WRITE);

    v = REG_PUT(IPSTXIDX, INDEX, v, entry);
    return (uint32_t)(table == NIC_TABLE_TX ? v : REG_PUT(IPSRXIDX, TABLE, v, table));
}

static void write_entry(struct host *host, enum program program, unsigned table, uint32_t entry)
{
    struct host_mailbox *m = mailbox(host);

    host_tables_words(host->tables, table, entry, m->words);
    m->select = selection(table, entry);
    run(m, program);
}

static void write_transmit(struct host *host, uint32_t entry)
{
    write_entry(host, PROGRAM_TX, NIC_TABLE_TX, entry);
}

/* SPI, address; key, salt and mode: the second store selects the keys. */
static void write_receive(struct host *host, uint32_t entry)
{
    write_entry(host, PROGRAM_RX, NIC_TABLE_SPI, entry);
    host_tables_words(host->tables, NIC_TABLE_KEY, entry, mailbox(host)->words + 2);
}

static void write_address(struct host *host, uint32_t ip)
{
    write_entry(host, PROGRAM_IP, NIC_TABLE_IP, ip);
}

/* ---- ADD ------------------------------------------------------------------------------------------------ */

enum { ADD_NODE, ADD_ADDRESSED, ADD_WRITTEN, ADD_END, ADD_STARTED };

static struct host_request *request_of(struct host *host)
{
    return host_request(host, mailbox(host)->request);
}

static uint8_t *buffer_of(struct host *host)
{
    return host_block(&host->commands, request_of(host)->buffer);
}

static void refuse(struct host *host, enum sa_reason reason)
{
    struct host_mailbox *m = mailbox(host);

    host->stats->sa.driver_refused[reason]++;
    if (m->done.reason == 0) {
        m->done.reason = (uint16_t)reason;
    }
}

/* The next node gets its place; false: refused. */
static bool place_node(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    struct host_request *r = request_of(host);
    struct esp_node node;
    bool new_address;
    enum sa_reason reason = ndis_read_node((enum ndis_kind)r->kind, buffer_of(host),
                                           r->buffer_bytes, m->offset[m->node], &node);

    if (reason == SA_OK) {
        reason = host_tables_add(host, &node, &m->entry, &new_address);
    }
    if (reason != SA_OK) {
        refuse(host, reason);
        return false;
    }
    m->phase = ADD_WRITTEN;
    if (node.dir == ESP_DIR_OUT) {
        write_transmit(host, m->entry);
        m->handle[m->node] = host_tables_handle(host->tables, false, m->entry);
    } else {
        m->handle[m->node] = host_tables_handle(host->tables, true, m->entry);
        if (new_address) {
            m->phase = ADD_ADDRESSED;
            write_address(host, host->tables->rx[m->entry].ip);
        } else {
            write_receive(host, m->entry);
        }
    }
    explicit_bzero(&node, sizeof node);
    return true;
}

static void written(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    uint8_t *place = buffer_of(host) + m->offset[m->node] +
                     ndis_handle_offset((enum ndis_kind)request_of(host)->kind);

    memcpy(place, &m->handle[m->node], sizeof m->handle[m->node]);
    m->done.nodes++;
    m->node++;
    m->phase = ADD_NODE;
}

static void next_of_add(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    const struct host_tables *t = host->tables;

    if (m->phase == ADD_ADDRESSED) {
        m->phase = ADD_WRITTEN;
        write_receive(host, m->entry);
        return;
    }
    if (m->phase == ADD_WRITTEN) {
        written(host);
    }
    for (; m->phase == ADD_NODE && m->node < m->count; m->node++) {
        if (place_node(host)) {
            return;
        }
    }
    if (m->phase == ADD_NODE && !m->engines && t->rx_used + t->tx_used != 0) {
        m->phase = ADD_END;
        run(m, PROGRAM_DRAIN);
    } else if (m->phase == ADD_END) {
        m->phase = ADD_STARTED;
        m->engines = true;
        host->stats->engine.starts++;
        run(m, PROGRAM_START);
    }
}

/* ---- DELETE --------------------------------------------------------------------------------------------- */

enum { DELETE_NODE, DELETE_ADDRESS, DELETE_END, DELETE_STOPPED };

/* Zeros into the next entry that is there. */
static bool clear_node(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    struct host_tables *t = host->tables;
    bool inbound;
    uint32_t entry;
    uint32_t ip = 0;

    if (!host_tables_find(t, m->handle[m->node], &inbound, &entry)) {
        return false;
    }
    m->done.nodes++;
    if (host_tables_remove(t, inbound, entry, &ip)) {
        m->phase = DELETE_ADDRESS;
        m->entry = ip;
    }
    if (inbound) {
        write_receive(host, entry);
    } else {
        write_transmit(host, entry);
    }
    return true;
}

static void next_of_delete(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    const struct host_tables *t = host->tables;

    if (m->phase == DELETE_ADDRESS) {
        m->phase = DELETE_NODE;
        write_address(host, m->entry);
        return;
    }
    while (m->phase == DELETE_NODE && m->node < m->count) {
        bool there = clear_node(host);

        m->node++;
        if (there) {
            return;
        }
    }
    if (m->phase == DELETE_NODE && m->engines && t->rx_used + t->tx_used == 0) {
        m->phase = DELETE_END;
        run(m, PROGRAM_DRAIN);
    } else if (m->phase == DELETE_END) {
        m->phase = DELETE_STOPPED;
        m->engines = false;
        host->stats->engine.stops++;
        run(m, PROGRAM_STOP);
    }
}

/* ---- restoration ---------------------------------------------------------------------------------------- */

enum {
    RESTORE_DRAINED,
    RESTORE_STOPPED,
    RESTORE_CLEAR_TX,
    RESTORE_CLEAR_RX,
    RESTORE_CLEAR_IP,
    RESTORE_DRAINED_AGAIN,
    RESTORE_ADDRESSES,
    RESTORE_RX,
    RESTORE_TX
};

/* Zeros into entry `entry` of one table after the other, then of the next entry. */
static bool clear_next(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    const struct host_tables *t = host->tables;
    uint32_t most = t->txs > t->rxs ? t->txs : t->rxs;

    most = most > t->ips ? most : t->ips;
    for (; m->entry < most; m->entry++, m->phase = RESTORE_CLEAR_TX) {
        memset(m->words, 0, sizeof m->words);
        if (m->phase == RESTORE_CLEAR_TX) {
            m->phase = RESTORE_CLEAR_RX;
            if (m->entry < t->txs) {
                m->select = selection(NIC_TABLE_TX, m->entry);
                run(m, PROGRAM_TX);
                return true;
            }
        }
        if (m->phase == RESTORE_CLEAR_RX) {
            m->phase = RESTORE_CLEAR_IP;
            if (m->entry < t->rxs) {
                m->select = selection(NIC_TABLE_SPI, m->entry);
                run(m, PROGRAM_RX);
                return true;
            }
        }
        if (m->entry < t->ips) {
            m->select = selection(NIC_TABLE_IP, m->entry++);
            m->phase = RESTORE_CLEAR_TX;
            run(m, PROGRAM_IP);
            return true;
        }
    }
    return false;
}

/* Addresses, then the SAs of each index. */
static bool rewrite_next(struct host *host)
{
    struct host_mailbox *m = mailbox(host);
    const struct host_tables *t = host->tables;
    uint32_t most = t->txs > t->rxs ? t->txs : t->rxs;

    for (; m->phase == RESTORE_ADDRESSES && m->entry < t->ips;) {
        if (t->ip[m->entry++].users != 0) {
            write_address(host, m->entry - 1);
            return true;
        }
    }
    if (m->phase == RESTORE_ADDRESSES) {
        m->phase = RESTORE_RX;
        m->entry = 0;
    }
    for (; m->entry < most; m->entry++, m->phase = RESTORE_RX) {
        if (m->phase == RESTORE_RX) {
            m->phase = RESTORE_TX;
            if (m->entry < t->rxs && t->rx[m->entry].used) {
                write_receive(host, m->entry);
                return true;
            }
        }
        if (m->entry < t->txs && t->tx[m->entry].used) {
            m->phase = RESTORE_RX;
            write_transmit(host, m->entry++);
            return true;
        }
    }
    return false;
}

static void next_of_restore(struct host *host)
{
    struct host_mailbox *m = mailbox(host);

    switch (m->phase) {
    case RESTORE_DRAINED:
        m->phase = RESTORE_STOPPED;
        run(m, PROGRAM_STOP);
        return;
    case RESTORE_STOPPED:
        m->phase = RESTORE_CLEAR_TX;
        m->entry = 0;
        run(m, PROGRAM_LOOKUP_OFF);
        return;
    case RESTORE_CLEAR_TX:
    case RESTORE_CLEAR_RX:
    case RESTORE_CLEAR_IP:
        if (!clear_next(host)) {
            m->phase = RESTORE_DRAINED_AGAIN;
            run(m, PROGRAM_DRAIN);
        }
        return;
    case RESTORE_DRAINED_AGAIN:
        m->phase = RESTORE_ADDRESSES;
        m->entry = 0;
        run(m, PROGRAM_START);
        return;
    default: rewrite_next(host); return;
    }
}

/* ---- jobs ------------------------------------------------------------------------------------------------ */

static void begin(struct host *host, enum job job, uint32_t request, uint64_t time)
{
    struct host_mailbox *m = mailbox(host);

    m->job = (uint8_t)job;
    m->program = PROGRAM_NONE;
    m->phase = 0;
    m->request = request;
    m->count = 0;
    m->node = 0;
    m->read_ps = 0;
    m->wait_ps = 0;
    m->reads = 0;
    m->writes = 0;
    m->began = time;
    memset(&m->done, 0, sizeof m->done);
}

/* Requests that need no access. */
static void at_once(struct host *host, uint32_t id, uint32_t status, uint64_t time)
{
    struct abi_command_completion done = { .status = status };

    host_oid_finish(host, id, &done, time);
}

void host_mailbox_request(struct host *host, uint32_t id, uint64_t time)
{
    struct host_mailbox *m = mailbox(host);
    struct host_request *r = host_request(host, id);
    bool add = r->kind == NDIS_ADD_SA || r->kind == NDIS_ADD_SA_EX;

    if (host->s->resetting) {
        at_once(host, id,
                r->kind == NDIS_DELETE_SA ? NDIS_STATUS_NOT_ACCEPTED
                                          : NDIS_STATUS_RESET_IN_PROGRESS,
                time);
    } else if (r->kind == HOST_REQUEST_ENCAPSULATION) {
        at_once(host, id, NDIS_STATUS_SUCCESS, time);
    } else if (r->kind == NDIS_UPDATE_SA) { /* no ESN on such a card */
        at_once(host, id, NDIS_STATUS_INVALID_PARAMETER, time);
    } else if (add && !host->s->encapsulated) { /* O-32 */
        at_once(host, id, NDIS_STATUS_NOT_SUPPORTED, time);
    } else {
        begin(host, add ? JOB_ADD : JOB_DELETE, id, time);
        m->done.status =
            add ? ndis_walk((enum ndis_kind)r->kind, buffer_of(host), r->buffer_bytes, m->offset,
                            &m->count)
                : ndis_decode_delete(buffer_of(host), r->buffer_bytes, m->handle, &m->count);
        m->count = m->done.status == NDIS_STATUS_SUCCESS ? m->count : 0;
    }
}

bool host_mailbox_restore(struct host *host, uint64_t time)
{
    struct host_mailbox *m = mailbox(host);

    if (host->tables == NULL || (!m->engines && m->job == JOB_NONE)) {
        return false;
    }
    m->restore = true;
    if (m->job == JOB_NONE) {
        begin(host, JOB_RESTORE, 0, time);
        m->restore = false;
        run(m, PROGRAM_DRAIN);
    }
    host_core_kick(host, 0, time);
    return true;
}

bool host_mailbox_busy(const struct host *host)
{
    return host->s->mailbox.job != JOB_NONE;
}

static void end_request(struct host *host, uint64_t now)
{
    struct host_mailbox *m = mailbox(host);
    struct host_request *r = request_of(host);
    bool add = m->job == JOB_ADD;
    struct host_oid_stats *stats = &host->stats->oid[add ? HOST_OID_ADD : HOST_OID_DELETE];

    if (add && m->done.status == NDIS_STATUS_SUCCESS && m->done.nodes == 0) {
        m->done.status = ndis_status_of((enum sa_reason)m->done.reason);
    }
    stats->mmio_writes += m->writes;
    stats->mmio_reads += m->reads;
    r->pcie_ps = m->read_ps;
    r->card_ps = m->wait_ps;
    m->job = JOB_NONE;
    host_oid_finish(host, m->request, &m->done, now);
}

static void end_job(struct host *host, uint64_t now)
{
    struct host_mailbox *m = mailbox(host);

    if (m->job == JOB_RESTORE) {
        m->job = JOB_NONE;
        m->engines = true;
        host->stats->engine.restores++;
        host->stats->engine.restore_ps += now - m->began;
        host_restored(host, host->tables->rx_used + host->tables->tx_used, m->began, now);
        host_reset_over(host, now);
    } else {
        end_request(host, now);
    }
    if (m->restore && m->job == JOB_NONE) { /* a reset has come meanwhile */
        m->restore = false;
        if (!host_mailbox_restore(host, now)) {
            host_reset_over(host, now);
        }
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------ */

static const struct access *present(const struct host_mailbox *m)
{
    return &programs[m->program][m->step];
}

/* The job's next sequence; false: there is none. */
static bool next_program(struct host *host)
{
    struct host_mailbox *m = mailbox(host);

    m->program = PROGRAM_NONE;
    switch ((enum job)m->job) {
    case JOB_ADD: next_of_add(host); break;
    case JOB_DELETE: next_of_delete(host); break;
    case JOB_RESTORE: next_of_restore(host); break;
    case JOB_NONE: break;
    }
    return m->program != PROGRAM_NONE;
}

static bool polls_stores(const struct host *host)
{
    return host->config.oid.store == HOST_STORE_POLL;
}

static bool must_wait(const struct host *host)
{
    const struct host_mailbox *m = &host->s->mailbox;

    if (present(m)->kind == ACCESS_STORING) {
        return polls_stores(host) && REG_GET(IPSTXIDX, WRITE, m->value) && m->tries < STORE_TRIES;
    }
    return m->ready != BOTH_READY && m->tries < DRAIN_TRIES;
}

static bool is_wait(const struct host_mailbox *m)
{
    return present(m)->kind == ACCESS_WAIT || present(m)->kind == ACCESS_STORING;
}

static void end_wait(struct host *host)
{
    struct host_mailbox *m = mailbox(host);

    if (present(m)->kind == ACCESS_STORING) { /* a sequence may have two stores */
        host->stats->engine.store_given_up +=
            polls_stores(host) && REG_GET(IPSTXIDX, WRITE, m->value);
        m->tries = 0;
    }
    m->step++;
}

bool host_mailbox_step(struct host *host, uint64_t now, uint64_t *until)
{
    struct host_mailbox *m = mailbox(host);

    for (;;) {
        if (m->program == PROGRAM_NONE || present(m)->kind == ACCESS_END) {
            if (!next_program(host)) {
                end_job(host, now);
                return false;
            }
        } else if (is_wait(m) && !must_wait(host)) {
            end_wait(host);
        } else {
            break;
        }
    }
    switch (present(m)->kind) {
    case ACCESS_READ:
    case ACCESS_READY:
    case ACCESS_STORED:
        m->since = now;
        *until = CLOCK_NEVER;
        host_mailbox_read(host, now,
                          present(m)->kind == ACCESS_STORED && !polls_stores(host)
                              ? REG_STATUS
                              : present(m)->reg);
        break;
    case ACCESS_WAIT: *until = now + host->config.oid.drain_poll; break;
    case ACCESS_STORING: *until = now + host->config.oid.store_wait; break;
    default: *until = now + host_cost(host, host->config.general.mmio); break;
    }
    return true;
}

void host_mailbox_answer(struct host *host, uint64_t time, uint32_t value)
{
    struct host_mailbox *m = mailbox(host);
    struct host_core *core = &host->core[0];

    m->value = value;
    core->until = time + host_cost(host, host->config.general.mmio_read);
    m->read_ps += core->until - m->since;
    host->stats->core[0].busy_ps += core->until - m->since;
    host_wake(host, BLOCK_CORE, core->until);
}

/* Of the tables, or of the engines. */
static void count(struct host *host, bool read)
{
    struct host_mailbox *m = mailbox(host);
    struct host_engine_stats *engine = &host->stats->engine;

    if (m->job == JOB_RESTORE) {
        *(read ? &engine->restore_reads : &engine->restore_writes) += 1;
    } else if (m->program >= PROGRAM_DRAIN) {
        *(read ? &engine->mmio_reads : &engine->mmio_writes) += 1;
    } else {
        *(read ? &m->reads : &m->writes) += 1;
    }
}

static uint32_t written_value(const struct host_mailbox *m, const struct access *a)
{
    switch (a->kind) {
    case ACCESS_WORD: return m->words[a->word];
    case ACCESS_SELECT: return (m->value & (uint32_t)REG_MASK(IPSTXIDX, IPS_EN)) | m->select;
    default: return (m->value & a->keep) | a->bits;
    }
}

void host_mailbox_stepped(struct host *host, uint64_t now)
{
    struct host_mailbox *m = mailbox(host);
    const struct access *a = present(m);

    m->step++;
    switch (a->kind) {
    case ACCESS_READY:
        m->ready |= (uint8_t)((m->value & 1) << (a->reg == REG_SECRXSTAT));
        count(host, true);
        break;
    case ACCESS_READ:
    case ACCESS_STORED: count(host, true); break;
    case ACCESS_STORING:
        m->wait_ps += host->config.oid.store_wait;
        host->stats->engine.store_waits++;
        m->tries++;
        m->step -= 2;
        break;
    case ACCESS_WAIT:
        m->wait_ps += host->config.oid.drain_poll;
        host->stats->engine.waits++;
        m->tries++;
        m->ready = 0;
        while (programs[m->program][m->step].kind != ACCESS_READY ||
               programs[m->program][m->step - 1].kind == ACCESS_READY) {
            m->step--;
        }
        break;
    default:
        count(host, false);
        host_mailbox_write(host, now, a->reg, a->index, written_value(m, a));
        if (a->kind == ACCESS_SELECT && m->program == PROGRAM_RX) {
            m->select = (uint32_t)REG_PUT(IPSRXIDX, TABLE, m->select, NIC_TABLE_KEY);
        }
        break;
    }
}
