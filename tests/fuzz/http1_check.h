/*
 * What holds for every head that the parser lets through, shared by the targets for requests and
 * responses. Each check aborts where it does not hold.
 */
#pragma once

#include "lb/core/http1.h"

#include <stdbool.h>

/* A request if true; else a response to a request with the method. */
struct http1_kind {
    bool is_request;
    enum http1_method method;
};

/* Parses `data` whole, then in pieces of `step` bytes, then sends it on in each way there is.
 * `limit` bounds the head. */
void http1_check(struct http1_kind kind, const char *data, size_t size, size_t step,
                 uint32_t limit);
