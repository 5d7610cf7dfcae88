// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "tool_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int tool_open_root(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static uint64_t open_flags(enum tool_open how, bool follow) {
    // O_NONBLOCK: opening a FIFO that nobody writes to must not wait. O_NOCTTY: nor take a terminal over.
    uint64_t flags = how == TOOL_OPEN_NAME ? O_PATH : O_RDONLY | O_NONBLOCK | O_NOCTTY;
    if (how == TOOL_OPEN_DIRECTORY) flags |= O_DIRECTORY;
    if (!follow) flags |= O_NOFOLLOW;
    return flags | O_CLOEXEC;
}

static int open_beneath(int root, const char *path, uint64_t flags) {
    struct open_how how = {.flags = flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    // EAGAIN: something was renamed while the kernel looked at a `..`; it could not tell whether that left the root.
    for (int attempt = 0; attempt < 64; attempt++) {
        int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) return fd;
        if (errno != EAGAIN && errno != EINTR) return -errno;
    }
    return -EAGAIN;
}

// Opens one step of a path, which is no `..`, without following a link. A descriptor, or a negative errno.
static int open_step(int folder, const char *step, uint64_t flags) {
    if (strcmp(step, "..") == 0) return -EXDEV;
    int next = openat(folder, step, (int)(flags | O_NOFOLLOW));
    if (next >= 0) return next;
    int error = errno;
    // A symbolic link where a directory is needed says ENOTDIR; the reason here is that links are not followed.
    struct stat status;
    bool is_link =
        error == ENOTDIR && fstatat(folder, step, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
    return is_link ? -ELOOP : -error;
}

// Takes the next step of `*path`, which is moved behind it. False when it is longer than any name.
static bool take_step(const char **path, char step[256]) {
    while (**path == '/') ++*path;
    size_t length = strcspn(*path, "/");
    if (length >= 256) return false;
    memcpy(step, length == 0 ? "." : *path, length == 0 ? 1 : length);
    step[length == 0 ? 1 : length] = '\0';
    *path += length;
    return true;
}

// Step by step: each directory is opened in the one before, so what was checked is what is used.
static int walk_beneath(int root, const char *path, uint64_t flags) {
    if (path[0] == '\0') return -ENOENT;
    if (path[0] == '/') return -EXDEV;
    char step[256];
    int current = root;
    while (true) {
        bool fits = take_step(&path, step);
        bool last = path[strspn(path, "/")] == '\0';
        uint64_t wanted = O_PATH | O_DIRECTORY | O_CLOEXEC;
        if (last) wanted = flags | (*path == '/' ? O_DIRECTORY : 0);
        int next = fits ? open_step(current, step, wanted) : -ENAMETOOLONG;
        if (current != root) close(current);
        if (next < 0 || last) return next;
        current = next;
    }
}

int tool_has_openat2(void) {
    int fd = open_beneath(AT_FDCWD, ".", O_PATH | O_CLOEXEC);
    if (fd < 0) return fd;
    close(fd);
    return 0;
}

int tool_open_below(int root, const char *path, enum tool_open how, bool follow) {
    static _Atomic int known;  // 0: not tried yet, 1: openat2 works, 2: it does not
    uint64_t flags = open_flags(how, follow);
    int state = known;
    if (state == 0) known = state = tool_has_openat2() == 0 ? 1 : 2;
    return state == 1 ? open_beneath(root, path, flags) : walk_beneath(root, path, flags);
}

static uint32_t type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return TOOL_FILE;
        case S_IFDIR:
            return TOOL_DIRECTORY;
        case S_IFLNK:
            return TOOL_SYMLINK;
        case S_IFIFO:
            return TOOL_FIFO;
        case S_IFSOCK:
            return TOOL_SOCKET;
        case S_IFCHR:
            return TOOL_CHARACTER;
        case S_IFBLK:
            return TOOL_BLOCK;
        default:
            return TOOL_UNKNOWN;
    }
}

static void fill(struct tool_status *status, const struct stat *from) {
    status->size = (uint64_t)from->st_size;
    status->inode = from->st_ino;
    status->links = from->st_nlink;
    status->modified_ns = (int64_t)from->st_mtim.tv_sec * 1000000000 + from->st_mtim.tv_nsec;
    status->mode = from->st_mode & 07777;
    status->type = type_of(from->st_mode);
}

int tool_status_of(int fd, struct tool_status *status) {
    struct stat found;
    if (fstat(fd, &found) != 0) return -errno;
    fill(status, &found);
    return 0;
}

int tool_status_at(int directory, const char *path, struct tool_status *status) {
    struct stat found;
    if (fstatat(directory, path, &found, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
    fill(status, &found);
    return 0;
}

static unsigned char listed_type(DIR *directory, const struct dirent *entry) {
    switch (entry->d_type) {
        case DT_REG:
            return TOOL_FILE;
        case DT_DIR:
            return TOOL_DIRECTORY;
        case DT_LNK:
            return TOOL_SYMLINK;
        case DT_FIFO:
            return TOOL_FIFO;
        case DT_SOCK:
            return TOOL_SOCKET;
        case DT_CHR:
            return TOOL_CHARACTER;
        case DT_BLK:
            return TOOL_BLOCK;
        default:
            break;
    }
    // Some file systems do not say.
    struct stat status;
    if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return TOOL_UNKNOWN;
    return (unsigned char)type_of(status.st_mode);
}

ssize_t tool_list(int fd, unsigned char **records) {
    // A description of its own, so that the caller's keeps its place in the directory.
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return -errno;
    DIR *directory = fdopendir(own);
    if (directory == NULL) {
        int error = errno;
        close(own);
        return -error;
    }
    size_t used = 0, room = 4096;
    int error = 0;
    unsigned char *bytes = malloc(room);
    while (bytes != NULL) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            error = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        size_t length = strlen(entry->d_name);
        if (used + 3 + length > room) {
            unsigned char *larger = realloc(bytes, room = 2 * room + length);
            if (larger == NULL) free(bytes);
            bytes = larger;
            if (bytes == NULL) break;
        }
        bytes[used] = listed_type(directory, entry);
        bytes[used + 1] = (unsigned char)(length & 0xFF);
        bytes[used + 2] = (unsigned char)(length >> 8);
        memcpy(bytes + used + 3, entry->d_name, length);
        used += 3 + length;
    }
    closedir(directory);
    if (bytes == NULL) return -ENOMEM;
    if (error != 0) {
        free(bytes);
        return -error;
    }
    *records = bytes;
    return (ssize_t)used;
}

ssize_t tool_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    ssize_t got;
    do got = pread(fd, bytes, count, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

int tool_open_plain(int directory, const char *path, bool is_directory) {
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0);
    int fd = openat(directory, path, flags);
    return fd < 0 ? -errno : fd;
}

void tool_close(int fd) { close(fd); }
