/* crypto: the pool of engines of a lane and direction.
 *
 * Modelled: a packet comes in over the bus, a beat a cycle, and keeps its engine
 * for `occupancy` cycles:
 *   pipelined modes (GCM, GMAC, CTR, ChaCha20, CBC decryption): ceil(P / width) + overhead + key_setup
 *   serial modes (CBC encryption, HMAC, CCM's MAC, iterative cores): blocks x cycles a block
 * Cipher and HMAC of one packet run side by side, so the longer one counts. A SHA pass is
 * ceil((n + 9) / 64) blocks (SHA-384, SHA-512: ceil((n + 17) / 128)) and one block of the outer hash; the
 * pads' states are kept in the SA. In pipelined modes the last beat leaves the depth (rounds x stages)
 * and the tag after its last bytes were taken, as the bus brings them, or a width a cycle if that is
 * slower; a serial mode and AH on send give nothing before the packet is done.
 * With several contexts an engine works on several packets, a block (or width) of each in turn: it
 * takes the next packet when it has had as many cycles as the one before has blocks (widths), or beats.
 * Packets without IPsec pass around the engines on a path of their own.
 *
 * The cryptography itself is submitted when the packet enters an engine and completed when its
 * verdict is needed; it has no influence on time. */
#include "nic/card.h"

#include <stdlib.h>
#include <string.h>

#include "engine/must.h"

enum { BLOCK_AES = 16, BLOCK_DES = 8, BLOCK_CHACHA = 64, TAG_CYCLES = 3 };

struct cost {
    uint32_t beats; /* of the packet: how long the bus takes */
    uint32_t occupancy, latency;
    uint32_t slots; /* in which its engine takes it: serial: blocks, pipelined: widths */
};

static uint32_t div_up(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t aes_rounds(enum esp_alg alg)
{
    return 6u + esp_alg_info(alg)->key_bytes / 4u;
}

static void pipelined(const struct nic_crypto_config *c, uint32_t bytes, uint32_t depth,
                      struct cost *cost)
{
    uint32_t slots = div_up(bytes, (uint32_t)c->width);

    cost->occupancy = larger(cost->occupancy, slots + c->overhead + c->key_setup);
    /* the last width enters when the bus has brought it, or later in an engine that is slower */
    cost->latency =
        larger(cost->latency, depth + TAG_CYCLES + (slots > cost->beats ? slots - cost->beats : 0));
    cost->slots = larger(cost->slots, slots);
}

static void serial(uint32_t blocks, uint32_t cycles, struct cost *cost)
{
    cost->occupancy = larger(cost->occupancy, blocks * cycles);
    cost->latency = larger(cost->latency, blocks * cycles);
    cost->slots = larger(cost->slots, blocks);
}

static void cipher_cost(const struct nic_crypto_config *c, enum esp_alg alg, bool encrypt,
                        uint32_t bytes, struct cost *cost)
{
    const struct esp_alg_info *info = esp_alg_info(alg);
    uint32_t depth = aes_rounds(alg) * c->stages_per_round;
    uint32_t cycles;

    switch (alg) {
    case ESP_ALG_AES_GCM_128:
    case ESP_ALG_AES_GCM_192:
    case ESP_ALG_AES_GCM_256: cycles = c->block_cycles[NIC_CLASS_GCM]; break;
    case ESP_ALG_AES_CCM_128:
    case ESP_ALG_AES_CCM_192:
    case ESP_ALG_AES_CCM_256:
        serial(div_up(bytes, BLOCK_AES) + 2, c->block_cycles[NIC_CLASS_CBC_ENC], cost);
        cycles = c->block_cycles[NIC_CLASS_CTR];
        break;
    case ESP_ALG_AES_CTR_128:
    case ESP_ALG_AES_CTR_192:
    case ESP_ALG_AES_CTR_256: cycles = c->block_cycles[NIC_CLASS_CTR]; break;
    case ESP_ALG_CHACHA20_POLY1305:
        cycles = c->block_cycles[NIC_CLASS_CHACHA];
        depth = 20 * c->stages_per_round;
        break;
    case ESP_ALG_3DES_CBC:
    case ESP_ALG_DES_CBC:
        cycles = c->block_cycles[NIC_CLASS_3DES] * (alg == ESP_ALG_3DES_CBC ? 3 : 1);
        depth = 16 * c->stages_per_round;
        break;
    default:
        if (info->kind != ESP_KIND_CIPHER || alg == ESP_ALG_NULL) {
            return;
        }
        cycles = c->block_cycles[encrypt ? NIC_CLASS_CBC_ENC : NIC_CLASS_CBC_DEC];
        break;
    }
    if (cycles) {
        uint32_t block = alg == ESP_ALG_CHACHA20_POLY1305 ? BLOCK_CHACHA
                         : info->block_bytes == BLOCK_DES ? BLOCK_DES
                                                          : BLOCK_AES;

        serial(div_up(bytes, block), cycles, cost);
    } else {
        pipelined(c, bytes, depth, cost);
    }
}

static void integrity_cost(const struct nic_crypto_config *c, enum esp_alg alg, uint32_t bytes,
                           struct cost *cost)
{
    const struct esp_alg_info *info = esp_alg_info(alg);

    if (info->kind == ESP_KIND_GMAC) {
        if (c->block_cycles[NIC_CLASS_GCM]) {
            serial(div_up(bytes, BLOCK_AES), c->block_cycles[NIC_CLASS_GCM], cost);
        } else {
            pipelined(c, bytes, aes_rounds(alg) * c->stages_per_round, cost);
        }
    } else if (info->kind == ESP_KIND_HMAC) {
        uint32_t block = info->hash_block_bytes;
        uint32_t length_field = block == 128 ? 17 : 9;

        serial(div_up(bytes + length_field, block) + 1, c->block_cycles[NIC_CLASS_HASH], cost);
    }
}

static struct cost cost_of(struct espnic *card, const struct nic_packet *p)
{
    const struct nic_crypto_config *c = &card->config.crypto;
    const struct esp_transform *t = nic_transform(p);
    struct cost cost = { .beats = p->beats };
    uint32_t span = p->bounds.end - p->bounds.ipsec;
    uint32_t over;

    if (t->op == ESP_OP_AH) {
        integrity_cost(c, (enum esp_alg)t->auth, p->bounds.end - p->bounds.l3, &cost);
        return cost;
    }
    over = ESP_HEADER + (uint32_t)t->iv + t->icv;
    cipher_cost(c, (enum esp_alg)t->enc, p->dir == NIC_TX, span > over ? span - over : 0, &cost);
    integrity_cost(c, (enum esp_alg)t->auth, span > t->icv ? span - t->icv : 0, &cost);
    return cost;
}

/* ---- contents ------------------------------------------------------------------------------------ */

static bool keyless(struct espnic *card, const struct nic_packet *p)
{
    return p->no_key || (!p->carried && (nic_entry(card, p)->flags & SA_ENTRY_TIMING_ONLY));
}

static bool has_contents(struct espnic *card, const struct nic_packet *p)
{
    return card->options.functional && p->present >= p->length && !keyless(card, p);
}

/* Timing only: pad length and next header, if the bytes and the key are there. */
static void peek(struct espnic *card, struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    struct esp_suite suite;
    struct esp_peek look;
    uint8_t *esp = nic_bytes(card, p) + p->bounds.ipsec;
    uint32_t over;

    over = ESP_HEADER + (uint32_t)t->iv;
    if (p->plain && p->present > p->bounds.ipsec + over && t->op == ESP_OP_ESP) {
        p->info = 1; /* all but the padding, which follows from the packet inside */
        p->next_header = esp[over] >> 4 == 6 ? ESP_PROTO_IPV6 : ESP_PROTO_IPV4;
        return;
    }
    if (t->op == ESP_OP_AH || p->present < p->length ||
        p->bounds.end - p->bounds.ipsec < over + t->icv + 2u || keyless(card, p)) {
        return;
    }
    nic_suite(card, p, &suite);
    if (!esp_crypt_peek(card->crypt, nic_key(card, p), &suite, esp + ESP_HEADER, esp + over,
                        p->bounds.end - p->bounds.ipsec - over - t->icv,
                        p->bounds.end - p->bounds.ipsec - over - t->icv, ESP_PEEK_HEAD, &look)) {
        return;
    }
    /* the clear head takes the place of the ciphered one, for whoever parses the inner packet */
    memcpy(esp + over, look.head, look.head_length);
    p->info = look.tail_known;
    p->pad_length = look.pad_length;
    p->next_header = look.next_header;
}

static void submit(struct espnic *card, struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    struct esp_suite suite;
    struct nic_job *job;
    enum esp_status status;
    uint32_t hi = (uint32_t)(p->sequence >> 32);

    p->job_state = ESP_JOB_OK;
    p->info = 0;
    p->pad_length = 0;
    if (t->op == ESP_OP_ESP &&
        p->bounds.end - p->bounds.ipsec < (uint32_t)ESP_HEADER + t->iv + t->icv + 2u) {
        p->job_state = ESP_JOB_REFUSED;
        return;
    }
    if (!has_contents(card, p)) {
        if (p->dir == NIC_RX && p->wrong_half) {
            p->job_state = ESP_JOB_BAD_ICV; /* as it would be found */
        } else if (p->dir == NIC_RX) {
            peek(card, p);
        }
        return;
    }
    p->job = nic_pool_take(&card->jobs);
    job = nic_pool_at(&card->jobs, p->job);
    nic_suite(card, p, &suite);
    if (p->dir == NIC_RX) {
        status = esp_verify(card->crypt, &job->job, t, nic_key(card, p), &suite, nic_bytes(card, p),
                            &p->bounds, hi);
    } else {
        status = esp_protect(card->crypt, &job->job, t, nic_key(card, p), &suite,
                             nic_bytes(card, p), &p->bounds, hi);
    }
    if (status != ESP_PENDING && status != ESP_OK) {
        p->job_state = status == ESP_BAD_ICV ? ESP_JOB_BAD_ICV : ESP_JOB_REFUSED;
        nic_pool_release(&card->jobs, p->job);
        p->job = 0;
    }
}

/* The trailer is clear now. */
static void note_trailer(struct espnic *card, struct nic_packet *p)
{
    const struct esp_transform *t = nic_transform(p);
    struct esp_trailer trailer;
    enum esp_status status;

    status = esp_read_trailer(t, nic_bytes(card, p), &p->bounds, &trailer);
    if (status == ESP_OK || status == ESP_DUMMY) {
        p->info = t->op == ESP_OP_ESP;
        p->pad_length = trailer.pad_length;
        p->next_header = trailer.next_header;
    }
}

enum esp_job_state nic_crypt_result(struct espnic *card, struct nic_packet *p)
{
    if (p->job) {
        struct nic_job *job = nic_pool_at(&card->jobs, p->job);
        enum esp_status status = esp_finish(card->crypt, &job->job);

        p->job_state = status == ESP_OK        ? ESP_JOB_OK
                       : status == ESP_BAD_ICV ? ESP_JOB_BAD_ICV
                                               : ESP_JOB_REFUSED;
        nic_pool_release(&card->jobs, p->job);
        p->job = 0;
        if (p->dir == NIC_RX && p->job_state == ESP_JOB_OK) {
            note_trailer(card, p);
        }
    }
    return (enum esp_job_state)p->job_state;
}

/* ---- engines ------------------------------------------------------------------------------------ */

static bool is_ideal(const struct nic_crypt *c)
{
    return nic_is_ideal(&c->card->config, NIC_IDEAL_CRYPTO);
}

static bool accepts(void *self, unsigned lane, uint32_t item)
{
    struct nic_crypt *c = self;
    const struct nic_packet *p = nic_packet(c->card, item);
    uint64_t free;

    if (!p->crypt || lane == c->engines) {
        return !p->crypt && lane == c->engines;
    }
    free = c->engine_free[lane / c->card->config.crypto.contexts];
    if (free <= c->card->sched.now_cycle) {
        return true;
    }
    sched_wake(&c->card->sched, c->crypto.block, free);
    return false;
}

static void job(void *self, uint64_t now, unsigned lane, struct lane_job *j)
{
    struct nic_crypt *c = self;
    const struct nic_packet *p = nic_packet(c->card, j->item);
    struct cost cost = { 0 };
    uint32_t bus = p->beats;

    (void)now;
    j->beats_in = p->beats;
    j->beats_out = p->beats;
    j->out = (uint8_t)lane;
    j->interval = 1;
    if (is_ideal(c)) {
        j->interval = 0;
        return;
    }
    if (!p->crypt) {
        j->latency = 1;
        return;
    }
    cost = cost_of(c->card, p);
    j->tail = cost.occupancy > bus ? cost.occupancy - bus : 0;
    j->latency = cost.latency + 1;
    if (p->dir == NIC_TX && p->kind == ESP_PACKET_AH) {
        j->latency += bus; /* the ICV precedes the payload: store and forward */
    }
}

static void begin(void *self, uint64_t now, unsigned lane, const struct lane_job *j)
{
    struct nic_crypt *c = self;
    struct espnic *card = c->card;
    struct nic_packet *p = nic_packet(card, j->item);
    uint32_t contexts = card->config.crypto.contexts;
    uint32_t key = p->crypt ? (p->carried ? p->transform.spi : p->sa) % NIC_ORDER_KEYS : 0;

    p->order_key = card->config.crypto.order == NIC_ORDER_LANE ? 0 : key;
    p->order = c->ticket[p->order_key]++;
    if (!p->crypt) {
        return;
    }
    submit(card, p);
    if (contexts > 1 && !is_ideal(c)) {
        c->engine_free[lane / contexts] = now + larger(cost_of(card, p).slots, p->beats);
    }
}

/* ---- reorder ------------------------------------------------------------------------------------ */

/* Not before the packets of its SA that entered the engines earlier. */
static bool in_order(void *self, uint64_t now, uint32_t item, unsigned *cause, uint64_t *again)
{
    struct nic_crypt *c = self;
    const struct nic_packet *p = nic_packet(c->card, item);

    (void)now;
    (void)again;
    *cause = c->crypto.block;
    return c->ticket[NIC_ORDER_KEYS + p->order_key] == (uint32_t)p->order;
}

/* TX: another SA to go through? */
static bool goes_on(struct espnic *card, const struct nic_packet *p)
{
    if (!p->sa) {
        return false;
    }
    return p->entry + 1u < sa_entries(sa_context(&card->table, p->sa)) ||
           (p->portion == 0 && p->handle[1]);
}

static void reorder_job(void *self, uint64_t now, unsigned lane, struct lane_job *j)
{
    struct nic_crypt *c = self;
    const struct nic_packet *p = nic_packet(c->card, j->item);

    (void)now;
    (void)lane;
    j->beats_in = p->beats;
    j->beats_out = p->beats;
    j->interval = nic_is_ideal(&c->card->config, NIC_IDEAL_REORDER) ? 0 : 1;
    j->latency = j->interval;
    if (c->dir == NIC_TX) {
        /* outputs: one for each port, then the way back to sa_fetch */
        j->out = goes_on(c->card, p) ? (uint8_t)c->card->config.general.ports : p->port;
    }
}

static void next_portion(struct espnic *card, struct nic_packet *p, uint64_t now)
{
    p->pass++;
    p->looked = 0;
    p->framed = 0;
    if (p->entry + 1u < sa_entries(sa_context(&card->table, p->sa))) {
        p->entry++;
        return;
    }
    nic_release_sa(card, p, now);
    p->portion = 1;
    p->entry = 0;
}

static void reorder_begin(void *self, uint64_t now, unsigned lane, const struct lane_job *j)
{
    struct nic_crypt *c = self;
    struct espnic *card = c->card;
    struct nic_packet *p = nic_packet(card, j->item);

    (void)lane;
    c->ticket[NIC_ORDER_KEYS + p->order_key]++;
    if (c->dir == NIC_RX || (!p->sa && !p->carried)) {
        return;
    }
    nic_crypt_result(card, p);
    card->stats.tx.ipsec_passes++;
    if (goes_on(card, p)) {
        next_portion(card, p, now);
    } else {
        nic_release_sa(card, p, now);
    }
}

void nic_crypt_init(struct espnic *card, struct nic_crypt *c, unsigned dir, unsigned lane)
{
    const struct stage_ops engines = { .job = job, .begin = begin, .accepts = accepts };
    const struct stage_ops order = { .job = reorder_job,
                                     .begin = reorder_begin,
                                     .ready = in_order };

    c->card = card;
    c->dir = (uint8_t)dir;
    c->lane = (uint8_t)lane;
    c->engines = card->config.crypto.engines * card->config.crypto.contexts;
    c->ticket = must(calloc(2 * NIC_ORDER_KEYS, sizeof *c->ticket));
    nic_stage(card, &c->crypto, dir == NIC_RX ? "crypto_rx" : "crypto_tx", card->crypto_domain,
              c->engines + 1, LANE_START_FIRST, &engines, c);
    /* the way around is none of the engines: its cycles are not in their account */
    c->crypto.lane[c->engines].account.by_cause[0] = NULL;
    c->crypto.lane[c->engines].account.by_cause[1] = NULL;
    nic_stage(card, &c->reorder, dir == NIC_RX ? "reorder_rx" : "reorder_tx", card->core, 1,
              dir == NIC_RX ? LANE_START_LAST : LANE_START_FIRST, &order, c);
}
