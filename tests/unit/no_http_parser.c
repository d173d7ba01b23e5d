/*
 * Stands in for test_http1_peer where libhttp-parser is not installed.
 */
#include <stdio.h>

int main(void)
{
    puts("1..0 # SKIP libhttp-parser is missing: apt-get install libhttp-parser-dev");
    return 0;
}
