/* Cases for state_memory.c: when the file is written, and what comes of a write that fails. */
#include "base.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "capture.h"
#include "check.h"
#include "sys.h"

static int64_t cpu, cost; /* the thread's CPU time, and how much each look at it adds */
static int64_t count_cpu(void) { return cpu += cost; }
#define sys_thread_cpu count_cpu
#include "../../state_memory.c"

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void failure_cases(void)
{
	struct state_memory memory = { .path = "none/state", .unsaved = true };
	struct service_list *list = service_list_new();
	struct source source = { 0 };
	struct capture capture;
	struct buf said = { 0 };

	capture_start(&capture);
	state_memory_save(&memory, &source, list, false);
	check(memory.unsaved && atomic_load(&source.counters.unsaved) == 1, "it fails", "and is counted");
	check(state_memory_at(&memory) > sys_now() + 5000, "the next try", "is not at once");
	state_memory_save(&memory, &source, list, false);
	check(atomic_load(&source.counters.unsaved) == 1, "it is not tried again", "so soon");
	memory.save_at = sys_now();
	state_memory_save(&memory, &source, list, false);
	state_memory_save(&memory, &source, list, true);
	check(memory.unsaved && atomic_load(&source.counters.unsaved) == 3, "it fails again", "and again");
	check(!mkdir("none", 0700), "a directory", "");
	state_memory_save(&memory, &source, list, true);
	check(!memory.unsaved && access("none/state", F_OK) == 0, "it is written", "though nothing has changed");
	check(atomic_load(&source.counters.unsaved) == 3 && state_memory_at(&memory) == INT64_MAX, "nothing to do", "");
	memory.unsaved = true;
	state_memory_save(&memory, &source, list, false);
	check(memory.unsaved && state_memory_at(&memory) <= sys_now() + 1000, "once a second", "");
	capture_end(&capture, &said);
	check(count_of(said.data, "cannot write none/state: No such file or directory; retrying") == 1, "said once", said.data);
	check(count_of(said.data, "none/state is written again") == 1, "said once", said.data);
	buf_free(&said);
	service_list_unref(list);
	unlink("none/state");
	rmdir("none");
}

/* What takes long is done less often; at the end it is done. */
static void cost_cases(void)
{
	static const struct {
		int64_t cost, pause; /* microseconds; milliseconds */
	} costs[] = { { 0, 1000 }, { 9000, 1000 }, { 40000, 4000 }, { 5000000, 10000 } };
	struct state_memory memory = { .path = "state" };
	struct service_list *list = service_list_new();
	struct source source = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
		int64_t before = sys_now();

		cost = costs[i].cost;
		memory.unsaved = true;
		memory.save_at = 0;
		state_memory_save(&memory, &source, list, false);
		check(!memory.unsaved, "it is", "written");
		check(memory.save_at >= before + costs[i].pause && memory.save_at <= sys_now() + costs[i].pause, "the next one", "later");
		memory.unsaved = true;
		state_memory_save(&memory, &source, list, false);
		check(memory.unsaved, "it is not", "written yet");
		state_memory_save(&memory, &source, list, true);
		check(!memory.unsaved, "it is written", "at the end");
	}
	service_list_unref(list);
	unlink("state");
}

int main(void)
{
	char directory[] = "/tmp/dill-memory-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory))
		abort();
	failure_cases();
	cost_cases();
	rmdir(directory);
	return check_sum();
}
