#include "lb/session/sticky.h"

#include "lb/tables.h"

static bool key_of(const struct plan_pool *p, size_t rule, const struct client *c,
                   const struct sticky_keys *keys, struct stick_key *key)
{
    const struct table *t = p->sticks[rule].table;

    if (keys && keys->v) {
        *key = keys->v[rule];
        return keys->given[rule];
    }
    *key = (struct stick_key){.type = stick_conf(t->stick)->type, .addr = c->peer.addr};
    return p->stick_source && c->peer.addr.family != 0;
}

struct server *sticky_find(const struct plan_pool *p, const struct pool_members *m,
                           const struct client *c, const struct sticky_keys *keys, struct mono now)
{
    struct stick_server found;
    struct stick_key key;

    for (size_t i = 0; i < p->n_sticks; i++) {
        const struct plan_stick *r = &p->sticks[i];
        if (r->what != CONFIG_STICK_ON && r->what != CONFIG_STICK_MATCH)
            continue;
        if (!key_of(p, i, c, keys, &key) || !stick_match(r->table->stick, &key, true, now, &found))
            continue;
        struct server *s = found.name[0] ? pool_by_name(m, found.name) : NULL;
        s = s ? s : pool_by_id(m, found.id);
        if (s)
            return s;
    }
    return NULL;
}

void sticky_store(const struct plan_pool *p, const struct server *s, const struct client *c,
                  const struct sticky_keys *keys, struct mono now, bool response)
{
    struct stick_key key;

    for (size_t i = 0; i < p->n_sticks; i++) {
        const struct plan_stick *r = &p->sticks[i];
        bool due = response ? r->what == CONFIG_STICK_STORE_RESPONSE
                            : r->what == CONFIG_STICK_ON || r->what == CONFIG_STICK_STORE_REQUEST;
        if (due && key_of(p, i, c, keys, &key))
            stick_store(r->table->stick, &key, s->id, s->name, now);
    }
}
