/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return values of PKCS#11 (2.40, 5.1.6), as far as they mean something to
 * an operator, and whether starting the worker again may help.  Pure.
 */
#ifndef CHANCERY_CKR_H
#define CHANCERY_CKR_H

struct ckr {
	unsigned long	 rv;
	const char	*name;
	int		 code;		/* to end the process with (log.h) */
	const char	*todo;		/* what the operator should do, or NULL */
};

/* Never NULL. */
const struct ckr *ckr_of(unsigned long rv);

#endif
