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

/* The file is looked at once a second. Where there is inotify, it also tells at once when a writer has closed it, or
 * when another file has taken its place (editors, mv, the symlinks of a Kubernetes config map). What only the look has
 * seen may still be being written: it counts when it has not changed for a while. */
#define LOOK_MS 1000
#define QUIET_MS 900
#define COARSE_MS 2000 /* two changes within this time may have the same time stamp */

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
	char *real;     /* where they lead; NULL: not known */
	struct print read, seen; /* when it was read last, and looked at last */
	int64_t seen_at;           /* when what was seen was seen first */
	int64_t again_at;          /* when to read it once more: see load() */
	struct service_list *last; /* what was posted last */
	struct buf error;          /* what was said last; empty when it could be read */
};

/* *failed: an errno when it could not be read at all, else 0. */
static struct service_list *read_services(const char *path, struct buf *why, int *failed)
{
	const struct format *format = format_of(path);
	struct service_list *list = NULL;
	struct buf text = { 0 };
	int error = format ? format_load(path, &text) : 0;

	*failed = error;
	why->len = 0;
	if (!format)
		buf_printf(why, "%s: %s", path, format_unknown);
	else if (error)
		buf_printf(why, "%s: %s", path, strerror(error));
	else
		list = manifest_read(format, text.data, text.len, path, true, why);
	buf_free(&text);
	return list;
}

struct service_list *file_read(const char *path, struct buf *why)
{
	int error;

	return read_services(path, why, &error);
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
	int was = f->target, own;

	if (f->bell < 0)
		return;
	free(f->real);
	f->real = realpath(f->path, NULL);
	own = watch_directory_of(f, f->path);
	f->target = f->real ? watch_directory_of(f, f->real) : -1;
	if (was >= 0 && was != f->target && was != own)
		inotify_rm_watch(f->bell, was);
}

static bool ends_in(const char *path, const char *name)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && strcmp(slash ? slash + 1 : path, name) == 0;
}

/* What has been told since: whether the file was closed by a writer, and whether anything was moved. */
static void hear(const struct file *f, bool *closed, bool *moved)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t n;

	while (f->bell >= 0 && (n = read(f->bell, events, sizeof events)) > 0)
		for (char *at = events; at < events + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;

			if (e->mask & IN_MOVED_TO)
				*moved = true;
			else if (e->len && (ends_in(f->path, e->name) || ends_in(f->real, e->name)))
				*closed = true;
			at += sizeof *e + e->len;
		}
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

static void hear(const struct file *f, bool *closed, bool *moved)
{
	(void)f, (void)closed, (void)moved;
}

static int open_bell(void)
{
	return -1;
}

#endif

static void take(struct file *f, struct service_list *list)
{
	struct source *s = f->source;
	bool same = f->last && service_equal(f->last, list);

	atomic_store(&s->last_good, sys_wall());
	if (!same || f->error.len) /* that an error has been mended is news, too */
		log_info("%s: %zu service%s in %s", s->name, list->count, list->count == 1 ? "" : "s", f->path);
	f->error.len = 0;
	if (same) {
		service_free(list);
		return;
	}
	service_free(f->last);
	f->last = service_hold(list);
	source_post(s, list);
}

/* What has just changed may change again without another time stamp: such a file is read once more, a while later. So
 * is one that could not be read, for whatever reason. What is the same is not said again. */
static void load(struct file *f)
{
	int64_t now = sys_wall(), changed;
	struct service_list *list;
	struct buf why = { 0 };
	int error;

	watch(f);
	f->read = f->seen = look(f->path);
	changed = (int64_t)f->read.st.st_ctim.tv_sec * 1000 + f->read.st.st_ctim.tv_nsec / 1000000;
	list = read_services(f->path, &why, &error);
	f->again_at = error || now - changed < COARSE_MS ? sys_now() + COARSE_MS : 0;
	atomic_store(&f->source->up, list != NULL);
	if (list) {
		take(f, list);
	} else {
		source_error(f->source, 0);
		atomic_fetch_add(&f->source->counters.outages, 1);
	}
	if (!list && (why.len != f->error.len || memcmp(why.data, f->error.data, why.len) != 0)) {
		log_error("%s: %s; what is known stays in force", f->source->name, why.data);
		f->error.len = 0;
		buf_add(&f->error, why.data, why.len);
	}
	buf_free(&why);
}

static void check(struct file *f)
{
	struct print now = look(f->path);
	bool closed = false, moved = false, replaced, quiet;

	hear(f, &closed, &moved);
	replaced = moved && (now.st.st_ino != f->read.st.st_ino || now.st.st_dev != f->read.st.st_dev);
	if (!same_print(&now, &f->seen))
		f->seen_at = sys_now();
	f->seen = now;
	quiet = sys_now() - f->seen_at >= QUIET_MS;
	if (closed || replaced || (quiet && !same_print(&now, &f->read)) ||
	    (quiet && f->again_at && sys_now() >= f->again_at))
		load(f);
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
		check(&f);
	}
	if (f.bell >= 0)
		close(f.bell);
	free(f.real);
	service_free(f.last);
	buf_free(&f.error);
}
