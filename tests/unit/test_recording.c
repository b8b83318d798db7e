/* The text form of OID recordings: every rule of traces/FORMAT.md with a good and a bad case. A bad
 * case states the whole message, so that place, found and expected are all checked. */
#include "traces/recording.h"

#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define KEY16 "00112233445566778899aabbccddeeff"
#define KEY20 KEY16 "01020304"
#define KEY32 KEY16 KEY16
#define HEAD  "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":["
#define NODE  "\"handle\":1,\"dir\":\"in\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\""
#define ESP   "\"op\":\"esp\",\"spi\":256"
#define SA    "\"sa\":[{" ESP "}]"
/* one node with extra members; one entry with extra members */
#define ADD_NODE(more_)  HEAD "{" NODE "," SA more_ "}]}"
#define ADD_ENTRY(more_) HEAD "{" NODE ",\"sa\":[{" ESP more_ "}]}]}"
#define RECORD(members_) "{\"t_ns\":0," members_ "}"

static char message[RECORDING_ERROR_SIZE];

static struct recording *open_bytes(const char *bytes, size_t length)
{
    FILE *stream = tmpfile();

    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(bytes, 1, length, stream), length);
    rewind(stream);
    message[0] = '\0';
    return recording_open_stream(stream, "t", message, sizeof message);
}

static struct recording *open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

/* Reads `text` to its end; the first error in `message`, or "". The last good record stays. */
static struct recording_record record;

static void read_all(const char *text)
{
    struct recording *reader = open_text(text);
    enum recording_result result;

    recording_record_free(&record);
    if (reader == NULL) {
        return;
    }
    while ((result = recording_next(reader, &record)) == RECORDING_OK) {}
    if (result != RECORDING_END) {
        snprintf(message, sizeof message, "%s", recording_error(reader));
    }
    recording_close(reader);
}

static void good(const char *text)
{
    read_all(text);
    ck_assert_msg(message[0] == '\0', "%s\nin %s", message, text);
}

static void bad(const char *text, const char *expected)
{
    read_all(text);
    ck_assert_msg(strcmp(message, expected) == 0, "\nin       %s\nfound    %s\nexpected %s", text,
                  message, expected);
}

/* ---- file and lines --------------------------------------------------------------------- */

START_TEST(first_line)
{
    struct recording *reader = open_text("{\"recording\":1,\"epoch_ns\":\"0x18ea5c1f2b3d4e00\"}\n");

    ck_assert(recording_header(reader)->present);
    ck_assert(recording_header(reader)->has_epoch);
    ck_assert_uint_eq(recording_header(reader)->epoch_ns, 0x18ea5c1f2b3d4e00);
    ck_assert(!recording_preload_default(reader));
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_END);
    recording_close(reader);

    reader = open_text(RECORD("\"event\":\"parameters\""));
    ck_assert(!recording_header(reader)->present);
    ck_assert(!recording_header(reader)->has_epoch);
    ck_assert(recording_preload_default(reader));
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_uint_eq(record.line, 1);
    recording_close(reader);

    good("\n\n{\"recording\":\"0x1\",\"x_by\":[1,2.5,null]}\n");
    bad("{\"recording\":2}", "t:1: recording: found 2, expected an integer from 1 to 1");
    bad("{\"recording\":1,\"epoch\":1}", "t:1: found the unknown key \"epoch\", expected one of: "
                                         "recording, epoch_ns, x_...; did you "
                                         "mean epoch_ns?");
    bad("{\"recording\":1,\"epoch_ns\":9007199254740992}",
        "t:1: epoch_ns: found 9007199254740992, expected a string \"0x...\" for a number from 2^53 "
        "on");
    bad("{\"recording\":1}\n{\"recording\":1}",
        "t:2: recording: found the key of the first line, expected it there or nowhere");
}
END_TEST

START_TEST(lines)
{
    good("");
    good("\n  \n\r\n\t\n");
    good(RECORD("\"event\":\"parameters\"") "\r\n\r\n" RECORD("\"event\":\"reset_end\""));
    ck_assert_uint_eq(record.line, 3);
    ck_assert_int_eq(record.kind, RECORDING_RESET_END);
    bad("\xEF\xBB\xBF{\"recording\":1}", "t:1:1: found a UTF-8 byte order mark, expected UTF-8 "
                                         "without a mark: save the file as plain UTF-8");
    bad("\xFF\xFE{", "t:1:1: found UTF-16, expected UTF-8 without a mark: save the file as plain "
                     "UTF-8");
}
END_TEST

START_TEST(nul_byte)
{
    static const char text[] = "{\"t_ns\":\0000}";
    struct recording *reader = open_bytes(text, sizeof text - 1);

    ck_assert_int_eq(recording_next(reader, &record), RECORDING_BAD);
    ck_assert_str_eq(recording_error(reader), "t:1:9: found a NUL byte, expected text");
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_END);
    recording_close(reader);
}
END_TEST

/* A line of `length` bytes: a record with a long x_ string. */
static char *long_line(size_t length)
{
    static const char start[] = "{\"t_ns\":0,\"event\":\"parameters\",\"x_\":\"";
    char *line = malloc(length + 1);

    ck_assert_ptr_nonnull(line);
    memset(line, 'a', length);
    memcpy(line, start, sizeof start - 1);
    memcpy(line + length - 2, "\"}", 3);
    return line;
}

START_TEST(long_lines)
{
    char *line = long_line(RECORDING_MAX_LINE);
    struct recording *reader = open_text(line);

    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    recording_close(reader);
    free(line);

    line = long_line((size_t)RECORDING_MAX_LINE + 1);
    reader = open_text("\n" RECORD("\"event\":\"parameters\"") "\n");
    recording_close(reader);
    {
        FILE *stream = tmpfile();

        fprintf(stream, RECORD("\"event\":\"parameters\"") "\n%s\n%s%s\n", line, line, line);
        fputs(RECORD("\"event\":\"reset_end\"") "\n", stream);
        rewind(stream);
        reader = recording_open_stream(stream, "t", message, sizeof message);
    }
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_BAD);
    ck_assert_str_eq(recording_error(reader),
                     "t:2:16777217: found a line longer than 16 MiB, expected a shorter one");
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_BAD);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_uint_eq(record.line, 4);
    ck_assert_int_eq(record.kind, RECORDING_RESET_END);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_END);
    recording_close(reader);
    free(line);
}
END_TEST

/* ---- syntax ----------------------------------------------------------------------------- */

START_TEST(syntax)
{
    bad("{\"t_ns\":0,,}", "t:1:11: found ',', expected string or '}'");
    bad("{\"t_ns\" 0}", "t:1:9: found '0', expected ':'");
    bad("\n {\"t_ns\":@}", "t:2:10: found '@', expected valid JSON");
    bad("{\"t_ns\":0", "t:1:10: found the end of the line, expected '}'");
    bad("{\"t_ns\":0} x", "t:1:12: found 'x', expected the end of the line");
    bad("{\"t_ns\":0}{", "t:1:11: found '{', expected the end of the line");
    bad("{\"t_ns\":0,\"t_ns\":0}",
        "t:1:11: found '\"t_ns\"' a second time, expected each key once");
    bad("{\"t_ns\":01}", "t:1:9: found '0', expected valid JSON");
    bad("{\"x_\":\"\xff\"}", "t:1:8: found byte 0xff, expected UTF-8");
    bad("{\"t_ns\":0,\"a long key, longer than 20\":0,\"a long key, longer than 20\":0}",
        "t:1:69: found a key that ends here a second time, expected each key once");
    bad("{\"t_ns\":\"abc}", "t:1:14: found the end of the line, expected valid JSON");
    bad("{\"t_ns\":99999999999999999999}",
        "t:1:9: found '99999999999999999999', expected an integer "
        "below 2^53, or \"0x...\" for a larger one");
    bad("[1]", "t:1:1: found an array, expected an object");
    bad("7", "t:1:1: found '7', expected '[' or '{'");
    bad("\"\xc3\xa4\xc3\xb6\":", "t:1:1: found '\"\xc3\xa4\xc3\xb6\"', expected '[' or '{'");
    bad("{\"x_\xc3\xa4\":@}", "t:1:8: found '@', expected valid JSON");
    bad("{\"x_\":\"\\u0000\"}", "t:1:7: found \\u0000, expected "
                                "a string without it");
}
END_TEST

START_TEST(goes_on_after_a_bad_line)
{
    struct recording *reader = open_text("{\n" RECORD("\"event\":\"link\",\"up\":1") "\n" RECORD(
        "\"event\":\"link\",\"up\":true") "\n");

    ck_assert_int_eq(recording_next(reader, &record), RECORDING_BAD);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_BAD);
    ck_assert_str_eq(recording_error(reader), "t:2: up: found 1, expected true or false");
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert(record.on);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_END);
    recording_close(reader);
}
END_TEST

/* ---- records ---------------------------------------------------------------------------- */

START_TEST(kinds)
{
    static const struct {
        const char *members;
        enum recording_kind kind;
    } cases[] = {
        { "\"oid\":\"UPDATE_SA\",\"handle\":1,\"op\":\"ah\",\"spi\":5,\"seq_hi\":2",
          RECORDING_UPDATE_SA },
        { "\"oid\":\"OID_TCP_TASK_IPSEC_OFFLOAD_V2_UPDATE_SA\",\"handle\":1,\"op\":\"esp\",\"spi\":"
          "5,"
          "\"seq_hi\":2",
          RECORDING_UPDATE_SA },
        { "\"oid\":\"DELETE_SA\",\"handles\":[1,\"0xffffffffffffffff\"]", RECORDING_DELETE_SA },
        { "\"oid\":\"OID_TCP_TASK_IPSEC_OFFLOAD_V2_DELETE_SA\",\"handles\":[1]",
          RECORDING_DELETE_SA },
        { "\"oid\":\"OID_TCP_TASK_IPSEC_OFFLOAD_V2_ADD_SA\",\"nodes\":[{" NODE "," SA "}]",
          RECORDING_ADD_SA },
        { "\"oid\":\"OID_TCP_TASK_IPSEC_OFFLOAD_V2_ADD_SA_EX\",\"nodes\":[{" NODE "," SA "}]",
          RECORDING_ADD_SA_EX },
        { "\"event\":\"encapsulation\",\"on\":false", RECORDING_ENCAPSULATION },
        { "\"event\":\"parameters\"", RECORDING_PARAMETERS },
        { "\"event\":\"reset_begin\"", RECORDING_RESET_BEGIN },
        { "\"event\":\"reset_end\"", RECORDING_RESET_END },
        { "\"event\":\"link\",\"up\":true", RECORDING_LINK },
        { "\"event\":\"cancel\",\"req\":7", RECORDING_CANCEL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512];

        snprintf(line, sizeof line, "{\"t_ns\":5,%s}", cases[i].members);
        good(line);
        ck_assert_int_eq(record.kind, cases[i].kind);
        ck_assert_uint_eq(record.t_ns, 5);
    }
    good(RECORD("\"oid\":\"DELETE_SA\",\"handles\":[3,\"0xffffffffffffffff\"]"));
    ck_assert_uint_eq(record.handle_count, 2);
    ck_assert_uint_eq(record.handles[0], 3);
    ck_assert_uint_eq(record.handles[1], UINT64_MAX);
    good(RECORD(
        "\"oid\":\"UPDATE_SA\",\"handle\":9,\"op\":\"ah\",\"spi\":\"0xFFffFFff\",\"seq_hi\":2"));
    ck_assert_uint_eq(record.handle, 9);
    ck_assert_int_eq(record.op, ESP_OP_AH);
    ck_assert_uint_eq(record.spi, UINT32_MAX);
    ck_assert_uint_eq(record.seq_hi, 2);
}
END_TEST

START_TEST(wrong_kinds)
{
    bad("{\"t_ns\":0}", "t:1: found neither oid nor event, expected exactly one of oid and event");
    bad(RECORD("\"oid\":\"ADD_SA\",\"event\":\"link\""),
        "t:1: found both oid and event, expected exactly one of oid and event");
    bad(RECORD("\"oid\":\"link\""), "t:1: oid: found \"link\", expected one of: ADD_SA, ADD_SA_EX, "
                                    "UPDATE_SA, DELETE_SA (or their long names)");
    bad(RECORD("\"event\":\"ADD_SA\""),
        "t:1: event: found \"ADD_SA\", expected one of: encapsulation, parameters, reset_begin, "
        "reset_end, link, cancel");
    bad(RECORD("\"oid\":5"), "t:1: oid: found 5, expected one of: ADD_SA, ADD_SA_EX, UPDATE_SA, "
                             "DELETE_SA (or their long names)");
    bad("{\"event\":\"parameters\"}", "t:1: t_ns: found nothing, expected this key");
    bad(RECORD("\"event\":\"link\""), "t:1: up: found nothing, expected this key");
    bad(RECORD("\"event\":\"link\",\"on\":true"), "t:1: found the unknown key \"on\", expected one "
                                                  "of: t_ns, event, req, status, done_ns, raw, "
                                                  "up, x_...");
    bad(RECORD("\"event\":\"encapsulation\",\"on\":\"yes\""),
        "t:1: on: found \"yes\", expected true or false");
    bad(RECORD("\"event\":\"cancel\""),
        "t:1: req: found nothing, expected the id of the request to cancel");
    bad(RECORD("\"oid\":\"ADD_SA\""), "t:1: nodes: found nothing, expected this key");
    bad(RECORD("\"oid\":\"ADD_SA\",\"nodes\":[]"),
        "t:1: nodes: found an empty array, expected an array of 1 or more nodes");
    bad(RECORD("\"oid\":\"ADD_SA\",\"nodes\":{}"),
        "t:1: nodes: found an object, expected an array of 1 or more nodes");
    bad(RECORD("\"oid\":\"ADD_SA\",\"nodes\":[null]"),
        "t:1: nodes[0]: found null, expected an object");
    bad(RECORD("\"oid\":\"ADD_SA_EX\",\"nodes\":[]"),
        "t:1: nodes: found an empty array, expected an array of exactly 1 node");
    bad(RECORD("\"oid\":\"ADD_SA_EX\",\"nodes\":[{},{}]"),
        "t:1: nodes: found 2 nodes, expected exactly 1 in ADD_SA_EX");
    bad(RECORD("\"oid\":\"DELETE_SA\",\"handles\":[]"),
        "t:1: handles: found an empty array, expected an array of 1 or more handles");
    bad(RECORD("\"oid\":\"DELETE_SA\",\"handles\":1"),
        "t:1: handles: found 1, expected an array of 1 or more handles");
    bad(RECORD("\"oid\":\"DELETE_SA\",\"handles\":[1,-2]"),
        "t:1: handles[1]: found -2, expected an integer from 0 (from 2^53 on as a string "
        "\"0x...\")");
    bad(RECORD("\"oid\":\"UPDATE_SA\",\"handle\":1,\"op\":\"esp\",\"spi\":1"),
        "t:1: seq_hi: found nothing, expected this key");
    bad(RECORD("\"oid\":\"UPDATE_SA\",\"handle\":1,\"op\":\"esp\",\"spi\":1,\"seq_hi\":4294967296"),
        "t:1: seq_hi: found 4294967296, expected an integer from 0 to 4294967295");
    bad(RECORD("\"oid\":\"UPDATE_SA\",\"handle\":1,\"op\":\"ipcomp\",\"spi\":1,\"seq_hi\":0"),
        "t:1: op: found \"ipcomp\", expected one of: esp, ah");
}
END_TEST

START_TEST(numbers)
{
    good("{\"t_ns\":9007199254740991,\"event\":\"parameters\"}");
    ck_assert_uint_eq(record.t_ns, UINT64_C(9007199254740991));
    good("{\"t_ns\":\"0xFFFFFFFFFFFFFFFF\",\"event\":\"parameters\"}");
    ck_assert_uint_eq(record.t_ns, UINT64_MAX);
    good("{\"t_ns\":\"0x0\",\"event\":\"parameters\"}");
#define T_MESSAGE(found_)                                                                          \
    "t:1: t_ns: found " found_ ", expected an integer from 0 (from 2^53 on as a string \"0x...\")"
    bad("{\"t_ns\":-1,\"event\":\"parameters\"}", T_MESSAGE("-1"));
    bad("{\"t_ns\":1.0,\"event\":\"parameters\"}", T_MESSAGE("1"));
    bad("{\"t_ns\":1.5,\"event\":\"parameters\"}", T_MESSAGE("1.5"));
    bad("{\"t_ns\":\"12\",\"event\":\"parameters\"}", T_MESSAGE("\"12\""));
    bad("{\"t_ns\":\"0x\",\"event\":\"parameters\"}", T_MESSAGE("\"0x\""));
    bad("{\"t_ns\":\"0X1\",\"event\":\"parameters\"}", T_MESSAGE("\"0X1\""));
    bad("{\"t_ns\":\"0x1g\",\"event\":\"parameters\"}", T_MESSAGE("\"0x1g\""));
    bad("{\"t_ns\":\"0x10000000000000000\",\"event\":\"parameters\"}",
        T_MESSAGE("\"0x10000000000000000\""));
    bad("{\"t_ns\":null,\"event\":\"parameters\"}", T_MESSAGE("null"));
    bad("{\"t_ns\":9007199254740992,\"event\":\"parameters\"}",
        "t:1: t_ns: found 9007199254740992, expected a string \"0x...\" for a number from 2^53 on");
}
END_TEST

START_TEST(time_never_decreases)
{
    good("{\"t_ns\":5,\"event\":\"parameters\"}\n{\"t_ns\":5,\"event\":\"parameters\"}");
    bad("{\"t_ns\":5,\"event\":\"parameters\"}\n\n{\"t_ns\":4,\"event\":\"parameters\"}",
        "t:3: t_ns: found 4, expected at least 5 (time never decreases)");
}
END_TEST

START_TEST(optional_members)
{
    good(RECORD("\"event\":\"parameters\""));
    ck_assert(!record.has_req && !record.has_status && !record.has_done_ns && !record.has_raw);
    good(RECORD(
        "\"event\":\"parameters\",\"req\":0,\"status\":\"NDIS_STATUS_RESOURCES\",\"done_ns\":9,"
        "\"raw\":\"00fFAa\",\"x_note\":{\"a\":[1, 2]}"));
    ck_assert(record.has_req && record.has_status && record.has_done_ns && record.has_raw);
    ck_assert_uint_eq(record.status, 0xC000009A);
    ck_assert_uint_eq(record.done_ns, 9);
    ck_assert_uint_eq(record.raw_length, 3);
    ck_assert_int_eq(memcmp(record.raw, "\x00\xff\xaa", 3), 0);
    ck_assert_uint_eq(record.extras.count, 1);
    ck_assert_str_eq(record.extras.items[0].key, "x_note");
    ck_assert_str_eq(record.extras.items[0].json, "{\"a\":[1,2]}");
    good(RECORD("\"event\":\"parameters\",\"status\":\"INVALID_PARAMETER\""));
    ck_assert_uint_eq(record.status, 0xC000000D);
    good(RECORD("\"event\":\"parameters\",\"status\":3221225626"));
    ck_assert_uint_eq(record.status, 0xC000009A);
    good(RECORD("\"event\":\"parameters\",\"status\":\"0xC000009A\""));
    ck_assert_uint_eq(record.status, 0xC000009A);
    bad(RECORD("\"event\":\"parameters\",\"status\":\"NDIS_STATUS_OK\""),
        "t:1: status: found \"NDIS_STATUS_OK\", expected a number or the name of an NDIS status "
        "(NDIS_STATUS_SUCCESS)");
    bad(RECORD("\"event\":\"parameters\",\"status\":4294967296"),
        "t:1: status: found 4294967296, expected an integer from 0 to 4294967295");
    bad(RECORD("\"event\":\"parameters\",\"raw\":\"abc\""),
        "t:1: raw: found 3 hex digits, expected an even number");
    bad(RECORD("\"event\":\"parameters\",\"raw\":\"0x12\""),
        "t:1: raw: found a character that is no hex digit at place 2, expected hex digits without "
        "0x");
    bad(RECORD("\"event\":\"parameters\",\"raw\":12"),
        "t:1: raw: found 12, expected a string of hex digits");
    bad(RECORD("\"event\":\"parameters\",\"statu\":1"),
        "t:1: found the unknown key \"statu\", expected one of: t_ns, event, req, status, done_ns, "
        "raw, x_...; did you mean status?");
}
END_TEST

/* ---- nodes ------------------------------------------------------------------------------ */

START_TEST(node_defaults)
{
    const struct esp_node *node;

    good(ADD_NODE(""));
    node = &record.nodes[0];
    ck_assert_uint_eq(record.node_count, 1);
    ck_assert_uint_eq(node->handle, 1);
    ck_assert_uint_eq(node->pair, 0);
    ck_assert_int_eq(node->dir, ESP_DIR_IN);
    ck_assert_int_eq(node->mode, ESP_MODE_TRANSPORT);
    ck_assert_int_eq(node->udp, ESP_UDP_NONE);
    ck_assert_uint_eq(node->encap_sport, 4500);
    ck_assert_uint_eq(node->encap_dport, 4500);
    ck_assert_uint_eq(node->src.family, 4);
    ck_assert_int_eq(memcmp(node->src.bytes, "\x0a\x00\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16), 0);
    ck_assert(!node->sel.present);
    ck_assert_uint_eq(node->sa_count, 1);
    ck_assert_int_eq(node->sa[0].op, ESP_OP_ESP);
    ck_assert_uint_eq(node->sa[0].spi, 256);
    ck_assert(!node->sa[0].esn);
    ck_assert_uint_eq(node->sa[0].seq, 0);
    ck_assert_uint_eq(node->sa[0].replay_window, 64);
    ck_assert_int_eq(node->sa[0].enc.alg, ESP_ALG_NULL);
    ck_assert_int_eq(node->sa[0].auth.alg, ESP_ALG_NONE);
    ck_assert_uint_eq(node->sa[0].lifetime.hard_s, 0);
    /* outbound: the first number is 1, no window; the upper half comes from seq_hi */
    good(HEAD "{\"handle\":1,\"dir\":\"out\",\"src\":\"::\",\"dst\":\"fe80::1\",\"sa\":[{" ESP
              ",\"esn\":true,\"seq_hi\":7}]}]}");
    node = &record.nodes[0];
    ck_assert_int_eq(node->dir, ESP_DIR_OUT);
    ck_assert_uint_eq(node->src.family, 6);
    ck_assert_uint_eq(node->dst.bytes[0], 0xfe);
    ck_assert_uint_eq(node->sa[0].seq, UINT64_C(0x700000001));
    ck_assert_uint_eq(node->sa[0].replay_window, 0);
    good(ADD_ENTRY(",\"seq_hi\":7"));
    ck_assert_uint_eq(record.nodes[0].sa[0].seq, UINT64_C(0x700000000));
    /* members before those they depend on */
    good(HEAD "{\"sa\":[{\"seq\":\"0x500000002\",\"seq_hi\":5," ESP "}]," NODE "}]}");
    ck_assert_uint_eq(record.nodes[0].sa[0].seq, UINT64_C(0x500000002));
}
END_TEST

START_TEST(modes)
{
    static const struct {
        const char *udp;
        enum esp_udp value;
        enum esp_mode mode;
    } cases[] = {
        { "none", ESP_UDP_NONE, ESP_MODE_TRANSPORT },
        { "transport", ESP_UDP_TRANSPORT, ESP_MODE_TRANSPORT },
        { "tunnel", ESP_UDP_TUNNEL, ESP_MODE_TUNNEL },
        { "transport-over-udp-tunnel", ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL, ESP_MODE_TUNNEL },
        { "udp-transport-over-tunnel", ESP_UDP_TRANSPORT_OVER_TUNNEL, ESP_MODE_TUNNEL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512];

        snprintf(line, sizeof line, ADD_NODE(",\"udp_esp\":\"%s\""), cases[i].udp);
        good(line);
        ck_assert_int_eq(record.nodes[0].udp, cases[i].value);
        ck_assert_int_eq(record.nodes[0].mode, cases[i].mode);
    }
    good(ADD_NODE(",\"mode\":\"transport\",\"udp_esp\":\"tunnel\",\"encap_sport\":1,"
                  "\"encap_dport\":65535,\"pair\":2"));
    ck_assert_int_eq(record.nodes[0].mode, ESP_MODE_TRANSPORT);
    ck_assert_uint_eq(record.nodes[0].encap_sport, 1);
    ck_assert_uint_eq(record.nodes[0].encap_dport, 65535);
    ck_assert_uint_eq(record.nodes[0].pair, 2);
    bad(ADD_NODE(",\"mode\":\"beet\""),
        "t:1: nodes[0].mode: found \"beet\", expected one of: transport, tunnel");
    bad(ADD_NODE(",\"udp_esp\":true"),
        "t:1: nodes[0].udp_esp: found true, expected one of: none, transport, tunnel, "
        "transport-over-udp-tunnel, udp-transport-over-tunnel");
    bad(ADD_NODE(",\"encap_sport\":65536"),
        "t:1: nodes[0].encap_sport: found 65536, expected an integer from 0 to 65535");
    bad(ADD_NODE(",\"pair\":0"),
        "t:1: nodes[0].pair: found 0, expected an integer from 1 (from 2^53 "
        "on as a string \"0x...\")");
}
END_TEST

START_TEST(node_members)
{
    bad(HEAD "{}]}", "t:1: nodes[0].handle: found nothing, expected this key");
    bad(HEAD "{\"handle\":0}]}", "t:1: nodes[0].handle: found 0, expected an integer from 1 (from "
                                 "2^53 on as a string \"0x...\")");
    bad(HEAD "{\"handle\":1}]}", "t:1: nodes[0].dir: found nothing, expected this key");
    bad(HEAD "{\"handle\":1,\"dir\":\"both\"}]}",
        "t:1: nodes[0].dir: found \"both\", expected one of: in, out");
    bad(HEAD "{\"handle\":1,\"dir\":\"in\",\"src\":\"10.0.0.256\"}]}",
        "t:1: nodes[0].src: found \"10.0.0.256\", expected an IPv4 or IPv6 address");
    bad(HEAD "{\"handle\":1,\"dir\":\"in\",\"src\":\"::\",\"dst\":\"0.0.0.0\"," SA "}]}",
        "t:1: nodes[0].dst: found an IPv4 address, expected IPv6 as in src");
    bad(HEAD "{" NODE "}]}", "t:1: nodes[0].sa: found nothing, expected this key");
    bad(HEAD "{" NODE "," SA "},{" NODE "," SA ",\"spi\":4}]}",
        "t:1: nodes[1]: found the unknown key \"spi\", expected one of: handle, dir, src, dst, "
        "mode, "
        "udp_esp, encap_sport, encap_dport, pair, sel, sa, x_...");
    /* members of the extended request only */
    good(
        RECORD("\"oid\":\"ADD_SA_EX\",\"nodes\":[{" NODE "," SA ",\"switch_port\":5,\"vlan\":7}]"));
    ck_assert_uint_eq(record.nodes[0].switch_port, 5);
    ck_assert_uint_eq(record.nodes[0].vlan, 7);
    bad(ADD_NODE(",\"vlan\":7"), "t:1: nodes[0]: found the unknown key \"vlan\", expected one of: "
                                 "handle, dir, src, dst, mode, "
                                 "udp_esp, encap_sport, encap_dport, pair, sel, sa, x_...");
    bad(RECORD("\"oid\":\"ADD_SA_EX\",\"nodes\":[{\"vlan\":65536}]"),
        "t:1: nodes[0].vlan: found 65536, expected an integer from 0 to 65535");
}
END_TEST

START_TEST(selectors)
{
    const struct esp_selector *sel;

    good(ADD_NODE(",\"sel\":{}"));
    ck_assert(record.nodes[0].sel.present);
    ck_assert(!record.nodes[0].sel.has_src && !record.nodes[0].sel.has_proto);
    good(ADD_NODE(",\"sel\":{\"src\":\"192.168.1.0/24\",\"dst\":\"0.0.0.0/0\",\"proto\":17,"
                  "\"sport\":\"1000-2000\",\"dport\":\"0x1194\"}"));
    sel = &record.nodes[0].sel;
    ck_assert(sel->has_src && sel->has_dst && sel->has_proto && sel->has_sport && sel->has_dport);
    ck_assert_uint_eq(sel->src.length, 24);
    ck_assert_uint_eq(sel->dst.length, 0);
    ck_assert_uint_eq(sel->src.address.bytes[0], 192);
    ck_assert_uint_eq(sel->proto, 17);
    ck_assert_uint_eq(sel->sport_lo, 1000);
    ck_assert_uint_eq(sel->sport_hi, 2000);
    ck_assert_uint_eq(sel->dport_lo, 0x1194);
    ck_assert_uint_eq(sel->dport_hi, 0x1194);
    good(ADD_NODE(",\"sel\":{\"src\":\"2001:db8::/128\"}"));
    ck_assert_uint_eq(record.nodes[0].sel.src.length, 128);
#define PREFIX_MESSAGE(key_, found_)                                                               \
    "t:1: nodes[0].sel." key_ ": found \"" found_                                                  \
    "\", expected a prefix: an address, a slash, a number of bits (\"10.0.0.0/8\")"
    bad(ADD_NODE(",\"sel\":{\"src\":\"10.0.0.1\"}"), PREFIX_MESSAGE("src", "10.0.0.1"));
    bad(ADD_NODE(",\"sel\":{\"dst\":\"10.0.0.0/33\"}"), PREFIX_MESSAGE("dst", "10.0.0.0/33"));
    bad(ADD_NODE(",\"sel\":{\"dst\":\"::/129\"}"), PREFIX_MESSAGE("dst", "::/129"));
    bad(ADD_NODE(",\"sel\":{\"dst\":\"10.0.0.0/\"}"), PREFIX_MESSAGE("dst", "10.0.0.0/"));
    bad(ADD_NODE(",\"sel\":{\"dst\":\"10.0.0.0/8x\"}"), PREFIX_MESSAGE("dst", "10.0.0.0/8x"));
    bad(ADD_NODE(",\"sel\":{\"src\":\"10.0.0.0/8\",\"dst\":\"::/0\"}"),
        "t:1: nodes[0].sel.dst: found an IPv6 prefix, expected IPv4 as in src");
    bad(ADD_NODE(",\"sel\":{\"proto\":256}"),
        "t:1: nodes[0].sel.proto: found 256, expected an integer from 0 to 255");
    bad(ADD_NODE(",\"sel\":{\"sport\":\"5-4\"}"),
        "t:1: nodes[0].sel.sport: found \"5-4\", expected a port from 0 to 65535, or a range "
        "\"lo-hi\"");
    bad(ADD_NODE(",\"sel\":{\"dport\":\"1-65536\"}"),
        "t:1: nodes[0].sel.dport: found \"1-65536\", expected a port from 0 to 65535, or a range "
        "\"lo-hi\"");
    bad(ADD_NODE(",\"sel\":{\"ports\":1}"), "t:1: nodes[0].sel: found the unknown key \"ports\", "
                                            "expected one of: src, dst, proto, sport, "
                                            "dport, x_...");
    bad(ADD_NODE(",\"sel\":[]"), "t:1: nodes[0].sel: found an empty array, expected an object");
}
END_TEST

/* ---- SA entries ------------------------------------------------------------------------- */

START_TEST(entries)
{
    good(HEAD "{" NODE ",\"sa\":[{" ESP
              "},{\"op\":\"ah\",\"spi\":0,\"auth\":{\"alg\":\"sha-1\"}}]}]}");
    ck_assert_uint_eq(record.nodes[0].sa_count, 2);
    ck_assert_int_eq(record.nodes[0].sa[1].op, ESP_OP_AH);
    ck_assert_int_eq(record.nodes[0].sa[1].enc.alg, ESP_ALG_NONE);
    bad(HEAD "{" NODE ",\"sa\":[]}]}",
        "t:1: nodes[0].sa: found an empty array, expected an array of 1 or 2 entries");
    bad(HEAD "{" NODE ",\"sa\":[{" ESP "},{" ESP "},{" ESP "}]}]}",
        "t:1: nodes[0].sa: found 3 entries, expected 1 or 2");
    bad(HEAD "{" NODE ",\"sa\":[{\"op\":\"esp\"}]}]}",
        "t:1: nodes[0].sa[0].spi: found nothing, expected this key");
    bad(HEAD "{" NODE ",\"sa\":[{\"spi\":1}]}]}",
        "t:1: nodes[0].sa[0].op: found nothing, expected this key");
    bad(ADD_ENTRY(",\"esn\":1"), "t:1: nodes[0].sa[0].esn: found 1, expected true or false");
    bad(ADD_ENTRY(",\"seq_hi\":\"0x100000000\""),
        "t:1: nodes[0].sa[0].seq_hi: found \"0x100000000\", expected an integer from 0 to "
        "4294967295");
    bad(ADD_ENTRY(",\"seq\":4294967296"),
        "t:1: nodes[0].sa[0].seq: found 0x100000000, expected its "
        "upper half to be seq_hi (0x0)");
    good(ADD_ENTRY(",\"seq\":4294967296,\"seq_hi\":1"));
    good(ADD_ENTRY(",\"replay_window\":4096"));
    good(ADD_ENTRY(",\"replay_window\":0"));
    ck_assert_uint_eq(record.nodes[0].sa[0].replay_window, 0);
    bad(ADD_ENTRY(",\"replay_window\":4097"),
        "t:1: nodes[0].sa[0].replay_window: found 4097, expected an integer from 0 to 4096");
    good(ADD_ENTRY(",\"lifetime\":{\"soft_packets\":1,\"hard_packets\":2,\"soft_bytes\":3,"
                   "\"hard_bytes\":4,\"soft_s\":5,\"hard_s\":\"0xffffffffffffffff\"}"));
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.soft_packets, 1);
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.hard_packets, 2);
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.soft_bytes, 3);
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.hard_bytes, 4);
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.soft_s, 5);
    ck_assert_uint_eq(record.nodes[0].sa[0].lifetime.hard_s, UINT64_MAX);
    bad(ADD_ENTRY(",\"lifetime\":{\"max\":1}"),
        "t:1: nodes[0].sa[0].lifetime: found the unknown key \"max\", expected one of: "
        "soft_packets, "
        "hard_packets, soft_bytes, hard_bytes, soft_s, hard_s, x_...");
    bad(ADD_ENTRY(",\"window\":1"), "t:1: nodes[0].sa[0]: found the unknown key \"window\", "
                                    "expected one of: op, spi, esn, seq_hi, "
                                    "seq, replay_window, lifetime, enc, auth, x_...");
}
END_TEST

/* The table of algorithms, written out here from the RFCs and not taken from the code. */
static const struct {
    const char *name;
    bool cipher, combined;
    unsigned key, salt;
    unsigned icv; /* default; 0 = pure cipher */
} algorithms[] = {
    { "aes-gcm-128", true, true, 16, 4, 16 },
    { "aes-gcm-192", true, true, 24, 4, 16 },
    { "aes-gcm-256", true, true, 32, 4, 16 },
    { "aes-ccm-128", true, true, 16, 3, 16 },
    { "aes-ccm-192", true, true, 24, 3, 16 },
    { "aes-ccm-256", true, true, 32, 3, 16 },
    { "chacha20-poly1305", true, true, 32, 4, 16 },
    { "aes-cbc-128", true, false, 16, 0, 0 },
    { "aes-cbc-192", true, false, 24, 0, 0 },
    { "aes-cbc-256", true, false, 32, 0, 0 },
    { "3des-cbc", true, false, 24, 0, 0 },
    { "des-cbc", true, false, 8, 0, 0 },
    { "aes-ctr-128", true, false, 16, 4, 0 },
    { "aes-ctr-192", true, false, 24, 4, 0 },
    { "aes-ctr-256", true, false, 32, 4, 0 },
    { "null", true, false, 0, 0, 0 },
    { "md5", false, false, 16, 0, 12 },
    { "sha-1", false, false, 20, 0, 12 },
    { "sha-256", false, false, 32, 0, 16 },
    { "sha-384", false, false, 48, 0, 24 },
    { "sha-512", false, false, 64, 0, 32 },
    { "aes-gmac-128", false, false, 16, 4, 16 },
    { "aes-gmac-192", false, false, 24, 4, 16 },
    { "aes-gmac-256", false, false, 32, 4, 16 },
};

START_TEST(every_algorithm_with_every_key_length)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        unsigned full = algorithms[i].key + algorithms[i].salt;
        bool gcm = strncmp(algorithms[i].name, "aes-gcm", 7) == 0;

        for (unsigned bytes = 0; bytes <= 70; bytes++) {
            char key[2 * 70 + 1] = "";
            char line[512];
            bool right = full != 0 && (bytes == full || (gcm && bytes == algorithms[i].key));
            const struct esp_key *found;

            for (unsigned b = 0; b < bytes; b++) {
                snprintf(key + 2 * (size_t)b, 3, b % 2 != 0 ? "%02x" : "%02X", b + 0xA0);
            }
            snprintf(line, sizeof line, ADD_ENTRY(",\"%s\":{\"alg\":\"%s\",\"key\":\"%s\"}"),
                     algorithms[i].cipher ? "enc" : "auth", algorithms[i].name, key);
            read_all(line);
            ck_assert_msg((message[0] == '\0') == right, "%s with %u bytes: %s", algorithms[i].name,
                          bytes, message);
            if (!right) {
                ck_assert_ptr_nonnull(strstr(message, ".key: found "));
                continue;
            }
            found = algorithms[i].cipher ? &record.nodes[0].sa[0].enc : &record.nodes[0].sa[0].auth;
            ck_assert_uint_eq(found->length, bytes);
            ck_assert_uint_eq(found->icv, algorithms[i].icv);
            for (unsigned b = 0; b < bytes; b++) {
                ck_assert_uint_eq(found->bytes[b], (b + 0xA0) & 0xff);
            }
        }
    }
}
END_TEST

START_TEST(integrity_lengths)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        bool several = strncmp(algorithms[i].name, "aes-gcm", 7) == 0 ||
                       strncmp(algorithms[i].name, "aes-ccm", 7) == 0;
        /* lengths that every reader has to accept, and some that none may */
        unsigned icvs[] = { algorithms[i].icv, 8, 12, 7, 255 };

        for (size_t n = 0; n < sizeof icvs / sizeof icvs[0]; n++) {
            char line[512];
            bool must = algorithms[i].icv != 0 && (n == 0 || (several && n < 3));
            bool may = must || (n == 2 && !algorithms[i].cipher);

            snprintf(line, sizeof line, ADD_ENTRY(",\"%s\":{\"alg\":\"%s\",\"icv\":%u}"),
                     algorithms[i].cipher ? "enc" : "auth", algorithms[i].name, icvs[n]);
            read_all(line);
            if (must) {
                ck_assert_msg(message[0] == '\0', "%s", message);
            }
            ck_assert_msg(may || strstr(message, ".icv: found ") != NULL, "%s with %u: %s",
                          algorithms[i].name, icvs[n], message);
        }
    }
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-gcm-128\",\"icv\":10}"),
        "t:1: nodes[0].sa[0].enc.icv: found 10 bytes, expected 8 or 12 or 16 for aes-gcm-128");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\",\"icv\":16}"),
        "t:1: nodes[0].sa[0].enc.icv: found 16 bytes, expected none for aes-cbc-128");
}
END_TEST

START_TEST(algorithm_members)
{
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"00\"}"),
        "t:1: nodes[0].sa[0].enc.key: found 2 hex digits, expected 40 or, without the salt, 32 for "
        "aes-gcm-128");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-ccm-128\",\"key\":\"" KEY16 "\"}"),
        "t:1: nodes[0].sa[0].enc.key: found 32 hex digits, expected 38 for aes-ccm-128");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"null\",\"key\":\"\"}"),
        "t:1: nodes[0].sa[0].enc.key: found a key, expected none for null");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"null\",\"key\":\"00\"}"),
        "t:1: nodes[0].sa[0].enc.key: found a key, expected none for null");
    bad(ADD_ENTRY(
            ",\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"0x112233445566778899aabbccddeeff\"}"),
        "t:1: nodes[0].sa[0].enc.key: found a character that is no hex digit at place 2, expected "
        "hex "
        "digits without 0x");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":5}"),
        "t:1: nodes[0].sa[0].enc.key: found 5, expected a string of hex digits");
    bad(ADD_ENTRY(",\"enc\":{\"key\":\"" KEY16 "\"}"),
        "t:1: nodes[0].sa[0].enc.alg: found nothing, expected this key");
    bad(ADD_ENTRY(",\"enc\":\"null\""),
        "t:1: nodes[0].sa[0].enc: found \"null\", expected an object");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"sha-1\"}"),
        "t:1: nodes[0].sa[0].enc.alg: found \"sha-1\", expected one of: null, aes-gcm-128, "
        "aes-gcm-192, aes-gcm-256, aes-ccm-128, aes-ccm-192, aes-ccm-256, chacha20-poly1305, "
        "aes-cbc-128, aes-cbc-192, aes-cbc-256, 3des-cbc, des-cbc, aes-ctr-128, aes-ctr-192, "
        "aes-ctr-256");
    bad(ADD_ENTRY(",\"auth\":{\"alg\":\"null\"}"),
        "t:1: nodes[0].sa[0].auth.alg: found \"null\", expected one of: md5, sha-1, sha-256, "
        "sha-384, "
        "sha-512, aes-gmac-128, aes-gmac-192, aes-gmac-256");
    bad(ADD_ENTRY(",\"auth\":{\"alg\":\"sha-1\",\"salt\":\"\"}"),
        "t:1: nodes[0].sa[0].auth: found the unknown key \"salt\", expected one of: alg, key, icv, "
        "x_...");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-gcm-128\"},\"auth\":{\"alg\":\"sha-1\"}"),
        "t:1: nodes[0].sa[0].auth: found an algorithm, expected none beside aes-gcm-128");
    /* an AH entry with a cipher is a broken rule, not a broken file */
    good(HEAD "{" NODE ",\"sa\":[{\"op\":\"ah\",\"spi\":1,\"enc\":{\"alg\":\"des-cbc\"}}]}]}");
}
END_TEST

START_TEST(timing_only)
{
    good(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\"},\"auth\":{\"alg\":\"md5\"}"));
    good(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"" KEY16
                   "\"},\"auth\":{\"alg\":\"md5\",\"key\":\"" KEY16 "\"}"));
    good(ADD_ENTRY(",\"enc\":{\"alg\":\"null\"},\"auth\":{\"alg\":\"md5\",\"key\":\"" KEY16 "\"}"));
    good(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"" KEY16 "\"}"));
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\"},\"auth\":{\"alg\":\"md5\",\"key\":\"" KEY16
                  "\"}"),
        "t:1: nodes[0].sa[0].enc.key: found nothing, expected a key (or none in auth either: "
        "timing "
        "only)");
    bad(ADD_ENTRY(",\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"" KEY16
                  "\"},\"auth\":{\"alg\":\"md5\"}"),
        "t:1: nodes[0].sa[0].auth.key: found nothing, expected a key (or none in enc either: "
        "timing "
        "only)");
}
END_TEST

/* ---- writing ---------------------------------------------------------------------------- */

/* Everything that the form can say, in canonical form already. */
static const char canonical[] =
    "{\"recording\":1,\"epoch_ns\":\"0x18ea5c1f2b3d4e00\",\"x_from\":\"lab\"}\n"
    "{\"t_ns\":0,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":\"0x20000000000000\",\"dir\":\"out\","
    "\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"mode\":\"tunnel\",\"pair\":2,\"sel\":{\"src\":"
    "\"192.168.1.0/24\",\"dst\":\"192.168.2.0/24\",\"proto\":6,\"sport\":\"1-2\",\"dport\":80,"
    "\"x_s\":1},\"sa\":[{\"op\":\"esp\",\"spi\":256,\"esn\":true,\"seq_hi\":1,\"seq\":4294967300,"
    "\"enc\":{\"alg\":\"aes-gcm-128\",\"key\":\"" KEY16 "01020304\",\"icv\":8,\"x_e\":null},"
    "\"x_sa\":[true]}],\"x_node\":\"\\\"\"},"
    "{\"handle\":2,\"dir\":\"in\",\"src\":\"2001:db8::1\",\"dst\":\"::\",\"udp_esp\":\"tunnel\","
    "\"encap_sport\":1,\"encap_dport\":2,\"sa\":[{\"op\":\"esp\",\"spi\":1,\"replay_window\":0,"
    "\"lifetime\":{\"soft_packets\":1,\"hard_packets\":2,\"soft_bytes\":3,\"hard_bytes\":4,\"soft_"
    "s\":"
    "5,\"hard_s\":6,\"x_l\":{}},\"enc\":{\"alg\":\"aes-cbc-128\",\"key\":\"" KEY16
    "\"},\"auth\":{\"alg\":\"md5\",\"key\":\"" KEY16 "\",\"x_a\":1.5}},"
    "{\"op\":\"ah\",\"spi\":2,\"auth\":{\"alg\":\"sha-1\"},\"x_ah\":0}]}],\"req\":7,\"status\":"
    "\"NDIS_STATUS_SUCCESS\",\"done_ns\":9,\"raw\":\"00ff\",\"x_r\":\"\xc3\xa4\"}\n"
    "{\"t_ns\":1,\"oid\":\"ADD_SA_EX\",\"nodes\":[{\"handle\":3,\"dir\":\"in\",\"src\":\"1.2.3.4\","
    "\"dst\":\"0.0.0.0\",\"mode\":\"transport\",\"udp_esp\":\"udp-transport-over-tunnel\","
    "\"switch_port\":4,\"vlan\":5,\"sa\":[{\"op\":\"esp\",\"spi\":1,\"enc\":{\"alg\":\"null\","
    "\"x_\":1}}]}],\"status\":5}\n"
    "{\"t_ns\":2,\"oid\":\"UPDATE_SA\",\"handle\":1,\"op\":\"esp\",\"spi\":256,\"seq_hi\":1}\n"
    "{\"t_ns\":3,\"oid\":\"DELETE_SA\",\"handles\":[1,\"0xffffffffffffffff\"],\"raw\":\"\"}\n"
    "{\"t_ns\":4,\"event\":\"encapsulation\",\"on\":true}\n"
    "{\"t_ns\":4,\"event\":\"parameters\"}\n"
    "{\"t_ns\":4,\"event\":\"reset_begin\"}\n"
    "{\"t_ns\":4,\"event\":\"reset_end\"}\n"
    "{\"t_ns\":4,\"event\":\"link\",\"up\":false}\n"
    "{\"t_ns\":4,\"event\":\"cancel\",\"req\":\"0xffffffffffffffff\"}\n";

/* Read `text`, write what was read; the caller frees the result. */
static char *rewrite(const char *text)
{
    struct recording *reader = open_text(text);
    char *out = NULL;
    size_t length = 0;
    struct recording_writer *writer;
    enum recording_result result;

    ck_assert_msg(reader != NULL, "%s", message);
    writer = recording_writer_open_stream(open_memstream(&out, &length), "out",
                                          recording_header(reader), message, sizeof message);
    ck_assert_ptr_nonnull(writer);
    while ((result = recording_next(reader, &record)) == RECORDING_OK) {
        ck_assert(recording_write(writer, &record));
    }
    ck_assert_msg(result == RECORDING_END, "%s", recording_error(reader));
    recording_close(reader);
    ck_assert(recording_writer_close(writer, message, sizeof message));
    return out;
}

START_TEST(writing_a_canonical_file_changes_nothing)
{
    char *out = rewrite(canonical);

    ck_assert_str_eq(out, canonical);
    free(out);
}
END_TEST

/* Long names, defaults written out, other orders, upper case: an equal record in canonical form. */
START_TEST(writing_makes_canonical)
{
    char *out = rewrite(
        " { \"nodes\" : [ { \"sa\" : [ {\"auth\":{\"icv\":12,\"key\":\"" KEY16
        "\",\"alg\":\"md5\"},\"seq\":0,\"seq_hi\":0,\"esn\":false,\"replay_window\":64,"
        "\"lifetime\":{},"
        "\"enc\":{\"alg\":\"null\"},\"spi\":\"0x100\",\"op\":\"esp\"} ], \"encap_dport\":4500,"
        "\"udp_esp\":\"none\",\"mode\":\"transport\",\"dst\":\"2001:DB8:0::2\",\"src\":\"0::0\","
        "\"dir\":\"in\",\"handle\":\"0x01\" } ], \"status\":0, "
        "\"oid\":\"OID_TCP_TASK_IPSEC_OFFLOAD_V2_ADD_SA\", \"t_ns\":\"0x10\" }\r\n");

    ck_assert_str_eq(
        out,
        "{\"t_ns\":16,\"oid\":\"ADD_SA\",\"nodes\":[{\"handle\":1,\"dir\":\"in\",\"src\":\"::\","
        "\"dst\":\"2001:db8::2\",\"sa\":[{\"op\":\"esp\",\"spi\":256,\"auth\":{\"alg\":\"md5\","
        "\"key\":\"" KEY16 "\"}}]}],\"status\":\"NDIS_STATUS_SUCCESS\"}\n");
    free(out);
}
END_TEST

START_TEST(writing_tells_of_a_full_disk)
{
    FILE *full = fopen("/dev/full", "wb");
    struct recording_writer *writer;

    if (full == NULL) {
        printf("SKIP writing_tells_of_a_full_disk: no /dev/full\n");
        return;
    }
    good(RECORD("\"event\":\"parameters\""));
    writer = recording_writer_open_stream(full, "/dev/full", NULL, message, sizeof message);
    recording_write(writer, &record);
    ck_assert(!recording_writer_close(writer, message, sizeof message));
    ck_assert_str_eq(message, "/dev/full: cannot write: No space left on device");
}
END_TEST

/* ---- position, files -------------------------------------------------------------------- */

START_TEST(position_and_seek)
{
    struct recording *reader = open_text(canonical);
    struct recording_position start = recording_tell(reader);
    struct recording_position third;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    }
    third = recording_tell(reader);
    while (recording_next(reader, &record) == RECORDING_OK) {}
    ck_assert(recording_seek(reader, &third));
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_int_eq(record.kind, RECORDING_DELETE_SA);
    ck_assert_uint_eq(record.line, 5);
    ck_assert(recording_seek(reader, &start));
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_uint_eq(record.line, 2);
    recording_close(reader);

    /* without a first line, the record that was only looked at is still to come */
    reader = open_text(RECORD("\"event\":\"reset_begin\"") "\n" RECORD("\"event\":\"reset_end\""));
    start = recording_tell(reader);
    ck_assert_uint_eq(start.offset, 0);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert(recording_seek(reader, &start));
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_int_eq(record.kind, RECORDING_RESET_BEGIN);
    ck_assert_uint_eq(record.line, 1);
    recording_close(reader);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    ck_assert_ptr_null(recording_open("/nonexistent/x.jsonl", message, sizeof message));
    ck_assert_str_eq(message, "/nonexistent/x.jsonl: cannot open: No such file or directory");
    ck_assert_ptr_null(recording_open("/", message, sizeof message));
    ck_assert_str_eq(message, "/:1: cannot read: Is a directory");
    ck_assert_ptr_null(recording_writer_open("/nonexistent/x", NULL, message, sizeof message));
    ck_assert_str_eq(message, "/nonexistent/x: cannot create: No such file or directory");
}
END_TEST

/* The array of a node list must not keep anything of the record before. */
START_TEST(records_do_not_leak_into_each_other)
{
    struct recording *reader =
        open_text(ADD_NODE(",\"pair\":9,\"sel\":{\"proto\":6},\"x_a\":1") "\n" ADD_NODE("") "\n");

    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_uint_eq(record.nodes[0].pair, 9);
    ck_assert_uint_eq(record.extras.count, 1);
    ck_assert_int_eq(recording_next(reader, &record), RECORDING_OK);
    ck_assert_uint_eq(record.nodes[0].pair, 0);
    ck_assert(!record.nodes[0].sel.present);
    ck_assert_uint_eq(record.extras.count, 0);
    recording_close(reader);
}
END_TEST

/* A stream without end: ADD and DELETE in turn, made as they are read. */
static ssize_t make_records(void *cookie, char *out, size_t size)
{
    uint64_t *n = cookie;
    size_t used = 0;

    while (size - used > 512) {
        used += (size_t)snprintf(out + used, size - used,
                                 *n % 2 == 0
                                     ? "{\"t_ns\":%llu,\"oid\":\"ADD_SA\",\"nodes\":[{" NODE "," SA
                                       ",\"x_note\":[1]}]}\n"
                                     : "{\"t_ns\":%llu,\"oid\":\"DELETE_SA\",\"handles\":[1]}\n",
                                 (unsigned long long)*n);
        ++*n;
    }
    return (ssize_t)used;
}

START_TEST(memory_does_not_grow)
{
    uint64_t n = 0;
    FILE *stream = fopencookie(&n, "r", (cookie_io_functions_t){ .read = make_records });
    struct recording *reader = recording_open_stream(stream, "endless", message, sizeof message);
    size_t early = 0;

    for (unsigned i = 0; i < 200000; i++) {
        ck_assert_msg(recording_next(reader, &record) == RECORDING_OK, "%s",
                      recording_error(reader));
        ck_assert_uint_eq(record.t_ns, i);
        if (i == 1000) {
            early = mallinfo2().uordblks;
        }
    }
    /* an ADD and a DELETE differ by a few small blocks; 200 000 of either would show */
    ck_assert_uint_le(mallinfo2().uordblks, early + 4096);
    recording_close(reader);
}
END_TEST

static void free_record(void)
{
    recording_record_free(&record);
}

int main(void)
{
    Suite *suite = suite_create("recording");
    TCase *reading = tcase_create("reading");
    TCase *writing = tcase_create("writing");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(reading, NULL, free_record);
    tcase_add_checked_fixture(writing, NULL, free_record);
    tcase_add_test(reading, first_line);
    tcase_add_test(reading, lines);
    tcase_add_test(reading, nul_byte);
    tcase_add_test(reading, long_lines);
    tcase_add_test(reading, syntax);
    tcase_add_test(reading, goes_on_after_a_bad_line);
    tcase_add_test(reading, kinds);
    tcase_add_test(reading, wrong_kinds);
    tcase_add_test(reading, numbers);
    tcase_add_test(reading, time_never_decreases);
    tcase_add_test(reading, optional_members);
    tcase_add_test(reading, node_defaults);
    tcase_add_test(reading, modes);
    tcase_add_test(reading, node_members);
    tcase_add_test(reading, selectors);
    tcase_add_test(reading, entries);
    tcase_add_test(reading, every_algorithm_with_every_key_length);
    tcase_add_test(reading, integrity_lengths);
    tcase_add_test(reading, algorithm_members);
    tcase_add_test(reading, timing_only);
    tcase_add_test(reading, position_and_seek);
    tcase_add_test(reading, files_that_cannot_be_read);
    tcase_add_test(reading, records_do_not_leak_into_each_other);
    tcase_add_test(reading, memory_does_not_grow);
    tcase_add_test(writing, writing_a_canonical_file_changes_nothing);
    tcase_add_test(writing, writing_makes_canonical);
    tcase_add_test(writing, writing_tells_of_a_full_disk);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, writing);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
