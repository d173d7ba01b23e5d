/*
 * Where access lines and state changes go: files, descriptors, syslog by datagram. Main's.
 *
 * Lines are gathered and written in one go; a sink that does not take them in time loses them, and
 * counts.
 */
#pragma once

#include "common/base/err.h"
#include "lb/config.h"

#include <stdint.h>

#define LOG_SINKS_MAX 64

struct log_sinks;

struct log_sinks *log_sinks_new(void);
void log_sinks_free(struct log_sinks *s); /* NULL-safe */

/* The bit of the sink that `c` describes, which is opened if it is a new one. 0 with `e` set if it
 * cannot be opened or there are too many. */
uint64_t log_sinks_open(struct log_sinks *s, const struct config_log *c, struct err *e);

/* The same for a list (struct config_log). */
int log_sinks_open_all(struct log_sinks *s, const struct conf_list *list, uint64_t *bits,
                       struct err *e);

/* A line without newline, of syslog's `level`, for each sink in `bits`. */
void log_sinks_add(struct log_sinks *s, uint64_t bits, int level, const char *line, size_t len);

/* Writes what has gathered. */
void log_sinks_flush(struct log_sinks *s);

/* Files are opened anew (logrotate). */
void log_sinks_reopen(struct log_sinks *s);

uint64_t log_sinks_dropped(const struct log_sinks *s);
