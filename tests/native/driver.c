/* Random and hostile calls of every function, for the sanitizers: exits 0 when all results agree
 * with a plain loop. Every buffer is its own allocation of the exact size, so that one byte too
 * many is seen. */
#define _POSIX_C_SOURCE 200809L

#include "yue_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "line %d, case %d: %s\n", __LINE__, current, #condition); \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

static int current;
static uint64_t state;

static uint64_t draw(uint64_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 2685821657736338717u >> 11) % below;
}

static void *exact(int64_t bytes) {
    void *memory = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (memory == NULL) {
        exit(2);
    }
    return memory;
}

static void fill_codes(int16_t *codes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        codes[i] = (int16_t)draw(1024);
    }
    if (count > 0 && draw(3) == 0) {
        codes[draw((uint64_t)count)] = (int16_t)(draw(65536) - 32768);
    }
}

static void interleave(void) {
    const int64_t frames = (int64_t)draw(draw(4) ? 40 : 9000);
    int16_t *a = exact(2 * frames), *b = exact(2 * frames);
    int32_t *out = exact(8 * frames);
    int64_t bad = -1, first = -1;
    fill_codes(a, frames);
    fill_codes(b, frames);
    for (int64_t t = 0; t < 2 * frames && first < 0; t++) {
        const int16_t code = t % 2 ? b[t / 2] : a[t / 2];
        first = code < 0 || code >= 1024 ? t : -1;
    }
    const int status = yue_interleave(a, b, frames, 45334, 1024, out, 2 * frames, &bad);
    CHECK(status == (first < 0 ? YUE_OK : YUE_RANGE));
    CHECK(bad == first);
    for (int64_t t = 0; status == YUE_OK && t < frames; t++) {
        CHECK(out[2 * t] == 45334 + a[t] && out[2 * t + 1] == 45334 + b[t]);
    }
    free(a), free(b), free(out);
}

static void flatten(void) {
    const int64_t books = (int64_t)draw(13), frames = (int64_t)draw(200);
    int16_t *codes = exact(2 * books * frames);
    int32_t *offsets = exact(4 * books), *sizes = exact(4 * books);
    int32_t *out = exact(4 * books * frames);
    int64_t bad = -1;
    int good = 1;
    for (int64_t k = 0; k < books; k++) {
        offsets[k] = (int32_t)(1024 * k);
        sizes[k] = 1024;
        fill_codes(codes + k * frames, frames);
    }
    for (int64_t i = 0; i < books * frames; i++) {
        good = good && codes[i] >= 0 && codes[i] < 1024;
    }
    const int status =
        yue_flatten(codes, books, frames, offsets, sizes, out, books * frames, &bad);
    CHECK(status == (good ? YUE_OK : YUE_RANGE));
    CHECK(good || codes[bad] < 0 || codes[bad] >= 1024);
    for (int64_t i = 0; good && i < books * frames; i++) {
        CHECK(out[i] == 1024 * (i % books) + codes[i % books * frames + i / books]);
    }
    free(codes), free(offsets), free(sizes), free(out);
}

static void narrow(void) {
    const int64_t count = (int64_t)draw(draw(4) ? 40 : 9000);
    int64_t *ids = exact(8 * count), bad = -1;
    int32_t *out = exact(4 * count);
    int good = 1;
    for (int64_t i = 0; i < count; i++) {
        ids[i] = draw(500) ? (int64_t)draw(1000) : (int64_t)(draw(UINT64_MAX) << 1);
        good = good && ids[i] >= 0 && ids[i] < 1000;
    }
    const int status = yue_narrow(ids, count, 1000, out, count, &bad);
    CHECK(status == (good ? YUE_OK : YUE_RANGE));
    CHECK(good || ids[bad] < 0 || ids[bad] >= 1000);
    for (int64_t i = 0; good && i < count; i++) {
        CHECK(out[i] == ids[i]);
    }
    free(ids), free(out);
}

static void checksum(void) {
    const int64_t size = (int64_t)draw(100), skip = (int64_t)draw(9);
    unsigned char *data = exact(skip + size);
    uint32_t crc = ~0u;
    for (int64_t i = 0; i < size; i++) {
        data[skip + i] = (unsigned char)draw(256);
        crc ^= data[skip + i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
        }
    }
    CHECK(yue_crc32c(0, data + skip, size) == ~crc);
    CHECK(yue_crc32c_portable(0, data + skip, size) == ~crc);
    free(data);
}

static void index_arrays(void) {
    const int64_t n = (int64_t)draw(30), marks = 2 + (int64_t)draw(4), skip = (int64_t)draw(9);
    int32_t *lengths = exact(4 * n);
    int64_t *pointers = exact(8 * n), end = 0, bad = 0, wanted = 0;
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = (int32_t)draw(2147483648u);
    }
    CHECK(yue_index_pointers(lengths, n, 4, pointers, n, &wanted, &bad) == YUE_OK);
    unsigned char *file = exact(skip + 12 * n + 8 * marks); /* little-endian hosts only */
    memcpy(file + skip, lengths, (size_t)(4 * n));
    memcpy(file + skip + 4 * n, pointers, (size_t)(8 * n));
    for (int64_t i = 0; i < marks; i++) {
        const int64_t mark = i == marks - 1 ? n : 0;
        memcpy(file + skip + 12 * n + 8 * i, &mark, 8);
    }
    const int flip = n > 0 && draw(2);
    const uint64_t bit = draw((uint64_t)(8 * 12 * (n > 0 ? n : 1)));
    if (flip) { /* any flipped bit of lengths or pointers shows */
        file[skip + (int64_t)(bit / 8)] ^= (unsigned char)(1u << bit % 8);
    }
    int what = 0;
    const unsigned char *at = file + skip;
    const int status =
        yue_index_check(at, at + 4 * n, at + 12 * n, n, marks, 4, &end, &what, &bad);
    const int last_length = flip && (int64_t)(bit / 8) >= 4 * (n - 1) && (int64_t)(bit / 8) < 4 * n;
    if (!flip) {
        CHECK(status == YUE_OK && end == wanted);
    } else {
        CHECK(status == YUE_RANGE || (last_length && status == YUE_OK && end != wanted));
    }
    free(lengths), free(pointers), free(file);
}

static void writer(void) {
    char name[] = "/tmp/yue-driver-XXXXXX";
    const int descriptor = mkstemp(name);
    CHECK(descriptor >= 0);
    unlink(name);
    yue_writer *out = NULL;
    int64_t bad = 0, total = 0, block = 1 + (int64_t)draw(100000);
    CHECK(yue_writer_open(descriptor, block, &out) == YUE_OK);
    for (int part = 0; part < 5; part++) {
        const int64_t count = (int64_t)draw(draw(3) ? 50 : 300000);
        int32_t *ids = exact(4 * count);
        for (int64_t i = 0; i < count; i++) {
            ids[i] = (int32_t)((total + i) % 90000);
        }
        CHECK(yue_writer_append(out, ids, count, 90000, &bad) == YUE_OK);
        total += count;
        free(ids);
    }
    CHECK(yue_writer_flush(out) == YUE_OK);
    CHECK(yue_writer_bytes(out) == 4 * total);
    const int64_t blocks = yue_writer_blocks(out);
    uint32_t *crcs = exact(4 * blocks);
    CHECK(yue_writer_checksums(out, crcs, blocks) == YUE_OK);
    unsigned char *data = exact(4 * total);
    CHECK(pread(descriptor, data, (size_t)(4 * total), 0) == 4 * total);
    for (int64_t i = 0; i < total; i++) {
        int32_t id;
        memcpy(&id, data + 4 * i, 4);
        CHECK(id == i % 90000);
    }
    for (int64_t i = 0; i < blocks; i++) {
        const int64_t left = 4 * total - i * block;
        CHECK(crcs[i] == yue_crc32c(0, data + i * block, left < block ? left : block));
    }
    yue_writer_close(out);
    close(descriptor);
    free(crcs), free(data);
}

int main(void) {
    for (current = 0; current < 4000; current++) {
        state = 88172645463325252u + (uint64_t)current * 2654435761u;
        interleave();
        flatten();
        narrow();
        checksum();
        index_arrays();
        if (current % 100 == 0) {
            writer();
        }
    }
    return 0;
}
