/*
 * Preloaded into a relay, this library journals what the process does to the files below a directory: with contents,
 * in the order in which it took effect. It can also let one sync fail, or make all of them slow.
 *
 * LevelDB writes through stdio, and what glibc's stdio does cannot be interposed: streams that write below the
 * directory are made of cookies, whose writes come here. They keep glibc's buffering.
 *
 * From the environment:
 *   SYNCLINE_DISK_ROOT       the directory, absolute and without symbolic links
 *   SYNCLINE_DISK_JOURNAL    file to append the journal to; without it nothing is journaled
 *   SYNCLINE_DISK_FAIL_SYNC  the sync with this number, from 1, fails with EIO and syncs nothing
 *   SYNCLINE_DISK_FAIL_COUNT and so do those after it, this many in all; default 1
 *   SYNCLINE_DISK_SYNC_MS    how much longer each sync takes
 *   SYNCLINE_DISK_DIE_AT     the process is killed when it has made this many entries, from 1: no operation is half done
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FDS = 65536, MAX_STREAMS = 64 };

typedef struct { FILE *file; int fd; } stream;

static const char *root;
static size_t root_length;
static int journal = -1;
static unsigned long fail_sync, fail_count = 1, sync_ms, die_at, syncs, entries;
static struct { dev_t device; ino_t inode; } tracked_files[MAX_FDS]; /* 0: none */
static stream streams[MAX_STREAMS];
/* held while an operation takes effect and is journaled, so that both have one order */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A journal with a hole proves nothing. */
static void give_up(const char *why) {
  dprintf(2, "recorder: %s: %s\n", why, strerror(errno));
  abort();
}

/* The directory itself counts: its entries are synced through it. */
static int is_below(const char *path) {
  if (!root || !path || strncmp(path, root, root_length) != 0) return 0;
  return path[root_length] == '/' || path[root_length] == 0;
}

static const char *below(const char *path) {
  return path + root_length + (path[root_length] == '/');
}

/* libuv closes with a system call that nobody sees: the number may be that of something else by now. */
static int tracked(int fd) {
  struct stat found;
  if (fd < 0 || fd >= MAX_FDS || tracked_files[fd].inode == 0) return 0;
  int error = errno;
  int is_same = fstat(fd, &found) == 0 && found.st_ino == tracked_files[fd].inode && found.st_dev == tracked_files[fd].device;
  errno = error;
  if (!is_same) tracked_files[fd].inode = 0;
  return is_same;
}

static void track(int fd) {
  struct stat opened;
  if (fd >= MAX_FDS || fstat(fd, &opened) != 0) give_up("a file cannot be tracked");
  tracked_files[fd].device = opened.st_dev;
  tracked_files[fd].inode = opened.st_ino;
}

/* One entry: u32 length of what follows, a letter, and up to three fields. */
static void record(char type, const void *a, size_t a_length, const void *b, size_t b_length, const void *c, size_t c_length) {
  if (journal < 0) return;
  uint32_t length = 1 + a_length + b_length + c_length;
  struct iovec parts[] = {
    { &length, sizeof length }, { &type, 1 },
    { (void *)a, a_length }, { (void *)b, b_length }, { (void *)c, c_length },
  };
  ssize_t written = syscall(SYS_writev, journal, parts, 5);
  if (written != (ssize_t)(sizeof length + length)) give_up("the journal cannot be written");
  if (++entries == die_at) kill(getpid(), SIGKILL);
}

static void record_path(char type, const char *path) {
  record(type, below(path), strlen(below(path)), NULL, 0, NULL, 0);
}

static void record_paths(char type, const char *from, const char *to) {
  record(type, below(from), strlen(below(from)) + 1, below(to), strlen(below(to)), NULL, 0);
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SYNCLINE_DISK_JOURNAL"), *text;
  root = getenv("SYNCLINE_DISK_ROOT");
  if (!root) return;
  root_length = strlen(root);
  if ((text = getenv("SYNCLINE_DISK_FAIL_SYNC"))) fail_sync = strtoul(text, NULL, 10);
  if ((text = getenv("SYNCLINE_DISK_FAIL_COUNT"))) fail_count = strtoul(text, NULL, 10);
  if ((text = getenv("SYNCLINE_DISK_SYNC_MS"))) sync_ms = strtoul(text, NULL, 10);
  if ((text = getenv("SYNCLINE_DISK_DIE_AT"))) die_at = strtoul(text, NULL, 10);
  if (!path) return;
  journal = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (journal < 0) give_up("the journal cannot be opened");
  record('P', NULL, 0, NULL, 0, NULL, 0);
}

/* O: fd, whether it may create (1) and whether it truncates (2), path */
static int open_and_record(const char *path, int flags, mode_t mode) {
  pthread_mutex_lock(&lock);
  int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int error = errno;
  if (fd >= 0) {
    int32_t number = fd;
    uint8_t effects = (flags & O_CREAT ? 1 : 0) | (flags & O_TRUNC ? 2 : 0);
    track(fd);
    record('O', &number, sizeof number, &effects, 1, below(path), strlen(below(path)));
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
      va_list arguments; \
      va_start(arguments, flags); \
      mode = va_arg(arguments, mode_t); \
      va_end(arguments); \
    } \
    REAL(name); \
    return is_below(path) ? open_and_record(path, flags, mode) : real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  REAL(close);
  if (!tracked(fd)) return real(fd);
  pthread_mutex_lock(&lock);
  int32_t number = fd;
  record('C', &number, sizeof number, NULL, 0, NULL, 0);
  tracked_files[fd].inode = 0;
  int result = real(fd), error = errno;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

/* W: fd, offset, bytes */
static void record_write(int fd, uint64_t offset, const void *bytes, ssize_t count) {
  int32_t number = fd;
  if (count > 0) record('W', &number, sizeof number, &offset, sizeof offset, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(write);
  if (!tracked(fd)) return real(fd, bytes, count);
  pthread_mutex_lock(&lock);
  ssize_t written = real(fd, bytes, count);
  int error = errno;
  record_write(fd, lseek(fd, 0, SEEK_CUR) - written, bytes, written);
  pthread_mutex_unlock(&lock);
  errno = error;
  return written;
}

#define PWRITE(name, offset_type) \
  ssize_t name(int fd, const void *bytes, size_t count, offset_type offset) { \
    REAL(name); \
    if (!tracked(fd)) return real(fd, bytes, count, offset); \
    pthread_mutex_lock(&lock); \
    ssize_t written = real(fd, bytes, count, offset); \
    int error = errno; \
    record_write(fd, offset, bytes, written); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return written; \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* T: fd, size */
#define FTRUNCATE(name, offset_type) \
  int name(int fd, offset_type size) { \
    REAL(name); \
    if (!tracked(fd)) return real(fd, size); \
    pthread_mutex_lock(&lock); \
    int32_t number = fd; \
    uint64_t bytes = size; \
    int result = real(fd, size), error = errno; \
    if (result == 0) record('T', &number, sizeof number, &bytes, sizeof bytes, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return result; \
  }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

/* B and E: fd, number of the sync; E: whether it was one. In between, writes of other threads go on. */
static int sync_and_record(int fd, int (*real)(int)) {
  if (!tracked(fd)) return real(fd);
  int32_t number = fd;
  pthread_mutex_lock(&lock);
  uint32_t count = ++syncs;
  record('B', &number, sizeof number, &count, sizeof count, NULL, 0);
  pthread_mutex_unlock(&lock);
  if (sync_ms > 0) usleep(sync_ms * 1000);
  int fails = fail_sync > 0 && count >= fail_sync && count < fail_sync + fail_count;
  int result = fails ? -1 : real(fd);
  int error = fails ? EIO : errno;
  uint8_t is_synced = result == 0;
  pthread_mutex_lock(&lock);
  record('E', &number, sizeof number, &count, sizeof count, &is_synced, 1);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int fsync(int fd) {
  REAL(fsync);
  return sync_and_record(fd, real);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_and_record(fd, real);
}

/* Names: M makes a directory, U unlinks or removes one, R renames, L links. */
#define CHANGE_OF_NAME(type, path, call) \
  if (!is_below(path)) return call; \
  pthread_mutex_lock(&lock); \
  int result = call, error = errno; \
  if (result == 0) record_path(type, path); \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  return result

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  CHANGE_OF_NAME('M', path, real(path, mode));
}

int unlink(const char *path) {
  REAL(unlink);
  CHANGE_OF_NAME('U', path, real(path));
}

int rmdir(const char *path) {
  REAL(rmdir);
  CHANGE_OF_NAME('U', path, real(path));
}

char *mkdtemp(char *template) {
  REAL(mkdtemp);
  if (!is_below(template)) return real(template);
  pthread_mutex_lock(&lock);
  char *path = real(template);
  int error = errno;
  if (path) record_path('M', path);
  pthread_mutex_unlock(&lock);
  errno = error;
  return path;
}

#define CHANGE_OF_NAMES(type, from, to, call) \
  if (!is_below(from) && !is_below(to)) return call; \
  if (!is_below(from) || !is_below(to)) give_up("a file crosses the edge of the directory"); \
  pthread_mutex_lock(&lock); \
  int result = call, error = errno; \
  if (result == 0) record_paths(type, from, to); \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  return result

int rename(const char *from, const char *to) {
  REAL(rename);
  CHANGE_OF_NAMES('R', from, to, real(from, to));
}

int link(const char *from, const char *to) {
  REAL(link);
  CHANGE_OF_NAMES('L', from, to, real(from, to));
}

static ssize_t write_cookie(void *cookie, const char *bytes, size_t count) {
  ssize_t written = write((int)(intptr_t)cookie, bytes, count);
  return written < 0 ? 0 : written; /* a cookie says 0 where it failed */
}

static int close_cookie(void *cookie) {
  int fd = (int)(intptr_t)cookie;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_STREAMS; i++) if (streams[i].file && streams[i].fd == fd) streams[i].file = NULL;
  pthread_mutex_unlock(&lock);
  return close(fd);
}

static FILE *open_stream(const char *path, const char *mode) {
  int flags = O_WRONLY | O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
  int fd = open_and_record(path, flags, 0666);
  if (fd < 0) return NULL;
  FILE *file = fopencookie((void *)(intptr_t)fd, mode, (cookie_io_functions_t){ .write = write_cookie, .close = close_cookie });
  if (!file) give_up("a stream cannot be opened");
  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < MAX_STREAMS && streams[i].file) i++;
  if (i == MAX_STREAMS) give_up("too many streams are open");
  streams[i] = (stream){ file, fd };
  pthread_mutex_unlock(&lock);
  return file;
}

#define FOPEN(name) \
  FILE *name(const char *path, const char *mode) { \
    REAL(name); \
    if (!is_below(path) || mode[0] == 'r') return real(path, mode); \
    return open_stream(path, mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)

int fileno(FILE *file) {
  REAL(fileno);
  int fd = -1;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < MAX_STREAMS; i++) if (streams[i].file == file) fd = streams[i].fd;
  pthread_mutex_unlock(&lock);
  return fd >= 0 ? fd : real(file);
}
