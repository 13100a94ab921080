#include "base.h"
#include "resolve_answer.h"

const char *const resolve_state_names[RESOLVE_STATES] = { "asked", "good", "kept", "failed" };
