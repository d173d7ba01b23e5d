/*
 * Who could tamper with a command?
 *
 * The program itself is easy: each component of its real path. But a check is often an interpreter
 * with a script, or a wrapper with a program, and then the file that matters is one of the words.
 * So the words are followed as far as they can be understood without running them: wrappers to the
 * program behind them, interpreters to their script, a shell's -c text to the absolute paths that
 * stand where a command does. Words in other places are data (a log file in /tmp is no danger).
 */
#include "vrrpd/program.h"

#include "common/base/macro.h"
#include "common/rt/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_DEPTH = 4 }; /* sudo env nice sh script */

const char **program_words(const char *const *argv, size_t extra, size_t *count)
{
    size_t n = 0, bytes = 0;
    while (argv[n])
        bytes += strlen(argv[n++]) + 1;
    size_t slots = n + extra + 1;
    const char **out = calloc(1, slots * sizeof(*out) + bytes);
    if (!out)
        return NULL;
    char *text = (char *)(out + slots);
    for (size_t i = 0; i < n; i++) {
        out[i] = text;
        text = stpcpy(text, argv[i]) + 1;
    }
    if (count)
        *count = n;
    return out;
}

/* A word that a shell would not take as it stands is shown in quotes. */
static bool plain(const char *word)
{
    return *word && !strpbrk(word, " \t\n\"'\\$`&|;<>()*?[]~#!{}");
}

const char *program_text(const char *const *argv, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; argv && argv[i] && len < size; i++) {
        const char *quote = plain(argv[i]) ? "" : "'";
        int n = snprintf(text + len, size - len, "%s%s%s%s", i ? " " : "", quote, argv[i], quote);
        len += n > 0 ? (size_t)n : 0;
    }
    return text;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

bool program_find(const char *name, char *path, size_t size)
{
    if (strchr(name, '/')) { /* relative ones: children run in / */
        int n = snprintf(path, size, "%s%s", name[0] == '/' ? "" : "/", name);
        return n > 0 && (size_t)n < size && is_program(path);
    }
    const char *dirs = getenv("PATH");
    if (!dirs || !*dirs)
        dirs = "/bin:/usr/bin";
    while (true) {
        size_t len = strcspn(dirs, ":");
        int n = snprintf(path, size, "%.*s/%s", (int)len, dirs, name);
        if (n > 0 && (size_t)n < size && path[0] == '/' && is_program(path))
            return true;
        if (!dirs[len])
            return false;
        dirs += len + 1;
    }
}

enum role { ROLE_PLAIN, ROLE_SHELL, ROLE_INTERPRETER, ROLE_WRAPPER };

/* What a program does with its words. A name in the table may be followed by a version. */
static enum role role_of(const char *path)
{
    static const struct {
        const char *name;
        enum role role;
    } rows[] = {
        {"sh", ROLE_SHELL},           {"bash", ROLE_SHELL},       {"dash", ROLE_SHELL},
        {"ksh", ROLE_SHELL},          {"zsh", ROLE_SHELL},        {"busybox", ROLE_WRAPPER},
        {"python", ROLE_INTERPRETER}, {"perl", ROLE_INTERPRETER}, {"ruby", ROLE_INTERPRETER},
        {"php", ROLE_INTERPRETER},    {"node", ROLE_INTERPRETER}, {"lua", ROLE_INTERPRETER},
        {"env", ROLE_WRAPPER},        {"sudo", ROLE_WRAPPER},     {"setpriv", ROLE_WRAPPER},
        {"timeout", ROLE_WRAPPER},    {"nice", ROLE_WRAPPER},     {"ionice", ROLE_WRAPPER},
        {"nohup", ROLE_WRAPPER},      {"stdbuf", ROLE_WRAPPER},   {"setsid", ROLE_WRAPPER},
        {"flock", ROLE_WRAPPER},
    };
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].name);
        if (strncmp(base, rows[i].name, n) == 0 &&
            strspn(base + n, "0123456789.") == strlen(base + n))
            return rows[i].role;
    }
    return ROLE_PLAIN;
}

/* A word of a shell after which a command still follows. */
static bool shell_word_passes(const char *word, size_t len)
{
    static const char *const words[] = {"exec",  "if", "then", "elif", "else", "while",
                                        "until", "do", "!",    "{",    "time", "command"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == len && strncmp(words[i], word, len) == 0)
            return true;
    return false;
}

/* Each absolute path in the text of `sh -c` that stands in the place of a command. */
static bool shell_text_unsafe(const char *text, uid_t uid, struct err *why)
{
    bool command = true;
    while (*text) {
        text += strspn(text, " \t\"'");
        size_t len = strcspn(text, " \t\n;|&()<>\"'`$");
        if (command && len && text[0] == '/' && len < PATH_MAX) {
            char path[PATH_MAX];
            snprintf(path, sizeof(path), "%.*s", (int)len, text);
            if (is_program(path) && file_unsafe(path, uid, why))
                return true;
        }
        if (len)
            command = command && shell_word_passes(text, len);
        text += len;
        if (*text && strchr("\n;|&(`", *text))
            command = true;
        if (*text)
            text++;
    }
    return false;
}

static bool interpreter_unsafe(const char *const *words, bool shell, uid_t uid, struct err *why)
{
    for (size_t i = 1; words[i]; i++) {
        if (words[i][0] == '-') {
            if (shell && words[i][1] != '-' && strchr(words[i], 'c'))
                return words[i + 1] && shell_text_unsafe(words[i + 1], uid, why);
            continue;
        }
        struct stat st;
        return words[i][0] == '/' && stat(words[i], &st) == 0 && S_ISREG(st.st_mode) &&
               file_unsafe(words[i], uid, why);
    }
    return false;
}

static bool words_unsafe(const char *const *words, uid_t uid, unsigned depth, struct err *why)
{
    char path[PATH_MAX];
    if (!words[0] || !program_find(words[0], path, sizeof(path)))
        return false;
    if (file_unsafe(path, uid, why))
        return true;
    enum role role = role_of(words[0]);
    switch (role) {
    case ROLE_PLAIN:
        return false;
    case ROLE_SHELL:
    case ROLE_INTERPRETER:
        return interpreter_unsafe(words, role == ROLE_SHELL, uid, why);
    case ROLE_WRAPPER:
        break;
    }
    /* The first word that is a program at all; in front of it are the wrapper's own options. */
    for (size_t i = 1; words[i]; i++)
        if (words[i][0] != '-' && program_find(words[i], path, sizeof(path)))
            return depth > 0 && words_unsafe(words + i, uid, depth - 1, why);
    return false;
}

bool program_unsafe(const struct program *p, struct err *why)
{
    return words_unsafe(p->argv, p->switch_user ? p->uid : geteuid(), WORDS_DEPTH, why);
}

struct child_spec program_spec(const struct program *p, const char *name)
{
    return (struct child_spec){
        .argv = p->argv,
        .switch_user = p->switch_user,
        .may_gain = p->may_gain,
        .uid = p->uid,
        .gid = p->gid,
        .name = name,
    };
}
