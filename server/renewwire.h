/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between chancery-renew and chancery-signer, on run_dir/signer/account
 * (SOCK_SEQPACKET): the account whose key is in the token.  A question is
 * RENEW_WHO, or the signing input of a JWS (RFC 7515, 5.1).  The answer is
 * one octet that tells which, then what is asked for: for RENEW_WHO an object
 * {"account": URL, "names": [text]}, those that the account has without
 * proof; for a signing input the signature as JWS wants it.
 */
#ifndef CHANCERY_RENEWWIRE_H
#define CHANCERY_RENEWWIRE_H

#define RENEW_SOCKET_DIR	"signer"
#define RENEW_SOCKET_NAME	"account"
#define RENEW_WHO		"?"
#define RENEW_MESSAGE_MAX	32768

#define RENEW_DONE		'+'
#define RENEW_REFUSED		'-'	/* a line of text says why */

#endif
