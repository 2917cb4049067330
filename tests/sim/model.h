/* The small world: every order of events between two stacks, up to a depth. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "base/types.h"

/* Searches for so long; 0 when nothing is wrong. */
int model_run(double seconds, unsigned depth);

#endif
