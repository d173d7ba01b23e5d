/*
 * Files: read whole, written whole, or judged.
 *
 * Errors: negative errno with a sentence that names the path.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Appends the file's content to `out`. More than `limit` bytes is -EFBIG; a directory is -EISDIR; a
 * FIFO or device is not waited for. */
int file_read(const char *path, size_t limit, struct buf *out, struct err *e);

/* Replaces the file so that a reader, or a crash at any moment, sees the old or the new content:
 * written beside it, synced, renamed. */
int file_write_atomic(const char *path, mode_t mode, const void *data, size_t len, struct err *e);

/* Who could change what runs when `path` is run as `uid`? Walks the real path from / and returns
 * true, with the component at fault and the reason as a sentence ("/opt/scripts is writable by
 * others (mode 0777)"), if anybody but root and `uid` may write it or, for a directory, replace
 * what is in it. Symbolic links are followed, each link's own directory counts too. A path that
 * cannot be examined is at fault as well. */
bool file_unsafe(const char *path, uid_t uid, struct err *why);
