/* The arrays of a .idx file. They start at byte 34 of it, so none of them is aligned there. */
#include "little_endian.h"
#include "yue_native.h"

#include <stddef.h>

int yue_index_pointers(const int32_t *lengths, int64_t sequences, int64_t item_size, int64_t *out,
                       int64_t capacity, int64_t *end, int64_t *bad) {
    int64_t position = 0;
    if (sequences < 0 || item_size < 1 || item_size > 8 || capacity < sequences || end == NULL ||
        bad == NULL || (sequences > 0 && (lengths == NULL || out == NULL))) {
        return YUE_ARGUMENT;
    }
    for (int64_t i = 0; i < sequences; i++) {
        if (lengths[i] < 0) {
            *bad = i;
            return YUE_RANGE;
        }
        out[i] = position;
        const int64_t bytes = item_size * (int64_t)lengths[i];
        if (position > INT64_MAX - bytes) {
            return YUE_OVERFLOW;
        }
        position += bytes;
    }
    *end = position;
    return YUE_OK;
}

static int wrong(int what, int64_t element, int *what_out, int64_t *bad) {
    *what_out = what;
    *bad = element;
    return YUE_RANGE;
}

int yue_index_check(const void *lengths, const void *pointers, const void *documents,
                    int64_t sequences, int64_t marks, int64_t item_size, int64_t *end, int *what,
                    int64_t *bad) {
    const unsigned char *length = lengths;
    const unsigned char *pointer = pointers;
    const unsigned char *mark = documents;
    int64_t position = 0;
    int64_t previous = 0;
    if (sequences < 0 || marks < 1 || item_size < 1 || item_size > 8 || end == NULL ||
        what == NULL || bad == NULL || documents == NULL ||
        (sequences > 0 && (lengths == NULL || pointers == NULL))) {
        return YUE_ARGUMENT;
    }
    for (int64_t i = 0; i < sequences; i++) {
        const int32_t count = (int32_t)yue_load_le32(length + 4 * i);
        if (count < 0) {
            return wrong(0, i, what, bad);
        }
        if ((int64_t)yue_load_le64(pointer + 8 * i) != position) {
            return wrong(1, i, what, bad);
        }
        const int64_t bytes = item_size * (int64_t)count;
        if (position > INT64_MAX - bytes) {
            return YUE_OVERFLOW;
        }
        position += bytes;
    }
    for (int64_t i = 0; i < marks; i++) {
        const int64_t value = (int64_t)yue_load_le64(mark + 8 * i);
        const int first_is_wrong = i == 0 && value != 0;
        const int last_is_wrong = i == marks - 1 && value != sequences;
        if (first_is_wrong || last_is_wrong || value < previous || value > sequences) {
            return wrong(2, i, what, bad);
        }
        previous = value;
    }
    *end = position;
    return YUE_OK;
}
