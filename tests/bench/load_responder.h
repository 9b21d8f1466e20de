/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web server that answers http-01 challenges (RFC 8555, 8.3) for all
 * workers, in a thread of its own.
 */
#ifndef CHANCERY_LOAD_RESPONDER_H
#define CHANCERY_LOAD_RESPONDER_H

struct responder;

/* Listen and serve; ends the process when that cannot be. */
struct responder *responder_start(const char *address, const char *port);

/* Answer TOKEN "." THUMBPRINT for this token, until it is removed. */
void	responder_add(struct responder *, const char *token,
	    const char *thumbprint);
void	responder_remove(struct responder *, const char *token);

#endif
