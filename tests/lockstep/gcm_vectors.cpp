/* aes_gcm.sv against published vectors and OpenSSL, and against a clock of its own.
 *
 * Every cycle, all outputs: when a beat is taken and when it can be seen again follow from the rules of
 * rtl_models/README.md, which `Twin` has without the RTL's registers; contents are those of the vector, or what
 * OpenSSL makes of the same bytes. BLOCKS, DEPTH, OVERHEAD and STAGES are those that the model was made with.
 *
 *   gcm_vectors CASE DATA   CASE: vectors, openssl, garbage, rate; prints ok, not ok or SKIP lines
 *   gcm_vectors dump FILE   a short run, a line a cycle, for gcm_replay_tb.sv
 *   gcm_vectors speed       kcycles/s */
#include <jansson.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vgcm.h"
#include "verilated.h"

using Bytes = std::vector<uint8_t>;

namespace
{
constexpr unsigned BUS = 16 * BLOCKS;
constexpr unsigned INFO_BYTES = 2352 / 8;
constexpr unsigned BEGIN_MIN = 32, AAD_MAX = 20;

[[noreturn]] void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("not ok ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    exit(1);
}

/* ---- random numbers, the same on every run ------------------------------------------------------------- */

uint64_t rng_state = 0x9e3779b97f4a7c15u;

uint64_t rng()
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1du;
}

unsigned below(unsigned n)
{
    return (unsigned)((rng() >> 32) % n);
}

Bytes random_bytes(size_t n)
{
    Bytes b(n);

    for (uint8_t &x : b) {
        x = (uint8_t)(rng() >> 40);
    }
    return b;
}

/* ---- what the card would keep in the SA: round keys (FIPS 197, 5.2) and H --------------------------------- */

uint8_t times(uint8_t a, uint8_t b)
{
    uint8_t r = 0;

    for (; b; b >>= 1) {
        r ^= (b & 1) ? a : 0;
        a = (uint8_t)((a << 1) ^ ((a & 0x80) ? 0x1b : 0));
    }
    return r;
}

uint8_t sbox(uint8_t x)
{
    uint8_t inverse = 1, y = 0x63;

    for (int i = 0; i < 254; i++) { /* x^254 = 1/x, and 0 for 0 */
        inverse = times(inverse, x);
    }
    for (int i = 0; i < 5; i++) {
        y ^= (uint8_t)((inverse << i) | (inverse >> (8 - i)));
    }
    return y;
}

Bytes round_keys(const Bytes &key)
{
    static uint8_t table[256];
    size_t words = key.size() / 4, all = 4 * (words + 7);
    uint8_t constant = 1;
    Bytes w = key;

    if (!table[0]) {
        for (unsigned i = 0; i < 256; i++) {
            table[i] = sbox((uint8_t)i);
        }
    }
    for (size_t i = words; i < all; i++) {
        uint8_t t[4];

        memcpy(t, &w[4 * i - 4], 4);
        if (i % words == 0) {
            uint8_t head = t[0];

            t[0] = table[t[1]] ^ constant;
            t[1] = table[t[2]];
            t[2] = table[t[3]];
            t[3] = table[head];
            constant = times(constant, 2);
        } else if (words > 6 && i % words == 4) {
            for (uint8_t &x : t) {
                x = table[x];
            }
        }
        for (unsigned j = 0; j < 4; j++) {
            w.push_back(w[4 * (i - words) + j] ^ t[j]);
        }
    }
    w.resize(240);
    return w;
}

const EVP_CIPHER *cipher(size_t key_bytes, bool gcm)
{
    switch (key_bytes) {
    case 16: return gcm ? EVP_aes_128_gcm() : EVP_aes_128_ecb();
    case 24: return gcm ? EVP_aes_192_gcm() : EVP_aes_192_ecb();
    default: return gcm ? EVP_aes_256_gcm() : EVP_aes_256_ecb();
    }
}

Bytes hash_key(const Bytes &key)
{
    static EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    Bytes zero(16), h(16);
    int n;

    if (!EVP_EncryptInit_ex(ctx, cipher(key.size(), false), nullptr, key.data(), nullptr) ||
        !EVP_EncryptUpdate(ctx, h.data(), &n, zero.data(), 16)) {
        fail("OpenSSL: no AES");
    }
    return h;
}

/* ---- a packet, and what becomes of it ---------------------------------------------------------------------- */

struct Packet {
    Bytes key, salt, iv, aad;
    unsigned begin = 50, icv = 16;
    bool decrypt = false, gmac = false;
    Bytes text; /* payload as it comes in */
    Bytes icv_in;
};

struct Job {
    std::string name;
    Bytes in, out; /* whole beats */
    bool check_payload = true, check = true;
    unsigned payload_begin = 0, payload_end = 0;
    bool ok = true;
    unsigned rounds = 10;
    unsigned span = 0; /* P */
    Bytes info;
    uint32_t side = 0;
    size_t beats() const
    {
        return in.size() / BUS;
    }
};

void put(Bytes &info, unsigned bit, const Bytes &value)
{
    std::copy(value.begin(), value.end(), info.begin() + bit / 8);
}

void put16(Bytes &info, unsigned bit, unsigned value)
{
    info[bit / 8] = (uint8_t)value;
    info[bit / 8 + 1] = (uint8_t)(value >> 8);
}

/* The fields of aes_gcm_pkg.sv. */
Bytes pack_info(const Packet &p, unsigned end)
{
    Bytes info = random_bytes(INFO_BYTES);
    Bytes keys = round_keys(p.key);

    put16(info, 0,
          (p.decrypt ? 1u : 0u) | (p.gmac ? 2u : 0u) | (unsigned)(p.key.size() / 8 - 2) << 2 |
              p.icv << 4 | (unsigned)p.aad.size() << 10);
    put16(info, 16, p.begin);
    put16(info, 32, end);
    put(info, 48, p.salt);
    put(info, 80, p.iv);
    put(info, 144, p.aad);
    put(info, 304, hash_key(p.key));
    put(info, 432, keys);
    return info;
}

/* text_out and icv_out: what the frame holds afterwards. */
Job make_job(const std::string &name, const Packet &p, const Bytes &text_out, const Bytes &icv_out,
             bool ok, unsigned behind)
{
    Job job;
    unsigned end = p.begin + (unsigned)p.text.size();

    job.name = name;
    job.in = random_bytes((end + p.icv + behind + BUS - 1) / BUS * BUS);
    job.out = job.in;
    std::copy(p.text.begin(), p.text.end(), job.in.begin() + p.begin);
    std::copy(p.icv_in.begin(), p.icv_in.begin() + p.icv, job.in.begin() + end);
    std::copy(text_out.begin(), text_out.end(), job.out.begin() + p.begin);
    std::copy(icv_out.begin(), icv_out.begin() + p.icv, job.out.begin() + end);
    job.payload_begin = p.begin;
    job.payload_end = end;
    job.ok = ok;
    job.rounds = 6 + (unsigned)p.key.size() / 4;
    job.span = (unsigned)p.text.size() + (p.gmac ? 16 : 0);
    job.info = pack_info(p, end);
    job.side = (uint32_t)rng();
    return job;
}

/* What OpenSSL makes of it. The packet's text and ICV are set as they come in. */
Job openssl_job(Packet p, const std::string &name, unsigned length, unsigned damage,
                unsigned behind)
{
    static EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    Bytes plain = random_bytes(length), coded = plain, nonce = p.salt, tag(16), none;
    int n;

    nonce.insert(nonce.end(), p.iv.begin(), p.iv.end());
    coded.resize(length + 1);
    if (!EVP_EncryptInit_ex(ctx, cipher(p.key.size(), true), nullptr, p.key.data(), nonce.data()) ||
        !EVP_EncryptUpdate(ctx, nullptr, &n, p.aad.data(), (int)p.aad.size()) ||
        (p.gmac ? !EVP_EncryptUpdate(ctx, nullptr, &n, plain.data(), (int)length)
                : !EVP_EncryptUpdate(ctx, coded.data(), &n, plain.data(), (int)length)) ||
        !EVP_EncryptFinal_ex(ctx, coded.data() + (p.gmac ? length : (unsigned)n), &n) ||
        !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tag.data())) {
        fail("OpenSSL: no AES-GCM");
    }
    coded.resize(length);
    if (!p.decrypt) {
        p.text = plain;
        p.icv_in = random_bytes(16);
        return make_job(name, p, coded, tag, true, behind);
    }
    p.text = coded;
    if (damage == 1) { /* a bit of the ICV */
        unsigned at = below(8 * p.icv);

        tag[at / 8] ^= (uint8_t)(1u << at % 8);
    } else if (damage == 2 && length) { /* or of the payload: so it comes out */
        unsigned at = below(8 * length);

        p.text[at / 8] ^= (uint8_t)(1u << at % 8);
        plain[at / 8] ^= (uint8_t)(1u << at % 8);
    } else if (damage == 3 && !p.aad.empty()) {
        p.aad[below((unsigned)p.aad.size())] ^= 0x10;
    } else {
        damage = 0;
    }
    p.icv_in = tag;
    return make_job(name, p, plain, tag, damage == 0, behind);
}

Job random_job(unsigned n)
{
    Packet p;
    bool esn = below(2);
    unsigned damage = below(8) == 0 ? 1 + below(3) : 0;
    unsigned length = below(8) == 0 ? below(48) : below(1501);

    p.key = random_bytes(16 + 8 * below(3));
    p.salt = random_bytes(4);
    p.iv = random_bytes(8);
    p.gmac = below(6) == 0;
    p.aad = random_bytes((esn ? 12 : 8) + (p.gmac ? 8 : 0));
    p.begin = BEGIN_MIN + below(100);
    p.icv = p.gmac ? 16 : 8 + 4 * below(3);
    p.decrypt = below(2);
    return openssl_job(p, "packet " + std::to_string(n), length, damage, below(3) ? 0 : below(40));
}

/* Anything at all, whatever comes out. */
Job garbage_job(unsigned n)
{
    static const unsigned edges[] = { 0,  1,  15,   16,   31,    32,    63,
                                      64, 65, 1514, 4096, 32768, 65519, 65535 };
    Job job;
    unsigned begin = below(2) ? below(200) : below(2) ? edges[below(14)] : below(65536);
    unsigned end = below(2) ? below(200) : below(2) ? edges[below(14)] : below(65536);
    unsigned flags = below(65536);
    unsigned code = flags >> 2 & 3;
    bool gmac = flags & 2;
    unsigned spanned = end + (gmac ? 16 : 0);

    /* so long an occupancy says nothing more */
    if (spanned > begin + 4000 && below(8)) {
        end = begin < 65000 ? begin + below(500) : begin;
        spanned = end + (gmac ? 16 : 0);
    }
    job.name = "garbage " + std::to_string(n);
    job.in = random_bytes(BUS * (1 + (below(4) ? below(8) : below(200))));
    job.check = false;
    job.info = random_bytes(INFO_BYTES);
    put16(job.info, 0, flags);
    put16(job.info, 16, begin);
    put16(job.info, 32, end);
    job.rounds = code == 0 ? 10 : code == 1 ? 12 : 14;
    job.span = spanned > begin ? spanned - begin : 0;
    job.side = (uint32_t)rng();
    /* an ICV that is right by chance, of at least a byte in a legal frame: one in 256 */
    return job;
}

/* ---- when things happen -------------------------------------------------------------------------------------- */

struct Twin {
    struct Beat {
        uint64_t push;
        size_t job, beat;
        bool last;
    };
    uint64_t next_start = 0, last_push_1 = 0, delay = 0;
    unsigned free = DEPTH;
    std::deque<Beat> beats;

    bool takes(uint64_t t, size_t beat) const
    {
        return free > 0 && (beat > 0 || t >= next_start);
    }
    void take(uint64_t t, const Job &job, size_t index, size_t beat)
    {
        bool last = beat + 1 == job.beats();

        if (beat == 0) {
            delay =
                std::max<uint64_t>(job.rounds * STAGES + 4, last_push_1 > t ? last_push_1 - t : 0);
        }
        beats.push_back({ t + delay, index, beat, last });
        last_push_1 = t + delay + 1;
        free--;
        if (last) {
            uint64_t occupancy = (job.span + BUS - 1) / BUS + OVERHEAD;

            next_start = t + 1 + (occupancy > job.beats() ? occupancy - job.beats() : 0);
        }
    }
    bool valid(uint64_t t) const
    {
        return !beats.empty() && beats.front().push < t;
    }
    bool whole(uint64_t t) const
    {
        for (const Beat &b : beats) {
            if (b.push >= t) {
                return false;
            }
            if (b.last) {
                return true;
            }
        }
        return false;
    }
    void pop()
    {
        beats.pop_front();
        free++;
    }
};

/* ---- the model ------------------------------------------------------------------------------------------------- */

struct Stalls {
    const char *name;
    unsigned in, out;      /* of 256: a beat is there, a beat is popped */
    unsigned freeze, for_; /* of 4096: nothing is popped, or comes, for so long */
};

const Stalls STALLS[] = { { "none", 256, 256, 0, 0 },
                          { "input", 140, 256, 0, 0 },
                          { "output", 256, 100, 0, 0 },
                          { "both", 100, 100, 0, 0 },
                          { "long", 250, 250, 40, 150 } };

void write_hex(FILE *f, const uint32_t *words, unsigned bits)
{
    for (unsigned nibble = (bits + 3) / 4; nibble-- > 0;) {
        fputc("0123456789abcdef"[words[nibble / 8] >> (4 * (nibble % 8)) & 15], f);
    }
}

struct Rig {
    VerilatedContext context;
    Vgcm top{ &context };
    uint64_t now = 0;
    FILE *dump = nullptr;

    Rig()
    {
        top.in_valid = 0;
        top.out_pop = 0;
        top.rst = 1;
        for (int i = 0; i < 3; i++) {
            top.eval();
            edge();
        }
        top.rst = 0;
    }
    ~Rig()
    {
        top.final();
    }
    /* The outputs before it are those of the last eval(), which also saw the clock low. */
    void edge()
    {
        top.clk = 1;
        top.eval();
        top.clk = 0;
    }
    void offer(const Job &job, size_t beat)
    {
        uint8_t *at = (uint8_t *)top.in_data.m_storage;

        memcpy(at, &job.in[beat * BUS], BUS);
        if (beat == 0) {
            memcpy(at + BUS, job.info.data(), INFO_BYTES);
            memcpy(at + BUS + INFO_BYTES, &job.side, 4);
        } else if (beat == 1) { /* stands only beside the first one */
            for (unsigned i = 0; i < INFO_BYTES + 4; i += 7) {
                at[BUS + i] ^= 0x5a;
            }
        }
        top.in_last = beat + 1 == job.beats();
    }
    void compare(const Job &job, const Twin::Beat &b)
    {
        const uint8_t *at = (const uint8_t *)top.out_data.m_storage;
        uint64_t above;
        bool ok;

        memcpy(&above, at + BUS, 8);
        ok = above & 1;
        if ((uint32_t)(above >> 1) != job.side) {
            fail("%s: cycle %llu: sideband of another item", job.name.c_str(),
                 (unsigned long long)now);
        }
        if (b.last && job.check && ok != job.ok) {
            fail("%s: cycle %llu: icv_ok is %d, expected %d", job.name.c_str(),
                 (unsigned long long)now, ok, job.ok);
        }
        for (unsigned i = 0; i < BUS && job.check; i++) {
            size_t byte = b.beat * BUS + i;

            if (at[i] != job.out[byte] &&
                (job.check_payload || byte < job.payload_begin || byte >= job.payload_end)) {
                fail(
                    "%s: cycle %llu: byte %zu of the frame (payload %u to %u) is %02x, expected %02x",
                    job.name.c_str(), (unsigned long long)now, byte, job.payload_begin,
                    job.payload_end, at[i], job.out[byte]);
            }
        }
    }
    void same(const char *port, bool got, bool expected, const Job *job)
    {
        if (got != expected) {
            fail("%s: cycle %llu: %s is %d, expected %d", job ? job->name.c_str() : "end",
                 (unsigned long long)now, port, got, expected);
        }
    }
    void run(const std::vector<Job> &jobs, const Stalls &stalls)
    {
        Twin twin;
        size_t job = 0, beat = 0, out = 0;
        unsigned still_in = 0, still_out = 0;

        twin.next_start = twin.last_push_1 = now;
        top.in_valid = 0;
        while (out < jobs.size()) {
            const Job *current = job < jobs.size() ? &jobs[job] : nullptr;
            bool popped;

            still_in = still_in                      ? still_in - 1
                       : below(4096) < stalls.freeze ? below(stalls.for_)
                                                     : 0;
            still_out = still_out                     ? still_out - 1
                        : below(4096) < stalls.freeze ? below(stalls.for_)
                                                      : 0;
            if (!top.in_valid && current && !still_in && below(256) < stalls.in) {
                top.in_valid = 1;
                offer(*current, beat);
            }
            top.out_pop = twin.valid(now) && !still_out && below(256) < stalls.out;
            top.eval();
            same("in_pop", top.in_pop, top.in_valid && twin.takes(now, beat), current);
            same("out_valid", top.out_valid, twin.valid(now), current);
            same("out_whole", top.out_whole, twin.whole(now), current);
            if (top.out_valid) {
                const Twin::Beat &b = twin.beats.front();

                same("out_last", top.out_last, b.last, &jobs[b.job]);
                compare(jobs[b.job], b);
            }
            if (dump) {
                write_dump();
            }
            popped = top.out_pop;
            if (popped) {
                out += twin.beats.front().last;
            }
            if (top.in_pop) {
                twin.take(now, *current, job, beat);
                beat++;
                if (beat == current->beats()) {
                    beat = 0;
                    job++;
                }
            }
            {
                bool taken = top.in_pop;

                edge();
                if (popped) {
                    twin.pop();
                }
                if (taken) {
                    top.in_valid = 0;
                }
            }
            now++;
        }
        /* the engine may be kept longer than its last beat takes */
        top.in_valid = 0;
        top.out_pop = 0;
        while (now < twin.next_start) {
            top.eval();
            edge();
            now++;
        }
    }
    /* out_valid out_whole out_last in_pop | out_pop in_last in_valid | out_data | in_data */
    void write_dump()
    {
        uint32_t zero[64] = { 0 };

        fprintf(dump, "%x%x",
                top.out_valid << 3 | top.out_whole << 2 | (top.out_valid && top.out_last) << 1 |
                    top.in_pop,
                top.out_pop << 2 | (top.in_valid && top.in_last) << 1 | top.in_valid);
        write_hex(dump, top.out_valid ? top.out_data.m_storage : zero, 36 + 8 * BUS);
        write_hex(dump, top.in_valid ? top.in_data.m_storage : std::vector<uint32_t>(256).data(),
                  8 * (BUS + INFO_BYTES + 4));
        fputc('\n', dump);
    }
};

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

Bytes hex(const char *text)
{
    Bytes b;

    for (; text && text[0] && text[1]; text += 2) {
        char pair[3] = { text[0], text[1], 0 };

        b.push_back((uint8_t)strtoul(pair, nullptr, 16));
    }
    return b;
}

Bytes field(json_t *object, const char *name)
{
    return hex(json_string_value(json_object_get(object, name)));
}

json_t *load(const std::string &path)
{
    json_error_t error;
    json_t *root = json_load_file(path.c_str(), 0, &error);

    if (!root) {
        printf("SKIP %s: %s\n", path.c_str(), error.text);
    }
    return root;
}

const unsigned BEGINS[] = { 50, 32, 33, 47, 70, 62, 64, 61 };
const char *const WAYS[] = { "encrypt", "decrypt", "bad ICV" };

struct Vectors {
    std::vector<Job> jobs;
    unsigned used = 0, too_long = 0;

    /* At every offset, sent, received, and received with a damaged ICV. plain: what is authenticated only is. */
    void add(const std::string &name, Packet p, const Bytes &plain, const Bytes &coded,
             const Bytes &tag, bool valid)
    {
        used++;
        for (unsigned begin : BEGINS) {
            for (unsigned way = valid ? 0 : 1; way < (valid ? 3u : 2u); way++) {
                Bytes icv = tag;
                bool good = valid && way < 2;

                p.begin = begin;
                p.decrypt = way > 0;
                p.text = p.decrypt ? coded : plain;
                if (way == 2) {
                    unsigned bit = below(8 * p.icv);

                    icv[bit / 8] ^= (uint8_t)(1u << bit % 8);
                }
                icv.resize(16);
                p.icv_in = p.decrypt ? icv : random_bytes(16);
                jobs.push_back(make_job(name + " at " + std::to_string(begin) + ", " + WAYS[way], p,
                                        p.decrypt ? plain : coded, icv, good,
                                        below(2) * below(30)));
                jobs.back().check_payload = valid;
            }
        }
    }
    void plain_gcm(const std::string &name, const Bytes &key, const Bytes &nonce, const Bytes &aad,
                   const Bytes &plain, const Bytes &coded, const Bytes &tag, bool valid)
    {
        Packet p;

        p.key = key;
        p.salt.assign(nonce.begin(), nonce.begin() + 4);
        p.iv.assign(nonce.begin() + 4, nonce.end());
        p.icv = (unsigned)tag.size();
        if (aad.size() <= AAD_MAX) {
            p.aad = aad;
            add(name, p, valid ? plain : Bytes(coded.size()), coded, tag, valid);
        } else if (coded.empty()) { /* the rest of it as what GMAC leaves as it is */
            Bytes rest(aad.begin() + AAD_MAX, aad.end());

            p.gmac = true;
            p.aad.assign(aad.begin(), aad.begin() + AAD_MAX);
            add(name + ", as GMAC", p, rest, rest, tag, valid);
        } else {
            too_long++;
        }
    }
    void nist(json_t *root, const std::string &file)
    {
        json_t *v;
        size_t i;

        json_array_foreach(root, i, v)
        {
            bool valid = !strcmp(json_string_value(json_object_get(v, "result")), "valid");

            plain_gcm(file + " " + std::to_string(i), field(v, "key"), field(v, "iv"),
                      field(v, "aad"), field(v, "pt"), field(v, "ct"), field(v, "tag"), valid);
        }
    }
    void wycheproof(json_t *root, const std::string &file)
    {
        json_t *group, *v;
        size_t i, j;

        json_array_foreach(json_object_get(root, "testGroups"), i, group)
        {
            json_array_foreach(json_object_get(group, "tests"), j, v)
            {
                Bytes nonce = field(v, "iv");
                bool valid =
                    strcmp(json_string_value(json_object_get(v, "result")), "invalid") != 0;

                if (nonce.size() == 12) {
                    plain_gcm(file + " " +
                                  std::to_string(json_integer_value(json_object_get(v, "tcId"))),
                              field(v, "key"), nonce, field(v, "aad"), field(v, "msg"),
                              field(v, "ct"), field(v, "tag"), valid);
                }
            }
        }
    }
    void esp(json_t *root)
    {
        json_t *v;
        size_t i;

        json_array_foreach(json_object_get(root, "vectors"), i, v)
        {
            std::string name = json_string_value(json_object_get(v, "name"));
            std::string alg = json_string_value(json_object_get(v, "cipher"));
            Bytes esp = field(v, "esp"), plain = field(v, "plaintext"),
                  trailer = field(v, "trailer"), coded, tag;
            Packet p;

            if (alg != "aes-gcm-16" && alg != "aes-gmac") {
                continue;
            }
            plain.insert(plain.end(), trailer.begin(), trailer.end());
            p.gmac = alg == "aes-gmac";
            p.key = field(v, "enc_key");
            p.salt = field(v, "salt");
            p.iv = field(v, "iv");
            p.icv = (unsigned)json_integer_value(json_object_get(v, "icv_len"));
            p.aad.assign(esp.begin(), esp.begin() + 4);
            if (json_is_true(json_object_get(v, "esn"))) {
                uint32_t high = (uint32_t)json_integer_value(json_object_get(v, "seq_hi"));

                for (int shift = 24; shift >= 0; shift -= 8) {
                    p.aad.push_back((uint8_t)(high >> shift));
                }
            }
            p.aad.insert(p.aad.end(), esp.begin() + 4, esp.begin() + (p.gmac ? 16 : 8));
            coded.assign(esp.begin() + 16, esp.end() - p.icv);
            tag.assign(esp.end() - p.icv, esp.end());
            if (coded.size() != plain.size()) {
                fail("%s: %zu bytes of plaintext, %zu in the packet", name.c_str(), plain.size(),
                     coded.size());
            }
            add(name, p, plain, coded, tag, true);
        }
    }
};

Vectors read_vectors(const std::string &folder, bool (*wanted)(const std::string &))
{
    static const char *const files[] = { "mcgrew-gcm-esp",
                                         "dpdk-ipsec",
                                         "odp-ipsec",
                                         "linux-reference-packets",
                                         "nist-cavp-gcmEncryptExtIV128",
                                         "nist-cavp-gcmDecrypt192",
                                         "nist-cavp-gcmEncryptExtIV256",
                                         "wycheproof-aes_gcm_test" };
    Vectors all;
    unsigned before;

    for (const std::string file : files) {
        json_t *root = wanted(file) ? load(folder + "/vectors/" + file + ".json") : nullptr;

        before = all.used;
        if (root && file.substr(0, 4) == "nist") {
            all.nist(root, file);
        } else if (root && file.substr(0, 4) == "wych") {
            all.wycheproof(root, file);
        } else if (root) {
            all.esp(root);
        }
        if (root && all.used == before) {
            fail("%s: holds nothing for AES-GCM", file.c_str());
        }
        json_decref(root);
    }
    return all;
}

void shuffle(std::vector<Job> &jobs)
{
    for (size_t i = jobs.size(); i > 1; i--) {
        std::swap(jobs[i - 1], jobs[below((unsigned)i)]);
    }
}

/* ---- cases ----------------------------------------------------------------------------------------------------------- */

int vectors(Rig &rig, const std::string &folder)
{
    Vectors v = read_vectors(folder, [](const std::string &) { return true; });
    uint64_t before;

    if (!v.used) {
        return 0;
    }
    for (const Stalls &stalls : STALLS) {
        shuffle(v.jobs);
        before = rig.now;
        rig.run(v.jobs, stalls);
        printf("ok aes_gcm %u %u %u %u: %u vectors as %zu frames, stalls: %s, %llu cycles\n",
               BLOCKS, DEPTH, OVERHEAD, STAGES, v.used, v.jobs.size(), stalls.name,
               (unsigned long long)(rig.now - before));
    }
    printf("   %u vectors have more AAD than ESP: left out\n", v.too_long);
    return 0;
}

int openssl(Rig &rig)
{
    unsigned n = 0;

    for (const Stalls &stalls : STALLS) {
        std::vector<Job> jobs;

        for (int i = 0; i < 2000; i++) {
            jobs.push_back(random_job(n++));
        }
        rig.run(jobs, stalls);
        printf("ok aes_gcm %u %u %u %u: packets to number %u as OpenSSL has them, stalls: %s\n",
               BLOCKS, DEPTH, OVERHEAD, STAGES, n, stalls.name);
    }
    return 0;
}

int garbage(Rig &rig)
{
    unsigned n = 0;

    for (const Stalls &stalls : STALLS) {
        std::vector<Job> jobs;

        for (int i = 0; i < 600; i++) {
            jobs.push_back(below(2) ? garbage_job(n) : random_job(n));
            n++;
        }
        rig.run(jobs, stalls);
    }
    printf("ok aes_gcm %u %u %u %u: garbage between %u packets: on time, and no other is hurt\n",
           BLOCKS, DEPTH, OVERHEAD, STAGES, n);
    return 0;
}

Job full_size(unsigned n, unsigned key)
{
    Packet p;

    p.key = random_bytes(key);
    p.salt = random_bytes(4);
    p.iv = random_bytes(8);
    p.aad = random_bytes(8);
    p.decrypt = n & 1;
    return openssl_job(p, "packet " + std::to_string(n), 1500, 0, 0);
}

/* Back to back: a beat a cycle, each packet with its key. */
int rate(Rig &rig)
{
    std::vector<Job> jobs;
    size_t beats = 0, tails = 0;
    uint64_t before = rig.now, took;

    for (unsigned i = 0; i < 200; i++) {
        jobs.push_back(full_size(i, 16 + 8 * (i % 3)));
        beats += jobs.back().beats();
        size_t occupancy = (jobs.back().span + BUS - 1) / BUS + OVERHEAD;
        tails += occupancy > jobs.back().beats() ? occupancy - jobs.back().beats() : 0;
    }
    rig.run(jobs, STALLS[0]);
    took = rig.now - before;
    if (DEPTH >= 14 * STAGES + 6 && took > beats + tails + 14 * STAGES + 6) {
        fail("%zu beats and %zu cycles of tails took %llu cycles", beats, tails,
             (unsigned long long)took);
    }
    printf("ok aes_gcm %u %u %u %u: %zu beats back to back in %llu cycles, %zu of them tails\n",
           BLOCKS, DEPTH, OVERHEAD, STAGES, beats, (unsigned long long)took, tails);
    return 0;
}

int dump(Rig &rig, const char *file, const std::string &folder)
{
    std::vector<Job> jobs =
        read_vectors(folder, [](const std::string &f) { return f == "mcgrew-gcm-esp"; }).jobs;

    for (unsigned i = 0; i < 12; i++) {
        jobs.push_back(random_job(i));
    }
    shuffle(jobs);
    jobs.resize(std::min<size_t>(jobs.size(), 16));
    rig.dump = fopen(file, "w");
    if (!rig.dump) {
        fail("%s: cannot be written", file);
    }
    rig.run(jobs, STALLS[3]);
    return fclose(rig.dump);
}

double cpu_seconds()
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* `busy` of 16 cycles bring a beat. */
void speed_of(Rig &rig, const char *name, unsigned key, unsigned busy)
{
    std::vector<Job> jobs;
    size_t job = 0, beat = 0;
    uint64_t cycles = 0;
    double began;
    double seconds = 0;

    for (unsigned i = 0; i < 64; i++) {
        jobs.push_back(full_size(i, key));
    }
    began = cpu_seconds();
    while (seconds < 3) {
        for (unsigned i = 0; i < 4096; i++) {
            if (!rig.top.in_valid && (i & 15) < busy) {
                rig.offer(jobs[job], beat);
                rig.top.in_valid = 1;
            }
            rig.top.out_pop = rig.top.out_valid;
            rig.top.eval();
            bool taken = rig.top.in_pop;
            rig.edge();
            if (taken) {
                rig.top.in_valid = 0;
                if (++beat == jobs[job].beats()) {
                    beat = 0;
                    job = (job + 1) % jobs.size();
                }
            }
        }
        cycles += 4096;
        seconds = cpu_seconds() - began;
    }
    printf("%u blocks, %s: %.0f kcycles/s\n", BLOCKS, name, (double)cycles / seconds / 1000);
}

int speed(Rig &rig)
{
    speed_of(rig, "AES-128, a beat every cycle", 16, 16);
    speed_of(rig, "AES-256, a beat every cycle", 32, 16);
    speed_of(rig, "AES-256, a beat in 4 of 16 cycles", 32, 4);
    speed_of(rig, "idle", 32, 0);
    return 0;
}
} // namespace

int main(int argc, char **argv)
{
    std::string what = argc > 1 ? argv[1] : "";
    std::string folder = getenv("ESPNIC_DATA") ? getenv("ESPNIC_DATA") : "../shared/data";
    auto rig = std::make_unique<Rig>();

    if (what == "vectors") {
        return vectors(*rig, folder);
    }
    if (what == "openssl") {
        return openssl(*rig);
    }
    if (what == "garbage") {
        return garbage(*rig);
    }
    if (what == "rate") {
        return rate(*rig);
    }
    if (what == "dump" && argc > 2) {
        return dump(*rig, argv[2], folder);
    }
    if (what == "speed") {
        return speed(*rig);
    }
    fprintf(stderr, "usage: gcm_vectors vectors|openssl|garbage|rate|dump FILE|speed\n");
    return 2;
}
