package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// graven is the binary under test, once logs has been called.
var graven string

// folder is where the trails and logs are.
var folder string

// sizes are the sizes at which a log is judged: one entry, a full tile, one more, and three levels of tiles.
var sizes = []int{1, 256, 257, 70_001}

// exported is a trail at one size, and its static log.
type exported struct {
	size  int
	trail string // The trail's directory.
	out   string // The exported log.
	vkey  string // The log's verifier key.
	log   files  // The exported log, in memory.
}

func TestMain(m *testing.M) {
	var err error
	if graven, err = binary(); err == nil {
		folder, err = os.MkdirTemp("", "graven-interop-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(folder)
	os.Exit(status)
}

// logs are the same trail at each size, the smallest first, recorded by the first test that asks.
func logs(t *testing.T) []exported {
	t.Helper()
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var recorded = sync.OnceValues(func() ([]exported, error) { return record(folder) })

// binary is the graven that the tests are about.
func binary() (string, error) {
	bin := os.Getenv("GRAVEN_BIN")
	if bin == "" {
		return "", errors.New("GRAVEN_BIN is not set: it must name the graven binary, such as target/release/graven")
	}
	path, err := filepath.Abs(bin)
	if err != nil {
		return "", err
	}
	if _, err = os.Stat(path); err != nil {
		return "", fmt.Errorf("GRAVEN_BIN does not name the graven binary: %w", err)
	}
	return path, nil
}

// record lets one trail grow, and at each size keeps a copy of it and its exported log.
func record(dir string) ([]exported, error) {
	trail := filepath.Join(dir, "trail")
	// Small segments, so that logs span some of them.
	if _, err := run(nil, "init", trail, "--segment-bytes", "4000000"); err != nil {
		return nil, err
	}
	key, err := run(nil, "key", trail)
	if err != nil {
		return nil, err
	}
	var logs []exported
	recorded := 0
	for _, size := range sizes {
		if _, err := run(entries(recorded, size), "record", trail, "--stdin"); err != nil {
			return nil, err
		}
		recorded = size
		at := exported{
			size:  size,
			trail: filepath.Join(dir, fmt.Sprintf("trail-%d", size)),
			out:   filepath.Join(dir, fmt.Sprintf("log-%d", size)),
			vkey:  strings.TrimSpace(string(key)),
		}
		if err := os.CopyFS(at.trail, os.DirFS(trail)); err != nil {
			return nil, err
		}
		if _, err := run(nil, "export", "tiles", at.trail, at.out); err != nil {
			return nil, err
		}
		if at.log, err = readFiles(at.out); err != nil {
			return nil, err
		}
		logs = append(logs, at)
	}
	return logs, nil
}

// entries is what a recorder is given for the entries from first to before end, one JSON object a line.
func entries(first, end int) []byte {
	var lines bytes.Buffer
	outcomes := []string{"success", "failure", "denied"}
	for i := first; i < end; i++ {
		fmt.Fprintf(&lines, `{"category":"tool_execution","action":"tool:bash","outcome":%q,"principal":"user-%d@example.com",`,
			outcomes[i%len(outcomes)], i%97)
		fmt.Fprintf(&lines, `"detail":{"command":"cat notes-%d.txt %s","lines":%d}}`+"\n", i, strings.Repeat("é", i%40), i*i)
	}
	return lines.Bytes()
}

// run runs graven and returns its standard output; any other exit code than 0 is an error that says what it said.
func run(stdin []byte, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(graven, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("graven %s: %w\n%s%s", strings.Join(args, " "), err, tail(stdout.Bytes()), tail(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// mustRefuse runs graven verify, which must say by its exit code that what it is given is not good.
func mustRefuse(t *testing.T, args ...string) {
	t.Helper()
	output, err := exec.Command(graven, append([]string{"verify"}, args...)...).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || (exit.ExitCode() != 1 && exit.ExitCode() != 2) {
		t.Errorf("graven verify %s: %v, want exit code 1 or 2\n%s", strings.Join(args, " "), err, tail(output))
	}
}

// mustAccept runs graven verify, which must find nothing.
func mustAccept(t *testing.T, args ...string) {
	t.Helper()
	if _, err := run(nil, append([]string{"verify"}, args...)...); err != nil {
		t.Error(err)
	}
}

// tail is the end of a program's output, enough to see what went wrong.
func tail(output []byte) []byte {
	return output[max(0, len(output)-2000):]
}
