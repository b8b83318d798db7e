/* nic: the card as a whole. Wires the blocks, keeps packets, and is the public API. */
#include "nic/mailbox.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t buffer_bytes[3] = { 2048 + NIC_HEADROOM + NIC_TAILROOM,
                                          9728 + NIC_HEADROOM + NIC_TAILROOM,
                                          65536 + 512 + NIC_HEADROOM + NIC_TAILROOM };

/* ---- packets -------------------------------------------------------------------------------------- */

uint32_t nic_packet_new(struct espnic *card, unsigned dir, uint32_t length)
{
    uint32_t index = nic_pool_take(&card->packets);
    struct nic_packet *p = nic_packet(card, index);

    memset(p, 0, sizeof *p);
    p->dir = (uint8_t)dir;
    p->size_class = length <= 2048 ? 0 : length <= 9728 ? 1 : 2;
    p->buffer = nic_pool_take(&card->buffers[p->size_class]);
    p->start = NIC_HEADROOM;
    p->length = length;
    p->wire_length = length;
    p->beats = nic_beats(card, length);
    return index;
}

void nic_packet_free(struct espnic *card, uint32_t index)
{
    struct nic_packet *p = nic_packet(card, index);

    if (p->job) {
        nic_crypt_result(card, p);
    }
    if (p->carried) {
        nic_carried_free(card, p);
    }
    nic_pool_release(&card->buffers[p->size_class], p->buffer);
    nic_pool_release(&card->packets, index);
}

void nic_esp_packet(const struct espnic *card, const struct nic_packet *p, struct esp_packet *out)
{
    out->buffer = nic_pool_at(&card->buffers[p->size_class], p->buffer);
    out->capacity = buffer_bytes[p->size_class];
    out->start = p->start;
    out->length = p->length;
    out->l3 = p->l3;
}

void nic_esp_packet_back(struct nic_packet *p, const struct esp_packet *in)
{
    p->start = in->start;
    p->length = in->length;
    p->l3 = in->l3;
    p->present = in->length;
}

void nic_count_drop(struct espnic *card, struct nic_packet *p, enum nic_drop why)
{
    struct nic_direction_stats *s = p->dir == NIC_RX ? &card->stats.rx : &card->stats.tx;

    s->drop[why]++;
    (p->dir == NIC_RX ? &card->stats.port[p->port].rx : &card->stats.port[p->port].tx)->dropped++;
}

void nic_done_dropped(struct espnic *card, const struct lane_state *s)
{
    uint32_t item = s->job.item;
    struct nic_packet *p = nic_packet(card, item);

    if (!p->drop) {
        return;
    }
    if (p->job) {
        nic_crypt_result(card, p);
    }
    if (p->dir == NIC_TX && !p->hairpin) {
        nic_tx_failed(card, item, s->last_exit + 1);
    } else {
        nic_packet_free(card, item);
    }
}

/* ---- SAs -------------------------------------------------------------------------------------------- */

void nic_release_sa(struct espnic *card, struct nic_packet *p, uint64_t cycle)
{
    uint32_t sa = p->sa;

    p->sa = 0;
    if (sa && sa_table_put(&card->table, sa)) {
        nic_command_drained(card, sa, cycle);
    }
}

/* An entry of a transmit table behind registers is a key. */
static void as_descriptor_says(struct nic_packet *p)
{
    struct esp_transform *t = &p->transform;

    t->op = p->tx_flags & ABI_TX_ESP ? ESP_OP_ESP : ESP_OP_AH;
    if (t->op == ESP_OP_AH || !(p->tx_flags & ABI_TX_ENCRYPT)) {
        t->enc = t->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
        t->auth = ESP_ALG_AES_GMAC_128;
    }
}

/* The tunnel header belongs to the entry next to the clear packet: of AH and ESP it is ESP, in whatever
 * order the request lists them. */
void nic_make_transform(struct espnic *card, struct nic_packet *p)
{
    struct esp_transform *t = &p->transform;
    const struct sa_context *c = sa_context(&card->table, p->sa);
    const struct sa_entry *e = nic_entry(card, p);
    unsigned udp = c->first.udp;
    bool next_to_clear = sa_entries(c) == 1 || e->op == ESP_OP_ESP;

    t->op = e->op;
    t->mode = next_to_clear ? (uint8_t)sa_mode(c) : ESP_MODE_TRANSPORT;
    t->udp = e->op == ESP_OP_ESP &&
             (udp == ESP_UDP_TRANSPORT || udp == ESP_UDP_TUNNEL ||
              (udp == ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL && t->mode == ESP_MODE_TUNNEL) ||
              (udp == ESP_UDP_TRANSPORT_OVER_TUNNEL && t->mode == ESP_MODE_TRANSPORT));
    t->esn = sa_esn(e);
    t->enc = e->enc;
    t->auth = e->auth;
    t->spi = e->spi;
    if (card->mailbox && p->dir == NIC_TX) {
        as_descriptor_says(p);
    }
    sa_ports(&card->table, c, &t->encap_sport, &t->encap_dport);
    esp_transform_init(t, e->enc_icv ? e->enc_icv : e->auth_icv);
    if (t->mode == ESP_MODE_TUNNEL) {
        sa_addresses(&card->table, c, &t->src, &t->dst);
    }
}

void nic_suite(struct espnic *card, const struct nic_packet *p, struct esp_suite *suite)
{
    const struct sa_entry *e;

    if (p->carried) {
        nic_carried_suite(card, p, suite);
        return;
    }
    e = nic_entry(card, p);
    suite->enc = p->transform.enc;
    suite->auth = p->transform.auth;
    suite->icv = e->enc_icv ? e->enc_icv : e->auth_icv;
    suite->enc_length = e->enc_key;
    suite->auth_length = e->auth_key;
    suite->enc_key = sa_enc_key(&card->table, e);
    suite->auth_key = sa_auth_key(&card->table, e);
    if (suite->auth != e->auth) { /* the descriptor says GMAC with this key */
        suite->auth_length = suite->enc_length;
        suite->auth_key = suite->enc_key;
        suite->enc_length = 0;
        suite->enc_key = NULL;
    }
}

struct esp_key_ref nic_key(struct espnic *card, const struct nic_packet *p)
{
    bool other_use; /* of a bundle of one */

    if (p->carried) {
        return nic_carried_name(card, p);
    }
    other_use = p->transform.auth != nic_entry(card, p)->auth;
    return (struct esp_key_ref){ .id = p->sa * 2 + p->entry + (other_use ? 1u : 0u),
                                 .generation = sa_context(&card->table, p->sa)->generation };
}

/* From the newest update back to the first that no longer counts. */
uint64_t nic_hazard_until(const struct nic_hazards *h, uint32_t sa, uint32_t rmw, uint64_t now)
{
    for (unsigned i = 1; i <= NIC_HAZARDS; i++) {
        unsigned k = (h->at - i) & (NIC_HAZARDS - 1);

        if (h->cycle[k] + rmw <= now) {
            return 0;
        }
        if (h->sa[k] == sa) {
            return h->cycle[k] + rmw;
        }
    }
    return 0;
}

/* At most one update a cycle, and `card.sa.rmw` is at most NIC_HAZARDS: what counts is never lost. */
void nic_hazard_note(struct nic_hazards *h, uint32_t sa, uint64_t cycle)
{
    h->sa[h->at] = sa;
    h->cycle[h->at] = cycle;
    h->at = (h->at + 1) % NIC_HAZARDS;
}

void nic_stage(struct espnic *card, struct stage *st, const char *name, unsigned domain,
               unsigned lanes, enum lane_start start, const struct stage_ops *ops, void *self)
{
    struct stage_config config = {
        .name = name, .domain = domain, .lanes = lanes, .start = start, .ops = *ops, .self = self
    };

    stage_init(st, &card->sched, &config);
}

/* `depth` 0: unlimited (its writer bounds what it has outstanding). */
struct channel *nic_channel(struct espnic *card, const char *name, unsigned writer, unsigned reader,
                            uint32_t depth)
{
    struct channel *ch = calloc(1, sizeof *ch);
    struct channel_config config = { .name = name,
                                     .depth = depth ? depth : 2,
                                     .sync = card->config.general.sync,
                                     .writer = writer,
                                     .reader = reader,
                                     .unlimited = depth == 0 };

    if (!ch || card->channels == sizeof card->channel / sizeof *card->channel) {
        fputs("espnic: internal error: too many channels\n", stderr);
        abort();
    }
    channel_init(ch, &card->sched, &config);
    card->channel[card->channels++] = ch;
    return ch;
}

/* ---- wiring -------------------------------------------------------------------------------------------- */

/* A channel between two stages. */
static void join(struct espnic *card, const char *name, struct stage *from, struct stage *to,
                 uint32_t depth)
{
    struct channel *ch = nic_channel(card, name, from->block, to->block, depth);

    if (to->config.start == LANE_START_LAST) {
        ch->config.wake = CHANNEL_WAKE_LAST;
    }
    stage_output(from, ch);
    stage_input(to, ch);
}

static uint32_t longest_beats(const struct espnic *card)
{
    return nic_beats(card, nic_longest_frame(card));
}

/* A channel whose reader takes whole packets holds at least one of the longest, and one more to keep
 * both sides busy. */
static uint32_t whole(const struct espnic *card, uint32_t depth)
{
    uint32_t need = 2 * longest_beats(card);

    return depth < need ? need : depth;
}

static void wire_crypt(struct espnic *card, struct nic_crypt *c)
{
    uint32_t depth = whole(card, card->config.crypto.depth);

    for (unsigned e = 0; e <= c->engines; e++) {
        join(card, "crypto.reorder", &c->crypto, &c->reorder, depth);
    }
}

/* Of one of the queues for packets that wait for their contexts. */
static uint32_t wait_depth(const struct espnic *card)
{
    return whole(card, card->config.sa.wait_depth / card->config.sa.wait_queues);
}

static void wire_wait(struct espnic *card, const char *name, struct stage *from, struct stage *to)
{
    for (unsigned q = 0; q < card->config.sa.wait_queues; q++) {
        join(card, name, from, to, wait_depth(card));
    }
}

/* Beats that can be between the parser and the place where packets go round, so that a packet can
 * always go round: the loop cannot lock up. */
static uint32_t loop_beats(const struct espnic *card, const struct nic_crypt *c)
{
    const struct nic_config *cfg = &card->config;

    return cfg->parser.depth + cfg->lookup.depth + cfg->replay.depth +
           cfg->sa.wait_queues * wait_depth(card) + cfg->fetch.depth + cfg->sequence.depth +
           cfg->encapsulate.depth + (c->engines + 1) * whole(card, cfg->crypto.depth) +
           4 * longest_beats(card) + whole(card, cfg->update.depth) +
           whole(card, cfg->decapsulate.depth) + 1024;
}

static void wire_rx(struct espnic *card, struct nic_lane *l)
{
    const struct nic_config *c = &card->config;
    uint32_t buffer = (uint32_t)(c->mac.rx_buffer / c->general.bus / c->general.lanes);
    struct channel *round;

    round = nic_channel(card, "decapsulate.parser", l->decapsulate.block, l->parser.block,
                        loop_beats(card, &l->rx));
    stage_input(&l->parser, round);
    for (unsigned p = 0; p < c->general.ports; p++) {
        struct channel *ch =
            nic_channel(card, "mac_rx.parser", card->port[p].rx_block, l->parser.block, buffer);

        stage_input(&l->parser, ch);
        card->port[p].rx_channel[l->index] = ch;
    }
    join(card, "parser.sa_lookup", &l->parser, &l->lookup, c->parser.depth);
    if (c->sa.storage == NIC_STORAGE_ON_CHIP) {
        join(card, "sa_lookup.replay_check", &l->lookup, &l->replay, c->lookup.depth);
    } else {
        wire_wait(card, "sa_lookup.sa_wait", &l->lookup, &l->wait);
        join(card, "sa_wait.replay_check", &l->wait, &l->replay, c->lookup.depth);
    }
    join(card, "replay_check.crypto", &l->replay, &l->rx.crypto, c->replay.depth);
    wire_crypt(card, &l->rx);
    join(card, "reorder.replay_update", &l->rx.reorder, &l->update, whole(card, 0));
    join(card, "replay_update.decapsulate", &l->update, &l->decapsulate,
         whole(card, c->update.depth));
    if (card->forward) {
        join(card, "decapsulate.forward", &l->decapsulate, &l->forward,
             whole(card, c->decapsulate.depth));
        join(card, "forward.rx_dma", &l->forward, &l->rx_dma, whole(card, 0));
    } else {
        join(card, "decapsulate.rx_dma", &l->decapsulate, &l->rx_dma,
             whole(card, c->decapsulate.depth));
    }
    stage_output(&l->decapsulate, round);
}

/* The way around the host: from each lane to each lane. */
static void wire_forward(struct espnic *card)
{
    unsigned lanes = card->config.general.lanes;
    uint32_t depth = (uint32_t)(card->config.forward.buffer / card->config.general.bus);

    for (unsigned from = 0; card->forward && from < lanes; from++) {
        for (unsigned to = 0; to < lanes; to++) {
            join(card, "forward.sa_fetch", &card->lane[from].forward, &card->lane[to].fetch,
                 whole(card, depth));
        }
    }
}

static void wire_tx(struct espnic *card, struct nic_lane *l)
{
    const struct nic_config *c = &card->config;
    uint32_t tx_buffer = (uint32_t)(c->mac.tx_buffer / c->general.bus / c->general.lanes);
    struct channel *round = nic_channel(card, "reorder.sa_fetch", l->tx.reorder.block,
                                        l->fetch.block, loop_beats(card, &l->tx));

    stage_input(&l->fetch, round);
    join(card, "tx_dma.sa_fetch", &l->tx_dma, &l->fetch, whole(card, 0));
    if (c->sa.storage == NIC_STORAGE_ON_CHIP) {
        join(card, "sa_fetch.sequence", &l->fetch, &l->sequence, c->fetch.depth);
    } else {
        wire_wait(card, "sa_fetch.sa_wait", &l->fetch, &l->tx_wait);
        join(card, "sa_wait.sequence", &l->tx_wait, &l->sequence, c->fetch.depth);
    }
    join(card, "sequence.encapsulate", &l->sequence, &l->encapsulate, c->sequence.depth);
    join(card, "encapsulate.crypto", &l->encapsulate, &l->tx.crypto, c->encapsulate.depth);
    wire_crypt(card, &l->tx);
    for (unsigned p = 0; p < c->general.ports; p++) {
        join(card, "reorder.mac_tx", &l->tx.reorder, &card->port[p].mac_tx, whole(card, tx_buffer));
    }
    stage_output(&l->tx.reorder, round);
}

static void wire_pcie(struct espnic *card)
{
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        struct nic_lane *l = &card->lane[i];

        l->rx_client = nic_client(card, "rx_dma.pcie", l->rx_dma.block, l->rx_answers_block,
                                  PCIE_ANSWERS_WRITES);
        l->tx_client = nic_client(card, "tx_dma.pcie", card->dma.tx_block, l->tx_dma.block,
                                  PCIE_ANSWERS_ORDERED);
        stage_input(&l->tx_dma, card->answer[l->tx_client]);
        l->tx_here = nic_channel(card, "tx_fetch.tx_dma", card->dma.tx_block, l->tx_dma.block, 0);
        stage_input(&l->tx_dma, l->tx_here);
        l->tx_segments = nic_channel(card, "tx_dma.segments", l->tx_dma.block, l->tx_dma.block, 0);
        stage_input(&l->tx_dma, l->tx_segments);
        l->rx_done =
            nic_channel(card, "rx_dma.rx_done", l->rx_answers_block, card->dma.done_block, 0);
    }
    card->dma.tx_client = nic_client(card, "tx_fetch.pcie", card->dma.tx_block, card->dma.tx_block,
                                     PCIE_ANSWERS_ORDERED);
    card->dma.rx_client = nic_client(card, "rx_fetch.pcie", card->dma.rx_block, card->dma.rx_block,
                                     PCIE_ANSWERS_ORDERED);
    card->dma.done_client = nic_client(card, "tx_done.pcie", card->dma.done_block,
                                       card->dma.done_block, PCIE_ANSWERS_WRITES);
    card->commands.client = nic_client(card, "command.pcie", card->commands.block,
                                       card->commands.block, PCIE_ANSWERS_BOTH);
    card->memory.client = nic_client(card, "sa_memory.pcie", card->memory.block, card->memory.block,
                                     PCIE_ANSWERS_READS);
    card->interrupts_client = nic_client(card, "interrupts.pcie", card->interrupts_block,
                                         card->interrupts_block, PCIE_ANSWERS_WRITES);
    card->dma.rx_done_client = nic_client(card, "rx_done.pcie", card->dma.done_block,
                                          card->dma.done_block, PCIE_ANSWERS_WRITES);
    card->mmio_channel =
        nic_channel(card, "pcie.registers", pcie_link_block(card->link), card->registers_block, 0);
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        card->port[p].tx_done =
            nic_channel(card, "mac_tx.tx_done", card->port[p].tx_block, card->dma.done_block, 0);
    }
}

/* Stages first, then what changes their surroundings: block numbers are the order within an edge. */
static void make_blocks(struct espnic *card)
{
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        nic_mac_rx_init(card, &card->port[p]);
        nic_mac_tx_init(card, &card->port[p]);
    }
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        struct nic_lane *l = &card->lane[i];

        l->card = card;
        l->index = i;
        nic_parser_init(card, l);
        nic_lookup_init(card, l);
        nic_wait_init(card, l, NIC_RX);
        nic_replay_init(card, l);
        nic_crypt_init(card, &l->rx, NIC_RX, i);
        nic_decapsulate_init(card, l);
        nic_forward_lane_init(card, l);
        nic_tx_dma_init(card, l);
        nic_fetch_init(card, l);
        nic_wait_init(card, l, NIC_TX);
        nic_sequence_init(card, l);
        nic_encapsulate_init(card, l);
        nic_crypt_init(card, &l->tx, NIC_TX, i);
        nic_rx_dma_init(card, l);
    }
    nic_memory_init(card);
    nic_faults_init(card);
    nic_dma_init(card);
    nic_rss_init(card);
    nic_commands_init(card);
    nic_interrupts_init(card);
    nic_csr_init(card);
    nic_pcie_init(card);
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static bool fail(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(char *error, size_t error_size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return false;
}

static bool make_clocks(struct espnic *card, char *error, size_t error_size)
{
    const struct nic_config *c = &card->config;
    uint64_t num;
    uint64_t den;
    int id;

    clock_set_init(&card->clocks);
    card->core = (unsigned)clock_add(&card->clocks, c->general.clock, 1000);
    card->crypto_domain =
        c->crypto.clock ? (unsigned)clock_add(&card->clocks, c->crypto.clock, 1000) : card->core;
    for (unsigned p = 0; p < c->general.ports; p++) {
        card->port[p].domain = (unsigned)clock_add(&card->clocks, c->mac.rate, 8);
    }
    if (!pcie_link_clock(&c->pcie, &num, &den, error, error_size)) {
        return false;
    }
    card->pcie_domain = (unsigned)clock_add(&card->clocks, num, den);
    id = card->options.clock_num
             ? clock_add(&card->clocks, card->options.clock_num, card->options.clock_den)
             : clock_add(&card->clocks, 1000000000000ull, 1);
    card->port_domain = (unsigned)id;
    return id >= 0 || fail(error, error_size,
                           "card.clock: the clocks of this card have no common measure within 64 "
                           "bits; choose rounder frequencies");
}

static bool make_memory(struct espnic *card, char *error, size_t error_size)
{
    const char *library = card->options.backend ? card->options.backend : "auto";
    enum esp_backend backend = ESP_BACKEND_AUTO;

    if (!strcmp(library, "openssl")) {
        backend = ESP_BACKEND_OPENSSL;
    } else if (!strcmp(library, "ipsec-mb")) {
        backend = ESP_BACKEND_IPSEC_MB;
    } else if (strcmp(library, "auto") != 0) {
        return fail(error, error_size,
                    "cryptographic library: found \"%s\", expected auto, ipsec-mb or openssl",
                    library);
    }
    const struct sa_cache_config cache = nic_cache_config(&card->config);

    card->crypt = esp_crypt_open(backend, ESP_CRYPT_DEFAULT_CONTEXTS, error, error_size);
    if (!card->crypt || !sa_cache_init(&card->cache, &cache, error, error_size)) {
        return false;
    }
    card->config.table.scope = card->config.sa.esn == NIC_ESN_EVENTS;
    card->config.table.events =
        card->config.table.scope && card->config.general.offload == NIC_OFFLOAD_PACKET;
    card->config.table.watch = card->config.sa.delete_idle || card->config.sa.delete_again;
    if (card->config.command.path == NIC_PATH_REGISTERS) {
        const struct sa_table_config table = nic_mailbox_table(&card->config);

        sa_table_init(&card->table, &table);
        nic_mailbox_init(card);
    } else {
        sa_table_init(&card->table, &card->config.table);
    }
    if (card->config.command.path == NIC_PATH_DESCRIPTOR && !card->config.command.inbound) {
        card->table.stats.capacity = 0;
    }
    nic_pool_init(&card->packets, sizeof(struct nic_packet));
    nic_pool_init(&card->jobs, sizeof(struct nic_job));
    nic_pool_init(&card->carried, sizeof(struct nic_carried));
    for (unsigned i = 0; i < 3; i++) {
        nic_pool_init(&card->buffers[i], buffer_bytes[i]);
    }
    card->mmio = calloc(NIC_MMIO_RING, sizeof *card->mmio);
    for (unsigned p = 0; p < card->config.general.ports; p++) {
        card->port[p].card = card;
        card->port[p].index = p;
    }
    return card->mmio || fail(error, error_size, "out of memory");
}

struct espnic *espnic_create(const struct nic_config *config, const struct espnic_options *options,
                             const struct espnic_ports *ports, char *error, size_t error_size)
{
    struct espnic *card = calloc(1, sizeof *card);

    if (!card) {
        fail(error, error_size, "out of memory");
        return NULL;
    }
    card->config = *config;
    card->options = *options;
    card->ports = *ports;
    nic_idealise(&card->config);
    if (!nic_config_check(&card->config, error, error_size) ||
        !make_clocks(card, error, error_size) || !make_memory(card, error, error_size)) {
        espnic_destroy(card);
        return NULL;
    }
    nic_forward_init(card);
    sched_init(&card->sched, &card->clocks);
    card->iv_random = rng_stream(card->config.general.seed, 1);
    card->firmware_random = rng_stream(card->config.general.seed, 2);
    make_blocks(card);
    for (unsigned i = 0; i < card->config.general.lanes; i++) {
        wire_rx(card, &card->lane[i]);
        wire_tx(card, &card->lane[i]);
    }
    wire_forward(card);
    wire_pcie(card);
    if (card->mailbox) {
        nic_mailbox_wire(card);
    }
    return card;
}

void nic_lane_stages(struct nic_lane *lane, struct stage *stages[NIC_LANE_STAGES])
{
    struct stage *all[NIC_LANE_STAGES] = { &lane->parser,    &lane->lookup,      &lane->wait,
                                           &lane->replay,    &lane->rx.crypto,   &lane->rx.reorder,
                                           &lane->update,    &lane->decapsulate, &lane->forward,
                                           &lane->rx_dma,    &lane->tx_dma,      &lane->fetch,
                                           &lane->tx_wait,   &lane->sequence,    &lane->encapsulate,
                                           &lane->tx.crypto, &lane->tx.reorder };

    memcpy(stages, all, sizeof all);
}

static void free_lane(struct nic_lane *l)
{
    struct stage *stages[NIC_LANE_STAGES];

    nic_lane_stages(l, stages);
    for (unsigned i = 0; i < NIC_LANE_STAGES; i++) {
        stage_free(stages[i]);
    }
    free(l->rx.ticket);
    free(l->tx.ticket);
}

void espnic_destroy(struct espnic *card)
{
    if (!card) {
        return;
    }
    if (card->crypt) {
        esp_crypt_flush(card->crypt);
        esp_crypt_close(card->crypt);
    }
    for (unsigned i = 0; i < NIC_MAX_LANES; i++) {
        free_lane(&card->lane[i]);
    }
    for (unsigned i = 0; i < card->channels; i++) {
        channel_free(card->channel[i]);
        free(card->channel[i]);
    }
    for (unsigned p = 0; p < NIC_MAX_PORTS; p++) {
        stage_free(&card->port[p].mac_tx);
        free(card->port[p].arrival);
        free(card->port[p].departure);
    }
    if (card->link) {
        pcie_link_destroy(card->link);
    }
    nic_forward_free(card);
    nic_mailbox_free(card);
    nic_faults_free(card);
    nic_push_free(card);
    free(card->rss);
    sa_table_destroy(&card->table);
    sa_cache_destroy(&card->cache);
    free(card->memory.mshr_ticket);
    free(card->memory.mshr_done);
    free(card->memory.mshr_dir);
    free(card->memory.fill_cycle);
    free(card->memory.fill_mshr);
    free(card->memory.back);
    free(card->memory.store);
    free(card->dma.tx_descriptor);
    free(card->dma.tx_context);
    free(card->dma.rx_descriptor);
    free(card->dma.failed);
    free(card->commands.slot);
    free(card->commands.turn);
    free(card->commands.posted);
    free(card->mmio);
    nic_pool_destroy(&card->packets);
    nic_pool_destroy(&card->jobs);
    nic_pool_destroy(&card->carried);
    for (unsigned i = 0; i < 3; i++) {
        nic_pool_destroy(&card->buffers[i]);
    }
    sched_free(&card->sched);
    free(card);
}

/* ---- the time port --------------------------------------------------------------------------------------- */

uint64_t espnic_now(const struct espnic *card)
{
    return nic_present(card);
}

uint64_t espnic_next_event(const struct espnic *card)
{
    unsigned domain;
    uint64_t cycle;

    if (!sched_next(&card->sched, &domain, &cycle)) {
        return ESPNIC_NEVER;
    }
    return clock_edge_from(&card->clocks, domain, cycle, card->port_domain);
}

void espnic_stop_at(struct espnic *card, uint64_t time)
{
    if (time < card->stop) {
        card->stop = time;
    }
}

uint64_t espnic_advance(struct espnic *card, uint64_t until)
{
    assert(!card->advancing);
    card->advancing = true;
    card->stop = until;
    sched_run(&card->sched, card->port_domain, &card->stop);
    card->advancing = false;
    if (card->stop > card->now) {
        card->now = card->stop;
    }
    return card->now;
}

/* ---- the PCIe port ----------------------------------------------------------------------------------------- */

/* The link takes the present as its own next edge. */
static uint64_t link_cycle(const struct espnic *card, uint64_t time)
{
    return clock_edge_from(&card->clocks, card->port_domain, time, card->pcie_domain);
}

bool espnic_mmio_write(struct espnic *card, uint64_t time, uint32_t offset, uint32_t bytes,
                       uint64_t value)
{
    if (time < nic_present(card) || bytes == 0 || bytes > 8) {
        return false;
    }
    pcie_mmio_write(card->link, link_cycle(card, time), offset, bytes, value);
    return true;
}

bool espnic_mmio_burst(struct espnic *card, uint64_t time, uint32_t offset, const uint8_t *bytes,
                       uint32_t count)
{
    uint32_t line;

    if (time < nic_present(card) || count % 4 || offset % 4 || count < 4 ||
        offset % 64 + count > 64) {
        return false;
    }
    if (count <= 8) {
        uint64_t value = 0;

        memcpy(&value, bytes, count);
        return espnic_mmio_write(card, time, offset, count, value);
    }
    line = nic_pool_take(&card->lines);
    memset(nic_pool_at(&card->lines, line), 0, 64);
    memcpy(nic_pool_at(&card->lines, line), bytes, count);
    pcie_mmio_write(card->link, link_cycle(card, time), offset, count, line);
    return true;
}

bool espnic_mmio_read(struct espnic *card, uint64_t time, uint32_t offset, uint32_t bytes,
                      uint64_t tag)
{
    if (time < nic_present(card) || bytes == 0 || bytes > 8) {
        return false;
    }
    pcie_mmio_read(card->link, link_cycle(card, time), offset, bytes, tag);
    return true;
}
