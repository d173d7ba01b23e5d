/*
 * A unit test program is a table of titled tests; suite_main() runs them all under Check and prints
 * TAP. Tests run in one process, so that the sanitizers see each leak.
 */
#pragma once

#include <check.h>
#include <stddef.h>

struct test_row {
    const char *title;        /* what a user would notice, in words */
    const TTest *const *test; /* &name of a START_TEST(name) */
};

int suite_main(const char *name, const struct test_row *rows, size_t n);
