/* A buffered writer of .bin files: ids in, little-endian int32 out, a checksum for every block. */
#define _POSIX_C_SOURCE 200809L

#include "little_endian.h"
#include "yue_native.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Larger writes gain nothing; the buffer stays within the second-level cache. */
#define BUFFER_BYTES (1 << 20)

struct yue_writer {
    int descriptor;
    int error;            /* errno of the write that failed, else 0 */
    int64_t block_size;   /* bytes that one checksum covers */
    int64_t in_block;     /* bytes of the current block that are checksummed already */
    int64_t written;      /* bytes handed to write() */
    int64_t used;         /* bytes in the buffer */
    uint32_t *checksums;  /* one for each block begun */
    int64_t blocks;
    int64_t capacity;     /* of checksums */
    unsigned char buffer[BUFFER_BYTES];
};

int yue_writer_open(int descriptor, int64_t block_size, yue_writer **out) {
    if (descriptor < 0 || block_size < 1 || out == NULL) {
        return YUE_ARGUMENT;
    }
    yue_writer *writer = malloc(sizeof *writer);
    if (writer == NULL) {
        return YUE_MEMORY;
    }
    memset(writer, 0, offsetof(struct yue_writer, buffer));
    writer->descriptor = descriptor;
    writer->block_size = block_size;
    *out = writer;
    return YUE_OK;
}

/* Makes room for the checksum of one more block and starts it. */
static int begin_block(yue_writer *writer) {
    if (writer->blocks == writer->capacity) {
        const int64_t capacity = writer->capacity ? 2 * writer->capacity : 64;
        uint32_t *checksums = realloc(writer->checksums, (size_t)capacity * sizeof *checksums);
        if (checksums == NULL) {
            return YUE_MEMORY;
        }
        writer->checksums = checksums;
        writer->capacity = capacity;
    }
    writer->checksums[writer->blocks++] = 0;
    writer->in_block = 0;
    return YUE_OK;
}

static int checksum(yue_writer *writer, const unsigned char *data, int64_t size) {
    while (size > 0) {
        if (writer->blocks == 0 || writer->in_block == writer->block_size) {
            const int status = begin_block(writer);
            if (status != YUE_OK) {
                return status;
            }
        }
        const int64_t room = writer->block_size - writer->in_block;
        const int64_t part = size < room ? size : room;
        uint32_t *crc = &writer->checksums[writer->blocks - 1];
        *crc = yue_crc32c(*crc, data, part);
        writer->in_block += part;
        data += part;
        size -= part;
    }
    return YUE_OK;
}

int yue_writer_flush(yue_writer *writer) {
    if (writer == NULL) {
        return YUE_ARGUMENT;
    }
    if (writer->error) {
        return YUE_IO;
    }
    const int status = checksum(writer, writer->buffer, writer->used);
    if (status != YUE_OK) {
        return status;
    }
    int64_t done = 0;
    while (done < writer->used) {
        const ssize_t count =
            write(writer->descriptor, writer->buffer + done, (size_t)(writer->used - done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            writer->error = count < 0 ? errno : EIO;
            return YUE_IO;
        }
        done += count;
    }
    writer->written += done;
    writer->used = 0;
    return YUE_OK;
}

/* Ids of either width; which one is known where this is inlined. */
static inline int64_t id_at(const void *ids, int64_t width, int64_t i) {
    return width == 4 ? ((const int32_t *)ids)[i] : ((const int64_t *)ids)[i];
}

/* Looks through a part before it is copied: one pass without branches, which compilers vectorise. */
static inline int64_t first_outside(const void *ids, int64_t width, int64_t count, int32_t limit) {
    uint32_t wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t id = id_at(ids, width, i);
        const uint32_t high = width == 4 ? 0 : (uint32_t)((uint64_t)id >> 32);
        wrong |= (uint32_t)((uint32_t)id >= (uint32_t)limit) | high;
    }
    for (int64_t i = 0; wrong && i < count; i++) {
        if ((uint64_t)id_at(ids, width, i) >= (uint64_t)limit) {
            return i;
        }
    }
    return count;
}

static inline int append(yue_writer *writer, const void *ids, int64_t width, int64_t count,
                         int32_t limit, int64_t *bad) {
    if (writer == NULL || count < 0 || limit < 0 || bad == NULL || (count > 0 && ids == NULL)) {
        return YUE_ARGUMENT;
    }
    if (writer->error) {
        return YUE_IO;
    }
    if (count > (INT64_MAX - writer->written - writer->used) / 4) {
        return YUE_OVERFLOW;
    }
    const int64_t outside = first_outside(ids, width, count, limit);
    if (outside < count) {
        *bad = outside;
        return YUE_RANGE;
    }
    for (int64_t done = 0; done < count;) {
        if (writer->used == BUFFER_BYTES) {
            const int status = yue_writer_flush(writer);
            if (status != YUE_OK) {
                return status;
            }
        }
        const int64_t room = (BUFFER_BYTES - writer->used) / 4;
        const int64_t part = count - done < room ? count - done : room;
        unsigned char *target = writer->buffer + writer->used;
        for (int64_t i = 0; i < part; i++) {
            yue_store_le32(target + 4 * i, (uint32_t)id_at(ids, width, done + i));
        }
        writer->used += 4 * part;
        done += part;
    }
    return YUE_OK;
}

int yue_writer_append(yue_writer *writer, const int32_t *ids, int64_t count, int32_t limit,
                      int64_t *bad) {
    return append(writer, ids, 4, count, limit, bad);
}

int yue_writer_append64(yue_writer *writer, const int64_t *ids, int64_t count, int32_t limit,
                        int64_t *bad) {
    return append(writer, ids, 8, count, limit, bad);
}

int64_t yue_writer_bytes(const yue_writer *writer) {
    return writer == NULL ? 0 : writer->written + writer->used;
}

int64_t yue_writer_blocks(const yue_writer *writer) { return writer == NULL ? 0 : writer->blocks; }

int yue_writer_checksums(const yue_writer *writer, uint32_t *out, int64_t capacity) {
    if (writer == NULL || capacity < writer->blocks || (writer->blocks > 0 && out == NULL)) {
        return YUE_ARGUMENT;
    }
    if (writer->blocks > 0) {
        memcpy(out, writer->checksums, (size_t)writer->blocks * sizeof *out);
    }
    return YUE_OK;
}

int yue_writer_errno(const yue_writer *writer) { return writer == NULL ? 0 : writer->error; }

void yue_writer_close(yue_writer *writer) {
    if (writer != NULL) {
        free(writer->checksums);
        free(writer);
    }
}
