/*
 * lapse.c
 *	  Attempts to log in whose transaction was rolled back.
 *
 * Where the library is not preloaded, attempts are counted in a table, and who can have the
 * transaction rolled back would not be counted: over HTTP, with a condition on the answer
 * that fails.  So each session remembers what it has counted until that is committed, and counts
 * what was rolled back again at the next attempt.  Sessions are few where clients share them,
 * as behind PostgREST; who opens his own forgets by closing it.
 */
#include "account.h"

#include "access/xact.h"

#define LAPSES 256				/* the oldest make room */

typedef struct Lapse
{
	pg_uuid_t	subject;
	TimestampTz at;
	SubTransactionId written_in;	/* InvalidSubTransactionId: nowhere, it was rolled back */
} Lapse;

static Lapse lapses[LAPSES];
static int	nlapses = 0;

static void
remove_lapse(int place)
{
	nlapses--;
	memmove(&lapses[place], &lapses[place + 1], sizeof(Lapse) * (nlapses - place));
}

void
lapse_note(const pg_uuid_t *subject, TimestampTz at)
{
	if (nlapses == LAPSES)
		remove_lapse(0);
	lapses[nlapses].subject = *subject;
	lapses[nlapses].at = at;
	lapses[nlapses].written_in = GetCurrentSubTransactionId();
	nlapses++;
}

void
lapse_write(void (*write) (const pg_uuid_t *subject, TimestampTz at), TimestampTz since)
{
	for (int i = nlapses - 1; i >= 0; i--)
	{
		if (lapses[i].written_in != InvalidSubTransactionId)
			continue;
		if (lapses[i].at < since)
			remove_lapse(i);
		else
		{
			write(&lapses[i].subject, lapses[i].at);
			lapses[i].written_in = GetCurrentSubTransactionId();
		}
	}
}

void
lapse_forget(const pg_uuid_t *subject)
{
	for (int i = nlapses - 1; i >= 0; i--)
	{
		if (memcmp(&lapses[i].subject, subject, UUID_LEN) == 0)
			remove_lapse(i);
	}
}

static void
end_transaction(XactEvent event, void *argument)
{
	for (int i = nlapses - 1; i >= 0; i--)
	{
		if (event == XACT_EVENT_ABORT)
			lapses[i].written_in = InvalidSubTransactionId;
		else if ((event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) &&
				 lapses[i].written_in != InvalidSubTransactionId)
			remove_lapse(i);
	}
}

/* The number of what is undone, and those of all within, are the highest. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId undone, SubTransactionId parent, void *argument)
{
	for (int i = 0; event == SUBXACT_EVENT_ABORT_SUB && i < nlapses; i++)
	{
		if (lapses[i].written_in >= undone)
			lapses[i].written_in = InvalidSubTransactionId;
	}
}

void
lapse_init(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}
