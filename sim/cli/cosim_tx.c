/* Random traffic for esp_tx: frames of all lengths for tunnels and transport SAs of all kinds, and frames that must not be
 * sent: not IP, contradictory lengths, fragments, too long, unknown handles, SAs whose numbers end.
 *
 * A frame is made some beats before it is sent, since the C block wants to have it (pins AHEAD_*). */
#include <stdlib.h>
#include <string.h>

#include "cli/cosim.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"
#include "engine/rng.h"

#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

enum {
    MAX_SAS = 256,
    BUS = 64,
    LONGEST = 9216 + 256 + BUS,
    READY = 16 /* frames, a power of two */
};

enum {
    HOP_BY_HOP = 0,
    ICMP = 1,
    TCP = 6,
    UDP = 17,
    ROUTING = 43,
    FRAGMENT = 44,
    NO_NEXT = 59,
    DESTINATION = 60,
    MOBILITY = 135
};

/* Handles that no SA has. */
#define NOBODY (UINT64_C(1) << 50)

/* An SA as the host has it. */
struct sender {
    bool live, transport, v6, esn;
    uint32_t icv;
    uint64_t handle;
    struct esp_node node;
};

/* A frame on its way in. */
struct frame {
    uint64_t handle;
    uint32_t length, beats;
    uint8_t bytes[LONGEST];
};

struct traffic {
    struct rng random;
    struct sender sender[MAX_SAS];
    uint32_t sas, mtu;
    uint32_t capacity; /* beats that the block holds, about */
    struct frame frame[READY];
    uint32_t made, shown, begun; /* free-running: frames made, shown ahead, sent */
    uint32_t show_beat, beat;    /* of the frame that is being shown, sent */
    bool sending;
    uint32_t favourite;
    uint64_t last_handle;
    uint64_t inbound;  /* handle of an SA that is not to send with */
    bool by_command;   /* SAs come and go by commands of somebody else */
    uint32_t to_set;   /* SAs that are still to be set */
    bool setting;      /* ... one of them in this cycle */
    uint64_t drain_at; /* from this cycle on nothing new is made, until nothing is under way */
    uint64_t finished;
    struct cosim_pace in_pace, out_pace;
    uint64_t hold_until; /* a wire that takes nothing for long: all channels fill */
    uint64_t cycle;
    struct {
        uint64_t full, held, frames, bare, close, sas_set, tunnels, transports, v6_outer, tags,
            options, extensions, fragments, padded, trailing, edge, carries, shrunk, grown, wraps;
        uint64_t unknown, not_ip, mtu, exhausted, protect; /* as the block counts them */
    } n;
};

static uint32_t below(struct traffic *t, uint32_t n)
{
    return (uint32_t)rng_below(&t->random, n);
}

static bool one_in(struct traffic *t, uint32_t n)
{
    return below(t, n) == 0;
}

static void *create(const char *config, uint64_t seed)
{
    struct traffic *t = must(calloc(1, sizeof *t));
    uint32_t longest;

    t->random = rng_stream(seed, 3);
    t->sas = 1u << nic_solo_number(config, "SA_W");
    t->mtu = nic_solo_number(config, "MTU");
    longest = (t->mtu + 256 + BUS - 1) / BUS;
    t->capacity = nic_solo_number(config, "OUT_DEPTH") + nic_solo_number(config, "CRYPTO_DEPTH") +
                  6 * longest;
    t->favourite = 1;
    t->to_set = t->sas - 1;
    t->drain_at = 2000;
    return t;
}

static void destroy(void *self)
{
    free(self);
}

/* ---- SAs ------------------------------------------------------------------------------------------- */

/* Fresh, somewhere, or shortly before the numbers wrap or end. */
static uint64_t first_number(struct traffic *t, bool esn)
{
    uint64_t before = 1 + below(t, one_in(t, 2) ? 20 : 400);

    switch (below(t, 5)) {
    case 0: return 1;
    case 1: return 1 + (esn ? rng_next(&t->random) >> 1 : below(t, UINT32_MAX - 1));
    case 2:
        t->n.wraps += esn;
        return esn ? ((1 + (uint64_t)below(t, 1u << 20)) << 32) - before : UINT32_MAX - before + 1;
    case 3: return esn ? UINT64_MAX - before + 1 : UINT32_MAX - before + 1;
    default: return 1 + below(t, 1u << 30);
    }
}

static void make_key(struct traffic *t, struct esp_key *key)
{
    uint32_t rounds = one_in(t, 2) ? 0 : below(t, 3);
    uint32_t bytes = 16 + 8 * rounds;

    key->alg = esp_alg_gcm(rounds);
    key->length = (uint8_t)(bytes + 4);
    rng_bytes(&t->random, key->bytes, bytes);
    rng_bytes(&t->random, key->bytes + bytes, 4);
}

static void make_sender(struct traffic *t, uint32_t number)
{
    struct sender *s = &t->sender[number];
    struct esp_sa *sa = &s->node.sa[0];
    uint8_t address[32];

    *s = (struct sender){
        .live = !one_in(t, 8), .transport = one_in(t, 3), .v6 = one_in(t, 3), .esn = one_in(t, 2)
    };
    s->node = (struct esp_node){ .dir = ESP_DIR_OUT, .sa_count = 1 };
    s->icv = one_in(t, 2) ? 16 : 8 + 4 * below(t, 3);
    s->handle = (below(t, 1u << 20) + 1) * t->sas + number;
    rng_bytes(&t->random, address, sizeof address);
    s->node.mode = s->transport ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL;
    s->node.src.family = s->node.dst.family = s->v6 ? 6 : 4;
    memcpy(s->node.src.bytes, address, s->v6 ? 16 : 4);
    memcpy(s->node.dst.bytes, address + 16, s->v6 ? 16 : 4);
    sa->op = ESP_OP_ESP;
    sa->esn = s->esn;
    sa->seq = first_number(t, s->esn);
    sa->spi = 0x100 + (below(t, 1u << 20) << 8) + number; /* all different */
    sa->enc.icv = (uint8_t)s->icv;
    make_key(t, &sa->enc);
    t->n.sas_set++;
}

static void set_sa(struct traffic *t, uint32_t *in, uint32_t number)
{
    const struct sender *s = &t->sender[number];

    make_sender(t, number);
    cosim_sa_tx(in, number, (uint32_t)s->handle, s->live, &s->node);
}

static void describe(void *self, uint32_t number, bool fresh, uint32_t *tx_in,
                     struct esp_node *node)
{
    struct traffic *t = self;
    struct sender *s = &t->sender[number];

    if (fresh) {
        uint64_t before = s->handle; /* nobody has another one yet */

        make_sender(t, number);
        s->live = false;
        s->handle = before;
    }
    *node = s->node;
    if (tx_in) {
        cosim_sa_tx(tx_in, 0, 0, true, node);
        SET(tx_in, CFG_WE, 0);
    }
}

static void answered(void *self, uint32_t number, bool live, uint64_t handle)
{
    struct traffic *t = self;

    if (number == 0) {
        t->inbound = handle;
        return;
    }
    t->sender[number].live = live;
    t->sender[number].handle = live ? handle : t->sender[number].handle;
}

void cosim_tx_senders(void *traffic, uint32_t count, struct cosim_senders *to)
{
    struct traffic *t = traffic;

    t->by_command = true;
    t->sas = 1 + count;
    t->to_set = 0;
    t->drain_at = UINT64_MAX;
    for (uint32_t i = 1; i <= count; i++) {
        make_sender(t, i);
        t->sender[i].live = false;
        t->sender[i].handle = NOBODY + i;
    }
    *to = (struct cosim_senders){
        .self = t, .count = count, .describe = describe, .answered = answered
    };
}

/* First all SAs one after the other; then, now and then, all of them anew when nothing is under way. */
static void drive_sas(struct traffic *t, uint32_t *in)
{
    uint64_t gone = t->finished + t->n.unknown + t->n.not_ip + t->n.mtu + t->n.exhausted;

    if (!t->by_command && t->to_set == 0 && t->cycle > t->drain_at && t->n.frames == gone) {
        t->to_set = t->sas - 1;
        t->drain_at = t->cycle + 2000 + below(t, 4000 + 300 * t->sas);
    }
    t->setting = t->to_set > 0;
    if (t->setting) {
        set_sa(t, in, t->sas - t->to_set);
        t->to_set--;
    }
}

/* ---- frames ---------------------------------------------------------------------------------------- */

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* What ESP makes longer, without padding. */
static uint32_t added(const struct sender *s)
{
    return 16 + 2 + s->icv + (s->transport ? 0 : s->v6 ? 40u : 20u);
}

/* Bytes of an IP packet: short, any, such that it just fits or just does not, too long. */
static uint32_t pick_total(struct traffic *t, const struct sender *s, uint32_t least)
{
    uint32_t fits = t->mtu - added(s);
    uint32_t total;

    switch (below(t, 8)) {
    case 0:
    case 1:
    case 2: total = least + below(t, 100); break;
    case 3:
        t->n.edge++;
        total = fits - 4 + below(t, 9);
        break;
    case 4: total = one_in(t, 2) ? t->mtu + below(t, 100) : least + below(t, 600); break;
    default: total = least + below(t, (one_in(t, 4) || fits < 600 ? fits : 600) - least); break;
    }
    return total;
}

static uint8_t any_proto(struct traffic *t)
{
    static const uint8_t some[] = { TCP, UDP, TCP, UDP, ICMP, NO_NEXT, 50, 51, 4, 41, 132, 255 };

    return some[below(t, sizeof some)];
}

/* The identification is such that the sum of the header, as transport mode makes it, ends in ffff: its carries make another
 * one when they are added, which chance alone would hardly show. */
static void set_carries(struct traffic *t, const struct sender *s, uint8_t *ip, uint32_t total)
{
    uint32_t framed = total + 18 + s->icv + ((2u - total) & 3), sum = framed + (ip[8] * 256u + 50);

    for (uint32_t at = 0; at < (ip[0] & 15u) * 4; at += 2) {
        if (at != 2 && at != 4 && at != 8 && at != 10) {
            sum += ip[at] * 256u + ip[at + 1];
        }
    }
    put16(ip + 4, 0xffff - (sum & 0xffff));
    t->n.carries += s->live && sum >> 16;
}

/* An IPv4 header at `ip`, of a packet that stands `l3` bytes behind the beginning of the frame. */
static uint32_t make_ipv4(struct traffic *t, const struct sender *s, uint8_t *ip, uint32_t l3)
{
    uint32_t most =
        s->transport ? (BUS - l3) / 4 : 15; /* the RTL wants to see all of it in the first beat */
    uint32_t words = one_in(t, 6) ? 5 + below(t, (most > 15 ? 15 : most) - 4) : 5;
    uint32_t total = pick_total(t, s, words * 4);

    ip[0] = (uint8_t)(0x40 | words);
    put16(ip + 2, total);
    put16(ip + 6, one_in(t, 2) ? 0x4000 : one_in(t, 4) ? 0x8000 : 0);
    if (one_in(t, 12)) {
        put16(ip + 6, one_in(t, 2) ? 0x2000 : one_in(t, 2) ? 1 + below(t, 0x1fff) : 0x6001);
        t->n.fragments++;
    }
    ip[9] = any_proto(t);
    if (one_in(t, 20)) { /* lengths that contradict each other */
        switch (below(t, 3)) {
        case 0: ip[0] = (uint8_t)(0x40 | below(t, 5)); break;
        case 1: put16(ip + 2, below(t, words * 4)); break;
        default: put16(ip + 2, 0); break;
        }
    }
    t->n.options += words > 5;
    if (s->transport && one_in(t, 8)) {
        set_carries(t, s, ip, total);
    }
    return total;
}

/* Extension headers behind an IPv6 header, at most `room` bytes; returns their bytes. */
static uint32_t make_extensions(struct traffic *t, const struct sender *s, uint8_t *ip, uint32_t l3)
{
    static const uint8_t kinds[] = { HOP_BY_HOP, ROUTING, DESTINATION, MOBILITY, FRAGMENT };
    uint32_t count =
        s->transport ? (l3 > 22 ? 0u : 1u) : 1 + below(t, 3); /* as the RTL can follow */
    uint32_t at = 40;
    uint8_t *field = ip + 6;

    for (uint32_t i = 0; i < count; i++) {
        *field = kinds[below(t, sizeof kinds)];
        field = ip + at;
        ip[at + 1] = (uint8_t)(one_in(t, 3) ? below(t, 12) : 0);
        at += *(ip + at + 1) * 8u + 8;
        t->n.extensions++;
    }
    *field = one_in(t, 10) && (count || l3 <= 22) ? (uint8_t)FRAGMENT : any_proto(t);
    return at - 40;
}

static uint32_t make_ipv6(struct traffic *t, const struct sender *s, uint8_t *ip, uint32_t l3)
{
    uint32_t extensions = 0, total;

    ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
    ip[6] = any_proto(t);
    if (one_in(t, 5)) {
        extensions = make_extensions(t, s, ip, l3);
    }
    total = pick_total(t, s, 40 + (one_in(t, 10) ? 0 : extensions));
    put16(ip + 4, total - 40);
    if (one_in(t, 20)) {
        put16(ip + 4, total + 20 + below(t, 2000));
    }
    return total;
}

static uint32_t make_tags(struct traffic *t, uint8_t *bytes)
{
    static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100 };
    uint32_t count = one_in(t, 6) ? 1 + below(t, 5) : 0;

    for (uint32_t i = 0; i < count; i++) {
        put16(bytes + 12 + 4 * i, tpids[below(t, 3)]);
    }
    t->n.tags += count > 0;
    return 14 + 4 * count;
}

/* `made`: bytes of the frame that it becomes. */
static void note_growth(struct traffic *t, const struct frame *f, const struct sender *s,
                        uint32_t made)
{
    uint32_t beats = (f->length + BUS - 1) / BUS, beats_out = (made + BUS - 1) / BUS;

    t->n.shrunk += s->live && beats_out < beats;
    t->n.grown += s->live && beats_out > beats;
}

/* The frame's bytes are random before. */
static void make_contents(struct traffic *t, struct frame *f, const struct sender *s)
{
    uint32_t l3 = make_tags(t, f->bytes);
    bool v6 = one_in(t, 3);
    uint32_t total = v6 ? make_ipv6(t, s, f->bytes + l3, l3) : make_ipv4(t, s, f->bytes + l3, l3);

    put16(f->bytes + l3 - 2, v6 ? 0x86dd : 0x0800);
    if (one_in(t, 40)) { /* not IP, or not that version */
        put16(f->bytes + l3 - 2, one_in(t, 2) ? 0x0806 : v6 ? 0x0800 : 0x86dd);
    }
    f->length = l3 + total;
    if (one_in(t, 15)) { /* more behind the packet than there should be, or less */
        f->length += 1 + below(t, one_in(t, 3) ? 200 : 30);
        t->n.trailing++;
    } else if (one_in(t, 60)) {
        f->length -= 1 + below(t, 8);
    }
    if (f->length > t->mtu + 256) {
        f->length = t->mtu + 256;
    }
    if (f->length < 60) {
        f->length = 60;
        t->n.padded++;
    }
    note_growth(t, f, s, l3 + total + added(s));
}

/* Any; where they come and go mostly one that is there. */
static uint32_t pick_sa(struct traffic *t)
{
    uint32_t sa = 1 + below(t, t->sas - 1);

    for (unsigned tries = 0; t->by_command && tries < 8 && !t->sender[sa].live; tries++) {
        sa = 1 + below(t, t->sas - 1);
    }
    return sa;
}

/* One that no SA to send with has, or will have for long. */
static uint64_t other_handle(struct traffic *t, const struct sender *s)
{
    if (t->by_command && t->inbound && one_in(t, 2)) {
        return t->inbound;
    }
    return t->by_command ? s->handle ^ UINT64_C(1) << (52 + below(t, 8))
                         : s->handle + (uint64_t)t->sas * (1 + below(t, 3));
}

static const struct sender *pick_sender(struct traffic *t, struct frame *f)
{
    static const struct sender nobody = { .icv = 16 };
    uint32_t sa;
    const struct sender *s;

    if (one_in(t, 12)) {
        f->handle = 0;
        t->n.bare++;
        return &nobody;
    }
    if (one_in(t, 6) || (t->by_command && !t->sender[t->favourite].live)) {
        t->favourite = pick_sa(t);
    }
    sa = below(t, 3) ? t->favourite : pick_sa(t);
    s = &t->sender[sa];
    f->handle = one_in(t, 40) ? other_handle(t, s) : s->handle;
    t->n.tunnels += !s->transport;
    t->n.transports += s->transport;
    t->n.v6_outer += !s->transport && s->v6;
    t->n.close += f->handle == t->last_handle;
    t->last_handle = f->handle;
    return s;
}

static void make_frame(struct traffic *t)
{
    struct frame *f = &t->frame[t->made++ % READY];
    const struct sender *s = pick_sender(t, f);

    /* beyond the frame too: nobody may look at it */
    rng_bytes(&t->random, f->bytes, one_in(t, 4) ? LONGEST : 1024);
    make_contents(t, f, s);
    f->beats = (f->length + BUS - 1) / BUS;
    t->n.frames++;
}

/* ---- pins ------------------------------------------------------------------------------------------ */

static void drive_ahead(struct traffic *t, uint32_t *in)
{
    const struct frame *f;

    if (t->shown == t->made && t->made - t->begun < READY && t->cycle <= t->drain_at &&
        !t->setting && !t->to_set) {
        make_frame(t);
    }
    if (t->shown == t->made) {
        return;
    }
    f = &t->frame[t->shown % READY];
    SET(in, AHEAD_VALID, 1);
    SET(in, AHEAD_LAST, t->show_beat + 1 == f->beats);
    SET_BYTES(in, AHEAD_BEAT, f->bytes + (size_t)t->show_beat * BUS, BUS);
    if (++t->show_beat == f->beats) {
        t->show_beat = 0;
        t->shown++;
    }
}

static void drive_in(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    const struct frame *f = &t->frame[t->begun % READY];
    bool room = GET(out, TX_ROOM);

    if (!t->sending && t->begun != t->shown && cosim_pace(&t->in_pace, &t->random)) {
        t->sending = true;
    }
    t->n.full += t->sending && !room;
    if (!t->sending || !room || (t->beat && one_in(t, 40))) {
        return;
    }
    SET(in, TX_VALID, 1);
    SET(in, TX_LAST, t->beat + 1 == f->beats);
    SET(in, TX_HANDLE, f->handle);
    SET(in, TX_LENGTH, f->length);
    SET_BYTES(in, TX_BEAT, f->bytes + (size_t)t->beat * BUS, BUS);
    if (++t->beat == f->beats) {
        t->beat = 0;
        t->begun++;
        t->sending = false;
    }
}

static void drive_out(struct traffic *t, const uint32_t *out, uint32_t *in)
{
    bool valid = GET(out, OUT_VALID);

    if (t->cycle > t->hold_until && one_in(t, 16 * t->capacity)) {
        t->hold_until = t->cycle + 2 * t->capacity + below(t, 2 * t->capacity);
    }
    if (!valid || t->cycle < t->hold_until || !cosim_pace(&t->out_pace, &t->random)) {
        t->n.held += valid;
        return;
    }
    SET(in, OUT_POP, 1);
    t->finished += GET(out, OUT_LAST);
}

static void drive(void *self, const uint32_t *out, uint32_t *in)
{
    struct traffic *t = self;

    t->n.unknown = GET(out, COUNT_UNKNOWN_HANDLE);
    t->n.not_ip = GET(out, COUNT_NOT_IP);
    t->n.mtu = GET(out, COUNT_MTU);
    t->n.exhausted = GET(out, COUNT_EXHAUSTED);
    t->n.protect = GET(out, COUNT_PROTECTED);
    drive_sas(t, in);
    drive_out(t, out, in);
    drive_in(t, out, in);
    drive_ahead(t, in);
    t->cycle++;
}

static unsigned shares(const void *self, struct cosim_share share[COSIM_MAX_SHARES])
{
    const struct traffic *t = self;
    const struct cosim_share all[] = {
        { "cycles in which the block has no room", t->n.full, t->cycle, 30 },
        { "cycles in which what is ready has to stay", t->n.held, t->cycle, 30 },
        { "frames that were protected", t->n.protect, t->n.frames,
          t->by_command ? 100
          : t->sas == 2 ? 250
                        : 300 },
        { "frames in clear, without an SA", t->n.bare, t->n.frames, 40 },
        { "unknown handles", t->n.unknown, t->n.frames, 10 },
        { "not IP, or contradictory", t->n.not_ip, t->n.frames, 20 },
        { "longer than the MTU", t->n.mtu, t->n.frames, 20 },
        { "no number left", t->n.exhausted, t->n.frames, 10 },
        { "frames of an SA right behind one of it", t->n.close, t->n.frames, 200 },
        { "for tunnels", t->n.tunnels, t->n.frames, 300 },
        { "... with an outer IPv6 header", t->n.v6_outer, t->n.frames, 100 },
        { "for transport", t->n.transports, t->n.frames, 150 },
        { "with tags", t->n.tags, t->n.frames, 50 },
        { "with IPv4 options", t->n.options, t->n.frames, 30 },
        { "with a checksum that carries twice", t->n.carries, t->n.frames, 5 },
        { "with IPv6 extension headers", t->n.extensions, t->n.frames, 30 },
        { "IPv4 fragments", t->n.fragments, t->n.frames, 20 },
        { "padded to 60 bytes", t->n.padded, t->n.frames, 20 },
        { "with bytes behind the IP packet", t->n.trailing, t->n.frames, 20 },
        { "around the longest that fits", t->n.edge, t->n.frames, 50 },
        { "with more beats behind ESP than before", t->n.grown, t->n.frames, 100 },
        { "with fewer beats", t->n.shrunk, t->n.frames, 5 },
        { "SAs set", t->n.sas_set, t->n.frames, 1 },
        { "... shortly before a multiple of 2^32", t->n.wraps, t->n.sas_set, 30 },
    };

    memcpy(share, all, sizeof all);
    return sizeof all / sizeof *all;
}

const struct cosim_stimulus cosim_tx_stimulus = {
    .create = create, .destroy = destroy, .drive = drive, .shares = shares
};
