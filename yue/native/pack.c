/* Best-fit-decreasing bin packing: every piece, the longest first, goes into the row with the least
 * room that still holds it; of equal rows into the one that came to this room last. */
#include "yue_native.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NONE (-1)

/* Which rooms some row has: a bit for each room, and a bit for each word of those that is not 0. */
typedef struct {
    uint64_t *rooms, *words;
    int64_t top_words;
} room_set;

static inline int64_t lowest(uint64_t word) { return __builtin_ctzll(word); }

static inline void insert(const room_set *set, int64_t room) {
    set->rooms[room >> 6] |= (uint64_t)1 << (room & 63);
    set->words[room >> 12] |= (uint64_t)1 << (room >> 6 & 63);
}

static inline void erase(const room_set *set, int64_t room) {
    set->rooms[room >> 6] &= ~((uint64_t)1 << (room & 63));
    if (set->rooms[room >> 6] == 0) {
        set->words[room >> 12] &= ~((uint64_t)1 << (room >> 6 & 63));
    }
}

/* The smallest room there is of at least this size, or NONE. */
static inline int64_t find(const room_set *set, int64_t room) {
    const uint64_t here = set->rooms[room >> 6] >> (room & 63);
    if (here) {
        return room + lowest(here);
    }
    int64_t word = (room >> 6) + 1;
    int64_t top = word >> 6;
    uint64_t rest = top < set->top_words ? set->words[top] >> (word & 63) << (word & 63) : 0;
    while (rest == 0) {
        if (++top >= set->top_words) {
            return NONE;
        }
        rest = set->words[top];
    }
    word = 64 * top + lowest(rest);
    return 64 * word + lowest(set->rooms[word]);
}

/* Pieces from the longest to the shortest, equal ones in their order: a counting sort. */
static void sort(const int64_t *lengths, int64_t pieces, int64_t room, int64_t *starts,
                 int64_t *order) {
    memset(starts, 0, (size_t)(room + 2) * sizeof *starts);
    for (int64_t i = 0; i < pieces; i++) {
        starts[room - lengths[i] + 1]++;
    }
    for (int64_t i = 1; i <= room + 1; i++) {
        starts[i] += starts[i - 1];
    }
    for (int64_t i = 0; i < pieces; i++) {
        order[starts[room - lengths[i]]++] = i;
    }
}

int yue_best_fit(const int64_t *lengths, int64_t pieces, int64_t room, int64_t *members,
                 int64_t *row_starts, int64_t *rows, int64_t *bad) {
    if (pieces < 0 || room < 1 || room > INT32_MAX || rows == NULL || bad == NULL ||
        row_starts == NULL || (pieces > 0 && (lengths == NULL || members == NULL)) ||
        pieces > INT64_MAX / 64) {
        return YUE_ARGUMENT;
    }
    for (int64_t i = 0; i < pieces; i++) {
        if (lengths[i] < 1 || lengths[i] > room) {
            *bad = i;
            return YUE_RANGE;
        }
    }
    const int64_t words = (room >> 6) + 1, top_words = (room >> 12) + 1;
    const int64_t numbers = (room + 2) + 3 * pieces + words + top_words;
    int64_t *memory = malloc((size_t)numbers * sizeof *memory);
    if (memory == NULL) {
        return YUE_MEMORY;
    }
    int64_t *heads = memory, *order = heads + room + 2, *row_of = order + pieces;
    int64_t *below = row_of + pieces; /* a row's neighbour of equal room */
    const room_set set = {(uint64_t *)(below + pieces), (uint64_t *)(below + pieces + words),
                          top_words};
    sort(lengths, pieces, room, heads, order);
    memset(heads, 0xff, (size_t)(room + 2) * sizeof *heads); /* every one NONE */
    memset(set.rooms, 0, (size_t)(words + top_words) * sizeof *set.rooms);
    memset(row_starts, 0, (size_t)(pieces + 1) * sizeof *row_starts);
    int64_t count = 0;
    for (int64_t i = 0; i < pieces; i++) {
        const int64_t length = lengths[order[i]];
        int64_t found = find(&set, length), row = count;
        if (found == NONE) {
            found = room;
            count++;
        } else {
            row = heads[found];
            heads[found] = below[row];
            if (heads[found] == NONE) {
                erase(&set, found);
            }
        }
        row_of[i] = row;
        row_starts[row]++;
        const int64_t left = found - length;
        below[row] = heads[left];
        heads[left] = row;
        insert(&set, left);
    }
    int64_t total = 0; /* counts of members become the places where they start */
    for (int64_t row = 0; row <= count; row++) {
        const int64_t here = row < count ? row_starts[row] : 0;
        row_starts[row] = total;
        total += here;
    }
    for (int64_t row = 0; row < count; row++) {
        below[row] = row_starts[row];
    }
    for (int64_t i = 0; i < pieces; i++) {
        members[below[row_of[i]]++] = order[i];
    }
    *rows = count;
    free(memory);
    return YUE_OK;
}
