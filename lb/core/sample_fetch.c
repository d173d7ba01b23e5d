/*
 * Fetches that need no message: constants, connections, time, names and figures of pools and
 * servers, variables.
 */
#include "common/base/macro.h"
#include "lb/core/sample_internal.h"

#include <stdio.h>

/* ---- constants: the value is made when the expression is parsed ---- */

static bool fetch_constant(const struct expr *x, struct eval *ev, struct sample_walk *w,
                           struct sample *out)
{
    *out = x->constant;
    return out->type != SAMPLE_NONE;
}

static struct sample *constant(const struct expr *x)
{
    return &((struct expr *)x)->constant; /* while it is being made */
}

static bool check_text(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return sample_str(constant(x), x->args[0].str);
}

static bool check_int(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return sample_int(constant(x), x->args[0].num);
}

static bool check_bool(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    struct text t = x->args[0].str;
    bool yes = text_ieq(t, TEXT("true")) || text_eq(t, TEXT("1"));

    if (!yes && !text_ieq(t, TEXT("false")) && !text_eq(t, TEXT("0")))
        return compile_fault(c, at, len, "write bool(true) or bool(false)",
                             "\"%.*s\" is not a boolean", (int)t.len, t.at);
    return sample_bool(constant(x), yes);
}

static bool check_addr(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    struct addr a;

    if (!addr_parse(x->args[0].str.at, &a) || a.family != x->fetch->aux)
        return compile_fault(c, at, len, NULL, "\"%s\" is not such an address", x->args[0].str.at);
    return sample_addr(constant(x), &a);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool check_bytes(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    struct text in = x->args[0].str;
    char *out = compile_new(c, in.len / 2 + 1);

    for (size_t i = 0; out && i < in.len; i += 2) {
        if (in.len % 2 || digit(in.at[i]) < 0 || digit(in.at[i + 1]) < 0)
            return compile_fault(c, at, len, NULL, "\"%s\" is not hexadecimal", in.at);
        out[i / 2] = (char)(digit(in.at[i]) << 4 | digit(in.at[i + 1]));
    }
    *constant(x) = (struct sample){.type = SAMPLE_BIN, .str = {out, in.len / 2}};
    return out;
}

static bool check_env(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    const char *v =
        c->world && c->world->env ? c->world->env(c->world->user, x->args[0].str.at) : NULL;
    struct text copy;

    if (!v)
        return true;
    return compile_text(c, text_of(v), &copy) && sample_str(constant(x), copy);
}

static bool check_hostname(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return sample_str(constant(x), c->program->hostname);
}

static bool check_fixed(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return sample_bool(constant(x), x->fetch->aux);
}

/* ---- the connection ---- */

enum { END_CLIENT, END_LOCAL };

static const struct addr_port *end_of(const struct expr *x, const struct eval *ev)
{
    const struct addr_port *p = x->fetch->aux == END_CLIENT ? ev->client : ev->local;
    return p && p->addr.family ? p : NULL;
}

static bool fetch_addr(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    const struct addr_port *p = end_of(x, ev);
    return p && sample_addr(out, &p->addr);
}

static bool fetch_port(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    const struct addr_port *p = end_of(x, ev);
    return p && sample_int(out, p->port);
}

/* An address of the machine's own network: 127/8 and ::1, or the one the client connected to. */
static bool fetch_is_local(const struct expr *x, struct eval *ev, struct sample_walk *w,
                           struct sample *out)
{
    const struct addr_port *p = end_of(x, ev);

    if (!p)
        return false;
    if (x->fetch->aux == END_LOCAL)
        return sample_bool(out, true);
    return sample_bool(out, (p->addr.family == AF_INET && p->addr.bytes[0] == 127) ||
                                (ev->local && addr_equal(&p->addr, &ev->local->addr)));
}

/* ---- time and chance ---- */

static bool fetch_date(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    struct timespec t = {0};
    int64_t s, unit = 1;

    if (ev->ops)
        t = ev->ops->wall(ev->owner);
    s = (int64_t)t.tv_sec + x->args[0].num;
    if (text_eq(x->args[1].str, TEXT("ms")))
        unit = 1000;
    else if (text_eq(x->args[1].str, TEXT("us")))
        unit = 1000000;
    return sample_int(out, s * unit + t.tv_nsec / (1000000000 / unit) % unit);
}

static bool check_unit(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    struct text u = x->args[1].str;

    if (!u.len || text_eq(u, TEXT("s")) || text_eq(u, TEXT("ms")) || text_eq(u, TEXT("us")))
        return true;
    return compile_fault(c, at, len, "write s, ms or us", "\"%.*s\" is not a unit of time",
                         (int)u.len, u.at);
}

static bool fetch_date_us(const struct expr *x, struct eval *ev, struct sample_walk *w,
                          struct sample *out)
{
    return sample_int(out, ev->ops ? ev->ops->wall(ev->owner).tv_nsec / 1000 : 0);
}

static bool fetch_rand(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    uint64_t n = ev->rng ? rng_next(ev->rng) >> 32 : 0;

    if (x->args[0].given)
        n = n * (uint64_t)x->args[0].num >> 32;
    return sample_int(out, (int64_t)n);
}

static bool check_rand(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return !x->args[0].given || (x->args[0].num > 0 && x->args[0].num <= UINT32_MAX) ||
           compile_fault(c, at, len, "write rand(100)", "rand() takes a number above 0");
}

static bool fetch_uuid(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    uint64_t a = ev->rng ? rng_next(ev->rng) : 0, b = ev->rng ? rng_next(ev->rng) : 0;

    return sample_str(out,
                      arena_printf(ev->tmp, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)a,
                                   (unsigned)(a >> 32) & 0xffff, (unsigned)(a >> 52),
                                   ((unsigned)b & 0x3fff) | 0x8000, (unsigned long long)(b >> 16)));
}

/* ---- names and figures ---- */

static bool fetch_name(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    return ev->ops &&
           sample_str(out, ev->ops->name(ev->owner, (enum eval_name)x->fetch->aux, EVAL_OWN));
}

static bool fetch_captured(const struct expr *x, struct eval *ev, struct sample_walk *w,
                           struct sample *out)
{
    return ev->ops && x->args[0].num >= 0 && x->args[0].num < 256 &&
           sample_str(out, ev->ops->name(ev->owner, (enum eval_name)x->fetch->aux,
                                         (uint32_t)x->args[0].num));
}

static bool fetch_figure(const struct expr *x, struct eval *ev, struct sample_walk *w,
                         struct sample *out)
{
    uint32_t ref = x->n_args ? x->args[0].ref : EVAL_OWN;
    int64_t v = ev->ops ? ev->ops->figure(ev->owner, (enum figure)x->fetch->aux, ref) : INT64_MIN;

    if (v == INT64_MIN)
        return false;
    return x->fetch->out == SAMPLE_BOOL ? sample_bool(out, v != 0) : sample_int(out, v);
}

static bool fetch_var(const struct expr *x, struct eval *ev, struct sample_walk *w,
                      struct sample *out)
{
    const struct sample *v = vars_get(ev, x->args[0].ref);

    *out = v ? *v : x->constant;
    return out->type != SAMPLE_NONE;
}

static bool check_var(struct compile *c, const struct expr *x, size_t at, size_t len)
{
    return !x->args[1].given || sample_str(constant(x), x->args[1].str);
}

#define ANY       NEEDS_NOTHING
#define FIXED(V)  SAMPLE_BOOL, ANY, fetch_constant, V, .check = check_fixed
#define FIGURE(F) SAMPLE_INT, ANY, fetch_figure, F
#define NAME(N)   SAMPLE_STR, ANY, fetch_name, N

static const struct sample_fetch rows[] = {
    {"always_true", "", FIXED(true)},
    {"always_false", "", FIXED(false)},
    {"wait_end", "", FIXED(true)},
    {"ssl_fc", "", FIXED(false)},
    {"ssl_bc", "", FIXED(false)},
    {"res.comp", "", FIXED(false)},
    {"str", "s", SAMPLE_STR, ANY, fetch_constant, .check = check_text},
    {"int", "i", SAMPLE_INT, ANY, fetch_constant, .check = check_int},
    {"bool", "s", SAMPLE_BOOL, ANY, fetch_constant, .check = check_bool},
    {"meth", "s", SAMPLE_STR, ANY, fetch_constant, .check = check_text},
    {"ipv4", "s", SAMPLE_ADDR, ANY, fetch_constant, AF_INET, .check = check_addr},
    {"ipv6", "s", SAMPLE_ADDR, ANY, fetch_constant, AF_INET6, .check = check_addr},
    {"bin", "k", SAMPLE_BIN, ANY, fetch_constant, .check = check_bytes},
    {"env", "s", SAMPLE_STR, ANY, fetch_constant, .check = check_env},
    {"hostname", "", SAMPLE_STR, ANY, fetch_constant, .check = check_hostname},
    {"src", "", SAMPLE_ADDR, ANY, fetch_addr, END_CLIENT},
    {"dst", "", SAMPLE_ADDR, ANY, fetch_addr, END_LOCAL},
    {"fc_src", "", SAMPLE_ADDR, ANY, fetch_addr, END_CLIENT},
    {"fc_dst", "", SAMPLE_ADDR, ANY, fetch_addr, END_LOCAL},
    {"src_port", "", SAMPLE_INT, ANY, fetch_port, END_CLIENT},
    {"dst_port", "", SAMPLE_INT, ANY, fetch_port, END_LOCAL},
    {"fc_src_port", "", SAMPLE_INT, ANY, fetch_port, END_CLIENT},
    {"fc_dst_port", "", SAMPLE_INT, ANY, fetch_port, END_LOCAL},
    {"src_is_local", "", SAMPLE_BOOL, ANY, fetch_is_local, END_CLIENT},
    {"dst_is_local", "", SAMPLE_BOOL, ANY, fetch_is_local, END_LOCAL},
    {"date", "|is", SAMPLE_INT, ANY, fetch_date, .check = check_unit},
    {"date_us", "", SAMPLE_INT, ANY, fetch_date_us},
    {"rand", "|i", SAMPLE_INT, ANY, fetch_rand, .check = check_rand},
    {"uuid", "|i", SAMPLE_STR, ANY, fetch_uuid},
    {"var", "V|s", SAMPLE_STR, ANY, fetch_var, .check = check_var},
    {"fe_name", "", NAME(EVAL_LISTENER)},
    {"be_name", "", NAME(EVAL_POOL)},
    {"srv_name", "", NAME(EVAL_SERVER)},
    {"unique-id", "", NAME(EVAL_UNIQUE_ID)},
    {"capture.req.method", "", NAME(EVAL_REQUEST_METHOD)},
    {"capture.req.uri", "", NAME(EVAL_REQUEST_URI)},
    {"capture.req.ver", "", NAME(EVAL_REQUEST_VERSION)},
    {"capture.req.hdr", "i", SAMPLE_STR, ANY, fetch_captured, EVAL_CAPTURED_REQUEST},
    {"capture.res.hdr", "i", SAMPLE_STR, ANY, fetch_captured, EVAL_CAPTURED_RESPONSE},
    {"nbsrv", "|p", FIGURE(FIGURE_POOL_USABLE)},
    {"be_conn", "|p", FIGURE(FIGURE_POOL_CONNS)},
    {"be_sess_rate", "|p", FIGURE(FIGURE_POOL_SESSION_RATE)},
    {"be_conn_free", "|p", FIGURE(FIGURE_POOL_SLOTS_FREE)},
    {"be_id", "", FIGURE(FIGURE_POOL_ID)},
    {"queue", "|p", FIGURE(FIGURE_POOL_QUEUED)},
    {"avg_queue", "|p", FIGURE(FIGURE_POOL_AVG_QUEUE)},
    {"connslots", "|p", FIGURE(FIGURE_POOL_SLOTS_FREE)},
    {"fe_conn", "|l", FIGURE(FIGURE_LISTENER_CONNS)},
    {"dst_conn", "", FIGURE(FIGURE_LISTENER_CONNS)},
    {"fe_sess_rate", "|l", FIGURE(FIGURE_LISTENER_SESSION_RATE)},
    {"fe_req_rate", "|l", FIGURE(FIGURE_LISTENER_REQUEST_RATE)},
    {"fe_id", "", FIGURE(FIGURE_LISTENER_ID)},
    {"so_id", "", FIGURE(FIGURE_LISTENER_ID)},
    {"srv_is_up", "v", SAMPLE_BOOL, ANY, fetch_figure, FIGURE_SERVER_UP},
    {"srv_conn", "v", FIGURE(FIGURE_SERVER_CONNS)},
    {"srv_conn_free", "v", FIGURE(FIGURE_SERVER_FREE)},
    {"srv_sess_rate", "v", FIGURE(FIGURE_SERVER_SESSION_RATE)},
    {"srv_queue", "v", FIGURE(FIGURE_SERVER_QUEUED)},
    {"srv_weight", "v", FIGURE(FIGURE_SERVER_WEIGHT)},
    {"srv_uweight", "v", FIGURE(FIGURE_SERVER_WEIGHT)},
    {"srv_id", "", FIGURE(FIGURE_SERVER_ID)},
    {"http_first_req", "", SAMPLE_BOOL, ANY, fetch_figure, FIGURE_FIRST_REQUEST},
    {"thread", "", FIGURE(FIGURE_THREAD)},
    {"stopping", "", SAMPLE_BOOL, ANY, fetch_figure, FIGURE_STOPPING},
};

const struct sample_fetches sample_fetch_rows = {rows, ARRAY_LEN(rows)};

const char *sample_why_not(struct text name)
{
    static const struct {
        const char *begins, *why;
    } reasons[] = {
        {"ssl_", "lb speaks no TLS: let something in front of it do that, and look at a header it "
                 "sets"},
        {"req.ssl_", "lb does not look into TLS"},
        {"req_ssl_", "lb does not look into TLS"},
        {"req.payload", "lb does not look into what follows the head"},
        {"res.payload", "lb does not look into what follows the head"},
        {"payload", "lb does not look into what follows the head"},
        {"req.body", "lb does not look into bodies"},
        {"res.body", "lb does not look into bodies"},
        {"req.len", "lb does not look into bodies"},
        {"http_auth", "let the server ask for passwords"},
        {"sha", "lb has no cryptographic hashes; use crc32 or xxh32"},
        {"digest", "lb has no cryptographic hashes"},
        {"hmac", "lb has no cryptographic hashes"},
        {"jwt_", "let the server look at tokens"},
        {"aes_", "lb has no ciphers"},
        {"x509_", "lb speaks no TLS"},
        {"lua", "there is no Lua"},
        {"req.rdp_cookie", "there is no RDP"},
        {"rdp_cookie", "there is no RDP"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (text_eq(text_head(name, strlen(reasons[i].begins)), text_of(reasons[i].begins)))
            return reasons[i].why;
    return NULL;
}
