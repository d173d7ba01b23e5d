#include "lb/session/observe.h"

#include <stdlib.h>

struct observed_msg {
    struct loop_msg msg;
    struct server *server; /* held */
    struct lane *lane;     /* of the server */
    bool ok;
};

/* In main. */
static void on_observed(struct loop_msg *msg)
{
    struct observed_msg *m = container_of(msg, struct observed_msg, msg);
    struct mono now = loop_clock();
    unsigned n = m->ok ? 1 : atomic_exchange(&m->lane->observed, 0);

    if (n && m->server->check.enabled) {
        health_observed(&m->server->check, m->ok, n, now);
        server_apply_check(m->server, now);
    }
    server_unref(m->server);
    free(m);
}

static void tell(struct worker *w, struct server *s, struct lane *lane, bool ok)
{
    struct observed_msg *m = malloc(sizeof(*m));

    if (!m)
        return;
    *m = (struct observed_msg){{.fn = on_observed}, server_ref(s), lane, ok};
    loop_post(w->all->main, &m->msg);
}

void observe(struct worker *w, struct server *s, bool layer7, bool ok)
{
    enum health_observe wanted = s->check.conf.observe;
    struct lane *lane = &s->lanes[w->index];

    if (wanted == HEALTH_OBSERVE_NONE || (layer7 && wanted != HEALTH_OBSERVE_L7) ||
        (!layer7 && ok && wanted != HEALTH_OBSERVE_L4))
        return;
    if (!ok) {
        lane->observed_bad = true;
        if (atomic_fetch_add(&lane->observed, 1) == 0)
            tell(w, s, lane, false);
    } else if (lane->observed_bad) {
        lane->observed_bad = false;
        tell(w, s, lane, true);
    }
}
