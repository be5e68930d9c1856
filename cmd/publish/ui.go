package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/internal/classify"
	"github.com/fleetdial/fleetdial/cmd/internal/listener"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/signin"
	"github.com/fleetdial/fleetdial/console"
)

// uiFlags are the flags of publish ui.
type uiFlags struct {
	listen, basePath string
	hosts            []string
	cert, key        string
	allowPublish     bool
	tenantFrom       string
	write            writeFlags // only signKey and maxTTL

	users         string
	authHeader    string
	proxies       []string
	groupsHeader  string
	publishGroups []string

	// check sets the fields below.
	trusted []netip.Prefix
	tenant  classify.Classifier
}

func (a *app) uiCommand() *cobra.Command {
	var f uiFlags
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Serve the web console until Ctrl-C",
		Long: `ui serves the web console of the fleets. The console is read-only, except with
--allow-publish.

On a loopback address, ui prints a link that works once. The browser that opens the link
is signed in for a day, or until it was not used for 12 hours. The author of its
revisions is user@host.

For other addresses, --host is required, and --listen-cert with --listen-key, and one of:

  --users FILE          lines NAME:HASH from htpasswd -nB NAME. With a third field,
                        NAME:HASH:read-only, the user may not publish. The file is
                        read again when it changes.
  --auth-header NAME    the header in which a reverse proxy names the user. The header
                        counts only if the TCP connection comes from a --trusted-proxy.
                        Every user may publish, or those in a --publish-group. The
                        proxy has to remove the headers that its clients send.

The name of the user is the author of the revisions.`,
		Example: `  publish ui --allow-publish
  publish ui --listen :8400 --host fleet.example.com --listen-cert tls.pem --listen-key tls.key --users users`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(a); err != nil {
				return err
			}
			return a.ui(cmd.Context(), f)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *uiFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8400", "address of the console, HOST:PORT or :PORT")
	flags.StringVar(&f.basePath, "base-path", "/", "path of the console, such as /console/")
	flags.StringSliceVar(&f.hosts, "host", nil, "names by which browsers reach the console, without a port; * for every name "+
		"(default localhost and loopback addresses, which a loopback address always accepts)")
	flags.StringVar(&f.cert, "listen-cert", "",
		"PEM file with the certificate of the console, which is read again when it changes (default none, which serves plain HTTP)")
	flags.StringVar(&f.key, "listen-key", "", "PEM file with the private key of --listen-cert")
	flags.StringVar(&f.users, "users", "", "file with the users and their bcrypt hashes")
	flags.StringVar(&f.authHeader, "auth-header", "",
		"header in which a trusted proxy names the user, such as X-Forwarded-User")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil,
		"networks or addresses of the proxies whose --auth-header counts, such as 10.1.0.0/16")
	flags.StringVar(&f.groupsHeader, "groups-header", "",
		"header in which the proxy names the groups of the user, between commas or vertical bars")
	flags.StringArrayVar(&f.publishGroups, "publish-group", nil, "group whose users may publish; repeatable")
	flags.BoolVar(&f.allowPublish, "allow-publish", false, "publishing in the console")
	flags.StringVar(&f.write.signKey, "sign-key", "",
		"private key that signs the sets, a PEM file; ui does not use FLEETDIAL_SIGN_KEY")
	f.write.registerMaxTTL(cmd)
	flags.StringVar(&f.tenantFrom, "tenant-from", classify.DefaultTenant,
		"source of the tenant on the page Explain: header:NAME or path, as --tenant of the proxy")
}

// check rejects what is not valid, and what would show the console to everybody.
func (f *uiFlags) check(a *app) (err error) {
	_, port, err := net.SplitHostPort(f.listen)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return usagef("--listen %q: must be HOST:PORT or :PORT, such as 127.0.0.1:8400", f.listen)
	}
	clean := strings.TrimSuffix(path.Clean("/"+f.basePath), "/") + "/"
	if strings.Trim(clean, "/") != strings.Trim(f.basePath, "/") || strings.ContainsFunc(clean, notInBasePath) {
		return usagef("--base-path %q: must be a path of letters, digits and any of /-._~, such as /console/", f.basePath)
	}
	f.basePath = clean
	for _, host := range f.hosts {
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/[]@ ") {
			return usagef("--host %q: must be a name or an address without a port, such as fleet.example.com", host)
		}
	}
	if (f.cert == "") != (f.key == "") {
		return usagef("--listen-cert, --listen-key: must be given together")
	}
	if f.tenant, err = classify.New(f.tenantFrom); err != nil {
		return usagef("--tenant-from %q: %w", f.tenantFrom, err)
	}
	if err := f.write.checkMaxTTL(); err != nil {
		return err
	}
	switch {
	case f.write.signKey != "" && !f.allowPublish:
		return usagef("--sign-key: requires --allow-publish")
	case f.allowPublish && f.write.signKey == "" && len(a.verifyFiles) > 0:
		return usagef("--allow-publish: the fleet accepts only signed sets (pass --sign-key FILE)")
	}
	if err := f.checkHeaders(); err != nil {
		return err
	}
	return f.checkExposure()
}

// notInBasePath reports whether a character has a meaning of its own in addresses, patterns or
// cookies.
func notInBasePath(r rune) bool {
	return !strings.ContainsRune("/-._~", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}

// checkHeaders checks the flags of --auth-header.
func (f *uiFlags) checkHeaders() (err error) {
	switch {
	case f.users != "" && f.authHeader != "":
		return usagef("--users, --auth-header: only one of them is accepted")
	case f.authHeader != "" && len(f.proxies) == 0:
		return usagef("--auth-header: requires --trusted-proxy, because every client could name any user otherwise")
	case f.authHeader == "" && len(f.proxies) > 0:
		return usagef("--trusted-proxy: requires --auth-header")
	case f.authHeader == "" && f.groupsHeader != "":
		return usagef("--groups-header: requires --auth-header")
	case (f.groupsHeader == "") != (len(f.publishGroups) == 0):
		return usagef("--groups-header, --publish-group: must be given together")
	}
	for _, header := range []struct{ flag, name string }{{"auth-header", f.authHeader}, {"groups-header", f.groupsHeader}} {
		if header.name != "" && !signin.IsHeaderName(header.name) {
			return usagef("--%s %q: must be the name of a header, such as X-Forwarded-User", header.flag, header.name)
		}
	}
	if f.trusted, err = signin.ParseProxies(f.proxies); err != nil {
		return usagef("--trusted-proxy: %w", err)
	}
	return nil
}

// checkExposure rejects an address that other machines reach, without TLS and a way to sign in.
func (f *uiFlags) checkExposure() error {
	if listener.IsLoopback(f.listen) {
		return nil
	}
	var missing []string
	if f.cert == "" {
		missing = append(missing, "--listen-cert and --listen-key")
	}
	if f.users == "" && f.authHeader == "" {
		missing = append(missing, "one of --users and --auth-header")
	}
	if len(f.hosts) == 0 {
		missing = append(missing, "--host")
	}
	if len(missing) > 0 {
		return usagef("--listen %s: other machines reach this address, so it requires %s", f.listen, strings.Join(missing, ", and "))
	}
	return nil
}

// ui serves the console until ctx ends.
func (a *app) ui(ctx context.Context, f uiFlags) error {
	cfg := console.Config{
		Fleet: a.fleet, BasePath: f.basePath, Hosts: f.acceptedHosts(), AllowPublish: f.allowPublish, MaxTTL: f.write.maxTTL,
		Classify: f.tenant.Request, CommandFlags: strings.TrimSpace(a.target.redis),
		WriteFlags: strings.TrimSpace(strings.TrimPrefix(a.target.writes, a.target.reads)), Logger: a.loggerFrom(slog.LevelInfo),
	}
	var err error
	if f.write.signKey != "" {
		if cfg.SignKey, err = readSignKey(f.write.signKey); err != nil {
			return err
		}
	}
	if cfg.VerifyKeys, err = readVerifyKeys(a.verifyFiles); err != nil {
		return err
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	cfg.Client = client
	server, err := newUIServer(f, cfg.Logger)
	if err != nil {
		return err
	}
	if err := server.listen(f.listen); err != nil {
		return err
	}
	defer server.close()
	if cfg.SignIn, err = a.signIn(f, server, cfg.Logger); err != nil {
		return err
	}
	ui, err := console.Handler(cfg)
	if err != nil {
		return &usageError{err}
	}
	defer ui.Close()
	return server.serve(ctx, ui, ui.Close)
}

// acceptedHosts returns the names by which browsers may reach the console.
func (f *uiFlags) acceptedHosts() []string {
	if len(f.hosts) == 0 || !listener.IsLoopback(f.listen) {
		return f.hosts
	}
	host, _, _ := net.SplitHostPort(f.listen)
	return append(slices.Clone(f.hosts), "localhost", "127.0.0.1", "::1", host)
}

// signIn returns the way to sign in, and tells where the console is.
func (a *app) signIn(f uiFlags, server *uiServer, log *slog.Logger) (console.SignIn, error) {
	cfg := signin.Config{BasePath: f.basePath, Port: server.port(), TLS: f.cert != "", Log: log}
	switch {
	case f.users != "":
		users, err := signin.NewUsers(cfg, f.users)
		if err != nil {
			return nil, usagef("--users: %w", err)
		}
		return users, a.announceUI(server.url(f.basePath), "open")
	case f.authHeader != "":
		proxied, err := signin.NewProxied(cfg, signin.ProxyConfig{
			Proxies: f.trusted, UserHeader: f.authHeader, GroupsHeader: f.groupsHeader, PublishGroups: f.publishGroups,
		})
		if err != nil {
			return nil, &usageError{err}
		}
		if f.allowPublish && f.groupsHeader == "" {
			a.messagef("every user of the proxy may publish (--groups-header and --publish-group name those who may)")
		}
		return proxied, a.announceUI(server.url(f.basePath), "let the proxy forward to")
	}
	// A failed write ends the command.
	return signin.NewLink(cfg, console.User{Name: operator(), MayPublish: true}, func(pathAndQuery string) {
		_ = a.announceUI(server.url(pathAndQuery), "this link works once, within an hour; open")
	}), nil
}

// announceUI writes the address of the console, or a link to sign in, to stdout, and what to do
// with it.
func (a *app) announceUI(url, do string) error {
	if a.json() {
		return a.writeJSONLine(struct {
			URL string `json:"url"`
		}{url})
	}
	_, err := fmt.Fprintf(a.stdout, "the console is ready; %s\n  %s\n", do, url)
	return err
}
