// Command immudb measures how many entries a second immudb's server makes durable, by its own client.
//
// It starts the server, and prints one line of JSON: entries that were acknowledged within the time, the time, and how many
// the server has.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/codenotary/immudb/pkg/api/schema"
	"github.com/codenotary/immudb/pkg/client"
)

var (
	server  = flag.String("server", "", "the program of the server")
	dir     = flag.String("dir", "", "where it writes")
	callers = flag.Int("callers", 1, "how many connections, each with one transaction outstanding")
	batch   = flag.Int("batch", 1, "how many entries make a transaction")
	syncMs  = flag.Int64("sync-ms", 20, "how often the server syncs, in milliseconds")
	seconds = flag.Float64("seconds", 1, "how long to record")
)

// database is where the entries go: one with settings of its own.
const database = "bench"

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	process := exec.Command(*server, "--dir", *dir, "--address", "127.0.0.1", "--port", strconv.Itoa(port),
		"--pidfile", filepath.Join(*dir, "server.pid"),
		"--metrics-server=false", "--web-server=false", "--pgsql-server=false", "--synced=true")
	if err := process.Start(); err != nil {
		return err
	}
	defer func() {
		process.Process.Kill()
		process.Wait()
	}()
	if err := create(ctx, port); err != nil {
		return err
	}
	clients := make([]client.ImmuClient, *callers)
	for n := range clients {
		if clients[n], err = open(ctx, port, database); err != nil {
			return err
		}
	}
	entries, taken, err := record(ctx, clients)
	if err != nil {
		return err
	}
	state, err := clients[0].CurrentState(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"entries": entries, "seconds": taken.Seconds(), "kept": state.TxId * uint64(*batch),
	})
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// open connects to a database as the first user, who has this password until it is changed.
func open(ctx context.Context, port int, name string) (client.ImmuClient, error) {
	options := client.DefaultOptions().WithAddress("127.0.0.1").WithPort(port).WithDir(*dir)
	opened := client.NewClient().WithOptions(options)
	return opened, opened.OpenSession(ctx, []byte("immudb"), []byte("immudb"), name)
}

// create makes the database, as soon as the server listens.
func create(ctx context.Context, port int) error {
	until := time.Now().Add(30 * time.Second)
	for {
		first, err := open(ctx, port, "defaultdb")
		if err == nil {
			defer first.CloseSession(ctx)
			_, err = first.CreateDatabaseV2(ctx, database, &schema.DatabaseNullableSettings{
				SyncFrequency:  &schema.NullableMilliseconds{Value: *syncMs},
				MaxConcurrency: &schema.NullableUint32{Value: uint32(*callers)}, // it takes 30 by default
			})
			return err
		}
		if time.Now().After(until) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// record has every caller send one transaction after the other, each when the one before is durable.
func record(ctx context.Context, clients []client.ImmuClient) (uint64, time.Duration, error) {
	var recorded, number atomic.Uint64
	var failure atomic.Value
	var running sync.WaitGroup
	start, allowed := time.Now(), time.Duration(*seconds*float64(time.Second))
	for _, caller := range clients {
		running.Go(func() {
			for time.Since(start) < allowed {
				if _, err := caller.SetAll(ctx, transaction(&number)); err != nil {
					failure.Store(err)
					return
				}
				recorded.Add(uint64(*batch))
			}
		})
	}
	running.Wait()
	taken := time.Since(start)
	if err, failed := failure.Load().(error); failed {
		return 0, 0, err
	}
	return recorded.Load(), taken, nil
}

// transaction has the next entries, by their ids. It does not wait until they are in the index.
func transaction(number *atomic.Uint64) *schema.SetRequest {
	request := &schema.SetRequest{NoWait: true, KVs: make([]*schema.KeyValue, *batch)}
	for n := range request.KVs {
		next := number.Add(1)
		request.KVs[n] = &schema.KeyValue{Key: fmt.Appendf(nil, "%012d", next), Value: line(next)}
	}
	return request
}
