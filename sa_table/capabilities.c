#include "sa_table/capabilities.h"

#include <stdio.h>
#include <string.h>

#include "engine/nearest.h"
#include "sa_table/replay.h"

/* ---- reasons --------------------------------------------------------------------------------- */

struct reason {
    const char *name, *text;
    enum sa_reason_class class;
};

static const struct reason reasons[SA_REASON_COUNT] = {
    [SA_OK] = { "ok", "installed", SA_CLASS_OK },
    [SA_FULL] = { "full", "the SA table is full", SA_CLASS_RESOURCES },
    [SA_NO_SLOT] = { "no_slot", "the SA table has no slot for this key although it is not full",
                     SA_CLASS_RESOURCES },
    [SA_NO_IP_SLOT] = { "no_ip_slot", "the table of destination addresses is full",
                        SA_CLASS_RESOURCES },
    [SA_NO_MEMORY] = { "no_memory", "the simulator ran out of memory", SA_CLASS_RESOURCES },
    [SA_DUPLICATE] = { "duplicate", "SPI, destination and protocol are those of a present SA",
                       SA_CLASS_DUPLICATE },
    [SA_UNSUPPORTED_IPV6] = { "unsupported_ipv6", "the card has no IPv6", SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_MODE] = { "unsupported_mode", "the card has not this mode (transport, tunnel)",
                              SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_AH] = { "unsupported_ah", "the card has no AH", SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_ESP] = { "unsupported_esp", "the card has no ESP", SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_AH_ESP] = { "unsupported_ah_esp", "the card cannot do AH and ESP in one packet",
                                SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_UDP] = { "unsupported_udp", "the card has not this UDP encapsulation",
                             SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_ENCRYPTION] = { "unsupported_encryption",
                                    "the card has not this encryption algorithm",
                                    SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_AUTHENTICATION] = { "unsupported_authentication",
                                        "the card has not this authentication algorithm",
                                        SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_ICV] = { "unsupported_icv", "the card has not this ICV length",
                             SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_ESN] = { "unsupported_esn", "the card has no extended sequence numbers",
                             SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_WINDOW] = { "unsupported_window", "the card has not exactly this replay window",
                                SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_DESTINATION] = { "unsupported_destination",
                                     "the card finds SAs by one exact destination and an SPI above 0",
                                     SA_CLASS_UNSUPPORTED },
    [SA_UNSUPPORTED_INBOUND] = { "unsupported_inbound",
                                 "the card has no table of SAs for received packets",
                                 SA_CLASS_UNSUPPORTED },
    [SA_INVALID_COUNT] = { "invalid_count", "a node has 1 or 2 SAs", SA_CLASS_INVALID },
    [SA_INVALID_OPERATIONS] = { "invalid_operations",
                                "two SAs are one ESP and one AH, ESP first on send; UDP "
                                "encapsulation is for a single ESP",
                                SA_CLASS_INVALID },
    [SA_INVALID_ADDRESS] = { "invalid_address", "source and destination are both IPv4 or both IPv6",
                             SA_CLASS_INVALID },
    [SA_INVALID_UDP] = { "invalid_udp", "no such UDP encapsulation", SA_CLASS_INVALID },
    [SA_INVALID_ALGORITHM] = { "invalid_algorithm",
                               "AH has authentication only; ESP has a combined cipher alone, or a "
                               "cipher, an authentication, or both",
                               SA_CLASS_INVALID },
    [SA_INVALID_KEY] = { "invalid_key",
                         "the key has not the algorithm's length, or one of two is missing",
                         SA_CLASS_INVALID },
    [SA_INVALID_ICV] = { "invalid_icv", "the algorithm has no ICV of this length",
                         SA_CLASS_INVALID },
    [SA_INVALID_WINDOW] = { "invalid_window", "a replay window has at most 4096 packets",
                            SA_CLASS_INVALID },
    [SA_INVALID_SEQUENCE] = { "invalid_sequence",
                              "an outbound SA starts at 1 or above, and the upper half of the "
                              "number equals seq_hi",
                              SA_CLASS_INVALID },
};

const char *sa_reason_name(enum sa_reason reason)
{
    return reasons[reason].name;
}

const char *sa_reason_text(enum sa_reason reason)
{
    return reasons[reason].text;
}

enum sa_reason_class sa_reason_class(enum sa_reason reason)
{
    return reasons[reason].class;
}

/* ---- form ------------------------------------------------------------------------------------ */

static bool no_encryption(enum esp_alg alg)
{
    return alg == ESP_ALG_NONE || alg == ESP_ALG_NULL;
}

static bool is_authentication(enum esp_alg alg)
{
    enum esp_alg_kind kind = esp_alg_info(alg)->kind;

    return kind == ESP_KIND_HMAC || kind == ESP_KIND_GMAC;
}

/* IPSEC_OFFLOAD_V2_SECURITY_ASSOCIATION: AH has authentication only; a combined cipher stands alone; ESP has at
 * least one of the two. GMAC brings an IV of its own, so it goes with NULL only (RFC 4543). */
static bool algorithms_fit(const struct esp_sa *sa)
{
    if (sa->op == ESP_OP_AH) {
        return no_encryption(sa->enc.alg) && is_authentication(sa->auth.alg);
    }
    switch (esp_alg_info(sa->enc.alg)->kind) {
    case ESP_KIND_AEAD: return sa->auth.alg == ESP_ALG_NONE;
    case ESP_KIND_NONE:
    case ESP_KIND_CIPHER: break;
    default: return false;
    }
    if (no_encryption(sa->enc.alg)) {
        return is_authentication(sa->auth.alg);
    }
    return sa->auth.alg == ESP_ALG_NONE || esp_alg_info(sa->auth.alg)->kind == ESP_KIND_HMAC;
}

/* Key with or without salt (O-9), or none at all (timing only). */
static bool key_fits(const struct esp_key *key)
{
    const struct esp_alg_info *info = esp_alg_info(key->alg);

    return key->length == 0 || key->length == info->key_bytes ||
           key->length == info->key_bytes + info->salt_bytes;
}

static bool keys_fit(const struct esp_sa *sa)
{
    bool enc = esp_alg_info(sa->enc.alg)->key_bytes != 0;
    bool auth = esp_alg_info(sa->auth.alg)->key_bytes != 0;

    return key_fits(&sa->enc) && key_fits(&sa->auth) &&
           !(enc && auth && (sa->enc.length == 0) != (sa->auth.length == 0));
}

static bool icv_fits(const struct esp_key *key)
{
    return esp_alg_info(key->alg)->icv_default == 0 ? key->icv == 0
                                                    : esp_alg_icv_allowed(key->alg, key->icv);
}

static bool sequence_fits(const struct esp_sa *sa, enum esp_dir dir)
{
    if (dir == ESP_DIR_OUT && sa->seq == 0) {
        return false;
    }
    return sa->esn ? sa->seq >> 32 == sa->seq_hi : sa->seq <= UINT32_MAX;
}

static enum sa_reason entry_form(const struct esp_sa *sa, enum esp_dir dir)
{
    if ((sa->op != ESP_OP_AH && sa->op != ESP_OP_ESP)) {
        return SA_INVALID_OPERATIONS;
    }
    if ((unsigned)sa->enc.alg >= ESP_ALG_COUNT || (unsigned)sa->auth.alg >= ESP_ALG_COUNT ||
        !algorithms_fit(sa)) {
        return SA_INVALID_ALGORITHM;
    }
    if (!keys_fit(sa)) {
        return SA_INVALID_KEY;
    }
    if (!icv_fits(&sa->enc) || !icv_fits(&sa->auth)) {
        return SA_INVALID_ICV;
    }
    if (dir == ESP_DIR_IN && sa->replay_window > REPLAY_MAX_WINDOW) {
        return SA_INVALID_WINDOW;
    }
    return sequence_fits(sa, dir) ? SA_OK : SA_INVALID_SEQUENCE;
}

/* The only bundle of two is ESP and AH, with ESP first on send, as IPsecOV2 has it. On
 * receive either order is taken: the packet says which comes first. */
static bool operations_fit(const struct esp_node *node)
{
    if (node->udp != ESP_UDP_NONE) {
        return node->sa_count == 1 && node->sa[0].op == ESP_OP_ESP;
    }
    return node->sa_count == 1 || (node->sa[0].op == ESP_OP_ESP && node->sa[1].op == ESP_OP_AH) ||
           (node->dir == ESP_DIR_IN && node->sa[0].op == ESP_OP_AH && node->sa[1].op == ESP_OP_ESP);
}

static enum sa_reason node_form(const struct esp_node *node)
{
    if (node->sa_count < 1 || node->sa_count > ESP_MAX_SAS) {
        return SA_INVALID_COUNT;
    }
    if ((node->src.family != 4 && node->src.family != 6) || node->dst.family != node->src.family) {
        return SA_INVALID_ADDRESS;
    }
    switch (node->udp) {
    case ESP_UDP_NONE:
    case ESP_UDP_TRANSPORT:
    case ESP_UDP_TUNNEL:
    case ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL:
    case ESP_UDP_TRANSPORT_OVER_TUNNEL: break;
    default: return SA_INVALID_UDP;
    }
    if (!operations_fit(node)) {
        return SA_INVALID_OPERATIONS;
    }
    for (unsigned i = 0; i < node->sa_count; i++) {
        enum sa_reason reason = entry_form(&node->sa[i], node->dir);

        if (reason != SA_OK) {
            return reason;
        }
    }
    return SA_OK;
}

/* ---- capabilities ---------------------------------------------------------------------------- */

static bool window_supported(uint32_t window, const struct sa_capabilities *can)
{
    if (can->host_checks_replay) {
        return true;
    }
    if (window == 0) {
        return can->window_off;
    }
    return window >= can->window_min && window <= can->window_max &&
           (!can->window_power_of_two || (window & (window - 1)) == 0);
}

static enum sa_reason entry_supported(const struct esp_sa *sa, enum esp_dir dir,
                                      const struct sa_capabilities *can)
{
    enum esp_alg enc = sa->enc.alg == ESP_ALG_NONE ? ESP_ALG_NULL : sa->enc.alg;
    bool aead = esp_alg_info(enc)->kind == ESP_KIND_AEAD;

    if (sa->op == ESP_OP_AH && !can->ah) {
        return SA_UNSUPPORTED_AH;
    }
    if (sa->op == ESP_OP_ESP) {
        if (!can->esp) {
            return SA_UNSUPPORTED_ESP;
        }
        if ((can->encryption & SA_ALGORITHM(enc)) == 0) {
            return SA_UNSUPPORTED_ENCRYPTION;
        }
    }
    if (!aead && (can->authentication & SA_ALGORITHM(sa->auth.alg)) == 0) {
        return SA_UNSUPPORTED_AUTHENTICATION;
    }
    if (aead && (can->aead_icvs & SA_ICV(sa->enc.icv)) == 0) {
        return SA_UNSUPPORTED_ICV;
    }
    if (sa->esn && !can->esn) {
        return SA_UNSUPPORTED_ESN;
    }
    return dir == ESP_DIR_OUT || window_supported(sa->replay_window, can) ? SA_OK
                                                                          : SA_UNSUPPORTED_WINDOW;
}

enum sa_reason sa_validate(const struct esp_node *node, const struct sa_capabilities *can)
{
    enum sa_reason reason = node_form(node);

    if (reason != SA_OK) {
        return reason;
    }
    if (node->src.family == 6 && !can->ipv6) {
        return SA_UNSUPPORTED_IPV6;
    }
    if (!(node->mode == ESP_MODE_TUNNEL ? can->tunnel : can->transport)) {
        return SA_UNSUPPORTED_MODE;
    }
    if (node->sa_count == 2 && !can->ah_esp) {
        return SA_UNSUPPORTED_AH_ESP;
    }
    if (((uint32_t)node->udp & ~can->udp) != 0) {
        return SA_UNSUPPORTED_UDP;
    }
    for (unsigned i = 0; i < node->sa_count && reason == SA_OK; i++) {
        reason = entry_supported(&node->sa[i], node->dir, can);
    }
    return reason;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static uint32_t all_algorithms(bool authentication)
{
    uint32_t mask = authentication ? SA_ALGORITHM(ESP_ALG_NONE) : 0;

    for (int i = ESP_ALG_NONE + 1; i < ESP_ALG_COUNT; i++) {
        if (is_authentication((enum esp_alg)i) == authentication) {
            mask |= SA_ALGORITHM(i);
        }
    }
    return mask;
}

void sa_capabilities_all(struct sa_capabilities *capabilities)
{
    *capabilities = (struct sa_capabilities){
        .encryption = all_algorithms(false),
        .authentication = all_algorithms(true),
        .aead_icvs = SA_ICV(8) | SA_ICV(12) | SA_ICV(16),
        .udp = ESP_UDP_TRANSPORT | ESP_UDP_TUNNEL | ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL |
               ESP_UDP_TRANSPORT_OVER_TUNNEL,
        .window_min = 1,
        .window_max = REPLAY_MAX_WINDOW,
        .window_off = true,
        .ipv6 = true,
        .ah = true,
        .esp = true,
        .ah_esp = true,
        .transport = true,
        .tunnel = true,
        .esn = true,
        .ipv4_options = true,
        .ipv6_extensions = true,
        .transport_tunnel = true,
        .lso = true,
    };
}

void sa_capabilities_82599(struct sa_capabilities *capabilities)
{
    *capabilities = (struct sa_capabilities){
        .encryption = SA_ALGORITHM(ESP_ALG_AES_GCM_128) | SA_ALGORITHM(ESP_ALG_NULL),
        .authentication = SA_ALGORITHM(ESP_ALG_AES_GMAC_128),
        .aead_icvs = SA_ICV(16),
        .window_off = true,
        .host_checks_replay = true,
        .ipv6 = true,
        .ah = true,
        .esp = true,
        .transport = true,
        .tunnel = true,
        .lso = true,
    };
}

static bool add_name(const char *name, size_t length, bool authentication, uint32_t *mask)
{
    enum esp_alg alg = esp_alg_by_name(name, length);

    if (authentication && length == 6 && memcmp(name, "no-icv", 6) == 0) {
        alg = ESP_ALG_NONE;
    } else if (alg == ESP_ALG_NONE || is_authentication(alg) != authentication) {
        return false;
    }
    *mask |= SA_ALGORITHM(alg);
    return true;
}

static void refuse_name(const char *name, size_t length, bool authentication, char *error,
                        size_t error_size)
{
    char wanted[64];
    const char *near = NULL;
    unsigned distance = 0;

    snprintf(wanted, sizeof wanted, "%.*s", (int)(length < 63 ? length : 63), name);
    for (unsigned a = 1; a < ESP_ALG_COUNT; a++) {
        if (is_authentication((enum esp_alg)a) == authentication) {
            nearest_offer(wanted, esp_algorithms[a].name, &near, &distance);
        }
    }
    near = near && nearest_plausible(wanted, distance) ? near : NULL;
    snprintf(
        error, error_size,
        "found \"%.*s\", expected \"all\", \"none\" or %s algorithms separated by commas%s%s%s",
        (int)length, name, authentication ? "authentication" : "encryption",
        near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

bool sa_algorithm_mask(const char *list, bool authentication, uint32_t *mask, char *error,
                       size_t error_size)
{
    uint32_t result = 0;

    if (strcmp(list, "all") == 0 || strcmp(list, "none") == 0) {
        *mask = list[0] == 'a' ? all_algorithms(authentication) : 0;
        return true;
    }
    for (const char *name = list;; name++) {
        size_t length = strcspn(name, ",");

        if (!add_name(name, length, authentication, &result)) {
            refuse_name(name, length, authentication, error, error_size);
            return false;
        }
        name += length;
        if (*name == '\0') {
            break;
        }
    }
    *mask = result;
    return true;
}

#define FIELD(name) #name, PARAM_BOOL, PARAM_FIELD(struct sa_capabilities, name)

const struct param sa_capabilities_params[] = {
    { "window_min", PARAM_U32, PARAM_FIELD(struct sa_capabilities, window_min), 1, 0,
      REPLAY_MAX_WINDOW, NULL, NULL, "Smallest replay window, packets." },
    { "window_max", PARAM_U32, PARAM_FIELD(struct sa_capabilities, window_max), REPLAY_MAX_WINDOW,
      0, REPLAY_MAX_WINDOW, NULL, NULL, "Largest replay window, packets." },
    { FIELD(window_off), 1, 0, 1, NULL, NULL, "SAs without replay window are accepted." },
    { FIELD(window_power_of_two), 0, 0, 1, NULL, NULL, "Only powers of two as replay window." },
    { FIELD(ipv6), 1, 0, 1, NULL, NULL, "SAs between IPv6 addresses." },
    { FIELD(ah), 1, 0, 1, NULL, NULL, "AH (RFC 4302), alone or around ESP." },
    { FIELD(esp), 1, 0, 1, NULL, NULL, "ESP (RFC 4303)." },
    { FIELD(ah_esp), 1, 0, 1, NULL, NULL, "AH and ESP in one packet (a bundle of two SAs)." },
    { FIELD(transport), 1, 0, 1, NULL, NULL, "Transport mode." },
    { FIELD(tunnel), 1, 0, 1, NULL, NULL, "Tunnel mode." },
    { FIELD(esn), 1, 0, 1, NULL, NULL, "Extended sequence numbers." },
    { FIELD(ipv4_options), 1, 0, 1, NULL, NULL, "Packets with IPv4 options are processed." },
    { FIELD(ipv6_extensions), 1, 0, 1, NULL, NULL,
      "Packets with IPv6 extension headers beside AH and ESP are processed." },
    { FIELD(transport_tunnel), 1, 0, 1, NULL, NULL,
      "Packets with a transport SA inside a tunnel SA are processed in one pass." },
    { FIELD(lso), 1, 0, 1, NULL, NULL, "Large send offload together with IPsec (O-11)." },
};
const size_t sa_capabilities_param_count = PARAM_COUNT(sa_capabilities_params);
