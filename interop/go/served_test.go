package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// serving is what graven serve says of itself when it has started.
type serving struct {
	Address string `json:"address"`
	Token   string `json:"token"`
}

// serve lets graven serve the trails of these logs, each under the name of its size, until the test ends.
func serve(t *testing.T, logs []exported) serving {
	t.Helper()
	var args []string
	for _, log := range logs {
		args = append(args, "--read", fmt.Sprintf("size-%d=%s", log.size, log.trail))
	}
	return serveWith(t, nil, args...)
}

// serveWith starts graven serve with settings and more arguments, until the test ends.
func serveWith(t *testing.T, settings []string, more ...string) serving {
	t.Helper()
	args := []string{"serve", "--json", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0"}
	args = append(args, more...)
	for _, setting := range settings {
		args = append(args, "--set", setting)
	}
	cmd := exec.Command(graven, args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("graven serve: %v", err)
		}
	})
	var at serving
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&at); err != nil {
		t.Fatalf("graven serve said no address: %v", err)
	}
	return at
}

// Tessera's own fetcher reads the log over HTTP, with nothing but a token.
func TestEachServedLogIsAcceptedOverHTTP(t *testing.T) {
	all := logs(t)
	at := serve(t, all)
	for _, log := range all {
		t.Run(fmt.Sprint(log.size), func(t *testing.T) {
			root, err := url.Parse(fmt.Sprintf("%s/v1/trails/size-%d/log/", at.Address, log.size))
			if err != nil {
				t.Fatal(err)
			}
			fetcher, err := client.NewHTTPFetcher(root, http.DefaultClient)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fetcher.ReadCheckpoint(context.Background()); err == nil {
				t.Error("the log is there without a token")
			}
			fetcher.SetAuthorizationHeader("Bearer " + at.Token)
			verifier, err := note.NewVerifier(log.vkey)
			if err != nil {
				t.Fatal(err)
			}
			check := fsck.New(verifier.Name(), verifier, fetcher, leafHashes, fsck.Opts{N: 16})
			if err := withinLimit(func(ctx context.Context) error { return check.Check(ctx) }); err != nil {
				t.Errorf("tessera fsck: %v", err)
			}
			checkpoint, err := fetcher.ReadCheckpoint(context.Background())
			if err != nil || string(checkpoint) != string(log.log["checkpoint"]) {
				t.Errorf("the checkpoint is another one than in the exported log (%v)", err)
			}
		})
	}
}
