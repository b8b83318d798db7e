/* What leaves the send pipeline, of the C card and of the RTL, each by itself: opened with OpenSSL and read by the rules of
 * RFC 4303, 4106, 4301 and 6040 as this file knows them. Nothing of sim/esp is used, so that the two cannot be wrong alike.
 *
 * The traffic is that of espnic cosim esp_tx. Each frame that leaves in clear is the oldest one without an SA; each other is
 * opened with the SA of its SPI, and what is inside is the oldest frame of that SA that has not been dropped. */
#include <check.h>
#include <dlfcn.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cosim.h"

#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

enum { BUS = 64, SAS = 16, QUEUE = 256, BYTES = 4096, WORDS = 256 };

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s (cycle %llu)", #condition, (unsigned long long)cycle);                \
        }                                                                                          \
    } while (0)

static uint64_t cycle;

/* ---- what went in ----------------------------------------------------------------------------------- */

struct frame {
    uint32_t length;
    uint8_t bytes[BYTES];
};

struct queue {
    uint32_t from, to; /* free-running */
    struct frame frame[QUEUE];
};

struct sa {
    bool live, transport, v6, esn;
    uint32_t handle, spi, icv, key_bytes;
    uint8_t src[16], dst[16], salt[4], key[32];
    uint64_t next;
    struct queue sent;
};

static struct sa sa[SAS];
static struct queue clear;
static struct frame in_frame, out_frame;
static uint32_t in_handle;
static uint64_t opened, passed, dropped, tunnels, transports;

#define IN_PIN(v, name)                 block_pin((v), &in_pins[IN_##name])
#define IN_BYTES(v, name, bytes, count) block_get_bytes((v), &in_pins[IN_##name], (bytes), (count))
#define OUT_BYTES_OF(v, name, bytes, cnt)                                                          \
    block_get_bytes((v), &out_pins[OUT_##name], (bytes), (cnt))

static void note_sa(const uint32_t *in)
{
    struct sa *s = &sa[IN_PIN(in, CFG_SA)];

    dropped += s->sent.to - s->sent.from; /* nothing is under way */
    s->sent.from = s->sent.to = 0;
    s->live = IN_PIN(in, CFG_LIVE);
    s->transport = IN_PIN(in, CFG_TRANSPORT);
    s->v6 = IN_PIN(in, CFG_V6);
    s->esn = IN_PIN(in, CFG_ESN);
    s->handle = (uint32_t)IN_PIN(in, CFG_HANDLE);
    s->spi = (uint32_t)IN_PIN(in, CFG_SPI);
    s->icv = (uint32_t)IN_PIN(in, CFG_ICV);
    s->key_bytes = 16 + 8 * (uint32_t)IN_PIN(in, CFG_ROUNDS);
    s->next = IN_PIN(in, CFG_NEXT);
    IN_BYTES(in, CFG_SRC, s->src, 16);
    IN_BYTES(in, CFG_DST, s->dst, 16);
    IN_BYTES(in, CFG_SALT, s->salt, 4);
    IN_BYTES(in, CFG_KEY, s->key, 32);
}

static void keep(struct queue *q, const struct frame *f)
{
    REQUIRE(q->to - q->from < QUEUE);
    q->frame[q->to++ % QUEUE] = *f;
}

static void note_in(const uint32_t *in)
{
    uint32_t beat = in_frame.length;
    struct sa *s;

    if (beat == 0) {
        in_handle = (uint32_t)IN_PIN(in, TX_HANDLE);
    }
    REQUIRE(beat + BUS <= BYTES);
    IN_BYTES(in, TX_BEAT, in_frame.bytes + beat, BUS);
    in_frame.length += BUS;
    if (!IN_PIN(in, TX_LAST)) {
        return;
    }
    in_frame.length = (uint32_t)IN_PIN(in, TX_LENGTH);
    s = &sa[in_handle % SAS];
    if (in_handle == 0) {
        keep(&clear, &in_frame);
    } else if (s->live && s->handle == in_handle) {
        keep(&s->sent, &in_frame);
    } else {
        dropped++;
    }
    in_frame.length = 0;
}

/* ---- what came out ----------------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static uint32_t sum_is_zero(const uint8_t *p, uint32_t count)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count; i += 2) {
        sum += get16(p + i);
    }
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* Behind Ethernet and tags. */
static uint32_t find_ip(const uint8_t *frame)
{
    uint32_t at = 12;

    while (get16(frame + at) == 0x8100 || get16(frame + at) == 0x88a8 ||
           get16(frame + at) == 0x9100) {
        at += 4;
    }
    return at + 2;
}

/* ESP behind the IP headers, 0 if it is not there. *last: offset of the byte that says so. */
static uint32_t find_esp(const struct frame *f, uint32_t l3, uint32_t *last)
{
    const uint8_t *ip = f->bytes + l3;
    uint32_t at = l3 + 40;

    if (ip[0] >> 4 == 4) {
        *last = l3 + 9;
        return ip[9] == 50 ? l3 + (ip[0] & 15u) * 4 : 0;
    }
    *last = l3 + 6;
    while (f->bytes[*last] == 0 || f->bytes[*last] == 43) {
        *last = at;
        at += f->bytes[at + 1] * 8u + 8;
        if (at + 8 > f->length) {
            return 0;
        }
    }
    return f->bytes[*last] == 50 ? at : 0;
}

static bool decrypt(const struct sa *s, const uint8_t *esp, uint32_t text, const uint8_t *high,
                    uint8_t *plain)
{
    const EVP_CIPHER *cipher = s->key_bytes == 16   ? EVP_aes_128_gcm()
                               : s->key_bytes == 24 ? EVP_aes_192_gcm()
                                                    : EVP_aes_256_gcm();
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t nonce[12], aad[12], tag[16];
    uint32_t aad_bytes = s->esn ? 12 : 8;
    int n;
    bool ok;

    memcpy(nonce, s->salt, 4);
    memcpy(nonce + 4, esp + 8, 8);
    memcpy(aad, esp, 4);
    memcpy(aad + 4, high, 4);
    memcpy(aad + aad_bytes - 4, esp + 4, 4);
    memcpy(tag, esp + 16 + text, s->icv);
    ok = EVP_DecryptInit_ex(c, cipher, NULL, s->key, nonce) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, (int)s->icv, tag) == 1 &&
         EVP_DecryptUpdate(c, NULL, &n, aad, (int)aad_bytes) == 1 &&
         EVP_DecryptUpdate(c, plain, &n, esp + 16, (int)text) == 1 &&
         EVP_DecryptFinal_ex(c, plain + n, &n) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static struct sa *find_sa(uint32_t spi)
{
    for (unsigned i = 1; i < SAS; i++) {
        if (sa[i].live && sa[i].spi == spi) {
            return &sa[i];
        }
    }
    ck_abort_msg("no SA has SPI %x (cycle %llu)", spi, (unsigned long long)cycle);
}

/* Length of the IP packet in the frame that went in. */
static uint32_t total_of(const struct frame *f, uint32_t l3)
{
    const uint8_t *ip = f->bytes + l3;

    return ip[0] >> 4 == 4 ? get16(ip + 2) : 40 + get16(ip + 4);
}

static void check_outer_ipv4(const struct sa *s, const uint8_t *ip, const uint8_t *inner,
                             uint32_t length)
{
    bool four = inner[0] >> 4 == 4;
    uint32_t tos = four ? inner[1] : (get16(inner) >> 4 & 0xff);

    REQUIRE(ip[0] == 0x45 && ip[1] == tos && get16(ip + 2) == length);
    REQUIRE(get16(ip + 6) ==
            (four ? get16(inner + 6) & 0x4000 : 0x4000u)); /* DF as inside; no fragment */
    REQUIRE(ip[8] == 64 && ip[9] == 50 && sum_is_zero(ip, 20));
    REQUIRE(memcmp(ip + 12, s->src, 4) == 0 && memcmp(ip + 16, s->dst, 4) == 0);
}

static void check_outer_ipv6(const struct sa *s, const uint8_t *ip, const uint8_t *inner,
                             uint32_t length)
{
    uint32_t tos = inner[0] >> 4 == 4 ? inner[1] : (get16(inner) >> 4 & 0xff);

    REQUIRE(get32(ip) == (0x60000000u | tos << 20));
    REQUIRE(get16(ip + 4) == length - 40 && ip[6] == 50 && ip[7] == 64);
    REQUIRE(memcmp(ip + 8, s->src, 16) == 0 && memcmp(ip + 24, s->dst, 16) == 0);
}

/* The frame out is this one in a tunnel: its header, and what was decrypted. */
static bool is_tunnel_of(const struct frame *f, const uint8_t *plain, uint32_t text, uint32_t next)
{
    uint32_t l3 = find_ip(f->bytes);
    uint32_t total = total_of(f, l3);
    uint32_t version = f->bytes[l3] >> 4;

    return l3 + total <= f->length && total <= text && next == (version == 6 ? 41u : 4u) &&
           memcmp(plain, f->bytes + l3, total) == 0 && text - total < 4;
}

/* ... in transport mode: what stays in front is `front` bytes, of which length, checksum and one byte have changed. */
static bool is_transport_of(const struct frame *out, const struct frame *f, uint32_t l3,
                            uint32_t front, uint32_t last, const uint8_t *plain, uint32_t text,
                            uint32_t next)
{
    uint8_t head[BYTES];
    uint32_t total = total_of(f, l3);
    uint32_t version = f->bytes[l3] >> 4;

    if (find_ip(f->bytes) != l3 || l3 + total > f->length || front - l3 > total ||
        f->bytes[last] != next || text - (total - (front - l3)) >= 4 ||
        memcmp(plain, f->bytes + front, total - (front - l3)) != 0) {
        return false;
    }
    memcpy(head, f->bytes, front);
    head[last] = 50;
    memcpy(head + l3 + (version == 4 ? 2 : 4), out->bytes + l3 + (version == 4 ? 2 : 4), 2);
    if (version == 4) {
        memcpy(head + l3 + 10, out->bytes + l3 + 10, 2);
    }
    return memcmp(head, out->bytes, front) == 0;
}

static void check_lengths(const struct sa *s, const struct frame *f, const struct frame *out,
                          uint32_t l3)
{
    const uint8_t *ip = out->bytes + l3;
    const uint8_t *inner = f->bytes + find_ip(f->bytes);
    uint32_t length = out->length - l3;

    if (!s->transport) {
        REQUIRE(get16(out->bytes + l3 - 2) == (s->v6 ? 0x86ddu : 0x0800u));
        REQUIRE(memcmp(out->bytes, f->bytes, l3 - 2) == 0);
        (s->v6 ? check_outer_ipv6 : check_outer_ipv4)(s, ip, inner, length);
        tunnels++;
        return;
    }
    REQUIRE(ip[0] >> 4 == 4 ? get16(ip + 2) == length : get16(ip + 4) == length - 40);
    REQUIRE(ip[0] >> 4 == 6 || sum_is_zero(ip, (ip[0] & 15u) * 4));
    transports++;
}

/* The number of this frame is the next of its SA; frames that were dropped before it may have taken numbers. */
static void check_number(struct sa *s, const uint8_t *esp, uint64_t skipped)
{
    uint64_t number = (uint64_t)get32(esp + 8) << 32 | get32(esp + 12);

    REQUIRE(get32(esp + 4) == (uint32_t)number && number >= s->next && number - s->next <= skipped);
    REQUIRE(s->esn || number <= UINT32_MAX);
    s->next = number + 1;
}

static void open_frame(const struct frame *out)
{
    static uint8_t plain[BYTES];
    uint32_t l3 = find_ip(out->bytes), last, at = find_esp(out, l3, &last), skipped = 0, text, pad;
    const uint8_t *esp = out->bytes + at;
    struct sa *s;

    REQUIRE(at != 0);
    s = find_sa(get32(esp));
    text = out->length - at - 16 - s->icv;
    REQUIRE(text % 4 == 0 && decrypt(s, esp, text, esp + 8, plain));
    pad = plain[text - 2];
    for (uint32_t i = 1; i <= pad; i++) {
        REQUIRE(plain[text - 2 - pad + i - 1] == i);
    }
    REQUIRE(pad < 4);
    for (;; skipped++) {
        const struct frame *f = &s->sent.frame[s->sent.from % QUEUE];

        REQUIRE(s->sent.from != s->sent.to);
        s->sent.from++;
        if (s->transport
                ? is_transport_of(out, f, l3, at, last, plain, text - 2 - pad, plain[text - 1])
                : is_tunnel_of(f, plain, text - 2 - pad, plain[text - 1])) {
            check_lengths(s, f, out, l3);
            break;
        }
    }
    check_number(s, esp, skipped);
    dropped += skipped;
    opened++;
}

static void note_out(const uint32_t *out)
{
    uint32_t bytes = (uint32_t)block_pin(out, &out_pins[OUT_OUT_BYTES]);
    const struct frame *oldest = &clear.frame[clear.from % QUEUE];

    REQUIRE(out_frame.length + BUS <= BYTES);
    OUT_BYTES_OF(out, OUT_BEAT, out_frame.bytes + out_frame.length, BUS);
    out_frame.length += bytes;
    if (!block_pin(out, &out_pins[OUT_OUT_LAST])) {
        REQUIRE(bytes == BUS);
        return;
    }
    if (clear.from != clear.to && oldest->length == out_frame.length &&
        memcmp(oldest->bytes, out_frame.bytes, oldest->length) == 0) {
        clear.from++;
        passed++;
    } else {
        open_frame(&out_frame);
    }
    out_frame.length = 0;
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

/* All parameters as they are when not given. */
static void write_config(char *config, size_t size)
{
    size_t used = 0;

    for (uint32_t i = 0; i < nic_solo_esp_tx.param_count; i++) {
        used += (size_t)snprintf(config + used, size - used, "%s%s=%u", i ? " " : "",
                                 nic_solo_esp_tx.params[i].name, nic_solo_esp_tx.params[i].value);
    }
}

static void run(const struct block_ops *ops, uint64_t cycles, uint64_t seed)
{
    char config[512], error[512];
    uint32_t in[WORDS], out[WORDS];
    uint64_t refused;
    void *self, *traffic;

    memset(sa, 0, sizeof sa);
    clear.from = clear.to = 0;
    in_frame.length = out_frame.length = 0;
    opened = passed = dropped = tunnels = transports = 0;
    write_config(config, sizeof config);
    self = ops->create(config, error, sizeof error);
    ck_assert_msg(self != NULL, "%s", error);
    traffic = cosim_tx_stimulus.create(config, seed);
    for (cycle = 0; cycle < cycles; cycle++) {
        memset(in, 0, sizeof in);
        ops->outputs(self, out);
        cosim_tx_stimulus.drive(traffic, out, in);
        if (IN_PIN(in, CFG_WE)) {
            note_sa(in);
        }
        if (IN_PIN(in, TX_VALID)) {
            note_in(in);
        }
        if (IN_PIN(in, OUT_POP)) {
            note_out(out);
        }
        ops->tick(self, in);
    }
    refused = GET(out, COUNT_UNKNOWN_HANDLE) + GET(out, COUNT_NOT_IP) + GET(out, COUNT_MTU) +
              GET(out, COUNT_EXHAUSTED);
    printf("%s: %llu opened (%llu tunnel, %llu transport), %llu in clear, %llu dropped\n",
           ops->name, (unsigned long long)opened, (unsigned long long)tunnels,
           (unsigned long long)transports, (unsigned long long)passed, (unsigned long long)refused);
    ck_assert_uint_ge(opened, cycles / 40);
    ck_assert_uint_ge(tunnels, cycles / 100);
    ck_assert_uint_ge(transports, cycles / 200);
    ck_assert_uint_ge(passed, cycles / 200);
    /* what is missing was refused; at the end some frames are under way */
    ck_assert_uint_le(dropped, refused);
    ck_assert_uint_ge(dropped + QUEUE, refused);
    cosim_tx_stimulus.destroy(traffic);
    ops->destroy(self);
}

START_TEST(c_frames_open)
{
    run(nic_solo_esp_tx.ops, 100000, 5);
}
END_TEST

/* tx_rtl.sh PATH NAME=VALUE...; its exit status: 0; 3 if a tool is missing; else it went wrong. */
static int make_rtl(char *path)
{
    char script[] = "tests/lockstep/tx_rtl.sh", bash[] = "bash", config[512];
    char *words[64] = { bash, script, path };
    char *rest = NULL;
    unsigned count = 3;
    pid_t child;
    int status = 0;

    write_config(config, sizeof config);
    for (char *w = strtok_r(config, " ", &rest); w && count < 63; w = strtok_r(NULL, " ", &rest)) {
        words[count++] = w;
    }
    ck_assert_int_eq(posix_spawnp(&child, "bash", NULL, NULL, words, environ), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

START_TEST(rtl_frames_open)
{
    const char *build = getenv("BUILD");
    char path[512];
    void *library;
    const struct block_ops *ops;
    int status;

    snprintf(path, sizeof path, "%s/rtl/tx_frames.so", build ? build : "build");
    status = make_rtl(path);
    if (status == 3) {
        puts("SKIP rtl_frames_open: no verilator");
        return;
    }
    ck_assert_int_eq(status, 0);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", path);
    ops = dlsym(library, "espnic_block");
    ck_assert_ptr_nonnull(ops);
    run(ops, 200000, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx_frames");
    TCase *c = tcase_create("open");
    SRunner *runner;
    int failed;

    tcase_set_timeout(c, 1200);
    tcase_add_test(c, c_frames_open);
    tcase_add_test(c, rtl_frames_open);
    suite_add_tcase(suite, c);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
