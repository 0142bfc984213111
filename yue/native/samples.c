/* Megatron's sample index: where in a stream of documents every S-th token lies.
 *
 * Row k is (position, place): the document, by its position in the order of reading, that has the
 * token k*S of the stream, and the token's place in it. Row 0 is (0, 0) whatever the documents.
 * A document [start, end) has the rows from ceil(start/S) to ceil(end/S); divisions are made by a
 * reciprocal, so that from one document to the next nothing is carried but its start. Rows are
 * written before it is known how many a document has: one too many is written over by the next.
 */
#include "little_endian.h"
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>
#include <stdlib.h>

#if YUE_HAS_AVX2
#include <immintrin.h>
#endif

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 wide;
#endif

enum { MOST_ROWS = 4, AHEAD = 32, BLOCK = 8, MANY = 1000 };

typedef enum { IN_ORDER, SHUFFLED, NARROW } reading_kind;

typedef struct {
    const int32_t *sizes;
    const int32_t *order; /* null: documents one after another */
    const uint16_t *narrow; /* the sizes in half the memory, or null */
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
    if (width == 4 && YUE_IS_LITTLE_ENDIAN) { /* both in one store */
        const uint64_t both = (uint64_t)place << 32 | (uint32_t)position;
        memcpy((int32_t *)out + 2 * row, &both, sizeof both);
    } else if (width == 4) {
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
                       reading_kind kind, void *out, int64_t width) {
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)job->step + 1;
    const int64_t step = job->step, room = job->rows - most;
    for (int64_t i = 0; i < count && at.row <= room; i++, at.position++) {
        if (kind != IN_ORDER && i + AHEAD < count) {
            const int32_t far = job->order[i + AHEAD];
            __builtin_prefetch(kind == NARROW ? (const void *)&job->narrow[far] : &job->sizes[far]);
        }
        const int64_t size = kind == IN_ORDER ? sizes[i]
                             : kind == NARROW ? job->narrow[job->order[i]]
                                              : job->sizes[job->order[i]];
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
                            int64_t most, reading_kind kind, void *out, int64_t width) {
    switch (most) {
    case 1: return run(job, at, sizes, count, 1, kind, out, width);
    case 2: return run(job, at, sizes, count, 2, kind, out, width);
    case 3: return run(job, at, sizes, count, 3, kind, out, width);
    default: return run(job, at, sizes, count, MOST_ROWS, kind, out, width);
    }
}
#endif

#if defined(__SIZEOF_INT128__) && YUE_HAS_AVX2
/* The row of a mark among eight documents; it is behind them all where the mark is. */
YUE_AVX2 YUE_INLINE static inline void put_block(int32_t *out, int64_t row, int64_t position,
                                                 __m256i ends, int32_t mark,
                                                 const int32_t *begins) {
    const __m256i past = _mm256_cmpgt_epi32(ends, _mm256_set1_epi32(mark));
    const int bits = _mm256_movemask_ps(_mm256_castsi256_ps(past));
    const int which = __builtin_ctz((unsigned)bits | 1u << BLOCK);
    put(out, 4, row, position + which, mark - begins[which]);
}

/* All documents, eight at a time, none of them longer than a step. Their ends are a sum in a
 * register; a row belongs to the first that ends behind it. Four rows are written for every eight,
 * those too many are written over. */
YUE_AVX2 static walk run_short_avx2(const reading *job, walk at, int32_t *out) {
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)job->step + 1;
    const int64_t step = job->step, room = job->rows - BLOCK - MOST_ROWS;
    const __m256i third = _mm256_set1_epi32(3);
    const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1);
    int32_t begins[BLOCK + 1] = {0};
    if (step > INT32_MAX / (2 * BLOCK)) {
        return at;
    }
    for (int64_t i = 0; i + BLOCK <= job->documents && at.row <= room; i += BLOCK) {
        const __m256i sizes = _mm256_loadu_si256((const __m256i *)(const void *)(job->sizes + i));
        __m256i ends = _mm256_add_epi32(sizes, _mm256_slli_si256(sizes, 4));
        ends = _mm256_add_epi32(ends, _mm256_slli_si256(ends, 8));
        const __m256i lower = _mm256_permutevar8x32_epi32(ends, third);
        ends = _mm256_add_epi32(ends, _mm256_and_si256(lower, upper));
        _mm256_storeu_si256((__m256i *)(void *)(begins + 1), ends);
        const int32_t total = begins[BLOCK];
        int32_t mark = (int32_t)(at.row * step - at.start);
        for (int k = 0; k < MOST_ROWS; k++, mark += (int32_t)step) {
            put_block(out, at.row + k, at.position, ends, mark, begins);
        }
        for (int64_t row = at.row + MOST_ROWS; mark < total; row++, mark += (int32_t)step) {
            put_block(out, row, at.position, ends, mark, begins);
        }
        at.start += total;
        at.row = (int64_t)((wide)(uint64_t)(at.start + step - 1) * reciprocal >> 64);
        at.position += BLOCK;
    }
    return at;
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
            at = job->narrow
                     ? run_most(job, at, NULL, job->positions, at_least, NARROW, out, width)
                     : run_most(job, at, NULL, job->positions, at_least, SHUFFLED, out, width);
        } else {
            for (int64_t done = 0; done < job->positions; done += job->documents) {
                const int64_t before = at.position;
                int64_t taken = 0;
#if YUE_HAS_AVX2
                if (most <= 1 && width == 4 && __builtin_cpu_supports("avx2")) {
                    at = run_short_avx2(job, at, out);
                    taken = at.position - before;
                }
#endif
                at = run_most(job, at, job->sizes + taken, job->documents - taken, at_least,
                              IN_ORDER, out, width);
                if (at.position - before < job->documents) {
                    break;
                }
            }
        }
    }
#endif
    finish(job, at, out, width);
}

/* Whether a value is outside [0, limit); the largest; and their sum. */
YUE_INLINE static inline uint32_t look_body(const int32_t *values, int64_t count, int32_t limit,
                                            int32_t *largest, int64_t *sum) {
    uint32_t wrong = 0;
    int32_t most = 0;
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        wrong |= (uint32_t)((uint32_t)values[i] >= (uint32_t)limit);
        most = values[i] > most ? values[i] : most;
        total += values[i];
    }
    *largest = most;
    *sum = total;
    return wrong;
}

#if YUE_HAS_AVX2
YUE_AVX2 static uint32_t look_avx2(const int32_t *values, int64_t count, int32_t limit,
                                   int32_t *largest, int64_t *sum) {
    return look_body(values, count, limit, largest, sum);
}
#endif

static uint32_t look_through(const int32_t *values, int64_t count, int32_t limit,
                             int32_t *largest, int64_t *sum) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return look_avx2(values, count, limit, largest, sum);
    }
#endif
    return look_body(values, count, limit, largest, sum);
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
    int64_t once = 0, total = 0;
    int32_t longest = 0;
    uint32_t wrong = look_through(sizes, documents, INT32_MAX, &longest, &once);
    for (int64_t i = 0; wrong && i < documents; i++) {
        if (sizes[i] < 0) {
            *bad = i;
            return YUE_RANGE;
        }
    }
    if (order) {
        int32_t most = 0;
        int64_t unused = 0;
        wrong = look_through(order, positions, (int32_t)(documents < INT32_MAX ? documents : INT32_MAX),
                             &most, &unused);
        for (int64_t i = 0; wrong && i < positions; i++) {
            if (order[i] < 0 || order[i] >= documents) {
                *bad = i;
                return YUE_RANGE;
            }
        }
        if (positions > 0 && longest > INT64_MAX / positions) {
            return YUE_OVERFLOW;
        }
        total = (int64_t)longest * positions; /* at the most; the exact sum would be one more pass */
    } else if (documents > 0) {
        if (once > INT64_MAX / (positions / documents + 1)) {
            return YUE_OVERFLOW;
        }
        total = once * (positions / documents);
    }
    if (width == 4 && positions > INT32_MAX) {
        return YUE_OVERFLOW;
    }
    uint16_t *narrow = NULL;
    if (order && longest <= UINT16_MAX && documents > MANY) { /* without memory it is only slower */
        narrow = malloc((size_t)documents * sizeof *narrow);
        for (int64_t i = 0; narrow && i < documents; i++) {
            narrow[i] = (uint16_t)sizes[i];
        }
    }
    const reading task = {sizes, order, narrow, documents, positions, step, rows};
    if (width == 4) {
        fill(&task, total, longest, out, 4);
    } else {
        fill(&task, total, longest, out, 8);
    }
    free(narrow);
    if (rows > 0) {
        put(out, width, 0, 0, 0);
    }
    return YUE_OK;
}
