#include "vrrpd/net/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_key(const char *key, int flags, struct err *e)
{
    char path[SYSCTL_KEY_MAX + 16];

    snprintf(path, sizeof(path), "/proc/sys/%s", key);
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? err_set(e, -errno, "cannot set %s: %s", path, strerror(errno)) : fd;
}

int sysctl_write(const char *key, const char *value, struct err *e)
{
    int fd = open_key(key, O_WRONLY, e);

    if (fd < 0)
        return fd;
    ssize_t n = write(fd, value, strlen(value));
    int err =
        n < 0 ? err_set(e, -errno, "cannot set %s to %s: %s", key, value, strerror(errno)) : 0;
    close(fd);
    return err;
}

static int read_key(const char *key, char value[SYSCTL_VALUE_MAX], struct err *e)
{
    int fd = open_key(key, O_RDONLY, e);

    if (fd < 0)
        return fd;
    ssize_t n = read(fd, value, SYSCTL_VALUE_MAX - 1);
    close(fd);
    value[n > 0 ? n : 0] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return 0;
}

/* The slot of this key, or a free one if `key` is NULL; NULL if there is none. */
static struct sysctl_slot *find(struct sysctls *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (key ? s->slots[i].users && strcmp(s->slots[i].key, key) == 0 : !s->slots[i].users)
            return &s->slots[i];
    return NULL;
}

int sysctl_hold(struct sysctls *s, const char *key, const char *value, struct err *e)
{
    struct sysctl_slot *slot = find(s, key);

    if (slot) {
        slot->users++;
        return 0;
    }
    slot = find(s, NULL);
    if (!slot)
        return err_set(e, -ENOSPC, "too many kernel settings to remember");
    int err = read_key(key, slot->before, e);
    if (err)
        return err;
    snprintf(slot->key, sizeof(slot->key), "%s", key);
    slot->users = 1;
    err = sysctl_write(key, value, e);
    if (err)
        slot->users = 0;
    return err;
}

static void put_back(struct sysctl_slot *slot)
{
    sysctl_write(slot->key, slot->before, NULL); /* its interface may be gone */
    slot->users = 0;
}

void sysctl_release(struct sysctls *s, const char *key)
{
    struct sysctl_slot *slot = find(s, key);

    if (slot && slot->users == 1)
        put_back(slot);
    else if (slot)
        slot->users--;
}

void sysctl_restore(struct sysctl_slot *slots, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slots[i].users)
            put_back(&slots[i]);
}
