/*
 * A fuzz target is one file, fuzz_NAME.c, with this function: it takes any bytes at all and returns
 * 0, or aborts. libFuzzer calls it (scripts/fuzz NAME SECONDS), and so does replay.c with each file
 * of corpus/NAME in the ordinary test run. A new target is a file, a folder and a row in
 * meson.build.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
