/*
 * The log lines that follow from a change of a server, word for word what HAProxy's users (and
 * their log filters) know, without time stamp and newline.
 */
#pragma once

#include "common/base/buf.h"
#include "lb/core/pool.h"

/* Syslog's numbers. */
enum server_log_level { SERVER_LOG_EMERG = 0, SERVER_LOG_ALERT = 1, SERVER_LOG_NOTICE = 5 };

/*
 * "Server nodes/s1 is DOWN, reason: Layer7 timeout, check duration: 2001ms. 1 active and 0 backup
 * servers left. 0 sessions active, 0 requeued, 0 remaining in queue." and its kin.
 * `requeued` counts waiting requests that were moved away from it. Writes nothing for SERVER_SAME.
 */
enum server_log_level server_log(struct buf *out, const struct server_event *ev, unsigned requeued);

/* "backend nodes has no server available!" if the event took the last one; else writes nothing. */
bool server_log_pool(struct buf *out, const struct server_event *ev);
