/*
 * A server's bytes: parsed in any split they are the same response, and it is sent on as it was
 * read.
 *
 * The first byte is the size of the pieces, the next two the limit of the head, the fourth the
 * method that is answered.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http1_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    http1_check((struct http1_kind){false, (enum http1_method)(data[3] % HTTP1_METHODS)},
                (const char *)data + 4, size - 4, data[0] + 1u, (uint32_t)(data[1] | data[2] << 8));
    return 0;
}
