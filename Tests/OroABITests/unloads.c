// SPDX-License-Identifier: Apache-2.0
// A program that loads the library as a part of a plug-in, uses it on a thread, unloads it, and goes on: the thread
// ends after that, and so may threads of the library's.
//
//     unloads PATH-OF-THE-LIBRARY
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

static atomic_int is_used, is_unloaded;

// The functions of the library that are used here; none of its handles means anything to this program.
static struct {
    int (*client_connect)(const char *name, const void *options, void **out);
    int (*host_create)(const char *name, const void *options, void **out);
    int (*host_start)(void *host);
    int (*host_connect)(void *host, const void *options, void **out);
    void (*client_release)(void *client);
    void (*host_release)(void *host);
} functions;

// As POSIX has it: the pointer to a function is written as one to an object.
static void find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

// Fails once, which leaves a text of this thread's; then has a host with a thread of its own, and a client of it.
static void *uses(void *library) {
    void *host, *client;
    find(library, "oroipc_client_connect", &functions.client_connect);
    find(library, "oroipc_host_create", &functions.host_create);
    find(library, "oroipc_host_start", &functions.host_start);
    find(library, "oroipc_host_connect", &functions.host_connect);
    find(library, "oroipc_client_release", &functions.client_release);
    find(library, "oroipc_host_release", &functions.host_release);
    CHECK(functions.client_connect("no-such-host", NULL, &client) != 0);
    CHECK(functions.host_create(NULL, NULL, &host) == 0);
    CHECK(functions.host_start(host) == 0);
    CHECK(functions.host_connect(host, NULL, &client) == 0);
    functions.client_release(client);
    functions.host_release(host);
    atomic_store(&is_used, 1);
    while (!atomic_load(&is_unloaded)) sched_yield();
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    for (int round = 0; round < 5; round++) {
        void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) fprintf(stderr, "%s\n", dlerror());
        CHECK(library != NULL);
        pthread_t thread;
        atomic_store(&is_used, 0);
        atomic_store(&is_unloaded, 0);
        CHECK(pthread_create(&thread, NULL, uses, library) == 0);
        while (!atomic_load(&is_used)) sched_yield();
        CHECK(dlclose(library) == 0);
        atomic_store(&is_unloaded, 1);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    puts("unloads: the process lives");
    return 0;
}
