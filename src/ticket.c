/*
 * ticket.c
 *	  An order for rows that several transactions insert, and that others work off.
 *
 * Numbers of a sequence alone do not do: who has drawn 7 may commit after who has drawn 8,
 * and whoever was at 8 by then never sees 7.  So with its number each row keeps a horizon: the
 * transaction id that was next after the number was drawn.  Who drew a lower number had a lower
 * id by then.  Once every transaction below the horizon is over, all rows with lower numbers
 * are committed or never will be: the row is settled, and so are those before it, whatever
 * their own horizon is.
 *
 * Nothing here is locked, and nobody waits: a transaction that stays open holds back, for as
 * long as it does, what was drawn after it began to write.
 */
#include "account.h"

#include "access/transam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

PG_FUNCTION_INFO_V1(account_ticket_turn_is_settled);

void
ticket_draw(int64 *turn, uint64 *horizon)
{
	/* First of all the id: without one, the horizon of a later number would not keep this row. */
	(void) GetTopTransactionId();
	*turn = nextval_internal(schema_catalog()->turns, false);
	*horizon = U64FromFullTransactionId(ReadNextFullTransactionId());
}

/* turn_is_settled(horizon) */
Datum
account_ticket_turn_is_settled(PG_FUNCTION_ARGS)
{
	FullTransactionId horizon = PG_GETARG_FULLTRANSACTIONID(0);

	/* After the snapshot: no row of this cluster that it shows has a horizon above. */
	FullTransactionId next = ReadNextFullTransactionId();
	TransactionId xmin = GetActiveSnapshot()->xmin;
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xmin > XidFromFullTransactionId(next))
		epoch--;
	PG_RETURN_BOOL(FullTransactionIdPrecedesOrEquals(horizon, FullTransactionIdFromEpochAndXid(epoch, xmin)) ||
				   FullTransactionIdPrecedes(next, horizon));
}
