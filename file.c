#include "base.h"
#include "file.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "config.h"
#include "format.h"
#include "log.h"
#include "manifest.h"

/* The file is looked at once a second. Where there is inotify, it also tells at once when a writer has closed it or
 * something was moved into a directory on the way to it (editors, mv, the symlinks of a Kubernetes config map). What
 * only the look has seen may still be being written: it counts when two looks in a row see the same. */
#define LOOK_MS 1000

/* What tells that a file is not the one that was read. */
struct print {
	int error;
	struct stat st;
};

struct file {
	struct source *source;
	const char *path;
	int bell;       /* inotify, or -1 */
	int target;     /* its watch on the directory that symlinks lead to, or -1 */
	struct print read, seen; /* when it was read last, and looked at last */
};

struct service_list *file_read(const char *path, struct buf *why)
{
	enum format format = format_of(path);
	struct service_list *list = NULL;
	struct buf text = { 0 };
	int error = format == FORMAT_NONE ? 0 : format_load(path, &text);

	why->len = 0;
	if (format == FORMAT_NONE)
		buf_printf(why, "%s: %s", path, format_unknown);
	else if (error)
		buf_printf(why, "%s: %s", path, strerror(error));
	else
		list = manifest_read(format, text.data, text.len, path, true, why);
	buf_free(&text);
	return list;
}

static struct print look(const char *path)
{
	struct print p = { 0 };

	if (stat(path, &p.st) < 0)
		p = (struct print){ .error = errno };
	return p;
}

static bool same_print(const struct print *a, const struct print *b)
{
	return a->error == b->error && a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino &&
	       a->st.st_size == b->st.st_size && a->st.st_mtim.tv_sec == b->st.st_mtim.tv_sec &&
	       a->st.st_mtim.tv_nsec == b->st.st_mtim.tv_nsec && a->st.st_ctim.tv_sec == b->st.st_ctim.tv_sec &&
	       a->st.st_ctim.tv_nsec == b->st.st_ctim.tv_nsec;
}

#ifdef __linux__

static int watch_directory_of(const struct file *f, const char *path)
{
	char *copy = strdup(path);
	int watch = copy ? inotify_add_watch(f->bell, dirname(copy), IN_CLOSE_WRITE | IN_MOVED_TO) : -1;

	free(copy);
	return watch;
}

/* Again before each reading: the directory may be another one by now, and symlinks may lead elsewhere. */
static void watch(struct file *f)
{
	char *real = f->bell >= 0 ? realpath(f->path, NULL) : NULL;
	int was = f->target;
	int own = f->bell >= 0 ? watch_directory_of(f, f->path) : -1;

	f->target = real ? watch_directory_of(f, real) : -1;
	if (was >= 0 && was != f->target && was != own)
		inotify_rm_watch(f->bell, was);
	free(real);
}

static int open_bell(void)
{
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

#else

static void watch(struct file *f)
{
	(void)f;
}

static int open_bell(void)
{
	return -1;
}

#endif

/* What was rung for does not matter: the file is looked at. */
static bool rung(const struct file *f)
{
	char events[4096];
	bool any = false;

	while (f->bell >= 0 && read(f->bell, events, sizeof events) > 0)
		any = true;
	return any;
}

static void load(struct file *f)
{
	struct source *s = f->source;
	struct service_list *list;
	struct buf why = { 0 };

	watch(f);
	f->read = f->seen = look(f->path);
	list = file_read(f->path, &why);
	if (list) {
		log_info("%s: %zu service%s in %s", s->name, list->count, list->count == 1 ? "" : "s", f->path);
		atomic_store(&s->last_good, sys_wall());
		service_post(s->box, s->slot, list);
	} else {
		log_error("%s: %s; what is known stays in force", s->name, why.data);
	}
	atomic_store(&s->up, list != NULL);
	buf_free(&why);
}

static void check(struct file *f, bool sure)
{
	struct print now = look(f->path);

	if (!same_print(&now, &f->read) && (sure || same_print(&now, &f->seen)))
		load(f);
	else
		f->seen = now;
}

void file_run(struct source *s)
{
	const struct config *c = s->config;
	struct file f = { .source = s, .path = c->file_path, .bell = c->file_watch ? open_bell() : -1, .target = -1 };

	load(&f);
	for (;;) {
		struct pollfd polls[2] = { { .fd = s->cancel[0], .events = POLLIN }, { .fd = f.bell, .events = POLLIN } };

		poll(polls, 2, c->file_watch ? LOOK_MS : -1);
		if (polls[0].revents)
			break;
		if (f.bell >= 0 && f.read.error)
			watch(&f); /* its directory may be there by now */
		check(&f, rung(&f));
	}
	if (f.bell >= 0)
		close(f.bell);
}
