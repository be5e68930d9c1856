package signin

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// readOnly is the third field of a user who may not publish.
const readOnly = "read-only"

// maxCost is the highest cost of a hash. A check takes about 5 seconds with it.
const maxCost = 16

// account is a line of the file of users.
type account struct {
	name       string
	hash       string
	mayPublish bool
}

// accounts are the lines of a file of users.
type accounts struct {
	list []account
	// key chooses which account's hash is checked for an unknown name.
	key [32]byte
}

// parseAccounts reads lines of the form NAME:HASH or NAME:HASH:read-only, as from htpasswd -B.
// Empty lines and lines that begin with # are ignored. An error names the line, and never shows
// its content.
func parseAccounts(contents [][]byte) (*accounts, error) {
	out := new(accounts)
	_, _ = rand.Read(out.key[:])
	number := 0
	for line := range bytes.Lines(contents[0]) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		a, err := parseAccount(text)
		if err == nil && out.find(a.name) != nil {
			err = errors.New("the name is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		out.list = append(out.list, a)
	}
	if len(out.list) == 0 {
		return nil, errors.New("no user (make a line with htpasswd -nB NAME)")
	}
	return out, nil
}

func parseAccount(line string) (account, error) {
	fields := strings.Split(line, ":")
	if len(fields) != 2 && len(fields) != 3 {
		return account{}, errors.New("must be NAME:HASH or NAME:HASH:" + readOnly)
	}
	a := account{name: fields[0], hash: fields[1], mayPublish: true}
	if err := checkName(a.name); err != nil {
		return a, fmt.Errorf("the name %w", err)
	}
	cost, err := bcrypt.Cost([]byte(a.hash))
	switch {
	case err != nil || len(a.hash) != 60 || !strings.HasPrefix(a.hash, "$2"):
		return a, errors.New("the hash must be one of bcrypt (make it with htpasswd -nB NAME)")
	case cost > maxCost:
		return a, fmt.Errorf("the cost of the hash must be at most %d", maxCost)
	}
	if len(fields) == 3 {
		if fields[2] != readOnly {
			return a, errors.New("the third field must be " + readOnly)
		}
		a.mayPublish = false
	}
	return a, nil
}

// find returns the account of a name, or nil.
func (a *accounts) find(name string) *account {
	if i := slices.IndexFunc(a.list, func(a account) bool { return a.name == name }); i >= 0 {
		return &a.list[i]
	}
	return nil
}

// check returns the account with this name and password, or nil. For an unknown name, it checks
// the hash of some account, always the same one for a name, so that the time does not tell which
// names exist, whatever the costs of the hashes are.
func (a *accounts) check(name, password string) *account {
	found := a.find(name)
	checked := found
	if found == nil {
		mac := hmac.New(sha256.New, a.key[:])
		mac.Write([]byte(name))
		checked = &a.list[binary.BigEndian.Uint64(mac.Sum(nil))%uint64(len(a.list))]
	}
	if bcrypt.CompareHashAndPassword([]byte(checked.hash), []byte(password)) != nil {
		return nil
	}
	return found
}
