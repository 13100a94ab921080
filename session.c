#include "base.h"
#include "session.h"

#include <stdlib.h>

const char *const session_end_names[SESSION_ENDS] = {
	"client", "backend", "idle", "drain", "connect_failed", "no_backend", "limit", "shutdown"
};

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
