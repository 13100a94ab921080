/* notify: tells the service manager how dill is (systemd's sd_notify(3)): datagrams to NOTIFY_SOCKET. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "base.h"

/* Lines such as READY=1. Does nothing without NOTIFY_SOCKET. */
bool notify_wanted(void); /* whether a service manager listens */
void notify_mute(bool mute); /* says nothing: another process speaks for the service */
void notify_send(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
