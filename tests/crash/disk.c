/*
 * Stands between the program and the disk (LD_PRELOAD): writes down what reaches the files of one
 * folder and when it was synced, so that a test can rebuild what a disk would hold after a power
 * cut; and has the disk be full, fail, or be slow, and the clock be wrong, when the test says so.
 *
 * Every operation and its record are made under one lock, so the journal's order is the order in
 * which things happened. Files are named by inode; what a folder holds is written down whole when
 * it is synced, because not every way of renaming a file goes through the C library.
 *
 * test-payments.jsonl stands for another company's computer: it is written down and never fails.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX

/* What the test sets while the program runs; as in disk.rs. */
struct control {
    volatile uint64_t room;          /* bytes until the disk is full */
    volatile uint64_t syncs_left;    /* syncs until some fail */
    volatile uint64_t failures;      /* how many fail then */
    volatile uint64_t sync_delay_us; /* how long each takes */
    volatile int64_t clock_shift_s;  /* how wrong the clock is */
    volatile uint64_t lie;           /* not 0: syncs are answered and not made */
};

struct record {
    uint32_t kind;
    uint32_t length; /* of what follows */
    uint64_t inode;
    uint64_t offset;
};

static struct control none = {NEVER, NEVER, 0, 0, 0, 0};
static struct control *control = &none;
static int journal = -1;
static char folder[PATH_MAX];
static size_t folder_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("MERCAT_DISK_FOLDER");
    if (!path || strlen(path) >= sizeof folder)
        abort();
    strcpy(folder, path);
    folder_length = strlen(folder);
    path = getenv("MERCAT_DISK_CONTROL");
    if (path) {
        int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
        void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || page == MAP_FAILED)
            abort();
        close(fd);
        control = page;
    }
    path = getenv("MERCAT_DISK_JOURNAL");
    if (path) {
        journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (journal < 0)
            abort();
    }
}

static int is_inside(const char *path)
{
    return strncmp(path, folder, folder_length) == 0
        && (path[folder_length] == '/' || path[folder_length] == 0);
}

enum { NOT_OURS, OURS, ANOTHER_COMPANY };

/* Whether it is a file or a folder in the folder. */
static int whose(int fd, struct stat *about)
{
    int before = errno, ours = NOT_OURS;
    if (fstat(fd, about) == 0 && (S_ISREG(about->st_mode) || S_ISDIR(about->st_mode))) {
        char name[32], path[PATH_MAX];
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(name, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            if (is_inside(path))
                ours = strstr(path, "/test-payments.jsonl") ? ANOTHER_COMPANY : OURS;
        }
    }
    errno = before;
    return ours;
}

static void note(uint32_t kind, uint64_t inode, uint64_t offset, const void *data, size_t length)
{
    if (journal < 0)
        return;
    int before = errno;
    struct record head = {kind, (uint32_t)length, inode, offset};
    struct iovec both[] = {{&head, sizeof head}, {(void *)data, length}};
    if (REAL(writev)(journal, both, 2) != (ssize_t)(sizeof head + length))
        abort();
    errno = before;
}

static void note_name(uint32_t kind, uint64_t inode, const char *path)
{
    note(kind, inode, 0, path, strlen(path));
}

/* The names in a folder and the inodes behind them. */
static void note_folder(int fd, const struct stat *about)
{
    int before = errno, own = REAL(openat)(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = own < 0 ? NULL : fdopendir(own);
    if (!entries)
        abort();
    size_t used = 0, size = 1 << 16;
    char *list = malloc(size);
    for (struct dirent *entry; list && (entry = readdir(entries));) {
        uint32_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' && (length == 1 || entry->d_name[1] == '.'))
            continue;
        if (used + 12 + length > size)
            list = realloc(list, size *= 2);
        if (!list)
            break;
        uint64_t inode = entry->d_ino;
        memcpy(list + used, &inode, 8);
        memcpy(list + used + 8, &length, 4);
        memcpy(list + used + 12, entry->d_name, length);
        used += 12 + length;
    }
    if (!list)
        abort();
    closedir(entries);
    note('D', about->st_ino, 0, list, used);
    free(list);
    errno = before;
}

static int open_in(int at, const char *path, int flags, mode_t mode)
{
    if (!(flags & (O_CREAT | O_TRUNC)) || path[0] != '/' || !is_inside(path))
        return REAL(openat)(at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int was_there = access(path, F_OK) == 0;
    int fd = REAL(openat)(at, path, flags, mode);
    struct stat about;
    if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
        if (!was_there)
            note_name('C', about.st_ino, path);
        else if (flags & O_TRUNC)
            note('T', about.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                              \
    int name(const char *path, int flags, ...)  \
    {                                           \
        va_list rest;                           \
        va_start(rest, flags);                  \
        mode_t mode = mode_of(flags, rest);     \
        va_end(rest);                           \
        return open_in(AT_FDCWD, path, flags, mode); \
    }

#define OPENAT(name)                                   \
    int name(int at, const char *path, int flags, ...) \
    {                                                  \
        va_list rest;                                  \
        va_start(rest, flags);                         \
        mode_t mode = mode_of(flags, rest);            \
        va_end(rest);                                  \
        return open_in(at, path, flags, mode);         \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* How much of a write the disk has room for; takes it. */
static size_t admit(size_t length)
{
    if (control->room == NEVER)
        return length;
    if (length > control->room)
        length = control->room;
    control->room -= length;
    return length;
}

static ssize_t write_at(int fd, int ours, const void *data, size_t length, off_t offset,
                        const struct stat *about)
{
    pthread_mutex_lock(&lock);
    size_t fits = ours == OURS ? admit(length) : length;
    ssize_t written = -1;
    if (length > 0 && fits == 0) {
        errno = ENOSPC;
    } else {
        off_t place = offset;
        if (offset < 0)
            place = fcntl(fd, F_GETFL) & O_APPEND ? about->st_size : lseek(fd, 0, SEEK_CUR);
        written = offset < 0 ? REAL(write)(fd, data, fits) : REAL(pwrite)(fd, data, fits, offset);
        if (written > 0)
            note('W', about->st_ino, place, data, written);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *data, size_t length)
{
    struct stat about;
    int ours = whose(fd, &about);
    return ours ? write_at(fd, ours, data, length, -1, &about) : REAL(write)(fd, data, length);
}

/* One part after the other, as a short write would have it. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct stat about;
    int ours = whose(fd, &about);
    if (!ours)
        return REAL(writev)(fd, parts, count);
    for (int n = 0; n < count; n++)
        if (parts[n].iov_len > 0)
            return write_at(fd, ours, parts[n].iov_base, parts[n].iov_len, -1, &about);
    return 0;
}

#define PWRITE(name)                                                    \
    ssize_t name(int fd, const void *data, size_t length, off_t offset) \
    {                                                                   \
        struct stat about;                                              \
        int ours = whose(fd, &about);                                   \
        if (!ours)                                                      \
            return REAL(pwrite)(fd, data, length, offset);              \
        return write_at(fd, ours, data, length, offset, &about);        \
    }

PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                  \
    int name(int fd, off_t length)                       \
    {                                                    \
        struct stat about;                               \
        int ours = whose(fd, &about);                    \
        if (!ours)                                       \
            return REAL(ftruncate)(fd, length);          \
        pthread_mutex_lock(&lock);                       \
        int done = -1;                                   \
        int grows = length > about.st_size;              \
        if (ours == OURS && grows && control->room == 0) \
            errno = ENOSPC;                              \
        else                                             \
            done = REAL(ftruncate)(fd, length);          \
        if (done == 0)                                   \
            note('T', about.st_ino, length, NULL, 0);    \
        pthread_mutex_unlock(&lock);                     \
        return done;                                     \
    }

FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

static int sync_by(int (*sync)(int), int fd)
{
    struct stat about;
    if (whose(fd, &about) != OURS)
        return sync(fd);
    if (control->sync_delay_us)
        usleep(control->sync_delay_us);
    pthread_mutex_lock(&lock);
    int done;
    if (control->lie) {
        done = 0;
    } else if (control->syncs_left == 0 && control->failures > 0) {
        control->failures--;
        note('F', about.st_ino, 0, NULL, 0);
        errno = EIO;
        done = -1;
    } else {
        if (control->syncs_left != NEVER && control->syncs_left > 0)
            control->syncs_left--;
        done = sync(fd);
        if (done == 0 && S_ISDIR(about.st_mode))
            note_folder(fd, &about);
        else if (done == 0)
            note('S', about.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd)
{
    return sync_by(REAL(fsync), fd);
}

int fdatasync(int fd)
{
    return sync_by(REAL(fdatasync), fd);
}

int rename(const char *from, const char *to)
{
    if (!is_inside(from) || !is_inside(to))
        return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int done = REAL(rename)(from, to);
    if (done == 0) {
        char both[2 * PATH_MAX];
        int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
        note('R', 0, 0, both, length);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int unlink(const char *path)
{
    if (!is_inside(path))
        return REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    int done = REAL(unlink)(path);
    if (done == 0)
        note_name('U', 0, path);
    pthread_mutex_unlock(&lock);
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    if (!is_inside(path))
        return REAL(mkdir)(path, mode);
    pthread_mutex_lock(&lock);
    int done = REAL(mkdir)(path, mode);
    struct stat about;
    if (done == 0 && stat(path, &about) == 0)
        note_name('M', about.st_ino, path);
    pthread_mutex_unlock(&lock);
    return done;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int done = REAL(clock_gettime)(clock, now);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += control->clock_shift_s;
    return done;
}
