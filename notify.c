#include "base.h"
#include "notify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net.h"
#include "text.h"

/* A path, or with @ a name of Linux's abstract namespace. 0: it cannot be one. */
static socklen_t notify_address(const char *name, struct sockaddr_un *to)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof to->sun_path || (name[0] != '/' && name[0] != '@'))
		return 0;
	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(to->sun_path, name, len);
	if (name[0] == '@')
		to->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static bool muted;

void notify_mute(bool mute)
{
	muted = mute;
}

bool notify_wanted(void)
{
	struct sockaddr_un to;

	return !muted && notify_address(getenv("NOTIFY_SOCKET"), &to);
}

void notify_send(const char *fmt, ...)
{
	struct sockaddr_un to;
	socklen_t len = muted ? 0 : notify_address(getenv("NOTIFY_SOCKET"), &to);
	int fd = len ? socket(AF_UNIX, SOCK_DGRAM, 0) : -1;
	struct buf text = { 0 };
	va_list args;

	if (fd < 0)
		return;
	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	net_nonblocking(fd);
	sendto(fd, text.data, text.len, 0, (const struct sockaddr *)&to, len); /* lost when nobody listens */
	close(fd);
	buf_free(&text);
}
