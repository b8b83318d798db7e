#include "nic/routes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 80, TAG = 4, MACS = 12, ETHERNET = 14, TPID = 0x8100 };

const char *nic_stay_name(enum nic_stay stay)
{
    static const char *const names[] = { "none",
#define X(name, key, text) key,
                                         NIC_STAYS(X)
#undef X
    };

    return stay < NIC_STAY_COUNT ? names[stay] : "unknown";
}

/* ---- routes ------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, unsigned limit, uint8_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || n >= limit) {
        return false;
    }
    *out = (uint8_t)n;
    return true;
}

static bool parse_port(const char *text, unsigned ports, uint8_t *port)
{
    static const struct {
        const char *name;
        uint8_t port;
    } names[] = { { "other", NIC_ROUTE_OTHER },
                  { "same", NIC_ROUTE_SAME },
                  { "host", NIC_ROUTE_HOST } };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(text, names[i].name)) {
            *port = names[i].port;
            return true;
        }
    }
    return parse_number(text, ports, port);
}

/* Bits of the address behind the prefix must be 0: they would say that another prefix was meant. */
static bool clean(const uint8_t *prefix, unsigned bits, unsigned all)
{
    for (unsigned i = bits; i < all; i++) {
        if (prefix[i / 8] >> (7 - i % 8) & 1) {
            return false;
        }
    }
    return true;
}

static bool parse_prefix(char *text, struct nic_route *route)
{
    char *slash = strchr(text, '/');
    unsigned all;

    if (!strcmp(text, "default")) {
        return true;
    }
    if (slash) {
        *slash = 0;
    }
    if (inet_pton(AF_INET, text, route->prefix) == 1) {
        route->family = 4;
    } else if (inet_pton(AF_INET6, text, route->prefix) == 1) {
        route->family = 6;
    } else {
        return false;
    }
    all = route->family == 4 ? 32 : 128;
    route->bits = (uint8_t)all;
    return (!slash || parse_number(slash + 1, all + 1, &route->bits)) &&
           clean(route->prefix, route->bits, all);
}

/* A word of the list; false: it is none. */
static bool parse_route(const char *word, unsigned ports, struct nic_route *route)
{
    char text[WORD];
    char *equals;

    memset(route, 0, sizeof *route);
    snprintf(text, sizeof text, "%s", word);
    equals = strchr(text, '=');
    if (!equals) {
        return false;
    }
    *equals = 0;
    return parse_prefix(text, route) && parse_port(equals + 1, ports, &route->port);
}

bool nic_routes_parse(const char *text, unsigned ports, struct nic_routes *routes, char *error,
                      size_t error_size)
{
    static const char *const gaps = " ,\t\n";

    routes->count = 0;
    for (const char *at = text + strspn(text, gaps); *at; at += strspn(at, gaps)) {
        size_t length = strcspn(at, gaps);
        char word[WORD];

        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (routes->count == NIC_MAX_ROUTES) {
            snprintf(error, error_size, "found more than %d routes", NIC_MAX_ROUTES);
            return false;
        }
        if (length >= sizeof word || !parse_route(word, ports, &routes->at[routes->count])) {
            snprintf(
                error, error_size,
                "found \"%s\", expected PREFIX=PORT: an IPv4 or IPv6 prefix or `default`, and a port "
                "below %u, `other`, `same` or `host`",
                word, ports);
            return false;
        }
        routes->count++;
        at += length;
    }
    return true;
}

static bool holds(const struct nic_route *r, uint8_t family, const uint8_t *destination)
{
    unsigned rest = r->bits % 8;

    return (!r->family || r->family == family) && !memcmp(r->prefix, destination, r->bits / 8) &&
           (!rest || ((r->prefix[r->bits / 8] ^ destination[r->bits / 8]) >> (8 - rest)) == 0);
}

unsigned nic_route_port(const struct nic_routes *routes, uint8_t family, const uint8_t *destination,
                        unsigned in_port, unsigned ports)
{
    const struct nic_route *best = NULL;

    for (unsigned i = 0; i < routes->count; i++) {
        const struct nic_route *r = &routes->at[i];

        if ((!best || r->bits >= best->bits) && holds(r, family, destination)) {
            best = r;
        }
    }
    if (!best) {
        return NIC_ROUTE_NONE;
    }
    switch (best->port) {
    case NIC_ROUTE_OTHER: return (in_port ^ 1) < ports ? in_port ^ 1 : in_port;
    case NIC_ROUTE_SAME: return in_port;
    default: return best->port;
    }
}

/* ---- the frame ------------------------------------------------------------------------------------ */

bool nic_hop_left(const uint8_t *ip, unsigned version)
{
    return (version == 4 ? ip[8] : ip[7]) > 1;
}

/* RFC 1624: the sum of the header goes down by 0x0100, so its complement goes up by it; and no header has the sum 0,
 * whose complement would be 0xffff. */
void nic_take_hop(uint8_t *ip, unsigned version)
{
    if (version == 4) {
        uint32_t sum = (uint32_t)esp_get16(ip + 10) + 0x0100;

        ip[8]--;
        esp_put16(ip + 10, (uint16_t)(sum + (sum >= 0xffff)));
    } else {
        ip[7]--;
    }
}

static void resize(struct nic_frame *f, uint32_t length)
{
    f->length = length;
    f->present = f->present < length ? f->present : length;
}

void nic_rebuild_frame(struct nic_frame *f, const struct esp_view *view, uint32_t vlan)
{
    uint32_t tags = view->vlan_tags * (uint32_t)TAG;

    resize(f, view->l3 + view->l3_length < f->length ? view->l3 + view->l3_length : f->length);
    f->l3 = view->l3;
    if (view->l3 == ETHERNET + tags && tags) {
        memmove(f->bytes + tags, f->bytes, MACS);
        f->bytes += tags;
        f->l3 -= tags;
        f->length -= tags;
        f->present -= tags;
    }
    if (vlan && f->l3 == ETHERNET) {
        f->bytes -= TAG;
        memmove(f->bytes, f->bytes + TAG, MACS);
        esp_put16(f->bytes + MACS, TPID);
        esp_put16(f->bytes + MACS + 2, (uint16_t)vlan);
        f->l3 += TAG;
        f->length += TAG;
        f->present += TAG;
    }
}
