/*
 * replay DIRECTORY: gives each file of a corpus to the fuzz target, without any fuzzing, and prints
 * TAP. A past finding is a file in the corpus, so it stays fixed.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 1 << 20 };

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A block of exactly the file's size, so that the sanitizers see each byte that is read beyond. */
static int replay(const char *directory, const char *name, int number)
{
    static uint8_t whole[INPUT_MAX];
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("not ok %d - %s: cannot be read\n", number, name);
        return 1;
    }
    size_t size = fread(whole, 1, sizeof(whole), file);
    fclose(file);
    uint8_t *data = malloc(size ? size : 1);
    if (!data)
        abort();
    for (size_t i = 0; i < size; i++)
        data[i] = whole[i];
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    printf("ok %d - %s\n", number, name);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int failed = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    int count = scandir(argv[1], &entries, is_input, alphasort);
    if (count <= 0) {
        printf("Bail out! %s holds no input\n", argv[1]);
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        failed |= replay(argv[1], entries[i]->d_name, i + 1);
        free(entries[i]);
    }
    free(entries);
    return failed;
}
