package wire

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// TestEncode_ProtocolExample holds the value that the specification shows byte by byte.
func TestEncode_ProtocolExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "### A value, byte by byte\n")
	require.True(t, found)
	example, _, _ := strings.Cut(rest, "\n## ")
	var digits strings.Builder
	for line := range strings.Lines(example) {
		if bytes, _, found := strings.Cut(line, ";"); found {
			digits.WriteString(strings.ReplaceAll(bytes, " ", ""))
		}
	}
	set, err := directive.NewSet([]directive.Directive{{
		ID: "a", Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.UnixMilli(1_790_000_493_840),
		Match: directive.Match{Tenant: "acme"},
	}})
	require.NoError(t, err)
	value, err := Encode(Revision{
		Version: 42, ID: strings.Repeat("0a", idBytes), PublishedAt: time.UnixMilli(1_790_000_000_000), PublishedBy: "ana", Set: set,
	})
	require.NoError(t, err)
	assert.Equal(t, hex.EncodeToString(value), digits.String())
}
