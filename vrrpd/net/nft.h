/*
 * The filter behind "accept": false (RFC 9568, 6.1 Accept_Mode): packets to the addresses of an
 * Active router are dropped on input; neighbour solicitations and advertisements never are.
 *
 * It lives in a table of its own ("inet vrrpd-PID"), which belongs to this process: the kernel
 * removes it when the process ends, however it ends. The table is made when it is first needed.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"

#include <stddef.h>

struct nft;

int nft_new(struct nft **out, struct err *e);

/* Removes the table. NULL-safe. */
void nft_free(struct nft *n);

/* Packets to these addresses are dropped from now on, or no longer. Adding one twice, or removing
 * one that is not there, is no error. -EPROTONOSUPPORT and the like where the kernel has no
 * nftables. */
int nft_drop(struct nft *n, const struct addr *addrs, size_t count, struct err *e);
int nft_pass(struct nft *n, const struct addr *addrs, size_t count, struct err *e);
