/* The least that reading can take: the system calls alone. */
#include <stdint.h>
#include <unistd.h>

/* Reads spans of int32 (first token, how many, place in the output), checking nothing. */
void bare_preads(int descriptor, const int64_t *spans, int64_t count, int32_t *out) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t *span = spans + 3 * i;
        if (pread(descriptor, out + span[2], (size_t)(4 * span[1]), (off_t)(4 * span[0])) < 0) {
            return;
        }
    }
}
