/* Codec codes and token ids. */
#include "yue_native.h"

#include <stddef.h>

/* A block is checked and converted in one branch-free pass that compilers vectorise; only a block
 * with a bad code is searched for its position. It also bounds how much output a bad input costs. */
#define BLOCK 4096

/* A negative code is huge as unsigned, so one comparison checks both ends. */
static inline uint32_t outside(int32_t code, int32_t size) {
    return (uint32_t)((uint32_t)code >= (uint32_t)size);
}

int yue_interleave(const int16_t *first, const int16_t *second, int64_t frames, int32_t offset,
                   int32_t size, int32_t *out, int64_t capacity, int64_t *bad) {
    if (frames < 0 || bad == NULL || capacity < 0 || frames > capacity / 2 || size < 0 ||
        offset < 0 || offset > INT32_MAX - size) {
        return YUE_ARGUMENT;
    }
    if (frames > 0 && (first == NULL || second == NULL || out == NULL)) {
        return YUE_ARGUMENT;
    }
    for (int64_t start = 0; start < frames; start += BLOCK) {
        const int64_t stop = frames - start < BLOCK ? frames : start + BLOCK;
        uint32_t wrong = 0;
        for (int64_t t = start; t < stop; t++) {
            const int32_t a = first[t];
            const int32_t b = second[t];
            wrong |= outside(a, size) | outside(b, size);
            out[2 * t] = offset + a;
            out[2 * t + 1] = offset + b;
        }
        if (wrong) {
            for (int64_t t = start; t < stop; t++) {
                if (outside(first[t], size)) {
                    *bad = 2 * t;
                    return YUE_RANGE;
                }
                if (outside(second[t], size)) {
                    *bad = 2 * t + 1;
                    return YUE_RANGE;
                }
            }
        }
    }
    return YUE_OK;
}

int yue_flatten(const int16_t *codes, int64_t codebooks, int64_t frames, const int32_t *offsets,
                const int32_t *sizes, int32_t *out, int64_t capacity, int64_t *bad) {
    if (codebooks < 0 || frames < 0 || bad == NULL || capacity < 0) {
        return YUE_ARGUMENT;
    }
    if (codebooks > 0 && frames > capacity / codebooks) {
        return YUE_ARGUMENT;
    }
    if (codebooks > 0 && (offsets == NULL || sizes == NULL)) {
        return YUE_ARGUMENT;
    }
    if (codebooks > 0 && frames > 0 && (codes == NULL || out == NULL)) {
        return YUE_ARGUMENT;
    }
    for (int64_t k = 0; k < codebooks; k++) {
        const int16_t *row = codes + k * frames;
        const int32_t offset = offsets[k];
        const int32_t size = sizes[k];
        uint32_t wrong = 0;
        if (size < 0 || offset < 0 || offset > INT32_MAX - size) {
            return YUE_ARGUMENT;
        }
        for (int64_t t = 0; t < frames; t++) {
            wrong |= outside(row[t], size);
            out[t * codebooks + k] = offset + row[t];
        }
        if (wrong) {
            for (int64_t t = 0; t < frames; t++) {
                if (outside(row[t], size)) {
                    *bad = k * frames + t;
                    return YUE_RANGE;
                }
            }
        }
    }
    return YUE_OK;
}

int yue_narrow(const int64_t *ids, int64_t count, int32_t limit, int32_t *out, int64_t capacity,
               int64_t *bad) {
    if (count < 0 || limit < 0 || bad == NULL || capacity < count) {
        return YUE_ARGUMENT;
    }
    if (count > 0 && (ids == NULL || out == NULL)) {
        return YUE_ARGUMENT;
    }
    for (int64_t start = 0; start < count; start += BLOCK) {
        const int64_t stop = count - start < BLOCK ? count : start + BLOCK;
        uint32_t wrong = 0;
        for (int64_t i = start; i < stop; i++) {
            wrong |= (uint32_t)((uint64_t)ids[i] >= (uint64_t)limit);
            out[i] = (int32_t)(uint32_t)((uint64_t)ids[i] & 0x7fffffffu);
        }
        if (wrong) {
            for (int64_t i = start; i < stop; i++) {
                if ((uint64_t)ids[i] >= (uint64_t)limit) {
                    *bad = i;
                    return YUE_RANGE;
                }
            }
        }
    }
    return YUE_OK;
}
