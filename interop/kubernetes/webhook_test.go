package kubernetes

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	authnv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	backends "k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/plugin/pkg/audit/webhook"
)

// server is a server at a port that stays the same.
type server struct {
	t             *testing.T
	cmd           *exec.Cmd
	bin, at, data string
	token         string
	certificate   string // Its file, which is its own authority.
	key           string
	client        *http.Client
}

// serve starts a server in a folder of its own.
func serve(t *testing.T) *server {
	t.Helper()
	bin := os.Getenv("GRAVEN_BIN")
	if bin == "" {
		t.Fatal("GRAVEN_BIN is not set: it must name the graven binary, such as target/release/graven")
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	free.Close()
	s := &server{t: t, bin: bin, at: at, data: filepath.Join(t.TempDir(), "data")}
	// A kubeconfig sends no token in clear.
	s.certify()
	s.start()
	t.Cleanup(s.kill)
	return s
}

// certify makes a certificate for loopback.
func (s *server) certify() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "graven"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	folder := s.t.TempDir()
	s.certificate, s.key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		s.certificate: {Type: "CERTIFICATE", Bytes: certificate},
		s.key:         {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		s.t.Fatal(err)
	}
	roots.AddCert(parsed)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func (s *server) start() {
	s.t.Helper()
	if err := s.begin(); err != nil {
		s.t.Fatal(err)
	}
}

// begin starts the server, and waits until it serves.
func (s *server) begin() error {
	s.cmd = exec.Command(s.bin, "serve", "--json", "--data", s.data, "--listen", s.at,
		"--set", "tls.cert_file="+s.certificate, "--set", "tls.key_file="+s.key)
	s.cmd.Stderr = os.Stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	var said struct {
		Token *string `json:"token"`
	}
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&said); err != nil {
		return fmt.Errorf("graven serve said nothing: %w", err)
	}
	if said.Token != nil {
		s.token = *said.Token
	}
	return nil
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	// It was killed.
	_ = s.cmd.Wait()
}

// recorded are the entries of the category k8s.
func (s *server) recorded() []entry {
	s.t.Helper()
	request, err := http.NewRequest("GET", "https://"+s.at+"/v1/trails/main/export?format=jsonl&q=category:k8s", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var all []entry
	lines := json.NewDecoder(answer.Body)
	for lines.More() {
		var hit struct{ Entry entry }
		if err := lines.Decode(&hit); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, hit.Entry)
	}
	return all
}

type entry struct {
	ID, Action, Principal, Outcome, Resource string
}

// backend is the webhook of an API server that has this kubeconfig.
func (s *server) backend() backends.Backend {
	s.t.Helper()
	kubeconfig := filepath.Join(s.t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: graven
  cluster: {server: "https://%s/v1/trails/main/kubernetes", certificate-authority: "%s"}
users:
- name: kube-apiserver
  user: {token: %s}
contexts:
- name: graven
  context: {cluster: graven, user: kube-apiserver}
current-context: graven
`, s.at, s.certificate, s.token)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	again := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 1.5, Steps: 12}
	backend, err := webhook.NewBackend(kubeconfig, auditv1.SchemeGroupVersion, again, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return backend
}

func event(number int) *audit.Event {
	at := metav1.NewMicroTime(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	return &audit.Event{
		Level:                    audit.LevelMetadata,
		AuditID:                  types.UID(fmt.Sprintf("audit-%d", number)),
		Stage:                    audit.StageResponseComplete,
		RequestURI:               "/api/v1/namespaces/default/pods",
		Verb:                     "delete",
		User:                     authnv1.UserInfo{Username: "alice", Groups: []string{"system:authenticated"}},
		SourceIPs:                []string{"192.0.2.7"},
		UserAgent:                "kubectl/v1.35",
		ObjectRef:                &audit.ObjectReference{Resource: "pods", Namespace: "default", Name: "web-0", APIVersion: "v1"},
		ResponseStatus:           &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: 403},
		RequestReceivedTimestamp: at,
		StageTimestamp:           metav1.NewMicroTime(at.Add(5 * time.Millisecond)),
		Annotations:              map[string]string{"authorization.k8s.io/decision": "forbid"},
	}
}

// The server is killed while events come, and each of them is in the trail once.
func TestEventsOfTheWebhookArriveOnce(t *testing.T) {
	s := serve(t)
	backend := s.backend()
	const events = 200
	started := make(chan error, 1)
	started <- nil
	for number := range events {
		if number == 50 || number == 120 {
			if err := <-started; err != nil {
				t.Fatal(err)
			}
			s.kill()
			go func() {
				time.Sleep(300 * time.Millisecond)
				started <- s.begin()
			}()
		}
		list := []*audit.Event{event(number)}
		if number%10 == 0 {
			// What was not acknowledged comes again.
			list = append(list, event(number/2))
		}
		if !backend.ProcessEvents(list...) {
			t.Fatalf("event %d was thrown away", number)
		}
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, entry := range s.recorded() {
		found[entry.ID]++
		if entry.Action != "delete pods" || entry.Principal != "alice" || entry.Outcome != "denied" ||
			entry.Resource != "default/pods/web-0" {
			t.Errorf("not as it was sent: %+v", entry)
		}
	}
	for number := range events {
		id := fmt.Sprintf("audit-%d:ResponseComplete", number)
		if found[id] != 1 {
			t.Errorf("%s is %d times in the trail", id, found[id])
		}
	}
	if len(found) != events {
		t.Errorf("%d ids for %d events", len(found), events)
	}
}
