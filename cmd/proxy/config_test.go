package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

func TestConfig_WrongUsage(t *testing.T) {
	t.Parallel()
	// A canceled context ends the proxy at once if it accepts the command line.
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for args, want := range map[string]string{
		"":                                            "--upstream: must be an http or https URL",
		"--upstream ftp://x":                          "--upstream: must be an http or https URL",
		"--upstream http://x?a=b":                     "--upstream: must not have a user, query or fragment",
		"--upstream http://x/?":                       "--upstream: must not have a user, query or fragment",
		"--upstream http://u:p@x":                     "--upstream: must not have a user, query or fragment",
		"--upstream http://x/#a":                      "--upstream: must not have a user, query or fragment",
		"--upstream http://x --tenant header":         "--tenant: must be header:NAME or path",
		"--upstream http://x --ring 0":                "--ring: must be 1 to 65536",
		"--upstream http://x --nope":                  "unknown flag: --nope",
		"--upstream http://x more":                    `unexpected argument "more"`,
		"--upstream http://x --admin-token /nowhere":  "--admin-token: open /nowhere",
		"--upstream http://x --redis-url http://x":    "--redis-url: ",
		"--upstream http://x --capture-file-bytes 1":  "--capture-file-bytes: must be at least 1024",
		"--upstream http://x --capture-total-bytes 1": "--capture-total-bytes: must be at least",
		"--upstream http://x --capture-file-bytes 131071 --capture-total-bytes 131071": "--capture-body-bytes: must be at most half",
		"--upstream http://x --capture-age 0s":                                         "--capture-age: must be at least",
		"--upstream http://x --without-directives --token-key " + os.DevNull:           "must not be empty",
	} {
		var stderr bytes.Buffer
		code := run(canceled, strings.Fields(args), io.Discard, &stderr, func(string) string { return "" })
		assert.Equal(t, 2, code, args)
		assert.Contains(t, stderr.String(), want, args)
	}
}

func TestConfig_Capabilities(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []fleetdial.Capability{fleetdial.CapabilityRingBuffer}, (&config{}).capabilities())
	c := config{capture: captureConfig{dir: "captures"}}
	assert.Equal(t, []fleetdial.Capability{fleetdial.CapabilityRingBuffer, fleetdial.CapabilityCaptures}, c.capabilities())
}
