/* Codec codes and token ids. */
#include "little_endian.h"
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>

#if YUE_HAS_AVX2
#include <immintrin.h>
#endif

/* A block is checked and converted in one branch-free pass that compilers vectorise; only a block
 * with a bad code is searched for its position. It also bounds how much output a bad input costs. */
#define BLOCK 4096

/* A negative code is huge as unsigned, so one comparison checks both ends. */
static inline uint32_t outside(int32_t code, int32_t size) {
    return (uint32_t)((uint32_t)code >= (uint32_t)size);
}

/* Two ids as they lie in the output, of codes that are not negative. */
static inline void put_pair(int32_t *out, uint32_t first, uint32_t second, uint32_t offset) {
#if YUE_IS_LITTLE_ENDIAN /* both in one store */
    const uint64_t pair = ((uint64_t)second << 32 | first) + ((uint64_t)offset << 32 | offset);
    memcpy(out, &pair, sizeof pair);
#else
    out[0] = (int32_t)(offset + first);
    out[1] = (int32_t)(offset + second);
#endif
}

/* Converts the codes of a block. The result is the largest of them, as unsigned: what is negative
 * is too large. */
YUE_INLINE static inline uint32_t block16_body(const int16_t *first, const int16_t *second,
                                               int64_t frames, int32_t offset, int32_t *out) {
    uint16_t largest = 0;
    for (int64_t t = 0; t < frames; t++) {
        const uint16_t a = (uint16_t)first[t], b = (uint16_t)second[t], both = a > b ? a : b;
        largest = both > largest ? both : largest;
        put_pair(out + 2 * t, a, b, (uint32_t)offset);
    }
    return largest;
}

/* The same of int64. The sign of code - size is set for every good code that is not negative, all
 * in 64 bits, since a change of width costs more than it saves. */
YUE_INLINE static inline uint32_t block64_body(const int64_t *first, const int64_t *second,
                                               int64_t frames, int32_t offset, int32_t size,
                                               int32_t *out) {
    uint64_t any = 0, below = UINT64_MAX;
    for (int64_t t = 0; t < frames; t++) {
        const uint64_t a = (uint64_t)first[t], b = (uint64_t)second[t];
        any |= a | b;
        below &= (a - (uint64_t)size) & (b - (uint64_t)size);
        put_pair(out + 2 * t, (uint32_t)a, (uint32_t)b, (uint32_t)offset);
    }
    return (uint32_t)(any >> 31 != 0) | (uint32_t)!(below >> 63);
}

#if YUE_HAS_AVX2
YUE_AVX2 static uint32_t block64_avx2(const int64_t *first, const int64_t *second, int64_t frames,
                                      int32_t offset, int32_t size, int32_t *out) {
    return block64_body(first, second, frames, offset, size, out);
}

YUE_AVX2 static inline void store_ids(int32_t *out, __m128i codes, __m256i offset) {
    _mm256_storeu_si256((void *)out, _mm256_add_epi32(_mm256_cvtepu16_epi32(codes), offset));
}

/* Interleaved while they are 16 bits, which compilers do not find. */
YUE_AVX2 static uint32_t block16_avx2(const int16_t *first, const int16_t *second, int64_t frames,
                                      int32_t offset, int32_t *out) {
    const __m256i offsets = _mm256_set1_epi32(offset);
    __m256i most = _mm256_setzero_si256();
    uint16_t lanes[16];
    int64_t t = 0;
    for (; t + 16 <= frames; t += 16, out += 32) {
        const __m256i a = _mm256_loadu_si256((const void *)(first + t));
        const __m256i b = _mm256_loadu_si256((const void *)(second + t));
        const __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
        most = _mm256_max_epu16(most, _mm256_max_epu16(a, b));
        store_ids(out, _mm256_castsi256_si128(low), offsets);
        store_ids(out + 8, _mm256_castsi256_si128(high), offsets);
        store_ids(out + 16, _mm256_extracti128_si256(low, 1), offsets);
        store_ids(out + 24, _mm256_extracti128_si256(high, 1), offsets);
    }
    _mm256_storeu_si256((void *)lanes, most);
    uint32_t largest = block16_body(first + t, second + t, frames - t, offset, out);
    for (int i = 0; i < 16; i++) {
        largest = lanes[i] > largest ? lanes[i] : largest;
    }
    return largest;
}
#endif

static int is_wrong16(const int16_t *first, const int16_t *second, int64_t frames, int32_t offset,
                      int32_t size, int32_t *out) {
    const uint32_t limit = size > INT16_MAX ? (uint32_t)INT16_MAX + 1 : (uint32_t)size;
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return frames > 0 && block16_avx2(first, second, frames, offset, out) >= limit;
    }
#endif
    return frames > 0 && block16_body(first, second, frames, offset, out) >= limit;
}

static int is_wrong64(const int64_t *first, const int64_t *second, int64_t frames, int32_t offset,
                      int32_t size, int32_t *out) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return block64_avx2(first, second, frames, offset, size, out) != 0;
    }
#endif
    return block64_body(first, second, frames, offset, size, out) != 0;
}

static int can_interleave(const void *first, const void *second, int64_t frames, int32_t offset,
                          int32_t size, const int32_t *out, int64_t capacity, const int64_t *bad) {
    return frames >= 0 && bad != NULL && capacity >= 0 && frames <= capacity / 2 && size >= 0 &&
           offset >= 0 && offset <= INT32_MAX - size &&
           (frames == 0 || (first != NULL && second != NULL && out != NULL));
}

static int64_t code_at(const void *codes, int64_t width, int64_t t) {
    return width == 2 ? ((const int16_t *)codes)[t] : ((const int64_t *)codes)[t];
}

static int interleave_as(int64_t width, const void *first, const void *second, int64_t frames,
                         int32_t offset, int32_t size, int32_t *out, int64_t capacity,
                         int64_t *bad) {
    if (!can_interleave(first, second, frames, offset, size, out, capacity, bad)) {
        return YUE_ARGUMENT;
    }
    for (int64_t t = 0; t < frames; t += BLOCK) {
        const int64_t count = frames - t < BLOCK ? frames - t : BLOCK;
        const void *a = (const char *)first + t * width, *b = (const char *)second + t * width;
        const int wrong = width == 2 ? is_wrong16(a, b, count, offset, size, out + 2 * t)
                                     : is_wrong64(a, b, count, offset, size, out + 2 * t);
        for (int64_t i = 0; wrong && i < 2 * count; i++) {
            if ((uint64_t)code_at(i % 2 ? b : a, width, i / 2) >= (uint64_t)size) {
                *bad = 2 * t + i;
                return YUE_RANGE;
            }
        }
    }
    return YUE_OK;
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
