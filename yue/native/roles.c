/* What each token of a document is for. The values are those of yue.tokens.roles.Role. */
#include "yue_native.h"

#include <stddef.h>

enum { TEXT = 0, SPECIAL = 1, VOCAL = 2, PROMPT = 4, CONTEXT = 5, CODEBOOK_0 = 6, CODEBOOKS = 12 };

/* The roles of the codes of a block are a table: two lanes take turns in it, codebooks do not. */
typedef enum { LANES, BOOKS, GIVEN } block_kind;

static inline int64_t token(const void *tokens, int64_t width, int64_t i) {
    return width == 4 ? ((const int32_t *)tokens)[i] : ((const int64_t *)tokens)[i];
}

static block_kind kind_of_block(const void *tokens, int64_t width, int64_t start, int64_t stop,
                                int64_t at, const yue_form *form) {
    int64_t same = 0;
    if (at - start >= form->marker_size) {
        while (same < form->marker_size &&
               token(tokens, width, at - form->marker_size + same) == form->marker[same]) {
            same++;
        }
        if (same == form->marker_size) {
            return GIVEN;
        }
    }
    const int is_stage2 = at + 1 < stop && token(tokens, width, at + 1) == form->stage_1;
    return is_stage2 || form->lanes == 1 ? BOOKS : LANES;
}

static inline unsigned char role_of_code(int64_t id, block_kind kind, int64_t place,
                                         const yue_form *form) {
    int32_t book = 0;
    if (kind == GIVEN) {
        return PROMPT;
    }
    if (kind == LANES) {
        return (unsigned char)(VOCAL + (place & 1));
    }
    while (book + 1 < form->codebooks && id >= form->code_starts[book + 1]) {
        book++;
    }
    return (unsigned char)(CODEBOOK_0 + book);
}

static inline void piece_roles(const void *tokens, int64_t width, int64_t start, int64_t stop,
                               const yue_form *form, unsigned char *roles) {
    const int64_t first = form->code_starts[0], end = form->code_starts[form->codebooks];
    int64_t open = 0, place = 0; /* blocks started minus ended; codes since the block's start */
    block_kind kind = LANES;
    for (int64_t i = start; i < stop; i++) {
        const int64_t id = token(tokens, width, i);
        if (id >= first && id < end && open > 0) {
            roles[i] = role_of_code(id, kind, place++, form);
            continue;
        }
        roles[i] = id < form->text_size ? TEXT : SPECIAL;
        if (id == form->block_start) {
            open++;
            place = 0;
            kind = kind_of_block(tokens, width, start, stop, i, form);
        } else if (id == form->block_end) {
            open--;
        }
    }
}

int yue_roles(const void *tokens, int64_t width, int64_t capacity, const yue_pieces *pieces,
              int64_t *bad) {
    if ((width != 4 && width != 8) || capacity < 0 || pieces == NULL || bad == NULL ||
        (capacity > 0 && (tokens == NULL || pieces->roles == NULL)) || pieces->count < 0 ||
        (pieces->count > 0 && pieces->bounds == NULL) || pieces->form == NULL) {
        return YUE_ARGUMENT;
    }
    const yue_form *form = pieces->form;
    if (form->codebooks < 1 || form->codebooks > CODEBOOKS || form->code_starts == NULL ||
        form->lanes < 1 || form->lanes > 2 || form->marker_size < 0 ||
        (form->marker_size > 0 && form->marker == NULL)) {
        return YUE_ARGUMENT;
    }
    for (int64_t i = 0; i < pieces->count; i++) {
        const int64_t *bound = pieces->bounds + 3 * i;
        if (bound[0] < 0 || bound[1] < bound[0] || bound[1] > capacity || bound[2] < 0 ||
            bound[2] > bound[1] - bound[0]) {
            *bad = i;
            return YUE_RANGE;
        }
    }
    for (int64_t i = 0; i < pieces->count; i++) {
        const int64_t *bound = pieces->bounds + 3 * i;
        if (width == 4) { /* two copies of one loop, so that the width is known in each */
            piece_roles(tokens, 4, bound[0], bound[1], form, pieces->roles);
        } else {
            piece_roles(tokens, 8, bound[0], bound[1], form, pieces->roles);
        }
        for (int64_t t = bound[0]; t < bound[0] + bound[2]; t++) {
            pieces->roles[t] = CONTEXT;
        }
    }
    return YUE_OK;
}
