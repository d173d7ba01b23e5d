/*
 * What stick tables know: of tracked keys (sc0_...), of the client's address (src_...), of any
 * value (the table_... converters).
 */
#include "common/base/macro.h"
#include "lb/core/sample_internal.h"

/* The row's aux: which datum, and how it is found and told. */
enum {
    DATUM = 0xff,
    BY_SC0 = 0x100, /* by a fixed number, */
    BY_SC1 = 0x200,
    BY_SC2 = 0x300,
    BY_NUMBER = 0x400, /* by the number in the first argument, */
    BY_SRC = 0x500,    /* by the client's address */
    BY = 0xf00,
    KIB = 0x1000,   /* bytes in KiB */
    RAISE = 0x2000, /* raises it first, making the entry if need be */
    CLEAR = 0x4000  /* sets it to 0 after */
};

static bool holds(const struct stick_table *t, enum stick_data d)
{
    return stick_conf(t)->store & (1u << d);
}

/* An entry in hand, to be given back with stick_untrack(). */
struct found {
    struct stick_table *table;
    struct stick_entry *entry; /* NULL: there is none */
};

static struct found find(struct eval *ev, struct stick_table *t, const struct sample *key,
                         bool make)
{
    struct found f = {t, NULL};
    struct stick_key k;

    if (t && sample_key(key, t, ev->tmp, &k))
        f.entry = make ? stick_track(t, &k, ev->now) : stick_find(t, &k, ev->now);
    return f;
}

static void give_back(struct found *f, struct mono now)
{
    if (f->entry)
        stick_untrack(f->table, f->entry, now);
}

static struct stick_table *table_of(struct eval *ev, uint32_t ref)
{
    return ev->ops && ref != EVAL_OWN ? ev->ops->table(ev->owner, ref) : NULL;
}

/* ---- fetches ---- */

static int track_number(const struct expr *x)
{
    int by = x->fetch->aux & BY;
    return by == BY_NUMBER ? (int)x->args[0].num : by / BY_SC0 - 1;
}

static const struct sample_arg *table_arg(const struct expr *x)
{
    return &x->args[(x->fetch->aux & BY) == BY_NUMBER];
}

/* What sc0_ and its kin speak of: the tracked entry, or with a table that key's entry there. */
static struct found tracked(const struct expr *x, struct eval *ev)
{
    int n = track_number(x);
    const struct eval_track *t = ev->tracks && n >= 0 && n < EVAL_TRACKS ? &ev->tracks[n] : NULL;

    if (!t || !t->entry)
        return (struct found){NULL, NULL};
    if (table_arg(x)->given && table_of(ev, table_arg(x)->ref) != t->table)
        return (struct found){NULL, NULL};
    return (struct found){t->table, t->entry};
}

/* What counts along. */
static const enum stick_data rate_of[STICK_DATA_N] = {
    [STICK_GPC0] = STICK_GPC0_RATE,
    [STICK_GPC1] = STICK_GPC1_RATE,
    [STICK_CONN_CNT] = STICK_CONN_RATE,
};

static bool tell(struct eval *ev, const struct found *f, int aux, struct sample *out)
{
    enum stick_data d = (enum stick_data)(aux & DATUM);
    uint64_t v = 0;

    if (!f->table || !holds(f->table, d))
        return false;
    if (f->entry && aux & RAISE)
        stick_add(f->table, f->entry, d, 1, ev->now);
    if (f->entry && aux & RAISE && rate_of[d])
        stick_add(f->table, f->entry, rate_of[d], 1, ev->now);
    if (f->entry)
        v = stick_get(f->table, f->entry, d, ev->now);
    if (f->entry && aux & CLEAR)
        stick_set(f->table, f->entry, d, 0, ev->now);
    return sample_int(out, (int64_t)(aux & KIB ? v >> 10 : v));
}

static bool fetch_tracked(const struct expr *x, struct eval *ev, struct sample_walk *w,
                          struct sample *out)
{
    struct found f = tracked(x, ev);
    return f.entry && tell(ev, &f, x->fetch->aux, out);
}

static bool fetch_is_tracked(const struct expr *x, struct eval *ev, struct sample_walk *w,
                             struct sample *out)
{
    return sample_bool(out, tracked(x, ev).entry != NULL);
}

static bool client_key(const struct eval *ev, struct sample *out)
{
    return ev->client && sample_addr(out, &ev->client->addr);
}

static bool fetch_src(const struct expr *x, struct eval *ev, struct sample_walk *w,
                      struct sample *out)
{
    struct sample key;

    if (!client_key(ev, &key))
        return false;
    struct found f = find(ev, table_of(ev, x->args[0].ref), &key, x->fetch->aux & RAISE);
    bool ok = tell(ev, &f, x->fetch->aux, out);
    give_back(&f, ev->now);
    return ok;
}

static uint32_t users(const struct found *f, const struct sample *key, struct eval *ev)
{
    struct stick_record *r = arena_new(ev->tmp, sizeof(*r));
    struct stick_key k;

    if (!f->table || !r || !sample_key(key, f->table, ev->tmp, &k) ||
        !stick_read(f->table, &k, ev->now, r))
        return 0;
    return r->use;
}

static bool fetch_entries(const struct expr *x, struct eval *ev, struct sample_walk *w,
                          struct sample *out)
{
    struct stick_table *t = table_of(ev, x->args[0].ref);

    if (!t)
        return false;
    return sample_int(out, x->fetch->aux ? stick_conf(t)->size - stick_used(t) : stick_used(t));
}

/* ---- converters: of the value at hand ---- */

static bool conv_datum(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct found f = find(ev, table_of(ev, v->args[0].ref), io, false);
    bool ok = tell(ev, &f, v->row->aux, io);

    give_back(&f, ev->now);
    return ok;
}

static bool conv_in_table(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct found f = find(ev, table_of(ev, v->args[0].ref), io, false);

    give_back(&f, ev->now);
    return f.table && sample_bool(io, f.entry != NULL);
}

static bool conv_trackers(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct found f = {table_of(ev, v->args[0].ref), NULL};
    return f.table && sample_int(io, users(&f, io, ev));
}

static bool conv_server_id(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct stick_table *t = table_of(ev, v->args[0].ref);
    struct stick_server s = {0};
    struct stick_key k;

    if (!t || !sample_key(io, t, ev->tmp, &k))
        return false;
    stick_match(t, &k, false, ev->now, &s);
    return sample_int(io, s.id);
}

/* ---- the tables ---- */

#define SC(NAME, AUX)                                                                              \
    {"sc_" NAME, "i|T", SAMPLE_INT, NEEDS_NOTHING, fetch_tracked, (AUX) | BY_NUMBER},              \
        {"sc0_" NAME, "|T", SAMPLE_INT, NEEDS_NOTHING, fetch_tracked, (AUX) | BY_SC0},             \
        {"sc1_" NAME, "|T", SAMPLE_INT, NEEDS_NOTHING, fetch_tracked, (AUX) | BY_SC1},             \
    {                                                                                              \
        "sc2_" NAME, "|T", SAMPLE_INT, NEEDS_NOTHING, fetch_tracked, (AUX) | BY_SC2                \
    }

#define ALL(NAME, AUX)                                                                             \
    SC(NAME, AUX),                                                                                 \
    {                                                                                              \
        "src_" NAME, "|t", SAMPLE_INT, NEEDS_NOTHING, fetch_src, (AUX) | BY_SRC                    \
    }

static const struct sample_fetch rows[] = {
    ALL("get_gpc0", STICK_GPC0),
    ALL("get_gpc1", STICK_GPC1),
    ALL("get_gpt0", STICK_GPT0),
    ALL("gpc0_rate", STICK_GPC0_RATE),
    ALL("gpc1_rate", STICK_GPC1_RATE),
    ALL("inc_gpc0", STICK_GPC0 | RAISE),
    ALL("inc_gpc1", STICK_GPC1 | RAISE),
    ALL("clr_gpc0", STICK_GPC0 | CLEAR),
    ALL("clr_gpc1", STICK_GPC1 | CLEAR),
    ALL("conn_cnt", STICK_CONN_CNT),
    ALL("conn_cur", STICK_CONN_CUR),
    ALL("conn_rate", STICK_CONN_RATE),
    ALL("sess_cnt", STICK_SESS_CNT),
    ALL("sess_rate", STICK_SESS_RATE),
    ALL("http_req_cnt", STICK_HTTP_REQ_CNT),
    ALL("http_req_rate", STICK_HTTP_REQ_RATE),
    ALL("http_err_cnt", STICK_HTTP_ERR_CNT),
    ALL("http_err_rate", STICK_HTTP_ERR_RATE),
    ALL("http_fail_cnt", STICK_HTTP_FAIL_CNT),
    ALL("http_fail_rate", STICK_HTTP_FAIL_RATE),
    ALL("kbytes_in", STICK_BYTES_IN_CNT | KIB),
    ALL("kbytes_out", STICK_BYTES_OUT_CNT | KIB),
    ALL("bytes_in_rate", STICK_BYTES_IN_RATE),
    ALL("bytes_out_rate", STICK_BYTES_OUT_RATE),
    {"src_updt_conn_cnt", "|t", SAMPLE_INT, NEEDS_NOTHING, fetch_src,
     STICK_CONN_CNT | RAISE | BY_SRC},
    {"sc_tracked", "i|T", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_tracked, BY_NUMBER},
    {"sc0_tracked", "|T", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_tracked, BY_SC0},
    {"sc1_tracked", "|T", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_tracked, BY_SC1},
    {"sc2_tracked", "|T", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_tracked, BY_SC2},
    {"table_cnt", "|t", SAMPLE_INT, NEEDS_NOTHING, fetch_entries, false},
    {"table_avl", "|t", SAMPLE_INT, NEEDS_NOTHING, fetch_entries, true},
};

const struct sample_fetches sample_table_rows = {rows, ARRAY_LEN(rows)};

#define TABLE(NAME, AUX)                                                                           \
    {                                                                                              \
        "table_" NAME, "|t", SAMPLE_NONE, SAMPLE_INT, conv_datum, AUX                              \
    }

static const struct sample_conv conv_rows[] = {
    {"in_table", "|t", SAMPLE_NONE, SAMPLE_BOOL, conv_in_table},
    {"table_trackers", "|t", SAMPLE_NONE, SAMPLE_INT, conv_trackers},
    {"table_server_id", "|t", SAMPLE_NONE, SAMPLE_INT, conv_server_id},
    TABLE("gpc0", STICK_GPC0),
    TABLE("gpc1", STICK_GPC1),
    TABLE("gpt0", STICK_GPT0),
    TABLE("gpc0_rate", STICK_GPC0_RATE),
    TABLE("gpc1_rate", STICK_GPC1_RATE),
    TABLE("conn_cnt", STICK_CONN_CNT),
    TABLE("conn_cur", STICK_CONN_CUR),
    TABLE("conn_rate", STICK_CONN_RATE),
    TABLE("sess_cnt", STICK_SESS_CNT),
    TABLE("sess_rate", STICK_SESS_RATE),
    TABLE("http_req_cnt", STICK_HTTP_REQ_CNT),
    TABLE("http_req_rate", STICK_HTTP_REQ_RATE),
    TABLE("http_err_cnt", STICK_HTTP_ERR_CNT),
    TABLE("http_err_rate", STICK_HTTP_ERR_RATE),
    TABLE("http_fail_cnt", STICK_HTTP_FAIL_CNT),
    TABLE("http_fail_rate", STICK_HTTP_FAIL_RATE),
    TABLE("kbytes_in", STICK_BYTES_IN_CNT | KIB),
    TABLE("kbytes_out", STICK_BYTES_OUT_CNT | KIB),
    TABLE("bytes_in_rate", STICK_BYTES_IN_RATE),
    TABLE("bytes_out_rate", STICK_BYTES_OUT_RATE),
};

const struct sample_convs sample_conv_table_rows = {conv_rows, ARRAY_LEN(conv_rows)};
