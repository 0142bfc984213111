/* Reading a part of a file whole. */
#ifndef YUE_READ_H
#define YUE_READ_H

#include <stdint.h>

/* Reads exactly size bytes. YUE_SHORT: *at is how many there were; YUE_IO: *at is errno. */
int yue_read_all(int descriptor, void *target, int64_t size, int64_t offset, int64_t *at);

#endif
