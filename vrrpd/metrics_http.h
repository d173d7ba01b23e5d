/*
 * GET /metrics over HTTP, for Prometheus and its like. Only that: one request a connection, a few
 * connections at a time, no keep-alive.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/rt/loop.h"

#include <stdint.h>

enum { METRICS_HTTP_CLIENTS_MAX = 16, METRICS_HTTP_REQUEST_MAX = 4096 };

struct metrics_http;

/* Writes the page. */
typedef void metrics_http_fn(void *ctx, struct buf *out);

int metrics_http_new(struct metrics_http **out, struct loop *loop, const struct addr_port *at,
                     metrics_http_fn *fn, void *ctx, struct err *e);

/* NULL-safe. */
void metrics_http_free(struct metrics_http *m);
