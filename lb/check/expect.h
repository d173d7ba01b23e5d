/*
 * What a check's answer must be: "status 200-399", "! string error", "rstring ^ok", "rstatus ^2",
 * "binary 2b504f4e47", "hdr name X-Ready value yes". Words are split as a shell does.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/macro.h"
#include "lb/core/regex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expect_what { EXPECT_STATUS, EXPECT_RSTATUS, EXPECT_STRING, EXPECT_RSTRING, EXPECT_HEADER };

#define EXPECT_RANGES 16

struct expect {
    enum expect_what what;
    bool negate; /* "!" */
    struct {
        uint16_t from, to;
    } ranges[EXPECT_RANGES];
    size_t n_ranges;
    char *text; /* string, binary, header value; NULL: any value */
    size_t len;
    char *name; /* of the header */
    struct regex *regex;
    struct regex_scratch *scratch;
};

/* 0, or a negative errno with a sentence; then nothing is to be freed. */
int expect_parse(struct expect *out, const char *text, struct err *e);
void expect_fini(struct expect *x);

/* Whether a status fits (EXPECT_STATUS, EXPECT_RSTATUS). */
bool expect_status(const struct expect *x, uint16_t status);

/* Whether a content fits (EXPECT_STRING, EXPECT_RSTRING), as far as it has come. */
bool expect_content(const struct expect *x, const char *data, size_t len);

/* ---- steps of a tcp check ---- */

enum step_what { STEP_SEND, STEP_EXPECT };

struct step {
    enum step_what what;
    char *data; /* STEP_SEND */
    size_t len;
    struct expect expect;
};

/* "send PING\r\n" (with real line ends), "send-binary 50494e47", "expect string +PONG". */
int step_parse(struct step *out, const char *text, struct err *e);
void step_fini(struct step *s);
