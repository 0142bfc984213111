/* What reads and writes files. */
#include "driver.h"

void gather(void) {
    const int64_t width = draw(2) ? 4 : 8, item = draw(2) ? 4 : 2, count = (int64_t)draw(5);
    const int64_t capacity = (int64_t)draw(draw(3) ? 100 : 9000);
    const int32_t limit = draw(5) ? 65536 : 3990;
    int64_t *spans = exact(24 * count), bad = -1, at = -1;
    unsigned char *out = exact(width * capacity);
    for (int64_t i = 0; i < count; i++) {
        const int64_t size = (int64_t)draw((uint64_t)capacity + 1);
        spans[3 * i] = (int64_t)draw(SHARED - (draw(9) ? 900 : 0));
        spans[3 * i + 1] = draw(20) ? size : size + 1;
        spans[3 * i + 2] = (int64_t)draw((uint64_t)(capacity - size) + 1);
    }
    const int status =
        yue_gather(shared, item, spans, count, limit, out, width, capacity, NULL, &bad, &at);
    if (status == YUE_OK) {
        for (int64_t i = 0; count > 0 && i < spans[3 * count - 2]; i++) { /* nothing wrote after it */
            const unsigned char *p = out + width * (spans[3 * count - 1] + i);
            const int64_t token = spans[3 * count - 3] + i;
            int32_t low;
            memcpy(&low, p, 4);
            CHECK(item == 2 || token >= SHARED || low == shared_token(token));
            CHECK(item == 4 || token < 2 * SHARED || low == shared_token(token - 2 * SHARED));
        }
    } else {
        CHECK(status == YUE_RANGE || status == YUE_SHORT);
        CHECK(bad >= 0 && bad < count);
        CHECK(at >= 0 || spans[3 * bad + 1] > capacity - spans[3 * bad + 2]);
    }
    free(spans), free(out);
}

void index_arrays(void) {
    const int64_t n = (int64_t)draw(draw(20) ? 30 : 20000), skip = (int64_t)draw(9);
    const int64_t marks = 2 + (int64_t)draw(4);
    int32_t *lengths = exact(4 * n), *lengths_read = exact(4 * n);
    int64_t *pointers = exact(8 * n), *documents = exact(8 * marks), *starts = exact(8 * marks);
    int64_t end = 0, bad = 0, wanted = 0;
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = (int32_t)draw(2147483648u);
    }
    CHECK(yue_index_pointers(lengths, n, 4, 0, pointers, n, &wanted, &bad) == YUE_OK);
    const int64_t size = skip + 12 * n + 8 * marks;
    unsigned char *file = exact(size); /* little-endian hosts only */
    memset(file, 7, (size_t)skip);
    memcpy(file + skip, lengths, (size_t)(4 * n));
    memcpy(file + skip + 4 * n, pointers, (size_t)(8 * n));
    for (int64_t i = 0; i < marks; i++) {
        const int64_t mark = i == marks - 1 ? n : i * n / marks;
        memcpy(file + skip + 12 * n + 8 * i, &mark, 8);
    }
    const uint32_t crc = yue_crc32c_portable(0, file, size);
    const int fault = (int)draw(3); /* none, a flipped bit, a short file */
    const uint64_t bit = draw((uint64_t)(8 * (12 * n + 8 * marks)));
    if (fault == 1) {
        file[skip + (int64_t)(bit / 8)] ^= (unsigned char)(1u << bit % 8);
    }
    const int descriptor = file_of(file, fault == 2 ? (int64_t)draw((uint64_t)size) : size);
    const yue_index index = {n, marks, 4, lengths_read, documents, starts};
    uint32_t crc_read = yue_crc32c(0, file, skip);
    int what = 0;
    const int status = yue_index_read(descriptor, skip, &index, &crc_read, &end, &what, &bad);
    if (fault == 0) {
        CHECK(status == YUE_OK && end == wanted && crc_read == crc);
        CHECK(n == 0 || memcmp(lengths, lengths_read, (size_t)(4 * n)) == 0);
        for (int64_t i = 0; i < marks; i++) {
            CHECK(starts[i] == (documents[i] < n ? pointers[documents[i]] : wanted) / 4);
        }
    } else if (fault == 1) { /* what the arrays do not show, the checksum does */
        CHECK(status == YUE_RANGE || (status == YUE_OK && crc_read != crc));
    } else {
        CHECK(status == YUE_SHORT);
    }
    close(descriptor);
    free(lengths), free(lengths_read), free(pointers), free(documents), free(starts), free(file);
}

void writer(void) {
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
        if (part % 2) {
            CHECK(yue_writer_append(out, ids, count, 90000, &bad) == YUE_OK);
        } else {
            int64_t *wide = exact(8 * count);
            for (int64_t i = 0; i < count; i++) {
                wide[i] = ids[i];
            }
            CHECK(yue_writer_append64(out, wide, count, 90000, &bad) == YUE_OK);
            if (count > 0) { /* nothing is appended of ids of which one is out of range */
                wide[count / 2] = draw(2) ? (int64_t)1 << 40 : -1;
                CHECK(yue_writer_append64(out, wide, count, 90000, &bad) == YUE_RANGE);
                CHECK(bad == count / 2);
            }
            free(wide);
        }
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
