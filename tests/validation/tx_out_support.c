#include "tx_out_support.h"

#include <check.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/recording.h"

/* ---- files and programs ----------------------------------------------------------------------------- */

static char folder[64];

const char *txo_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/espnic-tx-out-XXXXXX");
        if (!mkdtemp(folder)) {
            perror(folder);
            exit(EXIT_FAILURE);
        }
    }
    return folder;
}

const char *txo_path(const char *name)
{
    static char path[TXO_PATH];

    snprintf(path, sizeof path, "%s/%s", txo_folder(), name);
    return path;
}

void txo_remove(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", txo_folder());
    if (system(command) != 0) { /* NOLINT(cert-env33-c): a test runs programs */
        fprintf(stderr, "%s could not be removed\n", folder);
    }
}

bool txo_data(const char *name, char path[TXO_PATH])
{
    const char *base = getenv("ESPNIC_DATA");

    if (strstr(name, "sa.json") && !txo_have("python3")) {
        printf("SKIP tx_out: %s: no python3 to read it\n", name);
        return false;
    }
    snprintf(path, TXO_PATH, "%s/%s", base ? base : "../shared/data", name);
    if (access(path, R_OK) != 0) {
        printf("SKIP tx_out: %s: no data at %s\n", name, path);
        fflush(stdout);
        return false;
    }
    return true;
}

int txo_run(const char *format, ...)
{
    char command[8192];
    va_list args;
    int used;
    int status;

    command[0] = '{';
    command[1] = ' ';
    va_start(args, format);
    used = 2 + vsnprintf(command + 2, sizeof command - 2, format, args);
    va_end(args);
    ck_assert_int_lt(used, (int)sizeof command - 100);
    snprintf(command + used, sizeof command - (size_t)used, "; } >%s/stdout 2>%s/stderr </dev/null",
             txo_folder(), txo_folder());
    status = system(command); /* NOLINT(cert-env33-c): a test runs programs */
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool txo_have(const char *program)
{
    return txo_run("command -v %s", program) == 0;
}

/* ---- captures ------------------------------------------------------------------------------------------ */

static void keep(struct txo_frames *frames, const struct pcap_pkthdr *header, const uint8_t *bytes,
                 bool raw)
{
    struct txo_frame *f;

    if (frames->count % 1024 == 0) {
        frames->at = realloc(frames->at, (frames->count + 1024) * sizeof *frames->at);
        ck_assert_ptr_nonnull(frames->at);
    }
    f = &frames->at[frames->count++];
    ck_assert_uint_eq(header->caplen, header->len);
    f->bytes = malloc(header->len ? header->len : 1);
    ck_assert_ptr_nonnull(f->bytes);
    memcpy(f->bytes, bytes, header->len);
    f->length = header->len;
    if (raw) {
        esp_parse_ip(f->bytes, f->length, f->length, 0, NULL, &f->view);
    } else {
        esp_parse(f->bytes, f->length, f->length, NULL, &f->view);
    }
    f->l3 = f->view.l3;
}

void txo_load(const char *path, const char *filter, struct txo_frames *frames)
{
    char error[PCAP_ERRBUF_SIZE];
    struct bpf_program program;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    pcap_t *pcap = pcap_open_offline(path, error);

    memset(frames, 0, sizeof *frames);
    ck_assert_msg(pcap != NULL, "%s", error);
    ck_assert_int_eq(pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN), 0);
    ck_assert_int_eq(pcap_setfilter(pcap, &program), 0);
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        keep(frames, header, bytes, pcap_datalink(pcap) != DLT_EN10MB);
    }
    pcap_freecode(&program);
    pcap_close(pcap);
}

void txo_free(struct txo_frames *frames)
{
    for (unsigned i = 0; i < frames->count; i++) {
        free(frames->at[i].bytes);
    }
    free(frames->at);
    memset(frames, 0, sizeof *frames);
}

/* ---- recordings ---------------------------------------------------------------------------------------- */

void txo_load_nodes(const char *recording, struct txo_nodes *nodes)
{
    char error[RECORDING_ERROR_SIZE];
    struct recording_record record = { 0 };
    struct recording *reader = recording_open(recording, error, sizeof error);
    enum recording_result result;

    ck_assert_msg(reader != NULL, "%s", error);
    nodes->count = 0;
    while ((result = recording_next(reader, &record)) == RECORDING_OK) {
        for (size_t i = 0; i < record.node_count && record.kind == RECORDING_ADD_SA; i++) {
            ck_assert_uint_lt(nodes->count, TXO_MAX_NODES);
            nodes->at[nodes->count++] = record.nodes[i];
        }
    }
    ck_assert_msg(result == RECORDING_END, "%s", recording_error(reader));
    recording_record_free(&record);
    recording_close(reader);
}

const struct esp_node *txo_find_spi(const struct txo_nodes *nodes, uint32_t spi)
{
    for (unsigned i = 0; i < nodes->count; i++) {
        if (nodes->at[i].dir == ESP_DIR_OUT && nodes->at[i].sa[0].spi == spi) {
            return &nodes->at[i];
        }
    }
    return NULL;
}

static void make_outbound(json_t *record)
{
    size_t i;
    json_t *node;

    json_array_foreach(json_object_get(record, "nodes"), i, node)
    {
        json_t *sa = json_array_get(json_object_get(node, "sa"), 0);
        json_int_t first = json_integer_value(json_object_get(sa, "seq")) + 1;

        json_object_set_new(node, "dir", json_string("out"));
        json_object_set_new(sa, "seq", json_integer(first));
        json_object_set_new(sa, "seq_hi", json_integer(first >> 32));
        json_object_del(sa, "replay_window");
    }
}

void txo_recording(const char *sa_json, const char *end, bool outbound, const char *recording)
{
    char tool[TXO_PATH];
    char plain[TXO_PATH];
    char line[16384];
    FILE *in;
    FILE *out;

    ck_assert(txo_data("sa2oids.py", tool));
    ck_assert_int_eq(txo_run("python3 '%s' '%s' %s", tool, sa_json, end), 0);
    snprintf(plain, sizeof plain, "%s/stdout", txo_folder());
    in = fopen(plain, "r");
    out = fopen(recording, "w");
    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(out);
    while (fgets(line, sizeof line, in)) {
        json_t *record = json_loads(line, 0, NULL);

        ck_assert_ptr_nonnull(record);
        if (outbound) {
            make_outbound(record);
        }
        json_dumpf(record, out, JSON_COMPACT);
        fputc('\n', out);
        json_decref(record);
    }
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

/* ---- reports --------------------------------------------------------------------------------------------- */

static const json_t *find(const json_t *report, const char *path)
{
    char name[64];
    const json_t *at = report;

    while (*path) {
        size_t length = strcspn(path, ".");

        snprintf(name, sizeof name, "%.*s", (int)length, path);
        at = json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    return at;
}

uint64_t txo_number(const json_t *report, const char *path)
{
    const json_t *at = find(report, path);

    ck_assert_msg(json_is_integer(at), "the report has no number %s", path);
    return (uint64_t)json_integer_value(at);
}

uint64_t txo_sum(const json_t *report, const char *path)
{
    json_t *object = json_copy((json_t *)find(report, path));
    const char *key;
    json_t *value;
    uint64_t sum = 0;

    ck_assert_msg(json_is_object(object), "the report has no object %s", path);
    json_object_foreach(object, key, value)
    {
        sum += (uint64_t)json_integer_value(value);
    }
    json_decref(object);
    return sum;
}

/* ---- tshark ------------------------------------------------------------------------------------------------ */

static const char *cipher_name(enum esp_alg alg)
{
    switch (alg) {
    case ESP_ALG_AES_GCM_128:
    case ESP_ALG_AES_GCM_192:
    case ESP_ALG_AES_GCM_256: return "AES-GCM [RFC4106]";
    case ESP_ALG_AES_CBC_128:
    case ESP_ALG_AES_CBC_192:
    case ESP_ALG_AES_CBC_256: return "AES-CBC [RFC3602]";
    default: return NULL;
    }
}

bool txo_tshark_knows(const struct esp_sa *sa)
{
    return sa->op == ESP_OP_ESP && cipher_name(sa->enc.alg) != NULL;
}

/* The ICV is checked where tshark can: HMAC without ESN. It refuses any but NULL with GCM. */
static const char *integrity_name(const struct esp_sa *sa)
{
    if (sa->auth.alg == ESP_ALG_NONE) {
        return "NULL";
    }
    if (!sa->esn) {
        switch (sa->auth.alg) {
        case ESP_ALG_SHA_1: return "HMAC-SHA-1-96 [RFC2404]";
        case ESP_ALG_SHA_256: return "HMAC-SHA-256-128 [RFC4868]";
        case ESP_ALG_SHA_384: return "HMAC-SHA-384-192 [RFC4868]";
        case ESP_ALG_SHA_512: return "HMAC-SHA-512-256 [RFC4868]";
        default: break;
        }
    }
    return sa->auth.icv == 12   ? "ANY 96 bit authentication [no checking]"
           : sa->auth.icv == 16 ? "ANY 128 bit authentication [no checking]"
           : sa->auth.icv == 24 ? "ANY 192 bit authentication [no checking]"
                                : "ANY 256 bit authentication [no checking]";
}

static void put_key(FILE *out, const struct esp_key *key)
{
    if (key->length) {
        fputs("0x", out);
    }
    for (unsigned i = 0; i < key->length; i++) {
        fprintf(out, "%02x", key->bytes[i]);
    }
}

/* The table of SAs as tshark keeps it in a profile. */
static void write_table(const struct txo_nodes *nodes)
{
    char path[TXO_PATH];
    FILE *out;

    ck_assert_int_eq(txo_run("mkdir -p %s/wireshark", txo_folder()), 0);
    snprintf(path, sizeof path, "%s/wireshark/esp_sa", txo_folder());
    out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    for (unsigned i = 0; i < nodes->count; i++) {
        const struct esp_node *n = &nodes->at[i];
        const struct esp_sa *sa = &n->sa[0];

        if (n->dir != ESP_DIR_OUT || !txo_tshark_knows(sa)) {
            continue;
        }
        fprintf(out, "\"IPv%u\",\"*\",\"*\",\"0x%08x\",\"%s\",\"", n->src.family, sa->spi,
                cipher_name(sa->enc.alg));
        put_key(out, &sa->enc);
        fprintf(out, "\",\"%s\",\"", integrity_name(sa));
        put_key(out, &sa->auth);
        fputs("\"\n", out);
    }
    ck_assert_int_eq(fclose(out), 0);
}

/* "0010  00 54 00 00 ...   .T.." : the offset, two spaces, bytes one space apart, three spaces, characters. */
static void take_hex(struct txo_decrypted *d, const char *line)
{
    const char *p = line + strcspn(line, " ") + 1;

    if (d->length % 4096 == 0) {
        d->bytes = realloc(d->bytes, d->length + 4096);
        ck_assert_ptr_nonnull(d->bytes);
    }
    for (unsigned i = 0; i < 16 && p[0] == ' ' && p[1] != ' ' && p[1] != '\n'; i++) {
        d->bytes[d->length++] = (uint8_t)strtoul(p + 1, NULL, 16);
        p += 3;
    }
}

bool txo_tshark(const char *capture, const struct txo_nodes *nodes, struct txo_decrypted *all,
                unsigned count)
{
    char path[TXO_PATH];
    char line[512];
    unsigned frame = 0;
    bool taking = false;
    FILE *in;

    if (!txo_have("tshark")) {
        return false;
    }
    write_table(nodes);
    ck_assert_int_eq(
        txo_run(
            "WIRESHARK_CONFIG_DIR=%s/wireshark tshark -r '%s' -o esp.enable_encryption_decode:TRUE"
            " -o esp.enable_authentication_check:TRUE -x",
            txo_folder(), capture),
        0);
    snprintf(path, sizeof path, "%s/stdout", txo_folder());
    in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(line, sizeof line, in)) {
        if (line[0] == '\n') { /* after every frame */
            frame++;
            taking = false;
        } else if (strstr(line, " bytes):") || strstr(line, " byte):")) {
            taking = !strncmp(line, "Decrypted Data (", 16);
        } else if (taking && frame < count) {
            take_hex(&all[frame], line);
        }
    }
    fclose(in);
    return true;
}
