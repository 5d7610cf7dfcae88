// SPDX-License-Identifier: Apache-2.0
// Files below a folder that nothing escapes. Every call answers a value, or minus the errno.
#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What a name in a folder stands for.
enum tool_type {
    TOOL_UNKNOWN = 0,
    TOOL_FILE = 1,
    TOOL_DIRECTORY = 2,
    TOOL_SYMLINK = 3,
    TOOL_FIFO = 4,
    TOOL_SOCKET = 5,
    TOOL_CHARACTER = 6,
    TOOL_BLOCK = 7,
};

struct tool_status {
    uint64_t size;
    uint64_t inode;
    uint64_t links;
    int64_t modified_ns;  // since 1970
    uint32_t mode;        // permission bits only
    uint32_t type;        // enum tool_type
};

// The folder itself, to be used as `root` below.
int tool_open_root(const char *path);

// How `tool_open_below` opens.
enum tool_open {
    TOOL_OPEN_FILE = 0,       // for reading; never waits (a FIFO without writer)
    TOOL_OPEN_DIRECTORY = 1,  // for listing
    TOOL_OPEN_NAME = 2,       // for its status only: works without read permission
};

// Opens `path`, relative to `root`. Whatever would lead out of the root is refused by the kernel, at each step of the
// walk, so no rename can slip in between: `..` above the root, an absolute path, a symbolic link to outside: -EXDEV;
// magic links of /proc: -ELOOP. Links that stay inside are followed; the last one only when `follow`.
// Without openat2 (before Linux 5.6, old container filters) the path is walked here, and every symbolic link on the way
// (-ELOOP) and every `..` (-EXDEV) is refused.
int tool_open_below(int root, const char *path, enum tool_open how, bool follow);
// Whether the kernel lets us use openat2: 0, or minus the errno.
int tool_has_openat2(void);

int tool_status_of(int fd, struct tool_status *status);
// The status of a name without any confinement and without following it: for comparison with what a host says.
int tool_status_at(int directory, const char *path, struct tool_status *status);

// What a directory contains, without `.` and `..`, in the kernel's order. *records is to be given to free(); each is
// one byte of type, two of length (little-endian), and the name's bytes. The number of bytes.
ssize_t tool_list(int directory, unsigned char **records);

ssize_t tool_read_at(int fd, void *bytes, size_t count, uint64_t offset);
// Plain open for reading relative to a directory: no symbolic link as the last step, never waits.
int tool_open_plain(int directory, const char *path, bool is_directory);
void tool_close(int fd);

#endif
