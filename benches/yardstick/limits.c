/* The bare limits: what the kernel alone needs for work that riverrun cannot do without. In: a mode and what to work on. Out:
 * the seconds it took, on standard output. Nothing is checked, compared or kept: faster than this no program can be.
 *
 *   limits make  ROOT FOLDERS FILES BYTES [same]   ROOT/d00000/f00000 ...; every file its own bytes, or all the same
 *   limits read  FILE THREADS                      pread of one file, 256 KiB at a time
 *   limits files ROOT FOLDERS FILES THREADS        openat, read to the end, close, by folder descriptor
 *   limits stat  ROOT FOLDERS FILES THREADS        statx by folder descriptor
 *
 * Names are known beforehand: no folder is listed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE (256 << 10)
#define CHUNK (4L << 20)

static atomic_long next_one;
static int root, folders, files, bytes, same, large;
static long large_size;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static char *page_buffer(size_t size)
{
    void *memory;
    if (posix_memalign(&memory, 4096, size)) fail("memory");
    memset(memory, 1, size);
    return memory;
}

static int open_folder(long number)
{
    char name[32];
    snprintf(name, sizeof name, "d%05ld", number);
    int folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) fail(name);
    return folder;
}

/* Names cost more to print than to look up: each thread prints all of them once, before it begins. */
static char (*file_names(void))[8]
{
    char(*names)[8] = malloc((size_t)files * 8);
    for (int file = 0; file < files; file++) {
        names[file][0] = 'f';
        for (int digit = 5, rest = file; digit > 0; digit--, rest /= 10) names[file][digit] = (char)('0' + rest % 10);
        names[file][6] = 0;
    }
    return names;
}

static void *make_files(void *unused)
{
    (void)unused;
    char *buffer = page_buffer((size_t)bytes + 4096);
    char(*names)[8] = file_names();
    for (long number; (number = next_one++) < folders;) {
        char name[32];
        snprintf(name, sizeof name, "d%05ld", number);
        if (mkdirat(root, name, 0755)) fail(name);
        int folder = open_folder(number);
        for (int file = 0; file < files; file++) {
            long own[2] = {number, file};
            if (!same) memcpy(buffer, own, sizeof own);
            int made = openat(folder, names[file], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
            if (made < 0 || write(made, buffer, (size_t)bytes) != bytes) fail(names[file]);
            close(made);
        }
        close(folder);
    }
    return NULL;
}

static void *read_large(void *unused)
{
    (void)unused;
    char *buffer = page_buffer(PIECE);
    for (long at; (at = CHUNK * next_one++) < large_size;)
        for (long piece = at; piece < at + CHUNK && piece < large_size; piece += PIECE)
            if (pread(large, buffer, PIECE, piece) <= 0) fail("pread");
    return NULL;
}

static void *read_files(void *unused)
{
    (void)unused;
    char *buffer = page_buffer(PIECE);
    char(*names)[8] = file_names();
    for (long number; (number = next_one++) < folders;) {
        int folder = open_folder(number);
        for (int file = 0; file < files; file++) {
            int opened = openat(folder, names[file], O_RDONLY | O_CLOEXEC);
            if (opened < 0 || read(opened, buffer, PIECE) < 0) fail(names[file]);
            close(opened);
        }
        close(folder);
    }
    return NULL;
}

static void *stat_files(void *unused)
{
    (void)unused;
    char(*names)[8] = file_names();
    struct statx stat;
    for (long number; (number = next_one++) < folders;) {
        int folder = open_folder(number);
        for (int file = 0; file < files; file++)
            if (statx(folder, names[file], AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stat)) fail(names[file]);
        close(folder);
    }
    return NULL;
}

static double on_threads(int threads, void *(*work)(void *))
{
    struct timespec began, ended;
    pthread_t all[256];
    if (threads > 256) threads = 256;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int thread = 0; thread < threads; thread++)
        if (pthread_create(&all[thread], NULL, work, NULL)) fail("thread");
    for (int thread = 0; thread < threads; thread++) pthread_join(all[thread], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

static void open_root(const char *path)
{
    root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) fail(path);
}

int main(int count, char **words)
{
    void *(*work)(void *) = NULL;
    int threads = 2;
    if (count == 4 && !strcmp(words[1], "read")) {
        large = open(words[2], O_RDONLY | O_CLOEXEC);
        if (large < 0) fail(words[2]);
        large_size = lseek(large, 0, SEEK_END);
        threads = atoi(words[3]);
        work = read_large;
    } else if (count >= 6) {
        open_root(words[2]);
        folders = atoi(words[3]);
        files = atoi(words[4]);
        if (!strcmp(words[1], "make")) {
            bytes = atoi(words[5]);
            same = count > 6;
            work = make_files;
        } else {
            threads = atoi(words[5]);
            work = !strcmp(words[1], "files") ? read_files : !strcmp(words[1], "stat") ? stat_files : NULL;
        }
    }
    if (!work) {
        fputs("usage: limits make|read|files|stat ... (see the top of limits.c)\n", stderr);
        return 2;
    }
    printf("%.9f\n", on_threads(threads, work));
    return 0;
}
