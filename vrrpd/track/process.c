/*
 * Processes, held by pidfd.
 *
 * Who matches is found by a pass over /proc, by a process event, or by a pid file, and is then
 * held: its end is told by the kernel at once. When fewer than the quorum are held, and only then,
 * the world is looked through again before anything is said, so that a reload that starts the new
 * process first never shows. While all is well nothing is scanned; the few that are held are asked
 * once an interval whether they still bear the name.
 *
 * A pid is only a number. So: pidfd first, then the name from /proc; were the number given to
 * another in between, the pidfd tells of the first one's end. A pid file is remembered by inode and
 * time together with the process that was found through it; when that has ended, the same file does
 * not name a second one (pidfile_same()).
 */
#include "vrrpd/track/kind.h"

#include "common/base/parse.h"
#include "common/rt/pidwatch.h"
#include "vrrpd/track/pidfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPARE = 64,         /* held beyond what the quorum needs, so that one's end needs no scan */
    CMDLINE_MAX = 8192, /* bytes of the words that are compared */
};

struct held {
    struct pidwatch watch;
    struct process *owner;
    struct list node;
};

struct process {
    struct tracker t;
    char *name;                   /* NULL: any */
    char comm[PROCSCAN_COMM_MAX]; /* what the kernel keeps of it */
    bool by_words;                /* comm alone does not tell */
    const char **params;
    size_t param_count;
    enum track_params params_match;
    size_t quorum, most; /* most: SIZE_MAX without a maximum */
    struct span every;
    struct timer poll;

    struct list held;
    size_t held_count;
    struct procscan_client scan;

    struct pathwatch file; /* of the pid file; path NULL: by name */
    struct pidfile known;  /* the file through which the held process was found */
    bool stale;            /* and that process has ended */

    char died[TRACK_TEXT_MAX]; /* "pid 1234 (lb) exited"; "" none since all was well */
};

static struct process *of(struct tracker *t)
{
    return container_of(t, struct process, t);
}

static struct held *held_pid(struct process *p, pid_t pid)
{
    list_for_each (it, &p->held) {
        struct held *h = list_entry(it, struct held, node);
        if (h->watch.pid == pid)
            return h;
    }
    return NULL;
}

/* --- does it match? --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *next_word(const char *word, const char *end)
{
    word += strlen(word) + 1;
    return word < end ? word : NULL;
}

static bool is_program_word(const struct process *p, const char *word)
{
    return strcmp(strchr(p->name, '/') ? word : base_name(word), p->name) == 0;
}

static bool params_match(const struct process *p, const char *word, const char *end)
{
    for (size_t i = 0; i < p->param_count; i++, word = next_word(word, end)) {
        if (!word)
            return false;
        bool begin = p->params_match == TRACK_PARAMS_INITIAL && i + 1 == p->param_count;
        size_t n = strlen(p->params[i]) + !begin; /* with the NUL: to the end */
        if (strncmp(word, p->params[i], n) != 0)
            return false;
    }
    return p->params_match != TRACK_PARAMS_EXACT || !word;
}

static bool words_match(const struct process *p, pid_t pid)
{
    char words[CMDLINE_MAX];
    size_t len = procscan_cmdline(pid, words, sizeof(words));
    const char *end = words + len, *word = words;
    if (len == 0)
        return false;
    if (!is_program_word(p, word)) { /* an interpreter in front? */
        word = next_word(word, end);
        if (!word || !is_program_word(p, word))
            return false;
    }
    return p->params_match == TRACK_PARAMS_ANY || params_match(p, next_word(word, end), end);
}

static bool matches(const struct process *p, pid_t pid, const char *comm)
{
    if (!p->name)
        return true;
    return strcmp(comm, p->comm) == 0 && (!p->by_words || words_match(p, pid));
}

/* --- what follows --- */

static void describe(const struct process *p, char *text, size_t size)
{
    const struct held *h = list_first(&p->held, struct held, node);
    char comm[PROCSCAN_COMM_MAX] = "?";
    if (p->held_count == 1 && p->quorum == 1) {
        procscan_comm(h->watch.pid, comm);
        snprintf(text, size, "pid %d (%s)", (int)h->watch.pid, comm);
    } else if (p->held_count > p->most) {
        snprintf(text, size, "%zu processes, more than %zu", p->held_count, p->most);
    } else if (p->held_count >= p->quorum) {
        snprintf(text, size, "%zu processes", p->held_count);
    } else if (p->died[0]) {
        snprintf(text, size, "%s", p->died);
    } else if (p->quorum > 1) {
        snprintf(text, size, "%zu of %zu processes", p->held_count, p->quorum);
    } else {
        snprintf(text, size, "no process %s", p->name);
    }
}

static bool is_well(const struct process *p)
{
    return p->held_count >= p->quorum && p->held_count <= p->most;
}

static void evaluate(struct process *p)
{
    char text[TRACK_TEXT_MAX];
    describe(p, text, sizeof(text));
    if (is_well(p))
        p->died[0] = '\0';
    track_result(&p->t, is_well(p), "%s", text);
}

static void seek(struct process *p);

static void let_go(struct held *h)
{
    pidwatch_stop(&h->watch);
    list_del(&h->node);
    h->owner->held_count--;
    free(h);
}

static void ended(struct pidwatch *w)
{
    struct held *h = container_of(w, struct held, watch);
    struct process *p = h->owner;
    snprintf(p->died, sizeof(p->died), "pid %d%s%s%s exited", (int)w->pid, p->name ? " (" : "",
             p->name ? p->name : "", p->name ? ")" : "");
    if (p->known.pid == w->pid)
        p->stale = true;
    let_go(h);
    if (p->held_count < p->quorum)
        seek(p);
    else
        evaluate(p);
}

/* True if it is held now. */
static bool hold(struct process *p, pid_t pid)
{
    char comm[PROCSCAN_COMM_MAX];
    if (held_pid(p, pid))
        return true;
    size_t most = p->most == SIZE_MAX ? p->quorum : MAX(p->quorum, p->most);
    if (p->held_count > most + SPARE)
        return false;
    struct held *h = calloc(1, sizeof(*h));
    if (!h)
        return false;
    h->owner = p;
    if (pidwatch_start(&h->watch, p->t.set->loop, pid, ended, NULL) < 0) {
        free(h);
        return false;
    }
    list_push_back(&p->held, &h->node);
    p->held_count++;
    if (procscan_comm(pid, comm) && matches(p, pid, comm))
        return true;
    let_go(h);
    return false;
}

/* --- by name --- */

static void seen(struct procscan_client *c, pid_t pid, const char *comm)
{
    struct process *p = container_of(c, struct process, scan);
    if (matches(p, pid, comm))
        hold(p, pid);
}

static void scan_done(struct procscan_client *c)
{
    struct process *p = container_of(c, struct process, scan);
    evaluate(p);
}

static void exec(struct tracker *t, pid_t pid, const char *comm)
{
    struct process *p = of(t);
    struct held *h = held_pid(p, pid);
    if (h && !matches(p, pid, comm)) {
        snprintf(p->died, sizeof(p->died), "pid %d is %s now", (int)pid, comm);
        let_go(h);
        if (p->held_count < p->quorum)
            seek(p);
    } else if (!h && p->name && !p->file.path && matches(p, pid, comm) && hold(p, pid)) {
        evaluate(p);
    }
}

/* --- by pid file --- */

/* The reason why the file leads to nobody; NULL if it does. */
static const char *follow(struct process *p, char *text, size_t size)
{
    struct pidfile now;
    const char *why = pidfile_read(p->file.path, &now, text, size);
    if (why)
        return why;
    if (p->stale && pidfile_same(&now, &p->known))
        return p->died;
    if (!p->name && !held_pid(p, now.pid) && pidfile_stale(&now, text, size))
        return text;
    if (!hold(p, now.pid)) {
        snprintf(text, size, "%s: there is no process %d%s%s", p->file.path, (int)now.pid,
                 p->name ? " with the name " : "", p->name ? p->name : "");
        return text;
    }
    p->known = now;
    p->stale = false;
    list_for_each_safe (it, &p->held) {
        struct held *h = list_entry(it, struct held, node);
        if (h->watch.pid != now.pid)
            let_go(h);
    }
    return NULL;
}

/* What is held counts until it ends or the file names another: a file that is gone for a moment
 * (renamed by an upgrade) is no death. */
static void look_at_file(struct process *p)
{
    char text[TRACK_TEXT_MAX];
    const char *why = follow(p, text, sizeof(text));
    if (p->held_count > 0)
        evaluate(p);
    else
        track_result(&p->t, false, "%s", why);
}

static void on_file(struct pathwatch *w)
{
    look_at_file(container_of(w, struct process, file));
}

/* --- looking --- */

static void seek(struct process *p)
{
    if (p->file.path)
        look_at_file(p);
    else
        procscan_request(&p->t.set->scan, &p->scan);
}

/* Those that became another program without an event that would have told. */
static void verify(struct process *p)
{
    list_for_each_safe (it, &p->held) {
        pid_t pid = list_entry(it, struct held, node)->watch.pid;
        char comm[PROCSCAN_COMM_MAX];
        if (procscan_comm(pid, comm))
            exec(&p->t, pid, comm);
    }
}

static void on_poll(struct timer *timer, struct mono now)
{
    struct process *p = container_of(timer, struct process, poll);
    loop_timer_after(p->t.set->loop, &p->poll, p->every);
    verify(p);
    if (p->file.path || !is_well(p) || p->most != SIZE_MAX)
        seek(p);
}

static void check(struct tracker *t)
{
    seek(of(t));
}

/* --- begin and end --- */

static int copy_words(struct process *p, const struct track_process_spec *spec, struct err *e)
{
    p->params_match = spec->params_match;
    if (spec->params)
        p->params = program_words(spec->params, 0, &p->param_count);
    if (spec->name)
        p->name = strdup(spec->name);
    if ((spec->params && !p->params) || (spec->name && !p->name))
        return err_set(e, -ENOMEM, "out of memory");
    if (!p->name)
        return 0;
    const char *base = base_name(p->name);
    snprintf(p->comm, sizeof(p->comm), "%s", base);
    p->by_words =
        strlen(base) >= sizeof(p->comm) || base != p->name || p->params_match != TRACK_PARAMS_ANY;
    return 0;
}

static int judge(const struct track_process_spec *s, struct err *e)
{
    if (!s->name && !s->pid_file)
        return err_set(e, -EINVAL, "a process needs a name or a pid file");
    if (s->name && !*base_name(s->name))
        return err_set(e, -EINVAL, "\"%s\" is no name of a process", s->name);
    if (s->quorum > TRACK_QUORUM_MAX || (s->max_set && s->quorum_max > TRACK_QUORUM_MAX))
        return err_set(e, -EINVAL, "a quorum is at most %d", TRACK_QUORUM_MAX);
    if (s->pid_file && (s->quorum > 1 || s->max_set))
        return err_set(e, -EINVAL, "a pid file names one process: it has no quorum");
    return 0;
}

static int start(struct tracker *t, const struct track_spec *spec, struct err *e)
{
    struct process *p = of(t);
    const struct track_process_spec *s = &spec->process;
    list_init(&p->held);
    list_init(&p->scan.node);
    p->poll = TIMER_INIT(on_poll);
    p->every = spec->every.us > 0 ? spec->every : span_s(1);
    p->quorum = s->quorum;
    if (p->quorum == 0 && !(s->max_set && s->quorum_max == 0))
        p->quorum = 1;
    p->most = s->max_set ? s->quorum_max : SIZE_MAX;
    p->scan.seen = seen;
    p->scan.done = scan_done;
    int rc = judge(s, e);
    if (rc == 0)
        rc = copy_words(p, s, e);
    if (rc == 0 && s->pid_file)
        rc = pathwatch_start(&p->file, &t->set->paths, s->pid_file, true, on_file, e);
    if (rc < 0)
        return rc;
    if (!s->pid_file) {
        procscan_add(&t->set->scan, &p->scan);
        trackers_want_procev(t->set);
    }
    loop_timer_after(t->set->loop, &p->poll, p->every);
    seek(p);
    return 0;
}

static void stop(struct tracker *t)
{
    struct process *p = of(t);
    loop_timer_disarm(t->set->loop, &p->poll);
    procscan_remove(&t->set->scan, &p->scan);
    pathwatch_stop(&p->file);
    list_for_each_safe (it, &p->held)
        let_go(list_entry(it, struct held, node));
    free(p->params);
    free(p->name);
}

static void what(const struct tracker *t, char *text, size_t size)
{
    const struct process *p = container_of(t, const struct process, t);
    snprintf(text, size, "%s%s%s", p->name ? p->name : "", p->name && p->file.path ? " in " : "",
             p->file.path ? p->file.path : "");
}

const struct track_kind track_process = {
    .name = "process",
    .type = TRACK_PROCESS,
    .size = sizeof(struct process),
    .start = start,
    .stop = stop,
    .check = check,
    .what = what,
    .exec = exec,
};
