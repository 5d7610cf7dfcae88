// SPDX-License-Identifier: Apache-2.0
// Descriptors, files and folders; what this process is and may have.
#define _GNU_SOURCE
#include "oro_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "count.h"
#include "files.h"
#include "oro_fork.h"

// Descriptors the library keeps are above 2: in a process whose standard streams are closed, whatever writes to one of
// them would write to ours. `fd` may be minus an errno.
int oro_above_standard(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = COUNTED(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    int status = moved < 0 ? -errno : moved;
    oro_close(fd);
    return status;
}

uint64_t oro_descriptor_limit(void) {
    struct rlimit limit;
    return COUNTED(getrlimit(RLIMIT_NOFILE, &limit)) == 0 ? limit.rlim_cur : 1024;
}

uint64_t oro_mapping_limit(void) {
    // Its default where it cannot be read.
    char text[32] = {0};
    int fd = COUNTED(open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC));
    if (fd < 0) return 65530;
    ssize_t count = oro_read_at(fd, text, sizeof text - 1, 0);
    oro_close(fd);
    uint64_t limit = count > 0 ? strtoull(text, NULL, 10) : 0;
    return limit > 0 ? limit : 65530;
}

int oro_open_reserve(void) { return oro_eventfd(); }

void oro_close(int fd) {
    oro_fork_forget_descriptor(fd);
    COUNTED(close(fd));
}

int oro_duplicate(int fd) {
    int copy = COUNTED(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return copy < 0 ? -errno : copy;
}

int oro_descriptor_kind(int fd) {
    int flags = COUNTED(fcntl(fd, F_GETFL));
    if (flags < 0) return -errno;
    if (flags & O_PATH) return ORO_IS_PATH;
    struct statx status;
    // Not fstat: a FUSE server would be asked for the attributes, and could take its time.
    if (COUNTED(statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status)) != 0) return -errno;
    switch (status.stx_mode & S_IFMT) {
        case S_IFREG:
            return ORO_IS_FILE;
        case S_IFIFO:
            return ORO_IS_PIPE;
        case S_IFSOCK:
            return ORO_IS_SOCKET;
        case S_IFDIR:
            return ORO_IS_DIRECTORY;
        case S_IFCHR:
        case S_IFBLK:
            return ORO_IS_DEVICE;
        default:
            return ORO_IS_OTHER;  // epoll, eventfd, io_uring, pidfd, … have no type
    }
}

ssize_t oro_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = COUNTED(pread(fd, (char *)bytes + done, count - done, (off_t)(offset + done)));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int oro_make_directory(const char *path) { return COUNTED(mkdir(path, 0700)) == 0 || errno == EEXIST ? 0 : -errno; }

int oro_open_directory(const char *path) {
    int fd = COUNTED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    fd = oro_above_standard(fd < 0 ? -errno : fd);
    if (fd < 0) return fd;
    struct stat status;
    int error = COUNTED(fstat(fd, &status)) != 0              ? -errno
                : status.st_uid != geteuid()                  ? -EPERM
                : (status.st_mode & (S_IRWXG | S_IRWXO)) != 0 ? ORO_DIRECTORY_OPEN_TO_OTHERS
                                                              : 0;
    if (error == 0) return fd;
    oro_close(fd);
    return error;
}

int oro_lock_directory(int fd) {
    int status;
    do status = COUNTED(flock(fd, LOCK_EX));
    while (status != 0 && errno == EINTR);
    return status == 0 ? 0 : -errno;
}

void oro_unlock_directory(int fd) { COUNTED(flock(fd, LOCK_UN)); }

int oro_file_identity(const char *path, uint64_t *device, uint64_t *inode) {
    struct stat status;
    if (COUNTED(lstat(path, &status)) != 0) return -errno;
    *device = status.st_dev;
    *inode = status.st_ino;
    return 0;
}

int oro_unlink(const char *path) { return COUNTED(unlink(path)) == 0 ? 0 : -errno; }

int oro_random(void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = COUNTED(getrandom((char *)bytes + done, count - done, 0));
        if (got < 0 && errno != EINTR) return -errno;
        if (got > 0) done += (size_t)got;
    }
    return 0;
}

uint32_t oro_user_id(void) { return (uint32_t)geteuid(); }
uint32_t oro_group_id(void) { return (uint32_t)getegid(); }
int32_t oro_process_id(void) { return (int32_t)getpid(); }
bool oro_working_directory(char *path, size_t size) { return getcwd(path, size) != NULL; }
