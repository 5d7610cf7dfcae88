// SPDX-License-Identifier: Apache-2.0
// Signals and child processes.
#ifndef TOOL_PROCESS_H
#define TOOL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

// From now on SIGINT, SIGTERM and SIGHUP do not end the process: they are noted. A second one does. A write to a closed
// pipe is an error, not a signal.
void tool_catch_stop(void);
// The signal that came, 0 when none did.
int tool_stop_signal(void);
// Waits until a signal comes, or `leash` (a descriptor, -1 for none) says end of file. At most `timeout_ms` (-1: for
// ever). True when it is time to stop.
bool tool_wait_for_stop(int leash, int timeout_ms);

// Starts `path` with `arguments` (NULL at the end), in a process group of its own. *input is the end of a pipe that the
// child has as standard input, *output that of its standard output; both close-on-exec. The process id, or minus errno.
int tool_spawn(const char *path, char *const arguments[], int *input, int *output);
// Waits for the end of a child. Its exit code; 128 and the signal when it was killed.
int tool_wait_child(int pid);
// One line from a pipe, without its end. The number of bytes; 0 at the end of file or after `timeout_ms`.
int tool_read_line(int fd, char *line, int capacity, int timeout_ms);

bool tool_is_terminal(int fd);
// Columns of the terminal behind `fd`, 80 when unknown.
int tool_columns(int fd);
// Writes everything. False, with errno set, when that is not possible.
bool tool_write_all(int fd, const void *bytes, size_t count);

#endif
