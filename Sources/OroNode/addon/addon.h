/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the module is made of: each file of functions adds its own.
 */
#ifndef ORO_NODE_ADDON_H
#define ORO_NODE_ADDON_H

#include "failures.h"

/* Adds the functions of clients, of hosts and of ports to the module. */
bool oro_add_client(napi_env env, napi_value exports);
bool oro_add_host(napi_env env, napi_value exports);
bool oro_add_port(napi_env env, napi_value exports);

#endif
