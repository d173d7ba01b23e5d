/*
 * A file with a number in it, or one whose mere existence says something.
 *
 * `echo -50 > file` empties the file before it writes, so an empty file is believed only when it is
 * still empty a moment later; otherwise each rewrite would pass through 0.
 */
#include "vrrpd/track/kind.h"

#include "common/base/parse.h"
#include "common/rt/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NUMBER_BYTES = 64, REASON_BYTES = 512, EMPTY_MS = 50, NUMBER_MAX = 254 };

struct file {
    struct tracker t;
    struct pathwatch watch;
    struct timer poll, empty;
    struct span every;
    enum track_file_mode mode;
    bool must_exist;
};

static struct file *of(struct tracker *t)
{
    return container_of(t, struct file, t);
}

/* Cuts white space at both ends. */
static char *trim(char *text)
{
    static const char blank[] = " \t\r\n\v\f";
    text += strspn(text, blank);
    size_t len = strlen(text);
    while (len > 0 && strchr(blank, text[len - 1]))
        text[--len] = '\0';
    return text;
}

static void look_at_number(struct file *f, bool believe_empty)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(NUMBER_BYTES * 2);
    struct err e;
    int64_t number = 0;
    int rc = file_read(f->watch.path, NUMBER_BYTES, &text, &e);
    if (rc == -ENOENT || rc == -ENOTDIR) {
        track_number(&f->t, 0);
        track_result(&f->t, !f->must_exist, "there is no %s", f->watch.path);
        return;
    }
    if (rc < 0) {
        track_result(&f->t, false, "%s", e.text);
        return;
    }
    char copy[NUMBER_BYTES + 1];
    snprintf(copy, sizeof(copy), "%s", buf_cstr(&text));
    const char *word = trim(copy);
    if (!*word && !believe_empty) {
        loop_timer_after(f->t.set->loop, &f->empty, span_ms(EMPTY_MS));
        return;
    }
    loop_timer_disarm(f->t.set->loop, &f->empty);
    if (*word && !parse_int(word, INT32_MIN, INT32_MAX, &number)) {
        track_result(&f->t, false, "\"%s\" in %s is not a number", word, f->watch.path);
        return;
    }
    track_number(&f->t, MAX(-NUMBER_MAX, MIN(number, NUMBER_MAX)));
    track_result(&f->t, true, "%s says %lld", f->watch.path, (long long)number);
}

static void look_at_switch(struct file *f)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(REASON_BYTES * 2);
    struct stat st;
    char line[REASON_BYTES] = "";
    if (stat(f->watch.path, &st) < 0) { /* what may not be looked at might be there */
        if (errno == ENOENT || errno == ENOTDIR)
            track_result(&f->t, true, "there is no %s", f->watch.path);
        else
            track_result(&f->t, false, "%s: %s", f->watch.path, strerror(errno));
        return;
    }
    if (file_read(f->watch.path, REASON_BYTES, &text, NULL) == 0)
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(buf_cstr(&text), "\n"), buf_cstr(&text));
    const char *why = trim(line);
    track_result(&f->t, false, "%s exists%s%s", f->watch.path, *why ? ": " : "", why);
}

static void look(struct file *f, bool believe_empty)
{
    switch (f->mode) {
    case TRACK_FILE_NUMBER:
        look_at_number(f, believe_empty);
        return;
    case TRACK_FILE_SWITCH:
        look_at_switch(f);
        return;
    }
}

static void on_change(struct pathwatch *w)
{
    look(container_of(w, struct file, watch), false);
}

static void on_poll(struct timer *timer, struct mono now)
{
    struct file *f = container_of(timer, struct file, poll);
    loop_timer_after(f->t.set->loop, &f->poll, f->every);
    look(f, false);
}

static void still_empty(struct timer *timer, struct mono now)
{
    look(container_of(timer, struct file, empty), true);
}

static int start(struct tracker *t, const struct track_spec *spec, struct err *e)
{
    struct file *f = of(t);
    if (!spec->file.path)
        return err_set(e, -EINVAL, "no file is named");
    f->mode = spec->file.mode;
    f->must_exist = spec->file.must_exist;
    f->every = spec->every.us > 0 ? spec->every : span_s(1);
    f->poll = TIMER_INIT(on_poll);
    f->empty = TIMER_INIT(still_empty);
    int rc = pathwatch_start(&f->watch, &t->set->paths, spec->file.path, false, on_change, e);
    if (rc < 0)
        return rc;
    loop_timer_after(t->set->loop, &f->poll, f->every);
    look(f, true);
    return 0;
}

static void stop(struct tracker *t)
{
    struct file *f = of(t);
    loop_timer_disarm(t->set->loop, &f->poll);
    loop_timer_disarm(t->set->loop, &f->empty);
    pathwatch_stop(&f->watch);
}

static void check(struct tracker *t)
{
    look(of(t), false);
}

static void what(const struct tracker *t, char *text, size_t size)
{
    snprintf(text, size, "%s", container_of(t, const struct file, t)->watch.path);
}

const struct track_kind track_file = {
    .name = "file",
    .type = TRACK_FILE,
    .size = sizeof(struct file),
    .start = start,
    .stop = stop,
    .check = check,
    .what = what,
};
