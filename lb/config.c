#include "lb/config.h"

#include "lb/config_check.h"
#include "lb/ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config *config_from_doc(struct conf_doc *doc, bool whole, struct conf_report *r)
{
    struct config *c = calloc(1, sizeof(*c));

    if (!c) {
        conf_doc_fini(doc);
        return NULL;
    }
    c->doc = *doc;
    *doc = (struct conf_doc){0};
    if (whole && c->doc.root && conf_table_decode(&config_table, c->doc.root, c, r) == 0) {
        config_check(c, r);
        ruleset_compile(c, r);
    }
    return c;
}

struct config *config_from_text(const char *name, const char *text, size_t len,
                                struct conf_report *r)
{
    struct conf_doc doc = {0};

    bool whole = conf_json_read(&doc, name, text, len, r) == 0;
    return config_from_doc(&doc, whole, r);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    struct conf_doc doc = c->doc;
    ruleset_free(c->ruleset);
    conf_table_fini(&config_table, c);
    conf_doc_fini(&doc);
    free(c);
}

/* ---- one level over another ---- */

static size_t scalar_size(enum conf_type type)
{
    static const size_t sizes[] = {
        [CONF_BOOL] = sizeof(bool),
        [CONF_INT] = sizeof(int64_t),
        [CONF_SPAN] = sizeof(struct span),
        [CONF_SIZE] = sizeof(uint64_t),
        [CONF_STRING] = sizeof(char *),
        [CONF_WORD] = sizeof(int),
        [CONF_ADDR] = sizeof(struct addr),
        [CONF_PREFIX] = sizeof(struct addr_prefix),
        [CONF_ADDR_PORT] = sizeof(struct addr_port),
        [CONF_STRINGS] = sizeof(struct conf_strings),
    };
    return sizes[type];
}

static bool key_is_set(const struct conf_table *table, const void *obj, const char *key)
{
    const struct conf_node *node = ((const struct conf_obj *)obj)->node;

    if (node && node->kind != CONF_KIND_OBJECT)
        return table->shorthand && strcmp(table->shorthand, key) == 0;
    return conf_is_set(obj, key);
}

/* Copies what was written in `from` over `to`; texts stay shared. */
static void overlay(const struct conf_table *table, void *to, const void *from)
{
    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        if (key_is_set(table, from, key->name))
            memcpy((char *)to + key->offset, (const char *)from + key->offset,
                   scalar_size(key->type));
    }
}

static enum config_check_type check_type(const struct config_check *c, bool written)
{
    if (c->type != CONFIG_CHECK_AUTO)
        return (enum config_check_type)c->type;
    if (c->request && strcmp(c->request, "none") == 0)
        return CONFIG_CHECK_NONE;
    if (c->request && strcmp(c->request, "tcp") == 0)
        return CONFIG_CHECK_TCP;
    if (c->request)
        return CONFIG_CHECK_HTTP;
    if (c->command)
        return CONFIG_CHECK_SCRIPT;
    return written ? CONFIG_CHECK_TCP : CONFIG_CHECK_NONE;
}

struct config_check config_check_of(const struct config_pool *p, const struct config_server *s)
{
    struct config_check c = p->check;

    overlay(&config_check_table, &c, &s->check);
    c.type = check_type(&c, p->check.obj.node || s->check.obj.node);
    return c;
}

struct config_timeouts config_timeouts_of(const struct config *c, const struct config_timeouts *own)
{
    struct config_timeouts t = {
        .connect = span_s(5),
        .client = span_s(60),
        .server = span_s(60),
        .request = span_s(10),
        .keep_alive = span_s(60),
        .tunnel = span_s(3600),
    };

    overlay(&config_timeouts_table, &t, &c->timeouts);
    overlay(&config_timeouts_table, &t, own);
    if (!t.queue.us)
        t.queue = t.connect;
    if (!t.client_fin.us)
        t.client_fin = t.client;
    if (!t.server_fin.us)
        t.server_fin = t.server;
    return t;
}
