/* The C model beside its RTL: the datapath ipsec_top (rtl_models), made a program by Verilator and clocked in every
 * cycle, and the same part of the card in C, event by event, on the same packets, both directions as fast as they go.
 *
 * Both get the same frames at the same two places (the receive buffer; the channel from the host's DMA), each as soon
 * as there is room, and from both what comes out is taken at once. Then the cycles in which beats go in and come out,
 * and every byte that comes out, must be the same, which is checked before anything is measured. Measured is what comes
 * after the first quarter of the cycles: processor time, the median of rounds in which all take turns. Ratios are what
 * counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cosim.h"
#include "cli/cosim_sa.h"
#include "engine/must.h"
#include "inputs.h"
#include "nic/nic.h"
#include "nic/solo_inside.h"

enum {
    SAS = 8, /* of each direction; numbers 1 to 8 */
    BUS = 64,
    ROOM = 2048,        /* bytes of a frame, at most */
    SATURATED = 98,     /* per cent of the cycles */
    SETTLED = 32,       /* cycle of the first packet: all SAs are set */
    FOREVER = 50000000, /* cycles: nothing takes as long */
    MAX_ROUNDS = 15,
    LEAST_FRAMES = 100
};

enum side { RX, TX, SIDES };
enum model { RTL, TIMING, FUNCTIONAL, MODELS };

#define TIMING_ONLY " TIMING_ONLY=1"
#define C_LEAST_TIME                                                                               \
    0.2 /* seconds of a C measurement, in which the packets go through again and again */

/* A frame that goes in, and the SA (1 and up) that it is for. */
struct frame {
    uint32_t length, sa;
    uint8_t bytes[ROOM];
};

/* What a run has shown. `hash` is of the lengths and bytes that came out, if it was asked for. */
struct outcome {
    uint64_t packets[SIDES], hash[SIDES];
    struct ends {
        uint64_t beats, first,
            last; /* that went in or came out; cycles of the first one and the last one */
    } in[SIDES], out[SIDES];
    uint64_t measured; /* packets that came out from the cycle on in which measuring began */
    double seconds;    /* ... and how long that took */
};

struct bench {
    char config[1024]; /* of ipsec_top */
    uint32_t count;    /* frames of each side */
    uint64_t
        from; /* cycle from which on time is measured: before, pipelines fill, and so do the processor's caches */
    struct frame *frame[SIDES];
    struct esp_node node[SIDES][SAS]; /* as an SA of the card */
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_rtl: %s: %s\n", what, why);
    exit(1);
}

static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what goes in ------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t h, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        h = (h ^ bytes[i]) * 0x100000001b3ull; /* FNV-1a */
    }
    return h;
}

static void make_nodes(struct bench *b)
{
    for (unsigned s = 0; s < SIDES; s++) {
        for (unsigned i = 0; i < SAS; i++) {
            struct esp_node *n = &b->node[s][i];

            inputs_node(2 * (uint64_t)i + s, n);
            memset(&n->sel, 0, sizeof n->sel); /* the RTL has no selectors */
            n->sa[0].replay_window = s == RX ? 64 : 0;
        }
    }
}

static void make_frames(struct bench *b, enum inputs_mix mix)
{
    char error[256];
    struct esp_crypt *crypt = esp_crypt_open(ESP_BACKEND_AUTO, 0, error, sizeof error);

    if (!crypt) {
        die("cryptography", error);
    }
    for (uint32_t i = 0; i < b->count; i++) {
        for (unsigned s = 0; s < SIDES; s++) {
            struct frame *f = &b->frame[s][i];
            struct esp_packet p = { .buffer = f->bytes, .capacity = sizeof f->bytes };

            f->sa = 1 + i % SAS;
            memset(f->bytes, 0, sizeof f->bytes);
            inputs_clear(&p, mix, i, f->sa, s == TX);
            if (s == RX) {
                inputs_seal(crypt, &p, 2 * (uint64_t)(f->sa - 1), i / SAS + 1);
            }
            f->length = p.length;
            memmove(f->bytes, esp_packet_bytes(&p), p.length);
            memset(f->bytes + p.length, 0, sizeof f->bytes - p.length);
        }
    }
    esp_crypt_close(crypt);
}

/* ---- the RTL -------------------------------------------------------------------------------------------- */

/* Pins of one side. The last three are those that see what comes out. */
enum pin {
    PUSH,
    LAST,
    LENGTH,
    BEAT,
    HANDLE,
    POP,
    FREE,
    VALID,
    OUT_LAST,
    OUT_LENGTH,
    OUT_BEAT,
    PINS
};

struct rtl {
    const struct block_ops *ops;
    struct block_pin in[NIC_SOLO_MAX_PINS], out[NIC_SOLO_MAX_PINS];
    const struct block_pin *pin[SIDES][PINS];
    uint32_t shown[NIC_SOLO_MAX_WORDS], given[NIC_SOLO_MAX_WORDS];
};

static const struct block_pin *find(const struct block_pin *all, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return &all[i];
        }
    }
    die("no pin", name);
    return NULL;
}

static void find_pins(struct rtl *r)
{
    static const char *const name[SIDES][PINS] = {
        { "RX_PUSH", "RX_PUSH_LAST", "RX_PUSH_LENGTH", "RX_PUSH_BEAT", NULL, "RX_POP", "RX_ROOM",
          "RX_VALID", "RX_LAST", "RX_LENGTH", "RX_BEAT" },
        { "TX_TX_VALID", "TX_TX_LAST", "TX_TX_LENGTH", "TX_TX_BEAT", "TX_TX_HANDLE", "TX_OUT_POP",
          "TX_TX_ROOM", "TX_OUT_VALID", "TX_OUT_LAST", "TX_OUT_BYTES", "TX_OUT_BEAT" },
    };
    const struct nic_solo_block *b = &nic_solo_ipsec_top;

    memcpy(r->in, b->in, b->ins * sizeof *b->in);
    memcpy(r->out, b->out, b->outs * sizeof *b->out);
    block_pins_place(r->in, b->ins);
    block_pins_place(r->out, b->outs);
    for (unsigned s = 0; s < SIDES; s++) {
        for (unsigned p = 0; p < PINS; p++) {
            const char *n = name[s][p];

            r->pin[s][p] = !n ? NULL : p < FREE ? find(r->in, b->ins, n) : find(r->out, b->outs, n);
        }
    }
}

/* The number by which the send side knows an SA. */
static uint32_t handle_of(uint32_t sa)
{
    return 0x100 + sa; /* its low SA_W bits say which one */
}

/* SA `sa` of both sides, in this cycle. */
static void give_sa(struct rtl *r, const struct bench *b, uint32_t sa)
{
    cosim_sa_rx(r->given + nic_solo_top_places.in[RX], sa, &b->node[RX][sa - 1]);
    cosim_sa_tx(r->given + nic_solo_top_places.in[TX], sa, handle_of(sa), true,
                &b->node[TX][sa - 1]);
}

/* Beats in cycles first, first + 1, ... */
static void note_beats(struct ends *e, uint64_t first, uint32_t beats)
{
    e->first = e->beats ? e->first : first;
    e->beats += beats;
    e->last = first + beats - 1;
}

/* A frame on its way in, beat by beat; what has come out. */
struct stream {
    const struct frame *next, *end;
    uint32_t beat;
    uint32_t come; /* bytes of the frame that is coming out */
    uint8_t bytes[ROOM];
};

/* A frame begins when the receive buffer has room for all of it; on the send side each beat goes by itself. */
static bool can_push(const struct rtl *r, enum side s, const struct stream *t)
{
    uint64_t free = block_pin(r->shown, r->pin[s][FREE]);

    return t->next < t->end && (s == TX ? free != 0 : t->beat > 0 || free * BUS >= t->next->length);
}

static void drive_in(struct rtl *r, enum side s, struct stream *t, uint64_t cycle,
                     struct outcome *o)
{
    const struct block_pin *const *pin = r->pin[s];
    const struct frame *f = t->next;
    bool push = can_push(r, s, t), last;

    block_set_pin(r->given, pin[PUSH], push);
    if (!push) {
        return;
    }
    last = (t->beat + 1) * BUS >= f->length;
    block_set_pin(r->given, pin[LAST], last);
    block_set_pin(r->given, pin[LENGTH], f->length);
    if (s == TX) {
        block_set_pin(r->given, pin[HANDLE], handle_of(f->sa));
    }
    for (uint32_t i = 0; i < BUS; i += 8) {
        uint64_t word; /* bytes of a pin: the first one lowest */

        memcpy(&word, f->bytes + (size_t)t->beat * BUS + i, sizeof word);
        block_set(r->given, pin[BEAT]->lsb + 8 * i, 64, word);
    }
    note_beats(&o->in[s], cycle, 1);
    t->beat = last ? 0 : t->beat + 1;
    t->next += last;
}

static void note_frame(struct outcome *o, enum side s, const uint8_t *bytes, uint32_t length)
{
    o->hash[s] = hash_bytes(o->hash[s], (const uint8_t *)&length, sizeof length);
    o->hash[s] = hash_bytes(o->hash[s], bytes, length);
}

/* The receive side says a frame's length, the send side the bytes of each beat. */
static void keep_beat(struct rtl *r, enum side s, struct stream *t, struct outcome *o, bool last)
{
    uint64_t said = block_pin(r->shown, r->pin[s][OUT_LENGTH]);

    for (uint32_t i = 0; i < BUS && t->come + i < ROOM; i += 8) {
        uint64_t word = block_get(r->shown, r->pin[s][OUT_BEAT]->lsb + 8 * i, 64);

        memcpy(t->bytes + t->come + i, &word, sizeof word);
    }
    t->come += s == TX ? (uint32_t)said : BUS;
    if (last) {
        note_frame(o, s, t->bytes, s == TX ? t->come : (uint32_t)said);
        t->come = 0;
    }
}

static void drive_out(struct rtl *r, enum side s, struct stream *t, uint64_t cycle,
                      struct outcome *o, bool check)
{
    bool valid = block_pin(r->shown, r->pin[s][VALID]);
    bool last = valid && block_pin(r->shown, r->pin[s][OUT_LAST]);

    block_set_pin(r->given, r->pin[s][POP], valid);
    if (valid) {
        note_beats(&o->out[s], cycle, 1);
    }
    if (valid && check) {
        keep_beat(r, s, t, o, last);
    }
    if (last) {
        o->packets[s]++;
    }
}

static void run_rtl(struct rtl *r, const struct bench *b, bool check, struct outcome *o)
{
    char error[512];
    void *self = r->ops->create(b->config, error, sizeof error);
    static struct stream stream[SIDES];
    uint64_t cycle = 0;
    double begun = 0;

    if (!self) {
        die("RTL", error);
    }
    memset(o, 0, sizeof *o);
    for (; cycle < SETTLED; cycle++) {
        memset(r->given, 0, sizeof r->given);
        if (cycle < SAS) {
            give_sa(r, b, (uint32_t)cycle + 1);
        }
        r->ops->tick(self, r->given);
    }
    for (unsigned s = 0; s < SIDES; s++) {
        stream[s] = (struct stream){ .next = b->frame[s], .end = b->frame[s] + b->count };
    }
    for (; o->packets[RX] + o->packets[TX] < 2 * b->count && cycle < FOREVER; cycle++) {
        if (cycle == b->from) {
            o->measured = o->packets[RX] + o->packets[TX];
            begun = processor_seconds();
        }
        r->ops->outputs(self, r->shown);
        for (unsigned s = 0; s < SIDES; s++) {
            drive_out(r, s, &stream[s], cycle, o, check);
            drive_in(r, s, &stream[s], cycle, o);
        }
        r->ops->tick(self, r->given);
    }
    o->seconds = processor_seconds() - begun;
    o->measured = o->packets[RX] + o->packets[TX] - o->measured;
    r->ops->destroy(self);
}

/* ---- the C model ------------------------------------------------------------------------------------------ */

/* Who feeds one side, and who takes what comes out: blocks of the card's own event queue. */
struct end {
    struct espnic *card;
    const struct bench *bench;
    struct outcome *outcome;
    struct channel *in, *out;
    enum side side;
    unsigned feeder;
    uint32_t next, beat, item; /* the frame that goes in */
    uint64_t free_at;          /* cycle in which the next beat may go in */
    uint64_t handle[SAS];
    bool check;
};

/* As solo_rx.c and solo_tx.c make them: the card's DMA or MAC would do the same. */
static uint32_t new_packet(struct end *e, const struct frame *f)
{
    uint32_t item = nic_packet_new(e->card, e->side == RX ? NIC_RX : NIC_TX, f->length);
    struct nic_packet *p = nic_packet(e->card, item);

    p->present = p->length;
    memcpy(nic_bytes(e->card, p), f->bytes, f->length);
    if (e->side == RX) {
        nic_parse(e->card, p, UINT32_MAX);
    } else {
        p->hairpin = 1; /* no descriptor waits for it */
        p->handle[0] = e->handle[f->sa - 1];
    }
    return item;
}

/* The next beats of the frame that goes in, at most `most`, from cycle `at` on. */
static void push(struct end *e, uint64_t at, uint32_t beats)
{
    const struct frame *f = &e->bench->frame[e->side][e->next];
    const struct channel_run run = { .first = at, .beats = beats, .step = 1 };
    bool last = (e->beat + beats) * BUS >= f->length;

    channel_push(e->in, &run, e->item,
                 (e->beat == 0 ? (unsigned)CHANNEL_FIRST : 0u) |
                     (last ? (unsigned)CHANNEL_LAST : 0u));
    note_beats(&e->outcome->in[e->side], at, beats);
    e->free_at = at + beats;
    e->beat = last ? 0 : e->beat + beats;
    e->next += last;
}

/* Frames from the first cycle on in which there is room for all of it: as far as the card knows already. */
static void feed_rx(void *self, uint64_t now)
{
    struct end *e = self;

    while (e->next < e->bench->count) {
        const struct frame *f = &e->bench->frame[RX][e->next];
        uint32_t beats = (f->length + BUS - 1) / BUS;
        uint64_t at = channel_room_at(e->in, now > e->free_at ? now : e->free_at, beats);

        if (at == CLOCK_NEVER) {
            return; /* a slot that comes back wakes us */
        }
        channel_room(e->in, at);
        channel_reserve(e->in, beats);
        e->item = new_packet(e, f);
        push(e, at, beats);
    }
}

/* Beats from the first cycle on in which there is room for one. */
static void feed_tx(void *self, uint64_t now)
{
    struct end *e = self;

    while (e->next < e->bench->count) {
        const struct frame *f = &e->bench->frame[TX][e->next];
        uint64_t from = now > e->free_at ? now : e->free_at;
        uint64_t slot = channel_next_slot(e->in, from);
        uint64_t at = slot > from ? slot : from;
        struct channel_run run = { .step = 1 };

        if (slot == CLOCK_NEVER) {
            return;
        }
        if (e->beat == 0) {
            e->item = new_packet(e, f);
        }
        run.first = at;
        run.beats = (f->length + BUS - 1) / BUS - e->beat;
        push(e, at, channel_reserve_run(e->in, &run));
    }
}

/* All that is committed, each beat in the first cycle in which it can be taken. */
static void take(void *self, uint64_t now)
{
    struct end *e = self;
    const struct channel_burst *b;

    (void)now;
    while ((b = channel_head(e->out)) != NULL) {
        struct channel_run run = { .first = channel_next_visible(e->out), .step = 1 };
        uint32_t item = b->item, left = b->at.beats - e->out->s.taken;
        bool ends = b->flags & CHANNEL_LAST;

        run.first = run.first < e->out->s.read_free ? e->out->s.read_free : run.first;
        run.beats = left;
        run.beats = channel_visible_run(e->out, 0, &run);
        channel_pop(e->out, &run);
        note_beats(&e->outcome->out[e->side], run.first, run.beats);
        if (!ends || run.beats < left) {
            continue;
        }
        if (e->check) {
            const struct nic_packet *p = nic_packet(e->card, item);

            note_frame(e->outcome, e->side, nic_bytes(e->card, p), p->length);
        }
        nic_packet_free(e->card, item);
        e->outcome->packets[e->side]++;
    }
}

static void set_sas(struct end *e)
{
    for (unsigned i = 0; i < SAS; i++) {
        enum sa_reason reason;

        if (!espnic_preload_add(e->card, &e->bench->node[e->side][i], &e->handle[i], &reason)) {
            die("an SA", "refused by the card");
        }
    }
}

/* The caller's ends of a side's two channels (solo.c) become blocks that events wake. */
static void attach(struct end *e, const struct solo *solo)
{
    const struct nic_lane *lane = &e->card->lane[0];
    struct sched *sched = &e->card->sched;

    e->in = e->side == RX ? lane->parser.in[1] : lane->fetch.in[1];
    e->out = e->side == RX ? lane->decapsulate.out[0] : lane->tx.reorder.out[0];
    if (e->in->config.writer != solo->outside || e->out->config.reader != solo->outside) {
        die("channels", "not those of ipsec_top");
    }
    e->feeder = sched_add_block(sched, "feed", e->card->core, e->side == RX ? feed_rx : feed_tx, e);
    e->in->config.writer = e->feeder;
    e->out->config.reader = sched_add_block(sched, "take", e->card->core, take, e);
    e->out->config.wake = CHANNEL_WAKE_FIRST;
}

/* Once through all frames; what it takes is added to o->seconds. */
static void once_c(const struct bench *b, bool functional, bool check, struct outcome *o)
{
    char config[sizeof b->config + sizeof TIMING_ONLY], error[512];
    double seconds = o->seconds;
    struct end end[SIDES];
    struct solo *solo;
    void *top;

    snprintf(config, sizeof config, "%s%s", b->config, functional ? "" : TIMING_ONLY);
    top = nic_solo_ipsec_top.ops->create(config, error, sizeof error);
    if (!top) {
        die("the C model", error);
    }
    solo = solo_top_inside(top);
    memset(o, 0, sizeof *o);
    for (unsigned s = 0; s < SIDES; s++) {
        end[s] =
            (struct end){ .card = solo->card, .bench = b, .outcome = o, .side = s, .check = check };
        set_sas(&end[s]);
        attach(&end[s], solo);
        sched_wake(&solo->card->sched, end[s].feeder, SETTLED);
    }
    espnic_advance(solo->card, b->from - 1);
    o->seconds = -processor_seconds();
    espnic_advance(solo->card, FOREVER);
    o->seconds += processor_seconds() + seconds;
    nic_solo_ipsec_top.ops->destroy(top);
}

/* Again and again, until it can be measured; o->seconds is that of once. */
static void run_c(const struct bench *b, bool functional, bool check, struct outcome *o)
{
    unsigned times = 0;

    memset(o, 0, sizeof *o);
    do {
        once_c(b, functional, check, o);
        times++;
    } while (!check && o->seconds < C_LEAST_TIME);
    o->seconds /= times;
}

/* ---- side by side -------------------------------------------------------------------------------------------- */

static void run(struct rtl *r, const struct bench *b, enum model model, bool check,
                struct outcome *o)
{
    if (model == RTL) {
        run_rtl(r, b, check, o);
    } else {
        run_c(b, model == FUNCTIONAL, check, o);
    }
}

/* From the first packet to the last beat of all. */
static uint64_t cycles_of(const struct outcome *o)
{
    uint64_t last = o->out[RX].last > o->out[TX].last ? o->out[RX].last : o->out[TX].last;

    return last + 1 - SETTLED;
}

/* Per cent of the cycles, between the first beat and the last one, in which one moved. */
static double busy(const struct ends *e)
{
    return 100.0 * (double)e->beats / (double)(e->last + 1 - e->first);
}

static void print_outcome(const struct outcome *o, unsigned model, unsigned s)
{
    static const char *const names[MODELS] = { "RTL", "C, timing only", "C, functional" };

    fprintf(
        stderr,
        "  %-15s %s: %llu packets; %llu beats in, cycles %llu to %llu; %llu out, %llu to %llu\n",
        names[model], s == RX ? "RX" : "TX", (unsigned long long)o->packets[s],
        (unsigned long long)o->in[s].beats, (unsigned long long)o->in[s].first,
        (unsigned long long)o->in[s].last, (unsigned long long)o->out[s].beats,
        (unsigned long long)o->out[s].first, (unsigned long long)o->out[s].last);
}

static bool same(const struct outcome *a, const struct outcome *b, unsigned s)
{
    return a->packets[s] == b->packets[s] && memcmp(&a->in[s], &b->in[s], sizeof a->in[s]) == 0 &&
           memcmp(&a->out[s], &b->out[s], sizeof a->out[s]) == 0;
}

/* All models have done the same, or this is not a comparison. */
static void compare(const struct bench *b, const struct outcome o[MODELS])
{
    for (unsigned s = 0; s < SIDES; s++) {
        if (o[RTL].packets[s] != b->count || !same(&o[TIMING], &o[RTL], s) ||
            !same(&o[FUNCTIONAL], &o[RTL], s)) {
            for (unsigned m = 0; m < MODELS; m++) {
                print_outcome(&o[m], m, s);
            }
            die("the models", "do not do the same");
        }
        if (o[FUNCTIONAL].hash[s] != o[RTL].hash[s]) {
            die(s == RX ? "receive side" : "send side",
                "other bytes come out of C than out of the RTL");
        }
    }
}

/* Each direction is to be without idle cycles at one of its ends, or speeds are compared of a card that waits. */
static void check_saturated(const struct outcome *o)
{
    for (unsigned s = 0; s < SIDES; s++) {
        if (busy(&o->in[s]) < SATURATED && busy(&o->out[s]) < SATURATED) {
            print_outcome(o, RTL, s);
            die(s == RX ? "receive side" : "send side", "it is not saturated");
        }
    }
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(struct rtl *r, struct bench *b, enum inputs_mix mix, unsigned rounds)
{
    struct outcome o[MODELS];
    double seconds[MODELS][MAX_ROUNDS], packets, cycles, rtl;

    make_frames(b, mix);
    b->from = SETTLED;
    for (unsigned m = 0; m < MODELS; m++) {
        run(r, b, m, true, &o[m]);
    }
    compare(b, o);
    check_saturated(&o[RTL]);
    b->from = SETTLED + cycles_of(&o[RTL]) / 4;
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned m = 0; m < MODELS; m++) {
            run(r, b, m, false, &o[m]);
            seconds[m][i] = o[m].seconds;
        }
    }
    for (unsigned m = 0; m < MODELS; m++) {
        qsort(seconds[m], rounds, sizeof **seconds, by_value);
    }
    packets = (double)o[RTL].measured;
    cycles = (double)(cycles_of(&o[RTL]) + SETTLED - b->from);
    rtl = seconds[RTL][rounds / 2];
    printf("%-7s %6u %7llu %7llu %3.0f %3.0f %3.0f %3.0f | %7.1f %7.2f |", inputs_mix_name(mix),
           2 * b->count, (unsigned long long)cycles_of(&o[RTL]),
           (unsigned long long)cycles_of(&o[TIMING]), busy(&o[RTL].in[RX]), busy(&o[RTL].out[RX]),
           busy(&o[RTL].in[TX]), busy(&o[RTL].out[TX]), cycles / rtl / 1e3, packets / rtl / 1e3);
    for (unsigned m = TIMING; m <= FUNCTIONAL; m++) {
        double c = seconds[m][rounds / 2];

        printf(" %7.1f %7.2f %6.1f%s", packets / c / 1e3, cycles / c / 1e6, rtl / c,
               m == TIMING ? " |" : "\n");
    }
    fflush(stdout);
}

/* Channels that hold what is in the engine's pipeline and two of the longest frames: with fewer beats of credit it
 * would have idle cycles. */
static uint32_t value_of(const struct nic_solo_param *p)
{
    static const struct {
        const char *name;
        uint32_t value;
    } deep[] = { { "AES_DEPTH", 256 },  { "UPDATE_DEPTH", 64 }, { "OPEN_DEPTH", 256 },
                 { "FETCH_DEPTH", 64 }, { "OUT_DEPTH", 64 },    { "SEQUENCE_DEPTH", 64 },
                 { "ENCAP_DEPTH", 64 } };

    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        if (!strcmp(deep[i].name, p->name)) {
            return deep[i].value;
        }
    }
    return p->value;
}

/* All other parameters as they are by themselves. */
static void write_config(struct bench *b)
{
    const struct nic_solo_block *block = &nic_solo_ipsec_top;
    size_t used = 0;

    for (uint32_t i = 0; i < block->param_count && used < sizeof b->config; i++) {
        used += (size_t)snprintf(b->config + used, sizeof b->config - used, "%s%s=%u", i ? " " : "",
                                 block->params[i].name, value_of(&block->params[i]));
    }
}

static void print_head(const struct bench *b, unsigned rounds)
{
    printf(
        "ipsec_top, both directions at once, %d SAs each, AES-GCM-128 tunnels; bus 64 B, one engine of 64 B a cycle\n"
        "each way. Processor time, median of %u rounds. RX, TX: cycles in which a beat goes in, comes out.\n%s\n\n",
        SAS, rounds, b->config);
    printf("%-39s | %-15s | %-22s | C, functional\n", "", "RTL (Verilator)", "C, timing only");
    printf("%-7s %6s %7s %7s %7s %7s | %7s %7s | %7s %7s %6s | %7s %7s %6s\n", "frames", "number",
           "cycles", "in C", "RX %", "TX %", "kcyc/s", "kpkt/s", "kpkt/s", "Mcyc/s", "ratio",
           "kpkt/s", "Mcyc/s", "ratio");
}

/* bench_rtl [FRAMES [ROUNDS [gates]]]: frames of each direction, of 1500 B; more of shorter ones, for as many cycles.
 * `gates`: the RTL as it would be synthesised, without the tables that make its AES and GHASH fast in a simulation. */
int main(int argc, char **argv)
{
    static const uint32_t more[INPUTS_MIXES] = { 8, 3, 1 };
    uint32_t frames = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1600;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    static struct bench b;
    static struct rtl r;
    struct cosim_rtl library;
    struct cosim_rtl_request request = { .block = "ipsec_top", .config = b.config };

    request.form = argc > 3 ? COSIM_RTL_GATES : COSIM_RTL_FAST;
    if (frames < LEAST_FRAMES || rounds == 0 || rounds > MAX_ROUNDS ||
        (argc > 3 && strcmp(argv[3], "gates") != 0)) {
        die("usage", "bench_rtl [FRAMES, 100 at least [ROUNDS, 15 at most [gates]]]");
    }
    write_config(&b);
    switch (cosim_rtl_open(&library, &request)) {
    case COSIM_RTL_OK: break;
    case COSIM_RTL_NO_TOOL:
        puts("SKIPPED: bench_rtl measures nothing: Verilator or g++ is missing (above)");
        return 0;
    case COSIM_RTL_BAD: return 1;
    }
    r.ops = library.ops;
    find_pins(&r);
    make_nodes(&b);
    print_head(&b, rounds);
    for (unsigned mix = 0; mix < INPUTS_MIXES; mix++) {
        b.count = frames * more[mix];
        for (unsigned s = 0; s < SIDES; s++) {
            b.frame[s] = must(calloc(b.count, sizeof *b.frame[s]));
        }
        measure(&r, &b, mix, rounds);
        free(b.frame[RX]);
        free(b.frame[TX]);
    }
    cosim_rtl_close(&library);
    return 0;
}
