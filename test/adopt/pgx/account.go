// Package main: a request's queries, as the account of whoever is logged in.
package main

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AsAccount runs work in a transaction that acts for the account.  Where the caller
// brings an API key or a session of its own: SELECT account.authenticate($1).
func AsAccount(ctx context.Context, pool *pgxpool.Pool, accountID string, work func(pgx.Tx) error) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) // does nothing after Commit
	_, err = tx.Exec(ctx, "SELECT account.act_as($1, $2)", os.Getenv("APPLICATION_KEY"), accountID)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
