/* Codec codes and token ids. */
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>

/* A block is checked and converted in one branch-free pass that compilers vectorise; only a block
 * with a bad code is searched for its position. It also bounds how much output a bad input costs. */
#define BLOCK 4096

/* A negative code is huge as unsigned, so one comparison checks both ends. */
static inline uint32_t outside(int32_t code, int32_t size) {
    return (uint32_t)((uint32_t)code >= (uint32_t)size);
}

/* Codes of either width; which one is known where this is inlined. */
static inline int64_t code_at(const void *codes, int64_t width, int64_t t) {
    return width == 2 ? ((const int16_t *)codes)[t] : ((const int64_t *)codes)[t];
}

/* The low half of a code, and 0 unless it is all of it. Two so that int16 never becomes 64 bits. */
static inline uint32_t low_at(const void *codes, int64_t width, int64_t t) {
    return width == 2 ? (uint32_t)(int32_t)((const int16_t *)codes)[t]
                      : (uint32_t)((const int64_t *)codes)[t];
}

static inline uint32_t high_at(const void *codes, int64_t width, int64_t t) {
    return width == 2 ? 0 : (uint32_t)((uint64_t)((const int64_t *)codes)[t] >> 32);
}

YUE_INLINE static inline int interleave(const void *first, const void *second, int64_t width,
                                           int64_t frames, int32_t offset, int32_t size,
                                           int32_t *out, int64_t *bad) {
    for (int64_t start = 0; start < frames; start += BLOCK) {
        const int64_t stop = frames - start < BLOCK ? frames : start + BLOCK;
        uint32_t wrong = 0;
        for (int64_t t = start; t < stop; t++) {
            const uint32_t low_a = low_at(first, width, t), low_b = low_at(second, width, t);
            wrong |= (uint32_t)(low_a >= (uint32_t)size) | (uint32_t)(low_b >= (uint32_t)size);
            wrong |= high_at(first, width, t) | high_at(second, width, t);
            out[2 * t] = (int32_t)((uint32_t)offset + low_a);
            out[2 * t + 1] = (int32_t)((uint32_t)offset + low_b);
        }
        for (int64_t i = 2 * start; wrong && i < 2 * stop; i++) {
            const int64_t code = code_at(i % 2 ? second : first, width, i / 2);
            if (code < 0 || code >= size) {
                *bad = i;
                return YUE_RANGE;
            }
        }
    }
    return YUE_OK;
}

static int can_interleave(const void *first, const void *second, int64_t frames, int32_t offset,
                          int32_t size, const int32_t *out, int64_t capacity, const int64_t *bad) {
    return frames >= 0 && bad != NULL && capacity >= 0 && frames <= capacity / 2 && size >= 0 &&
           offset >= 0 && offset <= INT32_MAX - size &&
           (frames == 0 || (first != NULL && second != NULL && out != NULL));
}

#if YUE_HAS_AVX2
/* The same loop, compiled for wider registers. */
YUE_AVX2 static int interleave_avx2(const void *first, const void *second, int64_t width,
                                    int64_t frames, int32_t offset, int32_t size, int32_t *out,
                                    int64_t *bad) {
    return width == 2 ? interleave(first, second, 2, frames, offset, size, out, bad)
                      : interleave(first, second, 8, frames, offset, size, out, bad);
}
#endif

static int interleave_as(int64_t width, const void *first, const void *second, int64_t frames,
                         int32_t offset, int32_t size, int32_t *out, int64_t capacity,
                         int64_t *bad) {
    if (!can_interleave(first, second, frames, offset, size, out, capacity, bad)) {
        return YUE_ARGUMENT;
    }
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return interleave_avx2(first, second, width, frames, offset, size, out, bad);
    }
#endif
    return width == 2 ? interleave(first, second, 2, frames, offset, size, out, bad)
                      : interleave(first, second, 8, frames, offset, size, out, bad);
}

int yue_interleave(const int16_t *first, const int16_t *second, int64_t frames, int32_t offset,
                   int32_t size, int32_t *out, int64_t capacity, int64_t *bad) {
    return interleave_as(2, first, second, frames, offset, size, out, capacity, bad);
}

int yue_interleave64(const int64_t *first, const int64_t *second, int64_t frames, int32_t offset,
                     int32_t size, int32_t *out, int64_t capacity, int64_t *bad) {
    return interleave_as(8, first, second, frames, offset, size, out, capacity, bad);
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
