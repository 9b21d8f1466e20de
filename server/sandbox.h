/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner sandbox: no new privileges, no core dumps, resource limits, a
 * seccomp allow-list and Landlock rules per process, entered after the
 * sockets, files and modules it needs are open.  A sanitizer build keeps
 * only the first two: its runtime needs what the others take away.
 */
#ifndef CHANCERY_SANDBOX_H
#define CHANCERY_SANDBOX_H

enum sandbox_role {
	SANDBOX_ACME,
	SANDBOX_VALIDATOR,
	SANDBOX_RESOLVER,
	SANDBOX_PROBE,		/* the zygote */
	SANDBOX_PROBE_CHILD,	/* one challenge; only narrows the zygote's */
	SANDBOX_SIGNER,
	SANDBOX_TOKEN,		/* with SoftHSM */
	SANDBOX_TOKEN_VENDOR,	/* whose module may reach a network */
	SANDBOX_PUBLISHER,
	SANDBOX_RENEW,
};

/*
 * Enter for good; ends the process when the kernel refuses what it should
 * grant.  `read` and `write` are NULL-terminated lists of paths (files or
 * directories) that stay reachable under Landlock, or NULL for none.  Where
 * the kernel has no Landlock, one line says so.
 */
void	sandbox_enter(enum sandbox_role, const char *const *read,
	    const char *const *write);

#endif
