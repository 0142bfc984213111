/* Wider instruction sets, chosen while the program runs: one build serves every machine. A function
 * marked YUE_AVX2 is called only where __builtin_cpu_supports("avx2"); what is marked YUE_INLINE is
 * compiled anew inside it. */
#ifndef YUE_WIDER_H
#define YUE_WIDER_H

#if defined(__x86_64__) && defined(__GNUC__)
#define YUE_HAS_AVX2 1
#define YUE_AVX2 __attribute__((target("avx2")))
#else
#define YUE_HAS_AVX2 0
#define YUE_AVX2
#endif

#if defined(__GNUC__)
#define YUE_INLINE __attribute__((always_inline))
#else
#define YUE_INLINE
#endif

#endif
