/* How fast is `espnic run`, and how much memory does it take.
 *
 * Speed: packets of both directions per second of processor time, beside reading the same captures alone and
 * the cryptographic library alone on the same packets, all in this run. Ratios are what counts: seconds on
 * a shared machine do not repeat, so every figure is the median of three, and processor time, not time of
 * day. What a run costs before its first packet (files, memory, SAs) is measured and taken off.
 * Memory: peak resident size of the process, by live SA and by length of the trace.
 *
 * bench_run [--long]: with --long ten million packets and more SAs. The inputs are written below the build
 * folder and taken away at the end. */
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/describe.h"
#include "host/host.h"
#include "inputs.h"
#include "nic/config.h"
#include "nic/nic.h"
#include "traces/capture.h"

enum {
    REPEATS = 3,
    LOOPS = 8,
    MAX_ARGUMENTS = 48,
    ROOM = 700,
    HALF = 2 /* packets of both directions */
};

static char folder[512];  /* of the inputs */
static char program[512]; /* espnic */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_run: %s: %s\n", what, why);
    exit(1);
}

static char *in_folder(const char *name)
{
    static char path[4][ROOM];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double value[REPEATS])
{
    qsort(value, REPEATS, sizeof *value, ascending);
    return value[REPEATS / 2];
}

/* ---- work in a process of its own ----------------------------------------------------------------- */

struct cost {
    double seconds; /* of the processor */
    double bytes;   /* peak resident size */
};

/* This process stays small: Linux counts the size of the parent for a child that has not grown beyond it. */
static struct cost wait_for(pid_t pid, const char *what)
{
    struct rusage used;
    int status;

    if (wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        die(what, "failed; its output is above, or in the folder of the inputs");
    }
    return (struct cost){ .seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
                          .bytes = (double)used.ru_maxrss * 1024 };
}

/* Up to three numbers that `work` gives. */
struct numbers {
    double n[3];
};

static struct numbers apart(struct numbers (*work)(const void *), const void *argument,
                            const char *what)
{
    struct numbers got = { { 0 } };
    int ends[2];
    pid_t pid = -1;

    fflush(NULL);
    if (pipe(ends) != 0 || (pid = fork()) < 0) {
        die(what, "no process");
    }
    if (pid == 0) {
        got = work(argument);
        _exit(write(ends[1], &got, sizeof got) == (ssize_t)sizeof got ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &got, sizeof got) != (ssize_t)sizeof got) {
        fprintf(stderr, "bench_run: %s gave no result\n", what);
    }
    close(ends[0]);
    wait_for(pid, what);
    return got;
}

static struct cost espnic(const char *const arguments[])
{
    posix_spawn_file_actions_t files;
    char *argv[MAX_ARGUMENTS] = {
        program, "run", "--preset", "generic-100g", "--experiments", "0"
    };
    unsigned n = 6;
    pid_t pid;

    for (unsigned i = 0; arguments[i] != NULL && n + 1 < MAX_ARGUMENTS; i++) {
        argv[n++] = (char *)arguments[i];
    }
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, in_folder("output.txt"),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (posix_spawn(&pid, program, &files, NULL, argv, environ) != 0) {
        die(program, "cannot be started: build it first (make)");
    }
    posix_spawn_file_actions_destroy(&files);
    return wait_for(pid, "espnic run");
}

/* ---- speed ------------------------------------------------------------------------------------------ */

struct traffic {
    enum inputs_mix mix;
    char rx[ROOM], tx[ROOM];
};

static struct traffic traffic_of(enum inputs_mix mix)
{
    struct traffic t = { .mix = mix };

    snprintf(t.rx, sizeof t.rx, "%s/mix%d-rx.pcap", folder, (int)mix);
    snprintf(t.tx, sizeof t.tx, "%s/mix%d-tx.pcap", folder, (int)mix);
    return t;
}

static struct numbers write_inputs(const void *unused)
{
    char prefix[ROOM];

    (void)unused;
    for (int m = 0; m < INPUTS_MIXES; m++) {
        snprintf(prefix, sizeof prefix, "%s/mix%d", folder, m);
        inputs_write_traffic(prefix, (enum inputs_mix)m);
    }
    inputs_write_sas(in_folder("tunnels.jsonl"), (uint64_t)2 * INPUTS_TUNNELS);
    return (struct numbers){ { 0 } };
}

/* Packets per second of one run, without what happens before the first packet. */
static double speed(const struct traffic *t, const char *load, bool functional, unsigned loops,
                    struct cost *whole)
{
    char times[16];
    const char *arguments[] = { "--oids",
                                in_folder("tunnels.jsonl"),
                                "--preload",
                                "--rx",
                                t->rx,
                                "--tx",
                                t->tx,
                                "--load",
                                load,
                                "--loop",
                                times,
                                "-o",
                                in_folder("report.json"),
                                NULL,
                                NULL,
                                NULL,
                                NULL };
    double before;

    arguments[13] = functional ? NULL : "--timing-only";
    snprintf(times, sizeof times, "%u", loops);
    *whole = espnic(arguments);
    arguments[13] = "--packets";
    arguments[14] = "1";
    arguments[15] = functional ? NULL : "--timing-only";
    before = espnic(arguments).seconds;
    return (double)loops * HALF * INPUTS_PACKETS / (whole->seconds - before);
}

static double medium_speed(const struct traffic *t, const char *load, bool functional)
{
    double got[REPEATS];
    struct cost cost;

    for (unsigned i = 0; i < REPEATS; i++) {
        got[i] = speed(t, load, functional, LOOPS, &cost);
    }
    return median(got);
}

/* Both directions came through whole? The report is that of the last run, so this makes one of its own. */
static void assert_no_loss(const struct traffic *t, const char *load)
{
    const char *arguments[] = { "--oids",
                                in_folder("tunnels.jsonl"),
                                "--preload",
                                "--rx",
                                t->rx,
                                "--tx",
                                t->tx,
                                "--load",
                                load,
                                "-o",
                                in_folder("report.json"),
                                NULL };
    json_t *report;

    espnic(arguments);
    report = json_load_file(in_folder("report.json"), 0, NULL);
    for (unsigned d = 0; d < 2; d++) {
        const json_t *dir = json_object_get(report, d == 0 ? "rx" : "tx");

        if (json_integer_value(json_object_get(dir, "packets_out")) != INPUTS_PACKETS) {
            die(inputs_mix_name(t->mix), "packets were lost: this measures something else");
        }
    }
    json_decref(report);
}

static struct numbers read_alone(const void *argument)
{
    const struct traffic *t = argument;
    double begin = processor_seconds();
    uint64_t packets = 0;
    uint64_t bytes = 0;

    for (unsigned d = 0; d < 2; d++) {
        char error[CAPTURE_ERROR_SIZE];
        struct capture *c = capture_open(d == 0 ? t->rx : t->tx, NULL, error, sizeof error);
        struct capture_packet p;

        for (unsigned loop = 0; c != NULL && loop < LOOPS; loop++) {
            for (; capture_next(c, &p) == CAPTURE_OK; packets++) {
                bytes += p.length;
            }
            capture_rewind(c);
        }
        capture_close(c);
    }
    return (struct numbers){ { (double)packets / (processor_seconds() - begin), (double)bytes } };
}

/* ---- the library alone ------------------------------------------------------------------------------- */

enum { AHEAD = 32, ETHERNET = 14, OUTER = 20, ESP_AT = ETHERNET + OUTER, TEXT_AT = ESP_AT + 16 };
enum { ICV = 16, FRAME = 2048 };

struct library {
    struct esp_crypt *crypt;
    struct esp_suite suite[2 * INPUTS_TUNNELS];
    struct esp_node node[2 * INPUTS_TUNNELS];
    struct esp_job job[AHEAD];
    uint8_t bytes[AHEAD][FRAME];
};

/* What the card asks of the library for this packet, and nothing else. */
static void start_job(struct library *l, unsigned at, const uint8_t *frame, uint32_t length,
                      uint32_t sa, bool seal)
{
    uint8_t *b = l->bytes[at];
    struct esp_job *j = &l->job[at];
    uint32_t inner = length - ETHERNET;

    j->seal = seal;
    j->expect_given = false;
    j->key = (struct esp_key_ref){ .id = sa };
    j->tail_length = 0;
    j->saved_length = 0;
    if (seal) {
        memset(b + ESP_AT, 0, TEXT_AT - ESP_AT);
        memcpy(b + TEXT_AT, frame + ETHERNET, inner);
        j->text_length = (inner + 2 + 3) & ~3u;
    } else {
        memcpy(b, frame, length);
        j->text_length = length - TEXT_AT - ICV;
    }
    j->text = b + TEXT_AT;
    j->iv = b + ESP_AT + 8;
    j->aad = b + ESP_AT;
    j->aad_length = 8;
    j->auth = NULL;
    j->auth_length = 0;
    j->icv = j->text + j->text_length;
    esp_crypt_submit(l->crypt, j, &l->suite[sa]);
}

static void all_of(struct library *l, const struct traffic *t, bool seal, double *seconds,
                   uint64_t *packets)
{
    static struct {
        uint32_t length;
        uint8_t bytes[FRAME];
    } frame[INPUTS_PACKETS];
    char error[CAPTURE_ERROR_SIZE];
    struct capture *c = capture_open(seal ? t->tx : t->rx, NULL, error, sizeof error);
    struct capture_packet p;
    double begin;

    for (unsigned i = 0; i < INPUTS_PACKETS && capture_next(c, &p) == CAPTURE_OK; i++) {
        frame[i].length = p.length;
        memcpy(frame[i].bytes, p.bytes, p.length);
    }
    capture_close(c);
    begin = processor_seconds();
    for (unsigned n = 0; n < LOOPS * INPUTS_PACKETS; n++) {
        unsigned i = n % INPUTS_PACKETS;
        unsigned at = n % AHEAD;

        if (n >= AHEAD && esp_crypt_finish(l->crypt, &l->job[at]) != ESP_JOB_OK) {
            die("the library alone", "a packet does not open");
        }
        start_job(l, at, frame[i].bytes, frame[i].length,
                  2 * (i % INPUTS_TUNNELS) + (seal ? 1u : 0u), seal);
    }
    esp_crypt_flush(l->crypt);
    *seconds += processor_seconds() - begin;
    *packets += (uint64_t)LOOPS * INPUTS_PACKETS;
}

static struct numbers crypt_alone(const void *argument)
{
    static struct library l;
    char error[256];
    double seconds = 0;
    uint64_t packets = 0;

    l.crypt = esp_crypt_open(ESP_BACKEND_AUTO, 0, error, sizeof error);
    if (l.crypt == NULL) {
        die("the library alone", error);
    }
    for (uint32_t i = 0; i < 2 * INPUTS_TUNNELS; i++) {
        inputs_node(i, &l.node[i]);
        esp_suite_of_sa(&l.node[i].sa[0], &l.suite[i]);
    }
    all_of(&l, argument, false, &seconds, &packets);
    all_of(&l, argument, true, &seconds, &packets);
    esp_crypt_close(l.crypt);
    return (struct numbers){ { (double)packets / seconds } };
}

static double medium_alone(struct numbers (*work)(const void *), const struct traffic *t)
{
    double got[REPEATS];

    for (unsigned i = 0; i < REPEATS; i++) {
        got[i] = apart(work, t, "a measurement").n[0];
    }
    return median(got);
}

static void compare_speeds(const char *load)
{
    printf(
        "\nspeed at %s in each direction, %d tunnels AES-GCM-128, generic-100g, %d packets a run\n",
        load, INPUTS_TUNNELS, LOOPS * HALF * INPUTS_PACKETS);
    printf(
        "            cost of a packet, times that of          million packets/s of processor time\n");
    printf("          timing/  functional/  functional/\n");
    printf(
        "packets      pcap       timing    crypto+pcap   timing  functional  crypto alone  pcap alone\n");
    for (int m = 0; m < INPUTS_MIXES; m++) {
        struct traffic t = traffic_of((enum inputs_mix)m);
        double timing;
        double functional;
        double pcap = medium_alone(read_alone, &t);
        double crypt = medium_alone(crypt_alone, &t);

        if (strcmp(load, "max") != 0) {
            assert_no_loss(&t, load);
        }
        timing = medium_speed(&t, load, false);
        functional = medium_speed(&t, load, true);
        printf("%-8s %8.1f %12.2f %14.1f %8.3f %11.3f %13.3f %11.3f\n", inputs_mix_name(t.mix),
               pcap / timing, timing / functional, 1 / (functional * (1 / crypt + 1 / pcap)),
               timing / 1e6, functional / 1e6, crypt / 1e6, pcap / 1e6);
        fflush(stdout);
    }
}

/* ---- detail of the PCIe link --------------------------------------------------------------------------- */

struct detail {
    const char *name;
    const char *settings[8]; /* of --set */
};

static double speed_with(const struct traffic *t, const struct detail *d)
{
    const char *arguments[MAX_ARGUMENTS] = { "--oids",    in_folder("tunnels.jsonl"),
                                             "--preload", "--timing-only",
                                             "--rx",      t->rx,
                                             "--tx",      t->tx,
                                             "--load",    "20Gbps",
                                             "--loop",    "8",
                                             NULL };
    unsigned n = 12;
    double whole;

    for (unsigned i = 0; i < 8 && d->settings[i] != NULL; i++) {
        arguments[n++] = "--set";
        arguments[n++] = d->settings[i];
    }
    whole = espnic(arguments).seconds;
    arguments[n++] = "--packets";
    arguments[n] = "1";
    return 8.0 * HALF * INPUTS_PACKETS / (whole - espnic(arguments).seconds);
}

/* What credits, DLLPs, damage and a host with IOMMU and cache cost, beside the same link set to have none of it
 * (bench_link.sh: beside the first link, which could not have it). */
static void cost_of_detail(void)
{
    static const struct detail details[] = {
        { "no DLLPs, no credits",
          { "card.pcie.dllp=share", "card.pcie.host_ph=0", "card.pcie.host_pd=0",
            "card.pcie.host_nph=0", "card.pcie.card_ph=0", "card.pcie.card_pd=0",
            "card.pcie.card_nph=0" } },
        { "as it is: DLLPs on demand, credits", { NULL } },
        { "and completion space, retry buffer, damage",
          { "card.pcie.space_headers=256", "card.pcie.space_data=2048", "card.pcie.retry=256",
            "card.pcie.lcrc_ppb=1000" } },
        { "and IOMMU, cache, line credits, jitter",
          { "card.pcie.host.iommu=true", "card.pcie.host.llc_bytes=15MiB",
            "card.pcie.host.credits=92", "card.pcie.host.jitter=true" } },
    };
    struct traffic t = traffic_of(INPUTS_IMIX);
    double plain = 0;

    printf("\ndetail of the PCIe link: IMIX, timing only, 20Gbps each way\n");
    printf("cost, times   million packets/s\n");
    for (unsigned i = 0; i < sizeof details / sizeof details[0]; i++) {
        double got[REPEATS];
        double rate;

        for (unsigned k = 0; k < REPEATS; k++) {
            got[k] = speed_with(&t, &details[i]);
        }
        rate = median(got);
        plain = i == 0 ? rate : plain;
        printf("%11.2f %19.3f   %s\n", plain / rate, rate / 1e6, details[i].name);
        fflush(stdout);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static struct numbers write_sas(const void *argument)
{
    inputs_write_sas(in_folder("sas.jsonl"), *(const uint64_t *)argument);
    return (struct numbers){ { 0 } };
}

static struct cost with_sas(uint64_t count)
{
    const char *arguments[] = { "--oids", in_folder("sas.jsonl"), "--preload", NULL };
    struct cost cost;

    apart(write_sas, &count, "the recording");
    cost = espnic(arguments);
    unlink(in_folder("sas.jsonl"));
    return cost;
}

static void memory_of_sas(void)
{
    static const uint64_t counts[] = { 100000, 1000000 };
    struct cost none = with_sas(0);
    struct cost last = none;
    uint64_t before = 0;

    printf(
        "\nmemory of SAs: peak resident size less that of a run without, over live SAs (aim: < 200)\n");
    printf("live SAs   bytes/SA   resident MB   us/SA to read and install, since the line above\n");
    printf("%8d %10s %13.1f\n", 0, "", none.bytes / 1e6);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct cost cost = with_sas(counts[i]);

        printf("%8llu %10.1f %13.1f %8.2f\n", (unsigned long long)counts[i],
               (cost.bytes - none.bytes) / (double)counts[i], cost.bytes / 1e6,
               (cost.seconds - last.seconds) * 1e6 / (double)(counts[i] - before));
        fflush(stdout);
        last = cost;
        before = counts[i];
    }
}

/* Traffic and SAs made in memory: 472 tunnels of two SAs with packets, the others without. No checker of recordings. */
static struct cost with_installed(uint64_t tunnels)
{
    char installed[64];
    const char *arguments[] = { "--timing-only",
                                "--packets",
                                "20000",
                                "--set",
                                "traffic.profile=mno",
                                "--set",
                                "traffic.tunnels=472",
                                "--set",
                                "card.sa.table.capacity=16777216",
                                "--set",
                                installed,
                                NULL };

    snprintf(installed, sizeof installed, "traffic.installed=%llu", (unsigned long long)tunnels);
    return espnic(arguments);
}

static void memory_of_installed(bool many)
{
    static const uint64_t sas[] = { 1000000, 10000000 };
    struct cost none = with_installed(472);

    printf("\nSAs made in memory, 944 of them with traffic\n");
    printf("live SAs   bytes/SA   resident MB   us/SA\n");
    for (unsigned i = 0; i < (many ? 2 : 1); i++) {
        struct cost cost = with_installed(sas[i] / 2);

        printf("%8llu %10.1f %13.1f %7.2f\n", (unsigned long long)sas[i],
               (cost.bytes - none.bytes) / (double)(sas[i] - 944), cost.bytes / 1e6,
               (cost.seconds - none.seconds) * 1e6 / (double)sas[i]);
        fflush(stdout);
    }
}

static void memory_of_packets(bool many)
{
    static const char *const loads[] = { "20Gbps" };
    struct traffic t = traffic_of(INPUTS_IMIX);
    double first = 0;

    printf(
        "\nmemory by length of the trace: IMIX, functional, the captures played again and again\n");
    printf(" packets   times the first   resident MB   million packets/s\n");
    for (unsigned loops = 6; loops <= (many ? 610u : 61u); loops = loops == 6 ? 61 : loops * 10) {
        struct cost cost;
        double rate = speed(&t, loads[0], true, loops, &cost);

        first = first == 0 ? cost.bytes : first;
        printf("%8u %17.3f %13.1f %19.3f\n", loops * HALF * INPUTS_PACKETS, cost.bytes / first,
               cost.bytes / 1e6, rate / 1e6);
        fflush(stdout);
    }
}

/* ---- the cost of an ADD ------------------------------------------------------------------------------ */

enum { ADDS = 1000000, PART = 100000, MIDDLE = 300000 /* beyond the caches of the computer */ };

/* Seconds that installing SAs `from` and the PART - 1 after it takes. */
static double fill(struct host *host, uint64_t from)
{
    static struct esp_node node[PART];
    double begin;

    for (uint64_t i = 0; i < PART; i++) {
        inputs_node(from + i, &node[i]);
    }
    begin = processor_seconds();
    for (uint64_t i = 0; i < PART; i++) {
        enum sa_reason reason;

        if (!host_preload_add(host, &node[i], &reason)) {
            die("ADD", sa_reason_name(reason));
        }
    }
    return processor_seconds() - begin;
}

/* Seconds for the first PART of the SAs, one in the middle, and the last. */
static struct numbers add_many(const void *unused)
{
    static struct nic_config card_config;
    static struct host_config host_config;
    struct host_options host_options = { .ports = 1 };
    struct espnic_options card_options = { .backend = "auto" };
    struct espnic_ports ports;
    struct numbers took = { { 0 } };
    char error[1024];
    size_t n;
    const struct param_group *groups = nic_param_groups(&n);
    struct host *host;
    struct espnic *card;

    (void)unused;
    param_set_defaults(&card_config, groups, n);
    param_set_defaults(&host_config, host_param_groups, host_param_group_count);
    card_config.table.capacity = ADDS;
    host = host_create(&host_config, &host_options, &ports, error, sizeof error);
    card = host ? espnic_create(&card_config, &card_options, &ports, error, sizeof error) : NULL;
    if (card == NULL) {
        die("ADD", error);
    }
    host_attach(host, card);
    if (host_start(host, error, sizeof error) == 0) {
        die("ADD", error);
    }
    for (uint64_t i = 0; i < ADDS; i += PART) {
        took.n[i == 0 ? 0 : i == MIDDLE ? 1 : 2] = fill(host, i);
    }
    return took;
}

static void cost_of_add(void)
{
    double part[3][REPEATS];

    for (unsigned i = 0; i < REPEATS; i++) {
        struct numbers took = apart(add_many, NULL, "ADD");

        for (unsigned k = 0; k < 3; k++) {
            part[k][i] = took.n[k];
        }
    }
    printf(
        "\ncost of an ADD on card and host: the last %d of %d SAs over those after %d, where the "
        "table is\nlarger than the caches of the computer, too (flat: near 1)\n",
        PART, ADDS, MIDDLE);
    printf("   ratio   us first   us middle   us last\n");
    printf("%8.2f %10.3f %11.3f %9.3f\n", median(part[2]) / median(part[1]),
           median(part[0]) * 1e6 / PART, median(part[1]) * 1e6 / PART,
           median(part[2]) * 1e6 / PART);
}

/* ---- all of it ---------------------------------------------------------------------------------------- */

/* Everything lies in the build folder that this program is in. */
static void find_places(void)
{
    char self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0) {
        die("/proc/self/exe", "cannot be read");
    }
    self[n] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        char *slash = strrchr(self, '/');

        if (slash != NULL) {
            *slash = '\0';
        }
    }
    snprintf(program, sizeof program, "%s/espnic", self);
    snprintf(folder, sizeof folder, "%s/bench-inputs", self);
    if (mkdir(folder, 0755) != 0 && access(folder, W_OK) != 0) {
        die(folder, "cannot be made");
    }
    setenv("ESPNIC_PRESETS", "sim/presets", 0);
}

static void clean_up(void)
{
    static const char *const others[] = { "tunnels.jsonl", "report.json", "output.txt" };

    for (int m = 0; m < INPUTS_MIXES; m++) {
        struct traffic t = traffic_of((enum inputs_mix)m);

        unlink(t.rx);
        unlink(t.tx);
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        unlink(in_folder(others[i]));
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    bool many = argc > 1 && strcmp(argv[1], "--long") == 0;

    if (argc > 1 && !many) {
        fprintf(stderr, "usage: %s [--long]\n", argv[0]);
        return 2;
    }
    find_places();
    apart(write_inputs, NULL, "the inputs");
    compare_speeds("20Gbps");
    compare_speeds("max");
    cost_of_detail();
    memory_of_sas();
    memory_of_installed(many);
    memory_of_packets(many);
    cost_of_add();
    clean_up();
    return 0;
}
