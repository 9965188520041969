-- recording: what administrators ask of the recorder, the background worker that writes what
-- sessions leave in shared memory (src/recorder.c).

CREATE FUNCTION account.record_now() RETURNS boolean
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_recording_record_now';
REVOKE ALL ON FUNCTION account.record_now() FROM PUBLIC;
COMMENT ON FUNCTION account.record_now() IS 'Has the recorder of this database write all that shared memory holds for it, due or not, and waits until that is on disk: before a planned stop or a dump, say. False where none runs, where one of its tasks has failed, or after a minute. Call it outside of a transaction that has changed anything: what is not committed is not written, and may be waited for. Level admin. Raises FORBIDDEN otherwise.';

CREATE FUNCTION account.evicted_uses() RETURNS bigint
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'account_recording_evicted_uses';
REVOKE ALL ON FUNCTION account.evicted_uses() FROM PUBLIC;
COMMENT ON FUNCTION account.evicted_uses() IS 'How many uses of keys and sessions were forgotten before they were written, because they had to make room in shared memory, since the server started: account.recorded_uses is too small then. NULL where the library is not preloaded. Level admin. Raises FORBIDDEN otherwise.';

INSERT INTO account.access_grants (level, object) VALUES
	('admin', 'FUNCTION account.record_now()'),
	('admin', 'FUNCTION account.evicted_uses()');
