/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer's desk for the appliance's own account, whose key is in the
 * token: chancery-renew asks there for the signatures of its ACME requests.
 */
#ifndef CHANCERY_SIGNER_JWS_H
#define CHANCERY_SIGNER_JWS_H

struct signer;

/* Listen on run_dir/signer/account; ends the process when that fails. */
void	jws_open(struct signer *);
/* Readable when there is something for jws_tend(), which does not wait but
 * for the token. */
int	jws_fd(void);
void	jws_tend(struct signer *);
void	jws_close(void);

#endif
