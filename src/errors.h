/*
 * errors.h
 *	  The codes that callers see, each once.
 *
 * ERROR_TABLE lists code, SQLSTATE, HTTP status and description.  The class
 * "TA" is ours: classes that begin with I to Z are left to implementations by
 * the SQL standard, and neither PostgreSQL nor PostgREST gives "TA" a meaning.
 */
#ifndef ACCOUNT_ERRORS_H
#define ACCOUNT_ERRORS_H

#define ERROR_TABLE(ENTRY) \
	ENTRY(BAD_REQUEST, "TA001", 400, "the request cannot be carried out as it stands") \
	ENTRY(VALIDATION_FAILED, "TA002", 400, "one or more values are invalid; validationErrors names each") \
	ENTRY(MISSING_API_KEY, "TA003", 401, "no API key was supplied") \
	ENTRY(MALFORMED_API_KEY, "TA004", 401, "what was supplied is not an API key") \
	ENTRY(EXPIRED_API_KEY, "TA005", 401, "the API key has expired") \
	ENTRY(INVALID_AUTHORIZATION, "TA006", 401, "the API key is unknown, revoked or of the wrong kind") \
	ENTRY(FORBIDDEN, "TA007", 403, "the caller may not do this") \
	ENTRY(ACCOUNT_SUSPENDED, "TA008", 403, "the account or one above it is suspended") \
	ENTRY(MAX_RESOURCES_REACHED, "TA009", 403, "a limit of the billing plan is reached") \
	ENTRY(NOT_FOUND, "TA010", 404, "the requested id does not exist or is not the caller's") \
	ENTRY(CONFLICT, "TA011", 409, "the request conflicts with what is there already") \
	ENTRY(ARCHIVED, "TA012", 409, "the account or one above it is archived and takes no writes") \
	ENTRY(RATE_LIMITED, "TA013", 429, "too many requests") \
	ENTRY(INTERNAL_SERVER_ERROR, "TA014", 500, "an internal error; its id is in the server's log")

#define ERROR_ENUM(code, sqlstate, status, description) ERROR_##code,

typedef enum ErrorCode
{
	ERROR_TABLE(ERROR_ENUM)
	ERROR_CODES
} ErrorCode;

#undef ERROR_ENUM

#endif							/* ACCOUNT_ERRORS_H */
