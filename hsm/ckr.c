/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of return values.  Where no table row tells more, the device is
 * taken to be in trouble that a new start of the worker may end.
 */
#include <stddef.h>

#include "../server/log.h"
#include "../server/mem.h"
#include "ckr.h"

#define WRONG_PIN \
	"the PIN is wrong; it is not tried again until its file changes"

static const struct ckr ckrs[] = {
	{ 0x0, "no error told", EXIT_FAILED, NULL },
	{ 0x2, "CKR_HOST_MEMORY", EXIT_FAILED, NULL },
	{ 0x3, "CKR_SLOT_ID_INVALID", EXIT_FAILED, NULL },
	{ 0x5, "CKR_GENERAL_ERROR", EXIT_FAILED, NULL },
	{ 0x6, "CKR_FUNCTION_FAILED", EXIT_FAILED, NULL },
	{ 0x7, "CKR_ARGUMENTS_BAD", EXIT_FAILED, NULL },
	{ 0x10, "CKR_ATTRIBUTE_READ_ONLY", EXIT_FAILED, NULL },
	{ 0x12, "CKR_ATTRIBUTE_TYPE_INVALID", EXIT_FAILED, NULL },
	{ 0x13, "CKR_ATTRIBUTE_VALUE_INVALID", EXIT_FAILED, NULL },
	{ 0x30, "CKR_DEVICE_ERROR", EXIT_FAILED, NULL },
	{ 0x31, "CKR_DEVICE_MEMORY", EXIT_FAILED, NULL },
	{ 0x32, "CKR_DEVICE_REMOVED", EXIT_FAILED, NULL },
	{ 0x60, "CKR_KEY_HANDLE_INVALID", EXIT_FAILED, NULL },
	{ 0x68, "CKR_KEY_FUNCTION_NOT_PERMITTED", EXIT_FAILED, NULL },
	{ 0x70, "CKR_MECHANISM_INVALID", EXIT_FAILED, NULL },
	{ 0x82, "CKR_OBJECT_HANDLE_INVALID", EXIT_FAILED, NULL },
	{ 0x90, "CKR_OPERATION_ACTIVE", EXIT_FAILED, NULL },
	{ 0xa0, "CKR_PIN_INCORRECT", EXIT_OPERATOR, WRONG_PIN },
	{ 0xa1, "CKR_PIN_INVALID", EXIT_OPERATOR, WRONG_PIN },
	{ 0xa2, "CKR_PIN_LEN_RANGE", EXIT_OPERATOR, WRONG_PIN },
	{ 0xa3, "CKR_PIN_EXPIRED", EXIT_OPERATOR,
	    "set a new PIN with the vendor's tool" },
	{ 0xa4, "CKR_PIN_LOCKED", EXIT_OPERATOR,
	    "the PIN is locked; unlock it with the vendor's tool" },
	{ 0xb0, "CKR_SESSION_CLOSED", EXIT_FAILED, NULL },
	{ 0xb1, "CKR_SESSION_COUNT", EXIT_FAILED, NULL },
	{ 0xb3, "CKR_SESSION_HANDLE_INVALID", EXIT_FAILED, NULL },
	{ 0xb5, "CKR_SESSION_READ_ONLY", EXIT_FAILED, NULL },
	{ 0xd0, "CKR_TEMPLATE_INCOMPLETE", EXIT_FAILED, NULL },
	{ 0xd1, "CKR_TEMPLATE_INCONSISTENT", EXIT_FAILED, NULL },
	{ 0xe0, "CKR_TOKEN_NOT_PRESENT", EXIT_FAILED, NULL },
	{ 0xe1, "CKR_TOKEN_NOT_RECOGNIZED", EXIT_OPERATOR,
	    "initialise the token" },
	{ 0xe2, "CKR_TOKEN_WRITE_PROTECTED", EXIT_OPERATOR,
	    "make the token writable" },
	{ 0x101, "CKR_USER_NOT_LOGGED_IN", EXIT_FAILED, NULL },
	{ 0x102, "CKR_USER_PIN_NOT_INITIALIZED", EXIT_OPERATOR,
	    "initialise the token's user PIN" },
	{ 0x190, "CKR_CRYPTOKI_NOT_INITIALIZED", EXIT_FAILED, NULL },
};

const struct ckr *
ckr_of(unsigned long rv)
{
	static const struct ckr other = { 0, "another error", EXIT_FAILED,
	    NULL };
	size_t i;

	for (i = 0; i < nitems(ckrs); i++)
		if (ckrs[i].rv == rv)
			return &ckrs[i];
	return &other;
}
