/* espnic pcie: pcie-bench on the modelled link. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/pcie_sweep.h"
#include "cli/settings.h"
#include "report/report.h"

/* What a value on the command line needs before it is one of the parameter. */
enum form {
    FORM_PLAIN,
    FORM_BYTES, /* a plain number counts bytes */
    FORM_LANES, /* "x8" */
    FORM_GEN,   /* "gen3" */
    FORM_FLAG   /* no value: true */
};

/* Options that are a parameter's short name: --mps N is --set card.pcie.mps=N. */
static const struct {
    struct option_spec spec;
    const char *target; /* NULL: the value is the assignment */
    enum form form;
} parameters[] = {
    { { "preset", 0, "NAME", "take link and host from a card (espnic preset list)" },
      "preset",
      FORM_PLAIN },
    { { "set", 0, "PATH=VALUE",
        "change a parameter: --set card.pcie.host.read_ps=250ns; may be repeated" },
      NULL,
      FORM_PLAIN },
    { { "op", 0, "OP", "bw: rd, wr or rdwr (both in turn); lat: rd or wrrd (write, then read)" },
      "bench.op",
      FORM_PLAIN },
    { { "size", 0, "N", "bytes of a transaction: 64, 4KiB" }, "bench.size", FORM_BYTES },
    { { "offset", 0, "N", "bytes from the beginning of a place to the transaction" },
      "bench.offset",
      FORM_BYTES },
    { { "window", 0, "N", "bytes of host memory that are used: 8KiB, 64MiB" },
      "bench.window",
      FORM_BYTES },
    { { "unit", 0, "N", "bytes from one place to the next (size, rounded up to a power of two)" },
      "bench.unit",
      FORM_BYTES },
    { { "random", 0, NULL, "places of the window by chance instead of one after the other" },
      "bench.random",
      FORM_FLAG },
    { { "cache", 0, "STATE",
        "of the window in the host's cache: cold, host or device (needs --llc)" },
      "bench.cache",
      FORM_PLAIN },
    { { "transactions", 0, "N", "that are measured" }, "bench.transactions", FORM_PLAIN },
    { { "warmup", 0, "N", "transactions before them" }, "bench.warmup", FORM_PLAIN },
    { { "seed", 0, "N", "of the random places" }, "bench.seed", FORM_PLAIN },
    { { "gen", 0, "G", "PCIe generation, 1 to 6" }, "card.pcie.generation", FORM_GEN },
    { { "lanes", 0, "L", "1, 2, 4, 8 or 16" }, "card.pcie.lanes", FORM_LANES },
    { { "mps", 0, "N", "Max_Payload_Size, 128 to 4096" }, "card.pcie.mps", FORM_BYTES },
    { { "mrrs", 0, "N", "Max_Read_Request_Size, 128 to 4096" }, "card.pcie.mrrs", FORM_BYTES },
    { { "rcb", 0, "N", "Read Completion Boundary, 64 or 128" }, "card.pcie.rcb", FORM_BYTES },
    { { "completion", 0, "N", "most data in one completion (0: MPS)" },
      "card.pcie.completion",
      FORM_BYTES },
    { { "dllp", 0, "POLICY", "on-demand, published or share: what Acks and UpdateFCs cost" },
      "card.pcie.dllp",
      FORM_PLAIN },
    { { "tags", 0, "N", "read TLPs outstanding" }, "card.pcie.tags", FORM_PLAIN },
    { { "iommu", 0, NULL, "the host translates addresses (IO-TLB, page walks)" },
      "card.pcie.host.iommu",
      FORM_FLAG },
    { { "llc", 0, "N", "size of the host's last-level cache (0: none is modelled)" },
      "card.pcie.host.llc_bytes",
      FORM_BYTES },
    { { "remote", 0, NULL, "memory is on the other socket" }, "card.pcie.host.remote", FORM_FLAG },
    { { "outstanding", 0, "N", "transactions that the device has under way (0: any number)" },
      "bench.outstanding",
      FORM_PLAIN },
};

enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };
enum { OPT_SWEEP_SIZE = PARAMETERS, OPT_SWEEP_WINDOW, OPT_PLOT, OPT_JSON, OPTIONS };

static const struct option_spec other_options[] = {
    { "sweep-size", 0, "[LIST]",
      "a line of CSV for each size: 64,128,4KiB or FROM:STEP:TO or FROM:xFACTOR:TO" },
    { "sweep-window", 0, "[LIST]", "a line of CSV for each window" },
    { "plot", 0, "FILE", "write the curve as a gnuplot script too, and run it" },
    { "json", 0, NULL, "JSON on stdout" },
};

/* Sizes and windows of the published measurements. */
static const char default_sizes[] = "64,128,256,384,512,768,1024,1536,2048";
static const char default_windows[] = "4KiB:x2:64MiB";

struct pcie_command {
    struct pcie_setup setup;
    struct scenario scenario;
    struct setting_list settings;
    const char *verb;
    struct sweep_points sizes, windows;
    const char *plot;
    bool json;
};

static int print_help(const struct option_spec *all)
{
    puts(
        "usage: espnic pcie bw  [OPTION...]     bandwidth, as many transactions under way as may be\n"
        "       espnic pcie lat [OPTION...]     latency, one transaction at a time\n"
        "\n"
        "Measures the modelled PCIe link and its host as pcie-bench does real ones: a DMA engine reads\n"
        "and writes places of a window of host memory, and measures at the device. Without a preset\n"
        "the link is a Gen4 x16.\n");
    options_help(all, OPTIONS);
    puts("\n"
         "examples:\n"
         "  espnic pcie bw --op rd --size 64 --gen 3 --lanes 8 --dllp published\n"
         "  espnic pcie bw --op rdwr --gen 3 --lanes 8 --sweep-size --plot curve.gp\n"
         "  espnic pcie bw --gen 3 --lanes 8 --tags 32 --iommu --random --sweep-window\n"
         "  espnic pcie lat --op wrrd --size 64 --preset ixgbe-82599 --json");
    return EXIT_DONE;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static bool all_digits(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static int add_parameter(struct pcie_command *r, struct options *o, int option)
{
    char value[256];
    const char *text = o->value;
    const char *name = parameters[option].spec.name;

    switch (parameters[option].form) {
    case FORM_FLAG: text = "true"; break;
    case FORM_LANES: text += text[0] == 'x' && all_digits(text + 1); break;
    case FORM_GEN: text += strncasecmp(text, "gen", 3) == 0 && all_digits(text + 3) ? 3 : 0; break;
    case FORM_BYTES:
        if (all_digits(text) && strlen(text) + 2 < sizeof value) {
            snprintf(value, sizeof value, "%sB", text);
            text = value;
        }
        break;
    default: break;
    }
    setting_list_add(&r->settings, name, parameters[option].target, text);
    return EXIT_DONE;
}

static int take_option(struct pcie_command *r, struct options *o, int option)
{
    char error[512];
    bool by_size = option == OPT_SWEEP_SIZE;
    const char *list = o->value;

    switch (option) {
    case OPTIONS_POSITIONAL:
        if (r->verb != NULL) {
            return options_complain(o, "found one argument too many: \"%s\"", o->value);
        }
        r->verb = o->value;
        return EXIT_DONE;
    case OPT_SWEEP_SIZE:
    case OPT_SWEEP_WINDOW:
        list = list != NULL ? list : by_size ? default_sizes : default_windows;
        if (!sweep_parse(PARAM_BYTES, list, by_size ? &r->sizes : &r->windows, error,
                         sizeof error)) {
            return options_complain(o, "--%s: %s", by_size ? "sweep-size" : "sweep-window", error);
        }
        return EXIT_DONE;
    case OPT_PLOT: r->plot = o->value; return EXIT_DONE;
    case OPT_JSON: r->json = true; return EXIT_DONE;
    default: return add_parameter(r, o, option);
    }
}

static int read_options(struct pcie_command *r, struct options *o)
{
    for (;;) {
        int option = options_next(o);
        int status;

        if (option == OPTIONS_END) {
            break;
        }
        if (option == OPTIONS_ERROR || option == OPTIONS_HELP) {
            return option == OPTIONS_ERROR ? EXIT_USAGE : OPTIONS_HELP;
        }
        status = take_option(r, o, option);
        if (status != EXIT_DONE) {
            return status;
        }
    }
    bool swept = r->sizes.count > 0 || r->windows.count > 0;
    if (r->verb == NULL) {
        return options_complain(o, "expected bw or lat");
    }
    if (strcmp(r->verb, "bw") != 0 && strcmp(r->verb, "lat") != 0) {
        return options_complain(o, "found \"%s\", expected bw or lat", r->verb);
    }
    if (r->plot != NULL && !swept) {
        return options_complain(o, "--plot needs --sweep-size or --sweep-window");
    }
    if (r->json && swept) {
        return options_complain(o, "--json and a sweep: found both, expected one (a sweep is CSV)");
    }
    return EXIT_DONE;
}

/* ---- running ------------------------------------------------------------------------------------------ */

static int measure_one(struct pcie_command *r, bool latency)
{
    struct pcie_outcome outcome;
    char error[512];

    if (!pcie_setup_check(&r->scenario, latency)) {
        fprintf(stderr, "espnic pcie: %s\n", r->scenario.error);
        return EXIT_USAGE;
    }
    if (!pcie_measure(&r->setup, latency, &outcome, error, sizeof error)) {
        fprintf(stderr, "espnic pcie: %s\n", error);
        return EXIT_MODEL;
    }
    if (!r->json) {
        pcie_outcome_print(&outcome, &r->setup, stdout);
        return EXIT_DONE;
    }
    json_t *root = json_object();
    json_t *numbers = pcie_outcome_json(&outcome);

    json_object_set_new(root, "measured", json_string(latency ? "latency" : "bandwidth"));
    json_object_update(root, numbers);
    json_object_set_new(root, "config", pcie_setup_json(&r->scenario));
    report_write_json(root, stdout);
    json_decref(numbers);
    json_decref(root);
    return EXIT_DONE;
}

static int run(struct pcie_command *r)
{
    bool latency = strcmp(r->verb, "lat") == 0;
    size_t n;
    const struct param_group *groups = pcie_setup_groups(&n);
    int status;

    scenario_init(&r->scenario, groups, n, &r->setup);
    if (!scenario_resolve(&r->scenario, NULL, r->settings.settings, r->settings.count)) {
        fprintf(stderr, "espnic pcie: %s\n", r->scenario.error);
        status = EXIT_USAGE;
    } else if (r->sizes.count > 0 || r->windows.count > 0) {
        status = pcie_sweep(&r->scenario, latency, &r->sizes, &r->windows, r->plot);
    } else {
        status = measure_one(r, latency);
    }
    scenario_free(&r->scenario);
    return status;
}

int cmd_pcie(int argc, char **argv)
{
    static struct pcie_command r;
    struct option_spec all[OPTIONS];
    struct options o;
    int status;

    memset(&r, 0, sizeof r);
    for (size_t i = 0; i < PARAMETERS; i++) {
        all[i] = parameters[i].spec;
    }
    memcpy(all + PARAMETERS, other_options, sizeof other_options);
    options_start(&o, "pcie", all, OPTIONS, argc, argv);
    status = read_options(&r, &o);
    if (status == OPTIONS_HELP) {
        status = print_help(all);
    } else if (status == EXIT_DONE) {
        status = run(&r);
    }
    setting_list_free(&r.settings);
    return status;
}
