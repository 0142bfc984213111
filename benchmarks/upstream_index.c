/* The loops of Megatron-LM's megatron/core/datasets/helpers.cpp, written anew for comparison. */
#include <stdint.h>

void upstream_sample_index(const int32_t *sizes, const int32_t *documents, int32_t step,
                           int64_t rows, int32_t *out) {
    int32_t position = 0, offset = 0;
    out[0] = 0;
    out[1] = 0;
    for (int64_t row = 1; row < rows; row++) {
        int32_t left = step + 1;
        while (left != 0) {
            const int32_t length = sizes[documents[position]] - offset;
            left -= length;
            if (left <= 0) {
                offset += left + length - 1;
                left = 0;
            } else {
                position++;
                offset = 0;
            }
        }
        out[2 * row] = position;
        out[2 * row + 1] = offset;
    }
}

void upstream_blend(int16_t *sets, int64_t *samples, const double *weights, int32_t count,
                    int64_t size) {
    int64_t given[count];
    for (int32_t i = 0; i < count; i++) {
        given[i] = 0;
    }
    for (int64_t t = 0; t < size; t++) {
        const double now = t > 1 ? (double)t : 1.0;
        int64_t best = 0;
        double most = weights[0] * now - (double)given[0];
        for (int32_t i = 1; i < count; i++) {
            const double error = weights[i] * now - (double)given[i];
            if (error > most) {
                most = error;
                best = i;
            }
        }
        sets[t] = (int16_t)best;
        samples[t] = given[best];
        given[best] += 1;
    }
}
