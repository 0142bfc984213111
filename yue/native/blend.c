/* Megatron's blend: sample t goes to the data set with the largest weight * max(t, 1) - samples
 * given so far, the first of equals, in double precision. Compiled without fused multiply-add,
 * which would break ties another way (40 % of the samples of weights 1:2:3:4), it gives the same on
 * every processor. */
#include "wider.h"
#include "yue_native.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#if YUE_HAS_AVX2
#include <immintrin.h>
#endif

enum { FEW = 4, LANES = 4 };

/* Up to FEW data sets: everything is in registers, and nothing branches. */
static inline void blend_few(const double *weights, int count, int64_t start, int64_t stop,
                             double *given, int16_t *sets, int64_t *samples) {
    double weight[FEW] = {0}, have[FEW] = {0};
    for (int i = 0; i < count; i++) {
        weight[i] = weights[i];
        have[i] = given[i];
    }
    for (int64_t t = start; t < stop; t++) {
        const double now = t > 0 ? (double)t : 1.0;
        double most = weight[0] * now - have[0], taken = have[0];
        int best = 0;
        for (int i = 1; i < count; i++) {
            const double error = weight[i] * now - have[i];
            const int is_more = error > most;
            most = is_more ? error : most;
            taken = is_more ? have[i] : taken;
            best = is_more ? i : best;
        }
        for (int i = 0; i < count; i++) {
            have[i] += best == i ? 1.0 : 0.0;
        }
        sets[t] = (int16_t)best;
        samples[t] = (int64_t)taken;
    }
    for (int i = 0; i < count; i++) {
        given[i] = have[i];
    }
}

/* Any number: the largest error first, in a few independent lanes, then who has it. */
static void blend_many(const double *weights, int64_t count, int64_t start, int64_t stop,
                       double *given, double *errors, int16_t *sets, int64_t *samples) {
    for (int64_t t = start; t < stop; t++) {
        const double now = t > 0 ? (double)t : 1.0;
        double most[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            most[lane] = errors[lane] = weights[lane] * now - given[lane];
        }
        int64_t i = LANES;
        for (; i + LANES <= count; i += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                const double error = weights[i + lane] * now - given[i + lane];
                errors[i + lane] = error;
                most[lane] = error > most[lane] ? error : most[lane];
            }
        }
        for (; i < count; i++) {
            errors[i] = weights[i] * now - given[i];
            most[0] = errors[i] > most[0] ? errors[i] : most[0];
        }
        for (int lane = 1; lane < LANES; lane++) {
            most[0] = most[lane] > most[0] ? most[lane] : most[0];
        }
        int64_t best = 0;
        while (errors[best] != most[0]) {
            best++;
        }
        sets[t] = (int16_t)best;
        samples[t] = (int64_t)given[best];
        given[best] += 1.0;
    }
}

#if YUE_HAS_AVX2
/* The same with four errors in a register; weights and given are padded to a multiple of four by
 * data sets whose error is never the largest. */
YUE_AVX2 static void blend_many_avx2(const double *weights, int64_t count, int64_t size,
                                     double *given, double *errors, int16_t *sets,
                                     int64_t *samples) {
    for (int64_t t = 0; t < size; t++) {
        const __m256d now = _mm256_set1_pd(t > 0 ? (double)t : 1.0);
        __m256d most = _mm256_set1_pd(-INFINITY), other = most;
        for (int64_t i = 0; i < count; i += 2 * LANES) {
            const __m256d one = _mm256_sub_pd(_mm256_mul_pd(_mm256_loadu_pd(weights + i), now),
                                              _mm256_loadu_pd(given + i));
            const __m256d two =
                _mm256_sub_pd(_mm256_mul_pd(_mm256_loadu_pd(weights + i + LANES), now),
                              _mm256_loadu_pd(given + i + LANES));
            _mm256_storeu_pd(errors + i, one);
            _mm256_storeu_pd(errors + i + LANES, two);
            most = _mm256_max_pd(most, one);
            other = _mm256_max_pd(other, two);
        }
        most = _mm256_max_pd(most, other);
        most = _mm256_max_pd(most, _mm256_permute2f128_pd(most, most, 1));
        most = _mm256_max_pd(most, _mm256_shuffle_pd(most, most, 5));
        int64_t best = 0;
        int equal = 0;
        for (;; best += LANES) {
            equal = _mm256_movemask_pd(
                _mm256_cmp_pd(_mm256_loadu_pd(errors + best), most, _CMP_EQ_OQ));
            if (equal) {
                break;
            }
        }
        best += __builtin_ctz((unsigned)equal);
        sets[t] = (int16_t)best;
        samples[t] = (int64_t)given[best];
        given[best] += 1.0;
    }
}
#endif

/* Makes room for padded copies and chooses the loop. */
static int blend_all(const double *weights, int64_t count, int64_t size, int16_t *sets,
                     int64_t *samples) {
    const int64_t padded = (count + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
    double *memory = malloc((size_t)(3 * padded) * sizeof *memory);
    if (memory == NULL) {
        return YUE_MEMORY;
    }
    double *weight = memory, *given = memory + padded, *errors = memory + 2 * padded;
    for (int64_t i = 0; i < padded; i++) {
        weight[i] = i < count ? weights[i] : 0.0;
        given[i] = i < count ? 0.0 : INFINITY;
    }
#if YUE_HAS_AVX2
    if (__builtin_cpu_supports("avx2")) {
        blend_many_avx2(weight, padded, size, given, errors, sets, samples);
        free(memory);
        return YUE_OK;
    }
#endif
    blend_many(weight, count, 0, size, given, errors, sets, samples);
    free(memory);
    return YUE_OK;
}

int yue_blend(const double *weights, int64_t count, int64_t size, int16_t *sets,
              int64_t *samples) {
    if (count < 1 || count > INT16_MAX || size < 0 || size >= (int64_t)1 << 53 ||
        weights == NULL || (size > 0 && (sets == NULL || samples == NULL))) {
        return YUE_ARGUMENT;
    }
    for (int64_t i = 0; i < count; i++) {
        if (!(weights[i] >= 0.0 && weights[i] <= 1.0)) { /* not a number is neither */
            return YUE_RANGE;
        }
    }
    double given[FEW] = {0};
    switch (count) { /* each with a number of its own, so that its loops are unrolled */
    case 1: blend_few(weights, 1, 0, size, given, sets, samples); break;
    case 2: blend_few(weights, 2, 0, size, given, sets, samples); break;
    case 3: blend_few(weights, 3, 0, size, given, sets, samples); break;
    case 4: blend_few(weights, 4, 0, size, given, sets, samples); break;
    default: return blend_all(weights, count, size, sets, samples);
    }
    return YUE_OK;
}
