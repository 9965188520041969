/*
 * recording.c
 *	  What administrators ask of the recorder.
 */
#include "account.h"

#define FLUSH_MILLISECONDS 60000

PG_FUNCTION_INFO_V1(account_recording_record_now);
PG_FUNCTION_INFO_V1(account_recording_evicted_uses);

/* record_now() */
Datum
account_recording_record_now(PG_FUNCTION_ARGS)
{
	caller_require_admin("have the recorder write");
	PG_RETURN_BOOL(recorder_flush(FLUSH_MILLISECONDS));
}

/* evicted_uses() */
Datum
account_recording_evicted_uses(PG_FUNCTION_ARGS)
{
	int64		evicted;

	caller_require_admin("see how uses are noted");
	if (!use_evicted(&evicted))
		PG_RETURN_NULL();
	PG_RETURN_INT64(evicted);
}
