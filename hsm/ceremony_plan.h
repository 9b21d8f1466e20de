/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between ceremony_plan.c and ceremony_profiles.c: the keywords of a profile
 * in the ceremony's file, into a struct plan_profile.
 */
#ifndef CHANCERY_CEREMONY_PLAN_H
#define CHANCERY_CEREMONY_PLAN_H

#include "../server/conf_read.h"

extern const struct conf_key plan_profile_keys[];

#endif
