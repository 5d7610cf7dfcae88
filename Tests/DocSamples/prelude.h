/* SPDX-License-Identifier: Apache-2.0 */
/* What the blocks of C in the documents take for granted. */
#include <err.h>
#include <oroipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

extern oroipc_host *host;
extern oroipc_client *client;
extern oroipc_port *port;
extern oroipc_bytes *pixels;
extern int loop, n;
extern struct epoll_event events[16];
