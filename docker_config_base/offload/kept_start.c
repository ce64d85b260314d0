/* The folder PRIVATE has one folder for each start of a container (containers of one pod share /dev/shm, and it outlives them there):
 * start.T.M, T the time at which process 1 began, M the mount namespace's number. The container's user can change neither.
 *
 * The folder is made once and never again: what is not whole in it stays so until the next start, and the offload does not run. */

#include "kept_start.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* offload/credentials.py */
#ifndef PRIVATE
#define PRIVATE "/dev/shm/offload"
#endif

#define PREFIX "start."
#define ENVIRONMENT "environment"
#define MOST_BYTES (1 << 20)

/* Not even this user writes them again: the CloudWatch Agent writes its state through any link that it finds in the log's folder. */
#define MODE 0400

static const char *const SETTINGS[] = {"offload.toml", "cloudwatch-agent.json", "common-config.toml"};

static int failed(const char *what)
{
    fprintf(stderr, "as-offload: what the container was started with can't be kept: %s: %s\n", what, strerror(errno));
    return 1;
}

/* PRIVATE, if it is this user's alone: anybody may make a folder in /dev/shm. */
static int private_folder(void)
{
    struct stat seen;
    int folder = open(PRIVATE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (folder < 0)
        return -1;
    if (fstat(folder, &seen) == 0 && seen.st_uid == geteuid() && (seen.st_mode & 077) == 0)
        return folder;
    close(folder);
    errno = EPERM;
    return -1;
}

static unsigned long long process_1_began(void)
{
    char text[1024];
    unsigned long long began = 0;
    FILE *file = fopen("/proc/1/stat", "re");

    if (file == NULL)
        return 0;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    /* proc(5): the 22nd field. The second one may have spaces in it, and ends with the last bracket. */
    char *field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < 22; number++)
        field = strchr(field + 1, ' ');
    if (field != NULL)
        began = strtoull(field, NULL, 10);
    return began;
}

static void name_of_this_start(char *name, size_t size)
{
    struct stat seen;
    unsigned long long mounts = stat("/proc/self/ns/mnt", &seen) == 0 ? seen.st_ino : 0;

    snprintf(name, size, PREFIX "%llu.%llu", process_1_began(), mounts);
}

/* Removes what earlier containers left. Whoever uses a start holds a lock on it. */
static void forget_others(int private, const char *own)
{
    DIR *starts = fdopendir(openat(private, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *found;

    while (starts != NULL && (found = readdir(starts)) != NULL) {
        if (strncmp(found->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 || strcmp(found->d_name, own) == 0)
            continue;
        int start = openat(private, found->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (start < 0)
            continue;
        if (flock(start, LOCK_EX | LOCK_NB) == 0) {
            for (size_t i = 0; i < sizeof(SETTINGS) / sizeof(SETTINGS[0]); i++)
                unlinkat(start, SETTINGS[i], 0);
            unlinkat(start, ENVIRONMENT, 0);
            unlinkat(start, ENVIRONMENT ".new", 0);
            unlinkat(private, found->d_name, AT_REMOVEDIR);
        }
        close(start);
    }
    if (starts != NULL)
        closedir(starts);
}

/* Opened as the user who calls: nothing is kept that this one can't read. */
static int open_as_caller(const char *path)
{
    uid_t own = geteuid();

    if (seteuid(getuid()) != 0)
        return -1;
    int file = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    int error = errno;
    if (seteuid(own) != 0)
        abort();
    errno = error;
    return file;
}

/* 0: "from" was copied, or is not there. */
static int copied(const char *from, int start, const char *name)
{
    char block[65536];
    ssize_t got = 0;
    int source = open_as_caller(from);

    if (source < 0)
        return errno == ENOENT ? 0 : -1;
    int target = openat(start, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    while (target >= 0 && (got = read(source, block, sizeof(block))) > 0) {
        if (write(target, block, got) != got) {
            errno = ENOSPC;
            got = -1;
            break;
        }
    }
    int error = errno;
    close(source);
    if (target >= 0)
        close(target);
    errno = error;
    return target < 0 || got < 0 ? -1 : 0;
}

/* Each with its end, a NUL. The settings' folder is the kept one from now on. */
static int write_environment(int start, const char *start_name, const char *const *names, size_t count)
{
    int file = openat(start, ENVIRONMENT ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    FILE *target = file < 0 ? NULL : fdopen(file, "w");

    if (target == NULL)
        return -1;
    fprintf(target, "CAPTURE_CONFIG_DIR=" PRIVATE "/%s%c", start_name, '\0');
    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL)
            fprintf(target, "%s=%s%c", names[i], value, '\0');
    }
    int wrong = ferror(target);
    if (fclose(target) != 0 || wrong)
        return -1;
    return renameat(start, ENVIRONMENT ".new", start, ENVIRONMENT);
}

int keep_start(const char *const *names, size_t count)
{
    char start_name[64], path[4096];
    const char *settings = getenv("CAPTURE_CONFIG_DIR");

    umask(077);
    if (mkdir(PRIVATE, 0700) != 0 && errno != EEXIST)
        return failed(PRIVATE);
    int private = private_folder();
    if (private < 0)
        return failed(PRIVATE " is not the folder of this user alone");
    name_of_this_start(start_name, sizeof(start_name));
    forget_others(private, start_name);
    if (mkdirat(private, start_name, 0700) != 0)
        return failed(start_name);
    int start = openat(private, start_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (start < 0)
        return failed(start_name);
    for (size_t i = 0; settings != NULL && i < sizeof(SETTINGS) / sizeof(SETTINGS[0]); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", settings, SETTINGS[i]) >= (int)sizeof(path))
            continue;
        if (copied(path, start, SETTINGS[i]) != 0)
            return failed(path);
    }
    if (write_environment(start, start_name, names, count) != 0)
        return failed(ENVIRONMENT);
    return 0;
}

int kept_environment(char **variables, size_t most)
{
    char start_name[64];
    struct stat seen;
    size_t count = 0;
    int private = private_folder();

    if (private < 0)
        return -1;
    name_of_this_start(start_name, sizeof(start_name));
    /* Not closed, and inherited by the program: it holds the lock. */
    int start = openat(private, start_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (start < 0)
        return -1;
    flock(start, LOCK_SH | LOCK_NB);
    int file = openat(start, ENVIRONMENT, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || fstat(file, &seen) != 0 || seen.st_size == 0 || seen.st_size > MOST_BYTES)
        return -1;
    char *text = malloc(seen.st_size);
    if (text == NULL || read(file, text, seen.st_size) != seen.st_size || text[seen.st_size - 1] != '\0')
        return -1;
    for (char *at = text; at < text + seen.st_size; at += strlen(at) + 1) {
        if (count == most)
            return -1;
        variables[count++] = at;
    }
    return count;
}
