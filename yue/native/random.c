/* NumPy's RandomState(seed).shuffle(), number for number: MT19937 (Matsumoto and Nishimura, "Mersenne
 * twister", ACM TOMACS 8(1), 1998) and masked rejection from the last item to the second. Draws are
 * made a block ahead of the swaps, so that the items they name are on their way from memory. */
#include "yue_native.h"

#include <stddef.h>

enum { WORDS = YUE_RANDOM_WORDS - 1, MIDDLE = 397, AHEAD = 256 };

int yue_random_seed(uint32_t seed, uint32_t *state) {
    if (state == NULL) {
        return YUE_ARGUMENT;
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        state[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    state[WORDS] = WORDS; /* the next word to hand out: none is left */
    return YUE_OK;
}

static inline uint32_t twist(uint32_t high, uint32_t low, uint32_t far) {
    const uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return far ^ y >> 1 ^ ((uint32_t)(-(int32_t)(y & 1)) & 0x9908b0dfu);
}

static void next_words(uint32_t *state) {
    for (int i = 0; i < WORDS - MIDDLE; i++) {
        state[i] = twist(state[i], state[i + 1], state[i + MIDDLE]);
    }
    for (int i = WORDS - MIDDLE; i < WORDS - 1; i++) {
        state[i] = twist(state[i], state[i + 1], state[i + MIDDLE - WORDS]);
    }
    state[WORDS - 1] = twist(state[WORDS - 1], state[0], state[MIDDLE - 1]);
    state[WORDS] = 0;
}

static void temper(const uint32_t *state, uint32_t *out) {
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = state[i];
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c5680u;
        y ^= y << 15 & 0xefc60000u;
        out[i] = y ^ y >> 18;
    }
}

static void swap_all(void *items, int64_t width, int64_t last, const uint32_t *draws, int64_t count) {
    if (width == 4) {
        uint32_t *values = items;
        for (int64_t k = 0; k < count; k++) {
            const uint32_t kept = values[last - k];
            values[last - k] = values[draws[k]];
            values[draws[k]] = kept;
        }
    } else {
        uint64_t *values = items;
        for (int64_t k = 0; k < count; k++) {
            const uint64_t kept = values[last - k];
            values[last - k] = values[draws[k]];
            values[draws[k]] = kept;
        }
    }
}

int yue_shuffle(uint32_t *state, void *items, int64_t count, int64_t width) {
    uint32_t words[WORDS], draws[AHEAD + 1];
    if (state == NULL || count < 0 || count > (int64_t)1 << 32 || (width != 4 && width != 8) ||
        (count > 0 && items == NULL) || state[WORDS] > WORDS) {
        return YUE_ARGUMENT;
    }
    temper(state, words);
    int64_t next = state[WORDS];
    for (int64_t last = count - 1; last > 0;) {
        uint32_t mask = (uint32_t)last; /* all ones, as long as the number */
        for (int shift = 1; shift < 32; shift *= 2) {
            mask |= mask >> shift;
        }
        const int64_t same_mask = last - (int64_t)(mask >> 1);
        const int64_t wanted = same_mask < AHEAD ? same_mask : AHEAD;
        int64_t drawn = 0;
        while (drawn < wanted) {
            if (next == WORDS) {
                next_words(state);
                temper(state, words);
                next = 0;
            }
            for (; next < WORDS && drawn < wanted; next++) {
                const uint32_t draw = words[next] & mask;
                draws[drawn] = draw;
                __builtin_prefetch((const char *)items + width * (int64_t)draw, 1);
                drawn += draw <= (uint32_t)(last - drawn); /* a rejected one is written over */
            }
        }
        swap_all(items, width, last, draws, drawn);
        last -= drawn;
    }
    state[WORDS] = (uint32_t)next;
    return YUE_OK;
}
