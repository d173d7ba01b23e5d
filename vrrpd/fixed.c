/*
 * The static part: addresses, routes and rules that are there while vrrpd runs. They stay on a
 * reload that does not change them, and they have no lease: no other node is to take them.
 */
#include "vrrpd/engine.h"

#include <errno.h>
#include <stdlib.h>

static int make_vips(struct engine *e, struct vip_set *out, struct err *err)
{
    const struct conf_list *list = &e->config->fixed.addresses;

    *out = (struct vip_set){.v = calloc(list->n + 1, sizeof(*out->v)), .n = list->n};
    if (!out->v)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        const struct config_address *a = list->v[i];
        out->v[i] = (struct vip){
            .address = a->address,
            .link = links_named(e->links, a->device),
            .label = a->label,
            .scope = (uint8_t)a->scope,
        };
        if (!out->v[i].link)
            return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

int engine_apply_static(struct engine *e, struct err *err)
{
    const struct config_static *c = &e->config->fixed;
    struct vip_set fresh;
    struct routing routing = {0};
    int r = make_vips(e, &fresh, err);

    r = r ? r
          : routing_init(&routing, e->loop, e->netlink, e->links, &c->routes, &c->rules, AF_INET,
                         err);
    if (r) {
        free(fresh.v);
        return err_prefix(err, r, "static");
    }
    routing_fini(&e->fixed_routing);
    vips_replace(e->vips, &e->fixed, &fresh);
    vips_add(e->vips, &e->fixed);
    e->fixed_routing = routing;
    routing_add(&e->fixed_routing, "static");
    return 0;
}
