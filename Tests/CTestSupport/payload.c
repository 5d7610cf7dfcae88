// SPDX-License-Identifier: Apache-2.0
// Payloads that tell by a number whether they came whole.
#include <string.h>

#include "oro_test.h"

static uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return x;
}

void oro_fill(void *bytes, size_t count, uint64_t seed) {
    unsigned char *at = bytes;
    uint64_t word = mixed(seed + 0x9e3779b97f4a7c15u);
    for (; count >= 8; count -= 8, at += 8) {
        memcpy(at, &word, 8);
        word = word * 0x5851f42d4c957f2du + 0x14057b7ef767814fu;
    }
    memcpy(at, &word, count);
}

// Four lanes, so that the multiplications overlap.
uint64_t oro_hash(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t lane[4] = {count, ~count, 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u}, word[4];
    for (; count >= 32; count -= 32, at += 32) {
        memcpy(word, at, 32);
        for (int i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ word[i]) * 0x9fb21c651e98df25u;
            lane[i] ^= lane[i] >> 29;
        }
    }
    memset(word, 0, sizeof word);
    memcpy(word, at, count);
    uint64_t hash = 0;
    for (int i = 0; i < 4; i++) hash = mixed(hash ^ lane[i] ^ mixed(word[i] + (uint64_t)i));
    return hash;
}
