// SPDX-License-Identifier: Apache-2.0
// Memory that is shared: memfds, their seals, what is in them, and their mappings.
#define _GNU_SOURCE
#include "oro_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "count.h"
#include "files.h"
#include "oro_fork.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static const int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
static const int segment_seals = size_seals | F_SEAL_FUTURE_WRITE;

static int new_memfd(const char *name) {
    int fd = COUNTED(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (fd < 0 && errno == EINVAL) fd = COUNTED(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    return oro_above_standard(fd < 0 ? -errno : fd);
}

// Writes zeros to all of it. A kernel without cachestat tells pages that were only allocated from holes by nothing that
// could not be made to wait (docs/system-calls.md), and pages that were written cost no fault later.
static int write_zeros(int fd, uint64_t bytes) {
    static const unsigned char zeros[1 << 16];
    for (uint64_t done = 0; done < bytes;) {
        size_t count = bytes - done < sizeof zeros ? (size_t)(bytes - done) : sizeof zeros;
        ssize_t wrote = COUNTED(pwrite(fd, zeros, count, (off_t)done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? -errno : -ENOSPC;
        done += (uint64_t)wrote;
    }
    return 0;
}

static int allocate(int fd, uint64_t bytes) {
    int status;
    do status = COUNTED(fallocate(fd, 0, 0, (off_t)bytes));
    while (status != 0 && errno == EINTR);
    return status == 0 ? 0 : -errno;
}

int oro_memfd_create(const char *name, uint64_t bytes, int allocation) {
    // Beyond this limit the kernel sends SIGXFSZ, which ends a process that does not expect it.
    struct rlimit limit;
    if (COUNTED(getrlimit(RLIMIT_FSIZE, &limit)) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
        return -EFBIG;
    int fd = new_memfd(name);
    if (fd < 0) return fd;
    int status = COUNTED(ftruncate(fd, (off_t)bytes)) == 0 ? 0 : -errno;
    if (status == 0 && allocation == ORO_ALLOCATED) status = allocate(fd, bytes);
    if (status == 0 && allocation == ORO_WRITTEN) status = write_zeros(fd, bytes);
    if (status == 0) return fd;
    oro_close(fd);
    return status;
}

int oro_populate_huge(int fd, void *base, uint64_t bytes) {
    COUNTED(madvise(base, bytes, MADV_HUGEPAGE));
    if (COUNTED(madvise(base, bytes, MADV_POPULATE_WRITE)) == 0) return 0;
    // Before Linux 5.14. EFAULT is what a full file system would have answered with SIGBUS.
    return errno == EINVAL ? allocate(fd, bytes) : errno == EFAULT ? -ENOSPC : -errno;
}

int oro_memfd_seal_immutable(int fd) {
    return COUNTED(fcntl(fd, F_ADD_SEALS, size_seals | F_SEAL_WRITE)) == 0 ? 0 : -errno;
}

int64_t oro_memfd_size(int fd) {
    struct stat status;
    if (COUNTED(fcntl(fd, F_GET_SEALS)) < 0) return -EINVAL;
    if (COUNTED(fstat(fd, &status)) != 0) return -errno;
    return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}

int oro_memfd_seal(int fd) { return COUNTED(fcntl(fd, F_ADD_SEALS, segment_seals)) == 0 ? 0 : -errno; }

int oro_memfd_verify(int fd, uint64_t bytes, bool immutable) {
    int wanted = immutable ? size_seals | F_SEAL_WRITE : segment_seals;
    int seals = COUNTED(fcntl(fd, F_GET_SEALS));
    if (seals < 0) return ORO_FD_NOT_MEMFD;
    if ((seals & wanted) != wanted) return ORO_FD_NOT_SEALED;
    struct stat status;
    if (COUNTED(fstat(fd, &status)) != 0 || !S_ISREG(status.st_mode)) return ORO_FD_NOT_MEMFD;
    if ((uint64_t)status.st_size != bytes) return ORO_FD_SIZE;
    // Says nothing when it is enough (pages beyond the end count too), but costs nothing either.
    return (uint64_t)status.st_blocks * 512 < bytes ? ORO_FD_HOLES : ORO_FD_OK;
}

// Where there is no cachestat (before Linux 6.5, or filtered): pages that were never written count as holes here.
static int present_by_mincore(int fd, uint64_t offset, uint64_t bytes) {
    struct stat status;
    struct statfs files;
    if (COUNTED(fstat(fd, &status)) != 0 || COUNTED(fstatfs(fd, &files)) != 0) return ORO_FD_NOT_MEMFD;
    if (files.f_type != 0x01021994) return ORO_FD_HUGE;  // TMPFS_MAGIC
    // Of a file that we could neither own nor write the kernel says that every page is there.
    if ((status.st_mode & S_IWOTH) == 0 && status.st_uid != geteuid()) return ORO_FD_HOLES;
    uint64_t page = oro_page_bytes();
    unsigned char there[1024];
    void *base = COUNTED(mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, (off_t)offset));
    if (base == MAP_FAILED) return -errno;
    int answer = ORO_FD_OK;
    for (uint64_t done = 0; done < bytes && answer == ORO_FD_OK; done += sizeof there * page) {
        uint64_t count = bytes - done < sizeof there * page ? bytes - done : sizeof there * page;
        if (COUNTED(mincore((char *)base + done, count, there)) != 0) answer = -errno;
        for (uint64_t i = 0; i < (count + page - 1) / page; i++)
            if ((there[i] & 1) == 0 && answer == ORO_FD_OK) answer = ORO_FD_HOLES;
    }
    oro_unmap(base, bytes);
    return answer;
}

int oro_memfd_present(int fd, uint64_t offset, uint64_t bytes) {
    struct {
        uint64_t offset, length;
    } range = {offset, bytes};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } pages;
    uint64_t page = oro_page_bytes();
    uint64_t wanted = (offset + bytes + page - 1) / page - offset / page;
    // Not lseek(SEEK_HOLE): that takes the lock of the file's position and of the file, which a peer can hold as long
    // as it likes; and it takes pages that were allocated but never written for holes. Swapped pages count as evicted.
    // One that is on its way may be missed, so what is missed once is looked for again.
    for (int attempt = 0; attempt < 3; attempt++) {
        if (COUNTED(syscall(SYS_cachestat, fd, &range, &pages, 0)) != 0) {
            if (errno == EOPNOTSUPP) return ORO_FD_HUGE;
            return present_by_mincore(fd, offset, bytes);
        }
        if (pages.cached + pages.evicted >= wanted) return ORO_FD_OK;
    }
    return ORO_FD_HOLES;
}

uint64_t oro_page_bytes(void) {
    static _Atomic uint64_t known;
    uint64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes == 0) {
        bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&known, bytes, memory_order_relaxed);
    }
    return bytes;
}

void *oro_map_ring(int fd, uint64_t head, uint64_t ring, bool writable, int *error) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    unsigned char *base =
        COUNTED(mmap(NULL, head + 2 * ring, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base == MAP_FAILED) {
        *error = errno;
        return NULL;
    }
    if (COUNTED(mmap(base, head + ring, protection, MAP_SHARED | MAP_FIXED, fd, 0)) == MAP_FAILED
        || COUNTED(mmap(base + head + ring, ring, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)head)) == MAP_FAILED) {
        *error = errno;
        COUNTED(munmap(base, head + 2 * ring));
        return NULL;
    }
    COUNTED(madvise(base, head + 2 * ring, MADV_DONTFORK));
    oro_fork_note_memory(base, head + 2 * ring);
    return base;
}

void *oro_map(int fd, uint64_t bytes, bool writable, bool immutable, bool populate, int *error) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    // A writer touches every page: one call that maps them all costs a fraction of a fault for each.
    int flags = (immutable ? MAP_PRIVATE : MAP_SHARED) | (populate ? MAP_POPULATE : 0);
    void *base = COUNTED(mmap(NULL, bytes, protection, flags, fd, 0));
    *error = errno;
    if (base == MAP_FAILED) return NULL;
    // What is only read stays as it is in a forked child: it may hold payloads that the child has.
    if (writable) {
        COUNTED(madvise(base, bytes, MADV_DONTFORK));
        oro_fork_note_memory(base, bytes);
    }
    return base;
}

void *oro_map_private(int fd, uint64_t offset, uint64_t bytes, int *error) {
    // Most of it is never written to, so no memory is set aside for that.
    void *base = COUNTED(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)offset));
    *error = errno;
    return base == MAP_FAILED ? NULL : base;
}

void oro_unmap(void *address, uint64_t bytes) {
    oro_fork_forget_memory(address);
    COUNTED(munmap(address, bytes));
}
