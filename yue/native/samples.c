/* Megatron's sample index: where in a stream of documents every S-th token lies.
 *
 * Row k is (position, place): the document, by its position in the order of reading, that has the
 * token k*S of the stream, and the token's place in it. Row 0 is (0, 0) whatever the documents.
 * A document [start, end) has the rows from ceil(start/S) to ceil(end/S); divisions are made by a
 * reciprocal, so that from one document to the next nothing is carried but its start. Rows are
 * written before it is known how many a document has: one too many is written over by the next.
 */
#include "yue_native.h"

#include <stddef.h>

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 wide;
#endif

enum { MOST_ROWS = 4, AHEAD = 32 };

typedef struct {
    const int32_t *sizes;
    const int32_t *order; /* null: documents one after another */
    int64_t documents;
    int64_t positions;
    int64_t step;         /* S */
    int64_t rows;
} reading;

/* How far the walk has come. */
typedef struct {
    int64_t position, start, row;
} walk;

static inline void put(void *out, int64_t width, int64_t row, int64_t position, int64_t place) {
    if (width == 4) {
        ((int32_t *)out)[2 * row] = (int32_t)position;
        ((int32_t *)out)[2 * row + 1] = (int32_t)place;
    } else {
        ((int64_t *)out)[2 * row] = position;
        ((int64_t *)out)[2 * row + 1] = place;
    }
}

/* Goes on to the end, a row at a time. */
static inline void finish(const reading *job, walk at, void *out, int64_t width) {
    int64_t mark = at.row * job->step;
    for (; at.position < job->positions && at.row < job->rows; at.position++) {
        const int64_t document =
            job->order ? job->order[at.position] : at.position % job->documents;
        const int64_t end = at.start + job->sizes[document];
        for (; mark < end && at.row < job->rows; at.row++, mark += job->step) {
            put(out, width, at.row, at.position, mark - at.start);
        }
        at.start = end;
    }
}

#if defined(__SIZEOF_INT128__)
/* One run of consecutive positions, while there is room for rows too many. */
static inline walk run(const reading *job, walk at, const int32_t *sizes, int64_t count, int most,
                       int shuffled, void *out, int64_t width) {
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)job->step + 1;
    const int64_t step = job->step, room = job->rows - most;
    for (int64_t i = 0; i < count && at.row <= room; i++, at.position++) {
        if (shuffled && i + AHEAD < count) {
            __builtin_prefetch(&job->sizes[job->order[i + AHEAD]]);
        }
        const int64_t size = shuffled ? job->sizes[job->order[i]] : sizes[i];
        for (int k = 0; k < most; k++) {
            put(out, width, at.row + k, at.position, (at.row + k) * step - at.start);
        }
        at.start += size;
        at.row = (int64_t)((wide)(uint64_t)(at.start + step - 1) * reciprocal >> 64);
    }
    return at;
}

/* The same loop for each number of rows, so that it is known in each. */
static inline walk run_most(const reading *job, walk at, const int32_t *sizes, int64_t count,
                            int64_t most, int shuffled, void *out, int64_t width) {
    switch (most) {
    case 1: return run(job, at, sizes, count, 1, shuffled, out, width);
    case 2: return run(job, at, sizes, count, 2, shuffled, out, width);
    case 3: return run(job, at, sizes, count, 3, shuffled, out, width);
    default: return run(job, at, sizes, count, MOST_ROWS, shuffled, out, width);
    }
}
#endif

static inline void fill(const reading *job, int64_t total, int64_t longest, void *out, int64_t width) {
    walk at = {0, 0, 0};
#if defined(__SIZEOF_INT128__)
    const int64_t most = (longest + job->step - 1) / job->step;
    /* The reciprocal is exact below 2**64 / S. */
    if (job->step > 1 && most <= MOST_ROWS && total < INT64_MAX / job->step - job->step) {
        const int64_t at_least = most > 0 ? most : 1;
        if (job->order) {
            at = run_most(job, at, NULL, job->positions, at_least, 1, out, width);
        } else {
            for (int64_t done = 0; done < job->positions; done += job->documents) {
                const int64_t before = at.position;
                at = run_most(job, at, job->sizes, job->documents, at_least, 0, out, width);
                if (at.position - before < job->documents) {
                    break;
                }
            }
        }
    }
#endif
    finish(job, at, out, width);
}

int yue_sample_index(const int32_t *sizes, int64_t documents, const int32_t *order,
                     int64_t positions, int64_t step, void *out, int64_t width, int64_t rows,
                     int64_t *bad) {
    if (documents < 0 || positions < 0 || step < 1 || rows < 0 || (width != 4 && width != 8) ||
        bad == NULL || (documents > 0 && sizes == NULL) || (rows > 0 && out == NULL) ||
        (order == NULL && (documents ? positions % documents : positions) != 0) ||
        rows > INT64_MAX / 16 || step > INT32_MAX) {
        return YUE_ARGUMENT;
    }
    int64_t once = 0, total = 0, longest = 0;
    uint32_t wrong = 0;
    for (int64_t i = 0; i < documents; i++) {
        wrong |= (uint32_t)sizes[i] >> 31;
        longest = sizes[i] > longest ? sizes[i] : longest;
        once += sizes[i];
    }
    for (int64_t i = 0; wrong && i < documents; i++) {
        if (sizes[i] < 0) {
            *bad = i;
            return YUE_RANGE;
        }
    }
    if (order) {
        for (int64_t i = 0; i < positions; i++) {
            wrong |= (uint32_t)(order[i] < 0 || order[i] >= documents);
        }
        for (int64_t i = 0; wrong && i < positions; i++) {
            if (order[i] < 0 || order[i] >= documents) {
                *bad = i;
                return YUE_RANGE;
            }
        }
        if (positions > 0 && longest > INT64_MAX / positions) {
            return YUE_OVERFLOW;
        }
        total = longest * positions; /* at the most; the exact sum would be one more pass */
    } else if (documents > 0) {
        if (once > INT64_MAX / (positions / documents + 1)) {
            return YUE_OVERFLOW;
        }
        total = once * (positions / documents);
    }
    if (width == 4 && (positions > INT32_MAX || longest > INT32_MAX)) {
        return YUE_OVERFLOW;
    }
    const reading task = {sizes, order, documents, positions, step, rows};
    if (width == 4) {
        fill(&task, total, longest, out, 4);
    } else {
        fill(&task, total, longest, out, 8);
    }
    if (rows > 0) {
        put(out, width, 0, 0, 0);
    }
    return YUE_OK;
}
