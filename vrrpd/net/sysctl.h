/*
 * Kernel settings that are changed for a while and put back: each is counted, the first who wants
 * it writes it and the last one restores what was there.
 *
 * What was there is written down in slots of the caller's, which may be memory that it shares with
 * its guardian: if the process dies, sysctl_restore() there puts everything back.
 */
#pragma once

#include "common/base/err.h"

#include <stddef.h>

enum { SYSCTL_KEY_MAX = 96, SYSCTL_VALUE_MAX = 32 };

struct sysctl_slot {
    unsigned users; /* 0: free */
    char key[SYSCTL_KEY_MAX];
    char before[SYSCTL_VALUE_MAX];
};

struct sysctls {
    struct sysctl_slot *slots; /* borrowed */
    size_t n;
};

/* Puts everything back and frees the slots. */
void sysctl_restore(struct sysctl_slot *slots, size_t n);

/* Sets `key` below /proc/sys (as in "net/ipv4/conf/eth0/arp_ignore") to `value`; those who hold the
 * same key must want the same value. 0, -ENOSPC when no slot is free, or a negative errno with a
 * sentence. */
int sysctl_hold(struct sysctls *s, const char *key, const char *value, struct err *e);

/* Does nothing for a key that is not held. */
void sysctl_release(struct sysctls *s, const char *key);

/* Just writes. */
int sysctl_write(const char *key, const char *value, struct err *e);
