// SPDX-License-Identifier: Apache-2.0
// What a fork does with the memory of messages (fork.c). Its lock is taken last of all that a fork takes.
#ifndef MEMORY_H
#define MEMORY_H

void oro_memory_before_fork(void);
void oro_memory_after_fork(void);
void oro_memory_in_child(void);

#endif
