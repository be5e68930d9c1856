package tui_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

func TestPrintable_QuotesControlCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ cell, lines string }{
		"größer → 5": {"größer → 5", "größer → 5"},
		"a\nb":       {`"a\nb"`, "a\nb"},
		"a\tb":       {`"a\tb"`, `"a\tb"`},
		"a\n\x1b[2J": {`"a\n\x1b[2J"`, `"a\n\x1b[2J"`},
		"a\r\nb":     {`"a\r\nb"`, `"a\r\nb"`},
	} {
		assert.Equal(t, want.cell, tui.Printable(text), "Printable(%q)", text)
		assert.Equal(t, want.lines, tui.PrintableLines(text), "PrintableLines(%q)", text)
	}
}
