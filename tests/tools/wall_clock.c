/* A wall clock that a test can set: preloaded into dill, it adds the seconds that the file $WALL_CLOCK has now. What the
 * system itself does by its wall clock goes by the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long wall_clock_offset(void)
{
	const char *name = getenv("WALL_CLOCK");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	char text[32] = "";
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	return len > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	result = real(id, time);
	if (id == CLOCK_REALTIME)
		time->tv_sec += wall_clock_offset();
	return result;
}
