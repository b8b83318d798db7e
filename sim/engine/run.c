#include "engine/run.h"

bool run_image(const struct clock_ratio *ratio, const struct channel_run *r, uint64_t later,
               struct channel_run *image)
{
    uint64_t first;
    uint64_t step;

    if (r->more || ratio->div > UINT16_MAX ||
        __builtin_mul_overflow(r->first, ratio->mul, &first) ||
        __builtin_mul_overflow((uint64_t)r->step, ratio->mul, &step) ||
        step / ratio->div > UINT16_MAX) {
        return false;
    }
    *image = (struct channel_run){ .first = first / ratio->div + later,
                                   .beats = r->beats,
                                   .step = (uint32_t)(step / ratio->div),
                                   .more = (uint16_t)(step % ratio->div),
                                   .of = (uint16_t)ratio->div,
                                   .phase = (uint16_t)(first % ratio->div) };
    return true;
}
