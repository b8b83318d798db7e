/* espnic: a cycle-level model of a network card that offloads IPsec. The public API.
 *
 * The card is a library with three ports; everything else (the reference host, RTL and SystemC
 * bindings, your bench) is a client of them:
 *   PCIe   MMIO in; DMA and MSI-X out
 *   wire   frames in and out, one port of the card or more
 *   time   advance until; next event at
 *
 * Times are cycles of the port clock, 64 bits, from 0. The port clock is 1 THz (a cycle is a
 * picosecond) unless espnic_options says otherwise. The card never shows an effect later than the
 * time it was advanced to, and refuses an input with a time in the past: inside a callback, before its time.
 *
 * Callbacks are made from inside espnic_advance(), in order of time; they may call any function of
 * this header but espnic_advance() and espnic_destroy(). One card is used by one thread.
 * How to program the card: sim/nic/abi.h (rings, descriptors, commands) and pcie_model/REGISTERS.md. */
#ifndef ESPNIC_H
#define ESPNIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESPNIC_NEVER UINT64_MAX

struct espnic;
struct
    nic_config; /* the description of a card: espnic_config_* below; its fields: sim/nic/config.h */

struct espnic_frame {
    const uint8_t *bytes; /* Ethernet without FCS; NULL: no contents (timing only) */
    uint32_t captured;    /* bytes present */
    uint32_t length;      /* bytes on the wire, without FCS, preamble and gap */
    uint64_t tag;         /* the client's; comes back where the frame leaves the card */
    bool plain; /* timing only: what its SA encrypts stands in `bytes` in clear, as far as they go;
                           * so headers inside a tunnel are known without a key */
};

/* What the card does to the outside. `self` is passed back. All must be set but `dma_mapped`. */
struct espnic_ports {
    void *self;
    /* A DMA read reaches host memory now. Return the bytes, valid until the next call, or NULL if the
     * memory there has no contents (timing only). */
    const uint8_t *(*dma_read)(void *self, uint64_t time, uint64_t address, uint32_t length);
    /* A DMA write becomes visible in host memory now. `bytes` is NULL if it has no contents. */
    void (*dma_write)(void *self, uint64_t time, uint64_t address, const uint8_t *bytes,
                      uint32_t length);
    /* An MSI-X message arrives. */
    void (*msix)(void *self, uint64_t time, unsigned vector);
    /* The completion of an MMIO read arrives at the CPU: what the register held behind all earlier writes. `ok`
     * false: unsupported request or Completer Abort, value is all ones. */
    void (*mmio_done)(void *self, uint64_t time, uint64_t tag, uint64_t value, bool ok);
    /* The last bit of a frame has left on the wire. `tag` is that of the TX descriptor, or of the
     * received frame if it was forwarded. */
    void (*wire_tx)(void *self, uint64_t time, unsigned port, const struct espnic_frame *frame);
    /* The wire of this port can take a frame again (only after espnic_wire_free said NEVER). */
    void (*wire_ready)(void *self, uint64_t time, unsigned port);
    /* Is there memory at these addresses? If not the bus answers as it does: reads end as unsupported
     * requests, writes change nothing. A pure question, asked ahead of time. NULL: there is, everywhere.
     * SA contexts that the card keeps in host memory have addresses of their own: not asked for. */
    bool (*dma_mapped)(void *self, uint64_t address, uint32_t length);
};

struct espnic_options {
    uint64_t clock_num, clock_den; /* port clock in Hz; 0: 1 THz */
    bool functional;               /* move and process contents; else timing only */
    const char *backend;           /* "auto", "ipsec-mb" or "openssl" */
};

/* ---- the card ------------------------------------------------------------------------------ */

/* A description with every parameter at its default; NULL if there is no memory. */
struct nic_config *espnic_config_create(void);
void espnic_config_destroy(struct nic_config *config);

/* Set a parameter as --set does: ("card.crypto.width", "32B"). False with a sentence in `error`: no such
 * parameter, or no such value. `espnic preset show NAME --all` lists them. */
bool espnic_config_set(struct nic_config *config, const char *path, const char *value, char *error,
                       size_t error_size);

/* NULL with a sentence in `error` if the configuration, which is copied, is not a possible card. */
struct espnic *espnic_create(const struct nic_config *config, const struct espnic_options *options,
                             const struct espnic_ports *ports, char *error, size_t error_size);
void espnic_destroy(struct espnic *card);

/* ---- time ---------------------------------------------------------------------------------- */

/* Process every event up to and including `until`. Returns the time reached: `until`, or earlier if a
 * callback asked for it with espnic_stop_at(). */
uint64_t espnic_advance(struct espnic *card, uint64_t until);

/* From inside a callback: do not process events after `time` in this espnic_advance(). */
void espnic_stop_at(struct espnic *card, uint64_t time);

/* First port-clock edge not before the next event, ESPNIC_NEVER if none is pending. */
uint64_t espnic_next_event(const struct espnic *card);

/* The time reached; inside a callback, its time. */
uint64_t espnic_now(const struct espnic *card);

/* ---- PCIe ---------------------------------------------------------------------------------- */

/* A store to BAR0 leaves the CPU at `time`. 4 or 8 bytes. False: time in the past, or no store (0 bytes, more than 8).
 * Whether the card knows the register is between the two; the card counts what it does not know. */
bool espnic_mmio_write(struct espnic *card, uint64_t time, uint32_t offset, uint32_t bytes,
                       uint64_t value);

/* The same for what a write-combining buffer holds: 4 to 64 bytes, a multiple of 4, that do not cross a line of 64. One
 * TLP. False also for what no such buffer can hold. Registers take no more than 8 bytes; windows do. */
bool espnic_mmio_burst(struct espnic *card, uint64_t time, uint32_t offset, const uint8_t *bytes,
                       uint32_t count);

/* A load leaves the CPU at `time`; mmio_done(tag) gives the answer. False as above. */
bool espnic_mmio_read(struct espnic *card, uint64_t time, uint32_t offset, uint32_t bytes,
                      uint64_t tag);

/* ---- wire ---------------------------------------------------------------------------------- */

/* The first bit of a frame's preamble arrives not before `time`: it is put behind the frame before it
 * if they would overlap. False: time in the past; no such port; longer than 65599 bytes; or the port keeps no more
 * frames ahead of their time (512 at least): go on when one of them has come. */
bool espnic_wire_rx(struct espnic *card, unsigned port_number, uint64_t time,
                    const struct espnic_frame *frame);

/* When the next frame could start on the wire; ESPNIC_NEVER: the port holds frames back (flow control,
 * or an idealised wire) and wire_ready() will tell; or there is no such port. */
uint64_t espnic_wire_free(struct espnic *card, unsigned port_number);

#endif
