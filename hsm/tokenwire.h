/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the signer (or the ceremony) and a token worker say to each other:
 * one SOCK_SEQPACKET message a question, one an answer, in the byte order of
 * the host, for both ends are on it.  Each message is the structure and then
 * `len` octets, no more and no less.  Seen by hsm/tokens.c and
 * hsm/token_main.c only.
 */
#ifndef CHANCERY_TOKENWIRE_H
#define CHANCERY_TOKENWIRE_H

#include <stdint.h>

#include "tokens.h"

#define WIRE_VERSION	0x43540001u	/* "CT", 1 */
#define WIRE_DATA_MAX	65536

enum wire_kind {
	WIRE_SIGN,		/* purpose, key_id; data: what to sign */
	WIRE_DERIVE,		/* data: the label */
	WIRE_KEY,		/* purpose: number of the key, from 0 */
	WIRE_GENERATE,		/* ceremony; data: kind, NUL, label, NUL */
	WIRE_EAB_KEY,		/* data: the key id */
	WIRE_EAB_VERIFY,	/* data: key id, NUL, alg, NUL, 2 octets of
				   the MAC's length, MAC, input; the answer
				   holds one octet, 1 or 0 */
};

struct wire_question {
	uint32_t	version;
	uint32_t	kind;
	uint32_t	purpose;
	uint32_t	len;
	unsigned char	key_id[KEY_ID_LEN];
};

enum wire_status {
	WIRE_DONE,		/* data: signature, octets, struct token_key */
	WIRE_REFUSED,		/* the question is wrong: ask no other worker */
	WIRE_FAILED,		/* the token is: this worker ends */
};

#define WIRE_WHY_LEN	256

struct wire_answer {
	uint32_t	version;
	uint32_t	status;
	uint32_t	count;		/* of WIRE_KEY: all keys */
	uint32_t	len;
	char		why[WIRE_WHY_LEN];
};

/*
 * The ceremony's worker: `chancery-token --ceremony MODULE LABEL PINFILE
 * SOFTHSMCONF -c FILE`, SOFTHSMCONF may be empty.  It has the socket as
 * descriptor 3, and its first message there is an answer without data: ready,
 * or why not.
 */
#define WIRE_CEREMONY		"--ceremony"
#define WIRE_CEREMONY_ARGS	4
#define WIRE_CEREMONY_FD	3

/*
 * Labels of the keys that are not an issuer's: the log key signs checkpoints
 * and nothing else, the seal key derives and nothing else.
 */
#define KEY_LABEL_ROOT		"chancery-root"
#define KEY_LABEL_ISSUING	"chancery-issuing"
#define KEY_LABEL_LOG		"chancery-log"
#define KEY_LABEL_SEAL		"chancery-seal"
#define KEY_LABEL_EAB		"chancery-eab"
#define KEY_LABEL_ACCOUNT	"chancery-account"

#endif
