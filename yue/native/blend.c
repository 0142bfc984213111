/* Megatron's blend: sample t goes to the data set with the largest weight * max(t, 1) - samples
 * given so far, the first of equals, in double precision. Compiled without fused multiply-add,
 * which would break ties another way, it gives the same on every processor. */
#include "yue_native.h"

#include <stddef.h>
#include <stdlib.h>

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
    double *given = calloc((size_t)(2 * count), sizeof *given);
    if (given == NULL) {
        return YUE_MEMORY;
    }
    switch (count) { /* each with a number of its own, so that its loops are unrolled */
    case 1: blend_few(weights, 1, 0, size, given, sets, samples); break;
    case 2: blend_few(weights, 2, 0, size, given, sets, samples); break;
    case 3: blend_few(weights, 3, 0, size, given, sets, samples); break;
    case 4: blend_few(weights, 4, 0, size, given, sets, samples); break;
    default: blend_many(weights, count, 0, size, given, given + count, sets, samples);
    }
    free(given);
    return YUE_OK;
}
