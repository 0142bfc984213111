/* Megatron's sample index: where in a stream of documents every S-th token lies.
 *
 * Row k is (position, place): the document, by its position in the order of reading, that has the
 * token k*S of the stream, and the token's place in it. Row 0 is (0, 0) whatever the documents.
 * A document [start, end) has the rows from ceil(start/S) to ceil(end/S); divisions are made by a
 * reciprocal, so that from one document to the next nothing is carried but its start. Rows are
 * written before it is known how many a document has: those too many are written over by the next.
 * Together that is 1.6 to 1.8 times as fast as upstream's walk on documents shorter than S and 3.4
 * to 6.6 times on songs, where a walk without branches alone gained 1.0 to 1.2 times.
 *
 * Sizes are checked, gathered where documents are read in an order, and walked by the block, so
 * that they come from memory once.
 */
#define _DEFAULT_SOURCE /* madvise() */

#include "little_endian.h"
#include "wider.h"
#include "yue_native.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#if YUE_HAS_AVX2
#include <immintrin.h>
#endif

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 wide;
#endif

enum { BLOCK = 4096, SPREAD = 4, LANES = 8, AHEAD = 32, MOST_STEP = 1 << 27, HUGE_PAGE = 1 << 21 };

/* The index, and how far the walk through the stream has come. */
typedef struct {
    void *out;
    int64_t width, rows, step;
    int64_t position, start, row; /* the next document, its first token, and its first row */
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

/* Documents of any size, a row at a time. */
static void step_through(walk *at, const int32_t *sizes, int64_t count) {
    int64_t mark = at->row * at->step;
    for (int64_t i = 0; i < count && at->row < at->rows; i++, at->position++) {
        const int64_t end = at->start + sizes[i];
        for (; mark < end && at->row < at->rows; at->row++, mark += at->step) {
            put(at->out, at->width, at->row, at->position, mark - at->start);
        }
        at->start = end;
    }
}

#if defined(__SIZEOF_INT128__)
/* ceil(start / step), with ceil(2**64 / step); exact below 2**64 / step. */
static inline int64_t row_from(int64_t start, int64_t step, uint64_t reciprocal) {
    return (int64_t)((wide)(uint64_t)(start + step - 1) * reciprocal >> 64);
}

/* Documents of at most `most` rows, while there is room for rows too many; how many those were. */
YUE_INLINE static inline int64_t run(walk *to, const int32_t *sizes, int64_t count, int64_t width,
                                     int most) {
    walk at = *to; /* a copy, so that it stays in registers */
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)at.step + 1;
    int64_t i = 0;
    for (; i < count && at.row <= at.rows - most; i++) {
        for (int k = 0; k < most; k++) {
            const int64_t row = at.row + k;
            put(at.out, width, row, at.position + i, row * at.step - at.start);
        }
        at.start += sizes[i];
        at.row = row_from(at.start, at.step, reciprocal);
    }
    at.position += i;
    *to = at;
    return i;
}

/* The same loop for each width and number of rows, so that they are known in each. */
static int64_t run_portable(walk *at, const int32_t *sizes, int64_t count, int64_t most) {
    switch ((at->width == 4 ? 0 : SPREAD) + (most ? most : 1)) {
    case 1: return run(at, sizes, count, 4, 1);
    case 2: return run(at, sizes, count, 4, 2);
    case 3: return run(at, sizes, count, 4, 3);
    case SPREAD: return run(at, sizes, count, 4, SPREAD);
    case SPREAD + 1: return run(at, sizes, count, 8, 1);
    case SPREAD + 2: return run(at, sizes, count, 8, 2);
    case SPREAD + 3: return run(at, sizes, count, 8, 3);
    default: return run(at, sizes, count, 8, SPREAD);
    }
}
#endif

#if defined(__SIZEOF_INT128__) && YUE_HAS_AVX2
YUE_AVX2 static inline __m256i load(const void *from) { return _mm256_loadu_si256(from); }
YUE_AVX2 static inline void store(void *to, __m256i lanes) { _mm256_storeu_si256(to, lanes); }

/* Documents of at most SPREAD rows of int32: all of them in one store. */
YUE_AVX2 static int64_t run_spread_avx2(walk *to, const int32_t *sizes, int64_t count) {
    walk at = *to;
    const uint64_t reciprocal = UINT64_MAX / (uint64_t)at.step + 1;
    const int64_t far = at.step << 32; /* from a row's place to the next one's */
    const __m256i further =
        _mm256_setr_epi64x(0, far, (int64_t)(2 * (uint64_t)far), (int64_t)(3 * (uint64_t)far));
    int64_t *out = at.out, i = 0;
    for (; i < count && at.row <= at.rows - SPREAD; i++) {
        const uint64_t place = (uint64_t)(at.row * at.step - at.start);
        const uint64_t first = place << 32 | (uint32_t)(at.position + i);
        store(out + at.row, _mm256_add_epi64(_mm256_set1_epi64x((int64_t)first), further));
        at.start += sizes[i];
        at.row = row_from(at.start, at.step, reciprocal);
    }
    at.position += i;
    *to = at;
    return i;
}

/* For four documents, one bit each, which of them have a row: theirs come first. */
YUE_AVX2 static void fill_orders(__m256i orders[16]) {
    for (int has = 0; has < 16; has++) {
        int32_t order[LANES] = {0};
        for (int document = 0, k = 0; document < 4; document++) {
            if (has >> document & 1) {
                order[k++] = 2 * document;
                order[k++] = 2 * document + 1;
            }
        }
        orders[has] = load(order);
    }
}

/* Documents of at most one row of int32, eight at a time, where the step is a power of two. Where
 * each starts is a running sum in a register. From there to the next multiple of the step is the
 * place of the next row, which is this document's if it is longer. */
YUE_AVX2 static int64_t run_short_avx2(walk *to, const int32_t *sizes, int64_t count) {
    walk at = *to;
    const int shift = __builtin_ctzll((unsigned long long)at.step);
    const __m256i fourth = _mm256_set1_epi32(3), zero = _mm256_setzero_si256();
    const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1);
    const __m256i within = _mm256_set1_epi32((int32_t)(at.step - 1));
    __m256i positions = _mm256_add_epi32(_mm256_set1_epi32((int32_t)at.position),
                                         _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256i orders[16];
    fill_orders(orders);
    int64_t *out = at.out, i = 0;
    for (; i + LANES <= count && at.row <= at.rows - LANES; i += LANES) {
        const __m256i size = load(sizes + i);
        __m256i end = _mm256_add_epi32(size, _mm256_slli_si256(size, 4));
        end = _mm256_add_epi32(end, _mm256_slli_si256(end, 8));
        const __m256i lower = _mm256_permutevar8x32_epi32(end, fourth);
        end = _mm256_add_epi32(end, _mm256_and_si256(lower, upper));
        const __m256i before = _mm256_sub_epi32(end, size); /* and at.start before these eight */
        const __m256i start = _mm256_add_epi32(before, _mm256_set1_epi32((int32_t)at.start));
        const __m256i place = _mm256_and_si256(_mm256_sub_epi32(zero, start), within);
        const __m256i longer = _mm256_cmpgt_epi32(size, place);
        const unsigned has = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(longer));

        const __m256i low = _mm256_unpacklo_epi32(positions, place);
        const __m256i high = _mm256_unpackhi_epi32(positions, place);
        const __m256i first = _mm256_permute2x128_si256(low, high, 0x20);
        const __m256i second = _mm256_permute2x128_si256(low, high, 0x31);
        int64_t *rows = out + at.row;
        store(rows, _mm256_permutevar8x32_epi32(first, orders[has & 15]));
        rows += __builtin_popcount(has & 15);
        store(rows, _mm256_permutevar8x32_epi32(second, orders[has >> 4]));
        positions = _mm256_add_epi32(positions, _mm256_set1_epi32(LANES));
        at.start += _mm256_extract_epi32(end, LANES - 1);
        at.row = (at.start + at.step - 1) >> shift;
    }
    at.position += i;
    *to = at;
    return i;
}
#endif

/* Goes on with some documents, none longer than `longest`. */
static void walk_block(walk *at, const int32_t *sizes, int64_t count, int64_t longest) {
    int64_t done = 0;
#if defined(__SIZEOF_INT128__)
    const int64_t most = (longest + at->step - 1) / at->step;
    const int64_t end = at->start + count * longest; /* at the most */
    if (at->step > 1 && most <= SPREAD && end < INT64_MAX / at->step - at->step) {
#if YUE_HAS_AVX2
        if (at->width == 4 && __builtin_cpu_supports("avx2")) {
            if (most <= 1 && (at->step & (at->step - 1)) == 0 && at->step <= MOST_STEP) {
                done = run_short_avx2(at, sizes, count);
            }
            done += run_spread_avx2(at, sizes + done, count - done);
        }
#endif
        done += run_portable(at, sizes + done, count - done, most);
    }
#else
    (void)longest;
#endif
    step_through(at, sizes + done, count - done);
}

#define PAST_INT32 0x80000000u

/* The largest value, or -1 where one is outside [0, limit). */
YUE_INLINE static inline int32_t largest_body(const int32_t *values, int64_t count,
                                              uint32_t limit) {
    uint32_t largest = 0; /* what is negative is huge */
    for (int64_t i = 0; i < count; i++) {
        largest = (uint32_t)values[i] > largest ? (uint32_t)values[i] : largest;
    }
    return largest < limit ? (int32_t)largest : count > 0 ? -1 : 0;
}

#if YUE_HAS_AVX2
YUE_AVX2 static int32_t largest_avx2(const int32_t *values, int64_t count, uint32_t limit) {
    return largest_body(values, count, limit);
}
#endif

static int32_t largest_of(const int32_t *values, int64_t count, uint32_t limit) {
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return largest_avx2(values, count, limit);
    }
#endif
    return largest_body(values, count, limit);
}

/* Which value is outside [0, limit). */
static int64_t first_outside(const int32_t *values, int64_t count, uint32_t limit) {
    int64_t i = 0;
    while (i < count && (uint32_t)values[i] < limit) {
        i++;
    }
    return i;
}

static inline int64_t block_at(int64_t done, int64_t count) {
    return count - done < BLOCK ? count - done : BLOCK;
}

/* All documents, one after another, `repeats` times. */
static int in_order(walk *at, const int32_t *sizes, int64_t documents, int64_t repeats,
                    int64_t *bad) {
    for (int64_t time = 0; time < repeats; time++) {
        for (int64_t done = 0; done < documents; done += BLOCK) {
            const int64_t count = block_at(done, documents);
            const int32_t longest = largest_of(sizes + done, count, PAST_INT32);
            if (longest < 0) {
                *bad = done + first_outside(sizes + done, count, PAST_INT32);
                return YUE_RANGE;
            }
            if (at->start > INT64_MAX / 2 - count * longest) {
                return YUE_OVERFLOW;
            }
            walk_block(at, sizes + done, count, longest);
        }
        if (at->row >= at->rows) {
            break;
        }
    }
    return YUE_OK;
}

/* A table to be read at random: in huge pages, of which the processor remembers all. */
static void *new_table(int64_t bytes) {
    void *table = NULL;
    if (bytes < HUGE_PAGE) {
        return malloc((size_t)bytes);
    }
    if (posix_memalign(&table, HUGE_PAGE, (size_t)bytes)) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    madvise(table, (size_t)bytes, MADV_HUGEPAGE); /* only advice */
#endif
    return table;
}

/* The sizes of documents that are read in an order. */
typedef struct {
    const int32_t *sizes;
    uint16_t *narrow; /* the same in half the memory, or null */
    int32_t longest;
} size_table;

static int new_sizes(const int32_t *sizes, int64_t documents, size_table *table, int64_t *bad) {
    *table = (size_table){sizes, documents > BLOCK ? new_table(2 * documents) : NULL, 0};
    for (int64_t done = 0; done < documents; done += BLOCK) {
        const int64_t count = block_at(done, documents);
        const int32_t longest = largest_of(sizes + done, count, PAST_INT32);
        if (longest < 0) {
            *bad = done + first_outside(sizes + done, count, PAST_INT32);
            return YUE_RANGE;
        }
        table->longest = longest > table->longest ? longest : table->longest;
        if (table->longest > UINT16_MAX) {
            free(table->narrow);
            table->narrow = NULL;
        }
        for (int64_t i = done; table->narrow && i < done + count; i++) {
            table->narrow[i] = (uint16_t)sizes[i];
        }
    }
    return YUE_OK;
}

/* Documents in the order that positions give. */
static int shuffled(walk *at, const size_table *table, int64_t documents, const int32_t *order,
                    int64_t positions, int64_t *bad) {
    const uint32_t limit = documents < PAST_INT32 ? (uint32_t)documents : PAST_INT32;
    int32_t sizes[BLOCK];
    for (int64_t done = 0; done < positions; done += BLOCK) {
        const int64_t count = block_at(done, positions);
        const int32_t *block = order + done;
        if (largest_of(block, count, limit) < 0) {
            *bad = done + first_outside(block, count, limit);
            return YUE_RANGE;
        }
        for (int64_t i = 0; table->narrow && i < count; i++) {
            __builtin_prefetch(&table->narrow[block[i + AHEAD < count ? i + AHEAD : i]]);
            sizes[i] = table->narrow[block[i]];
        }
        for (int64_t i = 0; !table->narrow && i < count; i++) {
            sizes[i] = table->sizes[block[i]];
        }
        if (at->start > INT64_MAX / 2 - count * table->longest) {
            return YUE_OVERFLOW;
        }
        walk_block(at, sizes, count, table->longest);
    }
    return YUE_OK;
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
    if (width == 4 && positions > INT32_MAX) {
        return YUE_OVERFLOW;
    }
    walk at = {out, width, rows, step, 0, 0, 0};
    size_table table = {NULL, NULL, 0};
    int status = YUE_OK;
    if (order == NULL) {
        status = in_order(&at, sizes, documents, documents ? positions / documents : 0, bad);
    } else {
        status = new_sizes(sizes, documents, &table, bad);
        status = status ? status : shuffled(&at, &table, documents, order, positions, bad);
    }
    free(table.narrow);
    if (status == YUE_OK && rows > 0) {
        put(out, width, 0, 0, 0);
    }
    return status;
}
