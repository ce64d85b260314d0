/* What the container was started with, kept where only the user "offload" can read and change it. */

#ifndef KEPT_START_H
#define KEPT_START_H

#include <stddef.h>

/* Keeps these variables of the environment, and the offload's settings in $CAPTURE_CONFIG_DIR. Only the first call in a container's life
 * does so: whatever comes later may be anybody's. 0: it did. Otherwise it has said why not. */
int keep_start(const char *const *names, size_t count);

/* The kept variables, each "NAME=value"; how many they are, at most "most". -1: nothing was kept, or it can't be read. */
int kept_environment(char **variables, size_t most);

#endif
