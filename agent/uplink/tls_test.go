package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate signs one; with no parent it is its own authority.
func certificate(t *testing.T, parent *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: parent == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, by := c, any(key)
	if parent != nil {
		signer, by = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestTLS: agent and collector know each other by certificates, and an agent
// that trusts nobody says what to do.
func TestTLS(t *testing.T) {
	authority := certificate(t, nil)
	pool := x509.NewCertPool()
	pool.AddCert(authority.Leaf)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*certificate(t, authority)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := serve(l)
	t.Cleanup(d.kill)
	url := "tls://" + l.Addr().String()
	known := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{*certificate(t, authority)}, MinVersion: tls.VersionTLS12}
	u, stop := started(t, Options{Collectors: []string{url}, TLS: known})
	give(t, u, 0, 1000)
	stop()
	eventually(t, "1000 packets", func() bool { return d.count() == 1000 })

	u = newUplink(t, Options{Collectors: []string{url}, Patient: true})
	give(t, u, 0, 1)
	if err := u.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "agent.tls.ca") {
		t.Errorf("%v", err)
	}
}
