package plain

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShellWord_Quotes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"acme": "acme", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "-x": "'-x'", "größer": "'größer'", `a\b`: `'a\b'`,
		"a\nb": `$'a\nb'`, "\x1b[2J'\\": `$'\x1b[2J\'\\'`, "\u202egnp": `$'\xe2\x80\xaegnp'`, "\xff1": `$'\xff1'`,
	} {
		assert.Equal(t, want, ShellWord(text), "%q", text)
	}
}

func TestShellWord_BashReadsIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a b", "it's", "", "$HOME `id` $(id) !x", "a\nb'c\\", "\u202egnp", "\xff1", "\x1b[2J1", "ö\u200b'"} {
		out, err := exec.Command("bash", "-c", "printf %s "+ShellWord(text)).Output()
		require.NoError(t, err)
		assert.Equal(t, text, string(out), "%q", text)
	}
}
