package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

func (a *app) keygenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a key that signs sets",
		Long: `keygen makes an Ed25519 key pair, both keys in PEM. FILE holds the private key, for
--sign-key, and only its owner can read the file. FILE.pub holds the public key, for
the proxies and for --verify-key. keygen does not overwrite a file.`,
		Example: `  publish keygen prod.pem`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.keygen(args[0]) },
	}
}

func (a *app) keygen(file string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	publicFile := file + ".pub"
	if err := writeNew(publicFile, 0o644, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})); err != nil {
		return err
	}
	if err := writeNew(file, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})); err != nil {
		_ = os.Remove(publicFile) // useless without the private key
		return err
	}
	if a.json() {
		return a.writeJSON(map[string]string{"key": fleetdial.KeyID(public), "private": file, "public": publicFile})
	}
	_, err = fmt.Fprintf(a.stdout, "key %s\nprivate %s\npublic %s\n", fleetdial.KeyID(public),
		plain.Printable(file), plain.Printable(publicFile))
	return err
}

// writeNew writes a new file. It returns an error if the file exists.
func writeNew(file string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
