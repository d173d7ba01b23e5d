/*
 * Answers that are made here.
 */
#include "lb/session/http.h"

#include <stdio.h>
#include <string.h>

#define AFTER_ROOM 8192 /* what rules may add to an answer */

struct page {
    uint16_t status;
    const char *phrase, *body;
};

static const struct page pages[] = {
    {200, "OK", "Service ready."},
    {400, "Bad request", "Your browser sent an invalid request."},
    {401, "Unauthorized", "You need a valid user and password to access this content."},
    {403, "Forbidden", "Request forbidden by administrative rules."},
    {404, "Not Found", "The resource could not be found."},
    {405, "Method Not Allowed",
     "A request was made of a resource using a request method not "
     "supported by that resource"},
    {407, "Unauthorized", "You need a valid user and password to access this content."},
    {408, "Request Time-out", "Your browser didn't send a complete request in time."},
    {410, "Gone", "The resource is no longer available and will not be available again."},
    {413, "Payload Too Large", "The request entity exceeds the maximum allowed."},
    {414, "URI Too Long", "The request target exceeds the maximum allowed."},
    {421, "Misdirected Request", "Request sent to a non-authoritative server."},
    {422, "Unprocessable Content", "The server cannot process the contained instructions."},
    {425, "Too Early", "Your browser sent early data."},
    {429, "Too Many Requests", "You have sent too many requests in a given amount of time."},
    {431, "Request Header Fields Too Large", "The request header exceeds the maximum allowed."},
    {500, "Internal Server Error", "An internal server error occurred."},
    {501, "Not Implemented",
     "The server does not support the functionality required to fulfill "
     "the request."},
    {502, "Bad Gateway", "The server returned an invalid or incomplete response."},
    {503, "Service Unavailable", "No server is available to handle this request."},
    {504, "Gateway Time-out", "The server didn't respond in time."},
    {505, "HTTP Version Not Supported", "The protocol version is not supported."},
};

static const struct page *page_of(uint16_t status)
{
    static const struct page unknown = {500, "Internal Server Error",
                                        "An internal server error occurred."};

    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (pages[i].status == status)
            return &pages[i];
    return &unknown;
}

static const struct plan_answer *own_answer(const struct plan_answers *a, uint16_t status)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].status == status)
            return &a->v[i];
    return NULL;
}

/* Whether the request has been read to its end, so that a next one could follow. */
static bool request_whole(const struct exchange *x)
{
    return !x->bare_head && x->request > REQUEST_HEAD && x->up.ended;
}

/* The request is not sent anywhere: what follows it in the buffer is the next one. */
static void pass_over_request(struct exchange *x)
{
    struct buffer *b = x->up.buf;

    if (!b || !request_whole(x) || !x->replay)
        return;
    b->at = x->request_at + x->head_len + x->body_ready;
    x->up.ready = 0;
}

static const char *connection_line(const struct exchange *x)
{
    if (!x->client_keep)
        return "connection: close\r\n";
    return x->minor ? "" : "connection: keep-alive\r\n";
}

static size_t built_in(const struct exchange *x, uint16_t status, char *out, size_t cap)
{
    const struct page *t = page_of(status);
    bool to_head = x->method == HTTP1_HEAD;
    char body[512];
    int len = snprintf(body, sizeof(body), "<html><body><h1>%u %s</h1>\n%s\n</body></html>\n",
                       t->status, t->phrase, t->body);
    int n = snprintf(out, cap,
                     "HTTP/1.1 %u %s\r\ncontent-length: %d\r\ncache-control: no-cache\r\n"
                     "content-type: text/html\r\n%s\r\n%s",
                     t->status, t->phrase, len, connection_line(x), to_head ? "" : body);

    return (size_t)n;
}

/* The answer as the rules that come last have it; as it was, if it can't be changed. */
static const char *after(struct exchange *x, const char *data, size_t *len)
{
    size_t cap = *len + AFTER_ROOM, n;
    char *out = arena_bytes(&x->rules->keep, cap);

    if (!out || !(n = http_rules_after_answer(x, data, *len, out, cap)))
        return data;
    *len = n;
    return out;
}

enum http_step http_answer_with(struct exchange *x, uint16_t status, const char *data, size_t len,
                                bool keep)
{
    struct buffers *pool = &x->w->buffers;

    x->client_keep &= keep;
    x->linger |= !request_whole(x);
    pass_over_request(x);
    x->server_keep = false;
    attempt_disconnect(&x->to);
    flow_fini(&x->down, pool);
    x->down = (struct flow){.ended = true};
    x->log.status = status;
    x->request = REQUEST_DONE;
    x->response = RESPONSE_BODY;
    x->client_seen = worker_now(x->w);
    if (len && http_rules_are_after(x))
        data = after(x, data, &len);
    if (len && !flow_spill(&x->down, pool, data, len))
        return http_abort(x, 'R', 'D');
    return HTTP_MORE;
}

enum http_step http_answer(struct exchange *x, uint16_t status, char by, char when)
{
    const struct plan_answer *own = own_answer(&x->front->answers, status);
    char text[1024];
    bool keep = request_whole(x) && status != 400 && status != 408;

    x->log.term[0] = by;
    x->log.term[1] = when;
    if (!own && x->back)
        own = own_answer(&x->back->answers, status);
    if (own)
        return http_answer_with(x, status, own->data, own->len, false);
    x->client_keep &= keep;
    return http_answer_with(x, status, text, built_in(x, status, text, sizeof(text)), keep);
}

enum http_step http_answer_rule(struct exchange *x, const struct rule_outcome *out, char when)
{
    bool keep = request_whole(x) && !out->whole;
    struct text body = x->method == HTTP1_HEAD ? TEXT("") : out->body, pieces[4];
    char *all, *p;

    x->log.term[0] = out->by;
    x->log.term[1] = when;
    if (out->whole)
        return http_answer_with(x, out->status, out->head.at, out->head.len, false);
    x->client_keep &= keep;
    pieces[0] = out->head;
    pieces[1] = text_of(connection_line(x));
    pieces[2] = TEXT("\r\n");
    pieces[3] = body;
    p = all = arena_bytes(x->rules->ev.tmp, out->head.len + 64 + body.len);
    if (!all)
        return http_answer(x, 500, 'R', when);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        p = (char *)memcpy(p, pieces[i].at, pieces[i].len) + pieces[i].len;
    return http_answer_with(x, out->status, all, (size_t)(p - all), keep);
}

enum http_step http_send_own(struct exchange *x)
{
    bool moved = false;
    enum flow_result r =
        flow_run(&x->down, &x->w->buffers, &x->client->conn, &x->client->conn, &moved);

    if (moved)
        x->client_seen = worker_now(x->w);
    if (r == FLOW_WAIT)
        return HTTP_WAIT;
    if (r != FLOW_DONE)
        return http_abort(x, 'C', 'D');
    return HTTP_MORE;
}
