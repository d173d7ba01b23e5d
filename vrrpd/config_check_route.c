/*
 * Routes, rules and the static part.
 */
#include "vrrpd/config_check_parts.h"
#include "vrrpd/rt_table.h"

#include <linux/rtnetlink.h>
#include <string.h>

static int check_table(const void *obj, const char *name, struct conf_report *r)
{
    uint32_t number;

    if (!name || rt_table(name, &number))
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(obj, "table"), "give its number",
                    "there is no routing table \"%s\" in /etc/iproute2/rt_tables", name);
}

static int check_route(const struct config_route *t, struct conf_report *r)
{
    struct addr_prefix to;
    uint8_t family = t->via.family;

    if (strcmp(t->to_text, "default") != 0) {
        if (!addr_prefix_parse(t->to_text, &to))
            return conf_say(r, CONF_ERROR, conf_at(t, "to"), NULL,
                            "a route goes to \"default\" or to a network such as "
                            "\"198.51.100.0/24\", not to \"%s\"",
                            t->to_text);
        if (family && family != to.addr.family)
            return conf_say(r, CONF_ERROR, conf_at(t, "via"), NULL,
                            "the gateway is not of the destination's family");
        family = to.addr.family;
    }
    if (t->source.family && family && t->source.family != family)
        return conf_say(r, CONF_ERROR, conf_at(t, "source"), NULL,
                        "the source is not of the destination's family");
    if (t->type == RTN_UNICAST && !t->via.family && !t->device)
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), "say \"via\" or \"device\"",
                        "the route leads nowhere");
    return check_table(t, t->table, r);
}

static int check_rule(const struct config_rule *u, struct conf_report *r)
{
    uint32_t mark, mask;

    if (u->mark && !config_mark(u->mark, &mark, &mask))
        return conf_say(r, CONF_ERROR, conf_at(u, "mark"), NULL,
                        "a mark is a number such as \"0x1\" or \"0x1/0xff\", not \"%s\"", u->mark);
    if (u->from.addr.family && u->to.addr.family && u->from.addr.family != u->to.addr.family)
        return conf_say(r, CONF_ERROR, conf_at(u, "to"), NULL,
                        "\"from\" and \"to\" are of different families");
    return check_table(u, u->table, r);
}

int check_routing(const struct conf_list *routes, const struct conf_list *rules,
                  struct conf_report *r)
{
    int result = 0;

    for (size_t i = 0; i < routes->n; i++) {
        int err = check_route(routes->v[i], r);
        result = err < 0 ? err : result;
    }
    for (size_t i = 0; i < rules->n; i++) {
        int err = check_rule(rules->v[i], r);
        result = err < 0 ? err : result;
    }
    return result;
}

int check_static(const struct config *c, struct conf_report *r)
{
    int result = check_routing(&c->fixed.routes, &c->fixed.rules, r);

    for (size_t i = 0; i < c->fixed.addresses.n; i++) {
        const struct config_address *a = c->fixed.addresses.v[i];
        if (!a->device)
            result = conf_say(r, CONF_ERROR, conf_at(a, "address"), "add \"device\"",
                              "a static address needs an interface");
    }
    return result;
}
