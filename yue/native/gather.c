/* Tokens out of a .bin, by pread() into the caller's array. */
#include "little_endian.h"
#include "read.h"
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>

/* Where values must be widened they pass through this; a row of 8,192 ids and one more takes one
 * read. */
#define CHUNK_BYTES (36 << 10)

/* Copies ids into out and tells whether one is out of range. All loops vectorise. */
YUE_INLINE static inline uint32_t widen_body(const unsigned char *from, int64_t item_size, int64_t count, uint32_t limit,
                      void *out, int64_t width) {
    uint32_t wrong = 0;
    if (item_size == 2 && width == 4) {
        uint32_t *to = out;
        for (int64_t i = 0; i < count; i++) {
            const uint32_t id = yue_load_le16(from + 2 * i);
            wrong |= (uint32_t)(id >= limit);
            to[i] = id;
        }
    } else if (item_size == 2) {
        uint64_t *to = out;
        for (int64_t i = 0; i < count; i++) {
            const uint32_t id = yue_load_le16(from + 2 * i);
            wrong |= (uint32_t)(id >= limit);
            to[i] = id;
        }
    } else if (width == 8) {
        uint64_t *to = out;
        for (int64_t i = 0; i < count; i++) {
            const uint32_t id = yue_load_le32(from + 4 * i);
            wrong |= (uint32_t)(id >= limit);
            to[i] = id;
        }
    } else {
        uint32_t *to = out;
        for (int64_t i = 0; i < count; i++) {
            const uint32_t id = yue_load_le32(from + 4 * i);
            wrong |= (uint32_t)(id >= limit);
            to[i] = id;
        }
    }
    return wrong;
}

YUE_INLINE static inline uint32_t outside_body(const uint32_t *ids, int64_t count,
                                               uint32_t limit) {
    uint32_t wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        wrong |= (uint32_t)(ids[i] >= limit);
    }
    return wrong;
}

#if YUE_HAS_AVX2
YUE_AVX2 static uint32_t widen_avx2(const unsigned char *from, int64_t item_size, int64_t count,
                                    uint32_t limit, void *out, int64_t width) {
    return widen_body(from, item_size, count, limit, out, width);
}

YUE_AVX2 static uint32_t outside_avx2(const uint32_t *ids, int64_t count, uint32_t limit) {
    return outside_body(ids, count, limit);
}
#endif

static uint32_t widen(const unsigned char *from, int64_t item_size, int64_t count, uint32_t limit,
                      void *out, int64_t width) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return widen_avx2(from, item_size, count, limit, out, width);
    }
#endif
    return widen_body(from, item_size, count, limit, out, width);
}

static uint32_t any_outside(const uint32_t *ids, int64_t count, uint32_t limit) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return outside_avx2(ids, count, limit);
    }
#endif
    return outside_body(ids, count, limit);
}

/* Which of the values read is out of range. */
static int64_t first_outside(const void *values, int64_t width, int64_t count, int64_t limit) {
    int64_t i = 0;
    if (width == 4) {
        const uint32_t *ids = values;
        while (i < count && ids[i] < limit) {
            i++;
        }
    } else {
        const uint64_t *ids = values;
        while (i < count && ids[i] < (uint64_t)limit) {
            i++;
        }
    }
    return i;
}

static int read_span(int descriptor, int64_t item_size, int64_t start, int64_t count,
                     int32_t limit, unsigned char *out, int64_t width, int64_t *at) {
    unsigned char chunk[CHUNK_BYTES];
    const int direct = YUE_IS_LITTLE_ENDIAN && item_size == 4 && width == 4;
    const int64_t step = direct ? count : CHUNK_BYTES / item_size;
    for (int64_t done = 0; done < count;) {
        const int64_t part = count - done < step ? count - done : step;
        void *to = out + done * width;
        const int status = yue_read_all(descriptor, direct ? to : chunk, part * item_size,
                                    (start + done) * item_size, at);
        if (status == YUE_SHORT) {
            *at = start + done + *at / item_size;
        }
        if (status != YUE_OK) {
            return status;
        }
        const uint32_t wrong = direct ? any_outside(to, part, (uint32_t)limit)
                                      : widen(chunk, item_size, part, (uint32_t)limit, to, width);
        if (wrong) {
            *at = start + done + first_outside(to, width, part, limit);
            return YUE_RANGE;
        }
        done += part;
    }
    return YUE_OK;
}

int yue_gather(int descriptor, int64_t item_size, const int64_t *spans, int64_t count,
               int32_t limit, void *out, int64_t width, int64_t capacity,
               const yue_pieces *pieces, int64_t *bad, int64_t *at) {
    if (descriptor < 0 || (item_size != 2 && item_size != 4) || (width != 4 && width != 8) ||
        count < 0 || limit < 0 || capacity < 0 || bad == NULL || at == NULL ||
        (count > 0 && spans == NULL) || (capacity > 0 && out == NULL)) {
        return YUE_ARGUMENT;
    }
    *at = -1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t start = spans[3 * i], size = spans[3 * i + 1], place = spans[3 * i + 2];
        if (start < 0 || size < 0 || place < 0 || place > capacity || size > capacity - place ||
            start > INT64_MAX / item_size - size) {
            *bad = i;
            return YUE_RANGE;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = spans[3 * i + 2];
        const int status = read_span(descriptor, item_size, spans[3 * i], spans[3 * i + 1], limit,
                                     (unsigned char *)out + place * width, width, at);
        if (status != YUE_OK) {
            *bad = i;
            return status;
        }
    }
    return pieces == NULL ? YUE_OK : yue_roles(out, width, capacity, pieces, bad);
}
