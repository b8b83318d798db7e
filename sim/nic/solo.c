/* solo: a card with the caller at the edges of one of its blocks. */
#include "nic/solo_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---------------------------------------------------------------------------------- */

static bool find_number(const char *config, const char *name, uint32_t *value)
{
    size_t length = strlen(name);

    for (const char *at = config; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL) {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            *value = (uint32_t)strtoul(at + length + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

uint32_t nic_solo_number(const char *config, const char *name)
{
    uint32_t value;

    if (!find_number(config, name, &value)) {
        fprintf(stderr, "espnic: internal error: no parameter %s in \"%s\"\n", name, config);
        abort();
    }
    return value;
}

uint32_t solo_param(const struct nic_solo_block *block, const char *config, const char *name)
{
    uint32_t value;

    if (find_number(config, name, &value)) {
        return value;
    }
    for (uint32_t i = 0; i < block->param_count; i++) {
        if (strcmp(block->params[i].name, name) == 0) {
            return block->params[i].value;
        }
    }
    return 0;
}

uint32_t solo_value(const struct solo *solo, const char *name)
{
    return solo_param(solo->kind->block, solo->config, name);
}

/* ---- a card with nobody around it ------------------------------------------------------------------ */

static const uint8_t *no_read(void *self, uint64_t time, uint64_t address, uint32_t length)
{
    (void)self, (void)time, (void)address, (void)length;
    return NULL;
}

static void no_write(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                     uint32_t length)
{
    (void)self, (void)time, (void)address, (void)bytes, (void)length;
}

static void no_message(void *self, uint64_t time, unsigned vector)
{
    (void)self, (void)time, (void)vector;
}

static void no_value(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok)
{
    (void)self, (void)time, (void)tag, (void)value, (void)ok;
}

static void no_frame(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame)
{
    (void)self, (void)time, (void)port, (void)frame;
}

/* The caller of a channel looks at it in every cycle: it need not be woken. */
static void no_wake(void *self, uint64_t now)
{
    (void)self, (void)now;
}

static bool set_all(struct nic_config *c, const struct nic_solo_block *block, const char *config,
                    const char *const settings[][2], char *error, size_t error_size)
{
    static const char *const common[][2] = {
        { "card.clock", "1GHz" }, { "card.offload", "packet" },     { "card.lanes", "1" },
        { "card.ports", "1" },    { "card.sa.storage", "on-chip" }, { NULL, NULL }
    };
    char value[32];

    for (unsigned list = 0; list < 2; list++) {
        const char *const(*s)[2] = list ? settings : common;

        for (; (*s)[0]; s++) {
            if (!espnic_config_set(c, (*s)[0], (*s)[1], error, error_size)) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < block->param_count; i++) {
        snprintf(value, sizeof value, "%u", solo_param(block, config, block->params[i].name));
        if (block->params[i].path &&
            !espnic_config_set(c, block->params[i].path, value, error, error_size)) {
            return false;
        }
    }
    return true;
}

bool solo_open(struct solo *solo, const char *const settings[][2], char *error, size_t error_size)
{
    const struct nic_solo_block *block = solo->kind->block;
    const struct espnic_ports ports = { .dma_read = no_read,
                                        .dma_write = no_write,
                                        .msix = no_message,
                                        .mmio_done = no_value,
                                        .wire_tx = no_frame };
    /* a cycle of the port clock is one of the core's */
    const struct espnic_options options = { .clock_num = 1000000000,
                                            .clock_den = 1,
                                            .functional = !solo_value(solo, "TIMING_ONLY"),
                                            .backend = "auto" };
    struct nic_config *c = espnic_config_create();

    if (!c) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    if (set_all(c, block, solo->config, settings, error, error_size)) {
        solo->card = espnic_create(c, &options, &ports, error, error_size);
    }
    espnic_config_destroy(c);
    if (!solo->card) {
        return false;
    }
    solo->card->offload_on = true;
    solo->outside = sched_add_block(&solo->card->sched, "outside", solo->card->core, no_wake, solo);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void close_all(struct solo *solo)
{
    if (solo->kind->close) {
        solo->kind->close(solo);
    }
    if (solo->card) {
        espnic_destroy(solo->card);
    }
}

void *solo_create(const struct solo_kind *kind, const char *config, char *error, size_t error_size)
{
    struct solo *solo;

    if (strlen(config) >= sizeof solo->config) {
        snprintf(error, error_size, "parameters of more than %zu characters",
                 sizeof solo->config - 1);
        return NULL;
    }
    solo = calloc(1, kind->bytes);
    if (!solo) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    solo->kind = kind;
    memcpy(solo->config, config, strlen(config) + 1);
    if (!kind->open(solo, error, error_size)) {
        solo_destroy(solo);
        return NULL;
    }
    return solo;
}

void solo_destroy(void *self)
{
    if (self) {
        close_all(self);
        free(self);
    }
}

/* Everything goes but the kind and the parameters. */
void solo_reset(void *self)
{
    struct solo *solo = self;
    struct solo fresh = { .kind = solo->kind };
    char error[256];

    close_all(solo);
    memcpy(fresh.config, solo->config, sizeof fresh.config);
    memset(self, 0, fresh.kind->bytes);
    *solo = fresh;
    if (!fresh.kind->open(self, error, sizeof error)) {
        fprintf(stderr, "espnic: internal error: %s\n", error);
        abort();
    }
}

/* ---- channels ---------------------------------------------------------------------------------------- */

void solo_feed(struct solo *solo, struct solo_port *port, struct channel *channel)
{
    channel->config.writer = solo->outside;
    channel->wdom = solo->card->core; /* also where the writer was of another clock */
    *port = (struct solo_port){ .channel = channel };
}

void solo_drain(struct solo *solo, struct solo_port *port, struct channel *channel)
{
    channel->config.reader = solo->outside;
    channel->rdom = solo->card->core;
    channel->gate = &channel->own_gate; /* the block behind must not find anything */
    *port = (struct solo_port){ .channel = channel };
}

bool solo_room(const struct solo *solo, const struct solo_port *port)
{
    return channel_room(port->channel, solo->cycle) > 0;
}

void solo_push(struct solo *solo, struct solo_port *port, uint32_t item, bool last)
{
    const struct channel_run run = { .first = solo->cycle, .beats = 1, .step = 1 };

    channel_reserve(port->channel, 1);
    channel_push(port->channel, &run, item,
                 (port->beat == 0 ? (unsigned)CHANNEL_FIRST : 0u) |
                     (last ? (unsigned)CHANNEL_LAST : 0u));
    port->beat = last ? 0 : port->beat + 1;
}

struct solo_beat solo_head(const struct solo *solo, const struct solo_port *port)
{
    const struct channel_burst *b = channel_head(port->channel);

    if (!b || channel_next_visible(port->channel) > solo->cycle) {
        return (struct solo_beat){ .valid = false };
    }
    return (struct solo_beat){ .valid = true,
                               .first = port->beat == 0,
                               .last = (b->flags & CHANNEL_LAST) != 0 &&
                                       port->channel->s.taken + 1 == b->at.beats,
                               .item = b->item,
                               .number = port->beat };
}

void solo_pop(struct solo *solo, struct solo_port *port)
{
    const struct channel_run run = { .first = solo->cycle, .beats = 1, .step = 1 };

    port->beat = solo_head(solo, port).last ? 0 : port->beat + 1;
    channel_pop(port->channel, &run);
}

void solo_pop_for_good(struct solo *solo, struct solo_port *port)
{
    struct solo_beat b = solo_head(solo, port);

    solo_pop(solo, port);
    if (b.last) {
        nic_packet_free(solo->card, b.item);
    }
}

void solo_step(struct solo *solo)
{
    espnic_advance(solo->card, solo->cycle++);
}

/* ---- the door ------------------------------------------------------------------------------------------ */

uint32_t solo_door_room(const struct solo_door *door, uint32_t room)
{
    return door->filling ? 0 : room;
}

/* Zeros take the place of beats that have not come. */
static struct solo_entry fill_up(struct solo_door *door, uint32_t room)
{
    struct solo_entry entry = { .push = door->filling && room > 0 };

    if (entry.push) {
        door->missing--;
        entry.last = door->missing == 0;
        door->filling = !entry.last;
    }
    return entry;
}

static void open_frame(struct solo_door *door, uint32_t room, uint32_t length)
{
    const uint32_t beats = (length + 63) / 64;

    door->inside = true;
    door->wrong = length == 0 || beats > door->longest;
    door->lost = door->wrong || (door->whole && beats > room);
    door->overflow += door->lost && !door->wrong;
    if (!door->lost) { /* else there may be some of the frame before it, which is being filled up */
        door->missing = beats;
    }
}

struct solo_entry solo_door(struct solo_door *door, uint32_t room, bool valid, bool last,
                            uint32_t length)
{
    const uint32_t free_beats = solo_door_room(door, room);
    struct solo_entry entry = fill_up(door, room);

    if (!valid || (!door->whole && free_beats == 0)) {
        return entry;
    }
    if (!door->inside) {
        open_frame(door, free_beats, length);
        entry.opens = true;
    }
    if (!door->lost && door->missing == 0) {
        door->wrong = true; /* beats behind the last one */
    } else if (!door->lost) {
        door->missing--;
        entry.push = true;
        entry.last = door->missing == 0;
    }
    if (last) {
        door->filling = door->filling || (!door->lost && door->missing > 0);
        door->wrong = door->wrong || (!door->lost && door->missing > 0);
        door->framing += door->wrong;
        door->inside = false;
    }
    return entry;
}
