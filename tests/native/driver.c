/* Random and hostile calls of every function, for the sanitizers: exits 0 when all results agree
 * with a plain loop. Two threads share the cases, and one file that both read: whatever the library
 * kept between calls would be a race. */
#include "driver.h"

#include <pthread.h>

enum { CASES = 4000, THREADS = 2 };

_Thread_local int current;
_Thread_local uint64_t state;
int shared;

static void *cases(void *argument) {
    for (current = *(int *)argument; current < CASES; current += THREADS) {
        state = 88172645463325252u + (uint64_t)current * 2654435761u;
        interleave();
        flatten();
        checksum();
        gather();
        roles();
        shuffle();
        samples();
        blend();
        best_fit();
        index_arrays();
        if (current % 100 == 0) {
            writer();
        }
    }
    return NULL;
}

int main(void) {
    unsigned char *data = exact(6 * SHARED);
    for (int64_t i = 0; i < SHARED; i++) {
        const int32_t token = shared_token(i);
        memcpy(data + 4 * i, &token, 4);
        memcpy(data + 4 * SHARED + 2 * i, &token, 2);
    }
    shared = file_of(data, 6 * SHARED);
    free(data);
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, cases, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    close(shared);
    return 0;
}
