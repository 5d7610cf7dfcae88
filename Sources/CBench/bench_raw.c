// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "bench_raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oro_sys.h"

enum { SLOTS = 1024 };

struct line {
    unsigned char bytes[64];
    _Atomic uint64_t sequence;
    unsigned char padding[56];
};

struct bench_shared {
    _Atomic uint64_t command;  // number of the command << 32 | command
    _Atomic uint64_t count;
    _Atomic uint64_t finished;
    _Atomic uint64_t consumed;
    unsigned char padding0[224];
    struct line ask, answer;
    _Atomic uint32_t ask_word;
    unsigned char padding1[124];
    _Atomic uint32_t answer_word;
    unsigned char padding2[124];
    _Atomic uint64_t head;
    unsigned char padding3[120];
    _Atomic uint64_t tail;
    unsigned char padding4[120];
    uint64_t slots[SLOTS][8];
};

// This process's mapping of the memory for payloads.
static unsigned char *payload;
static uint64_t payload_bytes;

static struct bench_shared *map(int fd) {
    void *memory = mmap(NULL, sizeof(struct bench_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

struct bench_shared *bench_create(int *fd) {
    *fd = memfd_create("oro-ipc-bench", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, sizeof(struct bench_shared)) != 0) return NULL;
    return map(*fd);
}

struct bench_shared *bench_map(int fd) {
    return map(fd);
}

void bench_give(struct bench_shared *shared, uint32_t command, uint64_t count) {
    atomic_store_explicit(&shared->count, count, memory_order_relaxed);
    uint64_t number = (atomic_load_explicit(&shared->command, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&shared->command, number << 32 | command, memory_order_release);
}

uint32_t bench_take(struct bench_shared *shared, uint32_t *seen, uint64_t *count) {
    uint64_t command;
    while ((uint32_t)((command = atomic_load_explicit(&shared->command, memory_order_acquire)) >> 32) == *seen)
        oro_spin_pause();
    *seen = (uint32_t)(command >> 32);
    *count = atomic_load_explicit(&shared->count, memory_order_relaxed);
    return (uint32_t)command;
}

uint32_t bench_given(struct bench_shared *shared) {
    return (uint32_t)(atomic_load_explicit(&shared->command, memory_order_acquire) >> 32);
}

void bench_done(struct bench_shared *shared) {
    atomic_store_explicit(
        &shared->finished, atomic_load_explicit(&shared->command, memory_order_relaxed), memory_order_release);
}

void bench_await_done(struct bench_shared *shared) {
    while (atomic_load_explicit(&shared->finished, memory_order_acquire)
           != atomic_load_explicit(&shared->command, memory_order_relaxed))
        oro_spin_pause();
}

void bench_count_store(struct bench_shared *shared, uint64_t value) {
    atomic_store_explicit(&shared->consumed, value, memory_order_release);
}

uint64_t bench_count_load(struct bench_shared *shared) {
    return atomic_load_explicit(&shared->consumed, memory_order_acquire);
}

void bench_raw_ask(struct bench_shared *shared, uint64_t count, uint64_t *ticks) {
    uint64_t base = atomic_load_explicit(&shared->ask.sequence, memory_order_relaxed);
    unsigned char bytes[64] = {0};
    uint64_t before = oro_ticks();
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(shared->ask.bytes, bytes, 64);
        atomic_store_explicit(&shared->ask.sequence, base + i, memory_order_release);
        while (atomic_load_explicit(&shared->answer.sequence, memory_order_acquire) != base + i) oro_spin_pause();
        memcpy(bytes, shared->answer.bytes, 64);
        uint64_t now = oro_ticks();
        ticks[i - 1] = now - before;
        before = now;
    }
}

void bench_raw_answer(struct bench_shared *shared, uint64_t count) {
    uint64_t base = atomic_load_explicit(&shared->answer.sequence, memory_order_relaxed);
    for (uint64_t i = 1; i <= count; i++) {
        unsigned char bytes[64];
        while (atomic_load_explicit(&shared->ask.sequence, memory_order_acquire) != base + i) oro_spin_pause();
        memcpy(bytes, shared->ask.bytes, 64);
        memcpy(shared->answer.bytes, bytes, 64);
        atomic_store_explicit(&shared->answer.sequence, base + i, memory_order_release);
    }
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0); }

void bench_gap(uint64_t ns) {
    struct timespec gap = {.tv_sec = 0, .tv_nsec = (long)ns};
    if (ns > 0) nanosleep(&gap, NULL);
}

void bench_futex_ask(struct bench_shared *shared, uint64_t count, uint64_t gap_ns, uint64_t *ticks) {
    for (uint64_t i = 0; i < count; i++) {
        bench_gap(gap_ns);
        uint32_t seen = atomic_load_explicit(&shared->answer_word, memory_order_relaxed);
        uint64_t before = oro_ticks();
        atomic_fetch_add_explicit(&shared->ask_word, 1, memory_order_release);
        futex_wake(&shared->ask_word);
        while (atomic_load_explicit(&shared->answer_word, memory_order_acquire) == seen)
            futex_wait(&shared->answer_word, seen);
        ticks[i] = oro_ticks() - before;
    }
}

void bench_futex_answer(struct bench_shared *shared, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint32_t seen = atomic_load_explicit(&shared->answer_word, memory_order_relaxed);
        while (atomic_load_explicit(&shared->ask_word, memory_order_acquire) == seen)
            futex_wait(&shared->ask_word, seen);
        atomic_fetch_add_explicit(&shared->answer_word, 1, memory_order_release);
        futex_wake(&shared->answer_word);
    }
}

void bench_ring_produce(struct bench_shared *shared, uint64_t count) {
    uint64_t head = atomic_load_explicit(&shared->head, memory_order_relaxed);
    uint64_t tail = head;
    uint64_t message[8] = {0};
    for (uint64_t i = 0; i < count; i++) {
        while (head - tail == SLOTS) {
            tail = atomic_load_explicit(&shared->tail, memory_order_acquire);
            if (head - tail == SLOTS) oro_spin_pause();
        }
        message[0] = i;
        memcpy(shared->slots[head % SLOTS], message, 64);
        atomic_store_explicit(&shared->head, ++head, memory_order_release);
    }
}

uint64_t bench_ring_consume(struct bench_shared *shared, uint64_t count) {
    uint64_t tail = atomic_load_explicit(&shared->tail, memory_order_relaxed);
    uint64_t head = tail;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        while (head == tail) {
            head = atomic_load_explicit(&shared->head, memory_order_acquire);
            if (head == tail) oro_spin_pause();
        }
        uint64_t message[8];
        memcpy(message, shared->slots[tail % SLOTS], 64);
        sum += message[0] + message[7];
        atomic_store_explicit(&shared->tail, ++tail, memory_order_release);
    }
    return sum;
}

void bench_write(void *to, uint64_t bytes, uint64_t value) {
    unsigned char *place = to;
    for (uint64_t i = 0; i < bytes / 8; i++) memcpy(place + 8 * i, &value, 8);
}

uint64_t bench_read(const void *from, uint64_t bytes) {
    const unsigned char *place = from;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < bytes / 8; i++) {
        uint64_t word;
        memcpy(&word, place + 8 * i, 8);
        sum += word;
    }
    return sum;
}

uint64_t bench_read_some(const void *from) {
    uint64_t word;
    memcpy(&word, from, 8);
    return word;
}

bool bench_payload(int fd, uint64_t bytes) {
    uint64_t before = (sizeof(struct bench_shared) + 4095) / 4096 * 4096;
    uint64_t room = (bytes + 4095) / 4096 * 4096;
    struct stat status;
    if (payload != NULL) munmap(payload, payload_bytes);
    payload = NULL;
    if (bytes == 0) return true;
    if (fstat(fd, &status) != 0) return false;
    if ((uint64_t)status.st_size < before + room && ftruncate(fd, (off_t)(before + room)) != 0) return false;
    void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)before);
    if (memory == MAP_FAILED) return false;
    payload = memory;
    payload_bytes = bytes;
    return true;
}

// The sum has to be made, whoever uses it.
static void use(uint64_t sum) { __asm__ volatile("" : : "r"(sum)); }

void bench_payload_ask(struct bench_shared *shared, uint64_t count, const void *source, uint64_t *ticks) {
    uint64_t base = atomic_load_explicit(&shared->ask.sequence, memory_order_relaxed);
    uint64_t before = oro_ticks();
    for (uint64_t i = 1; i <= count; i++) {
        if (source != NULL) {
            memcpy(payload, source, payload_bytes);
        } else {
            bench_write(payload, payload_bytes, i);
        }
        atomic_store_explicit(&shared->ask.sequence, base + i, memory_order_release);
        while (atomic_load_explicit(&shared->answer.sequence, memory_order_acquire) != base + i) oro_spin_pause();
        uint64_t now = oro_ticks();
        ticks[i - 1] = now - before;
        before = now;
    }
}

void bench_payload_answer(struct bench_shared *shared, uint64_t count, bool whole) {
    uint64_t base = atomic_load_explicit(&shared->answer.sequence, memory_order_relaxed);
    for (uint64_t i = 1; i <= count; i++) {
        while (atomic_load_explicit(&shared->ask.sequence, memory_order_acquire) != base + i) oro_spin_pause();
        use(whole ? bench_read(payload, payload_bytes) : bench_read_some(payload));
        atomic_store_explicit(&shared->answer.sequence, base + i, memory_order_release);
    }
}

void bench_payload_futex_ask(struct bench_shared *shared, uint64_t count, uint64_t gap_ns, uint64_t *ticks) {
    for (uint64_t i = 0; i < count; i++) {
        bench_gap(gap_ns);
        uint32_t seen = atomic_load_explicit(&shared->answer_word, memory_order_relaxed);
        uint64_t before = oro_ticks();
        bench_write(payload, payload_bytes, i);
        atomic_fetch_add_explicit(&shared->ask_word, 1, memory_order_release);
        futex_wake(&shared->ask_word);
        while (atomic_load_explicit(&shared->answer_word, memory_order_acquire) == seen)
            futex_wait(&shared->answer_word, seen);
        ticks[i] = oro_ticks() - before;
    }
}

void bench_payload_futex_answer(struct bench_shared *shared, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint32_t seen = atomic_load_explicit(&shared->answer_word, memory_order_relaxed);
        while (atomic_load_explicit(&shared->ask_word, memory_order_acquire) == seen)
            futex_wait(&shared->ask_word, seen);
        use(bench_read(payload, payload_bytes));
        atomic_fetch_add_explicit(&shared->answer_word, 1, memory_order_release);
        futex_wake(&shared->answer_word);
    }
}

uint64_t bench_free_memory(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long kilobytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1) break;
    if (file != NULL) fclose(file);
    return kilobytes * 1024;
}

int bench_pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

void bench_pin_threads(int cpu) {
    DIR *tasks = opendir("/proc/self/task");
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    struct dirent *entry;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        int id = atoi(entry->d_name);
        if (id > 0) sched_setaffinity(id, sizeof set, &set);
    }
    if (tasks != NULL) closedir(tasks);
}

// The processors this process was allowed when it started: by the second case of a bench its threads are pinned.
static cpu_set_t allowed;

__attribute__((constructor)) static void look_at_processors(void) {
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_SET(0, &allowed);
}

int bench_cpus(void) { return CPU_COUNT(&allowed); }

int bench_cpu(int index) {
    int cpu = 0;
    for (int left = index; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && left-- == 0) return cpu;
    return 0;
}

uint64_t bench_cpu_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

uint64_t bench_process_cpu_time(int pid) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

// The peer is this very program again: descriptors 3, 4, 5 are the shared memory, a host's link, a bare lane's link.
int bench_spawn_peer(int shared_fd, int link_fd, int lane_fd, char *const arguments[]) {
    int pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fds[3] = {shared_fd, link_fd, lane_fd};
    for (int i = 0; i < 3; i++) fds[i] = fcntl(fds[i], F_DUPFD, 10);
    for (int i = 0; i < 3; i++) dup2(fds[i], 3 + i);
    for (int i = 0; i < 3; i++) close(fds[i]);
    execv("/proc/self/exe", arguments);
    _exit(127);
}

int bench_wait(int pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}
