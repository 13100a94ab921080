/* The file is one line, `dill-state 1 SUM LENGTH SAVED`, and then services as JSON, as in any routing file, each with a
 * weight in addition. SUM (FNV-1a, 64 bits) and LENGTH cover all that follows the line. */
#include "base.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doc.h"
#include "format.h"
#include "manifest.h"
#include "net.h"
#include "service_option.h"
#include "sys.h"
#include "whole_file.h"
#include "wish.h"

#define BODY_MAX ((64 << 20) - 256) /* of a file that format_load_fd() reads */
#define SERVICES_OPEN "{\"services\":["
#define FIELDS 7 /* values of a service, at most, beside listeners and options */

/* Whether a text reads back as it was written: no format takes control bytes, and JSON is UTF-8. NULL does. */
static bool survives(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = (unsigned char)text[i] < 0x80 ? 1 : text_utf8(text + i, len - i);
		if (!n || (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	}
	return true;
}

/* `address` is for its text. */
static bool backend_survives(const struct service_backend *backend, struct buf *address)
{
	struct slice host;
	uint16_t port;

	if (!*backend->host || !backend->weight || !survives(backend->host) || strchr(backend->host, ','))
		return false;
	address->len = 0;
	net_put_host_port(address, backend->host, backend->port);
	return !net_split((struct slice){ address->data, address->len }, &host, &port) && slice_is(host, backend->host) &&
	       port == backend->port;
}

/* Why an instance is not routed, if that is so. Its age counts for its service all the same, and its port is its own: else a
 * listener would change hands when dill starts again. NULL: it is routed. */
static const char *excuse_of(const struct service *service)
{
	return service->absent ? service->absent : service->fault;
}

/* Whether the service reads back the same. One that came back without an option of its own could be open to more clients
 * than it says. */
static bool says_the_same(const struct service *service)
{
	bool fine = service->wish_count && service->backend_count;

	for (size_t i = 0; i < service->wish_count; i++)
		fine = fine && survives(service->wishes[i].text);
	for (size_t i = 0; i < service->setting_count; i++)
		fine = fine && survives(service->settings[i].value);
	return fine;
}

static bool backends_survive(const struct service *service, struct buf *address)
{
	for (size_t i = 0; i < service->backend_count; i++)
		if (!backend_survives(&service->backends[i], address) || service->backends[i].weight != service->backends[0].weight)
			return false;
	return service->backend_count <= 1 || service->backends[0].weight == 1;
}

/* most: backends, of one service. */
static bool fits(const struct service *service, size_t most, struct buf *address)
{
	const char *excuse = excuse_of(service);
	bool fine = service->backend_count <= most && backends_survive(service, address);

	if (excuse)
		fine = fine && (service_since(service) || service->backend_count) && survives(excuse);
	else
		fine = fine && says_the_same(service);
	return fine && !service->held && *service->name && service->name[0] != '[' && survives(service->name) &&
	       survives(service->node) && survives(service->instance);
}

static void put_wishes(struct buf *out, const struct service *service)
{
	buf_puts(out, ",\"listener\":[");
	for (size_t i = 0; i < service->wish_count; i++)
		buf_puts_json(out, i ? "," : "", service->wishes[i].text);
	buf_puts(out, "]");
}

static void put_backends(struct buf *out, const struct service *service, struct buf *address)
{
	for (size_t i = 0; i < service->backend_count; i++) {
		address->len = 0;
		service_put_backend(&service->backends[i], address);
		buf_puts_json(out, i ? "," : ",\"backends\":[", address->data);
	}
	buf_puts(out, "],\"weight\":");
	buf_number(out, service->backends[0].weight);
}

static void put_settings(struct buf *out, const struct service *service)
{
	for (size_t i = 0; i < service->setting_count; i++) {
		buf_puts_json(out, ",", service_option_name(service->settings[i].option));
		buf_puts_json(out, ":", service->settings[i].value);
	}
}

static void put_kept(struct buf *out, const struct service *service, struct buf *address)
{
	const char *excuse = excuse_of(service);

	buf_puts_json(out, ",\n{\"name\":", service->name);
	if (service->node)
		buf_puts_json(out, ",\"node\":", service->node);
	if (service->instance)
		buf_puts_json(out, ",\"instance\":", service->instance);
	if (excuse)
		buf_puts_json(out, ",\"absent\":", excuse);
	else
		put_wishes(out, service);
	if (service->backend_count)
		put_backends(out, service, address);
	if (service_since(service)) {
		buf_puts(out, ",\"created\":");
		buf_number(out, service_since(service));
	}
	if (!excuse)
		put_settings(out, service);
	buf_puts(out, "}");
}

static void put_state_head(struct buf *out, const char *body, size_t len)
{
	buf_printf(out, "dill-state 1 %016llx %zu ", (unsigned long long)text_hash(TEXT_HASH, body, len), len);
}

/* A service in the text of all, with the comma before it. */
struct kept {
	size_t at, len, values;
};

static int by_len(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return (x->len > y->len) - (x->len < y->len);
}

/* Writes those that fit. Returns how many; *values: of all. */
static size_t put_fitting(struct buf *out, const struct service_list *list, size_t most, struct kept *kept, size_t *values)
{
	struct buf address = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct service *service = list->items[i];
		size_t at = out->len;

		if (!fits(service, most, &address))
			continue;
		put_kept(out, service, &address);
		kept[count] = (struct kept){ at, out->len - at, FIELDS + service->wish_count + service->setting_count +
		                                                    service->backend_count };
		*values += kept[count++].values;
	}
	buf_free(&address);
	return count;
}

/* What cannot be read again would be of no use to anybody: the longest are left out. */
static void leave_longest(struct buf *all, struct kept *kept, size_t count)
{
	struct buf out = { 0 };
	size_t values = 0;

	if (count)
		qsort(kept, count, sizeof *kept, by_len);
	buf_puts(&out, SERVICES_OPEN);
	for (size_t i = 0; i < count; i++) {
		values += kept[i].values;
		if (values > DOC_ITEMS_MAX || out.len + kept[i].len > BODY_MAX)
			break;
		buf_add(&out, all->data + kept[i].at, kept[i].len);
	}
	buf_free(all);
	*all = out;
}

static void put_services(struct buf *out, const struct service_list *list, size_t most)
{
	struct kept *kept = sys_alloc((list->count + 1) * sizeof *kept);
	size_t values = 0, count, first = strlen(SERVICES_OPEN);

	buf_puts(out, SERVICES_OPEN);
	count = put_fitting(out, list, most, kept, &values);
	if (values > DOC_ITEMS_MAX || out->len > BODY_MAX)
		leave_longest(out, kept, count);
	if (out->len > first)
		out->data[first] = ' '; /* in place of the first comma */
	buf_puts(out, "\n]}\n");
	free(kept);
}

void state_put(const struct service_list *list, struct buf *out)
{
	struct buf body = { 0 };

	put_services(&body, list, SIZE_MAX);
	buf_add(out, body.data, body.len);
	buf_free(&body);
}

int state_save(const char *path, const struct service_list *list)
{
	struct buf body = { 0 }, head = { 0 };
	int error;

	put_services(&body, list, 1);
	put_state_head(&head, body.data, body.len);
	buf_printf(&head, "%lld\n", (long long)sys_wall() / 1000);
	/* Readable for the owner only: options may hold passwords. */
	error = whole_file_write(path, 0600, slice_between(head.data, head.data + head.len),
	                         slice_between(body.data, body.data + body.len));
	buf_free(&body);
	buf_free(&head);
	return error;
}

static int by_state_name(const void *a, const void *b)
{
	const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = strcmp(x->node ? x->node : "", y->node ? y->node : "");
	return order ? order : strcmp(x->instance ? x->instance : "", y->instance ? y->instance : "");
}

/* The body, if the first line matches it; else empty, with NULL. */
static struct slice check_head(const struct buf *file, int64_t *saved)
{
	const char *end = file->len ? memchr(file->data, '\n', file->len) : NULL;
	struct slice body = { NULL, 0 }, line;
	struct buf head = { 0 };
	long number;

	if (!end)
		return body;
	put_state_head(&head, end + 1, file->len - (size_t)(end + 1 - file->data));
	line = slice_between(file->data, end);
	if (slice_starts(line, head.data) && !text_number(slice_skip(line, head.len), 0, LONG_MAX, &number)) {
		*saved = number;
		body = slice_between(end + 1, file->data + file->len);
	}
	buf_free(&head);
	return body;
}

/* The directory may be one where others write, such as /tmp. They can put a file there, but none that is ours. NULL: it
 * is, or root's, and nobody else may write it. */
static const char *distrust(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return strerror(errno);
	if (info.st_uid && info.st_uid != geteuid())
		return "belongs to another user";
	if (!S_ISREG(info.st_mode))
		return "is no regular file";
	return info.st_mode & (S_IWGRP | S_IWOTH) ? "may be written by other users" : NULL;
}

/* The whole file. NULL, or what is wrong with it; empty: there is none. */
static const char *load_trusted(const char *path, struct buf *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW), error = fd < 0 ? errno : 0;
	const char *why;

	if (error == ELOOP || error == EMLINK) /* FreeBSD's */
		return "is a symbolic link";
	if (error)
		return error == ENOENT ? "" : strerror(error);
	why = distrust(fd);
	if (why) {
		close(fd);
		return why;
	}
	error = format_load_fd(fd, file);
	return error ? strerror(error) : NULL;
}

struct service_list *state_take(struct slice text, const char *name, struct buf *why)
{
	struct service_list *list = manifest_read_state(text.at, text.len, name, why);

	if (list && list->count)
		qsort(list->items, list->count, sizeof *list->items, by_state_name);
	return list;
}

struct service_list *state_load(const char *path, int64_t *saved, struct buf *why)
{
	struct service_list *list = NULL;
	struct buf file = { 0 };
	const char *wrong = load_trusted(path, &file);
	struct slice body = wrong ? (struct slice){ NULL, 0 } : check_head(&file, saved);

	why->len = 0;
	buf_puts(why, wrong ? wrong : body.at ? "" : "is damaged, or no state of dill");
	if (body.at)
		list = state_take(body, path, why);
	buf_free(&file);
	return list;
}
