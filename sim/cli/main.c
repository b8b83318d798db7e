/* espnic: the command line. Finds the subcommand and hands over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "engine/nearest.h"

#ifndef ESPNIC_VERSION
#define ESPNIC_VERSION "unknown"
#endif

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    { "run", cmd_run, "simulate a card on a recording and captures" },
    { "sweep", cmd_sweep, "simulate every combination of values, a row each" },
    { "preset", cmd_preset, "list card presets; show one, value by value, with sources" },
    { "report", cmd_report, "what every number in a report means" },
    { "trace", cmd_trace, "look at recordings and captures; check them" },
    { "pcie", cmd_pcie, "bandwidth and latency of the modelled PCIe link, as pcie-bench has them" },
    { "validate", cmd_validate, "published figures beside simulated ones, with the error" },
    { "cosim", cmd_cosim, "a block of the card and its RTL side by side, cycle by cycle" },
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts("espnic: a cycle-level simulator of a network card that offloads IPsec\n"
         "\n"
         "usage: espnic COMMAND [OPTION...]      espnic COMMAND --help explains one\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    puts(
        "  help       this text, or that of a command: espnic help preset\n"
        "  --version  the version\n"
        "\n"
        "Values carry units (100Gbps, 64KiB, 250MHz, 1us). Parameters have paths such as\n"
        "card.crypto.engines; a scenario (YAML) nests them, --set card.crypto.engines=2 sets one.\n"
        "\n"
        "examples:\n"
        "  espnic run traces/samples/vpn-gateway.yaml   a first simulation\n"
        "  espnic sweep vpn.yaml card.crypto.engines=1,2,4   one row a card\n"
        "  espnic preset list                           which cards there are\n"
        "  espnic preset show generic-100g              one card, with the source of every value\n"
        "  espnic report --describe                     the definition of every number\n"
        "  espnic pcie bw --op rd --size 64             the PCIe link, measured\n"
        "\n"
        "exit status: 0 done, 1 the run ended with an error of the model, 2 bad input or usage");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *near = NULL;
    unsigned distance = 0;
    char shown[64];
    nearest_offer(name, "help", &near, &distance);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        nearest_offer(name, commands[i].name, &near, &distance);
    }
    bool plausible = nearest_plausible(name, distance);
    fprintf(stderr, "espnic: unknown command \"%s\"%s%s%s\nTry: espnic --help\n",
            nearest_shown(name, shown), plausible ? ", did you mean " : "", plausible ? near : "",
            plausible ? "?" : "");
    return EXIT_USAGE;
}

/* `espnic help COMMAND` is `espnic COMMAND --help`. */
static int run_help(int argc, char **argv)
{
    if (argc < 3) {
        print_help();
        return EXIT_DONE;
    }
    const struct command *command = find_command(argv[2]);
    if (command == NULL) {
        return unknown_command(argv[2]);
    }
    char flag[] = "--help";
    char *args[] = { argv[2], flag, NULL };
    return command->run(2, args);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        fputs("espnic: no command given\nTry: espnic --help\n", stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return run_help(argc, argv);
    }
    if (strcmp(name, "--version") == 0) {
        puts("espnic " ESPNIC_VERSION);
        return EXIT_DONE;
    }
    if (name[0] == '-') {
        struct options o = { .command = NULL };
        return options_complain(&o, "unknown option %s before a command", name);
    }
    const struct command *command = find_command(name);
    return command == NULL ? unknown_command(name) : command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    /* A full disk must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "espnic: cannot write to standard output: %s\n", strerror(errno));
        return status == EXIT_DONE ? EXIT_USAGE : status;
    }
    return status;
}
