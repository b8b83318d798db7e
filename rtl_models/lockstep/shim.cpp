// A verilated block as a table of functions (engine/block.h). C++ only because Verilator is.
#include <cstdio>
#include <cstring>

extern "C" {
#include "engine/block.h"
}

#include "Vblock.h"
#include "verilated.h"
#ifdef SHIM_WAVE
#include "verilated_vcd_c.h"
#endif

namespace {

struct Shim {
    VerilatedContext context;
    Vblock *block = nullptr;
    uint64_t time = 0;
#ifdef SHIM_WAVE
    VerilatedVcdC wave;
    bool waves = false;
#endif
};

void edge(Shim *s, bool level)
{
    s->block->clk = level;
    s->block->eval();
#ifdef SHIM_WAVE
    if (s->waves) {
        s->wave.dump(s->time);
    }
#endif
    s->time++;
}

void reset(void *self)
{
    auto *s = static_cast<Shim *>(self);

    s->block->rst = 1;
    for (int i = 0; i < 2; i++) {
        edge(s, true);
        edge(s, false);
    }
    s->block->rst = 0;
}

void destroy(void *self)
{
    auto *s = static_cast<Shim *>(self);

#ifdef SHIM_COVERAGE
    s->context.coveragep()->write(SHIM_COVERAGE);
#endif
#ifdef SHIM_WAVE
    if (s->waves) {
        s->wave.close();
    }
#endif
    if (s->block) {
        s->block->final();
        delete s->block;
    }
    delete s;
}

void *create(const char *config, char *error, size_t error_size)
{
    if (std::strcmp(config, SHIM_CONFIG) != 0) {
        std::snprintf(error, error_size, "made with the parameters \"%s\"", SHIM_CONFIG);
        return nullptr;
    }
    auto *s = new Shim;

    s->context.fatalOnError(false); /* the caller asks error() */
#ifdef SHIM_WAVE
    s->context.traceEverOn(true);
#endif
    s->block = new Vblock(&s->context);
#ifdef SHIM_WAVE
    s->block->trace(&s->wave, 99);
#endif
    s->block->clk = 0;
    reset(s);
    if (s->context.errorCount()) {
        std::snprintf(error, error_size, "the RTL refuses its parameters (above)");
        s->block->final();
        delete s->block;
        delete s;
        return nullptr;
    }
    return s;
}

void outputs(void *self, uint32_t *out)
{
    auto *s = static_cast<Shim *>(self);

    std::memcpy(out, s->block->pin_out.data(), sizeof s->block->pin_out);
}

void tick(void *self, const uint32_t *in)
{
    auto *s = static_cast<Shim *>(self);

    std::memcpy(s->block->pin_in.data(), in, sizeof s->block->pin_in);
    edge(s, true);
    edge(s, false);
}

const char *error(void *self)
{
    return static_cast<Shim *>(self)->context.errorCount() ? "an assertion of the RTL has failed (above)" : nullptr;
}

#ifdef SHIM_WAVE
bool wave(void *self, const char *file)
{
    auto *s = static_cast<Shim *>(self);

    if (file) {
        s->wave.open(file);
        s->waves = s->wave.isOpen();
        return s->waves;
    }
    s->wave.close();
    s->waves = false;
    return true;
}
#endif

} // namespace

#ifndef SHIM_SOURCES
#define SHIM_SOURCES ""
#endif

// Files of other RTL that the block is made of, for who wants to know that it is.
extern "C" {
extern const char espnic_block_sources[];
const char espnic_block_sources[] = SHIM_SOURCES;
}

extern "C" const struct block_ops espnic_block = {
    BLOCK_ABI, SHIM_NAME, create, destroy, reset, outputs, tick,
#ifdef SHIM_WAVE
    wave,
#else
    nullptr,
#endif
    error
};
