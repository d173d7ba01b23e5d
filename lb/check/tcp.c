/*
 * A connection that stands is enough, unless there are steps: then each has to succeed in turn.
 * What has come is used up by the next `send`; several `expect` look at the same bytes.
 */
#include "lb/check/talk.h"

#include <stdio.h>

struct tcp {
    struct talk talk;
    size_t step;
};

static void say_failed(struct tcp *t)
{
    struct check *c = t->talk.check;
    char why[128];

    snprintf(why, sizeof(why), "step %zu failed: %s", t->step + 1, c->conf.steps.v[t->step]);
    check_done(c, HEALTH_L7RSP, 0, why);
}

/* True: the step is done. */
static bool do_step(struct tcp *t, const struct step *s)
{
    if (s->what == STEP_EXPECT)
        return expect_content(&s->expect, t->talk.in, t->talk.len) &&
               !(s->expect.negate && !t->talk.len && !t->talk.ended);
    talk_forget(&t->talk);
    talk_send(&t->talk, s->data, s->len);
    return true;
}

static bool run(struct talk *talk)
{
    struct tcp *t = container_of(talk, struct tcp, talk);
    struct check *c = talk->check;

    while (t->step < c->n_steps && do_step(t, &c->steps[t->step]))
        t->step++;
    if (t->step == c->n_steps) {
        check_done(c, c->n_steps ? HEALTH_L7OK : HEALTH_L4OK, 0, NULL);
        return false;
    }
    if (!talk->ended && talk->len < TALK_MAX)
        return true;
    say_failed(t);
    return false;
}

static const struct talk_ops ops = {run, run};

static void start(struct check *c)
{
    talk_start(c, sizeof(struct tcp), !c->n_steps || c->steps[0].what == STEP_SEND, &ops);
}

const struct check_kind check_tcp = {"tcp", start, talk_stop, talk_timeout};
