/*
 * Named pipes that lines are written to, never waiting. Shared by path.
 */
#pragma once

#include "common/base/list.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fifo;

/* The pipe at that path: made (0600) if there is none, and then removed with the last fifo_put().
 * `set` holds all that are in use; all zero but for list_init(). A path that cannot be opened now
 * is tried again with each line. NULL without memory. */
struct fifo *fifo_get(struct list *set, const char *path);

/* NULL-safe. */
void fifo_put(struct fifo *f);

/* Writes the line whole or not at all: false if it was dropped, because nobody reads and the pipe
 * is full, or there is no pipe. Logs the first loss, and when it works again. */
bool fifo_write(struct fifo *f, const char *line, size_t len);
