#include "vrrpd/config_check.h"

#include "vrrpd/config_check_parts.h"
#include "vrrpd/config_vrrp.h"

#include <errno.h>
#include <string.h>

enum { NAME_MAX_LEN = 64, MTU_ASSUMED = 1500 };

int check_name(const struct conf_obj *obj, struct conf_report *r)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-:@";
    if (strlen(obj->name) <= NAME_MAX_LEN && strspn(obj->name, allowed) == strlen(obj->name))
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(obj, NULL),
                    "letters, digits and . _ - : @, at most 64: commands and hooks get the name",
                    "\"%s\" cannot be a name", obj->name);
}

/* ---- addresses ---- */

static int check_address(const struct config_instance *in, const struct config_address *a,
                         struct conf_report *r)
{
    const struct addr *addr = &a->address.addr;
    char text[ADDR_TEXT_MAX];

    addr_format(addr, text);
    if (addr_is_any(addr) || addr_is_multicast(addr))
        return conf_say(r, CONF_ERROR, conf_at(a, "address"), NULL,
                        "%s cannot be held by an interface", text);
    if (a->label && addr->family != AF_INET)
        return conf_say(r, CONF_ERROR, conf_at(a, "label"), "remove it",
                        "only IPv4 addresses have labels");
    if (a->advertise && addr->family != config_family(in))
        return conf_say(r, CONF_ERROR, conf_at(a, "address"),
                        "make two instances (the same vrid is fine), or set \"advertise\": false",
                        "%s is not of the instance's family; a virtual router has only one", text);
    return 0;
}

static const struct config_address *same_address(const struct config_instance *in, size_t end,
                                                 const struct config_address *a)
{
    for (size_t i = 0; i < end; i++) {
        const struct config_address *b = in->addresses.v[i];
        if (addr_equal(&a->address.addr, &b->address.addr) &&
            strcmp(a->device ? a->device : in->interface, b->device ? b->device : in->interface) ==
                0)
            return b;
    }
    return NULL;
}

/* RFC 9568, 5.2.9: the first IPv6 address that is advertised is link-local. */
static void check_link_local(const struct config_instance *in, struct conf_report *r)
{
    const struct config_address *first = in->addresses.v[0];

    if (config_family(in) == AF_INET6 && !addr_is_link_local(&first->address.addr) &&
        !in->unicast.peers.n)
        conf_say(r, CONF_NOTICE, conf_at(first, "address"),
                 "put one first, such as \"fe80::10/64\", the same on all nodes",
                 "RFC 9568 wants a link-local address as the first; strict peers discard adverts "
                 "without");
}

static int check_addresses(const struct config_instance *in, struct conf_report *r)
{
    int result = 0;

    if (!in->addresses.n)
        return conf_say(r, CONF_ERROR, conf_at(in, "addresses"), NULL,
                        "instance \"%s\" has no address to hold", in->obj.name);
    for (size_t i = 0; i < in->addresses.n; i++) {
        const struct config_address *a = in->addresses.v[i];
        int err = check_address(in, a, r);
        result = err < 0 ? err : result;
        const struct config_address *b = same_address(in, i, a);
        if (b)
            result = conf_say(r, CONF_ERROR, conf_at(a, "address"), NULL,
                              "this address stands at line %u already", conf_at(b, "address").line);
    }
    check_link_local(in, r);
    return result;
}

/* ---- unicast, hooks, the whole ---- */

static int check_unicast(const struct config_instance *in, struct conf_report *r)
{
    const struct config_unicast *u = &in->unicast;
    int result = 0;

    if (conf_is_set(in, "unicast") && !u->peers.n)
        return conf_say(r, CONF_ERROR, conf_at(in, "unicast"), "remove it to speak multicast",
                        "unicast without a peer: nobody would hear this router");
    if (u->source.family && u->source.family != config_family(in))
        result = conf_say(r, CONF_ERROR, conf_at(u, "source"), NULL,
                          "the source is not of the instance's family");
    for (size_t i = 0; i < u->peers.n; i++) {
        const struct config_peer *p = u->peers.v[i];
        if (p->address.family != config_family(in) || addr_is_multicast(&p->address))
            result = conf_say(r, CONF_ERROR, conf_at(p, "address"), NULL,
                              "a peer is one address of the instance's family");
        else if (addr_equal(&p->address, &u->source))
            result = conf_say(r, CONF_ERROR, conf_at(p, "address"), "remove it",
                              "our own source cannot be a peer");
    }
    return result;
}

static int check_hooks(const struct conf_list *hooks, struct conf_report *r)
{
    int result = 0;

    for (size_t i = 0; i < hooks->n; i++) {
        const struct config_notify *h = hooks->v[i];
        const struct {
            const char *key;
            const struct conf_strings *command;
        } rows[] = {
            {"command", &h->command}, {"active", &h->active}, {"backup", &h->backup},
            {"fault", &h->fault},     {"stop", &h->stop},
        };
        size_t words = 0;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
            int err = check_command(h, rows[k].key, rows[k].command, r);
            result = err < 0 ? err : result;
            words += rows[k].command->n;
        }
        int err = check_user(h, "user", h->user, r);
        result = err < 0 ? err : result;
        if (!words && !h->fifo)
            result = conf_say(r, CONF_ERROR, conf_at(h, NULL), NULL, "the hook runs nothing");
    }
    return result;
}

/* The state machine judges values, not places: the key that its sentence is about. */
static struct conf_pos place_of(const struct config_instance *in, const char *complaint)
{
    static const struct {
        const char *word, *key;
    } rows[] = {
        {"interval", "interval"}, {"authentication", "password"}, {"password", "password"},
        {"version", "version"},   {"priority", "priority"},       {"address", "addresses"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strstr(complaint, rows[i].word) && conf_is_set(in, rows[i].key))
            return conf_at(in, rows[i].key);
    return conf_at(in, NULL);
}

/* The kernel counts lifetimes in whole seconds, and the loop must be able to be late once. */
static int check_lease(const struct config_instance *in, struct conf_report *r)
{
    if (!in->lease.us || in->lease.us >= span_s(2).us)
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(in, "lease"), "the shortest is \"2s\"; \"0s\" is none",
                    "a lease this short would take the addresses from a router that is well");
}

static int check_vrrp(const struct config_instance *in, struct conf_report *r)
{
    struct config_vrrp v;
    int result = config_vrrp_init(&v, in, MTU_ASSUMED, false);

    if (result < 0)
        return result;
    const char *complaint = vrrp_conf_check(&v.conf);
    if (complaint)
        result = conf_say(r, CONF_ERROR, place_of(in, complaint), NULL, "instance \"%s\": %s",
                          in->obj.name, complaint);
    else if (v.unlisted)
        conf_say(r, CONF_NOTICE, conf_at(in, "addresses"), NULL,
                 "adverts list the first %zu addresses only; the other %zu are held all the same",
                 v.conf.addr_count, v.unlisted);
    config_vrrp_fini(&v);
    return result;
}

static int check_instance(const struct config *c, const struct config_instance *in,
                          struct conf_report *r)
{
    const int errs[] = {
        check_name(&in->obj, r),
        check_addresses(in, r),
        check_unicast(in, r),
        check_hooks(&in->notify, r),
        check_instance_tracks(c, in, r),
        check_lease(in, r),
        check_routing(&in->routes, &in->rules, r),
    };
    for (size_t i = 0; i < ARRAY_LEN(errs); i++)
        if (errs[i] < 0)
            return errs[i];
    return check_vrrp(in, r);
}

/* Two instances that cannot live side by side. */
static int check_pair(const struct config_instance *a, const struct config_instance *b,
                      struct conf_report *r)
{
    if (strcmp(a->interface, b->interface) != 0)
        return 0;
    if (a->vrid == b->vrid && a->family == b->family)
        return conf_say(r, CONF_ERROR, conf_at(b, "vrid"), "each virtual router has its own number",
                        "instances \"%s\" and \"%s\" have the same vrid on %s", a->obj.name,
                        b->obj.name, a->interface);
    for (size_t i = 0; i < b->addresses.n; i++) {
        const struct config_address *x = b->addresses.v[i];
        char text[ADDR_TEXT_MAX];
        if (!x->device && same_address(a, a->addresses.n, x))
            return conf_say(r, CONF_ERROR, conf_at(x, "address"), NULL,
                            "%s belongs to instance \"%s\" already",
                            addr_format(&x->address.addr, text), a->obj.name);
    }
    return 0;
}

/* ---- sync groups ---- */

static const struct config_group *group_before(const struct config *c, size_t end,
                                               const char *instance)
{
    for (size_t i = 0; i < end; i++) {
        const struct config_group *g = c->groups.v[i];
        for (size_t k = 0; k < g->members.n; k++)
            if (strcmp(g->members.v[k], instance) == 0)
                return g;
    }
    return NULL;
}

/* The place of one member's name; the list stands in the group or for it. */
static struct conf_pos member_at(const struct config_group *g, const char *name)
{
    const struct conf_node *list = g->obj.node;

    if (list && list->kind == CONF_KIND_OBJECT)
        list = conf_get(list, "members");
    conf_for_each (item, list)
        if (item->text && strcmp(item->text, name) == 0)
            return item->at;
    return conf_at(g, "members");
}

static int check_member(const struct config *c, const struct config_group *g, size_t index,
                        const char *name, struct conf_report *r)
{
    const struct config_instance *in = config_instance(c, name);
    const struct config_group *other = group_before(c, index, name);

    if (!in)
        return conf_say(r, CONF_ERROR, member_at(g, name), NULL,
                        "group \"%s\": there is no instance \"%s\"", g->obj.name, name);
    if (other)
        return conf_say(r, CONF_ERROR, member_at(g, name), "an instance has one group",
                        "group \"%s\": instance \"%s\" belongs to group \"%s\" already",
                        g->obj.name, name, other->obj.name);
    const struct config_instance *first = config_instance(c, g->members.v[0]);
    if (first && (first->priority != in->priority || first->preempt != in->preempt))
        conf_say(r, CONF_WARNING, conf_at(in, "priority"), "give all members the same",
                 "group \"%s\": \"%s\" and \"%s\" differ in priority or preempt, so their "
                 "elections can come out differently",
                 g->obj.name, first->obj.name, name);
    return 0;
}

static int check_group(const struct config *c, size_t index, struct conf_report *r)
{
    const struct config_group *g = c->groups.v[index];
    int result = check_name(&g->obj, r);

    for (size_t i = 0; i < g->members.n; i++) {
        int err = check_member(c, g, index, g->members.v[i], r);
        result = err < 0 ? err : result;
    }
    for (size_t i = 0; i < g->track.n; i++) {
        int err = check_track(c, g->track.v[i], false, r);
        result = err < 0 ? err : result;
    }
    if (g->members.n < 2)
        conf_say(r, CONF_WARNING, conf_at(g, "members"), NULL,
                 "a group with fewer than two members binds nobody together");
    int err = check_hooks(&g->notify, r);
    return err < 0 ? err : result;
}

int config_check(const struct config *c, struct conf_report *r)
{
    int result = check_static(c, r), err = check_user(c, "script_user", c->script_user, r);

    result = err < 0 ? err : result;
    err = check_user(c, "user", c->user, r);
    result = err < 0 ? err : result;
    for (size_t i = 0; i < c->track.n; i++) {
        err = check_track(c, c->track.v[i], true, r);
        result = err < 0 ? err : result;
    }
    for (size_t i = 0; i < c->instances.n; i++) {
        err = check_instance(c, c->instances.v[i], r);
        result = err < 0 ? err : result;
        for (size_t k = 0; k < i; k++) {
            err = check_pair(c->instances.v[k], c->instances.v[i], r);
            result = err < 0 ? err : result;
        }
    }
    for (size_t i = 0; i < c->groups.n; i++) {
        err = check_group(c, i, r);
        result = err < 0 ? err : result;
    }
    if (!c->instances.n)
        conf_say(r, CONF_WARNING, c->obj.node ? c->obj.node->at : (struct conf_pos){0}, NULL,
                 "there is no instance: vrrpd has nothing to do");
    return result;
}
