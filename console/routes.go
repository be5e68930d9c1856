package console

import (
	"net/http"
	"strings"
)

// routes returns the pages.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	base := c.cfg.BasePath
	mux.HandleFunc("GET "+base+"{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, (&page{console: c, Fleet: c.cfg.Fleet}).URL(), http.StatusFound)
	})
	mux.HandleFunc("GET "+base+"static/{name}", c.serveStatic)
	mux.HandleFunc("GET "+base+"fleets", c.serveFleets)
	mux.HandleFunc("GET "+base+"f/{fleet}/events", c.serveEvents)
	for _, route := range []struct {
		pattern, nav, title string
		serve               func(http.ResponseWriter, *http.Request, *page) error
	}{
		{"GET {$}", "fleet", "Fleet", c.serveFleet},
		{"GET instances/{name}", "fleet", "Instance", c.serveInstance},
		{"GET directives", "directives", "Directives", c.serveDirectives},
		{"GET publish", "publish", "Publish", c.servePublishForm},
		{"POST publish", "publish", "Publish", c.servePublish},
		{"POST end", "directives", "End", c.serveEnd},
		{"POST extend", "directives", "Extend", c.serveExtend},
		{"GET rollout/{version}", "history", "Rollout", c.serveRollout},
		{"GET history", "history", "History", c.serveHistory},
		{"GET compare", "history", "Compare", c.serveCompare},
		{"POST rollback", "history", "Roll back", c.serveRollback},
		{"GET explain", "explain", "Explain", c.serveExplain},
		{"POST explain", "explain", "Explain", c.serveExplain},
		{"GET clear", "clear", "Clear", c.serveClearForm},
		{"POST clear", "clear", "Clear", c.serveClear},
	} {
		method, path, _ := strings.Cut(route.pattern, " ")
		mux.HandleFunc(method+" "+base+"f/{fleet}/"+path, c.pageHandler(route.nav, route.title, route.serve))
	}
	mux.HandleFunc(base, func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, nil, notFound("the console has no such page"))
	})
	return mux
}
