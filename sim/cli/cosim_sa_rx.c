#define PINS_FILE "nic/pins_esp_rx.def"
#include "cli/cosim_pins.h"

#include "cli/cosim_aes.h"
#include "cli/cosim_sa.h"
#include "esp/packet.h"

void cosim_sa_rx(uint32_t *in, uint32_t number, const struct esp_node *node)
{
    const struct esp_sa *sa = &node->sa[0];
    bool gmac = sa->enc.alg == ESP_ALG_NULL || sa->enc.alg == ESP_ALG_NONE;
    const struct esp_key *key = gmac ? &sa->auth : &sa->enc;
    uint32_t bytes = cosim_key_bytes(key);
    uint8_t keys[COSIM_AES_KEYS], h[16], spi[4];

    cosim_aes_expand(key->bytes, bytes, keys, h);
    esp_put32(spi, sa->spi);
    SET(in, CFG_WE, 1);
    SET(in, CFG_SA, number);
    SET_BYTES(in, CFG_SPI, spi, 4);
    SET(in, CFG_V6, node->dst.family == 6);
    SET_BYTES(in, CFG_DST, node->dst.bytes, 16);
    SET(in, CFG_UDP, node->udp != ESP_UDP_NONE);
    SET(in, CFG_TUNNEL, node->mode == ESP_MODE_TUNNEL);
    SET(in, CFG_GMAC, gmac);
    SET(in, CFG_ROUNDS, (bytes - 16) / 8);
    SET(in, CFG_ICV, key->icv);
    SET_BYTES(in, CFG_SALT, key->bytes + bytes, 4);
    SET_BYTES(in, CFG_KEY, key->bytes, bytes);
    SET_BYTES(in, CFG_H, h, 16);
    SET_BYTES(in, CFG_KEYS, keys, COSIM_AES_KEYS);
    SET(in, CFG_ESN, sa->esn);
    SET(in, CFG_WINDOW, sa->replay_window);
    SET(in, CFG_TOP, sa->seq);
}
