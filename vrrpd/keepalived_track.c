/*
 * What keepalived.conf watches: vrrp_script, vrrp_track_process and vrrp_track_file become shared
 * trackers; track_* blocks name them in an instance or group, maybe with another weight.
 *
 * A weight of 0 means fault. A positive one is added while all is well, a negative one while it is
 * not; `reverse` turns the sign of what is added around.
 */
#include "vrrpd/keepalived_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_weight(struct ka *k, struct conf_node *tracker, int64_t weight, bool reverse,
                       struct conf_pos at)
{
    const char *when = weight > 0 || (weight == 0 && reverse) ? "on_ok" : "on_fail";
    char path[32], number[24];

    if (weight == 0) {
        ka_put(k, tracker, when, CONF_KIND_STRING, "fault", at);
        return;
    }
    snprintf(path, sizeof(path), "%s.priority", when);
    snprintf(number, sizeof(number), "%lld", (long long)(reverse ? -weight : weight));
    ka_put(k, tracker, path, CONF_KIND_NUMBER, number, at);
}

/* `weight N [reverse|noreverse]` whose "weight" is word `i`. False: reported. */
static bool read_weight(struct ka *k, const struct keepalived_stmt *s, size_t i, int64_t *weight,
                        bool *reverse)
{
    const struct keepalived_word *w = ka_word(k, s, i + 1, "a weight");

    if (!w)
        return false;
    if (!parse_int(w->text, -254, 254, weight)) {
        ka_error(k, w->at, NULL, "a weight is a number from -253 to 253, not \"%s\"", w->text);
        return false;
    }
    *reverse = i + 2 < s->count && strcmp(s->words[i + 2].text, "reverse") == 0;
    return true;
}

static void on_weight(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *tracker)
{
    int64_t weight;
    bool reverse;

    if (read_weight(k, s, 0, &weight, &reverse))
        put_weight(k, tracker, weight, reverse, s->words[1].at);
}

static void on_script(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *tracker)
{
    ka_command(k, tracker, "script", s, 1, false);
}

static const struct ka_keyword script_keywords[] = {
    {"script", KA_CALL, .fn = on_script},
    {"interval", KA_SECONDS, "every"},
    {"timeout", KA_SECONDS, "timeout"},
    {"rise", KA_INT, "rise"},
    {"fall", KA_INT, "fall"},
    {"weight", KA_CALL, .fn = on_weight},
    {"user", KA_TEXT, "user"},
    {"init_fail", KA_NOTICE, .note = "a script's first result counts, and it is awaited"},
};

static void on_process(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                       struct conf_node *tracker)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "the name of a program");

    if (w && s->count > 2)
        ka_error(k, s->words[2].at, "name the program alone, or use a pid file",
                 "arguments of a process cannot be matched");
    else if (w)
        ka_put(k, tracker, "process", CONF_KIND_STRING, w->text, w->at);
}

static const struct ka_keyword process_keywords[] = {
    {"process", KA_CALL, .fn = on_process},
    {"weight", KA_CALL, .fn = on_weight},
    {"quorum", KA_INT, "quorum"},
    {"terminate_delay", KA_SECONDS, "delay"},
    {"delay", KA_SECONDS, "delay"},
    {"fork_delay", KA_NOTICE, .note = "a process that has started counts at once"},
    {"quorum_max", KA_REFUSE, .note = "use a vrrp_script that counts the processes"},
    {"param_match", KA_REFUSE, .note = "name the program alone, or use a pid file"},
    {"full_command", KA_REFUSE, .note = "name the program alone, or use a pid file"},
};

/* In a file's case the weight multiplies the number that stands in it; 0: any number is a fault. */
static void on_file_weight(struct ka *k, const struct ka_keyword *kw,
                           const struct keepalived_stmt *s, struct conf_node *tracker)
{
    int64_t weight;
    bool reverse;
    char number[24];

    if (!read_weight(k, s, 0, &weight, &reverse))
        return;
    snprintf(number, sizeof(number), "%lld", (long long)(reverse ? -weight : weight));
    ka_put(k, tracker, "weight", CONF_KIND_NUMBER, number, s->words[1].at);
}

static const struct ka_keyword file_keywords[] = {
    {"file", KA_TEXT, "file"},
    {"weight", KA_CALL, .fn = on_file_weight},
    {"init_file", KA_NOTICE, .note = "a file that is not there counts as 0"},
};

static void shared_tracker(struct ka *k, const struct keepalived_stmt *s,
                           const struct ka_keyword *table, size_t rows, bool fault_by_default)
{
    const struct keepalived_word *name = ka_word(k, s, 1, "a name");

    if (!name)
        return;
    struct conf_node *all = conf_build_child(&k->b, k->root, CONF_KIND_OBJECT, "track", name->at);
    if (all && conf_get(all, name->text)) {
        ka_error(k, name->at, "give one of them another name", "there is a tracker \"%s\" already",
                 name->text);
        return;
    }
    struct conf_node *tracker =
        conf_build_child(&k->b, all, CONF_KIND_OBJECT, name->text, name->at);
    ka_block(k, table, rows, s, tracker, s->words[0].text);
    if (fault_by_default && tracker && !conf_build_has(tracker, "on_ok") &&
        !conf_build_has(tracker, "on_fail"))
        put_weight(k, tracker, 0, false, name->at);
}

void ka_script(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
               struct conf_node *object)
{
    shared_tracker(k, s, script_keywords, ARRAY_LEN(script_keywords), true);
}

/* keepalived's default weight of a process is 1, not 0. */
void ka_process(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                struct conf_node *object)
{
    shared_tracker(k, s, process_keywords, ARRAY_LEN(process_keywords), false);
    struct conf_node *all =
        conf_build_child(&k->b, k->root, CONF_KIND_OBJECT, "track", s->words[0].at);
    struct conf_node *tracker =
        all && s->count > 1 ? (struct conf_node *)conf_get(all, s->words[1].text) : NULL;
    if (tracker && !conf_build_has(tracker, "on_ok") && !conf_build_has(tracker, "on_fail"))
        put_weight(k, tracker, 1, false, s->words[1].at);
}

void ka_file(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
             struct conf_node *object)
{
    shared_tracker(k, s, file_keywords, ARRAY_LEN(file_keywords), false);
}

/* ---- track_* blocks ---- */

static const size_t WEIGHT_WORD = 1;

static bool has_weight(struct ka *k, const struct keepalived_stmt *line)
{
    if (line->count <= WEIGHT_WORD)
        return false;
    if (strcmp(line->words[WEIGHT_WORD].text, "weight") == 0)
        return true;
    ka_error(k, line->words[WEIGHT_WORD].at, "a line is: NAME [weight N [reverse]]",
             "unknown word \"%s\"", line->words[WEIGHT_WORD].text);
    return false;
}

static struct conf_node *entry(struct ka *k, struct conf_node *object,
                               const struct keepalived_stmt *line)
{
    const struct keepalived_word *name = &line->words[0];
    struct conf_node *track = conf_build_child(&k->b, object, CONF_KIND_OBJECT, "track", name->at);

    if (track && conf_get(track, name->text)) {
        ka_error(k, name->at, "keep one", "\"%s\" is tracked already", name->text);
        return NULL;
    }
    return conf_build_child(&k->b, track, CONF_KIND_OBJECT, name->text, name->at);
}

static void track_named(struct ka *k, const struct keepalived_stmt *block, struct conf_node *object)
{
    for (const struct keepalived_stmt *line = block->first; line; line = line->next) {
        struct conf_node *tracker = entry(k, object, line);
        int64_t weight;
        bool reverse;
        if (tracker && has_weight(k, line) && read_weight(k, line, WEIGHT_WORD, &weight, &reverse))
            put_weight(k, tracker, weight, reverse, line->words[WEIGHT_WORD + 1].at);
    }
}

void ka_track_scripts(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *object)
{
    track_named(k, s, object);
}

void ka_track_processes(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                        struct conf_node *object)
{
    track_named(k, s, object);
}

void ka_track_files(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                    struct conf_node *object)
{
    for (const struct keepalived_stmt *line = s->first; line; line = line->next) {
        if (line->count > WEIGHT_WORD)
            ka_error(k, line->words[WEIGHT_WORD].at, "set the weight in the track_file block",
                     "the weight of a file cannot differ between instances");
        else
            entry(k, object, line);
    }
}

void ka_track_interfaces(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                         struct conf_node *object)
{
    for (const struct keepalived_stmt *line = s->first; line; line = line->next) {
        struct conf_node *tracker = entry(k, object, line);
        int64_t weight = 0;
        bool reverse = false;
        if (!tracker ||
            (has_weight(k, line) && !read_weight(k, line, WEIGHT_WORD, &weight, &reverse)))
            continue;
        ka_put(k, tracker, "interface", CONF_KIND_STRING, line->words[0].text, line->words[0].at);
        put_weight(k, tracker, weight, reverse, line->words[0].at);
    }
}
