/*
 * sim --seeds A-B         runs each seed; a failure is run again for its trace
 * sim --seed N [--trace]  runs one, printing everything with --trace
 */
#include "common/base/parse.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t first, last;
    bool trace;
};

static void print_last_lines(const struct sim *s)
{
    size_t first = s->trace_count > SIM_TRACE_LINES ? s->trace_count - SIM_TRACE_LINES : 0;

    for (size_t i = first; i < s->trace_count; i++)
        puts(s->trace[i % SIM_TRACE_LINES]);
}

static void add(struct sim_tally *sum, const struct sim_tally *t)
{
    sum->steps += t->steps;
    sum->transitions += t->transitions;
    sum->islands += t->islands;
    sum->probes += t->probes;
}

static bool run(uint64_t seed, bool tracing, bool printing, struct sim_tally *sum)
{
    struct sim *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    sim_init(s, seed);
    s->tracing = tracing;
    s->printing = printing;
    scenario_run(s);
    bool ok = !s->failure[0];
    add(sum, &s->tally);
    if (!ok && tracing && !printing)
        print_last_lines(s);
    if (!ok && tracing)
        printf("seed %llu: %s\n", (unsigned long long)seed, s->failure);
    sim_fini(s);
    free(s);
    return ok;
}

static bool parse_range(char *text, struct options *o)
{
    char *dash = strchr(text, '-');
    int64_t first, last;

    if (dash)
        *dash = '\0';
    if (!parse_int(text, 0, INT64_MAX, &first))
        return false;
    last = first;
    if (dash && !parse_int(dash + 1, first, INT64_MAX, &last))
        return false;
    o->first = (uint64_t)first;
    o->last = (uint64_t)last;
    return true;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
    bool seeds = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            o->trace = true;
        else if ((strcmp(argv[i], "--seeds") == 0 || strcmp(argv[i], "--seed") == 0) &&
                 i + 1 < argc && parse_range(argv[i + 1], o))
            seeds = ++i;
        else
            return false;
    }
    return seeds;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct sim_tally sum = {0};

    if (!parse_options(argc, argv, &o)) {
        fprintf(stderr, "usage: %s --seeds A-B | --seed N [--trace]\n", argv[0]);
        return 2;
    }
    for (uint64_t seed = o.first; seed <= o.last; seed++) {
        if (run(seed, o.trace, o.trace, &sum))
            continue;
        if (!o.trace)
            run(seed, true, false, &sum);
        printf("failed: replay with --seed %llu --trace\n", (unsigned long long)seed);
        return 1;
    }
    printf("%llu seeds: %llu steps, %llu transitions, %llu islands at rest, %llu probes\n",
           (unsigned long long)(o.last - o.first + 1), (unsigned long long)sum.steps,
           (unsigned long long)sum.transitions, (unsigned long long)sum.islands,
           (unsigned long long)sum.probes);
    return 0;
}
