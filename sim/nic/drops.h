/* Why a packet did not come out as the sender of the packet hoped: one list, used for counters, for
 * completions and for the report. X(NAME, key, sentence) */
#ifndef ESPNIC_NIC_DROPS_H
#define ESPNIC_NIC_DROPS_H

/* The packet is gone. */
#define NIC_DROPS(X)                                                                                \
    X(RX_OVERFLOW, "rx_overflow",                                                                   \
      "the receive buffer had no room when the frame's last byte came")                             \
    X(RX_TOO_LONG, "rx_too_long", "longer than the MAC takes: card.mac.mtu and 256 bytes")          \
    X(RX_NO_DESCRIPTOR, "rx_no_descriptor", "no free receive descriptor")                           \
    X(RX_BUFFER_SMALL, "rx_buffer_small", "longer than the host's receive buffer")                  \
    X(BAD_ICV, "bad_icv", "the ICV does not match (packet offload)")                                \
    X(REPLAY, "replay", "sequence number already received")                                         \
    X(TOO_OLD, "too_old", "sequence number below the replay window")                                \
    X(SEQ_ZERO, "seq_zero", "sequence number 0, which no sender uses")                              \
    X(EXPIRED, "expired", "the SA is over a hard lifetime limit")                                   \
    X(BAD_LENGTH, "bad_length", "shorter than header, IV, trailer and ICV")                         \
    X(BAD_PADDING, "bad_padding", "padding is not 1, 2, 3, ... or longer than the payload")         \
    X(DUMMY, "dummy", "next header 59: traffic flow confidentiality dummy")                         \
    X(BAD_INNER, "bad_inner", "no valid IP packet inside the tunnel")                               \
    X(ECN, "ecn", "outer CE on an inner packet that is not ECN-capable (RFC 6040)")                 \
    X(SELECTOR, "selector", "the inner packet is outside the SA's selector")                        \
    X(WRONG_PROTOCOL, "wrong_protocol",                                                             \
      "the packet's IPsec protocol or encapsulation is not the SA's")                               \
    X(UNKNOWN_HANDLE, "unknown_handle", "send with a handle that names no live SA")                 \
    X(SEQ_EXHAUSTED, "seq_exhausted", "the SA has no sequence number left")                         \
    X(MTU, "mtu", "longer than the MTU after encapsulation")                                        \
    X(NOT_IP, "not_ip",                                                                             \
      "send with a handle, but the frame is not an IP packet that can be protected")                \
    X(RESET, "reset", "inside the card when it was reset")                                          \
    X(DMA_ERROR, "dma_error", "its transfer over PCIe failed")                                      \
    X(LSO, "lso",                                                                                   \
      "large send that cannot be cut: no such capability, not TCP, AH, or lengths that do not fit") \
    X(LSO_TUNNEL, "lso_tunnel", "large send for a tunnel, which is never cut (O-11)")               \
    X(FORWARD_FULL, "forward_full", "to be forwarded, but the transmit side had no room")           \
    X(ESN_LATE, "esn_late",                                                                         \
      "the card would give a number a second time: its driver is late with the upper half")

/* The card let it pass without processing it. */
#define NIC_BYPASSES(X)                                                                            \
    X(NOT_IPSEC, "not_ipsec", "no AH or ESP")                                                      \
    X(NO_SA, "no_sa", "no live SA for SPI, destination and protocol")                              \
    X(FRAGMENT, "fragment", "IP fragment")                                                         \
    X(OPTIONS, "options", "IP options or extension headers beyond the capabilities")               \
    X(MALFORMED, "malformed", "headers do not parse")                                              \
    X(OFFLOAD_OFF, "offload_off", "IPsec offload is not active")                                   \
    X(UNSUPPORTED, "unsupported", "combination of headers beyond the capabilities")

enum nic_drop {
    NIC_DROP_NONE = 0,
#define X(name, key, text) NIC_DROP_##name,
    NIC_DROPS(X)
#undef X
        NIC_DROP_COUNT
};

enum nic_bypass {
    NIC_BYPASS_NONE = 0,
#define X(name, key, text) NIC_BYPASS_##name,
    NIC_BYPASSES(X)
#undef X
        NIC_BYPASS_COUNT
};

const char *nic_drop_name(enum nic_drop drop);       /* "rx_overflow" */
const char *nic_bypass_name(enum nic_bypass bypass); /* "no_sa" */

#endif
