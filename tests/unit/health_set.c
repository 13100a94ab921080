/* Cases for health_set() of health.c: what a reload changes for checks that wait, and for those that are due. */
#include "base.h"

#include "check.h"
#include "../../health.c"

static void nothing_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop, (void)io, (void)events;
}

static void nothing_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)loop, (void)fifo, (void)timer;
}

static void nothing_woken(struct loop *loop)
{
	(void)loop;
}

int main(void)
{
	static const struct loop_ops nothing = { nothing_ready, nothing_expired, nothing_woken };
	struct health_rules rules = { HEALTH_ON, 3600000, 3600000, 1, 1 };
	struct loop_timer timer = { 0 };
	struct route_table table = { .refs = 1 };
	struct health health;
	struct loop loop;

	loop_open(&loop, &nothing, NULL);
	health_open(&health, &loop, 1, 8);
	health_set(&health, &rules, &table);
	loop_arm(&loop, &health.timeout, &timer);
	check(timer.at == loop.now + 3600000, "a check under way", "waits for an hour");
	health.credit = 3599995;
	rules.interval = 100;
	rules.timeout = 200;
	health_set(&health, &rules, &table);
	check(timer.at == loop.now + 200, "a check under way", "waits as long as one from now on");
	check(health.credit < 100, "what was due", "is not 36,000 checks by the new interval");
	health.credit = 60;
	health_set(&health, &rules, &table);
	check(timer.at == loop.now + 200 && health.credit == 60, "another reload", "changes nothing");
	loop_disarm(&timer);
	health_close(&health);
	loop_close(&loop);
	return check_sum();
}
