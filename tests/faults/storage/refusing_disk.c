/* A disk that refuses: while the file $REFUSE_WITH exists, whatever writes below $REFUSE_UNDER fails with the error number
   that is in it. Loaded with LD_PRELOAD by the tests of faults; see refusing_disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Looked up once: a child between vfork and exec may not do that. */
#define REAL(name) real_##name
#define LOOK_UP(name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define EACH(DO) DO(open); DO(open64); DO(openat); DO(openat64); DO(write); DO(pwrite); DO(pwrite64); DO(fsync); DO(fdatasync); \
    DO(ftruncate); DO(ftruncate64); DO(mkdir); DO(mkdirat); DO(rename); DO(unlink)
#define DECLARE(name) static __typeof__(&name) real_##name
EACH(DECLARE);
static const char *under, *with;
/* Not on the stack: write() is called in signal handlers, whose own stack has no room for paths. */
static __thread __attribute__((tls_model("initial-exec"))) char path_of_file[PATH_MAX], full[2 * PATH_MAX];

__attribute__((constructor)) static void begin(void) {
    EACH(LOOK_UP);
    under = getenv("REFUSE_UNDER");
    with = getenv("REFUSE_WITH");
}

static int refusal(const char *path) {
    if (!under || !with || strncmp(path, under, strlen(under)) != 0) return 0;
    int control = REAL(open)(with, O_RDONLY | O_CLOEXEC);
    if (control < 0) return 0;
    char text[16] = {0};
    ssize_t got = read(control, text, sizeof text - 1);
    close(control);
    return got > 0 ? atoi(text) : 0;
}

static int refusal_at(int folder, const char *path) {
    char place[64];
    if (path[0] == '/') return refusal(path);
    if (folder == AT_FDCWD) {
        if (!getcwd(full, PATH_MAX)) return 0;
    } else {
        snprintf(place, sizeof place, "/proc/self/fd/%d", folder);
        ssize_t got = readlink(place, full, PATH_MAX - 1);
        if (got < 0) return 0;
        full[got] = 0;
    }
    strncat(full, "/", 2);
    strncat(full, path, PATH_MAX - 1);
    return refusal(full);
}

static int refusal_of(int file) {
    char place[64], *path = path_of_file;
    snprintf(place, sizeof place, "/proc/self/fd/%d", file);
    ssize_t got = readlink(place, path, PATH_MAX - 1);
    if (got < 0) return 0;
    path[got] = 0;
    return refusal(path);
}

#define REFUSE(number) do { int refused = (number); if (refused) { errno = refused; return -1; } } while (0)
#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
/* A full quota lets files be opened that are there; nothing new is made. */
#define MODE int mode = 0; if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); }

static int may_open(int flags, int refused, const char *path, int folder) {
    if (!refused || !WRITES(flags)) return 0;
    if (refused == EROFS) return refused;
    return (flags & O_CREAT) && faccessat(folder, path, F_OK, 0) != 0 ? refused : 0;
}

int open(const char *path, int flags, ...) { MODE
    REFUSE(may_open(flags, WRITES(flags) ? refusal_at(AT_FDCWD, path) : 0, path, AT_FDCWD));
    return REAL(open)(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE
    REFUSE(may_open(flags, WRITES(flags) ? refusal_at(AT_FDCWD, path) : 0, path, AT_FDCWD));
    return REAL(open64)(path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE
    REFUSE(may_open(flags, WRITES(flags) ? refusal_at(folder, path) : 0, path, folder));
    return REAL(openat)(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE
    REFUSE(may_open(flags, WRITES(flags) ? refusal_at(folder, path) : 0, path, folder));
    return REAL(openat64)(folder, path, flags, mode); }
ssize_t write(int file, const void *data, size_t size) { REFUSE(refusal_of(file)); return REAL(write)(file, data, size); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { REFUSE(refusal_of(file)); return REAL(pwrite)(file, data, size, at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { REFUSE(refusal_of(file)); return REAL(pwrite64)(file, data, size, at); }
int fsync(int file) { REFUSE(refusal_of(file)); return REAL(fsync)(file); }
int fdatasync(int file) { REFUSE(refusal_of(file)); return REAL(fdatasync)(file); }
int ftruncate(int file, off_t size) { REFUSE(refusal_of(file)); return REAL(ftruncate)(file, size); }
int ftruncate64(int file, off64_t size) { REFUSE(refusal_of(file)); return REAL(ftruncate64)(file, size); }
int mkdir(const char *path, mode_t mode) { REFUSE(refusal_at(AT_FDCWD, path)); return REAL(mkdir)(path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { REFUSE(refusal_at(folder, path)); return REAL(mkdirat)(folder, path, mode); }
int rename(const char *old, const char *new) { REFUSE(refusal_at(AT_FDCWD, new)); return REAL(rename)(old, new); }
int unlink(const char *path) { REFUSE(refusal_at(AT_FDCWD, path)); return REAL(unlink)(path); }
