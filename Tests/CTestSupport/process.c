// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "oro_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { first_passed = 10 };

// Only async-signal-safe calls between fork and exec: the parent has threads.
static int spawn(
    const char *path, char *const argv[], const int *fds, int fd_count, struct oro_child *child, bool traced) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) return -errno;
    if (pipe2(out, O_CLOEXEC) != 0) {
        int status = -errno;
        close(in[0]);
        close(in[1]);
        return status;
    }
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        // High numbers first, so that none is overwritten before it is moved.
        int high[64];
        for (int i = 0; i < fd_count && i < 64; i++) high[i] = fcntl(fds[i], F_DUPFD, 200);
        int a = fcntl(in[0], F_DUPFD, 200), b = fcntl(out[1], F_DUPFD, 200);
        dup2(a, 0);
        dup2(b, 1);
        for (int i = 0; i < fd_count && i < 64; i++) dup2(high[i], first_passed + i);
        syscall(SYS_close_range, 3, first_passed - 1, 0);
        syscall(SYS_close_range, first_passed + fd_count, ~0u, 0);
        if (traced) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(path, argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    child->pid = pid;
    child->input = in[1];
    child->output = out[0];
    return 0;
}

int oro_spawn(const char *path, char *const argv[], const int *fds, int fd_count, struct oro_child *child) {
    return spawn(path, argv, fds, fd_count, child, false);
}

int oro_spawn_traced(const char *path, char *const argv[], const int *fds, int fd_count, struct oro_child *child) {
    int status = spawn(path, argv, fds, fd_count, child, true);
    if (status != 0) return status;
    int state;
    if (waitpid(child->pid, &state, 0) != child->pid || !WIFSTOPPED(state)) return -ECHILD;
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE;
    if (ptrace(PTRACE_SETOPTIONS, child->pid, NULL, options) != 0) return -errno;
    return 0;
}

pid_t oro_fork(void) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0) return pid < 0 ? -errno : pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    return 0;
}

void oro_leave(int status) {
    fflush(NULL);
    _exit(status);
}

int oro_reap(pid_t pid) {
    int state;
    while (waitpid(pid, &state, __WALL) != pid)
        if (errno != EINTR) return -errno;
    return WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

int oro_has_ended(pid_t pid) {
    siginfo_t info;
    info.si_pid = 0;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static FILE *open_proc(pid_t pid, const char *file) {
    char path[64];
    if (pid == 0)
        snprintf(path, sizeof path, "/proc/self/%s", file);
    else
        snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return fopen(path, "re");
}

int oro_count_fds(pid_t pid) {
    char path[64];
    if (pid == 0)
        strcpy(path, "/proc/self/fd");
    else
        snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) return -1;
    int count = pid == 0 ? -1 : 0;  // the folder's own
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.') count++;
    closedir(folder);
    return count;
}

static int count_lines(pid_t pid, const char *file, const char *with) {
    FILE *text = open_proc(pid, file);
    if (text == NULL) return -1;
    char line[1024];
    int count = 0;
    while (fgets(line, sizeof line, text) != NULL)
        if (with == NULL || strstr(line, with) != NULL) count++;
    fclose(text);
    return count;
}

int oro_count_maps(pid_t pid) { return count_lines(pid, "maps", NULL); }
int oro_count_memfds(pid_t pid) { return count_lines(pid, "maps", "memfd:oro"); }

static long field(pid_t pid, const char *file, const char *key) {
    FILE *text = open_proc(pid, file);
    if (text == NULL) return -1;
    char line[512];
    long value = -1;
    while (fgets(line, sizeof line, text) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtol(line + strlen(key), NULL, 10);
            break;
        }
    fclose(text);
    return value;
}

long oro_rss_kb(pid_t pid) { return field(pid, "status", "VmRSS:"); }
long oro_peak_rss_kb(pid_t pid) { return field(pid, "status", "VmHWM:"); }
long oro_pss_kb(pid_t pid) { return field(pid, "smaps_rollup", "Pss:"); }

long oro_shmem_kb(pid_t pid) { return field(pid, "status", "RssShmem:"); }

long oro_cpu_ticks(pid_t pid) {
    FILE *text = open_proc(pid, "stat");
    if (text == NULL) return -1;
    char line[1024];
    size_t got = fread(line, 1, sizeof line - 1, text);
    fclose(text);
    line[got] = 0;
    char *rest = strrchr(line, ')');
    if (rest == NULL) return -1;
    unsigned long user = 0, system = 0;
    if (sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) return -1;
    return (long)(user + system);
}

long oro_voluntary_switches(pid_t pid, const char *thread_name) {
    char path[300];
    if (pid == 0) pid = getpid();
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) return -1;
    long total = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        char comm[64] = "";
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/comm", pid, entry->d_name);
        FILE *name = fopen(path, "re");
        if (name == NULL) continue;
        if (fgets(comm, sizeof comm, name) == NULL) comm[0] = 0;
        fclose(name);
        comm[strcspn(comm, "\n")] = 0;
        if (thread_name != NULL && strcmp(comm, thread_name) != 0) continue;
        char file[64];
        snprintf(file, sizeof file, "task/%.20s/status", entry->d_name);
        long count = field(pid, file, "voluntary_ctxt_switches:");
        if (count > 0) total += count;
    }
    closedir(folder);
    return total;
}

uint64_t oro_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int oro_pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

void oro_line_buffered(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
