/* firmware: how long a card's processor takes for a command that a firmware serves (card.command.path
 * firmware), one command at a time.
 *
 * A request is one firmware command or several (mlx5: a key and an IPsec object for an SA). Each takes a
 * time of its own: at least `least`, half of them at most `median`, 99 of 100 at most `p99`, all at most
 * `most`, evenly spread between these; drawn from a stream of card.seed, so that equal runs are equal.
 * Not modelled: other work of the firmware, and steering rules (mlx5 has some with each SA; no figure is
 * published). */
#include "nic/card.h"

/* Of 2^32 draws. */
enum { HALF = 50, MOST_OF_ALL = 99, PERCENT = 100 };

/* `part` of `whole` steps from a to b. */
static uint64_t between(uint64_t a, uint64_t b, uint64_t part, uint64_t whole)
{
    return a + (uint64_t)((unsigned __int128)(b - a) * part / whole);
}

static uint64_t one_command(const struct nic_command_config *c, uint64_t draw)
{
    const uint64_t half = (1ull << 32) * HALF / PERCENT;
    const uint64_t nearly = (1ull << 32) * MOST_OF_ALL / PERCENT;

    if (draw < half) {
        return between(c->least, c->median, draw, half);
    }
    if (draw < nearly) {
        return between(c->median, c->p99, draw - half, nearly - half);
    }
    return between(c->p99, c->most, draw - nearly, (1ull << 32) - nearly);
}

uint64_t nic_firmware_time(struct espnic *card, uint32_t commands)
{
    uint64_t ps = 0;

    for (uint32_t i = 0; i < commands; i++) {
        ps += one_command(&card->config.command, rng_next(&card->firmware_random) >> 32);
    }
    return ps;
}
