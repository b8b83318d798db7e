#define PINS_FILE "nic/pins_esp_tx.def"
#include "cli/cosim_pins.h"

#include "cli/cosim_aes.h"
#include "cli/cosim_sa.h"

void cosim_sa_tx(uint32_t *in, uint32_t number, uint32_t handle, bool live,
                 const struct esp_node *node)
{
    const struct esp_sa *sa = &node->sa[0];
    uint32_t bytes = cosim_key_bytes(&sa->enc);
    uint8_t keys[COSIM_AES_KEYS], h[16];

    cosim_aes_expand(sa->enc.bytes, bytes, keys, h);
    SET(in, CFG_WE, 1);
    SET(in, CFG_SA, number);
    SET(in, CFG_LIVE, live);
    SET(in, CFG_HANDLE, handle);
    SET(in, CFG_TRANSPORT, node->mode == ESP_MODE_TRANSPORT);
    SET(in, CFG_V6, node->dst.family == 6);
    SET(in, CFG_ESN, sa->esn);
    SET(in, CFG_ICV, sa->enc.icv);
    SET(in, CFG_NEXT, sa->seq);
    SET(in, CFG_SPI, sa->spi);
    SET_BYTES(in, CFG_SRC, node->src.bytes, 16);
    SET_BYTES(in, CFG_DST, node->dst.bytes, 16);
    SET(in, CFG_ROUNDS, (bytes - 16) / 8);
    SET_BYTES(in, CFG_KEY, sa->enc.bytes, bytes);
    SET_BYTES(in, CFG_SALT, sa->enc.bytes + bytes, 4);
    SET_BYTES(in, CFG_H, h, 16);
    SET_BYTES(in, CFG_KEYS, keys, COSIM_AES_KEYS);
}
