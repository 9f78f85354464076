// Command tessera measures how many entries a second Tessera's POSIX driver makes durable.
//
// It prints one line of JSON: entries whose future resolved within the time, the time, and the size of the tree.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

var (
	dir     = flag.String("dir", "", "where to write the log")
	callers = flag.Int("callers", 1, "how many callers, each with one entry outstanding")
	batch   = flag.Uint("batch", 1, "how many entries make a batch")
	age     = flag.Duration("age", 50*time.Millisecond, "how long a batch that is not full may wait")
	seconds = flag.Float64("seconds", 1, "how long to record")
	listen  = flag.String("listen", "", "serve over HTTP at this address, and record nothing by itself")
)

func main() {
	flag.Parse()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard) // it warns of every slow checkpoint
	work := run
	if *listen != "" {
		work = serve
	}
	if err := work(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	log, shutdown, reader, err := open(ctx)
	if err != nil {
		return err
	}
	entries, taken, err := record(ctx, log)
	if err != nil {
		return err
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	kept, err := reader.IntegratedSize(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"entries": entries, "seconds": taken.Seconds(), "kept": kept,
	})
}

// open makes a log with what is fastest: no antispam, no garbage collection, a checkpoint a second.
func open(ctx context.Context) (*tessera.Appender, func(context.Context) error, tessera.LogReader, error) {
	secret, _, err := note.GenerateKey(nil, "bench.example.com")
	if err != nil {
		return nil, nil, nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, nil, nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: *dir})
	if err != nil {
		return nil, nil, nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithBatching(*batch, *age).
		WithPushback(uint(max(4096, 4**callers))).
		WithGarbageCollectionInterval(0)
	return tessera.NewAppender(ctx, driver, options)
}

// record has every caller add one entry after the other, each when the one before is durable. It returns how many were
// durable within the time, and when the last of them was: what waits in a batch at the end costs nothing.
func record(ctx context.Context, log *tessera.Appender) (uint64, time.Duration, error) {
	var recorded, number atomic.Uint64
	var last atomic.Int64
	var failure atomic.Value
	var running sync.WaitGroup
	start, allowed := time.Now(), time.Duration(*seconds*float64(time.Second))
	for range *callers {
		running.Go(func() {
			for time.Since(start) < allowed {
				if _, err := log.Add(ctx, tessera.NewEntry(line(number.Add(1))))(); err != nil {
					failure.Store(err)
					return
				}
				recorded.Add(1)
				last.Store(int64(time.Since(start)))
			}
		})
	}
	time.Sleep(allowed)
	entries, taken := recorded.Load(), time.Duration(last.Load())
	running.Wait()
	if err, failed := failure.Load().(error); failed {
		return 0, 0, err
	}
	return entries, taken, nil
}
