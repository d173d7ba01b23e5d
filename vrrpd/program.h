/*
 * A program from the configuration: what trackers and hooks run, and who could tamper with it.
 */
#pragma once

#include "common/base/err.h"
#include "common/rt/child.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct program {
    const char *const *argv; /* NULL-terminated; argv[0] is searched in PATH without a slash */
    bool switch_user;        /* run as uid and gid below; else as the daemon */
    bool may_gain;           /* sudo inside may work */
    bool allow_unsafe;       /* run it even if others may write it */
    uid_t uid;
    gid_t gid;
};

/* Copies words into one block that free() releases, with `extra` NULL slots to spare behind them.
 * `count` (may be NULL) becomes the number of words. NULL without memory. */
const char **program_words(const char *const *argv, size_t extra, size_t *count);

/* "killall -0 proxy": the words as one would type them, for messages. Returns `text`. */
const char *program_text(const char *const *argv, char *text, size_t size);

/* Where argv[0] is found, as execvp() would: false if nowhere. */
bool program_find(const char *name, char *path, size_t size);

/* Could somebody but root and the user it runs as change what is run? Looks at the program and,
 * where that is an interpreter (sh, python3, perl ...) or a wrapper (sudo, env, timeout ...), at
 * each absolute path among its words; in the text behind a shell's -c, at each absolute path that
 * names a file. True with a sentence that names the component at fault. A program that does not
 * exist is not unsafe: running it says so. allow_unsafe is not looked at. */
bool program_unsafe(const struct program *p, struct err *why);

/* The child_spec to run it with: user, words and name set, the rest zero. `p` and `name` must
 * outlive child_start(). */
struct child_spec program_spec(const struct program *p, const char *name);
