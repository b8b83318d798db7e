#include "cli/cosim_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ETHERNET = 14,
    HEADERS = 22, /* with two tags */
    START = 512,  /* room for headers before the frame */
    NAT_PORT = 4500,
    SHORTEST = 60,
    ICV_LONGEST = 16
};

static uint32_t below(struct frames *f, uint32_t n)
{
    return (uint32_t)rng_below(&f->random, n);
}

static bool one_in(struct frames *f, uint32_t n)
{
    return below(f, n) == 0;
}

void frames_init(struct frames *f, uint64_t seed, uint32_t sas, uint32_t window)
{
    char error[256];

    f->random = rng_stream(seed, 2);
    f->sas = sas;
    f->window = window;
    f->favourite = 1;
    f->crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, ESP_CRYPT_DEFAULT_CONTEXTS, error, sizeof error);
    if (!f->crypt) {
        fprintf(stderr, "espnic: %s\n", error);
        abort();
    }
}

void frames_free(struct frames *f)
{
    esp_crypt_close(f->crypt);
}

/* ---- SAs --------------------------------------------------------------------------------------------- */

static void random_address(struct frames *f, struct esp_address *a, uint8_t family, uint32_t number)
{
    *a = (struct esp_address){ .family = family };
    rng_bytes(&f->random, a->bytes, family == 6 ? 16 : 4);
    a->bytes[3] = (uint8_t)number;
}

/* A number to begin with: fresh, somewhere, or shortly before a wrap. */
static uint64_t first_top(struct frames *f, bool esn)
{
    const uint64_t wrap = (1 + rng_below(&f->random, 3)) << 32;

    switch (below(f, 4)) {
    case 0: return 0;
    case 1: return below(f, 1u << 20);
    default: return esn ? wrap - below(f, 300) : UINT32_MAX - 400 - below(f, 5000);
    }
}

void frames_new_peer(struct frames *f, uint32_t number)
{
    static const uint8_t icv[] = { 8, 12, 16 };
    static const uint32_t windows[] = { 0, 1, 31, 32, 33, 63, 64 };
    struct frames_peer *p = &f->peer[number];
    struct esp_transform *t = &p->transform;
    const uint8_t family = one_in(f, 3) ? 6 : 4;

    p->rounds = below(f, 3);
    p->gmac = one_in(f, 5);
    *t =
        (struct esp_transform){ .op = ESP_OP_ESP,
                                .mode = one_in(f, 3) ? ESP_MODE_TRANSPORT : ESP_MODE_TUNNEL,
                                .udp = one_in(f, 4),
                                .esn = !one_in(f, 3),
                                .enc = (uint8_t)(p->gmac ? ESP_ALG_NULL : esp_alg_gcm(p->rounds)),
                                .auth = (uint8_t)(p->gmac ? esp_alg_gmac(p->rounds) : ESP_ALG_NONE),
                                .spi = 256 + (below(f, 1u << 20) << 8) + number,
                                .encap_sport = NAT_PORT,
                                .encap_dport = NAT_PORT };
    random_address(f, &t->src, family, number);
    random_address(f, &t->dst, family, number);
    esp_transform_init(t, p->gmac ? ICV_LONGEST : icv[below(f, 3)]);
    rng_bytes(&f->random, p->key, sizeof p->key);
    p->window = one_in(f, 3) ? windows[below(f, 7)] : f->window;
    p->window = p->window > f->window ? f->window : p->window;
    p->top = first_top(f, t->esn);
    p->next = p->top + 1;
    p->live = true;
    p->generation++;
}

void frames_node(const struct frames_peer *p, struct esp_node *node)
{
    const struct esp_transform *t = &p->transform;
    struct esp_sa *sa = &node->sa[0];
    struct esp_key *key = p->gmac ? &sa->auth : &sa->enc;

    *node = (struct esp_node){ .dir = ESP_DIR_IN,
                               .mode = t->mode,
                               .udp = !t->udp                      ? ESP_UDP_NONE
                                      : t->mode == ESP_MODE_TUNNEL ? ESP_UDP_TUNNEL
                                                                   : ESP_UDP_TRANSPORT,
                               .src = t->src,
                               .dst = t->dst,
                               .sa_count = 1 };
    *sa = (struct esp_sa){ .op = ESP_OP_ESP,
                           .spi = t->spi,
                           .esn = t->esn,
                           .seq = p->top,
                           .seq_hi = (uint32_t)(p->top >> 32),
                           .replay_window = (uint16_t)p->window,
                           .enc.alg = t->enc };
    *key = (struct esp_key){ .alg = p->gmac ? t->auth : t->enc,
                             .icv = t->icv,
                             .length = (uint8_t)(16 + 8 * p->rounds + 4) };
    memcpy(key->bytes, p->key, key->length);
}

/* The next in order, or one that a network or an enemy makes of it. */
static uint64_t pick_number(struct frames *f, struct frames_peer *p)
{
    uint64_t back;

    switch (below(f, 32)) {
    case 0: return 0;
    case 1: /* a gap */
        p->next += 1 + below(f, one_in(f, 8) ? 3u * f->window : 40);
        return p->next++;
    case 2:
    case 3: /* late or again, within the window */
        back = 1 + below(f, p->window + 4);
        return p->next > back ? p->next - back : 1;
    case 4: /* too old */
        back = p->window + below(f, 200);
        return p->next > back ? p->next - back : 1;
    case 5:
    case 6:
    case 7: return p->next > 1 ? p->next - 1 : 1;
    default: return p->next++;
    }
}

/* ---- what goes into ESP ------------------------------------------------------------------------------- */

/* A length: short ones, long ones, and those about the end of a beat. */
static uint32_t pick_length(struct frames *f, uint32_t least, uint32_t most)
{
    uint32_t n;

    switch (below(f, 8)) {
    case 0: n = most - below(f, 40); break;
    case 1:
    case 2: n = least + below(f, most - least + 1); break;
    case 3: n = 64 * (1 + below(f, 4)) + below(f, 32); break;
    default: n = least + below(f, 120); break;
    }
    return n < least ? least : n > most ? most : n;
}

/* Nothing that the card would look into once more. */
static uint8_t plain_protocol(struct frames *f, bool any)
{
    static const uint8_t usual[] = { 6, 17, 1, 58, 132 };
    uint8_t proto = usual[below(f, 5)];

    if (any && one_in(f, 6)) {
        proto = (uint8_t)rng_next(&f->random);
    }
    return proto == ESP_PROTO_ESP || proto == ESP_PROTO_AH || proto == ESP_PROTO_NONE ||
                   proto == ESP_PROTO_HOP_BY_HOP || proto == ESP_PROTO_ROUTING ||
                   proto == ESP_PROTO_FRAGMENT || proto == ESP_PROTO_DESTINATION ||
                   proto == ESP_PROTO_MOBILITY
               ? 6
               : proto;
}

/* An IP packet of `total` bytes at `ip`; all bytes are random already. Bytes of its header. */
static uint32_t put_ip(struct frames *f, uint8_t *ip, uint8_t version, uint32_t total, bool tunnel)
{
    uint32_t header = ESP_IPV6_HEADER;

    if (version == 6) {
        ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
        esp_put16(ip + 4, (uint16_t)(total - ESP_IPV6_HEADER));
        ip[6] = plain_protocol(f, false);
    } else {
        header = ESP_IPV4_HEADER;
        if (tunnel && total >= 60 && one_in(f, 8)) {
            header += 4 * below(f, 11);
        }
        ip[0] = (uint8_t)(0x40 | header / 4);
        esp_put16(ip + 2, (uint16_t)total);
        esp_put16(ip + 6, tunnel && one_in(f, 8) ? 0x2001 : 0x4000);
        ip[9] = plain_protocol(f, true);
        esp_put16(ip + 10, 0);
        if (!one_in(f, 8)) {
            esp_put16(ip + 10, esp_ip_checksum(ip, header));
        }
    }
    if (total >= header + 4) {
        ip[header] |= 0x80; /* no port is 4500 */
        ip[header + 2] |= 0x80;
    }
    return header;
}

/* ---- what is done to it before it is sealed ------------------------------------------------------------- */

enum damage {
    SOUND,
    PAD_BYTE,
    PAD_LENGTH,
    PAD_LONG, /* no damage: the most padding that there is room for */
    DUMMY,
    NEXT_HEADER,
    INNER_LENGTH,
    INNER_VERSION,
    DAMAGES
};

/* Padding of as many bytes as `room` allows before the two at `end`. */
static void pad_all(struct frames *f, uint8_t *end, uint32_t room)
{
    const uint32_t pad = room < 255 ? room : 255;

    for (uint32_t i = 0; i < pad; i++) {
        end[(int)i - (int)pad] = (uint8_t)(i + 1);
    }
    end[0] = (uint8_t)pad;
    if (pad && one_in(f, 4)) {
        end[-1 - (int)below(f, pad)] ^= (uint8_t)(1 + below(f, 255));
    }
    f->long_padding += pad > 64;
}

static void harm_inside(struct frames *f, const struct esp_transform *t, uint8_t *payload,
                        uint8_t *end, uint32_t inner)
{
    enum damage d = !f->sound && one_in(f, 6) ? (enum damage)below(f, DAMAGES) : SOUND;
    uint32_t length;

    switch (d) {
    case PAD_BYTE:
        if (end[0]) {
            end[-1 - (int)below(f, end[0])] ^= (uint8_t)(1 + below(f, 255));
        }
        break;
    case PAD_LENGTH: end[0] = (uint8_t)rng_next(&f->random); break;
    case PAD_LONG:
        pad_all(f, end, (uint32_t)(end - payload) - (t->mode == ESP_MODE_TUNNEL ? inner : 0));
        break;
    case DUMMY: end[1] = ESP_PROTO_NONE; break;
    case NEXT_HEADER: end[1] = (uint8_t)rng_next(&f->random); break;
    case INNER_LENGTH:
        length = (uint32_t)below(f, 3) ? inner + below(f, 40) - 20 : below(f, 1600);
        esp_put16(payload + (payload[0] >> 4 == 6 ? 4 : 2), (uint16_t)length);
        break;
    case INNER_VERSION: payload[0] = (uint8_t)rng_next(&f->random); break;
    case SOUND:
    case DAMAGES: break;
    }
    f->damaged += d != SOUND;
}

/* ---- ESP ------------------------------------------------------------------------------------------------- */

static void seal(struct frames *f, uint32_t number, const struct esp_transform *t, uint8_t *frame,
                 const struct esp_bounds *bounds, uint64_t sequence)
{
    const struct frames_peer *p = &f->peer[number];
    const uint16_t length = (uint16_t)(16 + 8 * p->rounds + 4);
    const struct esp_suite suite = { .enc = t->enc,
                                     .auth = t->auth,
                                     .icv = t->icv,
                                     .enc_length = p->gmac ? 0 : length,
                                     .auth_length = p->gmac ? length : 0,
                                     .enc_key = p->gmac ? NULL : p->key,
                                     .auth_key = p->gmac ? p->key : NULL };
    const struct esp_key_ref key = { .id = number, .generation = p->generation };
    struct esp_job job;
    enum esp_status status =
        esp_protect(f->crypt, &job, t, key, &suite, frame, bounds, (uint32_t)(sequence >> 32));

    if (status == ESP_PENDING) {
        status = esp_finish(f->crypt, &job);
    }
    if (status != ESP_OK) {
        fprintf(stderr, "espnic: internal error: sealing: %s\n", esp_status_name(status));
        abort();
    }
}

static void note_sealed(struct frames *f, uint32_t number, const struct esp_transform *t)
{
    f->sealed++;
    f->tunnel += t->mode == ESP_MODE_TUNNEL;
    f->v6 += t->dst.family == 6;
    f->udp += t->udp;
    f->gmac += f->peer[number].gmac;
    f->longest_key += f->peer[number].rounds == 2;
    f->esn += t->esn;
    f->close += number == f->last;
    f->last = number;
}

/* A bit of what is authenticated, or of the ICV, beside the SPI; or the packet is cut short by its own length field. */
static void harm_sealed(struct frames *f, const struct esp_bounds *b, bool udp)
{
    uint8_t *ip = f->bytes + b->l3;
    const uint32_t header = ip[0] >> 4 == 6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER;
    uint32_t length;

    if (one_in(f, 4)) {
        length = b->ipsec - b->l3 + 8 + below(f, 40);
        if (length < b->end - b->l3) {
            esp_put16(ip + (ip[0] >> 4 == 6 ? 4 : 2),
                      (uint16_t)(length - (ip[0] >> 4 == 6 ? ESP_IPV6_HEADER : 0)));
            if (udp) {
                esp_put16(f->bytes + b->ipsec - 4, (uint16_t)(length - header));
            }
        }
        return;
    }
    length = b->end - b->ipsec - 4;
    f->bytes[b->ipsec + 4 + below(f, length)] ^= (uint8_t)(1u << below(f, 8));
}

/* Ethernet addresses, up to two tags, and an EtherType (random). Bytes. */
static uint32_t put_ethernet(struct frames *f, uint8_t *frame)
{
    static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100 };
    const uint32_t count = one_in(f, 5) ? 1 + below(f, 2) : 0;

    for (uint32_t i = 0; i < count; i++) {
        esp_put16(frame + 12 + (size_t)4 * i, tags[below(f, 3)]);
    }
    f->tagged += count > 0;
    return ETHERNET + 4 * count;
}

/* Any SA; mostly one that the receiver has. */
static uint32_t any_sa(struct frames *f)
{
    uint32_t sa = 1 + below(f, f->sas - 1);

    for (unsigned tries = 0; tries < 8 && !f->peer[sa].live; tries++) {
        sa = 1 + below(f, f->sas - 1);
    }
    return sa;
}

/* An SA, often the one of before. */
static uint32_t pick_sa(struct frames *f)
{
    if (one_in(f, 8) || (!f->peer[f->favourite].live && one_in(f, 4))) {
        f->favourite = any_sa(f);
    }
    return one_in(f, 3) ? any_sa(f) : f->favourite;
}

static uint64_t next_number(struct frames *f, struct frames_peer *p)
{
    const uint64_t before = p->next;
    const uint64_t number = f->sound ? p->next++ : pick_number(f, p);

    f->crossings += before >> 32 != p->next >> 32;
    if (!p->transform.esn && p->next > UINT32_MAX - 10) {
        p->next = UINT32_MAX - 400; /* it has to stop: here it goes on with old ones */
    }
    return number;
}

/* A packet in clear, of `inner` bytes from the IP header on. */
static void put_inside(struct frames *f, const struct esp_transform *t, struct esp_packet *packet,
                       uint32_t inner)
{
    const bool tunnel = t->mode == ESP_MODE_TUNNEL;
    const bool six = t->dst.family == 6;
    uint8_t *frame = f->buffer + START;
    uint8_t *ip;

    rng_bytes(&f->random, frame, inner + HEADERS);
    packet->l3 = put_ethernet(f, frame);
    packet->length = packet->l3 + inner;
    ip = frame + packet->l3;
    if (tunnel) {
        put_ip(f, ip, one_in(f, 3) ? 6 : 4, inner, true);
        return;
    }
    esp_put16(ip - 2, six ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    put_ip(f, ip, t->dst.family, inner, false);
    memcpy(ip + (six ? 24 : 16), t->dst.bytes, six ? 16 : 4);
}

/* The network has something to say of congestion. */
static void congest(struct frames *f, uint8_t *ip)
{
    ip[1] = (uint8_t)(ip[1] ^ below(f, 4) << (ip[0] >> 4 == 6 ? 4 : 0));
    f->ecn++;
}

static void make_esp(struct frames *f)
{
    const uint32_t number = pick_sa(f);
    struct esp_transform t = f->peer[number].transform;
    const bool tunnel = t.mode == ESP_MODE_TUNNEL;
    struct esp_encap encap = { .iv_given = true, .seq = next_number(f, &f->peer[number]) };
    struct esp_packet packet = { .buffer = f->buffer,
                                 .capacity = sizeof f->buffer,
                                 .start = START };
    struct esp_bounds bounds;
    uint32_t inner;

    t.udp = !f->sound && one_in(f, 40) ? !t.udp : t.udp;
    rng_bytes(&f->random, encap.iv, sizeof encap.iv);
    encap.tfc = tunnel && one_in(f, 8) ? below(f, one_in(f, 3) ? 400 : 80) : 0;
    inner = pick_length(f, ESP_IPV6_HEADER, FRAMES_LONGEST - 150 - encap.tfc);
    put_inside(f, &t, &packet, inner);
    if (esp_encapsulate(&t, &packet, &encap, &bounds) != ESP_OK) {
        fprintf(stderr, "espnic: internal error: a packet of %u bytes finds no room\n", inner);
        abort();
    }
    f->bytes = esp_packet_bytes(&packet);
    f->length = packet.length;
    if (tunnel && !f->sound && one_in(f, 3)) {
        congest(f, f->bytes + packet.l3);
    }
    harm_inside(f, &t, f->bytes + bounds.ipsec + ESP_HEADER + t.iv,
                f->bytes + bounds.end - t.icv - 2, inner);
    seal(f, number, &t, f->bytes, &bounds, encap.seq);
    note_sealed(f, number, &t);
    if (!f->sound && one_in(f, 12)) {
        harm_sealed(f, &bounds, t.udp);
    }
}

/* ---- everything else ------------------------------------------------------------------------------------------ */

static void put_udp(struct frames *f, uint8_t *udp, uint32_t left)
{
    static const uint16_t lengths[] = { 9, 9, 10, 11, 12, 15, 16, 7 };

    esp_put16(udp + 2 * below(f, 2), NAT_PORT);
    esp_put16(udp + 4, (uint16_t)(one_in(f, 3) ? lengths[below(f, 8)] : left));
    if (one_in(f, 2)) {
        memset(udp + 8, one_in(f, 2) ? 0 : 0xff, 4);
    }
}

/* The SA of nobody, of one with another destination, or AH; fragments, options, IKE, keepalives. */
static void make_clear(struct frames *f)
{
    static const uint8_t protos[] = { 6, 17, 17, 50, 51, 1 };
    const struct frames_peer *p = &f->peer[1 + below(f, f->sas - 1)];
    uint8_t *ip;
    uint32_t header;
    uint32_t l3;

    f->bytes = f->buffer + START;
    f->length = pick_length(f, one_in(f, 4) ? 1 : SHORTEST, FRAMES_LONGEST);
    rng_bytes(&f->random, f->bytes, f->length + 64);
    if (one_in(f, 8) || f->length < 60) {
        esp_put16(f->bytes + 12, (uint16_t)(one_in(f, 2)   ? 0x0806
                                            : one_in(f, 2) ? ESP_ETHERTYPE_IPV4
                                                           : ESP_ETHERTYPE_IPV6));
        return;
    }
    l3 = f->length > 80 ? put_ethernet(f, f->bytes) : ETHERNET;
    ip = f->bytes + l3;
    if (one_in(f, 3)) {
        esp_put16(ip - 2, ESP_ETHERTYPE_IPV6);
        put_ip(f, ip, 6, f->length - l3 - (one_in(f, 2) ? below(f, 6) : 0), false);
        ip[6] = one_in(f, 5) ? ESP_PROTO_FRAGMENT : protos[below(f, 6)];
        memcpy(ip + 24, p->transform.dst.bytes, 16);
        if (ip[6] == ESP_PROTO_UDP && one_in(f, 2) && f->length >= l3 + ESP_IPV6_HEADER + 12) {
            put_udp(f, ip + ESP_IPV6_HEADER, f->length - l3 - ESP_IPV6_HEADER);
        }
        return;
    }
    esp_put16(ip - 2, ESP_ETHERTYPE_IPV4);
    header = put_ip(f, ip, 4, f->length - l3 - (one_in(f, 2) ? below(f, 6) : 0), one_in(f, 2));
    ip[9] = protos[below(f, 6)];
    memcpy(ip + 16, p->transform.dst.bytes, 4);
    if (one_in(f, 10)) {
        esp_put16(ip + 2, 0);
    }
    if (ip[9] == ESP_PROTO_UDP && one_in(f, 2) && f->length >= l3 + header + 12) {
        put_udp(f, ip + header, f->length - l3 - header);
    }
    if (ip[9] == ESP_PROTO_ESP && one_in(f, 2) && f->length >= l3 + header + 8) {
        esp_put32(ip + header, p->transform.spi); /* of an SA, if the rest were right */
    }
    if (ip[9] == ESP_PROTO_AH && one_in(f, 2) && f->length >= l3 + header + 8) {
        ip[header + 1] = (uint8_t)below(f, 8);
    }
}

bool frames_beyond_rtl(const uint8_t *b, uint32_t length)
{
    uint32_t at = 12;
    uint32_t tags = 0;
    uint16_t type = 0;

    for (; length >= at + 2; at += 4) {
        type = esp_get16(b + at);
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100) {
            break;
        }
        tags++;
    }
    return tags > 2 || (type == ESP_ETHERTYPE_IPV6 && length >= at + 2 + ESP_IPV6_HEADER &&
                        (b[at + 8] == ESP_PROTO_HOP_BY_HOP || b[at + 8] == ESP_PROTO_ROUTING ||
                         b[at + 8] == ESP_PROTO_DESTINATION || b[at + 8] == ESP_PROTO_MOBILITY));
}

/* Garbage in the headers: a few bytes, or all of them. */
static void garble(struct frames *f)
{
    const uint32_t reach = f->length < 64 ? f->length : 64;

    if (one_in(f, 8)) {
        rng_bytes(&f->random, f->bytes, reach);
        if (one_in(f, 2)) {
            esp_put16(f->bytes + 12, one_in(f, 2) ? ESP_ETHERTYPE_IPV4 : ESP_ETHERTYPE_IPV6);
        }
    }
    for (uint32_t n = 1 + below(f, 3); n > 0; n--) {
        uint32_t at = one_in(f, 2) ? below(f, reach) : 12 + below(f, 30);

        f->bytes[at < reach ? at : reach - 1] ^= (uint8_t)(1u << below(f, 8));
    }
    f->garbage++;
}

static void make(struct frames *f)
{
    if (!f->sound && one_in(f, 6)) {
        make_clear(f);
        f->clear++;
    } else {
        make_esp(f);
    }
    if (!f->sound && one_in(f, 16)) {
        garble(f);
    }
    if (one_in(f, 6) && f->length < FRAMES_LONGEST - 100) {
        /* the sender's padding of a short frame, or more than that */
        const uint32_t more = one_in(f, 4) ? below(f, 100) : below(f, 8);

        rng_bytes(&f->random, f->bytes + f->length, more);
        f->length += more;
        f->with_tail++;
    }
}

void frames_next(struct frames *f)
{
    do {
        make(f);
    } while (frames_beyond_rtl(f->bytes, f->length));
    f->total++;
    f->one_beat += f->length <= 64;
}
