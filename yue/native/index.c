/* The arrays of a .idx file. They start at byte 34 of it, so none of them is aligned there. */
#include "little_endian.h"
#include "read.h"
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>

/* So many sequences are read, checked and checksummed at a time: they stay in the second-level
 * cache, and their bytes are whole stripes of the checksum. */
enum { BLOCK = 6144, LENGTHS = 2 * BLOCK };

/* Whether one of the lengths is; a loop without branches. */
static int is_negative(const int32_t *lengths, int64_t count) {
    uint32_t bits = 0;
    for (int64_t i = 0; i < count; i++) {
        bits |= (uint32_t)lengths[i];
    }
    return bits >> 31 != 0;
}

int yue_index_pointers(const int32_t *lengths, int64_t sequences, int64_t item_size, int64_t start,
                       int64_t *out, int64_t capacity, int64_t *end, int64_t *bad) {
    int64_t position = start;
    if (sequences < 0 || start < 0 || item_size < 1 || item_size > 8 || capacity < sequences || end == NULL ||
        bad == NULL || (sequences > 0 && (lengths == NULL || out == NULL))) {
        return YUE_ARGUMENT;
    }
    for (int64_t done = 0; done < sequences; done += BLOCK) {
        const int64_t count = sequences - done < BLOCK ? sequences - done : BLOCK;
        if (is_negative(lengths + done, count)) {
            for (*bad = done; lengths[*bad] >= 0;) {
                ++*bad;
            }
            return YUE_RANGE;
        }
        if (position > INT64_MAX - BLOCK * item_size * (int64_t)INT32_MAX) {
            return YUE_OVERFLOW;
        }
        for (int64_t i = done; i < done + count; i++) {
            out[i] = position;
            position += item_size * (int64_t)lengths[i];
        }
    }
    *end = position;
    return YUE_OK;
}

static int wrong(int what, int64_t element, int *what_out, int64_t *bad) {
    *what_out = what;
    *bad = element;
    return YUE_RANGE;
}

/* Reads numbers into out, in the host's order, and goes on with the checksum of their bytes. */
static int read_part(int descriptor, void *out, int64_t count, int64_t width, int64_t offset,
                     uint32_t *crc, int64_t *bad) {
    unsigned char *bytes = out;
    const int status = yue_read_all(descriptor, bytes, count * width, offset, bad);
    if (status == YUE_SHORT) {
        *bad += offset;
    }
    if (status != YUE_OK) {
        return status;
    }
    *crc = yue_crc32c(*crc, bytes, count * width);
    for (int64_t i = 0; !YUE_IS_LITTLE_ENDIAN && i < count; i++) {
        if (width == 4) {
            ((int32_t *)out)[i] = (int32_t)yue_load_le32(bytes + 4 * i);
        } else {
            ((int64_t *)out)[i] = (int64_t)yue_load_le64(bytes + 8 * i);
        }
    }
    return YUE_OK;
}

static int read_lengths(int descriptor, int64_t sequences, int64_t offset, int32_t *lengths,
                        uint32_t *crc, int *what, int64_t *bad) {
    for (int64_t start = 0; start < sequences; start += LENGTHS) {
        const int64_t count = sequences - start < LENGTHS ? sequences - start : LENGTHS;
        int32_t *part = lengths + start;
        const int status = read_part(descriptor, part, count, 4, offset + 4 * start, crc, bad);
        if (status != YUE_OK) {
            return status;
        }
        const int negative = is_negative(part, count);
        for (int64_t i = 0; negative && i < count; i++) {
            if (part[i] < 0) {
                return wrong(0, start + i, what, bad);
            }
        }
    }
    return YUE_OK;
}

/* Whether pointers are not the running sum of the lengths. From each to the next is its length, so
 * nothing is carried from one to another and compilers vectorise it. */
YUE_INLINE static inline int differ_body(const int64_t *pointers, const int32_t *lengths,
                                         int64_t count, int shift, int64_t position) {
    uint64_t wrong_bits = (uint64_t)(pointers[0] ^ position);
    for (int64_t i = 0; i + 1 < count; i++) {
        const uint64_t bytes = (uint64_t)(uint32_t)lengths[i] << shift;
        wrong_bits |= ((uint64_t)pointers[i + 1] - (uint64_t)pointers[i]) ^ bytes;
    }
    return wrong_bits != 0;
}

#if YUE_HAS_AVX2
YUE_AVX2 static int differ_avx2(const int64_t *pointers, const int32_t *lengths, int64_t count,
                                int shift, int64_t position) {
    return differ_body(pointers, lengths, count, shift, position);
}
#endif

static int differ(const int64_t *pointers, const int32_t *lengths, int64_t count, int shift,
                  int64_t position) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return differ_avx2(pointers, lengths, count, shift, position);
    }
#endif
    return differ_body(pointers, lengths, count, shift, position);
}

/* Holds the pointers to the running sum of the lengths, and notes where documents start. */
static int read_pointers(int descriptor, int64_t offset, const yue_index *index, uint32_t *crc,
                         int64_t *end, int *what, int64_t *bad) {
    int64_t pointers[BLOCK], position = 0, mark = 0;
    int shift = 0; /* tokens are 1 << shift bytes */
    while (1 << shift < index->item_size) {
        shift++;
    }
    for (int64_t start = 0; start < index->sequences; start += BLOCK) {
        const int64_t rest = index->sequences - start, count = rest < BLOCK ? rest : BLOCK;
        const int32_t *lengths = index->lengths + start;
        const int status = read_part(descriptor, pointers, count, 8, offset + 8 * start, crc, bad);
        if (status != YUE_OK) {
            return status;
        }
        if (position > INT64_MAX - BLOCK * index->item_size * (int64_t)INT32_MAX) {
            return YUE_OVERFLOW;
        }
        const int differs = differ(pointers, lengths, count, shift, position);
        for (int64_t i = 0; differs && i < count; i++) {
            if (pointers[i] != position) {
                return wrong(1, start + i, what, bad);
            }
            position += index->item_size * (int64_t)lengths[i];
        }
        position = pointers[count - 1] + index->item_size * (int64_t)lengths[count - 1];
        for (; mark < index->marks && index->documents[mark] < start + count; mark++) {
            index->starts[mark] = pointers[index->documents[mark] - start] >> shift;
        }
    }
    for (; mark < index->marks; mark++) {
        index->starts[mark] = position >> shift;
    }
    *end = position;
    return YUE_OK;
}

int yue_index_read(int descriptor, int64_t offset, const yue_index *index, uint32_t *crc,
                   int64_t *end, int *what, int64_t *bad) {
    if (descriptor < 0 || offset < 0 || index == NULL || index->sequences < 0 ||
        index->marks < 1 || index->item_size < 1 || index->item_size > 8 ||
        (index->item_size & (index->item_size - 1)) != 0 ||
        index->sequences > (INT64_MAX / 32) || index->marks > (INT64_MAX / 32) ||
        index->documents == NULL || index->starts == NULL || crc == NULL || end == NULL ||
        what == NULL || bad == NULL || (index->sequences > 0 && index->lengths == NULL)) {
        return YUE_ARGUMENT;
    }
    const int64_t n = index->sequences;
    uint32_t early = 0; /* marks are read first, to be walked by, and checksummed in their place */
    *what = 3;
    int status =
        read_part(descriptor, index->documents, index->marks, 8, offset + 12 * n, &early, bad);
    if (status != YUE_OK) {
        return status;
    }
    for (int64_t i = 0, before = 0; i < index->marks; i++) {
        const int64_t mark = index->documents[i];
        if ((i == 0 && mark != 0) || (i == index->marks - 1 && mark != n) || mark < before ||
            mark > n) {
            return wrong(2, i, what, bad);
        }
        before = mark;
    }
    status = read_lengths(descriptor, n, offset, index->lengths, crc, what, bad);
    if (status == YUE_OK) {
        status = read_pointers(descriptor, offset + 4 * n, index, crc, end, what, bad);
    }
    if (status != YUE_OK) {
        return status;
    }
    if (YUE_IS_LITTLE_ENDIAN) {
        *crc = yue_crc32c(*crc, index->documents, 8 * index->marks);
    }
    for (int64_t i = 0; !YUE_IS_LITTLE_ENDIAN && i < index->marks; i++) {
        unsigned char bytes[8];
        yue_store_le64(bytes, (uint64_t)index->documents[i]);
        *crc = yue_crc32c(*crc, bytes, 8);
    }
    return YUE_OK;
}
