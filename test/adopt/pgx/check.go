package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var ctx = context.Background()

// bodies returns the notes that an account sees.
func bodies(pool *pgxpool.Pool, accountID string) (seen string) {
	err := AsAccount(ctx, pool, accountID, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT coalesce(string_agg(body, ',' ORDER BY id), '') FROM notes").Scan(&seen)
	})
	if err != nil {
		log.Fatal(err)
	}
	return seen
}

func add(body string, fails error) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO notes (body) VALUES ($1)", body); err != nil {
			return err
		}
		return fails
	}
}

func check(claim string, held bool) {
	if !held {
		log.Fatal("FAILED: ", claim)
	}
	fmt.Println("ok:", claim)
}

// An application of two tenants over one pool; see test/adopt/run.
func main() {
	alice, bob := os.Getenv("ALICE"), os.Getenv("BOB")
	pool, err := pgxpool.New(ctx, "pool_max_conns=2")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	err = AsAccount(ctx, pool, alice, add("from alice", nil))
	check("a request reads and writes the rows of its account",
		err == nil && bodies(pool, alice) == "from alice" && bodies(pool, bob) == "")

	no := errors.New("no")
	err = AsAccount(ctx, pool, bob, add("half done", no))
	check("a request that fails leaves nothing behind", err == no && bodies(pool, bob) == "")

	count := -1
	err = pool.QueryRow(ctx, "SELECT count(*) FROM notes").Scan(&count)
	check("the connection goes back to the pool without an identity", err == nil && count == 0)

	var requests sync.WaitGroup
	apart := make([]bool, 200)
	for i := range apart {
		requests.Add(1)
		go func(i int) {
			defer requests.Done()
			apart[i] = bodies(pool, []string{alice, bob}[i%2]) == []string{"from alice", ""}[i%2]
		}(i)
	}
	requests.Wait()
	all := true
	for _, held := range apart {
		all = all && held
	}
	check("200 requests at once keep apart", all)
}
