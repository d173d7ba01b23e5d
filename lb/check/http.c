/*
 * A request and a look at the status of the answer.
 */
#include "lb/check/check.h"
#include "lb/check/dial.h"
#include "lb/core/http1.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX 16384

struct http {
    struct dial dial;
    struct check *check;
    struct buf request;
    size_t sent;
    char answer[ANSWER_MAX];
    size_t len;
    struct http1_head head;
};

static void failed(struct check *c, int error)
{
    check_done(c, error == ETIMEDOUT ? HEALTH_L4TOUT : HEALTH_L4CON, 0, strerror(error));
}

static void judge(struct http *h)
{
    struct check *c = h->check;
    uint16_t status = h->head.status;
    char phrase[64] = "";
    size_t len = MIN(h->head.phrase.len, sizeof(phrase) - 1);

    memcpy(phrase, h->answer + h->head.phrase.at, len);
    if (status == 404 && c->conf.disable_on_404)
        check_done(c, HEALTH_L7OKC, status, "Not Found");
    else if (status >= 200 && status < 400)
        check_done(c, HEALTH_L7OK, status, phrase);
    else
        check_done(c, HEALTH_L7STS, status, phrase);
}

/* True: the check is over. */
static bool look(struct http *h, bool ended)
{
    enum http1_result r =
        http1_parse_response(h->answer, h->len, NULL, &HTTP1_LIMITS_DEFAULT, HTTP1_GET, &h->head);

    if (r == HTTP1_COMPLETE) {
        judge(h);
        return true;
    }
    if (r == HTTP1_PARTIAL && !ended && h->len < sizeof(h->answer))
        return false;
    check_done(h->check, HEALTH_L7RSP, 0, r == HTTP1_PARTIAL ? "no whole answer" : http1_reason(r));
    return true;
}

static void receive(struct http *h)
{
    for (;;) {
        ssize_t n = recv(h->dial.io.fd, h->answer + h->len, sizeof(h->answer) - h->len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            check_done(h->check, HEALTH_L7RSP, 0, strerror(errno));
            return;
        }
        h->len += (size_t)n;
        if (look(h, n == 0))
            return;
    }
}

static void transmit(struct http *h)
{
    while (h->sent < h->request.len) {
        ssize_t n =
            send(h->dial.io.fd, h->request.data + h->sent, h->request.len - h->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            check_done(h->check, HEALTH_L7RSP, 0, strerror(errno));
            return;
        }
        h->sent += (size_t)n;
    }
    dial_want(&h->dial, EPOLLIN);
}

static void on_dial(struct dial *d, uint32_t events)
{
    struct http *h = container_of(d, struct http, dial);
    struct check *c = h->check;

    if (!c->connected.us) {
        int error = dial_error(d, events);
        if (error == EINPROGRESS)
            return;
        if (error) {
            failed(c, error);
            return;
        }
        c->connected = loop_now(c->loop);
    }
    if (h->sent < h->request.len)
        transmit(h);
    else
        receive(h);
}

/* "OPTIONS /" and what goes with it. */
static bool write_request(struct buf *out, const struct config_check *conf)
{
    size_t body = conf->body ? strlen(conf->body) : 0;

    buf_printf(out, "%s %s\r\n", conf->request ? conf->request : "OPTIONS /", conf->version);
    if (conf->host)
        buf_printf(out, "Host: %s\r\n", conf->host);
    for (size_t i = 0; i < conf->headers.n; i++)
        buf_printf(out, "%s\r\n", conf->headers.v[i]);
    if (body)
        buf_printf(out, "Content-Length: %zu\r\n", body);
    buf_str(out, "Connection: close\r\n\r\n");
    if (body)
        buf_add(out, conf->body, body);
    return !out->lost;
}

static void start(struct check *c)
{
    struct addr_port at = check_target(c);
    struct http *h = calloc(1, sizeof(*h));
    int err;

    c->state = h;
    if (!h) {
        check_done(c, HEALTH_SOCKERR, 0, "out of memory");
        return;
    }
    h->check = c;
    h->request = BUF_INIT(65536);
    if (!write_request(&h->request, &c->conf)) {
        check_done(c, HEALTH_SOCKERR, 0, "the request is too long");
        return;
    }
    err = dial_open(&h->dial, c->loop, &at, on_dial);
    if (err < 0)
        failed(c, -err);
}

static void stop(struct check *c)
{
    struct http *h = c->state;

    if (!h)
        return;
    dial_close(&h->dial);
    buf_fini(&h->request);
    free(h);
    c->state = NULL;
}

static void timeout(struct check *c)
{
    check_done(c, c->connected.us ? HEALTH_L7TOUT : HEALTH_L4TOUT, 0, NULL);
}

const struct check_kind check_http = {"http", start, stop, timeout};
