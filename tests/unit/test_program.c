#include "common/base/macro.h"
#include "tests/unit/suite.h"
#include "vrrpd/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64]; /* of the test: safe */

static void make(const char *name, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void set_up(void)
{
    snprintf(dir, sizeof(dir), "/tmp/program-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    make("good", 0755);
    make("bad", 0777);
    make("good.txt", 0644);
    make("bad.txt", 0666);
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* Puts the directory in place of each @. */
static void expand(const char *in, char *out, size_t size)
{
    size_t len = 0;
    for (; *in && len + 1 < size; in++)
        len += (size_t)snprintf(out + len, size - len, "%.*s", *in == '@' ? 64 : 1,
                                *in == '@' ? dir : in);
    out[len] = '\0';
}

START_TEST(the_file_that_matters_is_found_behind_interpreters_and_wrappers)
{
    static const struct {
        const char *words[8];
        bool unsafe;
    } rows[] = {
        {{"@/good"}, false},
        {{"@/bad"}, true},
        {{"@/bad", "harmless"}, true},
        {{"@/good", "@/bad"}, false}, /* just a word */
        {{"@/none"}, false},          /* running it says so */
        {{"killall", "-0", "proxy"}, false},
        {{"no-such-program"}, false},
        {{"/bin/sh", "@/good.txt"}, false},
        {{"/bin/sh", "@/bad.txt"}, true},
        {{"sh", "-e", "@/bad.txt"}, true},
        {{"sh", "@/good.txt", "@/bad.txt"}, false}, /* an argument of the script */
        {{"sh", "-c", "@/bad"}, true},
        {{"sh", "-ec", "@/bad -x"}, true},
        {{"sh", "-c", "@/good && @/bad"}, true},
        {{"sh", "-c", "if ! @/bad; then exit 1; fi"}, true},
        {{"sh", "-c", "x=$(@/bad)"}, true},
        {{"sh", "-c", "\"@/bad\" 1"}, true},
        {{"sh", "-c", "@/good > @/bad"}, false}, /* data */
        {{"sh", "-c", "@/good @/bad"}, false},
        {{"sh", "-c", "exec @/bad"}, true},
        {{"sh", "-c", "killall -0 proxy"}, false},
        {{"sh", "-c", ""}, false},
        {{"sh", "-c"}, false},
        {{"env", "A=1", "@/bad"}, true},
        {{"env", "A=1", "@/good", "@/bad"}, false},
        {{"timeout", "5", "@/bad"}, true},
        {{"nice", "-n", "5", "timeout", "5", "sh", "-c", "@/bad"}, true},
        {{"env", "sh", "@/bad.txt"}, true},
    };
    set_up();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[8][256];
        const char *argv[9] = {NULL};
        struct err why = {""};
        for (size_t k = 0; k < 8 && rows[i].words[k]; k++) {
            expand(rows[i].words[k], text[k], sizeof(text[k]));
            argv[k] = text[k];
        }
        struct program p = {.argv = argv};
        bool unsafe = program_unsafe(&p, &why);
        ck_assert_msg(unsafe == rows[i].unsafe, "row %zu: %s", i, why.text);
        if (unsafe) {
            ck_assert_ptr_nonnull(strstr(why.text, dir));
            ck_assert_ptr_nonnull(strstr(why.text, "writable by everybody"));
        }
    }
    tear_down();
}
END_TEST

START_TEST(programs_are_found_as_exec_would)
{
    char path[256], want[256], before[4096];
    snprintf(before, sizeof(before), "%s", getenv("PATH"));
    set_up();
    ck_assert(program_find("sh", path, sizeof(path)));
    ck_assert_int_eq(path[0], '/');
    snprintf(want, sizeof(want), "/no/such:%s", dir);
    setenv("PATH", want, 1);
    ck_assert(program_find("good", path, sizeof(path)));
    snprintf(want, sizeof(want), "%s/good", dir);
    ck_assert_str_eq(path, want);
    ck_assert(!program_find("good.txt", path, sizeof(path))); /* not executable */
    ck_assert(!program_find("sh", path, sizeof(path)));
    ck_assert(!program_find("good", path, 5));
    setenv("PATH", before, 1);
    tear_down();
}
END_TEST

START_TEST(words_are_shown_as_one_would_type_them)
{
    static const struct {
        const char *argv[5];
        const char *text;
    } rows[] = {
        {{"killall", "-0", "proxy"}, "killall -0 proxy"},
        {{"sh", "-c", "a | b"}, "sh -c 'a | b'"},
        {{"x", ""}, "x ''"},
        {{NULL}, ""},
    };
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(program_text(rows[i].argv, text, sizeof(text)), rows[i].text);
    char small[8];
    ck_assert_str_eq(program_text(rows[0].argv, small, sizeof(small)), "killall");
}
END_TEST

START_TEST(words_are_copied_with_room_for_more)
{
    const char *const argv[] = {"a", "", "long word", NULL};
    size_t n = 0;
    const char **copy = program_words(argv, 2, &n);
    ck_assert_uint_eq(n, 3);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(copy[i], argv[i]);
        ck_assert_ptr_ne(copy[i], argv[i]);
    }
    ck_assert_ptr_null(copy[3]);
    ck_assert_ptr_null(copy[4]);
    ck_assert_ptr_null(copy[5]);
    free(copy);
}
END_TEST

static const struct test_row rows[] = {
    {"the file that matters is found behind interpreters and wrappers",
     &the_file_that_matters_is_found_behind_interpreters_and_wrappers},
    {"programs are found as exec would", &programs_are_found_as_exec_would},
    {"words are shown as one would type them", &words_are_shown_as_one_would_type_them},
    {"words are copied with room for more", &words_are_copied_with_room_for_more},
};

int main(void)
{
    return suite_main("program", rows, ARRAY_LEN(rows));
}
