// Counts a system call as it is made.
#ifndef ORO_COUNT_H
#define ORO_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

extern _Atomic uint64_t oro_syscall_count;

#define COUNTED(call) (atomic_fetch_add_explicit(&oro_syscall_count, 1, memory_order_relaxed), (call))

#endif
