/*
 * head.c
 *	  The rows of account.audit_heads: the end of each chain.
 *
 * A head is sealed by a key that is derived from the master key, so that whoever can write the
 * table, and does not know that, can go back to what once was and to nothing else.  A head that
 * was found to be wrong is carried on with its old seal, which does not fit: the next entry or
 * a prune does not make it right again.
 */
#include "account.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Reads a mac: what has another length is none, and is equal to none. */
static void
read_mac(const QueryScope *scope, uint64 row, int column, uint8 *mac)
{
	bool		isnull;
	Datum		value = query_datum(scope, row, column, &isnull);

	memset(mac, 0, CHAIN_MAC_LENGTH);
	if (!isnull && VARSIZE_ANY_EXHDR(DatumGetPointer(value)) == CHAIN_MAC_LENGTH)
		memcpy(mac, VARDATA_ANY(DatumGetPointer(value)), CHAIN_MAC_LENGTH);
}

void
head_read(const QueryScope *scope, uint64 row, int column, ChainHead *head)
{
	bool		isnull;
	Datum		value;

	memset(head, 0, sizeof(*head));
	(void) query_uuid(row, column, &head->account_key);
	head->position = query_int64(row, column + 1);
	read_mac(scope, row, column + 2, head->mac);
	head->sealed_at = query_int64(row, column + 3);
	head->first_position = query_int64(row, column + 4);
	read_mac(scope, row, column + 5, head->first_mac);
	value = query_datum(scope, row, column + 6, &isnull);
	head->sealed_by = isnull ? NULL : DatumGetByteaPP(value);
	read_mac(scope, row, column + 7, head->seal);
}

bool
head_any_keyed(void)
{
	static Statement find = {
		"SELECT EXISTS (SELECT FROM account.audit_heads h WHERE h.sealed_by IS NOT NULL)"
	};

	if (seal_key_in_force() == NULL)
		return false;
	(void) query_latest(&find, NULL, NULL);
	return query_bool(0, 1);
}

bool
head_holds(const ChainHead *head, bool any_keyed, bool *unknown)
{
	ChainKey	key;
	uint8		seal[CHAIN_MAC_LENGTH];

	*unknown = !chain_find_key(head->sealed_by, &key);
	if (*unknown)
		return false;
	chain_make_seal(&key, head, seal);
	explicit_bzero(&key, sizeof(key));
	return token_equal(seal, head->seal, CHAIN_MAC_LENGTH) && (head->sealed_by != NULL || !any_keyed);
}

static Datum
bytes(const void *data, size_t length)
{
	return PointerGetDatum(cstring_to_text_with_len(data, length));
}

/* An array of values without NULLs. */
static Datum
make_array(Datum *values, int count, Oid type, int length, bool by_value, char alignment)
{
	return PointerGetDatum(construct_array(values, count, type, length, by_value, alignment));
}

/* An array of bytea; nulls is NULL if there are none. */
static Datum
make_byteas(Datum *values, bool *nulls, int count)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower, BYTEAOID, -1, false, TYPALIGN_INT));
}

void
head_write(const List *changes)
{
	static Statement write = {
		"INSERT INTO account.audit_heads AS h (account_key, position, mac, sealed_at, first_position, first_mac,"
		" sealed_by, seal)"
		" SELECT n.account_key, n.position, n.mac, n.sealed_at, n.first_position, n.first_mac, n.sealed_by, n.seal"
		" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),"
		" pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8))"
		" AS n (account_key, position, mac, sealed_at, first_position, first_mac, sealed_by, seal)"
		" ON CONFLICT ON CONSTRAINT audit_heads_pkey DO UPDATE SET position = EXCLUDED.position, mac = EXCLUDED.mac,"
		" sealed_at = EXCLUDED.sealed_at, first_position = EXCLUDED.first_position,"
		" first_mac = EXCLUDED.first_mac, sealed_by = EXCLUDED.sealed_by, seal = EXCLUDED.seal",
		8, {UUIDARRAYOID, INT8ARRAYOID, BYTEAARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, BYTEAARRAYOID,
		BYTEAARRAYOID, BYTEAARRAYOID}
	};
	const int	count = list_length(changes);
	Datum	   *columns[8];
	bool	   *unkeyed = palloc(sizeof(bool) * count);
	Datum		values[8];
	ChainKey	key;

	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * count);
	chain_key_in_force(&key);
	for (int i = 0; i < count; i++)
	{
		HeadChange *change = list_nth(changes, i);
		ChainHead  *head = &change->head;

		if (change->sound)
		{
			head->sealed_by = key.id;
			chain_make_seal(&key, head, head->seal);
		}
		unkeyed[i] = head->sealed_by == NULL;
		columns[0][i] = UUIDPGetDatum(&head->account_key);
		columns[1][i] = Int64GetDatum(head->position);
		columns[2][i] = bytes(head->mac, CHAIN_MAC_LENGTH);
		columns[3][i] = TimestampTzGetDatum(head->sealed_at);
		columns[4][i] = Int64GetDatum(head->first_position);
		columns[5][i] = bytes(head->first_mac, CHAIN_MAC_LENGTH);
		columns[6][i] = PointerGetDatum(head->sealed_by);
		columns[7][i] = bytes(head->seal, CHAIN_MAC_LENGTH);
	}
	explicit_bzero(&key, sizeof(key));
	values[0] = make_array(columns[0], count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	values[1] = make_array(columns[1], count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[2] = make_byteas(columns[2], NULL, count);
	values[3] = make_array(columns[3], count, TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[4] = make_array(columns[4], count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[5] = make_byteas(columns[5], NULL, count);
	values[6] = make_byteas(columns[6], unkeyed, count);
	values[7] = make_byteas(columns[7], NULL, count);
	query_write(&write, values, NULL);
}
