package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues certificates into a folder.
type authority struct {
	t      *testing.T
	folder string
	key    *ecdsa.PrivateKey
	own    *x509.Certificate
	issued int64
}

// newAuthority makes an authority, whose certificate is in name.pem.
func newAuthority(t *testing.T, folder, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, folder: folder, key: key}
	a.own = &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId:          []byte(name),
	}
	a.own = a.sign(name, a.own, key)
	return a
}

// issue makes a certificate in name.pem, and its key in name.key.
func (a *authority) issue(name string, edit func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	edit(template)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, filepath.Join(a.folder, name+".key"), "PRIVATE KEY", der)
	return a.sign(name, template, key)
}

func (a *authority) sign(name string, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	a.issued++
	template.SerialNumber = big.NewInt(a.issued)
	template.NotBefore = time.Now().Add(-24 * time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.own, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, filepath.Join(a.folder, name+".pem"), "CERTIFICATE", der)
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

// revoke writes the list of revoked certificates into name.
func (a *authority) revoke(name string, revoked *x509.Certificate) {
	a.t.Helper()
	list := &x509.RevocationList{
		Number:     big.NewInt(1),
		ThisUpdate: time.Now().Add(-time.Hour),
		NextUpdate: time.Now().Add(24 * time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{
			{SerialNumber: revoked.SerialNumber, RevocationTime: time.Now().Add(-time.Hour)},
		},
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.own, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, filepath.Join(a.folder, name), "X509 CRL", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tlsClient records one entry with the certificate of a name, and trusts one authority. It gives back the status, or why
// there is none.
type tlsClient func(folder, url, certificate, trusted string) (string, error)

const oneEntry = `{"category":"api","action":"a","outcome":"success"}`

func byGo(folder, url, certificate, trusted string) (string, error) {
	pair, err := tls.LoadX509KeyPair(
		filepath.Join(folder, certificate+".pem"), filepath.Join(folder, certificate+".key"))
	if err != nil {
		return "", err
	}
	authority, err := os.ReadFile(filepath.Join(folder, trusted))
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	answer, err := client.Post(url, "application/json", strings.NewReader(oneEntry))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return fmt.Sprint(answer.StatusCode), nil
}

func byCurl(folder, url, certificate, trusted string) (string, error) {
	return said(folder, "curl", "--silent", "--show-error", "--max-time", "60", "--output", os.DevNull,
		"--write-out", "%{http_code}", "--cacert", trusted, "--cert", certificate+".pem", "--key", certificate+".key",
		"--header", "Content-Type: application/json", "--data", oneEntry, url)
}

const pythonClient = `
import ssl, sys, urllib.error, urllib.request
url, certificate, trusted, entry = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
context.load_cert_chain(certificate + ".pem", certificate + ".key")
request = urllib.request.Request(url, entry.encode(), {"Content-Type": "application/json"})
try:
    print(urllib.request.urlopen(request, timeout=60, context=context).status, end="")
except urllib.error.HTTPError as answer:
    print(answer.code, end="")
`

func byPython(folder, url, certificate, trusted string) (string, error) {
	return said(folder, "python3", "-c", pythonClient, url, certificate, trusted, oneEntry)
}

// said runs a program and gives back what it prints.
func said(folder, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, stderr.String())
	}
	return string(out), nil
}

// Clients that others have written show certificates to graven serve, and look at its own.
func TestClientsOfOthersLogInByCertificate(t *testing.T) {
	folder := t.TempDir()
	ours := newAuthority(t, folder, "authority")
	other := newAuthority(t, folder, "other")
	loopback := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }
	as := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
	}
	ours.issue("server", loopback)
	ours.issue("elsewhere", func(c *x509.Certificate) { c.DNSNames = []string{"elsewhere.example"} })
	ours.issue("good", as("writer"))
	ours.issue("expired", func(c *x509.Certificate) {
		as("writer")(c)
		c.NotAfter = time.Now().Add(-time.Hour)
	})
	ours.issue("without-a-role", as("somebody"))
	ours.revoke("revoked.list", ours.issue("revoked", as("writer")))
	other.issue("wrong", as("writer"))

	start := func(certificate string) string {
		settings := []string{"tls.client_required=true", "tls.clients=CN=writer=writer"}
		for key, file := range map[string]string{
			"cert_file": certificate + ".pem", "key_file": certificate + ".key",
			"client_ca_file": "authority.pem", "client_crl_file": "revoked.list",
		} {
			settings = append(settings, fmt.Sprintf("tls.%s=%s", key, filepath.Join(folder, file)))
		}
		return serveWith(t, settings).Address + "/v1/trails/main/entries"
	}
	right, elsewhere := start("server"), start("elsewhere")

	for name, client := range map[string]tlsClient{"Go": byGo, "curl": byCurl, "Python": byPython} {
		t.Run(name, func(t *testing.T) {
			if status, err := client(folder, right, "good", "authority.pem"); err != nil || status != "201" {
				t.Errorf("a good certificate: %s, %v", status, err)
			}
			if status, err := client(folder, right, "without-a-role", "authority.pem"); err != nil || status != "401" {
				t.Errorf("a certificate without a role: %s, %v", status, err)
			}
			for _, certificate := range []string{"expired", "revoked", "wrong"} {
				if status, err := client(folder, right, certificate, "authority.pem"); err == nil {
					t.Errorf("a certificate that is %s: %s", certificate, status)
				}
			}
			if status, err := client(folder, right, "good", "other.pem"); err == nil {
				t.Errorf("a server of an authority that is not trusted: %s", status)
			}
			if status, err := client(folder, elsewhere, "good", "authority.pem"); err == nil {
				t.Errorf("a server of another name: %s", status)
			}
		})
	}
}
