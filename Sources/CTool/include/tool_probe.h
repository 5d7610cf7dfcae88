// SPDX-License-Identifier: Apache-2.0
// What this machine can do, found by doing it. 0: it works; else minus the errno of the step that failed.
#ifndef TOOL_PROBE_H
#define TOOL_PROBE_H

#include <stdint.h>

// The steps of tool_probe_seals, in order: the one that did not go as it must.
enum tool_seal_step {
    TOOL_SEALS_OK = 0,
    TOOL_SEALS_CREATE = 1,        // memfd_create or its allocation failed
    TOOL_SEALS_SEAL = 2,          // F_SEAL_FUTURE_WRITE and the others were refused
    TOOL_SEALS_NEW_WRITABLE = 3,  // a new writable mapping was possible: the seal does not hold
    TOOL_SEALS_UPGRADE = 4,       // a read-only mapping could be made writable
    TOOL_SEALS_READ_ONLY = 5,     // a read-only mapping was not possible
    TOOL_SEALS_SHARED = 6,        // what the owner writes is not seen through the read-only mapping
};
// Makes a segment as the engine does and tries to break it. *error = errno of the failed step, 0 where none applies.
enum tool_seal_step tool_probe_seals(int *error);
int tool_probe_noexec_seal(void);
int tool_probe_membarrier(void);
int tool_probe_peer_pidfd(void);
int tool_probe_pidfd_open(void);

// Processors this process may run on, and that are online.
int tool_processors(int *online);
// The soft and the hard limit of open descriptors.
void tool_descriptor_limits(uint64_t *soft, uint64_t *hard);
// Descriptors this process has open.
int tool_open_descriptors(void);

#endif
