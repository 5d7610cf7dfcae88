// SPDX-License-Identifier: Apache-2.0
// How many system calls were made.
#include "count.h"

#include "oro_sys.h"

_Atomic uint64_t oro_syscall_count;

uint64_t oro_syscalls(void) { return atomic_load_explicit(&oro_syscall_count, memory_order_relaxed); }
