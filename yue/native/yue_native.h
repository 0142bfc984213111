/* The native part of yue: token assembly, checksums, and .bin/.idx files.
 *
 * Rules of this library:
 *  - every function returns a status; none asserts, exits or prints;
 *  - every size, count and offset is int64_t, and every length is passed in;
 *  - input that may be misaligned comes as void* and is loaded with memcpy;
 *  - what is written to a file is little-endian on every host;
 *  - no function keeps a pointer to its arguments after it returns.
 *
 * build.py hands the text between the two "cdef" marks to cffi, so it holds plain declarations only.
 */
#ifndef YUE_NATIVE_H
#define YUE_NATIVE_H

#include <stdint.h>

/* cdef begin */

/* What a function answers. */
#define YUE_OK 0        /* done */
#define YUE_ARGUMENT 1  /* a negative size, a null pointer, an output that is too small */
#define YUE_RANGE 2     /* a value outside its range; *bad is its position */
#define YUE_MEMORY 3    /* no memory */
#define YUE_IO 4        /* a read or write failed; its errno is handed out */
#define YUE_OVERFLOW 5  /* a sum does not fit 64 bits */
#define YUE_SHORT 6     /* a file ends before what was asked of it */

/* SHA-256 of the sources this library was built from, in hexadecimal. */
const char *yue_source_hash(void);

/* --- codes.c: codec codes and token ids ------------------------------------------------------ */

/* Two lanes of codes become one lane of ids: out[2t] = offset + first[t], out[2t+1] = offset +
 * second[t]. Codes must lie in [0, size). out holds capacity >= 2 * frames ids.
 * YUE_RANGE: *bad is the position in the interleaved order (2t or 2t+1). */
int yue_interleave(const int16_t *first, const int16_t *second, int64_t frames, int32_t offset,
                   int32_t size, int32_t *out, int64_t capacity, int64_t *bad);

/* The same of codes that are int64. */
int yue_interleave64(const int64_t *first, const int64_t *second, int64_t frames, int32_t offset,
                     int32_t size, int32_t *out, int64_t capacity, int64_t *bad);

/* Codes of several codebooks, row by row (codebooks x frames), become ids frame by frame:
 * out[t*codebooks + k] = offsets[k] + codes[k*frames + t]. Codes of row k must lie in
 * [0, sizes[k]). out holds capacity >= codebooks * frames ids.
 * YUE_RANGE: *bad is the position in codes (k*frames + t). */
int yue_flatten(const int16_t *codes, int64_t codebooks, int64_t frames, const int32_t *offsets,
                const int32_t *sizes, int32_t *out, int64_t capacity, int64_t *bad);

/* --- crc32c.c -------------------------------------------------------------------------------- */

/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in iSCSI, RFC 3720 B.4). crc is 0, or
 * the checksum of the bytes before these, so that a checksum can be taken in pieces. */
uint32_t yue_crc32c(uint32_t crc, const void *data, int64_t size);

/* The same without the processor's own instruction, for tests. */
uint32_t yue_crc32c_portable(uint32_t crc, const void *data, int64_t size);

/* --- writer.c: a .bin file ------------------------------------------------------------------- */

typedef struct yue_writer yue_writer;

/* Starts a .bin file on an open descriptor, which the caller keeps and closes. A checksum is taken
 * of every block_size bytes. */
int yue_writer_open(int descriptor, int64_t block_size, yue_writer **out);

/* Appends ids, each in [0, limit), as little-endian int32. Nothing is appended when one is out of
 * range: *bad is its position. */
int yue_writer_append(yue_writer *writer, const int32_t *ids, int64_t count, int32_t limit,
                      int64_t *bad);

/* The same of ids that are int64. */
int yue_writer_append64(yue_writer *writer, const int64_t *ids, int64_t count, int32_t limit,
                        int64_t *bad);

/* Writes what is still in the buffer. */
int yue_writer_flush(yue_writer *writer);

int64_t yue_writer_bytes(const yue_writer *writer);
int64_t yue_writer_blocks(const yue_writer *writer);

/* Copies the checksums of the blocks, the last (shorter) one included. Call after a flush. */
int yue_writer_checksums(const yue_writer *writer, uint32_t *out, int64_t capacity);

/* errno of the write that failed. */
int yue_writer_errno(const yue_writer *writer);

/* Frees the writer; null is allowed. Never writes. */
void yue_writer_close(yue_writer *writer);

/* --- index.c: the arrays of a .idx file ------------------------------------------------------ */

/* out[i] = start + item_size * (lengths[0] + ... + lengths[i-1]), the byte offset of sequence i;
 * *end is that of the next one. YUE_RANGE: lengths[*bad] is negative. */
int yue_index_pointers(const int32_t *lengths, int64_t sequences, int64_t item_size, int64_t start,
                       int64_t *out, int64_t capacity, int64_t *end, int64_t *bad);

/* The arrays of a .idx, and what they are read into. */
typedef struct {
    int64_t sequences;
    int64_t marks;        /* documents + 1 */
    int64_t item_size;    /* bytes a token of the .bin */
    int32_t *lengths;     /* [sequences]: tokens of each sequence */
    int64_t *documents;   /* [marks]: the sequence at which each document starts */
    int64_t *starts;      /* [marks]: the token at which each document starts */
} yue_index;

/* Reads the arrays of a .idx that start at byte offset, and checks them: lengths int32[sequences]
 * not negative, pointers int64[sequences] their running sum in bytes, documents int64[marks]
 * starting at 0, never falling, ending at sequences. *end is the size the .bin must have; *crc goes
 * on from the checksum of the bytes before. YUE_RANGE: *what says which array (0, 1, 2) and *bad
 * which element is wrong. YUE_SHORT: the file ends at *bad. YUE_IO: *bad is errno. */
int yue_index_read(int descriptor, int64_t offset, const yue_index *index, uint32_t *crc,
                   int64_t *end, int *what, int64_t *bad);

/* --- roles.c: what each token is for ---------------------------------------------------------- */

/* What the documents of a file look like. */
typedef struct {
    int32_t text_size;            /* ids below are text */
    int32_t block_start;          /* <SOA> */
    int32_t block_end;            /* <EOA> */
    int32_t stage_1;              /* right after <SOA> in a block of stage 2 */
    int32_t lanes;                /* tracks that take turns in a block, 1 or 2 */
    int32_t codebooks;            /* 1..12 */
    const int32_t *code_starts;   /* [codebooks + 1]: the first id of each codebook, and the end */
    int32_t marker_size;
    const int32_t *marker;        /* [marker_size]: before the <SOA> of reference audio */
} yue_form;

/* Pieces of documents in an array of tokens: three numbers for each, where it starts, where it
 * ends, and how many of its first tokens are repeated context. */
typedef struct {
    const int64_t *bounds;        /* [3 * count] */
    int64_t count;
    const yue_form *form;
    unsigned char *roles;         /* one for each token of the array */
} yue_pieces;

/* The role of every token that lies in a piece; each piece is read by itself. tokens holds
 * capacity values of width bytes, 4 or 8. YUE_RANGE: piece *bad lies outside the array. */
int yue_roles(const void *tokens, int64_t width, int64_t capacity, const yue_pieces *pieces,
              int64_t *bad);

/* --- gather.c: tokens out of a .bin ----------------------------------------------------------- */

/* Reads parts of a .bin into an array. Three numbers for each span: its first token in the file,
 * how many, and where they go in out. Nothing is mapped, so that a file which is cut short while
 * it is read is YUE_SHORT and no signal. out holds capacity values of width bytes, 4 or 8; the
 * file's tokens are int32 (item_size 4) or uint16 (item_size 2), little-endian. Every id must lie
 * in [0, limit). With pieces (null is allowed), the roles are filled in as well.
 * Not YUE_OK: *bad is the span or piece; *at is the token in the file of an id out of range
 * (YUE_RANGE) or of the file's end (YUE_SHORT), errno (YUE_IO), and -1 where span or piece *bad
 * reaches outside out (YUE_RANGE). */
int yue_gather(int descriptor, int64_t item_size, const int64_t *spans, int64_t count,
               int32_t limit, void *out, int64_t width, int64_t capacity,
               const yue_pieces *pieces, int64_t *bad, int64_t *at);

/* --- random.c: NumPy's RandomState ------------------------------------------------------------ */

#define YUE_RANDOM_WORDS 625

/* state[YUE_RANDOM_WORDS] as RandomState(seed) has it. */
int yue_random_seed(uint32_t seed, uint32_t *state);

/* RandomState.shuffle of at most 2**32 items of width bytes, 4 or 8; the state goes on. */
int yue_shuffle(uint32_t *state, void *items, int64_t count, int64_t width);

/* --- samples.c, blend.c: Megatron's indices --------------------------------------------------- */

/* The sample index of documents that are read in an order: positions numbers of documents, or null
 * for all documents one after another, a whole number of times. out holds rows pairs of int32
 * (width 4) or int64 (width 8): row k is the position that has the stream's token k * step, and the
 * token's place in its document. Rows past the end of the stream mean nothing.
 * YUE_RANGE: a negative size or a wrong number of a document, at *bad.
 * YUE_OVERFLOW: positions do not fit the width. */
int yue_sample_index(const int32_t *sizes, int64_t documents, const int32_t *order,
                     int64_t positions, int64_t step, void *out, int64_t width, int64_t rows,
                     int64_t *bad);

/* Which of count data sets gives each of size samples, and which of its own samples that is.
 * Weights lie in [0, 1]. */
int yue_blend(const double *weights, int64_t count, int64_t size, int16_t *sets,
              int64_t *samples);

/* --- pack.c ----------------------------------------------------------------------------------- */

/* Best-fit-decreasing packing of pieces, each of 1..room. members[pieces] are the pieces row by row;
 * row r has those from row_starts[r] to row_starts[r + 1] ([pieces + 1]; *rows of them are used).
 * YUE_RANGE: lengths[*bad] is outside 1..room. */
int yue_best_fit(const int64_t *lengths, int64_t pieces, int64_t room, int64_t *members,
                 int64_t *row_starts, int64_t *rows, int64_t *bad);

/* cdef end */

#endif
