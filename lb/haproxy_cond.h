/*
 * The conditions of .if lines in haproxy.cfg (HAProxy's manual, 2.4).
 */
#pragma once

#include "lb/haproxy_lex.h"

/* Evaluates `text` ("" is false). Returns NULL, or what cannot be read (a static text). */
const char *haproxy_cond_eval(const char *text, const struct haproxy_env *env, bool *result);
