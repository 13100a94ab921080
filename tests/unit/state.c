/* Cases for state.c: what is kept of a source's services, how it is read again, and which files are none of ours. */
#include "base.h"

#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "list.h"

/* Who we are: not the owner of what we have just written. */
static unsigned other_user;
#define geteuid() (other_user ? getuid() + other_user : geteuid())
#include "../../state.c"

/* Counted: the calls that take memory. */
static size_t taken;
static void *count_calloc(size_t count, size_t size) { taken++; return calloc(count, size); }
static void *count_realloc(void *old, size_t size) { taken++; return realloc(old, size); }
#define calloc count_calloc
#define realloc count_realloc
#include "../../sys.c"
#undef calloc
#undef realloc

static char directory[] = "/tmp/dill-state-XXXXXX";

static void add(struct service_list *list, const char *name, const char *wishes, const char *backends, const char *options)
{
	struct service *service = list_add(list, name, wishes, backends);
	struct slice rest = slice_of(options), part, key;

	while (slice_next(&rest, ' ', &part)) {
		if (!part.len)
			continue;
		slice_next(&part, '=', &key);
		if (slice_is(key, "node"))
			service->node = arena_dup(&service->memory, part.at, part.len);
		else if (slice_is(key, "instance"))
			service->instance = arena_dup(&service->memory, part.at, part.len);
		else if (slice_is(key, "held"))
			service->held = true;
		else if (slice_is(key, "created"))
			service->created = strtoull(part.at, NULL, 10);
		else if (slice_is(key, "fault"))
			service->fault = "broken";
		else if (slice_is(key, "absent"))
			service->absent = "it is critical";
		else
			service_set(service, service_option_find(key), part, NULL);
	}
	service_seal(service);
}

/* One service, and what is kept of it. */
static const struct {
	const char *name, *wishes, *backends, *options, *want;
} services[] = {
	{ "web", "local:80", "10.0.0.1:80", "", "web( local:80 10.0.0.1:80*1)" },
	{ "web", "b:2,a:1", "h.example:80*7", "node=n instance=i", "web(n/i b:2,a:1 h.example:80*7)" },
	{ "web", "b:2", "h:80", "balance=p2c proxy=socks5://u:p@h:1 allow=10.0.0.0/8,::1",
	  "web( b:2 h:80*1 balance=p2c proxy=socks5://u:p@h:1 allow=10.0.0.0/8,::1)" },
	{ "web", "b:2", "h:80", "balance=fastest allow=", "web( b:2 h:80*1 balance=fastest allow=)" }, /* wrong as it is */
	{ "a \"b\" \\ \xc3\xa9", "b:2", "h:80", "", "a \"b\" \\ \xc3\xa9( b:2 h:80*1)" },
	{ "a.b", "b:2", "h:80", "", "a.b( b:2 h:80*1)" },
	{ "web", "b:2", "h:80", "created=18", "web( b:2 h:80*1 #18)" },
	{ "web", "nonsense", "h:80", "", "web( nonsense h:80*1)" },
	{ "web", "b:2,nonsense", "h:80", "", "web( b:2,nonsense h:80*1)" },
	{ "web", "b:2", "h:80", "allow=10.0.0.0/8\t,\t::1,", "web( b:2 h:80*1 allow=10.0.0.0/8,::1)" }, /* tidied */
	/* Of what is not routed, whose it is: its age and its port. */
	{ "web", "", "h:80*3", "node=n instance=i created=18 absent=", "web(n/i h:80*3 #18 ?it is critical)" },
	{ "web", "", "", "node=n instance=i created=18 absent=", "web(n/i #18 ?it is critical)" },
	{ "web", "b:2", "h:80", "instance=i allow=10.0.0.0/8 fault=", "web(i h:80*1 ?broken)" },
	{ "web", "b:2", "", "created=18 fault=", "web( #18 ?broken)" },
	/* What cannot be kept. */
	{ "web", "", "", "node=n instance=i absent=", "" }, { "web", "", "h:80 h:81", "absent=", "" },
	{ "web", "", "a,b:80", "created=18 absent=", "" },
	{ "web", "", "h:80", "", "" },
	{ "web", "b:2", "", "", "" }, { "web", "b:2", "h:80 h:81", "", "" }, { "web", "b:2", "h:80", "held=", "" },
	{ "", "b:2", "h:80", "", "" }, { "[x]", "b:2", "h:80", "", "" },
	{ "a\nb", "b:2", "h:80", "", "" }, { "a\x7f", "b:2", "h:80", "", "" },
	{ "web", "b:2", "h:80", "node=a\x01", "" }, { "web", "b:2", "h:80", "instance=a\xff", "" },
	{ "web", "b:2", "h:80", "balance=p\x02", "" }, { "web", "b:2", "h:80", "allow=\x02", "" },
	{ "web", "b:2", "h:80", "proxy=socks5://u:\xe9@h:1", "" }, { "a\xc3", "b:2", "h:80", "", "" },
	{ "web", "b:2", "a,b:80", "", "" }, { "web", "b:2", "h:80*0", "", "" }, { "web", "b:2", "h:0", "", "" },
};

static struct service_list *save_and_load(const struct service_list *list, const char *name)
{
	struct buf why = { 0 };
	struct service_list *again;
	int64_t saved = 0;

	check(!state_save("state", list), "saved", name);
	again = state_load("state", &saved, &why);
	check(again && !why.len, why.data, name);
	check(saved && sys_wall() / 1000 - saved < 10, "when", name);
	check(!again || (again->remembered && again->checked && !again->trusted), "what the list is", name);
	buf_free(&why);
	return again;
}

static void service_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		struct service_list *list = service_list_new(), *again;
		struct buf got = { 0 };

		add(list, services[i].name, services[i].wishes, services[i].backends, services[i].options);
		again = save_and_load(list, services[i].name);
		if (again)
			list_put(&got, again);
		check(again && strcmp(got.data, services[i].want) == 0, got.data, services[i].name);
		service_list_unref(again);
		service_list_unref(list);
		buf_free(&got);
	}
}

/* A list comes back equal, sorted by name, node and instance. */
static void list_cases(void)
{
	struct service_list *list = service_list_new(), *sorted = service_list_new(), *again;

	add(list, "b", "a:1", "h:1", "node=n2 instance=i");
	add(list, "b", "a:1", "h:2", "node=n1 instance=j");
	add(list, "a", "a:1", "::1:3*9", "balance=p2c");
	add(list, "b", "a:1", "h:4", "node=n1 instance=i");
	for (size_t i = 0; i < 4; i++)
		service_share(sorted, list->items[(size_t[]){ 2, 3, 1, 0 }[i]]);
	again = save_and_load(list, "four");
	check(again && service_list_equal(sorted, again), "equal", "sorted");
	check(again && !service_list_equal(list, again), "not equal", "in another order");
	service_list_unref(again);
	service_list_unref(sorted);
	service_list_unref(list);
	list = service_list_new();
	again = save_and_load(list, "none");
	check(again && !again->count && service_list_equal(list, again), "equal", "none");
	service_list_unref(again);
	service_list_unref(list);
}

/* As text for another process: whole services of any source, in order, behind what is there already. */
static const struct {
	const char *name, *wishes, *backends, *options, *want;
} handed[] = {
	{ "web", "b:2,a:1", "h.example:80 ::1:81 10.0.0.1:82", "balance=p2c",
	  "web( b:2,a:1 h.example:80*1 ::1:81*1 10.0.0.1:82*1 balance=p2c)" },
	{ "web", "b:2", "h:80*7", "node=n instance=i created=3", "web(n/i b:2 h:80*7 #3)" },
	{ "web", "b:2", "h:80*2 h:81*2", "", "" }, { "web", "b:2", "h:80 h:81*2", "", "" }, /* weights have no place */
	{ "web", "b:2", "h:80 a,b:81", "", "" }, { "web", "b:2", "h:80", "held=", "" },
};

static void handed_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(handed); i++) {
		struct service_list *list = service_list_new(), *again;
		struct buf text = { 0 }, got = { 0 }, why = { 0 };

		add(list, handed[i].name, handed[i].wishes, handed[i].backends, handed[i].options);
		buf_puts(&text, "before ");
		state_put(list, &text);
		check(strncmp(text.data, "before {", 8) == 0, "what was there", text.data);
		again = state_take((struct slice){ text.data + 7, text.len - 7 }, "there", &why);
		check(again && !why.len, "is read", why.len ? why.data : handed[i].backends);
		if (again)
			list_put(&got, again);
		check(again && strcmp(got.data, handed[i].want) == 0, got.data, handed[i].backends);
		service_list_unref(again);
		service_list_unref(list);
		buf_free(&text);
		buf_free(&got);
		buf_free(&why);
	}
}

/* More than can be read again: the longest has to go, not all of them. */
static void much_cases(void)
{
	struct service_list *list = service_list_new(), *again;
	struct buf got = { 0 };

	add(list, "a", "a:1", "h:1", "");
	add(list, "b", "a:1", "h:1", "");
	for (size_t i = 0; i < DOC_ITEMS_MAX; i++)
		service_wish(list->items[0], slice_of("x"), NULL);
	again = save_and_load(list, "much");
	if (again)
		list_put(&got, again);
	check(again && strcmp(got.data, "b( a:1 h:1*1)") == 0, got.data, "the longest is left out");
	service_list_unref(again);
	service_list_unref(list);
	buf_free(&got);
}

/* It is written often: no service takes memory of its own. */
static void cost_cases(void)
{
	struct service_list *list = service_list_new();

	for (size_t i = 0; i < 1000; i++)
		add(list, "web", "a:1", "h:1*2", "node=n instance=i created=7 balance=p2c");
	taken = 0;
	check(!state_save("state", list) && taken < 60, "memory is taken", "a few times");
	service_list_unref(list);
}

/* Services at random: what is read is what was written, or it is not there. Nothing comes back with less than it said. */

#define ROUNDS 4000

static uint64_t random_state = 1;

static size_t choose(size_t count)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(random_state >> 33) % count;
}

/* Mostly a good text, with some pieces added that might not survive. */
static const char *random_text(struct service_list *list, const char *good)
{
	static const char *const odd[] = {
		",", " ", "\t", "\n", "\"", "\\", "\x01", "\x7f", "\xc3\xa9", "\xc3", "\xff", "\xc2\x85", "\xed\xa0\x80", "\xe2\x80\xa8",
		"[", "]", "[0]", ".", "=", ":", "@", "/", "#", "'", "{", "\xf0\x9f\x90\x9f", "a", "0", "\r", "-", "\\u0001", "null",
	};
	struct buf text = { 0 };
	const char *copy;

	buf_puts(&text, choose(8) ? good : "");
	for (size_t count = choose(6) ? 0 : 1 + choose(3); count; count--) {
		const char *piece = odd[choose(ARRAY_LEN(odd))];
		size_t len = strlen(piece), at = choose(text.len + 1);

		buf_add(&text, piece, len);
		memmove(text.data + at + len, text.data + at, text.len - len - at);
		memcpy(text.data + at, piece, len);
	}
	copy = arena_dup(&list->memory, text.data, text.len);
	buf_free(&text);
	return copy;
}

static void add_random(struct service_list *list)
{
	static const char *const values[SERVICE_OPTIONS] = {
		[SERVICE_BALANCE] = "p2c", [SERVICE_PROXY] = "socks5://u:p@h:1", [SERVICE_PROXY_PROTOCOL] = "v2",
		[SERVICE_ALLOW] = "10.0.0.0/8, ::1", [SERVICE_DENY] = "10.0.0.1"
	};
	struct service *service = service_add(list, slice_of(random_text(list, "web")));

	service->node = choose(3) ? random_text(list, "node") : NULL;
	service->instance = choose(3) ? random_text(list, "web-1") : NULL;
	service->held = !choose(20);
	service->fault = choose(20) ? NULL : "broken";
	for (size_t count = choose(3); count < 3; count++)
		service_wish(service, slice_of(random_text(list, "local:80")), NULL);
	service_backend(service, slice_of(random_text(list, choose(3) ? "10.0.0.1" : "fe80::1")), (uint16_t)(choose(9) * 9000),
	                (uint16_t)choose(6));
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (choose(3))
			service_set(service, i, slice_of(random_text(list, values[i] ? values[i] : "1")), NULL);
	service_seal(service);
}

static void put_whole(struct buf *out, const struct service *service)
{
	list_put_service(out, service);
	buf_printf(out, "%d%d%d", service->wrong, service->options->limited, (int)service->options->allow.count);
}

/* Whether one of the list is the same. */
static bool is_in(const struct service_list *list, const struct service *service)
{
	struct buf want = { 0 }, got = { 0 };
	bool found = false;

	put_whole(&want, service);
	for (size_t i = 0; i < list->count && !found; i++) {
		got.len = 0;
		put_whole(&got, list->items[i]);
		found = strcmp(got.data, want.data) == 0 && !list->items[i]->held;
	}
	buf_free(&got);
	buf_free(&want);
	return found;
}

static void random_cases(void)
{
	size_t written = 0, kept = 0;

	for (size_t round = 0; round < ROUNDS; round++) {
		struct service_list *list = service_list_new(), *again;
		struct buf body = { 0 }, why = { 0 };

		for (size_t count = 1 + choose(4); count; count--)
			add_random(list);
		put_services(&body, list, 1);
		again = manifest_read_state(body.data, body.len, "state", &why);
		check(again && !why.len, why.data, body.data);
		for (size_t i = 0; again && i < again->count; i++)
			check(again->items[i]->absent ? !again->items[i]->wish_count : is_in(list, again->items[i]), "as it was", body.data);
		written += list->count;
		kept += again ? again->count : 0;
		service_list_unref(again);
		service_list_unref(list);
		buf_free(&body);
		buf_free(&why);
	}
	check(kept > written / 8 && kept < written / 2, "some are kept", "and some are not");
}

/* A newer version has written what this one does not know. */
static void newer_cases(void)
{
	static const char *const extras[] = {
		"\"sticky\":\"yes\"", "\"allow_names\":[\"x\"]", "\"check\":{\"allow\":\"1\"}", "\"check\":{}", "\"balance\":[\"p2c\",\"x\"]",
		"\"weight\":0", "\"backend\":\"srv.example\"", "\"x\":{\"listener\":\"any:1\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		struct buf body = { 0 }, why = { 0 };
		struct service_list *list;

		buf_printf(&body, "{\"services\":[{\"name\":\"new\",\"listener\":[\"a:1\"],\"backends\":[\"h:1\"],%s},"
		           "{\"name\":\"old\",\"listener\":[\"a:1\"],\"backends\":[\"h:1\"]}]}", extras[i]);
		list = manifest_read_state(body.data, body.len, "state", &why);
		check(list && list->count == 2, why.len ? why.data : "both are there", extras[i]);
		check(list && list->items[0]->fault && strstr(list->items[0]->fault, "this version does not understand"),
		      "not routed", extras[i]);
		check(list && !list->items[1]->fault, "routed", extras[i]);
		service_list_unref(list);
		buf_free(&body);
		buf_free(&why);
	}
}

static void write_bytes(const char *bytes, size_t len)
{
	FILE *file = fopen("state", "w");

	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file))
		abort();
}

static void damaged(const char *bytes, size_t len, const char *what)
{
	struct buf why = { 0 };
	struct service_list *list;
	int64_t saved = -1;

	write_bytes(bytes, len);
	list = state_load("state", &saved, &why);
	check(!list && strcmp(why.data, "is damaged, or no state of dill") == 0, list ? "accepted" : why.data, what);
	service_list_unref(list);
	buf_free(&why);
}

/* A whole file, that is then cut, or has one byte changed, anywhere. */
static void damage_cases(void)
{
	struct service_list *list = service_list_new();
	struct buf file = { 0 };
	size_t head;

	add(list, "web", "a:1", "h:1", "balance=p2c");
	check(!state_save("state", list) && !format_load("state", &file), "saved", "to be damaged");
	head = (size_t)(strchr(file.data, '\n') - file.data);
	for (size_t i = 0; i < file.len; i++) {
		damaged(file.data, i, "cut");
		file.data[i] ^= 1;
		if (i + 10 < head || i >= head) /* when it was saved is in no sum */
			damaged(file.data, file.len, "a byte");
		file.data[i] ^= 1;
	}
	buf_puts(&file, "\n");
	damaged(file.data, file.len, "longer");
	damaged("{\"services\":[]}\n", 16, "no state");
	service_list_unref(list);
	buf_free(&file);
}

/* The sum is right, and it says something else. */
static void foreign_cases(void)
{
	static const char body[] = "{\"services\":[{\"name\":\"web\"}]}\n";
	struct buf file = { 0 }, why = { 0 };
	int64_t saved = 0;

	put_state_head(&file, body, sizeof body - 1);
	buf_printf(&file, "5\n%s", body);
	write_bytes(file.data, file.len);
	check(!state_load("state", &saved, &why) && strstr(why.data, "services[0] has no listener"), why.data, "no service");
	buf_free(&file);
	unlink("state");
	check(!state_load("state", &saved, &why) && !why.len, why.data, "there is none");
	check(!state_load(".", &saved, &why) && why.len, why.data, "a directory");
	buf_free(&why);
}

/* Nobody else may read it, and nothing else lies there. */
static void file_cases(void)
{
	struct service_list *list = service_list_new();
	struct stat info;

	umask(0);
	check(!state_save("state", list) && !stat("state", &info) && (info.st_mode & 0777) == 0600, "for its owner", "alone");
	check(access("state.new", F_OK) < 0, "nothing", "else");
	check(state_save("none/state", list) == ENOENT, "an error", "no directory");
	mkdir("taken", 0700);
	check(state_save("taken", list) != 0 && access("taken.new", F_OK) < 0, "an error", "a directory in its place");
	rmdir("taken");
	service_list_unref(list);
}

static void check_trust(const char *why, const char *what)
{
	struct buf got = { 0 };
	int64_t saved = 0;
	struct service_list *list = state_load("state", &saved, &got);

	check(!list == (*why != 0) && strcmp(got.data, why) == 0, got.data, what);
	service_list_unref(list);
	buf_free(&got);
}

/* What somebody else may have put there, and what he may have put in the way. */
static void trust_cases(void)
{
	struct service_list *list = service_list_new();
	struct stat info;

	check(!state_save("state", list), "saved", "");
	check_trust("", "ours");
	chmod("state", 0444);
	check_trust("", "readable for all");
	chmod("state", 0620);
	check_trust("may be written by other users", "the group");
	chmod("state", 0602);
	check_trust("may be written by other users", "all");
	chmod("state", 0600);
	other_user = 1;
	if (getuid() == 0) {
		check_trust("", "root's, and we are not root");
		check(!chown("state", 2, 2), "chown", "");
	}
	check_trust("belongs to another user", "another's");
	other_user = 0;
	if (getuid() == 0)
		check_trust("belongs to another user", "another's, and we are root");
	check(!state_save("state", list), "saved", "in its place");
	check_trust("", "ours again");
	check(!unlink("state") && !mkfifo("state", 0600), "a FIFO", "");
	check_trust("is no regular file", "a FIFO");
	check(!state_save("state", list) && !lstat("state", &info) && S_ISREG(info.st_mode), "saved", "in the FIFO's place");
	write_bytes("left over", 9);
	check(!rename("state", "state.new") && !state_save("state", list) && access("state.new", F_OK) < 0, "saved", "after a crash");
	check_trust("", "in spite of what was left over");
	check(!rename("state", "mine") && !symlink("mine", "state"), "a link", "");
	check_trust("is a symbolic link", "to a file of ours");
	check(!state_save("state", list) && !lstat("state", &info) && S_ISREG(info.st_mode), "saved", "in the link's place");
	write_bytes("precious", 8);
	check(!rename("state", "mine") && !symlink("mine", "state.new"), "a link", "where the new file will be");
	check(!state_save("state", list) && !stat("mine", &info) && info.st_size == 8, "what it leads to", "is left alone");
	check_trust("", "the new file");
	unlink("mine");
	service_list_unref(list);
}

int main(void)
{
	if (!mkdtemp(directory) || chdir(directory))
		abort();
	service_cases();
	list_cases();
	handed_cases();
	much_cases();
	cost_cases();
	random_cases();
	newer_cases();
	damage_cases();
	foreign_cases();
	file_cases();
	trust_cases();
	unlink("state");
	rmdir(directory);
	return check_sum();
}
