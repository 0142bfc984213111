/* Megatron's indices, and packing. */
#include "driver.h"

/* One draw after the other, as NumPy's loop has it. */
static void plain_shuffle(uint32_t *words, int64_t *items, int64_t count) {
    for (int64_t i = count - 1; i > 0; i--) {
        uint32_t mask = 1, draw_;
        while (mask < (uint32_t)i) {
            mask = 2 * mask + 1;
        }
        do {
            if (words[624] == 624) {
                for (int k = 0; k < 624; k++) {
                    const uint32_t y = (words[k] & 0x80000000u) | (words[(k + 1) % 624] & 0x7fffffffu);
                    words[k] = words[(k + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
                }
                words[624] = 0;
            }
            draw_ = words[words[624]++];
            draw_ ^= draw_ >> 11;
            draw_ ^= draw_ << 7 & 0x9d2c5680u;
            draw_ ^= draw_ << 15 & 0xefc60000u;
            draw_ ^= draw_ >> 18;
            draw_ &= mask;
        } while (draw_ > (uint32_t)i);
        const int64_t kept = items[i];
        items[i] = items[draw_];
        items[draw_] = kept;
    }
}

void shuffle(void) {
    uint32_t *ours = exact(4 * YUE_RANDOM_WORDS), *plain = exact(4 * YUE_RANDOM_WORDS);
    const uint32_t seed = (uint32_t)draw(UINT32_MAX);
    CHECK(yue_random_seed(seed, ours) == YUE_OK && yue_random_seed(seed, plain) == YUE_OK);
    for (int round = 0; round < 2; round++) {
        const int64_t count = (int64_t)draw(draw(10) ? 70 : 3000);
        int64_t *items = exact(8 * count), *wanted = exact(8 * count);
        int32_t *narrow_items = exact(4 * count);
        for (int64_t i = 0; i < count; i++) {
            items[i] = wanted[i] = narrow_items[i] = (int32_t)i;
        }
        plain_shuffle(plain, wanted, count);
        if (round == 0) {
            CHECK(yue_shuffle(ours, items, count, 8) == YUE_OK);
        } else {
            CHECK(yue_shuffle(ours, narrow_items, count, 4) == YUE_OK);
        }
        for (int64_t i = 0; i < count; i++) {
            CHECK((round == 0 ? items[i] : narrow_items[i]) == wanted[i]);
        }
        free(items), free(wanted), free(narrow_items);
    }
    free(ours), free(plain);
}

void samples(void) {
    const int64_t n = 1 + (int64_t)draw(draw(3) ? 40 : 200), repeats = 1 + (int64_t)draw(3);
    const int64_t positions = draw(2) ? n * repeats : -1, width = draw(2) ? 4 : 8;
    const int64_t ordered = positions < 0 ? 1 + (int64_t)draw(100) : positions;
    const int64_t step = draw(2) ? 1 + (int64_t)draw(60) : (int64_t)1 << draw(8);
    const int64_t longest = 1 + (int64_t)draw(draw(2) ? 200 : (uint64_t)step + 1);
    int32_t *sizes = exact(4 * n), *order = exact(4 * ordered);
    int64_t total = 0, bad = -1;
    for (int64_t i = 0; i < n; i++) {
        sizes[i] = draw(5) ? (int32_t)draw((uint64_t)longest) : 0;
    }
    for (int64_t i = 0; i < ordered; i++) {
        order[i] = positions < 0 ? (int32_t)draw((uint64_t)n) : (int32_t)(i % n);
        total += sizes[order[i]];
    }
    const int64_t rows = total > 0 ? (total - 1) / step + 1 : 0;
    unsigned char *out = exact(2 * width * rows);
    const int32_t *given = positions < 0 ? order : NULL;
    CHECK(yue_sample_index(sizes, n, given, ordered, step, out, width, rows, &bad) == YUE_OK);
    int64_t position = 0, start = 0;
    for (int64_t row = 0; row < rows; row++) {
        while (row > 0 && start + sizes[order[position]] <= row * step) {
            start += sizes[order[position++]];
        }
        int64_t found[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            int32_t low = 0;
            memcpy(width == 4 ? (void *)&low : &found[k], out + width * (2 * row + k), (size_t)width);
            found[k] += low;
        }
        CHECK(found[0] == position && found[1] == row * step - start);
    }
    free(sizes), free(order), free(out);
}

void blend(void) {
    const int64_t sets = 1 + (int64_t)draw(draw(3) ? 6 : 40), size = (int64_t)draw(200);
    double *weights = exact(8 * sets), sum = 0;
    int64_t *given = exact(8 * sets), *numbers = exact(8 * size);
    int16_t *out = exact(2 * size);
    for (int64_t i = 0; i < sets; i++) {
        weights[i] = (double)(1 + draw(9));
        given[i] = 0;
        sum += weights[i];
    }
    for (int64_t i = 0; i < sets; i++) {
        weights[i] /= sum;
    }
    CHECK(yue_blend(weights, sets, size, out, numbers) == YUE_OK);
    for (int64_t t = 0; t < size; t++) {
        int64_t best = 0;
        double most = 0;
        for (int64_t i = 0; i < sets; i++) {
            volatile double share = weights[i] * (double)(t > 0 ? t : 1); /* rounded by itself */
            const double error = share - (double)given[i];
            if (i == 0 || error > most) {
                most = error, best = i;
            }
        }
        CHECK(out[t] == best && numbers[t] == given[best]);
        given[best]++;
    }
    free(weights), free(given), free(numbers), free(out);
}

void best_fit(void) {
    const int64_t n = (int64_t)draw(60), room = 1 + (int64_t)draw(draw(4) ? 300 : 70000);
    int64_t *lengths = exact(8 * n), *members = exact(8 * n), *starts = exact(8 * (n + 1));
    int64_t *rooms = exact(8 * n), *used = exact(8 * n), *row_of = exact(8 * n);
    int64_t rows = 0, bad = -1, count = 0;
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = 1 + (int64_t)draw((uint64_t)(draw(2) ? room : 1 + room / 5));
        row_of[i] = -1;
    }
    CHECK(yue_best_fit(lengths, n, room, members, starts, &rows, &bad) == YUE_OK);
    for (int64_t time = 0; time < n; time++) { /* the longest that is left, by looking at all */
        int64_t piece = -1, row = -1;
        for (int64_t i = 0; i < n; i++) {
            piece = row_of[i] < 0 && (piece < 0 || lengths[i] > lengths[piece]) ? i : piece;
        }
        for (int64_t r = 0; r < count; r++) {
            const int fits = rooms[r] >= lengths[piece];
            const int better = row < 0 || rooms[r] < rooms[row] ||
                               (rooms[r] == rooms[row] && used[r] > used[row]);
            row = fits && better ? r : row;
        }
        if (row < 0) {
            row = count++;
            rooms[row] = room;
        }
        rooms[row] -= lengths[piece];
        used[row] = time;
        row_of[piece] = row;
    }
    CHECK(rows == count);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = starts[r]; i < starts[r + 1]; i++) {
            CHECK(row_of[members[i]] == r);
            CHECK(i == starts[r] || lengths[members[i]] <= lengths[members[i - 1]]);
        }
    }
    free(lengths), free(members), free(starts), free(rooms), free(used), free(row_of);
}
