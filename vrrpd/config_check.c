#include "vrrpd/config_check.h"

#include "common/base/parse.h"
#include "common/rt/process.h"
#include "vrrpd/config_vrrp.h"
#include "vrrpd/rt_table.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 64, MTU_ASSUMED = 1500 };

static int name_is_plain(const struct conf_obj *obj, struct conf_report *r)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-:@";
    if (strlen(obj->name) <= NAME_MAX_LEN && strspn(obj->name, allowed) == strlen(obj->name))
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(obj, NULL),
                    "letters, digits and . _ - : @, at most 64: commands and hooks get the name",
                    "\"%s\" cannot be a name", obj->name);
}

/* ---- commands ---- */

/* A single text is split into words and no shell reads it, so what only a shell understands would
 * reach the program as an argument. */
static int check_command(const void *obj, const char *key, const struct conf_strings *command,
                         struct conf_report *r)
{
    static const char *const shell_only[] = {"&&", "||", "|", ";", ">", "<", "$(", "`", "2>"};

    struct err e = {0};

    if (!command->n)
        return 0;
    char **words = config_words(command, &e);
    if (!words)
        return conf_say(r, CONF_ERROR, conf_at(obj, key), NULL, "%s", e.text);
    free(words);
    if (command->n != 1)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(shell_only); i++)
        if (strstr(command->v[0], shell_only[i]) && !strchr(command->v[0], '\''))
            return conf_say(r, CONF_ERROR, conf_at(obj, key),
                            "no shell reads this; write [\"/bin/sh\", \"-c\", \"...\"]",
                            "\"%s\" means something to a shell only", shell_only[i]);
    return 0;
}

static int check_user(const void *obj, const char *key, const char *user, struct conf_report *r)
{
    struct process_user who;
    struct err e = {0};

    if (!user || process_user(user, NULL, &who, &e) == 0)
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(obj, key), NULL, "%s", e.text);
}

/* ---- trackers ---- */

enum kind { SCRIPT = 1, PROCESS = 2, PIDFILE = 4, INTERFACE = 8, FILE_ = 16, WATCH = 32 };

static unsigned kinds_of(const struct config_track *t)
{
    return (t->script.n ? SCRIPT : 0u) | (t->process ? PROCESS : 0u) | (t->pidfile ? PIDFILE : 0u) |
           (t->interface ? INTERFACE : 0u) | (t->file ? FILE_ : 0u) | (t->watch ? WATCH : 0u);
}

/* Which keys mean something to which kind of tracker. */
static int check_keys_of_kind(const struct config_track *t, unsigned kind, struct conf_report *r)
{
    static const struct {
        const char *key;
        unsigned kinds;
    } rows[] = {
        {"every", SCRIPT | PROCESS | PIDFILE | FILE_ | WATCH},
        {"timeout", SCRIPT | WATCH},
        {"rise", SCRIPT},
        {"fall", SCRIPT},
        {"user", SCRIPT},
        {"quorum", PROCESS},
        {"delay", PROCESS | PIDFILE | INTERFACE | WATCH},
        {"weight", FILE_},
    };
    int result = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!(rows[i].kinds & kind) && conf_is_set(t, rows[i].key))
            result = conf_say(r, CONF_ERROR, conf_at(t, rows[i].key), "remove it",
                              "\"%s\" means nothing to this kind of tracker", rows[i].key);
    return result;
}

static int unknown_tracker(const struct config *c, const struct config_track *t,
                           struct conf_report *r)
{
    const char *name = t->use ? t->use : t->obj.name, *near = NULL;
    const char **names = calloc(c->track.n + 1, sizeof(*names));
    char hint[300];

    for (size_t i = 0; names && i < c->track.n; i++)
        names[i] = ((const struct conf_obj *)c->track.v[i])->name;
    if (names)
        near = parse_nearest(name, names, c->track.n, sizeof(*names));
    snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
    free(names);
    return conf_say(r, CONF_ERROR, t->use ? conf_at(t, "use") : conf_at(t, NULL),
                    near ? hint : "define it in \"track\" at the top", "there is no tracker \"%s\"",
                    name);
}

static int check_track(const struct config *c, const struct config_track *t, bool shared,
                       struct conf_report *r)
{
    static const char one_of[] = "one of: script, process, pidfile, interface, file, watch";
    unsigned kinds = kinds_of(t);
    int err = name_is_plain(&t->obj, r);

    if (kinds & (kinds - 1))
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), "make it several trackers",
                        "tracker \"%s\" watches more than one thing", t->obj.name);
    if (kinds && t->use)
        return conf_say(r, CONF_ERROR, conf_at(t, "use"), "keep one of the two",
                        "tracker \"%s\" both watches something and uses another", t->obj.name);
    if (kinds) {
        int result = check_keys_of_kind(t, kinds, r);
        err = result < 0 ? result : err;
        result = check_command(t, "script", &t->script, r);
        err = result < 0 ? result : err;
        result = check_user(t, "user", t->user, r);
        return result < 0 ? result : err;
    }
    if (shared)
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), one_of,
                        "tracker \"%s\" does not say what is watched", t->obj.name);
    if (!config_track_of(c, t) && (t->use || t->obj.node->kind == CONF_KIND_STRING))
        return unknown_tracker(c, t, r);
    if (!config_track_of(c, t))
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), one_of,
                        "tracker \"%s\" does not say what is watched, and there is no shared "
                        "tracker \"%s\"",
                        t->obj.name, t->obj.name);
    return err;
}

static bool moves_priority(const struct config_track *t)
{
    return t->on_fail.priority || t->on_ok.priority;
}

/* Weights that cannot do what they are for; one sentence an instance is enough. */
static void check_weights(const struct config *c, const struct config_instance *in,
                          struct conf_report *r)
{
    for (size_t i = 0; i < in->track.n; i++) {
        const struct config_track *t = in->track.v[i], *watched = config_track_of(c, t);
        if (!watched || !(moves_priority(t) || watched->file))
            continue;
        if (in->priority == 255)
            conf_say(r, CONF_WARNING, conf_at(t, NULL), "use \"on_fail\": \"fault\"",
                     "the priority of an owner (255) does not change, whatever \"%s\" says",
                     t->obj.name);
        else if (!in->preempt)
            conf_say(r, CONF_WARNING, conf_at(in, "preempt"),
                     "use \"on_fail\": \"fault\": a fault gives the addresses up at once",
                     "with \"preempt\" false on the other node, a lower priority from \"%s\" "
                     "moves nothing",
                     t->obj.name);
        else
            continue;
        return;
    }
}

static int check_instance_tracks(const struct config *c, const struct config_instance *in,
                                 struct conf_report *r)
{
    int result = 0;

    for (size_t i = 0; i < in->track.n; i++) {
        int err = check_track(c, in->track.v[i], false, r);
        result = err < 0 ? err : result;
    }
    check_weights(c, in, r);
    return result;
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

/* ---- routes and rules ---- */

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

static int check_routing(const struct conf_list *routes, const struct conf_list *rules,
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

static int check_static(const struct config *c, struct conf_report *r)
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
        name_is_plain(&in->obj, r),
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
    int result = name_is_plain(&g->obj, r);

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
