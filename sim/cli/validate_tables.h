/* Published tables of many devices beside simulated ones: cores of cryptography, cards with tables behind registers,
 * contracts of drivers, replay vectors, lifetimes, sizing, churn. What is simulated comes from runs of the card,
 * never from a formula or a constant. One file tables_*.c for a group of figures or a few. */
#ifndef ESPNIC_CLI_VALIDATE_TABLES_H
#define ESPNIC_CLI_VALIDATE_TABLES_H

#include "cli/validate_bench.h"
#include "cli/validation.h"

/* Measure every group, or the one called `only`. False with a sentence in `error`. */
bool validate_tables(struct validation *v, const char *only, char *error, size_t error_size);
extern const struct validation_group validate_tables_groups[];
struct validation_setting validate_tables_setting(size_t n);

/* ---- for the files of the groups ------------------------------------------------------------------- */

/* What a figure has beside its name, its unit and its value. */
struct tables_figure {
    const char *group;
    enum validation_kind kind;
    const char *source;
    const char *preset, *sets, *settings; /* what is simulated */
    double tolerance;                     /* see struct validation_row */
    const struct validation_shape *shape;
    const char *const *words;
};

/* One more row, judged. `simulated` is not looked at where the kind is VALIDATION_ABSENT. */
void tables_add(struct validation *v, const struct tables_figure *figure, const char *unit,
                double published, double simulated, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The same for a published range. */
void tables_add_range(struct validation *v, const struct tables_figure *figure, const char *unit,
                      double least, double most, double simulated, const char *what);

/* What the model has not got: `what` was published, `missing` says why there is nothing beside it. */
void tables_absent(struct validation *v, const char *group, const char *unit, double published,
                   const char *what, const char *missing);

/* ... or VALIDATION_NO_DATA. */
void tables_nothing(struct validation *v, enum validation_kind kind, const char *group,
                    const char *unit, double published, const char *what, const char *missing);

/* An SA that a card is asked to take, and what was published of the answer. */
struct tables_wish {
    const char *what;
    enum bench_change change;
    enum bench_answer published;
};

/* A row a wish: inbound SAs, which the card keeps if it takes them. */
bool tables_wishes(struct validation *v, struct bench *b, const struct tables_figure *figure,
                   const struct tables_wish *wishes, unsigned count);

/* "no" and "yes", for figures that are a fact. */
extern const char *const tables_no_yes[];

/* The groups. False with a sentence in `error`. */
bool tables_crypto(struct validation *v, char *error, size_t error_size);
bool tables_ixgbe(struct validation *v, char *error, size_t error_size);
bool tables_netdevsim(struct validation *v, char *error, size_t error_size);
bool tables_replay(struct validation *v, char *error, size_t error_size);
bool tables_recorded(struct validation *v, char *error, size_t error_size);
bool tables_mlx5(struct validation *v, char *error, size_t error_size);
bool tables_sizing(struct validation *v, char *error, size_t error_size);
bool tables_churn(struct validation *v, char *error, size_t error_size);
bool tables_bluefield(struct validation *v, char *error, size_t error_size);
bool tables_policies(struct validation *v, char *error, size_t error_size);

#endif
