#include "esp/esp.h"

#include <string.h>

#include "esp/frame_internal.h"

const char *esp_status_name(enum esp_status status)
{
    static const char *const names[ESP_STATUS_COUNT] = {
        "ok",          "pending",  "bad_icv",        "truncated",
        "bad_padding", "dummy",    "wrong_protocol", "unsupported",
        "bad_inner",   "ecn_drop", "no_room",        "too_long",
    };
    return (unsigned)status < ESP_STATUS_COUNT ? names[status] : "unknown";
}

/* ---- transforms ---------------------------------------------------------------------------- */

void esp_transform_init(struct esp_transform *transform, uint8_t icv_wanted)
{
    const struct esp_alg_info *enc = esp_alg_info((enum esp_alg)transform->enc);
    const struct esp_alg_info *auth = esp_alg_info((enum esp_alg)transform->auth);
    const struct esp_alg_info *checker = enc->kind == ESP_KIND_AEAD ? enc : auth;
    transform->icv = icv_wanted != 0 ? icv_wanted : checker->icv_default;
    if (checker->kind == ESP_KIND_NONE) {
        transform->icv = 0;
    }
    transform->iv = enc->iv_bytes != 0 ? enc->iv_bytes : auth->iv_bytes;
    transform->align = enc->block_bytes > 4 ? enc->block_bytes : 4; /* RFC 4303 2.4 */
}

void esp_transform_of_node(const struct esp_node *node, unsigned index,
                           struct esp_transform *transform)
{
    const struct esp_sa *sa = &node->sa[index];
    unsigned next_to_clear = node->dir == ESP_DIR_OUT ? 0 : (unsigned)node->sa_count - 1;
    bool tunnel = node->mode == ESP_MODE_TUNNEL;
    bool udp = node->udp == ESP_UDP_TRANSPORT || node->udp == ESP_UDP_TUNNEL ||
               (node->udp == ESP_UDP_TRANSPORT_OVER_UDP_TUNNEL && tunnel) ||
               (node->udp == ESP_UDP_TRANSPORT_OVER_TUNNEL && !tunnel);
    *transform = (struct esp_transform){
        .op = (uint8_t)sa->op,
        .mode = tunnel && index == next_to_clear ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT,
        .udp = udp && sa->op == ESP_OP_ESP,
        .esn = sa->esn,
        .enc = (uint8_t)sa->enc.alg,
        .auth = (uint8_t)sa->auth.alg,
        .spi = sa->spi,
        .encap_sport = node->encap_sport,
        .encap_dport = node->encap_dport,
        .src = node->src,
        .dst = node->dst,
    };
    bool aead = esp_alg_info(sa->enc.alg)->kind == ESP_KIND_AEAD;
    esp_transform_init(transform, aead ? sa->enc.icv : sa->auth.icv);
}

/* ---- lengths ------------------------------------------------------------------------------- */

uint32_t esp_ah_bytes(const struct esp_transform *transform, uint8_t version)
{
    uint32_t bytes = ESP_AH_FIXED + (uint32_t)transform->iv + transform->icv;
    uint32_t unit = version == 6 ? 8 : 4;
    return (bytes + unit - 1) / unit * unit;
}

static uint32_t ip_bytes(uint8_t version)
{
    return version == 6 ? ESP_IPV6_HEADER : ESP_IPV4_HEADER;
}

void esp_lengths_of(const struct esp_transform *transform, uint8_t version, uint32_t l3_length,
                    uint32_t l3_header, uint32_t tfc, struct esp_lengths *lengths)
{
    bool tunnel = transform->mode == ESP_MODE_TUNNEL;
    uint8_t outer = tunnel ? transform->dst.family : version;
    memset(lengths, 0, sizeof *lengths);
    lengths->tfc = tunnel && transform->op == ESP_OP_ESP ? tfc : 0;
    lengths->payload = (tunnel ? l3_length : l3_length - l3_header) + lengths->tfc;
    lengths->front = tunnel ? ip_bytes(outer) : 0;
    if (transform->op == ESP_OP_AH) {
        lengths->front += esp_ah_bytes(transform, outer);
    } else {
        uint32_t align = transform->align;
        lengths->front += ESP_HEADER + (uint32_t)transform->iv;
        lengths->front += transform->udp ? ESP_UDP_HEADER : 0;
        lengths->pad = (align - (lengths->payload + 2) % align) % align;
        lengths->trailer = lengths->pad + 2;
        lengths->icv = transform->icv;
    }
    lengths->l3_length =
        l3_length + lengths->front + lengths->tfc + lengths->trailer + lengths->icv;
}

uint32_t esp_longest_inner(const struct esp_transform *transform, uint8_t version,
                           uint32_t l3_header, uint32_t mtu)
{
    /* Without padding the answer is at most one alignment unit too long. */
    struct esp_lengths lengths;
    uint32_t least = transform->mode == ESP_MODE_TUNNEL ? 1 : l3_header;
    esp_lengths_of(transform, version, least, l3_header, 0, &lengths);
    uint32_t added = lengths.l3_length - lengths.pad - least;
    if (mtu < added + least) {
        return 0;
    }
    uint32_t inner = mtu - added;
    for (; inner >= least; inner--) {
        esp_lengths_of(transform, version, inner, l3_header, 0, &lengths);
        if (lengths.l3_length <= mtu) {
            return inner;
        }
    }
    return 0;
}

uint32_t esp_inner_length(const struct esp_transform *transform, const struct esp_view *view,
                          uint32_t pad_length)
{
    bool tunnel = transform->mode == ESP_MODE_TUNNEL;
    bool ah = transform->op == ESP_OP_AH;
    uint32_t at = ah ? view->ah : view->esp;
    uint32_t added = ah ? esp_ah_bytes(transform, view->version)
                        : ESP_HEADER + (uint32_t)transform->iv + pad_length + 2 + transform->icv;
    if (at == 0 || view->ipsec_end < at || view->ipsec_end - at < added) {
        return 0;
    }
    uint32_t payload = view->ipsec_end - at - added;
    if (tunnel) {
        return payload;
    }
    uint32_t header = at - view->l3;
    return header + payload - (transform->udp && !ah ? ESP_UDP_HEADER : 0);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

bool esp_bounds_of_view(const struct esp_view *view, bool behind_ah, struct esp_bounds *bounds)
{
    uint32_t at = view->kind == ESP_PACKET_AH && !behind_ah ? view->ah : view->esp;
    if (view->kind != ESP_PACKET_AH && behind_ah) {
        return false;
    }
    *bounds = (struct esp_bounds){ .l3 = view->l3, .ipsec = at, .end = view->ipsec_end };
    return at != 0;
}

static enum esp_status job_status(enum esp_job_state state)
{
    switch (state) {
    case ESP_JOB_PENDING: return ESP_PENDING;
    case ESP_JOB_OK: return ESP_OK;
    case ESP_JOB_BAD_ICV: return ESP_BAD_ICV;
    default: return ESP_UNSUPPORTED;
    }
}

enum esp_status esp_finish(struct esp_crypt *crypt, struct esp_job *job)
{
    return job_status(esp_crypt_finish(crypt, job));
}

/* What ESP encrypts and authenticates: RFC 4303 3.3.2, 4106 5 (AEAD), 4543 3.3 (GMAC). */
static enum esp_status esp_prepare(struct esp_job *job, const struct esp_transform *transform,
                                   uint8_t *frame, const struct esp_bounds *bounds, uint32_t seq_hi)
{
    uint32_t front = ESP_HEADER + (uint32_t)transform->iv;
    if (bounds->end < bounds->ipsec ||
        bounds->end - bounds->ipsec < front + 2 + (uint32_t)transform->icv) {
        return ESP_TRUNCATED;
    }
    enum esp_alg_kind auth = esp_alg_info((enum esp_alg)transform->auth)->kind;
    uint8_t *header = frame + bounds->ipsec;
    uint32_t text_length = bounds->end - bounds->ipsec - front - transform->icv;
    if (text_length % esp_alg_info((enum esp_alg)transform->enc)->block_bytes != 0) {
        return ESP_TRUNCATED;
    }
    bool ciphered = esp_alg_info((enum esp_alg)transform->enc)->iv_bytes != 0;
    job->iv = header + ESP_HEADER;
    job->text = ciphered ? header + front : NULL;
    job->text_length = ciphered ? text_length : 0;
    job->icv = header + front + text_length;
    job->auth = NULL;
    job->auth_length = job->aad_length = 0;
    job->tail_length = 0;
    if (auth == ESP_KIND_HMAC) {
        job->auth = header;
        job->auth_length = front + text_length;
        job->tail_length = transform->esn ? 4 : 0;
        esp_put32(job->tail, seq_hi);
        return ESP_OK;
    }
    memcpy(job->scratch_aad, header, 4);
    if (transform->esn) {
        esp_put32(job->scratch_aad + 4, seq_hi);
    }
    memcpy(job->scratch_aad + (transform->esn ? 8 : 4), header + 4, 4);
    job->aad = job->scratch_aad;
    job->aad_length = transform->esn ? 12 : 8;
    if (auth == ESP_KIND_GMAC) {
        job->auth = header + ESP_HEADER;
        job->auth_length = transform->iv + text_length;
    }
    return ESP_OK;
}

static enum esp_status start(struct esp_crypt *crypt, struct esp_job *job,
                             const struct esp_transform *transform, struct esp_key_ref key,
                             const struct esp_suite *suite, uint8_t *frame,
                             const struct esp_bounds *bounds, uint32_t seq_hi)
{
    job->state = ESP_JOB_IDLE;
    job->key = key;
    job->saved_length = 0;
    job->expect_given = false;
    if (suite->enc != transform->enc || suite->auth != transform->auth ||
        suite->icv != transform->icv) {
        return ESP_UNSUPPORTED;
    }
    bool ah = transform->op == ESP_OP_AH;
    enum esp_status status =
        (ah ? esp_ah_prepare : esp_prepare)(job, transform, frame, bounds, seq_hi);
    if (status != ESP_OK) {
        return status;
    }
    esp_crypt_submit(crypt, job, suite);
    return job_status((enum esp_job_state)job->state);
}

enum esp_status esp_protect(struct esp_crypt *crypt, struct esp_job *job,
                            const struct esp_transform *transform, struct esp_key_ref key,
                            const struct esp_suite *suite, uint8_t *frame,
                            const struct esp_bounds *bounds, uint32_t seq_hi)
{
    job->seal = true;
    return start(crypt, job, transform, key, suite, frame, bounds, seq_hi);
}

enum esp_status esp_verify(struct esp_crypt *crypt, struct esp_job *job,
                           const struct esp_transform *transform, struct esp_key_ref key,
                           const struct esp_suite *suite, uint8_t *frame,
                           const struct esp_bounds *bounds, uint32_t seq_hi)
{
    job->seal = false;
    return start(crypt, job, transform, key, suite, frame, bounds, seq_hi);
}

/* ---- trailer ------------------------------------------------------------------------------- */

static enum esp_status read_ah(const struct esp_transform *transform, const uint8_t *frame,
                               const struct esp_bounds *bounds, struct esp_trailer *trailer)
{
    const uint8_t *ah = frame + bounds->ipsec;
    uint32_t room = bounds->end - bounds->ipsec;
    uint32_t length = room >= 2 ? ((uint32_t)ah[1] + 2) * 4 : 0;
    if (length > room || length < ESP_AH_FIXED + (uint32_t)transform->iv + transform->icv) {
        return ESP_TRUNCATED;
    }
    trailer->next_header = ah[0];
    trailer->payload = bounds->ipsec + length;
    trailer->payload_length = room - length;
    return ESP_OK;
}

enum esp_status esp_read_trailer(const struct esp_transform *transform, const uint8_t *frame,
                                 const struct esp_bounds *bounds, struct esp_trailer *trailer)
{
    memset(trailer, 0, sizeof *trailer);
    if (bounds->end < bounds->ipsec) {
        return ESP_TRUNCATED;
    }
    if (transform->op == ESP_OP_AH) {
        return read_ah(transform, frame, bounds, trailer);
    }
    uint32_t front = ESP_HEADER + (uint32_t)transform->iv;
    if (bounds->end - bounds->ipsec < front + 2 + (uint32_t)transform->icv) {
        return ESP_TRUNCATED;
    }
    uint32_t payload = bounds->ipsec + front;
    uint32_t end = bounds->end - transform->icv - 2; /* of the padding */
    trailer->payload = payload;
    trailer->pad_length = frame[end];
    trailer->next_header = frame[end + 1];
    if (trailer->pad_length > end - payload) {
        return ESP_BAD_PADDING;
    }
    trailer->payload_length = end - payload - trailer->pad_length;
    if (trailer->next_header == ESP_PROTO_NONE) {
        return ESP_DUMMY;
    }
    const uint8_t *pad = frame + end - trailer->pad_length;
    for (uint32_t i = 0; i < trailer->pad_length; i++) {
        if (pad[i] != i + 1) {
            return ESP_BAD_PADDING;
        }
    }
    return ESP_OK;
}

/* ---- whole packets ------------------------------------------------------------------------- */

enum esp_status esp_seal_packet(struct esp_crypt *crypt, const struct esp_node *node,
                                const struct esp_key_ref key[ESP_MAX_SAS],
                                struct esp_packet *packet,
                                const struct esp_encap encap[ESP_MAX_SAS])
{
    for (unsigned i = 0; i < node->sa_count; i++) {
        struct esp_transform transform;
        struct esp_suite suite;
        struct esp_bounds bounds;
        struct esp_job job;
        esp_transform_of_node(node, i, &transform);
        esp_suite_of_sa(&node->sa[i], &suite);
        suite.icv = transform.icv;
        enum esp_status status = esp_encapsulate(&transform, packet, &encap[i], &bounds);
        if (status != ESP_OK) {
            return status;
        }
        status = esp_protect(crypt, &job, &transform, key[i], &suite, esp_packet_bytes(packet),
                             &bounds, (uint32_t)(encap[i].seq >> 32));
        if (status == ESP_PENDING) {
            status = esp_finish(crypt, &job);
        }
        if (status != ESP_OK) {
            return status;
        }
    }
    return ESP_OK;
}

static enum esp_status open_one(struct esp_crypt *crypt, const struct esp_node *node,
                                unsigned index, struct esp_key_ref key, struct esp_packet *packet,
                                uint32_t seq_hi, const struct esp_ports *ports,
                                struct esp_opened *opened)
{
    struct esp_transform transform;
    struct esp_suite suite;
    struct esp_bounds bounds;
    struct esp_view view;
    struct esp_job job;
    esp_transform_of_node(node, index, &transform);
    esp_suite_of_sa(&node->sa[index], &suite);
    suite.icv = transform.icv;
    uint8_t *frame = esp_packet_bytes(packet);
    esp_parse_ip(frame, packet->length, packet->length, packet->l3, ports, &view);
    uint8_t expected = transform.op == ESP_OP_AH ? ESP_PACKET_AH
                       : transform.udp           ? ESP_PACKET_UDP_ESP
                                                 : ESP_PACKET_ESP;
    if (view.kind != expected || view.spi != transform.spi) {
        return ESP_WRONG_PROTOCOL;
    }
    esp_bounds_of_view(&view, false, &bounds);
    enum esp_status status =
        esp_verify(crypt, &job, &transform, key, &suite, frame, &bounds, seq_hi);
    if (status == ESP_PENDING) {
        status = esp_finish(crypt, &job);
    }
    return status == ESP_OK ? esp_decapsulate(&transform, packet, &bounds, opened) : status;
}

enum esp_status esp_open_packet(struct esp_crypt *crypt, const struct esp_node *node,
                                const struct esp_key_ref key[ESP_MAX_SAS],
                                struct esp_packet *packet, const uint32_t seq_hi[ESP_MAX_SAS],
                                const struct esp_ports *ports, struct esp_opened *opened,
                                unsigned *failed)
{
    for (unsigned i = 0; i < node->sa_count; i++) {
        enum esp_status status = open_one(crypt, node, i, key[i], packet, seq_hi[i], ports, opened);
        if (status != ESP_OK) {
            if (failed != NULL) {
                *failed = i;
            }
            return status;
        }
    }
    return ESP_OK;
}
