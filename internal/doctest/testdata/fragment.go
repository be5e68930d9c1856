// Package fragment declares what Go blocks of the documents may use, if they are not whole
// programs.
package fragment

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
	"github.com/fleetdial/fleetdial/fleethttp"
	"github.com/fleetdial/fleetdial/fleetotel"
	"github.com/fleetdial/fleetdial/fleetprom"
	"github.com/fleetdial/fleetdial/fleetslog"
	"github.com/fleetdial/fleetdial/testutil"
)

var (
	ctx       context.Context
	t         *testing.T
	logger    *slog.Logger
	url       string
	requestID string
	handler   http.Handler
	pool      *x509.CertPool
	pair      tls.Certificate
	rdb       redis.UniversalClient
	sub       *fleetdial.Subscriber
	store     fleetdial.Store
	cfg       fleetdial.SubscriberConfig
	e         *echo.Echo
)
