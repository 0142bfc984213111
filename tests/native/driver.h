/* What the parts of the driver share. Every buffer is its own allocation of the exact size, so that
 * one byte too many is seen. */
#ifndef DRIVER_H
#define DRIVER_H

#define _POSIX_C_SOURCE 200809L

#include "yue_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d, case %d: %s\n", __FILE__, __LINE__, current, #condition); \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

enum { SHARED = 5000 };

extern _Thread_local int current;
extern _Thread_local uint64_t state;
extern int shared; /* SHARED little-endian int32, then the same as uint16: see shared_token */

static inline uint64_t draw(uint64_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 2685821657736338717u >> 11) % below;
}

static inline void *exact(int64_t bytes) {
    void *memory = calloc(1, bytes > 0 ? (size_t)bytes : 1);
    if (memory == NULL) {
        exit(2);
    }
    return memory;
}

static inline int file_of(const void *data, int64_t size) {
    char name[] = "/tmp/yue-driver-XXXXXX";
    const int descriptor = mkstemp(name);
    CHECK(descriptor >= 0);
    unlink(name);
    CHECK(pwrite(descriptor, data, (size_t)size, 0) == size);
    return descriptor;
}

static inline int32_t shared_token(int64_t i) { return (int32_t)(i % 4000); }

/* One random case each. */
void interleave(void);
void flatten(void);
void checksum(void);
void roles(void);
void gather(void);
void index_arrays(void);
void writer(void);
void shuffle(void);
void samples(void);
void blend(void);
void best_fit(void);

#endif
