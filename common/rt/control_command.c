/*
 * From a line to a command, and the reply that a command writes. The table is searched for the row
 * whose words all match and that has most of them.
 */
#include "common/base/parse.h"
#include "common/rt/child.h"
#include "common/rt/control_impl.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX    64 /* HAProxy framing */
#define LOOKUP_WORDS 4  /* a command's own words, when guessing what was meant */

/* --- replies --- */

void control_defer(struct control_reply *r, control_gone_fn *gone, void *ctx)
{
    r->deferred = true;
    r->gone = gone;
    r->gone_ctx = ctx;
}

bool control_json(const struct control_reply *r)
{
    return r->json;
}

enum control_level control_level(const struct control_reply *r)
{
    return control_client_of(r)->level;
}

void control_lower_level(struct control_reply *r, enum control_level level)
{
    struct control_client *client = control_client_of(r);

    client->level = MIN(client->level, level);
}

const char *control_peer(const struct control_reply *r)
{
    return control_client_of(r)->peer;
}

struct buf *control_out(struct control_reply *r)
{
    struct control_client *client = control_client_of(r);

    control_client_schedule(client);
    return &client->out;
}

void control_write(struct control_reply *r, const void *data, size_t len)
{
    buf_add(control_out(r), data, len);
}

void control_printf(struct control_reply *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(control_out(r), fmt, ap);
    va_end(ap);
}

void control_on_drained(struct control_reply *r, control_drained_fn *fn, void *ctx)
{
    r->drained = fn;
    r->drained_ctx = ctx;
    control_client_schedule(control_client_of(r));
}

void control_end(struct control_reply *r)
{
    struct control_client *client = control_client_of(r);

    if (client->control->options.framing == CONTROL_HAPROXY)
        buf_str(&client->out, client->prompt ? "\n> " : "\n");
    *r = (struct control_reply){0};
    control_client_schedule(client);
}

static void write_error(struct control_reply *r, const char *text)
{
    struct buf *out = control_out(r);

    if (r->json) {
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "error", json_object_new_string(text));
        buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
        buf_char(out, '\n');
        json_object_put(o);
        return;
    }
    if (control_client_of(r)->control->options.framing == CONTROL_ONE)
        buf_str(out, "error: ");
    buf_str(out, text);
    if (!text[0] || text[strlen(text) - 1] != '\n')
        buf_char(out, '\n');
}

void control_error(struct control_reply *r, const char *fmt, ...)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    control_client_of(r)->control->stats.errors++;
    write_error(r, buf_cstr(&text));
    control_end(r);
}

/* --- the commands that every server has --- */

static control_fn help_command, prompt_command, quit_command;

static const struct control_command builtins[] = {
    {"help", "[COMMAND]", "list the commands, or those that begin so", CONTROL_USER, help_command,
     0, -1},
    {"prompt", "", "toggle the interactive mode", CONTROL_USER, prompt_command, 0, 0},
    {"quit", "", "end the connection", CONTROL_USER, quit_command, 0, 0},
};

static size_t builtin_count(const struct control *c)
{
    return c->options.framing == CONTROL_HAPROXY ? ARRAY_LEN(builtins) : 1;
}

/* The rows of the server's table, then the builtins; NULL behind the last. */
static const struct control_command *row(const struct control *c, size_t i)
{
    if (i < c->options.command_count)
        return &c->options.commands[i];
    i -= c->options.command_count;
    return i < builtin_count(c) ? &builtins[i] : NULL;
}

static void prompt_command(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct control_client *client = control_client_of(r);

    client->prompt = !client->prompt;
}

static void quit_command(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_client_of(r)->quit = true;
}

static struct json_object *help_json(const struct control_command *cmd)
{
    static const char *const levels[] = {"user", "operator", "admin"};
    struct json_object *o = json_object_new_object();

    json_object_object_add(o, "command", json_object_new_string(cmd->words));
    json_object_object_add(o, "arguments", json_object_new_string(cmd->args));
    json_object_object_add(o, "help", json_object_new_string(cmd->help));
    json_object_object_add(o, "level", json_object_new_string(levels[cmd->level]));
    return o;
}

static void join(char *out, size_t size, int argc, char **argv, int most)
{
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; i < argc && i < most && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " " : "", argv[i]);
}

/* Writes the rows that this client may use and that begin with `start`. Returns how many. */
static int write_help(struct control_reply *r, const char *start)
{
    const struct control *c = control_client_of(r)->control;
    struct json_object *list = r->json ? json_object_new_array() : NULL;
    const struct control_command *cmd;
    int count = 0;

    for (size_t i = 0; (cmd = row(c, i)); i++) {
        char usage[128];
        if (cmd->level > control_level(r) || strncmp(cmd->words, start, strlen(start)) != 0)
            continue;
        count++;
        snprintf(usage, sizeof(usage), "%s%s%s", cmd->words, cmd->args[0] ? " " : "", cmd->args);
        if (list)
            json_object_array_add(list, help_json(cmd));
        else
            control_printf(r, "  %-40s: %s\n", usage, cmd->help);
    }
    if (list)
        control_printf(r, "%s\n", json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));
    json_object_put(list);
    return count;
}

static void help_command(struct control_reply *r, int argc, char **argv, void *ctx)
{
    char start[256];

    join(start, sizeof(start), argc, argv, argc);
    if (!r->json)
        control_printf(r, "The following commands are valid at this level:\n");
    write_help(r, start);
}

/* --- look-up --- */

/* How many words of argv the row's words are; 0 if they differ. */
static int match(const char *words, int argc, char **argv)
{
    int n = 0;

    while (*words) {
        size_t len = strcspn(words, " ");
        if (n == argc || strlen(argv[n]) != len || memcmp(argv[n], words, len) != 0)
            return 0;
        n++;
        words += len;
        words += *words == ' ';
    }
    return n;
}

static const struct control_command *find(const struct control *c, int argc, char **argv, int *used)
{
    const struct control_command *best = NULL, *cmd;

    *used = 0;
    for (size_t i = 0; (cmd = row(c, i)); i++) {
        int n = match(cmd->words, argc, argv);
        if (n > *used) {
            best = cmd;
            *used = n;
        }
    }
    return best;
}

/* The command that was meant: the longest beginning of the line that is near to one. */
static const char *nearest(const struct control *c, int argc, char **argv)
{
    const char *guess = NULL;
    char text[128];

    for (int most = MIN(argc, LOOKUP_WORDS); most > 0 && !guess; most--) {
        join(text, sizeof(text), argc, argv, most);
        guess = parse_nearest(text, c->options.commands, c->options.command_count,
                              sizeof(struct control_command));
    }
    return guess;
}

static void list_words(const struct control_reply *r, const char *start, struct buf *out)
{
    const struct control_command *cmd;

    for (size_t i = 0; (cmd = row(control_client_of(r)->control, i)); i++)
        if (cmd->level <= control_level(r) && strncmp(cmd->words, start, strlen(start)) == 0)
            buf_printf(out, "%s%s", out->len ? ", " : "", cmd->words);
}

static void unknown_native(struct control_reply *r, int argc, char **argv)
{
    const char *guess = nearest(control_client_of(r)->control, argc, argv);
    struct buf known cleanup(buf_fini) = BUF_INIT(16384);
    char text[128], start[132];

    join(text, sizeof(text), argc, argv, LOOKUP_WORDS);
    snprintf(start, sizeof(start), "%s ", text);
    list_words(r, argc ? start : "", &known);
    if (known.len) {
        control_error(r, "%s%s%s; there are: %s", argc ? "incomplete command \"" : "no command",
                      text, argc ? "\"" : "", buf_cstr(&known));
        return;
    }
    snprintf(start, sizeof(start), "%.120s ", argv[0]);
    list_words(r, start, &known);
    if (!known.len)
        list_words(r, "", &known);
    if (guess)
        control_error(r, "unknown command \"%s\": did you mean \"%s\"?\nThere are: %s", text, guess,
                      buf_cstr(&known));
    else
        control_error(r, "unknown command \"%s\"\nThere are: %s", text, buf_cstr(&known));
}

static void unknown_haproxy(struct control_reply *r, int argc, char **argv)
{
    const struct control *c = control_client_of(r)->control;
    bool some = false;
    const struct control_command *cmd;

    for (size_t i = 0; argc && (cmd = row(c, i)); i++)
        some |= strncmp(cmd->words, argv[0], strlen(argv[0])) == 0;
    control_client_of(r)->control->stats.errors++;
    control_printf(
        r, some ? "Unknown command, but maybe one of the following ones is a better match:\n"
                : "Unknown command. Please enter one of the following commands only:\n");
    write_help(r, some ? argv[0] : "");
    control_end(r);
}

static void unknown(struct control_reply *r, int argc, char **argv)
{
    const struct control_options *o = &control_client_of(r)->control->options;

    if (o->framing == CONTROL_ONE)
        unknown_native(r, argc, argv);
    else if (!o->unknown)
        unknown_haproxy(r, argc, argv);
    else
        o->unknown(r, argc, argv, o->ctx);
}

/* --- lines --- */

/* Blanks separate, a backslash takes the next character as it is; in place. -1: too many. */
static int split_haproxy(char *line, char *argv[WORDS_MAX + 1])
{
    char *in = line, *out = line;
    int n = 0;

    for (;;) {
        in += strspn(in, " \t\r");
        if (!*in)
            break;
        if (n == WORDS_MAX)
            return -1;
        argv[n++] = out;
        while (*in && !strchr(" \t\r", *in)) {
            if (*in == '\\' && in[1])
                in++;
            *out++ = *in++;
        }
        in += *in != '\0';
        *out++ = '\0';
    }
    argv[n] = NULL;
    return n;
}

/* Takes "--json" out of the words. */
static int take_json(struct control_reply *r, char **argv)
{
    int n = 0;

    for (char **word = argv; *word; word++) {
        if (strcmp(*word, "--json") == 0)
            r->json = true;
        else
            argv[n++] = *word;
    }
    argv[n] = NULL;
    return n;
}

static const char *refusal(const struct control_reply *r, const struct control_command *cmd)
{
    if (cmd->level <= control_level(r))
        return NULL;
    if (control_client_of(r)->control->options.framing == CONTROL_HAPROXY)
        return "Permission denied";
    return cmd->level == CONTROL_ADMIN ? "permission denied: this needs a socket of level admin"
                                       : "permission denied: this needs a socket of level operator";
}

static void run_words(struct control_reply *r, int argc, char **argv)
{
    const struct control *c = control_client_of(r)->control;
    int used;
    const struct control_command *cmd = find(c, argc, argv, &used);

    if (!cmd) {
        unknown(r, argc, argv);
        return;
    }
    const char *no = refusal(r, cmd);
    argc -= used;
    if (no)
        control_error(r, "%s", no);
    else if (argc < cmd->args_min || (cmd->args_max >= 0 && argc > cmd->args_max))
        control_error(r, "usage: %s%s%s", cmd->words, cmd->args[0] ? " " : "", cmd->args);
    else
        cmd->fn(r, argc, argv + used, c->options.ctx);
}

static void run_native(struct control_reply *r, char *line)
{
    struct err e;

    if (!line[strspn(line, " \t\r")]) {
        unknown(r, 0, NULL);
        return;
    }
    char **argv = child_split(line, &e);
    if (argv)
        run_words(r, take_json(r, argv), argv);
    else
        control_error(r, "%s", e.text);
    free(argv);
}

static void run_haproxy(struct control_reply *r, char *line)
{
    char *argv[WORDS_MAX + 1];
    int argc = split_haproxy(line, argv);

    if (argc < 0)
        control_error(r, "Too many arguments.");
    else if (argc > 0 || !control_client_of(r)->prompt)
        run_words(r, argc, argv);
}

void control_run_line(struct control_client *client, char *line)
{
    struct control_reply *r = &client->reply;

    *r = (struct control_reply){.active = true};
    client->control->stats.commands++;
    if (client->control->options.framing == CONTROL_ONE)
        run_native(r, line);
    else
        run_haproxy(r, line);
    if (r->active && !r->deferred)
        control_end(r);
}
