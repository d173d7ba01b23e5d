#include "common/rt/log.h"
#include "tests/unit/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd = -1;
static char text[64 * 1024];

/* Each test logs into a file in memory of its own. */
static void begin(enum log_level level, enum log_target target)
{
    fd = memfd_create("log", MFD_CLOEXEC);
    log_init("vrrpd", level, target);
    log_set_fd(fd);
}

/* What was logged since the last call. */
static const char *logged(void)
{
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    text[MAX(n, 0)] = '\0';
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return text;
}

static void finish(void)
{
    log_set_fd(STDERR_FILENO);
    close(fd);
}

START_TEST(a_line_has_time_name_level_and_text)
{
    regex_t form;

    ck_assert_int_eq(regcomp(&form,
                             "^20[0-9][0-9]-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
                             "\\.[0-9]{6} vrrpd notice: web is ACTIVE at 101\n$",
                             REG_EXTENDED),
                     0);
    begin(LOG_LEVEL_NOTICE, LOG_TARGET_PLAIN);
    log_notice("%s is ACTIVE at %d", "web", 101);
    ck_assert_msg(regexec(&form, logged(), 0, NULL, 0) == 0, "%s", text);
    regfree(&form);
    finish();
}
END_TEST

START_TEST(the_journal_gets_priorities_instead)
{
    begin(LOG_LEVEL_DEBUG, LOG_TARGET_JOURNAL);
    log_err("a");
    log_warning("b");
    log_notice("c");
    log_info("d");
    log_debug("e");
    ck_assert_str_eq(logged(), "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\n");
    finish();
}
END_TEST

START_TEST(the_journal_is_known_by_its_socket)
{
    struct stat st;
    char stream[64];

    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    for (int other = 0; other < 2; other++) {
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino + other);
        setenv("JOURNAL_STREAM", stream, 1);
        begin(LOG_LEVEL_NOTICE, LOG_TARGET_AUTO);
        log_notice("x");
        ck_assert_int_eq(strcmp(logged(), "<5>x\n") == 0, other == 0);
        finish();
    }
    unsetenv("JOURNAL_STREAM");
}
END_TEST

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

START_TEST(levels_below_the_chosen_one_are_silent)
{
    begin(LOG_LEVEL_WARNING, LOG_TARGET_JOURNAL);
    log_notice("no");
    log_debug("no %d", evaluate());
    log_warning("yes");
    ck_assert_str_eq(logged(), "<4>yes\n");
    ck_assert_int_eq(evaluated, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("%d", evaluate());
    ck_assert_str_eq(logged(), "<7>1\n");
    finish();
}
END_TEST

START_TEST(level_names_are_understood)
{
    enum log_level level;

    for (int i = LOG_LEVEL_ERR; i <= LOG_LEVEL_DEBUG; i++) {
        ck_assert(log_level_parse(log_level_name(i), &level));
        ck_assert_int_eq((int)level, i);
    }
    ck_assert(log_level_parse("error", &level) && level == LOG_LEVEL_ERR);
    ck_assert(log_level_parse("WARN", &level) && level == LOG_LEVEL_WARNING);
    ck_assert(!log_level_parse("loud", &level));
}
END_TEST

START_TEST(a_message_cannot_forge_another)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"two\nlines", "<5>two\\x0alines\n"},
        {"trailing newline\n", "<5>trailing newline\n"},
        {"\033[31mred\r\x7f\x01", "<5>\\x1b[31mred\\x0d\\x7f\\x01\n"},
        {"stra\xc3\x9f"
         "e",
         "<5>stra\xc3\x9f"
         "e\n"},
        {"", "<5>\n"},
    };
    begin(LOG_LEVEL_NOTICE, LOG_TARGET_JOURNAL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        log_notice("%s", rows[i].in);
        ck_assert_str_eq(logged(), rows[i].out);
    }
    finish();
}
END_TEST

START_TEST(a_long_message_is_cut_and_still_one_line)
{
    static char big[20000];

    memset(big, '\n', sizeof(big) - 1);
    begin(LOG_LEVEL_NOTICE, LOG_TARGET_PLAIN);
    log_notice("%s", big);
    size_t n = strlen(logged());
    ck_assert_uint_gt(n, 4000);
    ck_assert_uint_le(n, 4096);
    ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
    finish();
}
END_TEST

START_TEST(floods_are_told_by_number)
{
    struct log_limit limit = LOG_LIMIT(2, 10);
    struct mono now = {5000000};

    begin(LOG_LEVEL_NOTICE, LOG_TARGET_JOURNAL);
    for (int i = 0; i < 7; i++)
        log_limited(&limit, now, LOG_LEVEL_NOTICE, "bad %d", i);
    ck_assert_str_eq(logged(), "<5>bad 0\n<5>bad 1\n");
    log_limited(&limit, mono_add(now, span_us(9999999)), LOG_LEVEL_NOTICE, "bad 7");
    ck_assert_str_eq(logged(), "");
    log_limited(&limit, mono_add(now, span_s(10)), LOG_LEVEL_NOTICE, "bad 8");
    ck_assert_str_eq(logged(), "<5>6 similar messages suppressed\n<5>bad 8\n");
    log_limited(&limit, mono_add(now, span_s(40)), LOG_LEVEL_NOTICE, "bad 9");
    ck_assert_str_eq(logged(), "<5>bad 9\n");
    finish();
}
END_TEST

START_TEST(a_sink_that_takes_nothing_does_not_block)
{
    int ends[2];
    uint64_t before = log_dropped();
    char chunk[4096];
    size_t whole = 0;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0); /* blocking, as standard error often is */
    begin(LOG_LEVEL_NOTICE, LOG_TARGET_JOURNAL);
    log_set_fd(ends[1]);
    for (int i = 0; i < 3000; i++)
        log_notice("%0100d", i);
    ck_assert_uint_gt(log_dropped(), before);
    log_set_fd(STDERR_FILENO);
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], chunk, sizeof(chunk))) > 0;)
        whole += (size_t)n;
    ck_assert_uint_eq(whole % 104, 0); /* no line was cut */
    ck_assert_uint_eq(whole / 104 + log_dropped() - before, 3000);
    close(ends[0]);
    close(fd);
}
END_TEST

enum { THREADS = 4, EACH = 300 };

static void *log_many(void *who)
{
    for (int i = 0; i < EACH; i++)
        log_notice("thread %d says %d", *(int *)who, i);
    return NULL;
}

START_TEST(lines_of_several_threads_stay_whole)
{
    pthread_t threads[THREADS];
    int names[THREADS], next[THREADS] = {0};

    begin(LOG_LEVEL_NOTICE, LOG_TARGET_JOURNAL);
    for (int i = 0; i < THREADS; i++) {
        names[i] = i;
        pthread_create(&threads[i], NULL, log_many, &names[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    char *save, *all = (char *)logged();
    for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int who, number, end = 0;
        ck_assert_int_eq(sscanf(line, "<5>thread %d says %d%n", &who, &number, &end), 2);
        ck_assert_int_eq(line[end], '\0');
        ck_assert_int_eq(number, next[who]++);
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(next[i], EACH);
    finish();
}
END_TEST

#define ROW(TITLE, TEST)                                                                           \
    {                                                                                              \
        TITLE, &TEST                                                                               \
    }

static const struct test_row tests[] = {
    ROW("a line has time, name, level and text", a_line_has_time_name_level_and_text),
    ROW("the journal gets priorities instead", the_journal_gets_priorities_instead),
    ROW("the journal is known by its socket", the_journal_is_known_by_its_socket),
    ROW("levels below the chosen one are silent", levels_below_the_chosen_one_are_silent),
    ROW("level names are understood", level_names_are_understood),
    ROW("a message cannot forge another", a_message_cannot_forge_another),
    ROW("a long message is cut and still one line", a_long_message_is_cut_and_still_one_line),
    ROW("floods are told by number", floods_are_told_by_number),
    ROW("a sink that takes nothing does not block", a_sink_that_takes_nothing_does_not_block),
    ROW("lines of several threads stay whole", lines_of_several_threads_stay_whole),
};

int main(void)
{
    return suite_main("log", tests, ARRAY_LEN(tests));
}
