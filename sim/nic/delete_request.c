/* delete_request: when the card asks the host to delete an inbound SA (SaDeleteReq on a received packet).
 *
 * The card may only ask, and goes on serving the SA (O-15). Reasons, each with its parameter: the table is nearly full,
 * the SA comes out of a pause, it has reached a soft limit, its sequence numbers come to an end. With watermark and
 * pause both set both must hold: then the table is cleared of what is used least. */
#include "nic/card.h"

static bool table_nearly_full(const struct espnic *card)
{
    const struct sa_table_stats *s = &card->table.stats;

    return s->live * 100 >= s->capacity * card->config.sa.delete_watermark;
}

static bool was_idle(const struct espnic *card, const struct sa_activity *a, uint64_t now_ns)
{
    return a->used_ns != 0 && now_ns - a->used_ns >= card->config.sa.delete_idle / 1000;
}

static bool room_is_wanted(const struct espnic *card, const struct sa_activity *a, uint64_t now_ns)
{
    const struct nic_sa_config *c = &card->config.sa;

    if (c->delete_watermark == 0 && c->delete_idle == 0) {
        return false;
    }
    return (c->delete_watermark == 0 || table_nearly_full(card)) &&
           (c->delete_idle == 0 || was_idle(card, a, now_ns));
}

static bool numbers_end(const struct espnic *card, const struct sa_entry *entry)
{
    uint64_t last = sa_esn(entry) ? UINT64_MAX : UINT32_MAX;

    return card->config.sa.delete_sequence != 0 &&
           last - entry->sequence <= card->config.sa.delete_sequence;
}

static enum nic_ask reason_to_ask(struct espnic *card, const struct nic_packet *p,
                                  const struct sa_activity *a, uint64_t now_ns)
{
    const struct sa_entry *entry = nic_entry(card, p);

    if (card->config.sa.delete_on_soft && (entry->flags & SA_ENTRY_SOFT) != 0) {
        return NIC_ASK_SOFT;
    }
    if (numbers_end(card, entry)) {
        return NIC_ASK_SEQUENCE;
    }
    return room_is_wanted(card, a, now_ns) ? NIC_ASK_ROOM : NIC_ASK_NOT;
}

/* Not asked yet, or so long ago that it may be asked again. */
static bool may_ask(const struct espnic *card, const struct sa_context *context,
                    const struct sa_activity *a, uint64_t now_ns)
{
    uint64_t again = card->config.sa.delete_again / 1000;

    return (context->flags & SA_CONTEXT_ASKED) == 0 ||
           (again != 0 && now_ns - a->asked_ns >= again);
}

void nic_maybe_ask(struct espnic *card, struct nic_packet *p, uint64_t now_ns)
{
    static struct sa_activity never;
    struct sa_context *context = sa_context(&card->table, p->sa);
    struct sa_activity *watched = sa_activity(&card->table, p->sa);
    const struct sa_activity *a = watched ? watched : &never;
    enum nic_ask why = reason_to_ask(card, p, a, now_ns);

    if (why != NIC_ASK_NOT && may_ask(card, context, a, now_ns)) {
        context->flags |= SA_CONTEXT_ASKED;
        card->stats.asked[why]++;
        p->delete_req = 1;
        if (watched) {
            watched->asked_ns = now_ns;
        }
    }
    if (watched) {
        watched->used_ns = now_ns;
    }
}
