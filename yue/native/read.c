/* Reading a part of a file whole. pread() and not a map: a file that is cut short is no signal. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "read.h"

#include "yue_native.h"

#include <errno.h>
#include <unistd.h>

int yue_read_all(int descriptor, void *target, int64_t size, int64_t offset, int64_t *at) {
    int64_t done = 0;
    while (done < size) {
        const ssize_t count =
            pread(descriptor, (char *)target + done, (size_t)(size - done), (off_t)(offset + done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            *at = errno;
            return YUE_IO;
        }
        if (count == 0) {
            *at = done;
            return YUE_SHORT;
        }
        done += count;
    }
    return YUE_OK;
}
