
-- error: what callers are told.  The table of codes is in src/errors.h.

CREATE FUNCTION account.list_error_codes(OUT code text, OUT sqlstate text, OUT http_status integer, OUT description text)
	RETURNS SETOF record
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'account_error_list_error_codes';
REVOKE ALL ON FUNCTION account.list_error_codes() FROM PUBLIC;
COMMENT ON FUNCTION account.list_error_codes() IS 'The rows of view account.error_codes.';

CREATE VIEW account.error_codes AS
	SELECT code, sqlstate, http_status, description
	FROM account.list_error_codes();
COMMENT ON VIEW account.error_codes IS 'Every code that a function of this extension can raise. DETAIL of an error is a JSON object with error (the code), id (unique, also in the server log) and validationErrors.';
COMMENT ON COLUMN account.error_codes.code IS 'The code as it stands in DETAIL, member "error".';
COMMENT ON COLUMN account.error_codes.sqlstate IS 'The SQLSTATE that is raised with it.';
COMMENT ON COLUMN account.error_codes.http_status IS 'The HTTP status that it stands for.';
COMMENT ON COLUMN account.error_codes.description IS 'What it means.';
