/*
 * A client's bytes: parsed in any split they are the same request, and it is sent on as it was
 * read.
 *
 * The first byte is the size of the pieces, the next two the limit of the head.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http1_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    http1_check((struct http1_kind){true, HTTP1_OTHER}, (const char *)data + 3, size - 3,
                data[0] + 1u, (uint32_t)(data[1] | data[2] << 8));
    return 0;
}
