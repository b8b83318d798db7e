/* Inputs decoded once for many runs: what is kept is, packet by packet and record by record, what the readers of
 * the files give; what does not fit is read from the file; nobody can write into what is kept. */
#include "cli/inputs.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAMPLE "traces/samples/vpn-gateway"

static char error[CAPTURE_ERROR_SIZE];

static struct inputs *room_for(uint64_t bytes)
{
    struct inputs *in = inputs_create(bytes);

    ck_assert_ptr_nonnull(in);
    return in;
}

/* ---- captures --------------------------------------------------------------------------------------- */

static void same_packet(const struct capture_packet *a, const struct capture_packet *b)
{
    ck_assert_uint_eq(a->time_ns, b->time_ns);
    ck_assert_uint_eq(a->record, b->record);
    ck_assert_uint_eq(a->captured, b->captured);
    ck_assert_uint_eq(a->length, b->length);
    ck_assert_int_eq(a->synthesised, b->synthesised);
    ck_assert(a->captured == 0 || memcmp(a->bytes, b->bytes, a->captured) == 0);
}

/* The reader gives what the file holds, twice. Packets of one pass. */
static uint64_t same_packets(const struct inputs *in, const char *path, const char *filter)
{
    struct packet_reader *reader = packet_reader_open(in, path, filter, error, sizeof error);
    struct capture *file = capture_open(path, filter, error, sizeof error);
    struct capture_packet a;
    struct capture_packet b;
    uint64_t packets = 0;

    ck_assert_msg(reader && file, "%s", error);
    for (int pass = 0; pass < 2; pass++) {
        packets = 0;
        while (capture_next(file, &b) == CAPTURE_OK) {
            ck_assert_int_eq(packet_reader_next(reader, &a), CAPTURE_OK);
            same_packet(&a, &b);
            packets++;
        }
        ck_assert_int_eq(packet_reader_next(reader, &a), CAPTURE_END);
        ck_assert_int_eq(packet_reader_next(reader, &a), CAPTURE_END);
        ck_assert(packet_reader_rewind(reader));
        ck_assert(capture_rewind(file));
    }
    packet_reader_close(reader);
    capture_close(file);
    return packets;
}

static void same_earliest(const struct inputs *in, const char *path, const char *filter)
{
    uint64_t kept = 0;
    uint64_t read = 0;

    ck_assert_int_eq(inputs_earliest(in, path, filter, &kept, error, sizeof error),
                     capture_earliest(path, filter, &read, error, sizeof error));
    ck_assert_uint_eq(kept, read);
}

static void check_capture(struct inputs *in, const char *path, const char *filter)
{
    uint64_t before = inputs_bytes(in);

    ck_assert_msg(inputs_add_capture(in, path, filter, error, sizeof error), "%s", error);
    if (same_packets(in, path, filter) > 0) {
        ck_assert_uint_gt(inputs_bytes(in), before);
    }
    same_earliest(in, path, filter);
    before = inputs_bytes(in);
    ck_assert(inputs_add_capture(in, path, filter, error, sizeof error)); /* it is there */
    ck_assert_uint_eq(inputs_bytes(in), before);
}

START_TEST(packets_are_those_of_the_file)
{
    struct inputs *in = room_for(64 << 20);

    check_capture(in, SAMPLE "-rx.pcap", "");
    check_capture(in, SAMPLE "-rx.pcap", "udp port 4500");
    check_capture(in, SAMPLE "-rx.pcap", "tcp port 1");
    check_capture(in, SAMPLE "-tx.pcap", NULL);
    ck_assert_uint_eq(inputs_streamed(in), 0);
    ck_assert_uint_lt(same_packets(in, SAMPLE "-rx.pcap", "udp port 4500"),
                      same_packets(in, SAMPLE "-rx.pcap", ""));
    inputs_destroy(in);
}
END_TEST

START_TEST(real_captures)
{
    const char *data = getenv("ESPNIC_DATA");
    char folder[512];
    struct inputs *in = room_for(UINT64_C(1) << 30);
    const struct dirent *entry;
    unsigned files = 0;
    DIR *d;

    snprintf(folder, sizeof folder, "%s/captures", data == NULL ? "../shared/data" : data);
    d = opendir(folder);
    if (d == NULL) {
        printf("SKIP inputs: real captures: no data at %s\n", folder);
        inputs_destroy(in);
        return;
    }
    while ((entry = readdir(d)) != NULL) {
        char path[1024];
        size_t n = strlen(entry->d_name);

        if (n > 5 && strcmp(entry->d_name + n - 5, ".pcap") == 0) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            check_capture(in, path, "");
            files++;
        }
    }
    closedir(d);
    ck_assert_uint_gt(files, 20);
    inputs_destroy(in);
}
END_TEST

/* Room for one file and a half: the second is read from its file, a third that is small is kept. */
START_TEST(what_does_not_fit_is_read)
{
    struct inputs *all = room_for(64 << 20);
    struct inputs *in;
    uint64_t first;

    ck_assert(inputs_add_capture(all, SAMPLE "-rx.pcap", "", error, sizeof error));
    first = inputs_bytes(all);
    inputs_destroy(all);
    in = room_for(first + first / 2);
    check_capture(in, SAMPLE "-rx.pcap", "");
    ck_assert_uint_eq(inputs_streamed(in), 0);
    ck_assert(inputs_add_capture(in, SAMPLE "-tx.pcap", "", error, sizeof error));
    ck_assert_uint_eq(inputs_streamed(in), 1);
    ck_assert_uint_eq(inputs_bytes(in), first);
    ck_assert_uint_eq(same_packets(in, SAMPLE "-tx.pcap", ""), 5034);
    same_earliest(in, SAMPLE "-tx.pcap", "");
    check_capture(in, SAMPLE "-tx.pcap", "len <= 80");
    ck_assert_uint_eq(inputs_streamed(in), 1);
    inputs_destroy(in);

    in = room_for(0);
    ck_assert(inputs_add_capture(in, SAMPLE "-rx.pcap", "", error, sizeof error));
    ck_assert(inputs_add_recording(in, SAMPLE ".jsonl", error, sizeof error));
    ck_assert_uint_eq(inputs_streamed(in), 2);
    same_packets(in, SAMPLE "-rx.pcap", "");
    inputs_destroy(in);
}
END_TEST

/* ---- recordings ------------------------------------------------------------------------------------- */

static void same_record(const struct recording_record *a, const struct recording_record *b)
{
    ck_assert_uint_eq(a->line, b->line);
    ck_assert_uint_eq(a->t_ns, b->t_ns);
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert_uint_eq(a->node_count, b->node_count);
    ck_assert_uint_eq(a->handle_count, b->handle_count);
    ck_assert_uint_eq(a->raw_length, b->raw_length);
    ck_assert(a->node_count == 0 ||
              memcmp(a->nodes, b->nodes, a->node_count * sizeof *a->nodes) == 0);
    ck_assert(a->handle_count == 0 ||
              memcmp(a->handles, b->handles, a->handle_count * sizeof *a->handles) == 0);
    ck_assert(a->raw_length == 0 || memcmp(a->raw, b->raw, a->raw_length) == 0);
    ck_assert_uint_eq(a->handle, b->handle);
    ck_assert_int_eq(a->op, b->op);
    ck_assert_uint_eq(a->spi, b->spi);
    ck_assert_uint_eq(a->seq_hi, b->seq_hi);
    ck_assert_int_eq(a->on, b->on);
    ck_assert_uint_eq(a->req, b->req);
    ck_assert_uint_eq(a->status, b->status);
    ck_assert_uint_eq(a->done_ns, b->done_ns);
    ck_assert_int_eq(a->has_req, b->has_req);
    ck_assert_int_eq(a->has_status, b->has_status);
    ck_assert_int_eq(a->has_done_ns, b->has_done_ns);
}

/* Records and damaged lines of the file, in order. *bad: lines that are damaged. */
static uint64_t same_records(const struct inputs *in, const char *path, unsigned *bad)
{
    struct record_reader *reader = record_reader_open(in, path, error, sizeof error);
    struct recording *file = recording_open(path, error, sizeof error);
    struct recording_record b = { 0 };
    const struct recording_record *a;
    enum recording_result result;
    uint64_t records = 0;

    ck_assert_msg(reader && file, "%s", error);
    ck_assert_int_eq(record_reader_header(reader)->has_epoch, recording_header(file)->has_epoch);
    ck_assert_uint_eq(record_reader_header(reader)->epoch_ns, recording_header(file)->epoch_ns);
    *bad = 0;
    do {
        result = recording_next(file, &b);
        ck_assert_int_eq(record_reader_next(reader, &a), result);
        if (result == RECORDING_OK) {
            same_record(a, &b);
            records++;
        } else if (result == RECORDING_BAD) {
            ck_assert_str_eq(record_reader_error(reader), recording_error(file));
            ++*bad;
        }
    } while (result != RECORDING_END);
    ck_assert_int_eq(record_reader_next(reader, &a), RECORDING_END);
    recording_record_free(&b);
    record_reader_close(reader);
    recording_close(file);
    return records;
}

static const char *write_recording(const char *name, const char *text)
{
    static char path[64];
    FILE *f;

    snprintf(path, sizeof path, "/tmp/test-inputs-%s-%d.jsonl", name, (int)getpid());
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    return path;
}

START_TEST(records_are_those_of_the_file)
{
    struct inputs *in = room_for(64 << 20);
    unsigned bad;

    ck_assert(inputs_add_recording(in, SAMPLE ".jsonl", error, sizeof error));
    ck_assert_uint_gt(same_records(in, SAMPLE ".jsonl", &bad), 250);
    ck_assert_uint_eq(bad, 0);
    ck_assert_uint_eq(inputs_streamed(in), 0);
    inputs_destroy(in);
}
END_TEST

static const char varied[] =
    "{\"recording\":1,\"epoch_ns\":\"0x1797a1b2c3d4e5f6\"}\n"
    "{\"t_ns\":1,\"oid\":\"DELETE_SA\",\"handles\":[1,2,3],\"req\":9,\"status\":\"NDIS_STATUS_SUCCESS\",\"done_ns\":5}\n"
    "\n"
    "{\"t_ns\":2,\"oid\":\n"
    "{\"t_ns\":3,\"event\":\"link\",\"up\":false,\"x_why\":\"cable\"}\n"
    "{\"t_ns\":2,\"event\":\"reset_begin\"}\n"
    "{\"t_ns\":4,\"oid\":\"UPDATE_SA\",\"handle\":7,\"op\":\"esp\",\"spi\":256,\"seq_hi\":1}\n"
    "{\"t_ns\":5,\"event\":\"cancel\",\"req\":9}";

START_TEST(damaged_lines_are_kept_as_such)
{
    const char *path = write_recording("varied", varied);
    struct inputs *in = room_for(1 << 20);
    struct inputs *none = room_for(64);
    unsigned bad;

    ck_assert_msg(inputs_add_recording(in, path, error, sizeof error), "%s", error);
    ck_assert_msg(inputs_add_recording(none, path, error, sizeof error), "%s", error);
    ck_assert_uint_eq(inputs_streamed(in), 0);
    ck_assert_uint_eq(inputs_streamed(none), 1);
    ck_assert_uint_eq(same_records(in, path, &bad), 4);
    ck_assert_uint_eq(bad, 2);
    ck_assert_uint_eq(same_records(none, path, &bad), 4);
    inputs_destroy(in);
    inputs_destroy(none);
    unlink(path);
}
END_TEST

/* ---- what goes wrong -------------------------------------------------------------------------------- */

START_TEST(bad_files_are_refused)
{
    struct inputs *in = room_for(1 << 20);

    ck_assert(!inputs_add_capture(in, "/nonexistent.pcap", "", error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "/nonexistent.pcap: cannot open"));
    ck_assert(!inputs_add_recording(in, "/nonexistent.jsonl", error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "/nonexistent.jsonl: cannot open"));
    ck_assert(!inputs_add_capture(in, SAMPLE ".jsonl", "", error, sizeof error));
    ck_assert(!inputs_add_capture(in, SAMPLE "-rx.pcap", "foo", error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "filter \"foo\""));
    inputs_destroy(in);
}
END_TEST

/* Also when it does not fit: damage is found before anything runs. */
START_TEST(a_damaged_capture_is_refused)
{
    static const uint64_t rooms[] = { 16 << 20, 1000 };
    char path[] = "/tmp/test-inputs-XXXXXX";
    int fd = mkstemp(path);
    FILE *from = fopen(SAMPLE "-rx.pcap", "rb");
    static char bytes[50000];

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, from), sizeof bytes);
    ck_assert_int_eq(write(fd, bytes, sizeof bytes), sizeof bytes);
    for (unsigned i = 0; i < 2; i++) {
        struct inputs *in = room_for(rooms[i]);

        ck_assert(!inputs_add_capture(in, path, "", error, sizeof error));
        ck_assert_ptr_nonnull(strstr(error, ": record "));
        inputs_destroy(in);
    }
    fclose(from);
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(what_is_kept_cannot_be_written)
{
    struct inputs *in = room_for(16 << 20);
    struct packet_reader *reader;
    struct capture_packet p;
    int status = 0;
    pid_t child;

    ck_assert(inputs_add_capture(in, SAMPLE "-rx.pcap", "", error, sizeof error));
    inputs_seal(in);
    reader = packet_reader_open(in, SAMPLE "-rx.pcap", "", error, sizeof error);
    ck_assert_int_eq(packet_reader_next(reader, &p), CAPTURE_OK);
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        ((volatile uint8_t *)(uintptr_t)p.bytes)[0] = 0;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %#x",
                  (unsigned)status);
    packet_reader_close(reader);
    inputs_destroy(in);
}
END_TEST

static Suite *inputs_suite(void)
{
    Suite *suite = suite_create("inputs");
    TCase *all = tcase_create("inputs");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, packets_are_those_of_the_file);
    tcase_add_test(all, real_captures);
    tcase_add_test(all, what_does_not_fit_is_read);
    tcase_add_test(all, records_are_those_of_the_file);
    tcase_add_test(all, damaged_lines_are_kept_as_such);
    tcase_add_test(all, bad_files_are_refused);
    tcase_add_test(all, a_damaged_capture_is_refused);
    tcase_add_test(all, what_is_kept_cannot_be_written);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(inputs_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
