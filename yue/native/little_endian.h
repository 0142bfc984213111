/* Little-endian loads and stores at any address. Compilers turn each into one instruction. */
#ifndef YUE_LITTLE_ENDIAN_H
#define YUE_LITTLE_ENDIAN_H

#include <stdint.h>

static inline uint32_t yue_load_le32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t yue_load_le64(const unsigned char *p) {
    return (uint64_t)yue_load_le32(p) | (uint64_t)yue_load_le32(p + 4) << 32;
}

static inline void yue_store_le32(unsigned char *p, uint32_t value) {
    p[0] = (unsigned char)value;
    p[1] = (unsigned char)(value >> 8);
    p[2] = (unsigned char)(value >> 16);
    p[3] = (unsigned char)(value >> 24);
}

#endif
