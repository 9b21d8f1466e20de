// SPDX-License-Identifier: Apache-2.0

// xcrypto DIRECTORY FOLDER CHALLENGE KEY KID,MAC NAME...: one certificate by
// the library golang.org/x/crypto/acme.  It answers http-01 on port 80 and
// tls-alpn-01 on port 443 itself, TXT records go to $DNS_TXT.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// accountKey is kept from run to run.
func accountKey(path string) crypto.Signer {
	if der, err := os.ReadFile(path); err == nil {
		key, err := x509.ParseECPrivateKey(der)
		must(err)
		return key
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	der, err := x509.MarshalECPrivateKey(key)
	must(err)
	must(os.WriteFile(path, der, 0600))
	return key
}

func subjectKey(kind string) (crypto.Signer, error) {
	if kind == "rsa" {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func register(ctx context.Context, client *acme.Client, eab string) {
	account := &acme.Account{Contact: []string{"mailto:clients@example.com"}}
	if kid, mac, found := strings.Cut(eab, ","); found {
		key, err := base64.RawURLEncoding.DecodeString(mac)
		must(err)
		account.ExternalAccountBinding =
			&acme.ExternalAccountBinding{KID: kid, Key: key}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err !=
		acme.ErrAccountAlreadyExists {
		must(err)
	}
}

// prepare makes the answer to a challenge; what it returns takes it away.
func prepare(client *acme.Client, ch *acme.Challenge, name string) func() {
	switch ch.Type {
	case "http-01":
		body, err := client.HTTP01ChallengeResponse(ch.Token)
		must(err)
		listener, err := net.Listen("tcp", "127.0.0.1:80")
		must(err)
		path := client.HTTP01ChallengePath(ch.Token)
		go http.Serve(listener, http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					w.Write([]byte(body))
				}
			}))
		return func() { listener.Close() }
	case "tls-alpn-01":
		cert, err := client.TLSALPN01ChallengeCert(ch.Token, name)
		must(err)
		listener, err := tls.Listen("tcp", "127.0.0.1:443", &tls.Config{
			Certificates: []tls.Certificate{cert},
			NextProtos:   []string{acme.ALPNProto},
		})
		must(err)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				conn.(*tls.Conn).Handshake()
				conn.Close()
			}
		}()
		return func() { listener.Close() }
	}
	value, err := client.DNS01ChallengeRecord(ch.Token)
	must(err)
	file := filepath.Join(os.Getenv("DNS_TXT"), "_acme-challenge."+name)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0644)
	must(err)
	_, err = f.WriteString(value + "\n")
	must(err)
	must(f.Close())
	return func() { os.Remove(file) }
}

func authorize(ctx context.Context, client *acme.Client, url, kind string) {
	authz, err := client.GetAuthorization(ctx, url)
	must(err)
	if authz.Status == acme.StatusValid {
		return
	}
	for _, ch := range authz.Challenges {
		if ch.Type != kind {
			continue
		}
		done := prepare(client, ch, authz.Identifier.Value)
		defer done()
		_, err = client.Accept(ctx, ch)
		must(err)
		_, err = client.WaitAuthorization(ctx, url)
		must(err)
		return
	}
	log.Fatalf("%s is not offered for %s", kind, authz.Identifier.Value)
}

func identifiers(names []string) (ids []acme.AuthzID, addrs []net.IP,
	dns []string) {
	for _, name := range names {
		if addr := net.ParseIP(name); addr != nil {
			ids = append(ids, acme.IPIDs(name)...)
			addrs = append(addrs, addr)
		} else {
			ids = append(ids, acme.DomainIDs(name)...)
			dns = append(dns, name)
		}
	}
	return
}

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	directory, folder, kind := os.Args[1], os.Args[2], os.Args[3]
	ids, addrs, names := identifiers(os.Args[6:])
	client := &acme.Client{
		Key:          accountKey(filepath.Join(folder, "account.der")),
		DirectoryURL: directory,
	}
	register(ctx, client, os.Args[5])
	order, err := client.AuthorizeOrder(ctx, ids)
	must(err)
	for _, url := range order.AuthzURLs {
		authorize(ctx, client, url, kind)
	}
	order, err = client.WaitOrder(ctx, order.URI)
	must(err)
	key, err := subjectKey(os.Args[4])
	must(err)
	csr, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{DNSNames: names, IPAddresses: addrs}, key)
	must(err)
	chain, _, err := client.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	must(err)
	var text []byte
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(
			&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	must(os.WriteFile(filepath.Join(folder, "chain.pem"), text, 0644))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(filepath.Join(folder, "key.pem"), pem.EncodeToMemory(
		&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0600))
}
