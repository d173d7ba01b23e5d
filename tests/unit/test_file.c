#include "common/rt/file.h"
#include "tests/unit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of our own that the test works in. */
static char dir[64];

static void begin(void)
{
    strcpy(dir, "/tmp/test-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
}

static void finish(void)
{
    char command[128];

    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static void make(const char *name, mode_t mode, const char *content)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, strlen(content)), (int)strlen(content));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

START_TEST(a_file_is_read_whole_or_not_at_all)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(0);
    struct err e = {""};

    begin();
    make("ten", 0600, "0123456789");
    make("empty", 0600, "");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_int_eq(file_read("ten", 10, &b, &e), 0);
    ck_assert_int_eq(file_read("empty", 10, &b, &e), 0);
    ck_assert_int_eq(file_read("fifo", 10, &b, &e), 0); /* nobody writes: not waited for */
    ck_assert_str_eq(buf_cstr(&b), "0123456789");
    ck_assert_int_eq(file_read("ten", 9, &b, &e), -EFBIG);
    ck_assert_str_eq(e.text, "ten is larger than 9 bytes");
    ck_assert_int_eq(file_read("none", 9, &b, &e), -ENOENT);
    ck_assert_str_eq(e.text, "cannot read none: No such file or directory");
    ck_assert_int_eq(file_read(dir, 9, &b, &e), -EISDIR);
    finish();
}
END_TEST

static int entries(void)
{
    DIR *d = opendir(".");
    int n = 0;

    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

START_TEST(a_file_is_replaced_whole_and_nothing_is_left_beside_it)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(0);
    struct err e = {""};
    struct stat before, after;
    char path[128];

    begin();
    make("state", 0600, "old");
    int old = open("state", O_RDONLY | O_CLOEXEC);
    stat("state", &before);
    ck_assert_int_eq(file_write_atomic("state", 0640, "newer", 5, &e), 0);
    stat("state", &after);
    ck_assert_uint_eq(after.st_mode & 07777, 0640);
    ck_assert_uint_ne(after.st_ino, before.st_ino);
    ck_assert_int_eq(file_read("state", 100, &b, &e), 0);
    ck_assert_str_eq(buf_cstr(&b), "newer");
    char was[8] = "";
    ck_assert_int_eq(read(old, was, sizeof(was)), 3); /* who had it open keeps what it was */
    ck_assert_str_eq(was, "old");
    close(old);

    mkdir("directory", 0700);
    ck_assert_int_lt(file_write_atomic("directory", 0600, "x", 1, &e), 0);
    snprintf(path, sizeof(path), "%s/none/state", dir);
    ck_assert_int_eq(file_write_atomic(path, 0600, "x", 1, &e), -ENOENT);
    ck_assert_int_eq(entries(), 2);
    finish();
}
END_TEST

START_TEST(the_component_that_others_may_write_is_named)
{
    static const struct {
        const char *path, *fault; /* relative to the directory; NULL: none */
    } rows[] = {
        {"good/script", NULL},
        {"good/open", "good/open is writable by everybody (mode 0777)"},
        {"wide/script", "wide is writable by everybody (mode 0777)"},
        {"sticky/script", NULL},
        {"good/../wide/script", "wide is writable by everybody (mode 0777)"},
        {"./good//script", NULL},
        {"to-wide", "wide is writable by everybody (mode 0777)"},
        {"wide/to-good", "wide is writable by everybody (mode 0777)"},
        {"good/link", NULL},
        {"none", "none cannot be examined: No such file or directory"},
        {"loop", "loop cannot be followed: too many links"},
        {"script/x", "script/x cannot be examined: Not a directory"},
    };
    begin();
    mkdir("good", 0755);
    mkdir("wide", 0700);
    mkdir("sticky", 0700);
    make("script", 0755, "");
    make("good/script", 0755, "");
    make("good/open", 0777, "");
    make("wide/script", 0755, "");
    make("sticky/script", 0755, "");
    chmod("wide", 0777);
    chmod("sticky", 01777);
    ck_assert_int_eq(symlink("wide/script", "to-wide"), 0);
    ck_assert_int_eq(symlink("../good/script", "wide/to-good"), 0);
    ck_assert_int_eq(symlink("script", "good/link"), 0);
    ck_assert_int_eq(symlink("loop", "loop"), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err why = {""};
        char path[128], fault[256];
        snprintf(path, sizeof(path), "%s/%s", dir, rows[i].path);
        bool unsafe = file_unsafe(path, geteuid(), &why);
        ck_assert_msg(unsafe == !!rows[i].fault, "%s: %s", rows[i].path, why.text);
        snprintf(fault, sizeof(fault), "%s/%s", dir, rows[i].fault ? rows[i].fault : "");
        if (unsafe)
            ck_assert_str_eq(why.text, fault);
    }
    struct err why;
    ck_assert(file_unsafe("relative", 0, &why));
    ck_assert(!file_unsafe("/bin/sh", 0, &why));
    finish();
}
END_TEST

START_TEST(an_owner_who_is_neither_root_nor_the_user_is_a_fault)
{
    struct err why = {""};
    char path[128], fault[256];

    begin();
    make("script", 0755, "");
    snprintf(path, sizeof(path), "%s/script", dir);
    unsigned me = geteuid();
    if (me == 0 && chown(dir, 4711, (gid_t)-1) == 0)
        me = 4711;
    if (me == 0) {
        printf("# needs an owner who is not root: this user namespace has none\n");
        finish();
        return;
    }
    ck_assert(!file_unsafe(path, me, &why));
    ck_assert(file_unsafe(path, me + 1, &why));
    snprintf(fault, sizeof(fault), "%s belongs to user %u", dir, me);
    ck_assert_str_eq(why.text, fault);
    finish();
}
END_TEST

#define ROW(TITLE, TEST)                                                                           \
    {                                                                                              \
        TITLE, &TEST                                                                               \
    }

static const struct test_row tests[] = {
    ROW("a file is read whole or not at all", a_file_is_read_whole_or_not_at_all),
    ROW("a file is replaced whole, and nothing is left beside it",
        a_file_is_replaced_whole_and_nothing_is_left_beside_it),
    ROW("the component that others may write is named",
        the_component_that_others_may_write_is_named),
    ROW("an owner who is neither root nor the user is a fault",
        an_owner_who_is_neither_root_nor_the_user_is_a_fault),
};

int main(void)
{
    return suite_main("file", tests, ARRAY_LEN(tests));
}
