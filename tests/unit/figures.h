/* What workers would have counted. */
#ifndef FIGURES_H
#define FIGURES_H

#include "base.h"

#include "route.h"

static inline void set_backend_active(struct route_backend *backend, unsigned active)
{
	atomic_store(&route_backend_cell(backend, 0, 1)->active, active);
}

static inline void set_listener_active(struct route_listener *listener, unsigned active)
{
	atomic_store(&route_listener_cell(listener, 0, 1)->active, active);
}

#endif
