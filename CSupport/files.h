// SPDX-License-Identifier: Apache-2.0
// Descriptors, for the other files of this library.
#ifndef ORO_FILES_H
#define ORO_FILES_H

// Moves a descriptor above those of the standard streams, and closes the one it had. `fd` may be minus an errno, which
// comes back.
int oro_above_standard(int fd);

#endif
