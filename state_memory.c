#include "base.h"
#include "state_memory.h"

#include <string.h>

#include "log.h"
#include "state.h"
#include "sys.h"
#include "text.h"

#define RECALL_MS 1000 /* wait this long for the source at a start */
#define SAVE_MS 1000   /* from one write to the next, at least: */
#define SAVE_SHARE 100 /* as long as it took of CPU time, so many times over, */
#define SAVE_MOST 10000 /* but no longer than this */
#define RETRY_MS 10000 /* from one that failed to the next */

struct service_list *state_memory_recall(struct state_memory *memory)
{
	struct buf why = { 0 };

	if (!*memory->path)
		return NULL;
	memory->recalled = state_load(memory->path, &memory->saved_at, &why);
	if (!memory->recalled && why.len)
		log_warn("state.path: %s %s; it is not used", memory->path, why.data);
	if (memory->saved_at > sys_wall() / 1000) /* the clock has been set back since */
		memory->saved_at = sys_wall() / 1000;
	memory->offer_at = sys_now() + RECALL_MS;
	buf_free(&why);
	return memory->recalled;
}

void state_memory_offer(struct state_memory *memory, struct source *source)
{
	struct service_list *list = memory->recalled;

	if (!list)
		return;
	memory->recalled = NULL;
	log_warn("%s: no answer yet; until there is one, %zu %s %lld s ago, from %s", source->kind->name, list->count,
	         list->count == 1 ? "instance as it was" : "instances as they were",
	         (long long)(sys_wall() / 1000 - memory->saved_at), memory->path);
	source_post(source, list);
}

void state_memory_forget(struct state_memory *memory)
{
	service_list_unref(memory->recalled);
	memory->recalled = NULL;
}

/* How long to wait after a write that took so many microseconds of CPU time. */
static int64_t pause_after(int64_t cpu)
{
	int64_t pause = cpu * SAVE_SHARE / 1000;

	return pause < SAVE_MS ? SAVE_MS : pause > SAVE_MOST ? SAVE_MOST : pause;
}

static atomic_bool held;

void state_memory_hold(bool hold)
{
	atomic_store(&held, hold);
}

void state_memory_save(struct state_memory *memory, struct source *source, const struct service_list *list, bool now)
{
	int64_t cpu;
	int error;

	if (!memory->unsaved || !*memory->path || (!now && sys_now() < memory->save_at))
		return;
	if (atomic_load(&held)) {
		memory->save_at = sys_now() + SAVE_MS;
		return;
	}
	cpu = sys_thread_cpu();
	error = state_save(memory->path, list);
	if (error)
		atomic_fetch_add(&source->counters.unsaved, 1);
	if (error && !memory->failed)
		log_warn("state.path: cannot write %s: %s; retrying", memory->path, strerror(error));
	else if (!error && memory->failed)
		log_info("state.path: %s is written again", memory->path);
	memory->failed = memory->unsaved = error != 0;
	memory->save_at = sys_now() + (error ? RETRY_MS : pause_after(sys_thread_cpu() - cpu));
}

int64_t state_memory_at(const struct state_memory *memory)
{
	int64_t at = memory->unsaved && *memory->path ? memory->save_at : INT64_MAX;

	return memory->recalled && memory->offer_at < at ? memory->offer_at : at;
}
