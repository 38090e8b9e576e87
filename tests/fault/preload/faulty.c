/* SPDX-License-Identifier: Apache-2.0 */
/* A library for LD_PRELOAD that makes the operating system fail on purpose, for
 * test_system_faults.py and its neighbours. What is to fail stands in a file that the test and the
 * process share (FAULTY_CONTROL), so that a fault can be set while the process runs; its layout is
 * struct control, which faulty.py writes.
 *
 *   calls  counted since the fault was set; the test reads how many a piece of work makes
 *   first, last  those of these numbers fail; none where first is 0
 *   code   errno of the failure; 0: a write writes half of what it was given
 *
 * Files count where they are below FAULTY_DIR, allocations and clocks everywhere in the process.
 * Only calls that go through the dynamic linker are seen: those of our programs and of RocksDB, not
 * those of libc to itself. Not for programs built with a sanitizer, which has an allocator of its
 * own. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum fault_kind {
    FAULT_WRITE, /* write, pwrite */
    FAULT_SYNC,  /* fsync, fdatasync */
    FAULT_READ,  /* read, pread, fread_unlocked */
    FAULT_NAME,  /* open that creates, rename */
    FAULT_ALLOC, /* malloc, calloc, realloc; not aligned ones: RocksDB looks at no result of those
                  */
    FAULT_COUNT,
};

enum { SHORT = -1 }; /* of verdict(): the call is to do half of its work */

struct fault {
    _Atomic int64_t calls;
    _Atomic int64_t first;
    _Atomic int64_t last;
    _Atomic int64_t code;
};

struct control {
    _Atomic int64_t clock_ms; /* added to the wall clock */
    struct fault faults[FAULT_COUNT];
};

static struct control *control;
static const char *directory;

__attribute__((constructor)) static void faulty_init(void)
{
    const char *path = getenv("FAULTY_CONTROL");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map;

    if (fd < 0) {
        return;
    }
    map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map != MAP_FAILED) {
        directory = getenv("FAULTY_DIR");
        control = map;
    }
}

/* What becomes of this call: 0, an errno, or SHORT. */
static int verdict(enum fault_kind kind)
{
    struct fault *f = &control->faults[kind];
    int64_t n = atomic_fetch_add(&f->calls, 1) + 1;
    int64_t first = atomic_load(&f->first);

    if (first == 0 || n < first || n > atomic_load(&f->last)) {
        return 0;
    }
    return atomic_load(&f->code) != 0 ? (int)atomic_load(&f->code) : SHORT;
}

static bool is_path_ours(const char *path)
{
    return control != NULL && directory != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

static bool is_file_ours(int fd)
{
    char link[32];
    char path[4096];
    int kept = errno;
    ssize_t n;

    if (control == NULL || directory == NULL) {
        return false;
    }
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    errno = kept;
    if (n <= 0) {
        return false;
    }
    path[n] = '\0';
    return is_path_ours(path);
}

static int file_verdict(enum fault_kind kind, int fd)
{
    return is_file_ours(fd) ? verdict(kind) : 0;
}

/* The function of that name that comes after this library's own. */
static void *next_of(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (f == NULL) {
        abort();
    }
    return f;
}

/* A variable of the type of `name` that holds the real one. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *real_##name;                                                          \
    if (real_##name == NULL) {                                                                     \
        *(void **)&real_##name = next_of(#name);                                                   \
    }

#define FAIL_WITH(code, value)                                                                     \
    if ((code) > 0) {                                                                              \
        errno = (code);                                                                            \
        return (value);                                                                            \
    }

/* ---- Writing ---- */

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(write)
    int code = file_verdict(FAULT_WRITE, fd);

    FAIL_WITH(code, -1)
    return real_write(fd, bytes, code == SHORT && n > 1 ? n / 2 : n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    REAL(pwrite)
    int code = file_verdict(FAULT_WRITE, fd);

    FAIL_WITH(code, -1)
    return real_pwrite(fd, bytes, code == SHORT && n > 1 ? n / 2 : n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return pwrite(fd, bytes, n, at);
}

int fsync(int fd)
{
    REAL(fsync)
    int code = file_verdict(FAULT_SYNC, fd);

    FAIL_WITH(code, -1)
    return real_fsync(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync)
    int code = file_verdict(FAULT_SYNC, fd);

    FAIL_WITH(code, -1)
    return real_fdatasync(fd);
}

/* ---- Reading ---- */

ssize_t read(int fd, void *bytes, size_t n)
{
    REAL(read)
    int code = file_verdict(FAULT_READ, fd);

    FAIL_WITH(code, -1)
    return real_read(fd, bytes, n);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    REAL(pread)
    int code = file_verdict(FAULT_READ, fd);

    FAIL_WITH(code, -1)
    return real_pread(fd, bytes, n, at);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    return pread(fd, bytes, n, at);
}

#undef fread_unlocked
size_t fread_unlocked(void *bytes, size_t size, size_t n, FILE *f)
{
    REAL(fread_unlocked)
    int code = file_verdict(FAULT_READ, fileno(f));

    FAIL_WITH(code, 0)
    return real_fread_unlocked(bytes, size, n, f);
}

/* ---- Names ---- */

static int open_named(const char *path, int flags, mode_t mode)
{
    REAL(open)
    int code = (flags & O_CREAT) != 0 && is_path_ours(path) ? verdict(FAULT_NAME) : 0;

    FAIL_WITH(code, -1)
    return real_open(path, flags, mode);
}

/* Whether open() has a third argument, the new file's mode. */
static bool has_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int open(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = has_mode(flags) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_named(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = has_mode(flags) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_named(path, flags, mode);
}

int rename(const char *from, const char *to)
{
    REAL(rename)
    int code = is_path_ours(to) ? verdict(FAULT_NAME) : 0;

    FAIL_WITH(code, -1)
    return real_rename(from, to);
}

/* ---- Memory: glibc's own functions, since the dynamic linker allocates to find any others ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool alloc_fails(void)
{
    if (control == NULL || verdict(FAULT_ALLOC) == 0) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return alloc_fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return alloc_fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return alloc_fails() ? NULL : __libc_realloc(old, size);
}

/* ---- The wall clock ---- */

static int64_t clock_jump_ms(void)
{
    return control != NULL ? atomic_load(&control->clock_ms) : 0;
}

static void clock_add(struct timespec *t, int64_t ms)
{
    int64_t ns = t->tv_nsec + ms % 1000 * 1000000;

    t->tv_sec += ms / 1000 + (ns < 0 ? -1 : ns / 1000000000);
    t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    REAL(clock_gettime)
    int rc = real_clock_gettime(id, t);
    int64_t ms = clock_jump_ms();

    if (rc == 0 && ms != 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        clock_add(t, ms);
    }
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

/* A time to wait for by the wall clock is by the one that jumped; the kernel knows the other. Such
 * a time lies far beyond any that the monotonic clock reaches. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond,
                           pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    enum { YEAR_2001 = 1000000000 };
    REAL(pthread_cond_timedwait)
    struct timespec real = *until;

    if (real.tv_sec > YEAR_2001) {
        clock_add(&real, -clock_jump_ms());
    }
    return real_pthread_cond_timedwait(cond, mutex, &real);
}
