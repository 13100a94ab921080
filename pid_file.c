#include "base.h"
#include "pid_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "sys.h"
#include "text.h"
#include "whole_file.h"

#define NUMBER_MAX 32

static char *current; /* NULL: there is none */

static void print_own(char out[NUMBER_MAX])
{
	print_text(out, NUMBER_MAX, "%ld\n", (long)getpid());
}

void pid_file_remove(void)
{
	int fd = current ? open(current, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
	char own[NUMBER_MAX], found[NUMBER_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof found);

	print_own(own);
	if (n > 0 && (size_t)n == strlen(own) && memcmp(found, own, (size_t)n) == 0)
		unlink(current);
	if (fd >= 0)
		close(fd);
	free(current);
	current = NULL;
}

int pid_file_set(const char *path)
{
	char number[NUMBER_MAX];
	int error;

	print_own(number);
	error = *path ? whole_file_write(path, 0644, slice_of(number), slice_of("")) : 0;
	if (error)
		return error;
	if (current && strcmp(current, path) != 0)
		pid_file_remove();
	free(current);
	current = *path ? sys_dup(path) : NULL;
	return 0;
}
