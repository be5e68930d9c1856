package buildversion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/cmd/internal/buildversion"
)

func TestText_NamesCommandAndGo(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, `^(\(devel\)|v[0-9]\S*), go1\.[0-9]\S*$`, buildversion.Text())
}
