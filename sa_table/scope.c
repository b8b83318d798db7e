#include "sa_table/scope.h"

struct rounds rounds_plan(uint64_t soft_packets, uint64_t hard_packets, uint32_t round)
{
    uint64_t hard = hard_packets != 0 ? hard_packets : UINT64_MAX;
    uint64_t rounds = hard / round > 0 ? hard / round - 1 : 0;
    struct rounds plan = { .start = (uint32_t)(hard - rounds * round),
                           .rounds = rounds,
                           .soft_round = ROUNDS_NEVER };
    uint64_t least = soft_packets + round / 2; /* packets from the start to half a round further */
    uint64_t at = 0;

    if (soft_packets == 0 || soft_packets >= hard) {
        return plan;
    }
    if (least < soft_packets || least > hard) {
        at = rounds;
    } else if (least > plan.start) {
        at = (least - plan.start + round - 1) / round;
        at = at < rounds ? at : rounds;
    }
    plan.soft_round = at;
    plan.soft_value = (uint32_t)(plan.start + at * round - soft_packets);
    return plan;
}

uint32_t rounds_threshold(const struct rounds *plan, uint32_t round, uint64_t now)
{
    if (now == plan->soft_round) {
        return plan->soft_value;
    }
    return now < plan->rounds ? round - 1 : 0;
}

struct rounds_step rounds_event(const struct rounds *plan, uint32_t round,
                                struct rounds_state *state, uint32_t left)
{
    struct rounds_step step = { .hard = left == 0 && !state->hard };
    bool last = state->now == plan->rounds;

    if (left == 0) {
        state->hard = true;
        return step;
    }
    if (!state->soft && state->now == plan->soft_round) {
        state->soft = true;
        step.soft = true;
        if (!last && left >= round) { /* nothing can be added yet: be told half a round before 0 */
            step.threshold = round / 2;
            return step;
        }
    }
    if (last) {
        return step;
    }
    step.add = true;
    state->now++;
    step.threshold = rounds_threshold(plan, round, state->now);
    return step;
}
