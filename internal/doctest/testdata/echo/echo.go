// Package echo declares what docs/embedding.md uses of github.com/labstack/echo/v4.
package echo

import "net/http"

type (
	Context interface {
		Request() *http.Request
		SetRequest(r *http.Request)
		Response() *Response
	}
	Response       struct{ Writer http.ResponseWriter }
	HandlerFunc    func(c Context) error
	MiddlewareFunc func(next HandlerFunc) HandlerFunc
	Echo           struct{}
)

func (*Echo) Use(middleware ...MiddlewareFunc) {}
