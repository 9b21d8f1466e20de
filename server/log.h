/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a process: one line each on stderr, `key=value` text, control
 * characters escaped, with a syslog priority in front when the journal reads
 * it.  Never logged: PINs, keys, key authorizations, a whole JWS.
 *
 * A problem is reported once, where it happens: a line here or a struct
 * problem for the client, never both on the way up.
 */
#ifndef CHANCERY_LOG_H
#define CHANCERY_LOG_H

/*
 * Exit codes of every program.  A supervised process that leaves with
 * EXIT_FAILED is started again, with EXIT_OPERATOR or EXIT_MISUSE never:
 * trying again would not help or would do harm (a wrong PIN).
 */
#define EXIT_FAILED	1
#define EXIT_OPERATOR	2
#define EXIT_MISUSE	100

/* Name the process once, at the start of main(). */
void	log_open(const char *process);
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Say in one line what is wrong and what to do, then exit with `code`. */
void	die(int code, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3), noreturn));

#endif
