// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "tool_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;
static int stop_bell = -1;

static void note_stop(int number) {
    int saved = errno;
    stop_signal = number;
    // Whoever asks twice is not to wait for anything.
    signal(number, SIG_DFL);
    uint64_t one = 1;
    ssize_t ignored = write(stop_bell, &one, sizeof one);
    (void)ignored;
    errno = saved;
}

void tool_catch_stop(void) {
    stop_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct sigaction action = {.sa_handler = note_stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    // Whoever started us may have had them blocked, as the threads of a task pool have.
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &wanted, NULL);
}

int tool_stop_signal(void) { return stop_signal; }

bool tool_wait_for_stop(int leash, int timeout_ms) {
    while (stop_signal == 0) {
        struct pollfd wanted[2] = {{.fd = stop_bell, .events = POLLIN}, {.fd = leash, .events = POLLIN}};
        int ready = poll(wanted, 2, timeout_ms);
        if (ready == 0) return false;
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return true;
        if (wanted[1].revents != 0) {
            char ignored[64];
            if (read(leash, ignored, sizeof ignored) <= 0) return true;
        }
    }
    return true;
}

int tool_spawn(const char *path, char *const arguments[], int *input, int *output) {
    extern char **environ;
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) return -errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        int error = errno;
        close(in[0]);
        close(in[1]);
        return -error;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawnattr_init(&attributes);
    // Ctrl-C on a terminal reaches the parent alone, which then ends the child.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = -1;
    int error = posix_spawn(&pid, path, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    if (error != 0) {
        close(in[1]);
        close(out[0]);
        return -error;
    }
    *input = in[1];
    *output = out[0];
    return pid;
}

int tool_wait_child(int pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tool_read_line(int fd, char *line, int capacity, int timeout_ms) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t deadline = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + timeout_ms;
    int count = 0;
    while (count < capacity) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left = deadline - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&wanted, 1, (int)left) == 0) return 0;
        ssize_t got = read(fd, line + count, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        if (line[count] == '\n') return count;
        count++;
    }
    return count;
}

bool tool_is_terminal(int fd) { return isatty(fd) == 1; }

int tool_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool tool_write_all(int fd, const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t written = write(fd, (const char *)bytes + done, count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, -1);
            continue;
        }
        if (written < 0) return false;
        done += (size_t)written;
    }
    return true;
}
