// SPDX-License-Identifier: Apache-2.0

#include "addon.h"

NAPI_MODULE_INIT() {
    if (!oro_add_client(env, exports) || !oro_add_host(env, exports) || !oro_add_port(env, exports)) {
        oro_throw_pending(env);
        return NULL;
    }
    return exports;
}
