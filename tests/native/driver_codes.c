/* Codes to ids, roles, checksums. */
#include "driver.h"

static void fill_codes(int16_t *codes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        codes[i] = (int16_t)draw(1024);
    }
    if (count > 0 && draw(3) == 0) {
        codes[draw((uint64_t)count)] = (int16_t)(draw(65536) - 32768);
    }
}

void interleave(void) {
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
    int64_t *wide_a = exact(8 * frames), *wide_b = exact(8 * frames), wide_bad = -1;
    for (int64_t t = 0; t < frames; t++) {
        wide_a[t] = a[t], wide_b[t] = b[t];
    }
    if (first < 0 && frames > 0 && draw(4) == 0) {
        wide_b[frames - 1] = (int64_t)1 << (32 + draw(31)); /* low half in range */
        first = 2 * frames - 1;
    }
    CHECK(yue_interleave64(wide_a, wide_b, frames, 45334, 1024, out, 2 * frames, &wide_bad) ==
          (first < 0 ? YUE_OK : YUE_RANGE));
    CHECK(wide_bad == first);
    for (int64_t t = 0; first < 0 && t < frames; t++) {
        CHECK(out[2 * t] == 45334 + a[t] && out[2 * t + 1] == 45334 + b[t]);
    }
    free(a), free(b), free(out), free(wide_a), free(wide_b);
}

void flatten(void) {
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

void checksum(void) {
    const int64_t size = (int64_t)draw(draw(20) ? 100 : 40000), skip = (int64_t)draw(9);
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

void roles(void) {
    static const int32_t some[] = {3, 5, 6, 32001, 32001, 32002, 32013, 45334, 45335, 46357, 46358};
    const int64_t n = (int64_t)draw(200), width = draw(2) ? 4 : 8, cut = (int64_t)draw((uint64_t)n + 1);
    int32_t *starts = exact(12), *marker = exact(8), *narrow_ids = exact(4 * n);
    int64_t *ids = exact(8 * n), *bounds = exact(48), bad = -1;
    unsigned char *out = exact(n);
    starts[0] = 45334, starts[1] = 46358, starts[2] = 47382;
    marker[0] = 5, marker[1] = 6;
    for (int64_t i = 0; i < n; i++) {
        ids[i] = narrow_ids[i] = some[draw(sizeof some / sizeof *some)];
    }
    const yue_form form = {32000, 32001, 32002, 32013, 1 + (int32_t)draw(2), 2, starts, 2, marker};
    bounds[0] = 0, bounds[1] = cut, bounds[2] = (int64_t)draw((uint64_t)cut + 1);
    bounds[3] = cut, bounds[4] = n, bounds[5] = n - cut + (int64_t)(draw(10) == 0);
    const yue_pieces pieces = {bounds, 2, &form, out};
    const int status = yue_roles(width == 4 ? (void *)narrow_ids : ids, width, n, &pieces, &bad);
    CHECK(status == (bounds[5] > n - cut ? YUE_RANGE : YUE_OK));
    for (int64_t i = 0; status == YUE_OK && i < n; i++) {
        CHECK(out[i] <= 7); /* text, special, lanes, prompt, context, two codebooks */
        CHECK(i >= cut || (i < bounds[2]) == (out[i] == 5));
        CHECK(ids[i] != 3 || out[i] == 0 || out[i] == 5);
    }
    free(starts), free(marker), free(narrow_ids), free(ids), free(bounds), free(out);
}
