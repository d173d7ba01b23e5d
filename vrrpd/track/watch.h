/*
 * The tracker `watch`: a program tells by itself how it is, over its control socket.
 *
 * Any program may offer this. It is one command on a stream socket (AF_UNIX), lines of text ended
 * by \n, at most WATCH_LINE_MAX bytes:
 *
 *   vrrpd -> program
 *     watch BEAT [WANT...]      BEAT: how often a beat is expected, with a unit ("25ms"). Each WANT
 *                               is a condition of the program's that must hold for it to be ready;
 *                               without any, the program decides. lb knows:
 *                                 listeners   all are bound
 *                                 pool=NAME   at least one server of the pool is up
 *                                 synced      stick tables are as on the peer
 *                                 serving     not draining, not stopping
 *
 *   program -> vrrpd
 *     ready [TEXT]              at once, and on each change
 *     not-ready REASON          at once, and on each change; the sentence is shown to users
 *     beat                      every BEAT, but only if each of the program's workers has gone
 *                               through its loop since the last one
 *     error: TEXT               the command is refused (an unknown WANT or pool); then it closes
 *
 * Other lines are ignored, for what may come later. The end of the connection is the end of the
 * program. No beat (nor `ready`, `not-ready`) for the tracker's `timeout` means that it hangs;
 * BEAT is a quarter of that. Neither side answers the other's lines: nothing waits.
 *
 * A program that becomes ready says so before vrrpd can know, so a beat that follows a `not-ready`
 * keeps it not ready; a beat after silence brings back what was last said.
 *
 * vrrpd connects when the socket appears (a listener that binds elsewhere and renames is reached at
 * its first try), and again after each end: at once, then with growing pauses up to `every`.
 */
#pragma once

enum { WATCH_LINE_MAX = 512 };
