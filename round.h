/* round: the order of turns by weight. */
#ifndef ROUND_H
#define ROUND_H

#include "base.h"

/* One round by weight, spread smoothly (as nginx does): 2,1,1 gives A B C A. Returns places, sys_alloc'ed, and their
 * number; NULL when all weights are equal, and then the number is `count`. */
uint32_t *round_by_weight(const uint16_t *weights, unsigned count, unsigned *len);

#endif
