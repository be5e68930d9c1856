package testutil

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Certificates holds the paths of PEM files: the CA of a test, and the certificates and
// keys that the CA signed for a server on 127.0.0.1 and for a client.
type Certificates struct {
	CA                    string
	ServerCert, ServerKey string
	ClientCert, ClientKey string
}

// NewCertificates makes a CA and its certificates. They are valid for an hour.
func NewCertificates(t testing.TB) Certificates {
	t.Helper()
	dir := t.TempDir()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	out := Certificates{CA: filepath.Join(dir, "ca.pem")}
	sign := func(name string, serial int64) (certFile, keyFile string) {
		leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatalf("make a key: %v", err)
		}
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
		writeCertificate(t, certFile, leaf, ca, &leafKey.PublicKey, key)
		der, err := x509.MarshalPKCS8PrivateKey(leafKey)
		if err != nil {
			t.Fatalf("marshal a key: %v", err)
		}
		writePEM(t, keyFile, "PRIVATE KEY", der)
		return certFile, keyFile
	}
	writeCertificate(t, out.CA, ca, ca, &key.PublicKey, key)
	out.ServerCert, out.ServerKey = sign("server", 2)
	out.ClientCert, out.ClientKey = sign("client", 3)
	return out
}

// writeCertificate signs a certificate with the key of its parent, and writes it to a
// file.
func writeCertificate(
	t testing.TB, file string, cert, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey,
) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, public, key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	writePEM(t, file, "CERTIFICATE", der)
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// StartRedisTLS starts a server like [StartRedis]. The server also accepts TLS
// connections at TLSAddr, from clients with a certificate.
func StartRedisTLS(t testing.TB, c Certificates, args ...string) *Redis {
	t.Helper()
	return StartRedis(t, append([]string{
		"--tls-port", AnyPort, "--tls-ca-cert-file", c.CA, "--tls-cert-file", c.ServerCert, "--tls-key-file", c.ServerKey,
		"--tls-auth-clients", "yes",
	}, args...)...)
}

// TLSAddr returns the host and port for TLS of a server that [StartRedisTLS] started.
func (r *Redis) TLSAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.more[0])) }
