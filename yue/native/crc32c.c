/* CRC-32C: by the processor's own instruction (x86-64 with SSE 4.2), and everywhere else by eight
 * bytes at a time ("slicing by 8": Kounavis and Berry, "A systematic approach to building high
 * performance software-based CRC generators", ISCC 2005). Both give the same checksums.
 *
 * Table k holds, for a byte value i, the checksum of i followed by k zero bytes. A CRC is linear
 * over exclusive or, so each table follows from its values at the eight powers of two, which are
 * all that is written here; the preprocessor makes constant tables of them, safe in any thread.
 */
#include "little_endian.h"
#include "yue_native.h"

#include <stddef.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#define HAS_INSTRUCTION 1
#else
#define HAS_INSTRUCTION 0
#endif

#define BIT(i, b, value) (((i) >> (b)) & 1 ? (value) : 0u)
#define E1(i, a, b, c, d, e, f, g, h)                                                        \
    (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ BIT(i, 5, f) ^ \
     BIT(i, 6, g) ^ BIT(i, 7, h))
#define E4(i, ...) \
    E1(i, __VA_ARGS__), E1((i) + 1, __VA_ARGS__), E1((i) + 2, __VA_ARGS__), E1((i) + 3, __VA_ARGS__)
#define E16(i, ...)                                                     \
    E4(i, __VA_ARGS__), E4((i) + 4, __VA_ARGS__), E4((i) + 8, __VA_ARGS__), \
        E4((i) + 12, __VA_ARGS__)
#define E64(i, ...)                                                         \
    E16(i, __VA_ARGS__), E16((i) + 16, __VA_ARGS__), E16((i) + 32, __VA_ARGS__), \
        E16((i) + 48, __VA_ARGS__)
#define TABLE(...) \
    E64(0, __VA_ARGS__), E64(64, __VA_ARGS__), E64(128, __VA_ARGS__), E64(192, __VA_ARGS__)

static const uint32_t tables[8][256] = {
    {TABLE(0xF26B8303u, 0xE13B70F7u, 0xC79A971Fu, 0x8AD958CFu,
           0x105EC76Fu, 0x20BD8EDEu, 0x417B1DBCu, 0x82F63B78u)},
    {TABLE(0x13A29877u, 0x274530EEu, 0x4E8A61DCu, 0x9D14C3B8u,
           0x3FC5F181u, 0x7F8BE302u, 0xFF17C604u, 0xFBC3FAF9u)},
    {TABLE(0xA541927Eu, 0x4F6F520Du, 0x9EDEA41Au, 0x38513EC5u,
           0x70A27D8Au, 0xE144FB14u, 0xC76580D9u, 0x8B277743u)},
    {TABLE(0xDD45AAB8u, 0xBF672381u, 0x7B2231F3u, 0xF64463E6u,
           0xE964B13Du, 0xD725148Bu, 0xABA65FE7u, 0x52A0C93Fu)},
    {TABLE(0x38116FACu, 0x7022DF58u, 0xE045BEB0u, 0xC5670B91u,
           0x8F2261D3u, 0x1BA8B557u, 0x37516AAEu, 0x6EA2D55Cu)},
    {TABLE(0xEF306B19u, 0xDB8CA0C3u, 0xB2F53777u, 0x6006181Fu,
           0xC00C303Eu, 0x85F4168Du, 0x0E045BEBu, 0x1C08B7D6u)},
    {TABLE(0x68032CC8u, 0xD0065990u, 0xA5E0C5D1u, 0x4E2DFD53u,
           0x9C5BFAA6u, 0x3D5B83BDu, 0x7AB7077Au, 0xF56E0EF4u)},
    {TABLE(0x493C7D27u, 0x9278FA4Eu, 0x211D826Du, 0x423B04DAu,
           0x847609B4u, 0x0D006599u, 0x1A00CB32u, 0x34019664u)},
};

/* The checksums below are of the complement, as the algorithm keeps it between bytes. */

#if HAS_INSTRUCTION
/* The instruction takes three cycles but one can start in each, so three stripes are taken at once.
 * Appending a stripe of zero bytes multiplies a checksum by x^(8 * STRIPE) modulo the polynomial. */
enum { STRIPE = 4096 };
#define PAST_ONE 0x35D73A62u /* x^(8 * STRIPE), the coefficient of x^0 in the highest bit */
#define PAST_TWO 0x28461564u /* x^(16 * STRIPE) */

static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (; a; a <<= 1) {
        product ^= (uint32_t)(-(int32_t)(a >> 31)) & b;
        b = b >> 1 ^ ((uint32_t)(-(int32_t)(b & 1)) & 0x82F63B78u);
    }
    return product;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc,
                                                                 const unsigned char *p,
                                                                 int64_t size) {
    for (; size >= 3 * STRIPE; p += 3 * STRIPE, size -= 3 * STRIPE) {
        uint64_t first = crc, second = 0, third = 0;
        for (int i = 0; i < STRIPE; i += 8) {
            first = _mm_crc32_u64(first, yue_load_le64(p + i));
            second = _mm_crc32_u64(second, yue_load_le64(p + STRIPE + i));
            third = _mm_crc32_u64(third, yue_load_le64(p + 2 * STRIPE + i));
        }
        crc = multiply((uint32_t)first, PAST_TWO) ^ multiply((uint32_t)second, PAST_ONE) ^
              (uint32_t)third;
    }
    uint64_t wide = crc;
    for (; size >= 8; p += 8, size -= 8) {
        wide = _mm_crc32_u64(wide, yue_load_le64(p));
    }
    crc = (uint32_t)wide;
    for (; size > 0; p++, size--) {
        crc = _mm_crc32_u8(crc, *p);
    }
    return crc;
}
#endif

static uint32_t by_table(uint32_t crc, const unsigned char *p, int64_t size) {
    for (; size >= 8; p += 8, size -= 8) {
        const uint32_t low = crc ^ yue_load_le32(p);
        const uint32_t high = yue_load_le32(p + 4);
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
              tables[4][low >> 24] ^ tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^
              tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
    }
    for (; size > 0; p++, size--) {
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    }
    return crc;
}

uint32_t yue_crc32c_portable(uint32_t crc, const void *data, int64_t size) {
    return data == NULL || size <= 0 ? crc : ~by_table(~crc, data, size);
}

uint32_t yue_crc32c(uint32_t crc, const void *data, int64_t size) {
    if (data == NULL || size <= 0) {
        return crc;
    }
#if HAS_INSTRUCTION
    if (__builtin_cpu_supports("sse4.2")) {
        return ~by_instruction(~crc, data, size);
    }
#endif
    return ~by_table(~crc, data, size);
}
