/* The subcommands: one file each, called with argv[0] = their own name. They return the exit
 * status of the program (cli/options.h). */
#ifndef ESPNIC_CLI_COMMANDS_H
#define ESPNIC_CLI_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_preset(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_pcie(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_cosim(int argc, char **argv);

#endif
