/*
 * An agent: a program on the server that says in a line how it is. One that cannot be reached says
 * nothing, and changes nothing.
 */
#include "lb/check/talk.h"
#include "lb/core/health_agent.h"

#include <string.h>

static bool connected(struct talk *t)
{
    if (t->check->send)
        talk_send(t, t->check->send, strlen(t->check->send));
    return true;
}

static bool input(struct talk *t)
{
    const char *end = memchr(t->in, '\n', t->len);
    struct check *c = t->check;
    struct health_agent said;

    if (!end && !t->ended && t->len < TALK_MAX)
        return true;
    if (!health_agent_parse(t->in, end ? (size_t)(end - t->in) : t->len, &said)) {
        check_done(c, HEALTH_L7RSP, 0, "not a word of the agent is known");
        return false;
    }
    check_agent_said(c, &said);
    return false;
}

static const struct talk_ops ops = {connected, input};

static void start(struct check *c)
{
    talk_start(c, sizeof(struct talk), c->send != NULL, &ops);
}

const struct check_kind check_agent = {"agent", start, talk_stop, talk_timeout};
