/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking side of the signer's socket for the own account: one question,
 * one answer, each within a time.
 */
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "enc.h"
#include "json.h"
#include "proc.h"
#include "renew.h"
#include "renewwire.h"

#define ANSWER_SECONDS	60	/* the token may take its deadline, twice */

/* The octets after the first, or NULL with `why`. */
static unsigned char *
ask(int fd, struct arena *a, const char *question, size_t *len, char *why)
{
	unsigned char	*text = arena_alloc(a, RENEW_MESSAGE_MAX + 1);
	ssize_t		 n;

	if (strlen(question) > RENEW_MESSAGE_MAX) {
		snprintf(why, RENEW_WHY, "the request is too long");
		return NULL;
	}
	if (send(fd, question, strlen(question), MSG_NOSIGNAL) == -1 ||
	    (n = recv(fd, text, RENEW_MESSAGE_MAX, 0)) == -1) {
		snprintf(why, RENEW_WHY, "chancery-signer does not answer: "
		    "%s", strerror(errno));
		return NULL;
	}
	text[n] = '\0';
	if (n > 0 && text[0] == RENEW_DONE) {
		*len = (size_t)n - 1;
		return text + 1;
	}
	snprintf(why, RENEW_WHY, "chancery-signer does not sign: %s",
	    n == 0 ? "it ended the connection" : (const char *)text + 1);
	return NULL;
}

/* {"account": URL, "names": [text]} */
static int
take_identity(struct arena *a, const unsigned char *text, size_t len,
    const char **account, json_t **names, char *why)
{
	const char	*reason, *url;
	json_t		*o;
	int		 rc = -1;

	o = json_read_object(text, len, &reason);
	url = json_member_string(o, "account");
	*names = json_incref(json_object_get(o, "names"));
	if (url == NULL || !json_is_array(*names))
		snprintf(why, RENEW_WHY, "chancery-signer is of another "
		    "version");
	else {
		*account = arena_strdup(a, url);
		rc = 0;
	}
	json_decref(o);
	return rc;
}

int
renew_sign_open(const struct conf *conf, struct arena *a,
    const char **account, json_t **names, char *why)
{
	struct timeval	 limit = { .tv_sec = ANSWER_SECONDS };
	unsigned char	*text;
	size_t		 len;
	int		 fd;

	*names = NULL;
	fd = proc_connect(conf, RENEW_SOCKET_DIR, RENEW_SOCKET_NAME);
	if (fd == -1) {
		snprintf(why, RENEW_WHY, "chancery-signer is not there: %s",
		    strerror(errno));
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	text = ask(fd, a, RENEW_WHO, &len, why);
	if (text != NULL &&
	    take_identity(a, text, len, account, names, why) == 0)
		return fd;
	json_decref(*names);
	*names = NULL;
	close(fd);
	return -1;
}

const char *
renew_sign(int fd, struct arena *a, const char *input, char *why)
{
	unsigned char	*signature;
	size_t		 len;

	signature = ask(fd, a, input, &len, why);
	return signature == NULL ? NULL : b64u_encode(a, signature, len);
}
