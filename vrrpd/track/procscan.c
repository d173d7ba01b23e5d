/* A pass reads one directory entry and one small file for each process; more only for those whose
 * name somebody seeks. */
#include "vrrpd/track/procscan.h"

#include "common/base/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLICE = 256 };

static size_t read_file(pid_t pid, const char *file, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, out, size);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

bool procscan_comm(pid_t pid, char comm[PROCSCAN_COMM_MAX])
{
    size_t n = read_file(pid, "comm", comm, PROCSCAN_COMM_MAX);
    if (n == 0)
        return false;
    comm[n - 1] = '\0'; /* in place of the newline */
    return true;
}

size_t procscan_cmdline(pid_t pid, char *words, size_t size)
{
    size_t n = read_file(pid, "cmdline", words, size - 1);
    words[n] = '\0';
    return n;
}

bool procscan_start(pid_t pid, uint64_t *ticks)
{
    char stat[1024];
    size_t n = read_file(pid, "stat", stat, sizeof(stat) - 1);
    stat[n] = '\0';
    char *after = strrchr(stat, ')'); /* a name may hold anything, parentheses too */
    unsigned long long start;
    /* Behind the name comes field 3; the start is field 22 (proc(5)). */
    if (!after || sscanf(after + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                         "%*d %*d %llu",
                         &start) != 1)
        return false;
    *ticks = start;
    return true;
}

static void finish(struct procscan *ps)
{
    closedir(ps->dir);
    ps->dir = NULL;
    list_for_each_safe (it, &ps->clients) {
        struct procscan_client *c = list_entry(it, struct procscan_client, node);
        if (!c->served)
            continue;
        c->served = false;
        c->done(c);
    }
}

static void see(struct procscan *ps, pid_t pid)
{
    char comm[PROCSCAN_COMM_MAX];
    if (!procscan_comm(pid, comm))
        return;
    list_for_each (it, &ps->clients) {
        struct procscan_client *c = list_entry(it, struct procscan_client, node);
        if (c->served)
            c->seen(c, pid, comm);
    }
}

static bool begin(struct procscan *ps)
{
    bool any = false;
    list_for_each (it, &ps->clients) {
        struct procscan_client *c = list_entry(it, struct procscan_client, node);
        c->served = c->wanted;
        c->wanted = false;
        any = any || c->served;
    }
    if (!any)
        return false;
    ps->passes++;
    ps->dir = opendir("/proc");
    return ps->dir != NULL;
}

static void slice(struct loop_work *work)
{
    struct procscan *ps = container_of(work, struct procscan, work);
    if (!ps->dir && !begin(ps))
        return;
    for (int i = 0; i < SLICE; i++) {
        struct dirent *entry = readdir(ps->dir);
        if (!entry) {
            finish(ps);
            break;
        }
        int64_t pid;
        if (parse_int(entry->d_name, 1, INT32_MAX, &pid))
            see(ps, (pid_t)pid);
    }
    list_for_each (it, &ps->clients)
        if (list_entry(it, struct procscan_client, node)->wanted)
            loop_work_add(ps->loop, &ps->work);
    if (ps->dir)
        loop_work_add(ps->loop, &ps->work);
}

void procscan_init(struct procscan *ps, struct loop *loop)
{
    *ps = (struct procscan){.loop = loop, .work.fn = slice};
    list_init(&ps->work.node);
    list_init(&ps->clients);
}

void procscan_fini(struct procscan *ps)
{
    loop_work_cancel(ps->loop, &ps->work);
    if (ps->dir)
        closedir(ps->dir);
    ps->dir = NULL;
}

void procscan_add(struct procscan *ps, struct procscan_client *c)
{
    list_push_back(&ps->clients, &c->node);
}

void procscan_remove(struct procscan *ps, struct procscan_client *c)
{
    list_del(&c->node);
}

void procscan_request(struct procscan *ps, struct procscan_client *c)
{
    c->wanted = true;
    loop_work_add(ps->loop, &ps->work);
}
