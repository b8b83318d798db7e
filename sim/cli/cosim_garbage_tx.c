/* Garbage for esp_tx, then frames that can be sent, each of which the wire has to get. */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim_garbage.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"
#include "esp/packet.h"

#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

enum { BUS = 64, MAX_SAS = 256, READY = 8 /* frames, a power of two */ };

struct ready {
    struct garbage_frame frame;
    uint32_t handle, shown_beats;
    uint8_t seen[GARBAGE_BYTES]; /* as the C block has to know it ahead */
};

struct traffic {
    struct rng random;
    uint32_t sas, mtu;
    uint32_t limit; /* bytes of the longest frame */
    uint32_t handle[MAX_SAS];
    bool live[MAX_SAS];
    uint32_t to_set;
    struct ready ready[READY];
    uint32_t made, shown, begun; /* free-running: frames made, shown ahead, sent */
    uint32_t show_beat, beat;
    struct cosim_pace in_pace, out_pace;
    uint64_t hold_until; /* cycles in which the wire takes nothing */
    uint64_t cycle, garbage;
    bool sound;
    uint64_t sent, sent_protected, finished, begun_finished, begun_protected, protect, framing,
        begun_framing, unknown, begun_unknown, without_room, not_quiet, handles;
    struct garbage_counts n;
};

static uint32_t below(struct traffic *t, uint32_t n)
{
    return (uint32_t)rng_below(&t->random, n);
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));

    t->random = rng_stream(seed, 12);
    t->garbage = nic_solo_number(config, "GARBAGE");
    t->sas = 1u << nic_solo_number(config, "SA_W");
    t->mtu = nic_solo_number(config, "MTU");
    t->to_set = t->sas - 1;
    t->limit = (t->mtu + 256 + BUS - 1) / BUS * BUS;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- SAs ------------------------------------------------------------------------------------------------ */

static void set_sa(struct traffic *t, uint32_t *in, uint32_t number)
{
    const uint32_t size = below(t, 3);
    struct esp_node node = { .dir = ESP_DIR_OUT, .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];

    node.mode = below(t, 2) ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL;
    node.src.family = node.dst.family = below(t, 2) ? 6 : 4;
    rng_bytes(&t->random, node.src.bytes, node.src.family == 6 ? 16 : 4);
    rng_bytes(&t->random, node.dst.bytes, node.dst.family == 6 ? 16 : 4);
    sa->op = ESP_OP_ESP;
    sa->esn = below(t, 2);
    sa->seq = 1 + (t->sound ? below(t, 1000) : below(t, 2) ? 0 : UINT32_MAX - 1 - below(t, 50));
    sa->spi = 0x100 + (below(t, 1u << 20) << 8) + number;
    sa->enc.alg = esp_alg_gcm(size);
    sa->enc.icv = (uint8_t)(8 + 4 * below(t, 3));
    sa->enc.length = (uint8_t)(16 + 8 * size + 4);
    rng_bytes(&t->random, sa->enc.bytes, 16 + 8 * size);
    rng_bytes(&t->random, sa->enc.bytes + 16 + 8 * size, 4);
    t->handle[number] = (below(t, 1u << 20) + 1) * t->sas + number;
    t->live[number] = t->sound || below(t, 4);
    cosim_sa_tx(in, number, t->handle[number], t->live[number], &node);
}

static void drive_sas(struct traffic *t, uint32_t *in)
{
    if (t->cycle == t->garbage + COSIM_QUIET) {
        t->sound = true;
        t->to_set = t->sas - 1;
        t->begun_finished = t->finished;
        t->begun_protected = t->protect;
        t->begun_framing = t->framing;
        t->begun_unknown = t->unknown;
    }
    if (t->to_set > 0) {
        set_sa(t, in, t->sas - t->to_set);
        t->to_set--;
    }
}

/* ---- frames ---------------------------------------------------------------------------------------------- */

/* Transport mode of the RTL wants to see all headers in the first beat, and one extension header at most. */
static bool beyond_rtl(const uint8_t *b)
{
    uint32_t at = 12;
    uint32_t type;

    for (; at < BUS - 2; at += 4) {
        type = esp_get16(b + at);
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100) {
            break;
        }
    }
    if (at > 12 + 8) {
        return true;
    }
    type = esp_get16(b + at);
    at += 2;
    if (type == ESP_ETHERTYPE_IPV4) {
        return at + 4 * (b[at] & 15u) > BUS;
    }
    return type == ESP_ETHERTYPE_IPV6 &&
           (b[at + 6] == ESP_PROTO_HOP_BY_HOP || b[at + 6] == ESP_PROTO_ROUTING ||
            b[at + 6] == ESP_PROTO_DESTINATION || b[at + 6] == ESP_PROTO_MOBILITY ||
            b[at + 6] == ESP_PROTO_FRAGMENT);
}

/* A handle of nobody, a stale one, or that of an SA. */
static uint32_t any_handle(struct traffic *t)
{
    const uint32_t sa = 1 + below(t, t->sas - 1);

    switch (below(t, 8)) {
    case 0: return 0;
    case 1: return (uint32_t)rng_next(&t->random);
    case 2: return t->handle[sa] ^ 1u << below(t, 32);
    case 3: return t->handle[sa] + t->sas * (1 + below(t, 3));
    default: return t->handle[sa];
    }
}

static void make_garbage(struct traffic *t, struct ready *r)
{
    struct garbage_counts n;

    do {
        n = t->n;
        garbage_misframe(&t->random, &r->frame, garbage_contents(&t->random, &r->frame), &n);
    } while (garbage_seen(&r->frame, r->seen) && beyond_rtl(r->seen));
    t->n = n;
    r->handle = any_handle(t);
    t->handles += r->handle != 0 && r->handle != t->handle[r->handle % t->sas];
}

/* UDP over IPv4, that fits even in a tunnel. */
static void make_sound(struct traffic *t, struct ready *r)
{
    struct garbage_frame *f = &r->frame;
    const uint32_t total = 28 + below(t, (t->mtu < 1500 ? t->mtu : 1500) - 28 - 100);
    uint8_t *ip = f->bytes + 14;

    rng_bytes(&t->random, f->bytes, t->limit);
    esp_put16(ip - 2, ESP_ETHERTYPE_IPV4);
    ip[0] = 0x45;
    esp_put16(ip + 2, (uint16_t)total);
    esp_put16(ip + 6, 0);
    ip[9] = ESP_PROTO_UDP;
    esp_put16(ip + 10, 0);
    esp_put16(ip + 10, esp_ip_checksum(ip, 20));
    f->length = 14 + total < 60 ? 60 : 14 + total;
    f->beats = (f->length + BUS - 1) / BUS;
    garbage_seen(f, r->seen);
    r->handle = below(t, 8) ? t->handle[1 + below(t, t->sas - 1)] : 0;
    t->sent++;
    t->sent_protected += r->handle != 0;
}

static void make_frame(struct traffic *t)
{
    struct ready *r = &t->ready[t->made % READY];

    if (t->made - t->begun == READY || t->to_set ||
        (t->sound ? t->sent == COSIM_SOUND : t->cycle >= t->garbage)) {
        return;
    }
    r->frame.limit = t->limit;
    if (t->sound) {
        make_sound(t, r);
    } else {
        make_garbage(t, r);
    }
    r->shown_beats =
        r->frame.length > t->limit || r->frame.length == 0 ? 1 : (r->frame.length + BUS - 1) / BUS;
    t->made++;
}

static void drive_ahead(struct traffic *t, uint32_t *in)
{
    const struct ready *r = &t->ready[t->shown % READY];

    if (t->shown == t->made) {
        return;
    }
    SET(in, AHEAD_VALID, 1);
    SET(in, AHEAD_LAST, t->show_beat + 1 == r->shown_beats);
    SET_BYTES(in, AHEAD_BEAT, r->seen + (size_t)t->show_beat * BUS, BUS);
    if (++t->show_beat == r->shown_beats) {
        t->show_beat = 0;
        t->shown++;
    }
}

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const struct ready *r = &t->ready[t->begun % READY];
    const bool room = GET(out, TX_ROOM);
    uint8_t beat[BUS];

    if (t->begun == t->shown || !cosim_pace(&t->in_pace, &t->random) || (t->sound && !room)) {
        return;
    }
    rng_bytes(&t->random, beat, BUS);
    if (t->beat < t->limit / BUS) {
        memcpy(beat, r->frame.bytes + (size_t)t->beat * BUS, BUS);
    }
    SET(in, TX_VALID, 1);
    SET(in, TX_LAST, t->beat + 1 == r->frame.beats);
    SET(in, TX_HANDLE, t->beat == 0 ? r->handle : (uint32_t)rng_next(&t->random));
    SET(in, TX_LENGTH, t->beat == 0 ? r->frame.length : below(t, 65536));
    SET_BYTES(in, TX_BEAT, beat, BUS);
    t->without_room += !room;
    t->beat += room; /* else it stays, and is shown again */
    if (t->beat == r->frame.beats) {
        t->beat = 0;
        t->begun++;
    }
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const bool valid = GET(out, OUT_VALID);
    const bool quiet = t->cycle >= t->garbage && !t->sound;

    if (t->cycle > t->hold_until && below(t, 4000) == 0) {
        t->hold_until = t->cycle + 300 + below(t, 1000);
    }
    t->not_quiet += valid && t->cycle + 100 >= t->garbage + COSIM_QUIET && !t->sound;
    if (!valid || (!quiet && (t->cycle < t->hold_until || !cosim_pace(&t->out_pace, &t->random)))) {
        return;
    }
    SET(in, OUT_POP, 1);
    t->finished += GET(out, OUT_LAST);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    t->protect = GET(out, COUNT_PROTECTED);
    t->framing = GET(out, COUNT_FRAMING);
    t->unknown = GET(out, COUNT_UNKNOWN_HANDLE);
    drive_sas(t, in);
    drive_out(t, out, in);
    drive_in(t, out, in);
    make_frame(t);
    drive_ahead(t, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "garbage: frames to send, in cycles", t->n.frames, t->garbage, 10 },
        { "of length 0", t->n.none, t->n.frames, 50 },
        { "of a length that no frame has", t->n.long_ones, t->n.frames, 50 },
        { "that end before their length does", t->n.early, t->n.frames, 50 },
        { "that go on behind their length", t->n.late, t->n.frames, 50 },
        { "counted as ill framed", t->begun_framing, t->n.frames, 200 },
        { "with handles of nobody, and stale ones", t->handles, t->n.frames, 200 },
        { "dropped for their handles", t->begun_unknown, t->n.frames, 100 },
        { "beats shown without room", t->without_room, t->garbage, 10 },
        { "quiet behind it", t->not_quiet == 0, 1, 1000 },
        { "correct frames that were protected", t->protect - t->begun_protected, t->sent_protected,
          1000 },
        { "correct frames that came out", t->finished - t->begun_finished, COSIM_SOUND, 1000 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_tx_garbage = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
