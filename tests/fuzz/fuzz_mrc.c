/* Any bytes as a history of SAs and packets: adds, deletes, frames received and to send. What the finder finds must
 * be an SA that was added and not deleted, and the curve must be that of LRU lists.
 * An item is a byte that says what it is, and its own bytes; a frame begins with its length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/finder.h"
#include "sa_table/mrc.h"

enum { HANDLES = 64, LISTS = 4, MOST = 4096 };

struct history {
    struct finder *finder;
    struct mrc *mrc, *sampled;
    uint32_t sa_of[HANDLES]; /* 0: not on the card */
    bool named[HANDLES];
    unsigned live;
    struct list {
        unsigned size, used;
        uint32_t sa[8];
        uint64_t hits;
    } list[LISTS];
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- lists --------------------------------------------------------------------------------------- */

static bool take_out(struct list *l, uint32_t sa)
{
    for (unsigned i = 0; i < l->used; i++) {
        if (l->sa[i] == sa) {
            memmove(&l->sa[i], &l->sa[i + 1], (--l->used - i) * sizeof l->sa[0]);
            return true;
        }
    }
    return false;
}

static void use(struct history *h, uint32_t sa)
{
    mrc_access(h->mrc, sa);
    mrc_access(h->sampled, sa);
    for (unsigned i = 0; i < LISTS; i++) {
        struct list *l = &h->list[i];

        l->hits += take_out(l, sa);
        l->used -= l->used == l->size;
        memmove(&l->sa[1], &l->sa[0], l->used * sizeof l->sa[0]);
        l->sa[0] = sa;
        l->used++;
    }
}

static void forget(struct history *h, uint32_t sa)
{
    mrc_forget(h->mrc, sa);
    mrc_forget(h->sampled, sa);
    for (unsigned i = 0; i < LISTS; i++) {
        take_out(&h->list[i], sa);
    }
}

/* ---- items ---------------------------------------------------------------------------------------- */

/* Four bytes make a node: its handle; direction, mode, family, UDP, selector; SPI; address. */
static void add(struct history *h, const uint8_t *b)
{
    uint8_t family = (b[1] & 4) != 0 ? 6 : 4;
    struct esp_node node = { .handle = b[0] % HANDLES + 1,
                             .dir = (b[1] & 1) != 0 ? ESP_DIR_IN : ESP_DIR_OUT,
                             .mode = (b[1] & 2) != 0 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
                             .udp = (b[1] & 8) != 0 ? ESP_UDP_TUNNEL : ESP_UDP_NONE,
                             .src = { .family = family, .bytes = { 10, 0, 0, 1 } },
                             .dst = { .family = family, .bytes = { 10, 0, 0, b[3] } },
                             .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];
    struct finder_added added;

    if (h->named[node.handle - 1]) {
        return; /* the latest of a handle would hide the others */
    }
    node.sel.present = (b[1] & 16) != 0;
    node.sel.has_dst = (b[1] & 32) != 0;
    node.sel.dst = (struct esp_prefix){ .address = node.dst, .length = b[3] % 33 };
    node.sel.has_proto = (b[1] & 64) != 0;
    node.sel.proto = 17;
    *sa = (struct esp_sa){ .op = (b[1] & 128) != 0 ? ESP_OP_AH : ESP_OP_ESP,
                           .spi = 0x01020300u + b[2],
                           .seq = node.dir == ESP_DIR_OUT };
    sa->enc.alg = sa->op == ESP_OP_ESP ? ESP_ALG_NULL : ESP_ALG_NONE;
    sa->auth = (struct esp_key){ .alg = ESP_ALG_SHA_256, .icv = 16 };
    added = finder_add(h->finder, &node);
    h->named[node.handle - 1] = true;
    h->sa_of[node.handle - 1] = added.sa;
    h->live += added.sa != 0;
    require((added.sa != 0) == (added.reason == SA_OK));
    require(added.sa == 0 || finder_handle(h->finder, added.sa) == node.handle);
}

static void drop(struct history *h, uint8_t number)
{
    unsigned i = number % HANDLES;
    uint32_t sa = finder_delete(h->finder, i + 1);

    require(sa == h->sa_of[i]);
    if (sa != 0) {
        forget(h, sa);
        h->live--;
    }
    h->sa_of[i] = 0;
    h->named[i] = false;
}

static void frame(struct history *h, const uint8_t *bytes, uint32_t length, bool received)
{
    struct finder_packet found =
        (received ? finder_receive : finder_send)(h->finder, bytes, length, length);

    require((found.sa != 0) == (found.reason == FINDER_FOUND));
    require(found.reason < FINDER_REASON_COUNT);
    if (found.sa != 0) {
        uint64_t handle = finder_handle(h->finder, found.sa);

        require(handle >= 1 && handle <= HANDLES && h->sa_of[handle - 1] == found.sa);
        use(h, found.sa);
    }
}

/* Bytes of the item at `data`, 0: it is not whole. */
static size_t item(struct history *h, const uint8_t *data, size_t size)
{
    switch (data[0] % 4) {
    case 0:
        if (size < 5) {
            return 0;
        }
        add(h, data + 1);
        return 5;
    case 1:
        if (size < 2) {
            return 0;
        }
        drop(h, data[1]);
        return 2;
    default:
        if (size < 2 || size < 2u + data[1]) {
            return 0;
        }
        frame(h, data + 2, data[1], data[0] % 4 == 2);
        return 2u + data[1];
    }
}

static void check(struct history *h)
{
    uint64_t all = mrc_accesses(h->mrc) - mrc_cold(h->mrc);

    for (unsigned i = 0; i < LISTS; i++) {
        require(mrc_hits(h->mrc, h->list[i].size) == h->list[i].hits);
    }
    require(mrc_hits(h->mrc, UINT64_MAX) == all);
    require(mrc_hits(h->sampled, UINT64_MAX) == all);
    require(mrc_marks(h->sampled) <= 2);
    require(finder_live(h->finder) == h->live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mrc_config exact = { .rate = 1 };
    const struct mrc_config two = { .rate = 1, .size = 2 };
    struct history h = { .list = { { .size = 1 }, { .size = 2 }, { .size = 3 }, { .size = 7 } } };
    struct finder_config config = { .packet_offload = size % 2 == 0 };
    size_t used;

    if (size > MOST) {
        return 0;
    }
    sa_capabilities_all(&config.can);
    h.finder = finder_create(&config);
    h.mrc = mrc_create(&exact);
    h.sampled = mrc_create(&two);
    while (size > 0 && (used = item(&h, data, size)) != 0) {
        data += used;
        size -= used;
    }
    check(&h);
    finder_destroy(h.finder);
    mrc_destroy(h.mrc);
    mrc_destroy(h.sampled);
    return 0;
}
