/* carried: the SA context that a transmit descriptor brings along (card.command.path descriptor; Chelsio T6:
 * key, salt and precomputed hash key in every work request, no table).
 *
 * Descriptors are `card.command.context` bytes longer for it, which the link carries with each packet. There
 * is nothing to look up, to miss or to delete; the host numbers (crypto offload) and says the upper half.
 * The place of the hash key is in the layout, its content is not looked at. What is received has a table of
 * its own, reached through the command queue, or is the host's. */
#include "nic/card.h"

#include <string.h>

enum { OF_A_PACKET = 1u << 31 /* names of keys: those of SAs in the table are smaller */ };

static const struct nic_carried *of(const struct espnic *card, const struct nic_packet *p)
{
    return nic_pool_at(&card->carried, p->carried);
}

static uint64_t word_at(const uint8_t *bytes)
{
    return (uint64_t)esp_get32(bytes) << 32 | esp_get32(bytes + 4);
}

/* Equal contexts share what the library makes of their key. */
static struct esp_key_ref name_of(const uint8_t *bytes, uint32_t count)
{
    uint64_t h = count;

    for (uint32_t i = 0; i + 8 <= count; i += 8) {
        h = rng_mix(h ^ word_at(bytes + i)) + i;
    }
    return (struct esp_key_ref){ .id = (uint32_t)h | (uint32_t)OF_A_PACKET,
                                 .generation = (uint32_t)(h >> 32) };
}

uint32_t nic_carried_new(struct espnic *card, const uint8_t *bytes)
{
    uint32_t index = nic_pool_take(&card->carried);
    struct nic_carried *c = nic_pool_at(&card->carried, index);
    uint32_t count = (uint32_t)card->config.command.context;

    memcpy(&c->head, bytes, sizeof c->head);
    memcpy(c->key, bytes + sizeof c->head, count - sizeof c->head);
    /* the upper half of the number is no part of the key */
    c->name = name_of(bytes + sizeof(uint64_t), count - (uint32_t)sizeof(uint64_t));
    return index;
}

uint32_t nic_carried_copy(struct espnic *card, uint32_t carried)
{
    uint32_t index = nic_pool_take(&card->carried);

    memcpy(nic_pool_at(&card->carried, index), nic_pool_at(&card->carried, carried),
           sizeof(struct nic_carried));
    return index;
}

void nic_carried_suite(const struct espnic *card, const struct nic_packet *p,
                       struct esp_suite *suite)
{
    const struct nic_carried *c = of(card, p);
    uint32_t at = (uint32_t)ABI_CONTEXT_KEYS - (uint32_t)sizeof c->head;

    suite->enc = c->head.enc;
    suite->auth = c->head.auth;
    suite->icv = c->head.icv;
    suite->enc_length = c->head.enc_length;
    suite->auth_length = c->head.auth_length;
    suite->enc_key = c->head.enc_length ? c->key + at : NULL;
    suite->auth_key = c->head.auth_length ? c->key + at + c->head.enc_length : NULL;
}

struct esp_key_ref nic_carried_name(const struct espnic *card, const struct nic_packet *p)
{
    return of(card, p)->name;
}

/* Could a card do this: algorithms it has, keys that fit into the descriptor? */
static bool usable(const struct espnic *card, const struct nic_packet *p)
{
    const struct sa_capabilities *can = &card->config.capabilities;
    const struct abi_tx_context *h = &of(card, p)->head;
    struct esp_suite suite;

    if ((h->op != ESP_OP_ESP && h->op != ESP_OP_AH) || h->enc >= ESP_ALG_COUNT ||
        h->auth >= ESP_ALG_COUNT ||
        (uint32_t)ABI_CONTEXT_KEYS + h->enc_length + h->auth_length >
            card->config.command.context) {
        return false;
    }
    if (!(can->encryption & SA_ALGORITHM(h->enc == ESP_ALG_NONE ? ESP_ALG_NULL : h->enc)) &&
        h->op == ESP_OP_ESP) {
        return false;
    }
    if (h->flags & ABI_CONTEXT_NO_KEY) {
        return true;
    }
    nic_carried_suite(card, p, &suite);
    return !esp_suite_check(&suite);
}

bool nic_carried_use(struct espnic *card, struct nic_packet *p)
{
    const struct abi_tx_context *h = &of(card, p)->head;
    struct esp_transform *t = &p->transform;

    if (!card->offload_on || !usable(card, p)) {
        return false;
    }
    memset(t, 0, sizeof *t);
    t->op = h->op;
    t->mode = ESP_MODE_TRANSPORT; /* the host has built all headers */
    t->esn = (h->flags & ABI_CONTEXT_ESN) != 0;
    t->enc = h->enc;
    t->auth = h->auth;
    t->spi = h->spi;
    esp_transform_init(t, h->icv);
    p->no_key = (h->flags & ABI_CONTEXT_NO_KEY) != 0;
    return true;
}

uint64_t nic_carried_number(const struct espnic *card, const struct nic_packet *p, uint32_t lo)
{
    const struct abi_tx_context *h = &of(card, p)->head;

    return h->flags & ABI_CONTEXT_ESN ? (uint64_t)h->seq_hi << 32 | lo : lo;
}

void nic_carried_free(struct espnic *card, struct nic_packet *p)
{
    struct nic_carried *c = nic_pool_at(&card->carried, p->carried);

    explicit_bzero(c->key, sizeof c->key);
    nic_pool_release(&card->carried, p->carried);
    p->carried = 0;
}
