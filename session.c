#include "base.h"
#include "session.h"

#include <stdlib.h>

const char *const session_end_names[SESSION_ENDS] = {
	"client", "backend", "idle", "drain", "connect_failed", "no_backend", "limit", "shutdown"
};

unsigned session_live(const struct session_shared *shared)
{
	unsigned live = 0;

	for (unsigned i = 0; i < shared->cell_count; i++)
		live += atomic_load(&shared->cells[i].live);
	return live;
}

unsigned session_spare(const struct session_shared *shared)
{
	unsigned spare = 0;

	for (unsigned i = 0; i < shared->cell_count; i++)
		spare += atomic_load(&shared->cells[i].spare);
	return spare;
}

unsigned long long session_ended(const struct session_shared *shared, enum session_end how)
{
	unsigned long long ended = 0;

	for (unsigned i = 0; i < shared->cell_count; i++)
		ended += atomic_load(&shared->cells[i].ended[how]);
	return ended;
}

bool session_report_grow(struct session_report *report)
{
	size_t cap = report->cap ? report->cap * 2 : 64;
	struct session_view *views;

	if (report->failed || report->count < report->cap)
		return !report->failed;
	views = realloc(report->views, cap * sizeof *views);
	report->failed = !views;
	report->views = views ? views : report->views;
	report->cap = views ? cap : report->cap;
	return views;
}

void session_report_free(struct session_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		route_listener_unref(report->views[i].listener);
		if (report->views[i].target)
			route_backend_unref(report->views[i].target);
	}
	free(report->views);
	*report = (struct session_report){ 0 };
}
