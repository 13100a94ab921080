#include "base.h"
#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t written = write(fd, bytes.at, bytes.len);

		if (written < 0 && errno != EINTR)
			return errno;
		bytes = slice_skip(bytes, written > 0 ? (size_t)written : 0);
	}
	return 0;
}

static int write_file(int fd, struct slice head, struct slice body)
{
	int error = write_all(fd, head);

	if (!error)
		error = write_all(fd, body);
	return error || fsync(fd) == 0 ? error : errno;
}

/* As root we could: put a file in place of /dev/null. */
static bool is_device(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

int whole_file_write(const char *path, unsigned mode, struct slice head, struct slice body)
{
	struct buf temporary = { 0 };
	int fd, error;

	if (is_device(path))
		return EPERM;
	buf_printf(&temporary, "%s.new", path);
	/* What lies there may be left from a crash, or be a stranger's link to a file of ours: a new one, or none. */
	unlink(temporary.data);
	fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
	error = fd < 0 ? errno : write_file(fd, head, body);
	if (fd >= 0 && close(fd) < 0 && !error)
		error = errno;
	if (!error && rename(temporary.data, path) < 0)
		error = errno;
	if (error && fd >= 0)
		unlink(temporary.data);
	buf_free(&temporary);
	return error;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool whole_file_same(const struct stat *was, const struct stat *is)
{
	return was->st_dev == is->st_dev && was->st_ino == is->st_ino && was->st_size == is->st_size &&
	       same_time(&was->st_mtim, &is->st_mtim) && same_time(&was->st_ctim, &is->st_ctim);
}
