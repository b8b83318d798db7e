/* What a card can do with an SA, and whether a node is within it.
 *
 * Malformed nodes and nodes beyond the card are told apart since the host sees different statuses
 * (O-2 in README.md, where all O-n are explained). */
#ifndef ESPNIC_SA_TABLE_CAPABILITIES_H
#define ESPNIC_SA_TABLE_CAPABILITIES_H

#include "engine/describe.h"
#include "esp/sa.h"

/* Why a node was or was not installed. */
enum sa_reason {
    SA_OK = 0,
    /* no room */
    SA_FULL,       /* the capacity is reached */
    SA_NO_SLOT,    /* the organisation found no place although the table is not full */
    SA_NO_IP_SLOT, /* the separate table of destination addresses is full (82599: 128) */
    SA_NO_MEMORY,  /* the simulator ran out of memory */
    /* refused */
    SA_DUPLICATE, /* same SPI, destination, protocol, IP version and direction as a present one */
    /* beyond the capabilities */
    SA_UNSUPPORTED_IPV6,
    SA_UNSUPPORTED_MODE,
    SA_UNSUPPORTED_AH,
    SA_UNSUPPORTED_ESP,
    SA_UNSUPPORTED_AH_ESP,
    SA_UNSUPPORTED_UDP,
    SA_UNSUPPORTED_ENCRYPTION,
    SA_UNSUPPORTED_AUTHENTICATION,
    SA_UNSUPPORTED_ICV,
    SA_UNSUPPORTED_ESN,
    SA_UNSUPPORTED_WINDOW,
    SA_UNSUPPORTED_DESTINATION, /* any destination (O-13), or SPI 0, where the table has no way to say so */
    SA_UNSUPPORTED_INBOUND, /* no table for received packets */
    /* malformed */
    SA_INVALID_COUNT,      /* not 1 or 2 entries */
    SA_INVALID_OPERATIONS, /* 2 that are not ESP and AH; AH first on send; UDP and AH */
    SA_INVALID_ADDRESS,    /* family not 4 or 6, or not the same */
    SA_INVALID_UDP,        /* UDP kind is not one of the five values */
    SA_INVALID_ALGORITHM,  /* no such combination for AH or ESP */
    SA_INVALID_KEY,    /* length is not the algorithm's, with or without salt; one of two missing */
    SA_INVALID_ICV,    /* length that the RFC does not allow */
    SA_INVALID_WINDOW, /* above 4096 */
    SA_INVALID_SEQUENCE, /* outbound 0; 64-bit number and upper half differ */
    SA_REASON_COUNT
};

/* Groups of reasons, for the choice of a status. */
enum sa_reason_class {
    SA_CLASS_OK,
    SA_CLASS_RESOURCES,   /* NDIS_STATUS_RESOURCES by default */
    SA_CLASS_DUPLICATE,   /* O-33: rejected */
    SA_CLASS_UNSUPPORTED, /* NDIS_STATUS_NOT_SUPPORTED by default */
    SA_CLASS_INVALID      /* NDIS_STATUS_INVALID_DATA by default */
};

/* "ok", "full", "no_slot", ..., as statistics name them. */
const char *sa_reason_name(enum sa_reason reason);
/* One sentence. */
const char *sa_reason_text(enum sa_reason reason);
enum sa_reason_class sa_reason_class(enum sa_reason reason);

#define SA_ALGORITHM(alg) (1u << (unsigned)(alg))
#define SA_ICV(bytes)     (1u << (unsigned)(bytes))

/* Bits set: supported. */
struct sa_capabilities {
    uint32_t
        encryption; /* SA_ALGORITHM of ciphers and AEADs; SA_ALGORITHM(ESP_ALG_NULL) for none */
    uint32_t authentication; /* SA_ALGORITHM of HMACs and GMACs; SA_ALGORITHM(ESP_ALG_NONE): a pure
                              * cipher without ICV is accepted */
    uint32_t aead_icvs;      /* SA_ICV: ICV lengths of AEAD ciphers, bytes */
    uint32_t udp;            /* bits of enum esp_udp */
    uint32_t window_min, window_max; /* packets; 0 and 0: no window at all */
    bool window_off;                 /* replay_window 0 is accepted */
    bool window_power_of_two;
    bool
        host_checks_replay; /* follows from card.offload: in crypto offload the window is the host's, any is
                              * accepted and none is kept */
    bool ipv6;
    bool ah, esp, ah_esp; /* ah_esp: both in one bundle */
    bool transport, tunnel;
    bool esn;
    /* Rules per packet; not checked for a node. */
    bool ipv4_options, ipv6_extensions, transport_tunnel, lso;
};

/* Everything, every window: the generic-* presets (packet offload). */
void sa_capabilities_all(struct sa_capabilities *capabilities);

/* The Intel 82599 (Linux ixgbe_ipsec.c, DPDK ixgbe_ipsec.c): GCM-128 and GMAC-128, ICV 16, ESP and AH, no ESN,
 * replay is the host's. Both modes, since the host builds all headers (DPDK uses both, Linux
 * transport only). */
void sa_capabilities_82599(struct sa_capabilities *capabilities);

/* Is the node well formed and within the card? Never a "no room" reason. The first that holds,
 * in the order: form of the node, form of the entries, capabilities. */
enum sa_reason sa_validate(const struct esp_node *node, const struct sa_capabilities *can);

/* Reads "aes-gcm-128,aes-cbc-256" or "all" or "none" into a mask of SA_ALGORITHM. Encryption or
 * authentication algorithms by `authentication`; there "no-icv" stands for a cipher without one.
 * False with a sentence in `error` for an unknown or misplaced name. */
bool sa_algorithm_mask(const char *list, bool authentication, uint32_t *mask, char *error,
                       size_t error_size);

/* Parameters of the switches and windows; the masks are read with sa_algorithm_mask. */
extern const struct param sa_capabilities_params[];
extern const size_t sa_capabilities_param_count;

#endif
