-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of chancery-publisher.

-- name: publisher_issuers
-- The newest first: its root is the one to trust.
SELECT name, certificate, root, extract(epoch FROM created)::bigint
FROM chancery.issuer ORDER BY id DESC LIMIT 100;
