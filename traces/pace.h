/* From capture time stamps to simulated arrival times: exact, integers only.
 *
 * A time is a fraction of a second, numerator over denominator; it is turned into cycles of a clock
 * or picoseconds only at the end, rounded up. */
#ifndef ESPNIC_TRACES_PACE_H
#define ESPNIC_TRACES_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes on the wire beside the frame: FCS 4, preamble and delimiter 8, gap 12 (IEEE 802.3). */
enum { PACE_OVERHEAD_BYTES = 24 };

enum pace_mode {
    PACE_RECORDED, /* time stamp less the origin */
    PACE_SCALED,   /* the same times factor_num / factor_den: 2/1 is half as fast */
    PACE_RATE      /* back to back at rate_bps of wire bits, stamps ignored */
};

/* Flat: a snapshot copies it. */
struct pace {
    enum pace_mode mode;
    uint64_t origin_ns;              /* capture time of t = 0 */
    uint32_t factor_num, factor_den; /* at most 10^9, den not 0 */
    uint64_t rate_bps;               /* not 0 */
    uint64_t wire_bits;              /* PACE_RATE: sum over the frames before */
    uint64_t before_origin;          /* packets stamped before the origin; they arrive at 0 */
};

struct pace_time {
    unsigned __int128 numerator;
    uint64_t denominator; /* seconds = numerator / denominator */
};

struct pace pace_recorded(uint64_t origin_ns);
struct pace pace_scaled(uint64_t origin_ns, uint32_t factor_num, uint32_t factor_den);
struct pace pace_rate(uint64_t rate_bps);

/* First bit of this frame on the wire. Call once per frame, in order; `length` is the frame without
 * FCS. */
struct pace_time pace_next(struct pace *pace, uint64_t time_ns, uint32_t length);

/* Bits that a frame of `length` bytes without FCS occupies on the wire, gap included. */
uint64_t pace_wire_bits(uint32_t length);

/* The first edge at or after the time, of a clock of freq_num / freq_den Hz whose edge 0 is t = 0
 * (so: the first cycle that begins no earlier). Saturates at UINT64_MAX. */
uint64_t pace_cycles(struct pace_time time, uint64_t freq_num, uint64_t freq_den);

/* Rounded up. Saturates at UINT64_MAX (213 days). */
uint64_t pace_picoseconds(struct pace_time time);

/* -1, 0, 1 as a is before, at or after b. */
int pace_compare(struct pace_time a, struct pace_time b);

/* How much later each pass of a looped capture starts (ns): its span and one mean gap, rounded up;
 * 0 if it has fewer than two packets or no span. */
uint64_t pace_loop_period(uint64_t first_ns, uint64_t last_ns, uint64_t packets);

#endif
