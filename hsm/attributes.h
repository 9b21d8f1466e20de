/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judgement of a key by the attributes that its token reports.  Used by the
 * worker at every start and by the ceremony.  Pure.
 */
#ifndef CHANCERY_ATTRIBUTES_H
#define CHANCERY_ATTRIBUTES_H

struct token_key;

/*
 * NULL when the key was made in the token and never left it: SENSITIVE and
 * not EXTRACTABLE, now and always.  Else what speaks against using it.
 * LOCAL is no criterion: not every module tells it.
 */
const char *key_objection(const struct token_key *);

#endif
