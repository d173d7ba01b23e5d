/*
 * Logs: one line a message, one write() a line, from any thread.
 *
 * To the journal (standard error is its socket) a line is "<N>text", N the syslog priority, and the
 * journal adds time and name. Elsewhere it is "2026-11-20 10:00:00.123456 vrrpd notice: text" in
 * local time. Control characters of the text, which may stem from the network, are written as \xNN.
 * A line that cannot be written at once is dropped and counted: logging never blocks.
 */
#pragma once

#include "common/base/macro.h"
#include "common/base/mono.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers are those of syslog(3). */
enum log_level {
    LOG_LEVEL_ERR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

enum log_target {
    LOG_TARGET_AUTO,   /* standard error, with priorities if it is the journal */
    LOG_TARGET_PLAIN,  /* standard error, with time and name */
    LOG_TARGET_JOURNAL /* standard error, with priorities */
};

/* `name` must stay valid. Before log_init(): "?", notice, auto. */
void log_init(const char *name, enum log_level level, enum log_target target);

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* "err", "warning", "notice", "info", "debug"; `log_level_parse` also takes "error" and "warn". */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *word, enum log_level *out);

/* Where lines go instead of standard error; it stays the caller's. */
void log_set_fd(int fd);

void log_at(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_err(...)     log_at(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
/* Arguments are not evaluated when the level is off. */
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_LEVEL_DEBUG))                                                          \
            log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                  \
    } while (0)

/* At most `burst` messages in each `window`; the first after a quiet one says how many similar ones
 * were suppressed. One static object a message: `static struct log_limit l = LOG_LIMIT(5, 10);` */
struct log_limit {
    unsigned burst;
    int64_t window_us;
    int64_t since_us; /* private, as the rest; guarded by the log's lock */
    unsigned count;
    uint64_t suppressed;
};

#define LOG_LIMIT(BURST, SECONDS)                                                                  \
    {                                                                                              \
        .burst = (BURST), .window_us = (int64_t)(SECONDS)*1000000                                  \
    }

/* `now` decides; pass loop_now() or loop_clock(). */
void log_limited(struct log_limit *limit, struct mono now, enum log_level level, const char *fmt,
                 ...) printf_like(4, 5);

/* Lines that could not be written. */
uint64_t log_dropped(void);
