/* Little-endian loads and stores at any address, each one instruction. */
#ifndef YUE_LITTLE_ENDIAN_H
#define YUE_LITTLE_ENDIAN_H

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define YUE_SWAP16(value) __builtin_bswap16(value)
#define YUE_SWAP32(value) __builtin_bswap32(value)
#define YUE_SWAP64(value) __builtin_bswap64(value)
#define YUE_IS_LITTLE_ENDIAN 0
#else
#define YUE_SWAP16(value) (value)
#define YUE_SWAP32(value) (value)
#define YUE_SWAP64(value) (value)
#define YUE_IS_LITTLE_ENDIAN 1
#endif

static inline uint16_t yue_load_le16(const unsigned char *p) {
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return YUE_SWAP16(value);
}

static inline uint32_t yue_load_le32(const unsigned char *p) {
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return YUE_SWAP32(value);
}

static inline uint64_t yue_load_le64(const unsigned char *p) {
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return YUE_SWAP64(value);
}

static inline void yue_store_le32(unsigned char *p, uint32_t value) {
    value = YUE_SWAP32(value);
    memcpy(p, &value, sizeof value);
}

static inline void yue_store_le64(unsigned char *p, uint64_t value) {
    value = YUE_SWAP64(value);
    memcpy(p, &value, sizeof value);
}

#endif
