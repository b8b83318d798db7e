/* Large sends: what the card makes of a TCP frame with an MSS. Every segment is opened as a receiver would, and
 * the payloads put together are the one that was sent; a send is read once, complete once, in its place; the books
 * balance; what must not be cut is refused. */
#include "card_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "esp/segment.h"

enum { HEADERS4 = 14 + 20 + 32, HEADERS6 = 14 + 40 + 20, ROOM = 70000 };

/* ---- frames --------------------------------------------------------------------------------------------- */

/* TCP over IPv4 (with a time stamp option) or IPv6; returns the bytes before the payload. */
static uint32_t make_frame(uint8_t *b, bool six, uint32_t payload, uint32_t seq, uint8_t flags)
{
    uint32_t headers = six ? HEADERS6 : HEADERS4;
    uint32_t tcp = six ? 54 : 34;

    memset(b, 0, headers);
    b[0] = 2;
    b[6] = 4;
    esp_put16(b + 12, six ? ESP_ETHERTYPE_IPV6 : ESP_ETHERTYPE_IPV4);
    if (six) {
        b[14] = 0x60;
        esp_put16(b + 18, (uint16_t)(20 + payload));
        b[20] = ESP_PROTO_TCP;
        b[21] = 64;
        esp_put32(b + 22, 0x20010db8);
        b[37] = 1;
        esp_put32(b + 38, 0x20010db8);
        b[53] = 2;
    } else {
        b[14] = 0x45;
        esp_put16(b + 16, (uint16_t)(headers - 14 + payload));
        esp_put16(b + 18, 0x4444);
        b[22] = 64;
        b[23] = ESP_PROTO_TCP;
        esp_put32(b + 26, 0x0a000001);
        esp_put32(b + 30, 0x0a000002);
        esp_put16(b + 24, esp_ip_checksum(b + 14, 20));
        memcpy(b + tcp + 20, "\1\1\10\12ABCDEFGH", 12);
    }
    esp_put16(b + tcp, 5001);
    esp_put16(b + tcp + 2, 80);
    esp_put32(b + tcp + 4, seq);
    esp_put32(b + tcp + 8, 0x11223344);
    b[tcp + 12] = (uint8_t)((headers - tcp) / 4 << 4);
    b[tcp + 13] = flags;
    for (uint32_t i = 0; i < payload; i++) {
        b[headers + i] = (uint8_t)(seq + i * 13 + i / 251);
    }
    return headers;
}

static struct esp_node make_node(bool six, enum esp_mode mode, bool cbc, bool esn)
{
    struct esp_node node = { .handle = 1, .dir = ESP_DIR_OUT, .mode = mode, .sa_count = 1 };
    struct esp_sa *sa = &node.sa[0];

    if (six) {
        node.src = (struct esp_address){ 6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
        node.dst = (struct esp_address){ 6, { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
    } else {
        node.src = (struct esp_address){ 4, { 10, 0, 0, 1 } };
        node.dst = (struct esp_address){ 4, { 10, 0, 0, 2 } };
    }
    *sa = (struct esp_sa){ .op = ESP_OP_ESP, .spi = 0x1234, .seq = 1, .esn = esn };
    sa->enc.alg = cbc ? ESP_ALG_AES_CBC_128 : ESP_ALG_AES_GCM_128;
    sa->enc.icv = cbc ? 0 : 16;
    sa->enc.length = cbc ? 16 : 20;
    for (unsigned i = 0; i < 20; i++) {
        sa->enc.bytes[i] = (uint8_t)(i * 3 + 1);
    }
    if (cbc) {
        sa->auth.alg = ESP_ALG_SHA_256;
        sa->auth.icv = 16;
        sa->auth.length = 32;
        memset(sa->auth.bytes, 0x5c, 32);
    }
    return node;
}

static uint64_t add(struct crig *rig, const struct esp_node *node)
{
    enum sa_reason reason;
    uint64_t handle;

    ck_assert_msg(espnic_preload_add(rig->card, node, &handle, &reason), "%s",
                  sa_reason_name(reason));
    return handle;
}

/* ---- a receiver ---------------------------------------------------------------------------------------------- */

struct receiver {
    struct esp_crypt *crypt;
    const struct esp_node *node; /* NULL: in the clear */
    uint64_t number;             /* expected next */
    uint32_t seq;                /* TCP, expected next */
    uint16_t ip_id;
    uint32_t got; /* payload bytes so far */
    bool six;
};

static void check_tcp_sum(const uint8_t *ip, bool six, const uint8_t *tcp, uint32_t bytes)
{
    uint32_t sum = ESP_PROTO_TCP + bytes;

    for (uint32_t i = 0; i < (six ? 32u : 8u); i++) {
        sum += (uint32_t)ip[(six ? 8 : 12) + i] << (i % 2 ? 0 : 8);
    }
    for (uint32_t i = 0; i < bytes; i++) {
        sum += (uint32_t)tcp[i] << (i % 2 ? 0 : 8);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    ck_assert_uint_eq((sum & 0xffff) + (sum >> 16), 0xffff);
}

/* Open the segment and check its place; its payload goes behind what has come. */
static void receive(struct receiver *r, const struct crig_frame *f, uint8_t *data, bool last,
                    uint8_t flags)
{
    static uint8_t work[ROOM];
    struct esp_packet packet = { work, ROOM, 0, f->length, 14 };
    uint32_t tcp = 14 + (r->six ? 40 : 20);
    uint32_t headers;
    uint8_t *b = work;

    ck_assert_ptr_nonnull(f->bytes);
    memcpy(work, f->bytes, f->length);
    if (r->node) {
        struct esp_key_ref key[ESP_MAX_SAS] = { { 1, 1 } };
        uint32_t hi[ESP_MAX_SAS] = { (uint32_t)(r->number >> 32) };
        struct esp_opened opened[ESP_MAX_SAS];

        ck_assert_uint_eq(esp_get32(work + tcp), r->node->sa[0].spi);
        ck_assert_uint_eq(esp_get32(work + tcp + 4), (uint32_t)r->number);
        ck_assert_int_eq(esp_open_packet(r->crypt, r->node, key, &packet, hi, NULL, opened, NULL),
                         ESP_OK);
        r->number++;
        b = esp_packet_bytes(&packet);
    }
    headers = tcp + (uint32_t)(b[tcp + 12] >> 4) * 4;
    if (!r->six) {
        ck_assert_uint_eq(esp_ip_checksum(b + 14, 20), 0);
        ck_assert_uint_eq(esp_get16(b + 16), packet.length - 14);
        ck_assert_uint_eq(esp_get16(b + 18), r->ip_id++);
    } else {
        ck_assert_uint_eq(esp_get16(b + 18), packet.length - 54);
    }
    check_tcp_sum(b + 14, r->six, b + tcp, packet.length - tcp);
    ck_assert_uint_eq(esp_get32(b + tcp + 4), r->seq);
    ck_assert_uint_eq(b[tcp + 13], last ? flags : flags & (uint8_t)~0x09);
    memcpy(data + r->got, b + headers, packet.length - headers);
    r->got += packet.length - headers;
    r->seq += packet.length - headers;
}

/* ---- one send -------------------------------------------------------------------------------------------------- */

static struct abi_tx_descriptor large(unsigned tag, uint32_t length, uint32_t headers, uint32_t mss)
{
    return (struct abi_tx_descriptor){
        .length = length, .tag = tag, .mss = (uint16_t)mss, .headers = (uint16_t)headers
    };
}

/* What a host with crypto offload hands over: ESP header and IV in front of TCP, no trailer. */
static uint32_t frame_template(const struct esp_node *node, uint8_t *b, uint32_t length,
                               uint64_t seq, uint32_t *headers, uint32_t *word)
{
    static uint8_t work[ROOM + 1000];
    struct esp_packet packet = { work, sizeof work, 256, length, 14 };
    struct esp_encap encap = { .seq = seq };
    struct esp_transform t;
    struct esp_bounds bounds;
    uint32_t grown;
    const uint8_t *end;

    esp_transform_of_node(node, 0, &t);
    memcpy(work + 256, b, length);
    ck_assert_int_eq(esp_encapsulate(&t, &packet, &encap, &bounds), ESP_OK);
    grown = ESP_HEADER + t.iv;
    end = esp_packet_bytes(&packet) + packet.length - t.icv;
    *word = end[-1] | (uint32_t)end[-2] << 8 | (bounds.ipsec - 14) / 4 << ABI_HEADER_ESP_OFFSET_LSB;
    memcpy(b, esp_packet_bytes(&packet), length + grown);
    *headers += grown;
    if (b[14] >> 4 == 4) {
        esp_put16(b + 16, (uint16_t)(length + grown - 14));
    } else {
        esp_put16(b + 18, (uint16_t)(length + grown - 54));
    }
    return length + grown;
}

enum way { CLEAR, PACKET, CRYPTO, WAYS };

struct send {
    enum way way;
    bool six, cbc;
    uint32_t payload, mss;
};

static void one_send(const struct send *s)
{
    static uint8_t data[ROOM];
    static uint8_t want[ROOM];
    struct crig *rig = crig_new();
    struct esp_node node = make_node(s->six, ESP_MODE_TRANSPORT, s->cbc, false);
    uint32_t headers = make_frame(want, s->six, s->payload, 0xfffff000, 0xd9 & 0x7f);
    uint32_t clear = headers;
    uint32_t length = headers + s->payload;
    struct abi_tx_descriptor d;
    struct abi_tx_completion c;
    struct receiver r = { .six = s->six, .seq = 0xfffff000, .ip_id = 0x4444, .number = 1 };
    uint32_t segments = (s->payload + s->mss - 1) / s->mss;
    struct pcie_direction_stats down;
    char error[256];
    uint32_t word = 0;

    rig->config.general.offload = s->way == CRYPTO ? NIC_OFFLOAD_CRYPTO : NIC_OFFLOAD_PACKET;
    crig_open(rig, true);
    crig_tx_ring(rig, 0, 16);
    crig_settle(rig);
    memcpy(crig_frame_bytes(rig, 7), want, length);
    if (s->way == CRYPTO) {
        length = frame_template(&node, crig_frame_bytes(rig, 7), length, 1, &headers, &word);
    }
    d = large(7, length, headers, s->mss);
    if (s->way != CLEAR) {
        d.handle = add(rig, &node);
        r.node = &node;
        r.crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    }
    d.header_word = word;
    crig_mark(rig);
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, segments);
    for (unsigned i = 0; i < segments; i++) {
        ck_assert_uint_eq(rig->wire[i].tag, 7);
        receive(&r, &rig->wire[i], data, i + 1 == segments, 0x59);
    }
    ck_assert_uint_eq(r.got, s->payload);
    ck_assert_mem_eq(data, want + clear, s->payload);
    /* read once: the descriptor, and the frame in whole DWs from its address on */
    down = crig_since(rig, 1);
    ck_assert_uint_eq(down.wire_completion - 20 * down.tlps_completion, 64 + (length + 3) / 4 * 4);
    /* complete once */
    memcpy(&c, rig->memory + crig_tx_done_at(0), sizeof c);
    ck_assert_uint_eq(c.tag, 7);
    ck_assert_uint_eq(c.status, ABI_TX_OK);
    ck_assert_uint_eq(c.sequence, s->way == CLEAR ? 0 : segments);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 1);
    /* the books */
    ck_assert_uint_eq(rig->card->stats.tx.packets_in, 1);
    ck_assert_uint_eq(rig->card->stats.tx.created, segments - 1);
    ck_assert_uint_eq(rig->card->stats.tx.packets_out, segments);
    ck_assert_uint_eq(rig->card->stats.lso_segments, segments);
    ck_assert_uint_eq(rig->card->dma.tx_bytes, 0);
    ck_assert_uint_eq(rig->card->packets.s.live, 0);
    if (r.crypt) {
        esp_crypt_close(r.crypt);
    }
    crig_free(rig);
}

START_TEST(segments_of_one_send)
{
    static const uint32_t payloads[] = { 1, 1400, 1401, 14000, 30011, 65000 };
    struct send s = { .way = (enum way)(_i % WAYS),
                      .six = _i / WAYS % 2 != 0,
                      .cbc = _i / WAYS / 2 != 0 };

    for (unsigned i = 0; i < 6; i++) {
        s.payload = payloads[i];
        for (s.mss = 1400; s.mss >= 88; s.mss = s.mss * 2 / 3) {
            if (s.payload / s.mss < 1000) {
                one_send(&s);
            }
        }
    }
}
END_TEST

/* ---- many: order, gathered completions, several lanes ------------------------------------------------------------ */

/* Plain packets, packets with their descriptors and large sends in turn; all come out in the order of the ring. */
static void in_turn(unsigned lanes, unsigned mode, bool along)
{
    static uint8_t want[ROOM];
    struct crig *rig = crig_new();
    unsigned at = 0;
    unsigned sends = 0;

    rig->config.general.lanes = lanes;
    rig->config.dma.tx_inline = along ? 128 : 0;
    crig_open(rig, true);
    if (along) {
        rig->tx_entry[0] = 64 + 128;
        crig_set(rig, REG_TX_INLINE, 0, 128);
    }
    crig_set(rig, REG_TX_DONE_WAIT, 0, 300);
    crig_set(rig, REG_TX_DONE, 0, REG_PUT(TX_DONE, MODE, 0, mode));
    crig_tx_ring(rig, 0, 128);
    crig_settle(rig);
    for (unsigned n = 0; n < 100; n++) {
        uint32_t payload = 1000 + n * 517 % 40000;
        struct abi_tx_descriptor d;

        if (n % 3 == 0) {
            make_frame(crig_frame_bytes(rig, n), false, payload, n, 0x10);
            d = large(n, HEADERS4 + payload, HEADERS4, 1448);
            sends += 1;
        } else {
            d = (struct abi_tx_descriptor){ .length = 100, .tag = n };
            d.flags = along && n % 3 == 1 ? ABI_TX_INLINE : 0;
            crig_udp(crig_frame_bytes(rig, n), n, 100);
            memcpy(rig->memory + crig_tx_at(0) + (size_t)n * rig->tx_entry[0] + 64,
                   crig_frame_bytes(rig, n), along ? 100 : 0);
        }
        d.flags |= ABI_TX_REPORT;
        crig_put(rig, 0, &d);
        if (n % 7 == 0) {
            crig_ring(rig, 0);
            crig_until(rig, espnic_now(rig->card) + 3000000);
        }
    }
    crig_ring(rig, 0);
    crig_settle(rig);
    for (unsigned n = 0; n < 100; n++) {
        uint32_t payload = 1000 + n * 517 % 40000;
        unsigned frames = n % 3 ? 1 : (payload + 1447) / 1448;

        make_frame(want, false, payload, n, 0x10);
        for (unsigned i = 0; i < frames; i++, at++) {
            ck_assert_uint_eq(rig->wire[at].tag, n);
            if (n % 3 == 0) {
                ck_assert_mem_eq(rig->wire[at].bytes + HEADERS4, want + HEADERS4 + i * 1448,
                                 rig->wire[at].length - HEADERS4);
            }
        }
    }
    ck_assert_uint_eq(at, rig->wires);
    ck_assert_uint_eq(rig->card->stats.lso_frames, sends);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 100);
    ck_assert_uint_eq(rig->card->packets.s.live, 0);
    crig_free(rig);
}

START_TEST(in_their_turn)
{
    in_turn(1, (unsigned)_i % 3, _i / 3 != 0);
}
END_TEST

/* ---- time ----------------------------------------------------------------------------------------------------------- */

/* On a bus of 8 bytes the stages are the limit: 40 segments take the time of 40 packets of their length. */
START_TEST(beat_by_beat)
{
    uint64_t took[2];

    for (unsigned lso = 0; lso < 2; lso++) {
        struct crig *rig = crig_new();

        rig->config.general.bus = 8;
        rig->config.general.clock = 200000000000; /* 200 MHz: 12.8 Gb/s */
        crig_open(rig, true);
        crig_tx_ring(rig, 0, 64);
        crig_settle(rig);
        if (lso) {
            struct abi_tx_descriptor d = large(0, HEADERS4 + 40 * 1400, HEADERS4, 1400);

            make_frame(crig_frame_bytes(rig, 0), false, 40 * 1400, 0, 0x10);
            crig_put(rig, 0, &d);
        }
        for (unsigned n = 0; !lso && n < 40; n++) {
            struct abi_tx_descriptor d = { .length = HEADERS4 + 1400, .tag = n };

            make_frame(crig_frame_bytes(rig, n), false, 1400, n, 0x10);
            crig_put(rig, 0, &d);
        }
        crig_ring(rig, 0);
        crig_settle(rig);
        ck_assert_uint_eq(rig->wires, 40);
        took[lso] = rig->wire[39].time - rig->wire[0].time;
        /* 1466 bytes are 184 beats, and one cycle is 5 ns */
        ck_assert_uint_ge(took[lso], 39 * 184 * 5000ull);
        ck_assert_uint_le(took[lso], 39 * 188 * 5000ull);
        crig_free(rig);
    }
    ck_assert_uint_le(took[1] > took[0] ? took[1] - took[0] : took[0] - took[1], 20000);
}
END_TEST

/* Without contents the lengths are the same. */
START_TEST(timing_only)
{
    for (int way = 0; way < WAYS; way++) {
        uint64_t times[2][64];
        uint32_t lengths[2][64];

        for (unsigned functional = 0; functional < 2; functional++) {
            struct crig *rig = crig_new();
            struct esp_node node = make_node(false, ESP_MODE_TRANSPORT, false, false);
            uint32_t headers = HEADERS4;
            uint32_t length = HEADERS4 + 30000;
            struct abi_tx_descriptor d;
            uint32_t word = 0;

            rig->config.general.offload = way == CRYPTO ? NIC_OFFLOAD_CRYPTO : NIC_OFFLOAD_PACKET;
            crig_open(rig, functional);
            rig->no_contents = !functional;
            crig_tx_ring(rig, 0, 16);
            crig_settle(rig);
            make_frame(crig_frame_bytes(rig, 0), false, 30000, 0, 0x10);
            if (way == CRYPTO) {
                length =
                    frame_template(&node, crig_frame_bytes(rig, 0), length, 1, &headers, &word);
            }
            d = large(0, length, headers, 1400);
            d.handle = way == CLEAR ? 0 : add(rig, &node);
            d.header_word = word;
            crig_put(rig, 0, &d);
            crig_ring(rig, 0);
            crig_settle(rig);
            ck_assert_uint_eq(rig->wires, 22);
            for (unsigned i = 0; i < 22; i++) {
                times[functional][i] = rig->wire[i].time;
                lengths[functional][i] = rig->wire[i].length;
            }
            crig_free(rig);
        }
        ck_assert_mem_eq(times[0], times[1], 22 * sizeof times[0][0]);
        ck_assert_mem_eq(lengths[0], lengths[1], 22 * sizeof lengths[0][0]);
    }
}
END_TEST

/* ---- refused ----------------------------------------------------------------------------------------------------------- */

/* One descriptor, which must fail for this reason, and another one behind it that must not. */
static void refused(struct crig *rig, const struct abi_tx_descriptor *d, enum nic_drop why)
{
    struct abi_tx_descriptor good = { .length = 100, .tag = 99 };
    uint32_t at = rig->card->dma.tx[0].completed;
    uint64_t drops = rig->card->stats.tx.drop[why];
    unsigned wires = rig->wires;
    struct abi_tx_completion c;

    crig_put(rig, 0, d);
    crig_udp(crig_frame_bytes(rig, 99), 99, 100);
    crig_put(rig, 0, &good);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, wires + 1);
    ck_assert_uint_eq(rig->card->stats.tx.drop[why], drops + 1);
    ck_assert_uint_eq(rig->card->stats.tx.created, 0);
    memcpy(&c, rig->memory + crig_tx_done_at(0) + (size_t)(at % 64) * 32, sizeof c);
    if (c.tag == 99) { /* it may be quicker */
        memcpy(&c, rig->memory + crig_tx_done_at(0) + (size_t)((at + 1) % 64) * 32, sizeof c);
    }
    ck_assert_uint_eq(c.tag, d->tag);
    ck_assert_uint_eq(c.status, (uint32_t)ABI_TX_FAILED);
    ck_assert_uint_eq(c.reason, why);
    ck_assert_uint_eq(rig->card->dma.tx_bytes, 0);
}

static struct crig *refusing_rig(bool capable, bool packet_offload)
{
    struct crig *rig = crig_new();

    rig->config.capabilities.lso = capable;
    rig->config.general.offload = packet_offload ? NIC_OFFLOAD_PACKET : NIC_OFFLOAD_CRYPTO;
    crig_open(rig, true);
    crig_tx_ring(rig, 0, 64);
    crig_settle(rig);
    make_frame(crig_frame_bytes(rig, 1), false, 10000, 0, 0x10);
    return rig;
}

START_TEST(not_capable)
{
    struct crig *rig = refusing_rig(false, true);
    struct abi_tx_descriptor d = large(1, HEADERS4 + 10000, HEADERS4, 1400);

    refused(rig, &d, NIC_DROP_LSO);
    crig_free(rig);
}
END_TEST

START_TEST(bad_descriptors)
{
    struct crig *rig = refusing_rig(true, true);
    struct abi_tx_descriptor d = large(1, HEADERS4 + 10000, HEADERS4, 1400);
    uint8_t *b = crig_frame_bytes(rig, 1);

    d.headers = HEADERS4 - 4; /* not where they are */
    refused(rig, &d, NIC_DROP_LSO);
    d.headers = 0;
    refused(rig, &d, NIC_DROP_LSO);
    d.headers = 0xffff;
    refused(rig, &d, NIC_DROP_LSO);
    d.headers = HEADERS4;
    d.mss = 9; /* more than a thousand segments */
    refused(rig, &d, NIC_DROP_LSO);
    d.mss = 1400;
    d.length = HEADERS4; /* nothing to send */
    esp_put16(b + 16, HEADERS4 - 14);
    refused(rig, &d, NIC_DROP_LSO);
    d.length = HEADERS4 + 10000;
    esp_put16(b + 16, HEADERS4 - 14 + 10000);
    d.mss = 9000; /* longer than the wire's 9000 with its headers */
    refused(rig, &d, NIC_DROP_MTU);
    d.mss = 1400;
    b[23] = 17; /* UDP */
    refused(rig, &d, NIC_DROP_LSO);
    b[23] = ESP_PROTO_TCP;
    b[20] = 0x20; /* a fragment */
    refused(rig, &d, NIC_DROP_LSO);
    b[20] = 0;
    b[34 + 12] = 0x40; /* TCP header of 16 bytes */
    refused(rig, &d, NIC_DROP_LSO);
    b[12] = 8;
    b[13] = 6; /* ARP */
    refused(rig, &d, NIC_DROP_LSO);
    crig_free(rig);
}
END_TEST

/* A tunnel is never cut, whoever numbers; nor is AH, nor a bundle. */
START_TEST(tunnels_and_ah)
{
    bool packet_offload = _i != 0;
    struct crig *rig = refusing_rig(true, packet_offload);
    struct abi_tx_descriptor d = large(1, HEADERS4 + 10000, HEADERS4, 1400);
    struct esp_node node = make_node(false, ESP_MODE_TUNNEL, false, false);

    d.handle = add(rig, &node);
    refused(rig, &d, NIC_DROP_LSO_TUNNEL);
    node = make_node(false, ESP_MODE_TRANSPORT, false, false);
    node.handle = 2;
    node.sa[0].spi = 2;
    d.tunnel_handle = d.handle;
    d.handle = add(rig, &node);
    refused(rig, &d, NIC_DROP_LSO_TUNNEL);
    d.tunnel_handle = 0;
    d.handle = 0x123456;
    refused(rig, &d, NIC_DROP_UNKNOWN_HANDLE);
    node = make_node(false, ESP_MODE_TRANSPORT, true, false);
    node.handle = 3;
    node.sa[0].spi = 3;
    node.sa[0].op = ESP_OP_AH;
    node.sa[0].enc = (struct esp_key){ 0 };
    d.handle = add(rig, &node);
    refused(rig, &d, NIC_DROP_LSO);
    node = make_node(false, ESP_MODE_TRANSPORT, false, false);
    node.handle = 4;
    node.sa[0].spi = 4;
    node.sa_count = 2;
    node.sa[1] = (struct esp_sa){ .op = ESP_OP_AH, .spi = 5, .seq = 1 };
    node.sa[1].auth.alg = ESP_ALG_SHA_256;
    node.sa[1].auth.icv = 16;
    node.sa[1].auth.length = 32;
    d.handle = add(rig, &node);
    refused(rig, &d, NIC_DROP_LSO);
    if (!packet_offload) { /* a template that is none */
        node = make_node(false, ESP_MODE_TRANSPORT, false, false);
        node.handle = 6;
        node.sa[0].spi = 6;
        d.handle = add(rig, &node);
        refused(rig, &d, NIC_DROP_LSO);
    }
    crig_free(rig);
}
END_TEST

/* The SA has numbers for some of the segments: those go out, the others are dropped, and the descriptor fails. */
START_TEST(runs_out_of_numbers)
{
    struct crig *rig = refusing_rig(true, true);
    struct abi_tx_descriptor d = large(1, HEADERS4 + 10000, HEADERS4, 1400);
    struct esp_node node = make_node(false, ESP_MODE_TRANSPORT, false, false);
    struct abi_tx_completion c;

    node.sa[0].seq = UINT32_MAX - 2;
    d.handle = add(rig, &node);
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, 3);
    ck_assert_uint_eq(rig->card->stats.tx.drop[NIC_DROP_SEQ_EXHAUSTED], 5);
    memcpy(&c, rig->memory + crig_tx_done_at(0), sizeof c);
    ck_assert_uint_eq(c.status, (uint32_t)ABI_TX_FAILED);
    ck_assert_uint_eq(c.reason, NIC_DROP_SEQ_EXHAUSTED);
    ck_assert_uint_eq(c.sequence, UINT32_MAX);
    ck_assert_uint_eq(rig->card->dma.tx[0].completed, 1);
    crig_free(rig);
}
END_TEST

/* ---- the upper half (O-20) ------------------------------------------------------------------------------------------------ */

/* Crypto offload: the lower half wraps inside the send. All segments have the upper half of the first: those behind
 * the wrap open with it, and not with the next one. Packet offload: the SA counts in 64 bits. */
START_TEST(wraps_inside)
{
    static uint8_t data[ROOM];
    bool packet_offload = _i == 2;
    struct crig *rig = crig_new();
    struct esp_node node = make_node(false, ESP_MODE_TRANSPORT, false, true);
    uint32_t headers = HEADERS4;
    uint32_t length = HEADERS4 + 7000;
    struct receiver r = { .node = &node, .ip_id = 0x4444, .number = 0x5fffffffdull };
    struct abi_tx_descriptor d;
    char error[256];
    uint32_t word = 0;

    rig->config.general.offload = packet_offload ? NIC_OFFLOAD_PACKET : NIC_OFFLOAD_CRYPTO;
    rig->config.sa.esn = _i ? NIC_ESN_INFERRED : NIC_ESN_HOST;
    crig_open(rig, true);
    crig_tx_ring(rig, 0, 16);
    crig_settle(rig);
    node.sa[0].seq = r.number;
    node.sa[0].seq_hi = 5;
    make_frame(crig_frame_bytes(rig, 0), false, 7000, 0, 0x10);
    if (!packet_offload) {
        length = frame_template(&node, crig_frame_bytes(rig, 0), length, r.number, &headers, &word);
    }
    d = large(0, length, headers, 1000);
    d.handle = add(rig, &node);
    d.header_word = word;
    crig_put(rig, 0, &d);
    crig_ring(rig, 0);
    crig_settle(rig);
    ck_assert_uint_eq(rig->wires, 7);
    r.crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
    for (unsigned i = 0; i < 7; i++) {
        if (!packet_offload) {
            r.number = 5ull << 32 | (uint32_t)(0xfffffffd + i);
        }
        receive(&r, &rig->wire[i], data, i == 6, 0x10);
    }
    ck_assert_uint_eq(rig->card->stats.lso_wraps, packet_offload ? 0 : 1);
    esp_crypt_close(r.crypt);
    crig_free(rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lso");
    TCase *tc = tcase_create("lso");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, segments_of_one_send, 0, WAYS * 2 * 2);
    tcase_add_loop_test(tc, in_their_turn, 0, 6);
    tcase_add_test(tc, beat_by_beat);
    tcase_add_test(tc, timing_only);
    tcase_add_test(tc, not_capable);
    tcase_add_test(tc, bad_descriptors);
    tcase_add_loop_test(tc, tunnels_and_ah, 0, 2);
    tcase_add_test(tc, runs_out_of_numbers);
    tcase_add_loop_test(tc, wraps_inside, 0, 3);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
