#include "base.h"
#include "tls.h"

const char *const tls_library = NULL;
const char tls_missing[] =
	"is https, and this dill has no TLS: use a Unix socket (unix:///path), a local agent (http://127.0.0.1:8500), or a dill "
	"built with make TLS=openssl";
