// SPDX-License-Identifier: Apache-2.0
// Folders that are watched for files that come to be in them.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "count.h"
#include "files.h"
#include "oro_sys.h"

int oro_folder_watch(void) {
    int fd = COUNTED(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    return oro_above_standard(fd < 0 ? -errno : fd);
}

int oro_folder_watch_add(int fd, const char *path) {
    int folder =
        COUNTED(inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR));
    return folder < 0 ? -errno : folder;
}

void oro_folder_watch_remove(int fd, int folder) { COUNTED(inotify_rm_watch(fd, folder)); }

int oro_folder_watch_read(int fd, struct oro_folder_news news[ORO_FOLDER_NEWS]) {
    // Room for one event with the longest name, and for no more events than `news` takes.
    _Alignas(struct inotify_event) char bytes[ORO_FOLDER_NEWS * sizeof(struct inotify_event)];
    _Static_assert(sizeof bytes >= sizeof(struct inotify_event) + 256, "an event with the longest name");
    ssize_t size = COUNTED(read(fd, bytes, sizeof bytes));
    if (size < 0) return errno == EAGAIN ? 0 : -errno;
    int count = 0;
    for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= size;) {
        struct inotify_event event;
        memcpy(&event, bytes + at, sizeof event);
        struct oro_folder_news *one = &news[count];
        one->folder = event.wd;
        one->name[0] = 0;
        if (event.len > 0) {
            // Ends with zeros.
            strncpy(one->name, bytes + at + sizeof event, sizeof one->name - 1);
            one->name[sizeof one->name - 1] = 0;
        }
        at += (ssize_t)(sizeof event + event.len);
        if (event.mask & IN_Q_OVERFLOW) {
            one->what = ORO_FOLDER_LOST;
        } else if (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
            one->what = ORO_FOLDER_GONE;
        } else {
            one->what = ORO_FOLDER_FILE;
        }
        count += 1;
    }
    return count;
}
