package tui_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func TestTable_FitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := tui.NewTable(&out)
	write := func() {
		fmt.Fprintln(w, "ID\tREASON\tN")
		fmt.Fprintln(w, "a\t"+strings.Repeat("x", 60)+"end\t1")
		fmt.Fprintln(w, strings.Repeat("東京", 20)+"\tb\t22")
		require.NoError(t, w.Flush())
	}
	write()
	wide := out.String()
	assert.Contains(t, wide, strings.Repeat("x", 60)+"end  1\n")
	out.Reset()
	w.Width = 40
	write()
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, utf8.RuneCountInString(line)-1, 40, "%q", line)
	}
	assert.Regexp(t, `(?m)^a +x+…x*end  1$`, out.String())
	assert.Regexp(t, `(?m)^東.*….*京  b +22$`, out.String())
}
