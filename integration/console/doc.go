// Package console tests the web console with a real browser, Debian's chromium, and behind a real
// reverse proxy, Debian's nginx. The package has only tests.
//
// Each test has a [Page], a tab in a browser profile of its own. A test fails at its end if the
// browser reported anything on its pages: an error, an exception, a violation of the content
// security policy, a message on the console of the browser. axe-core checks the accessibility of
// the pages, see testdata/axe-core.
//
// With -screenshots DIR, or SCREENSHOTS=DIR in the environment, the tests write images of the pages
// to that folder, and of each page on which a test failed:
//
//	go test . -screenshots /tmp/screenshots
package console
