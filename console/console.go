// Package console is a web console of fleets: the roster, the directives in force, their hits
// and their history, live, and the way to change them.
//
// [Handler] returns an [http.Handler] that can be mounted under any path:
//
//	ui, err := console.Handler(console.Config{Client: rdb, BasePath: "/console/"})
//	if err != nil {
//		return err
//	}
//	defer ui.Close()
//	http.Handle("/console/", ui)
//
// The console is read-only, except with Config.AllowPublish. Who uses it is for Config.SignIn to
// tell. All pages work without JavaScript. With JavaScript they are updated live.
package console

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console/internal/live"
)

// Config configures a console. The Client is required.
type Config struct {
	// Client reaches the Redis of the fleets. It belongs to the caller, who closes it after the
	// Console. See [fleetdial.ParseURL] for options that suit it.
	Client redis.UniversalClient
	// Fleet is the fleet that the console shows first; the default is "default". The console shows
	// every fleet of the same Redis.
	Fleet string
	// BasePath is the path under which the handler is mounted, with a slash at its begin and its
	// end; the default is "/". It has letters, digits and any of -._~ between its slashes. Requests
	// arrive with the whole path.
	BasePath string
	// Hosts are the names under which browsers may reach the console, without a port. A request
	// for another host is rejected, because a web page of a forged name could read the answers
	// otherwise (DNS rebinding). The default accepts localhost and loopback addresses only. "*"
	// accepts every name, for a handler behind a server that checks names.
	Hosts []string
	// AllowPublish lets users publish, see User.MayPublish. Without it, the console rejects every
	// request that would change a fleet.
	AllowPublish bool
	// SignIn tells who sends a request. Without it, everybody who reaches the console may read,
	// and AllowPublish is an error.
	SignIn SignIn
	// SignKey signs the revisions, and VerifyKeys are the trusted keys, as those of a
	// [fleetdial.PublisherConfig].
	SignKey    ed25519.PrivateKey
	VerifyKeys []ed25519.PublicKey
	// MaxTTL is the longest TTL of a directive; the default is [fleetdial.DefaultMaxTTL].
	MaxTTL time.Duration
	// Classify finds the fields of a request to the proxy, for the page that explains decisions.
	// Without it, that page takes fields only.
	Classify func(*http.Request) fleetdial.Request
	// CommandFlags are the flags with which the publish command reaches the same Redis, such
	// as "--redis-url redis://redis:6379". The console appends them to the command lines that
	// it shows.
	CommandFlags string
	// WriteFlags are further flags of the commands that publish, such as "--sign-key key.pem".
	WriteFlags string
	// Logger gets a line for each revision that the console publishes, and for each fault of the
	// console itself; the default is [slog.Default].
	Logger *slog.Logger
}

// User is a person who uses the console.
type User struct {
	// Name is the author of the user's revisions, at most 256 bytes of UTF-8.
	Name string
	// MayPublish lets the user change fleets, if Config.AllowPublish is set.
	MayPublish bool
}

// SignIn tells who sends a request. Its methods are safe for concurrent use.
type SignIn interface {
	// User returns who sends the request. The second result is false if nobody is signed in.
	User(r *http.Request) (User, bool)
	// ServeHTTP answers the requests of which User knows nobody, and all requests to the path
	// "signin" below the base path. The console has added its security headers before, which
	// forbid scripts and styles of other origins and inline ones.
	http.Handler
}

// SignInPath is the path, below Config.BasePath, of which SignIn answers every request.
const SignInPath = "signin"

// Console is the web console. It is an [http.Handler]. All methods are safe for concurrent use.
type Console struct {
	cfg       Config
	handler   http.Handler
	hub       *live.Hub
	past      past
	static    map[string]staticFile
	templates map[string]*template.Template
}

// Handler returns a console. It does not contact Redis before the first request. The error names
// the field of the configuration that is not valid.
func Handler(cfg Config) (*Console, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Console{cfg: cfg}
	var err error
	if c.static, err = loadStatic(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.templates, err = loadTemplates(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c.hub = live.NewHub(live.Config{
		Client: cfg.Client, Logger: cfg.Logger,
		Publisher: func(fleet string) (*fleetdial.Publisher, error) { return cfg.publisher(fleet, "") },
	})
	c.handler = c.protect(c.identify(c.routes()))
	return c, nil
}

// basePath matches paths in which no character has a meaning of its own in addresses, patterns or
// cookies.
var basePath = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)*$`)

// complete sets the defaults and checks the configuration.
func (cfg *Config) complete() error {
	if cfg.Client == nil {
		return errors.New("console: Client is required")
	}
	if cfg.BasePath == "" {
		cfg.BasePath = "/"
	}
	if clean := path.Clean(cfg.BasePath); !basePath.MatchString(cfg.BasePath) || cfg.BasePath != "/" && cfg.BasePath != clean+"/" {
		return fmt.Errorf("console: BasePath %q: must be a path of letters, digits and any of -._~ "+
			"that begins and ends with a slash, such as /console/", cfg.BasePath)
	}
	if cfg.AllowPublish && cfg.SignIn == nil {
		return errors.New("console: AllowPublish requires SignIn, so that each revision has an author")
	}
	if cfg.Fleet == "" {
		cfg.Fleet = "default"
	}
	if cfg.MaxTTL == 0 {
		cfg.MaxTTL = fleetdial.DefaultMaxTTL
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	_, err := cfg.publisher(cfg.Fleet, "")
	return err
}

// publisher returns a publisher for a fleet and an author.
func (cfg *Config) publisher(fleet, author string) (*fleetdial.Publisher, error) {
	p, err := fleetdial.NewPublisher(cfg.Client, fleetdial.PublisherConfig{
		Fleet: fleet, PublishedBy: author, MaxTTL: cfg.MaxTTL, SignKey: cfg.SignKey, VerifyKeys: cfg.VerifyKeys,
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return p, nil
}

// ServeHTTP answers a request to a path below Config.BasePath.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Close ends the live updates of all pages, and waits for the goroutines that read Redis for them.
// Close is safe to call twice, and always returns nil.
func (c *Console) Close() error { return c.hub.Close() }
