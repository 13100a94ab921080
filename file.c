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

#include "format.h"
#include "log.h"
#include "manifest.h"
#include "option.h"
#include "service.h"
#include "sys.h"
#include "text.h"
#include "whole_file.h"

struct file_settings {
	const char *path;
	bool watch;
};

static const char *check_name(const char *path)
{
	if (slice_find(slice_of(path), slice_of("://")))
		return "is a URL; routing.http.endpoint is the key for one";
	return !*path || format_of(path) ? NULL : format_unknown;
}

static const struct option file_options[] = {
	{ .key = "routing.file.path", OPTION_TEXT, .at = offsetof(struct file_settings, path), "",
	  "file with services, of any of the formats; off when empty", .check = check_name },
	{ .key = "routing.file.watch", OPTION_SWITCH, .at = offsetof(struct file_settings, watch), "true",
	  "read that file again whenever it changes" },
};

/* The thread looks at the file once a second. Where inotify exists, it also tells at once when a writer has closed the
 * file, or another file has taken its place (editors, mv, the symlinks of a Kubernetes config map). A change that only
 * the look has found may not be complete: it counts once the file has been quiet for a while. */
#define LOOK_MS 1000
#define QUIET_MS 900
#define COARSE_MS 2000 /* two changes within this time may have the same time stamp */

/* What tells a file from the one that was read. */
struct file_print {
	int error;
	struct stat st;
};

struct file {
	struct source *source;
	const char *path;
	int bell;       /* inotify, or -1 */
	int target;     /* its watch on the directory that symlinks lead to, or -1 */
	char *real;     /* where they lead; NULL: not known */
	struct file_print read, seen; /* at the last reading, and at the last look */
	int64_t seen_at;           /* since when it looks like this */
	int64_t again_at;          /* when to read it once more: see load_file(); 0: not needed */
	struct manifest_document document; /* its list is what was posted last */
	struct buf error;          /* the error that was logged last; empty after a good reading */
};

/* NULL: why is the reason. *failed: an errno when the file could not be read at all, else 0. The document is what was read
 * before; NULL: it is read once. */
static struct service_list *read_services(const char *path, struct manifest_document *document, struct buf *why, int *failed)
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
	else if (document)
		list = manifest_read_again(document, format, (struct slice){ text.data, text.len }, path, true, why);
	else
		list = manifest_read(format, text.data, text.len, path, true, why);
	buf_free(&text);
	return list;
}

static struct service_list *file_read(const void *settings, struct buf *why)
{
	int error;

	return read_services(((const struct file_settings *)settings)->path, NULL, why, &error);
}

static bool file_wanted(const void *settings)
{
	return *((const struct file_settings *)settings)->path;
}

/* A file that is not watched is read again at each reload. */
static bool file_restarts(const void *settings)
{
	return !((const struct file_settings *)settings)->watch;
}

static struct file_print look_at_file(const char *path)
{
	struct file_print print = { 0 };

	if (stat(path, &print.st) < 0)
		print = (struct file_print){ .error = errno };
	return print;
}

static bool same_print(const struct file_print *a, const struct file_print *b)
{
	return a->error == b->error && whole_file_same(&a->st, &b->st);
}

#ifdef __linux__

static int watch_directory_of(const struct file *file, const char *path)
{
	char *copy = sys_dup(path);
	int watch = inotify_add_watch(file->bell, dirname(copy), IN_CLOSE_WRITE | IN_MOVED_TO);

	free(copy);
	return watch;
}

/* Called before each reading: the directory may have been replaced, and symlinks may lead elsewhere. */
static void watch_file(struct file *file)
{
	int was = file->target, own;

	if (file->bell < 0)
		return;
	free(file->real);
	file->real = realpath(file->path, NULL);
	own = watch_directory_of(file, file->path);
	file->target = file->real ? watch_directory_of(file, file->real) : -1;
	if (was >= 0 && was != file->target && was != own)
		inotify_rm_watch(file->bell, was);
}

static bool ends_in(const char *path, const char *name)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && strcmp(slash ? slash + 1 : path, name) == 0;
}

/* Takes the events: whether a writer has closed the file, and whether any file was moved here. */
static void hear_bell(const struct file *file, bool *closed, bool *moved)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t len;

	while (file->bell >= 0 && (len = read(file->bell, events, sizeof events)) > 0)
		for (char *at = events; at < events + len;) {
			const struct inotify_event *event = (const struct inotify_event *)(void *)at;

			if (event->mask & IN_MOVED_TO)
				*moved = true;
			else if (event->len && (ends_in(file->path, event->name) || ends_in(file->real, event->name)))
				*closed = true;
			at += sizeof *event + event->len;
		}
}

static int open_bell(void)
{
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

#else

static void watch_file(struct file *file)
{
	(void)file;
}

static void hear_bell(const struct file *file, bool *closed, bool *moved)
{
	(void)file, (void)closed, (void)moved;
}

static int open_bell(void)
{
	return -1;
}

#endif

static void take_services(struct file *file, struct service_list *list)
{
	struct source *source = file->source;
	enum manifest_news news = file->document.news;

	atomic_store(&source->last_good, sys_now());
	if (news == MANIFEST_OTHER || file->error.len) /* the end of an error is logged, too */
		log_info("%s: %zu service%s in %s", source->kind->name, list->count, text_s(list->count), file->path);
	file->error.len = 0;
	if (news == MANIFEST_SAME)
		service_list_unref(list);
	else
		source_post(source, list);
}

/* Reads the file. One that has changed may change again without a new time stamp, so it is read once more, a while
 * later; and so is one that could not be read. The same error is logged only once. */
static void load_file(struct file *file)
{
	struct file_print before = file->read;
	struct service_list *list;
	struct buf why = { 0 };
	int error;

	watch_file(file);
	file->read = file->seen = look_at_file(file->path);
	list = read_services(file->path, &file->document, &why, &error);
	file->again_at = error || !same_print(&before, &file->read) ? sys_now() + COARSE_MS : 0;
	atomic_store(&file->source->up, list != NULL);
	if (list) {
		take_services(file, list);
	} else {
		source_error(file->source, 0);
		atomic_fetch_add(&file->source->counters.outages, 1);
	}
	if (!list && (why.len != file->error.len || memcmp(why.data, file->error.data, why.len) != 0)) {
		log_error("%s: %s; keeping the last known services; retrying", file->source->kind->name, why.data);
		file->error.len = 0;
		buf_add(&file->error, why.data, why.len);
	}
	buf_free(&why);
}

static void check_file(struct file *file)
{
	struct file_print now = look_at_file(file->path);
	bool closed = false, moved = false, replaced, quiet;

	hear_bell(file, &closed, &moved);
	replaced = moved && (now.st.st_ino != file->read.st.st_ino || now.st.st_dev != file->read.st.st_dev);
	if (!same_print(&now, &file->seen))
		file->seen_at = sys_now();
	file->seen = now;
	quiet = sys_now() - file->seen_at >= QUIET_MS;
	if (closed || replaced || (quiet && !same_print(&now, &file->read)) ||
	    (quiet && file->again_at && sys_now() >= file->again_at))
		load_file(file);
}

static void file_run(struct source *source)
{
	const struct file_settings *settings = source->settings;
	struct file file = {
		.source = source, .path = settings->path, .bell = settings->watch ? open_bell() : -1, .target = -1
	};

	load_file(&file);
	for (;;) {
		struct pollfd polls[2] = { { .fd = source->cancel[0], .events = POLLIN }, { .fd = file.bell, .events = POLLIN } };

		poll(polls, 2, settings->watch ? LOOK_MS : -1);
		if (polls[0].revents)
			break;
		check_file(&file);
	}
	if (file.bell >= 0)
		close(file.bell);
	free(file.real);
	manifest_forget(&file.document);
	buf_free(&file.error);
}

const struct source_kind file_kind = {
	.name = "file", .title = "the routing file", .table = "routing.file", .options = file_options,
	.option_count = ARRAY_LEN(file_options), .size = sizeof(struct file_settings), .needs = "routing.file.path",
	.wanted = file_wanted, .run = file_run, .read = file_read, .restarts = file_restarts
};
