
-- body: bodies of requests as they were sent, which may be anything.

CREATE FUNCTION account_api.v1_read(bytea) RETURNS json
	LANGUAGE C STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_body_read';
REVOKE ALL ON FUNCTION account_api.v1_read(bytea) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_read(bytea) IS 'A request of the documents that writes nothing, for a proxy
Answers as the function does that the header X-Account-Function names, and a body that is no JSON with BAD_REQUEST. Media type application/octet-stream. Any level; errors are answers.';

CREATE FUNCTION account_api.v1_write(bytea) RETURNS json
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_body_write';
REVOKE ALL ON FUNCTION account_api.v1_write(bytea) FROM PUBLIC;
COMMENT ON FUNCTION account_api.v1_write(bytea) IS 'A request of the documents that writes, for a proxy
Answers as the function does that the header X-Account-Function names, and a body that is no JSON with BAD_REQUEST. Media type application/octet-stream. Any level; errors are answers.';

INSERT INTO account.access_grants (level, object) VALUES
	('anonymous', 'FUNCTION account_api.v1_read(bytea)'),
	('anonymous', 'FUNCTION account_api.v1_write(bytea)');
