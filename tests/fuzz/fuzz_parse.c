/* Any bytes as a frame: parse it, open it as if each kind of SA had sent it, and protect it.
 * The first byte chooses the SA, the rest is the frame. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

enum { ROOM = 600, MOST = 4096 };

static struct esp_crypt *crypt;

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* 16 nodes: ESP without integrity (so that garbage reaches decapsulation), ESP with CBC, AH; two
 * modes; over UDP; both families. */
static void choose_node(uint8_t choice, struct esp_node *node)
{
    memset(node, 0, sizeof *node);
    node->dir = ESP_DIR_IN;
    node->mode = (choice & 1) != 0 ? ESP_MODE_TUNNEL : ESP_MODE_TRANSPORT;
    node->udp = (choice & 2) == 0               ? ESP_UDP_NONE
                : node->mode == ESP_MODE_TUNNEL ? ESP_UDP_TUNNEL
                                                : ESP_UDP_TRANSPORT;
    node->encap_sport = node->encap_dport = 4500;
    node->src.family = node->dst.family = (choice & 4) != 0 ? 6 : 4;
    node->sa_count = 1;
    struct esp_sa *sa = &node->sa[0];
    sa->op = (choice & 24) == 24 ? ESP_OP_AH : ESP_OP_ESP;
    sa->spi = 0x01020304;
    sa->esn = (choice & 32) != 0;
    if (sa->op == ESP_OP_AH) {
        sa->auth = (struct esp_key){ .alg = ESP_ALG_SHA_256, .icv = 16, .length = 32 };
    } else if ((choice & 8) != 0) {
        sa->enc = (struct esp_key){ .alg = ESP_ALG_AES_CBC_128, .length = 16 };
    } else {
        sa->enc = (struct esp_key){ .alg = ESP_ALG_NULL };
    }
}

static void check_view(const struct esp_view *view, uint32_t size)
{
    struct esp_bounds bounds;
    require(view->kind < ESP_PACKET_KINDS);
    if (esp_bounds_of_view(view, false, &bounds)) {
        require(bounds.ipsec + ESP_HEADER <= bounds.end && bounds.end <= size);
    }
}

static void open_it(const struct esp_node *node, const uint8_t *frame, uint32_t size, uint32_t l3)
{
    uint8_t *buffer = malloc(size + 1);
    struct esp_packet packet = { buffer, size, 0, size, l3 };
    struct esp_key_ref key[2] = { { 0, 0 }, { 0, 0 } };
    uint32_t seq_hi[2] = { 1, 1 };
    struct esp_opened opened;
    if (buffer == NULL) {
        return;
    }
    memcpy(buffer, frame, size);
    /* Take the SPI of the frame, so that it is not refused for that. */
    struct esp_node mine = *node;
    struct esp_view view;
    esp_parse_ip(buffer, size, size, l3, NULL, &view);
    mine.sa[0].spi = view.spi;
    key[0].id = (uint32_t)node->sa[0].op * 8 + node->sa[0].enc.alg;
    enum esp_status status =
        esp_open_packet(crypt, &mine, key, &packet, seq_hi, NULL, &opened, NULL);
    require(status < ESP_STATUS_COUNT && status != ESP_PENDING);
    require(packet.start + packet.length <= size);
    free(buffer);
}

static void seal_it(struct esp_node *node, const uint8_t *frame, uint32_t size, uint32_t l3)
{
    uint32_t capacity = size + ROOM;
    uint8_t *buffer = malloc(capacity);
    struct esp_packet packet = { buffer, capacity, ROOM / 2, size, l3 };
    struct esp_key_ref key[2] = { { 0, 0 }, { 0, 0 } };
    struct esp_encap encap[2] = { { .seq = 7, .tfc = size % 3 }, { .seq = 8 } };
    if (buffer == NULL) {
        return;
    }
    memcpy(buffer + packet.start, frame, size);
    node->dir = ESP_DIR_OUT;
    key[0].id = (uint32_t)node->sa[0].op * 8 + node->sa[0].enc.alg;
    enum esp_status status = esp_seal_packet(crypt, node, key, &packet, encap);
    require(packet.start + packet.length <= capacity);
    if (status == ESP_OK) {
        uint32_t seq_hi[2] = { 0, 0 };
        struct esp_opened opened;
        node->dir = ESP_DIR_IN;
        status = esp_open_packet(crypt, node, key, &packet, seq_hi, NULL, &opened, NULL);
        /* What we made, we can open; but an odd ECN field, a dummy, or the ICV of AH with a source
         * route that nobody has followed. */
        bool ah = node->sa[0].op == ESP_OP_AH;
        require(status == ESP_OK || status == ESP_ECN_DROP || status == ESP_DUMMY ||
                (ah && status == ESP_BAD_ICV));
    }
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[200];
    if (crypt == NULL) {
        crypt = esp_crypt_open(ESP_BACKEND_OPENSSL, 0, error, sizeof error);
        require(crypt != NULL);
    }
    if (size < 1 || size > MOST) {
        return 0;
    }
    struct esp_view view;
    struct esp_node node;
    const uint8_t *frame = data + 1;
    uint32_t length = (uint32_t)size - 1;
    esp_parse(frame, length, length, NULL, &view);
    check_view(&view, length);
    uint32_t l3 = view.l3;
    esp_parse(frame, length / 2, length, NULL, &view);
    check_view(&view, length);
    esp_parse_ip(frame, length, length, 0, NULL, &view);
    check_view(&view, length);
    choose_node(data[0], &node);
    open_it(&node, frame, length, l3 <= length ? l3 : 0);
    seal_it(&node, frame, length, l3 <= length ? l3 : 0);
    return 0;
}
