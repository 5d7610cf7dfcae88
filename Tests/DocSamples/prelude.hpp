/* SPDX-License-Identifier: Apache-2.0 */
/* What the blocks of C++ in the documents take for granted. */
#include <iostream>
#include <oroipc.hpp>

extern oroipc::Client &client;
