/*
 * Scripts of what three workers do to one pool. Each step is a letter or two, see `step`; what it
 * gives is appended to the outcome.
 */
#include "tests/unit/pool_kit.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define WAITERS 10

struct world {
    struct kit k;
    struct queue_entry e[WAITERS];
    char out[256];
    size_t len;
};

static void say(struct world *w, char c)
{
    w->out[w->len++] = c;
    w->out[w->len] = '\0';
}

/* The loop that queue.h prescribes, for worker `at`: "3A" request 3 starts on A, ">1" worker 1 is
 * woken (and runs the same loop), "." nobody's turn. */
static void run_turns(struct world *w, unsigned at, struct server *s)
{
    struct queue_turn t;
    while (
        (t = s ? queue_next(&w->k.q[at], s) : queue_look(&w->k.q[at], w->k.pool->members)).entry) {
        say(w, (char)('0' + (t.entry - w->e)));
        say(w, t.server->name[0]);
    }
    if (t.wake < 0) {
        say(w, '.');
        return;
    }
    say(w, '>');
    say(w, (char)('0' + t.wake));
    run_turns(w, (unsigned)t.wake, t.server);
}

static struct server *server_at(struct world *w, char letter)
{
    return letter >= 'A' && letter < 'A' + (int)w->k.n ? w->k.s[letter - 'A'] : NULL;
}

/* "tA"   takes a slot of A, "rA1" releases one in worker 1
 * "j3A1" request 3 joins the queue of A in worker 1, "j3*1" that of the pool
 * "l31"  request 3 leaves worker 1
 * "eA1"  worker 1 evicts those who wait for A
 * "mA" "dA" "uA" maintenance, drain, ready; "k1" worker 1 looks */
static size_t step(struct world *w, const char *p)
{
    struct server *s;
    struct queue_entry *e;
    switch (p[0]) {
    case 't':
        say(w, server_take(server_at(w, p[1])) ? '+' : '-');
        return 2;
    case 'r':
        s = server_at(w, p[1]);
        server_release(s);
        run_turns(w, (unsigned)(p[2] - '0'), s);
        server_unref(s);
        return 3;
    case 'j':
        s = server_at(w, p[2]);
        e = &w->e[p[1] - '0'];
        if (queue_join(&w->k.q[p[3] - '0'], e, s, span_s(1), kit_now) == QUEUE_FULL)
            say(w, '!');
        else
            run_turns(w, (unsigned)(p[3] - '0'), s);
        return 4;
    case 'l':
        queue_leave(&w->k.q[p[2] - '0'], &w->e[p[1] - '0']);
        return 3;
    case 'e':
        while ((e = queue_evict(&w->k.q[p[2] - '0'], server_at(w, p[1]))))
            say(w, (char)('0' + (e - w->e)));
        return 3;
    case 'm':
    case 'd':
    case 'u':
        server_set_admin(server_at(w, p[1]),
                         p[0] == 'm'   ? SERVER_MAINT
                         : p[0] == 'd' ? SERVER_DRAIN
                                       : SERVER_READY,
                         kit_now);
        return 2;
    case 'k':
        run_turns(w, (unsigned)(p[1] - '0'), NULL);
        return 2;
    default:
        ck_abort_msg("no step %s", p);
        return 1;
    }
}

/* A: maxconn 1, maxqueue 4. B: maxconn 2. */
static void run(const char *script, char out[256])
{
    struct world w = {.k = kit_open((struct pool_conf){0})};
    kit_add(&w.k, (struct server_conf){.weight = 1, .maxconn = 1, .maxqueue = 4});
    kit_add(&w.k, (struct server_conf){.weight = 1, .maxconn = 2});
    kit_publish(&w.k);
    for (const char *p = script; *p;) {
        if (*p == ' ')
            p++;
        else
            p += step(&w, p);
    }
    memcpy(out, w.out, sizeof(w.out));
    for (unsigned i = 0; i < WAITERS; i++) {
        for (unsigned q = 0; q < KIT_WORKERS; q++)
            ck_assert(!w.e[i].waiting);
    }
    ck_assert_uint_eq(atomic_load(&w.k.pool->queued), 0);
    ck_assert_uint_eq(atomic_load(&w.k.pool->queued_all), 0);
    for (unsigned i = 0; i < w.k.n; i++) {
        ck_assert_uint_eq(atomic_load(&w.k.s[i]->queued), 0);
        while (server_slots(w.k.s[i]))
            kit_done(w.k.s[i]);
    }
    kit_close(&w.k);
}

START_TEST(turns_go_to_who_came_first)
{
    static const struct {
        const char *title, *script, *out;
    } rows[] = {
        {"slots end at maxconn", "tAtAtBtBtB", "+-++-"},
        {"one worker, in order", "tA j0A0 j1A0 j2A0 rA0 rA0 rA0", "+...0A.1A.2A."},
        {"a slot freed in another worker wakes the one who waits", "tA j0A2 rA1", "+.>20A."},
        {"order holds across workers", "tA j0A2 j1A0 j2A1 rA0 rA0 rA0", "+...>20A.1A.>12A."},
        {"who joins takes what is free", "j0A1", "0A."},
        {"who joins later does not overtake", "tA j0A2 rA1 j1A0 rA0 rA0", "+.>20A..1A.."},
        {"waiting for any: whichever comes free", "tAtBtB j0*0 j1*1 rB0 rA0", "+++..0B.>11A."},
        {"waiting for any: a free server at once", "tA j0*0 j1*0 j2*0 rB0", "+0B.1B..2B."},
        {"those bound to a server first, every fourth turn for any",
         "tAtBtB j0*0 j1A0 j2A0 j3A0 j4A0 rA0 rA0 rA0 rA0 rA0", "+++.....1A.2A.3A.0A.4A."},
        {"maxqueue", "tA j0A0 j1A1 j2A2 j3A0 j4A0 l00 l11 l22 l30", "+....!"},
        {"who left is passed over", "tA j0A0 j1A0 l00 rA0", "+..1A."},
        {"a wake-up whose request left goes on to the next", "tA j0A1 j1A2 l01 rA0", "+..>21A."},
        {"drained: its own still come, the others do not", "tAtBtB j0A0 j1*0 dA rA0 rA0 l10",
         "+++..0A.."},
        {"maintenance: nobody comes; they are to be balanced again", "tA j0A1 j1A2 mA rA0 eA1 eA2",
         "+...01"},
        {"up again: looking finds the free slots", "tBtB mA j0*2 j1*1 uA k0 rA0", "++..>20A.>11A."},
        {"several come up at once: whoever looks, none is left out",
         "tBtB mAmB j0*2 j1*1 j2*1 rB0 rB0 uAuB k0", "++.....>20A>11B2B."},
        {"leaving twice is harmless", "tA j0A0 l00 l00 rA0", "+.."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[256];
        run(rows[i].script, out);
        ck_assert_msg(strcmp(out, rows[i].out) == 0, "%s: %s, not %s", rows[i].title, out,
                      rows[i].out);
    }
}
END_TEST

START_TEST(an_entry_knows_its_deadline_and_who_was_before_it)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1});
    struct queue_entry e[3];
    kit_publish(&k);
    ck_assert(server_take(s));
    for (unsigned i = 0; i < 3; i++) {
        queue_join(&k.q[i], &e[i], i < 2 ? s : NULL, span_ms(i ? 1500 : 0), kit_now);
        ck_assert_uint_eq(e[i].ahead, i < 2 ? i : 0);
        ck_assert_int_eq(e[i].since.us, kit_now.us);
    }
    ck_assert(mono_is_never(e[0].deadline));
    ck_assert_int_eq(e[1].deadline.us, kit_now.us + 1500000);
    ck_assert_uint_eq(atomic_load(&s->queued_max), 2);
    ck_assert_uint_eq(server_count(s, COUNT_QUEUED), 2);
    ck_assert_uint_eq(pool_count(k.pool, COUNT_QUEUED), 1);
    ck_assert(!server_idle(s));
    for (unsigned i = 0; i < 3; i++)
        queue_leave(&k.q[i], &e[i]);
    kit_done(s);
    ck_assert(server_idle(s));
    kit_close(&k);
}
END_TEST

START_TEST(newcomers_stand_behind_those_who_wait)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct queue_entry e;
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1});
    kit_publish(&k);
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'A');
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), '*');
    queue_join(&k.q[0], &e, NULL, span_s(1), kit_now);
    server_release(k.s[0]); /* before worker 0 has run, worker 1 has a newcomer */
    ck_assert_int_eq(kit_pick_held(&k, 1, NULL, NULL), '*');
    struct queue_turn t = queue_next(&k.q[0], k.s[0]);
    ck_assert_ptr_eq(t.entry, &e);
    server_unref(k.s[0]);
    kit_done(k.s[0]);
    kit_close(&k);
}
END_TEST

START_TEST(a_deleted_server_stays_until_its_last_waiter_left)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct queue_entry e;
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1});
    kit_publish(&k);
    queue_join(&k.q[1], &e, s, span_s(1), kit_now);
    ck_assert_int_eq(pool_del(k.pool, s, NULL), 0);
    kit_publish(&k);
    ck_assert_str_eq(e.server->name, "A");
    ck_assert_ptr_eq(queue_evict(&k.q[1], s), &e); /* frees it: the sanitizer sees that */
    ck_assert_ptr_null(e.server);
    kit_close(&k);
}
END_TEST

static const struct test_row rows[] = {
    {"freed slots go to who came first, across workers, servers and pool",
     &turns_go_to_who_came_first},
    {"a waiting request knows its deadline and how many were before it",
     &an_entry_knows_its_deadline_and_who_was_before_it},
    {"newcomers stand behind those who wait", &newcomers_stand_behind_those_who_wait},
    {"a deleted server stays until its last waiter left",
     &a_deleted_server_stays_until_its_last_waiter_left},
};

int main(void)
{
    return suite_main("queue", rows, ARRAY_LEN(rows));
}
