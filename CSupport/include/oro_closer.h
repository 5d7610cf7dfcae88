// SPDX-License-Identifier: Apache-2.0
// Closes what a peer has passed, where that may take its time.
//
// The last `close` of a file can wait: for whoever reads from a socket that lingers, for the process that serves a file
// system, for the lock of a pipe. The kernel does the same on behalf of whoever drops a packet that brought the file.
// So none of it is done on a thread that serves others, but on a thread of its own; while one of them waits another is
// there, up to 16 of them. What waits beyond that stays open.
#ifndef ORO_CLOSER_H
#define ORO_CLOSER_H

#include <stdbool.h>
#include <stdint.h>

// Makes the first of these threads. 0, or minus errno. Once is enough for a process; a child of fork has none again.
int oro_closer_start(void);
// How many descriptors are not closed yet.
uint64_t oro_closing(void);
// Closes a descriptor that a peer has passed: memory of memfd_create at once, anything else over there. Waits for
// nothing. `done` (may be NULL) is called with `context` when it is closed, on any thread.
void oro_close_received(int fd, void (*done)(void *), void *context);
// Shuts a SOCK_SEQPACKET socket down and closes it: at once where no packet is left that brought descriptors.
void oro_close_socket(int fd, void (*done)(void *), void *context);

#endif
