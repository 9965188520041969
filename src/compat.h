/*
 * compat.h
 *	  The only file that asks for the server's version.
 *
 * New names are given to old servers, so that the rest of the tree is written
 * as if for the newest.  Include after postgres.h.
 */
#ifndef ACCOUNT_COMPAT_H
#define ACCOUNT_COMPAT_H

#include "postgres.h"

#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "account supports PostgreSQL 15, 16, 17 and 18"
#endif

/* The library is built with hidden symbols; 15 does not export any by itself. */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, name) (void); \
	const Pg_finfo_record * \
	CppConcat(pg_finfo_, name) (void) \
	{ \
		static const Pg_finfo_record record = {1}; \
\
		return &record; \
	} \
	extern int no_such_variable
#endif

/* The "extra" of a GUC is freed by the server: malloc() on 15, guc_malloc() later. */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size) malloc(size)
#define guc_free(pointer) free(pointer)
#endif

/* Whether a role may execute a function. */
#if PG_VERSION_NUM < 160000
#define proc_aclcheck(function, role) pg_proc_aclcheck(function, role, ACL_EXECUTE)
#else
#define proc_aclcheck(function, role) object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#endif

/* Whether a role owns a relation, by itself or by membership. */
#if PG_VERSION_NUM < 160000
#define class_ownercheck(relation, role) pg_class_ownercheck(relation, role)
#else
#define class_ownercheck(relation, role) object_ownercheck(RelationRelationId, relation, role)
#endif

/* The same of a schema. */
#if PG_VERSION_NUM < 160000
#define namespace_ownercheck(namespace_id, role) pg_namespace_ownercheck(namespace_id, role)
#else
#define namespace_ownercheck(namespace_id, role) object_ownercheck(NamespaceRelationId, namespace_id, role)
#endif

/* The local transaction id of a backend, zero outside a transaction. */
#if PG_VERSION_NUM < 170000
#define proc_lxid(proc) ((proc)->lxid)
#else
#define proc_lxid(proc) ((proc)->vxid.lxid)
#endif

/* 18 has it in front of a declaration, older servers behind one. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/*
 * ExecutorRun lost its execute_once in 18.  EXECUTOR_RUN_ALONE() keeps a plan from
 * starting workers, as if it had been run in part before; execute_once is what
 * minor releases before 15.11, 16.7 and 17.3 go by.
 */
#if PG_VERSION_NUM < 180000
#define EXECUTOR_RUN_ARGS QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once
#define EXECUTOR_RUN_PASS query, direction, count, execute_once
#define EXECUTOR_RUN_ALONE() (execute_once = false, query->already_executed = true)
#else
#define EXECUTOR_RUN_ARGS QueryDesc *query, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_PASS query, direction, count
#define EXECUTOR_RUN_ALONE() (query->already_executed = true)
#endif

/* A lexer of a JSON text, and what its actions return: nothing before 16. */
#if PG_VERSION_NUM < 160000
#define JSON_ACTION void
#define JSON_ACTION_DONE
#else
#define JSON_ACTION JsonParseErrorType
#define JSON_ACTION_DONE JSON_SUCCESS
#endif
#if PG_VERSION_NUM < 170000
#define make_json_lexer(text, length) \
	makeJsonLexContextCstringLen(text, length, GetDatabaseEncoding(), true)
#else
#define make_json_lexer(text, length) \
	makeJsonLexContextCstringLen(NULL, text, length, GetDatabaseEncoding(), true)
#endif

/* Whether a column (from 0) holds no NULL: in 18 a NOT NULL may not have been validated. */
#if PG_VERSION_NUM < 180000
#define column_is_filled(descriptor, column) (TupleDescAttr(descriptor, column)->attnotnull)
#else
#define column_is_filled(descriptor, column) \
	(TupleDescCompactAttr(descriptor, column)->attnullability == ATTNULLABLE_VALID)
#endif

/* Updates a row that nobody else is changing, whatever its indexes need then: 16 and later tell that too. */
#if PG_VERSION_NUM < 160000
#define update_row(relation, row, tuple, failure, mode) \
	heap_update(relation, row, tuple, GetCurrentCommandId(true), InvalidSnapshot, false, failure, mode)
#else
#define update_row(relation, row, tuple, failure, mode) \
	heap_update(relation, row, tuple, GetCurrentCommandId(true), InvalidSnapshot, false, failure, mode, \
				&(TU_UpdateIndexes) {TU_None})
#endif

#if PG_VERSION_NUM < 180000
#define MODULE_MAGIC PG_MODULE_MAGIC
#else
#define MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "account", .version = ACCOUNT_VERSION)
#endif

#endif							/* ACCOUNT_COMPAT_H */
