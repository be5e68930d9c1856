package console

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", os.Getenv("SCREENSHOTS"), "folder to which images of the pages are written")

// Light and dark are the values of the CSS feature prefers-color-scheme.
const (
	Light = "light"
	Dark  = "dark"
)

// windows are the sizes of the windows in which Look shows the pages: a telephone, a small
// screen and a 4K screen.
var windows = []struct{ width, height int64 }{{360, 780}, {1280, 800}, {3840, 2160}}

// SetWindow sets the size of the window in CSS pixels.
func (p *Page) SetWindow(width, height int64) {
	p.t.Helper()
	p.do("set the size of the window", chromedp.EmulateViewport(width, height))
}

// SetScheme sets the color scheme that the user prefers, [Light] or [Dark]. The user also prefers
// reduced motion then, so that an image shows no transition under way.
func (p *Page) SetScheme(scheme string) {
	p.t.Helper()
	p.within("set the color scheme", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"},
			},
		})
		return err
	})
}

// Look checks in every size of the window that the page has no horizontal scroll bar. With
// -screenshots, it writes an image of the whole page for each size and color scheme. The name is
// the begin of the names of the files.
func (p *Page) Look(name string) {
	p.t.Helper()
	for _, window := range windows {
		p.SetWindow(window.width, window.height)
		for _, scheme := range []string{Light, Dark} {
			p.SetScheme(scheme)
			if width := Eval[int64](p, "document.documentElement.scrollWidth"); width > window.width {
				p.t.Errorf("%s: the page is %d pixels wide in a window of %d", name, width, window.width)
			}
			if *screenshots != "" {
				p.within("take a screenshot", func(ctx context.Context) error {
					return save(ctx, fmt.Sprintf("%s-%d-%s.png", name, window.width, scheme))
				})
			}
		}
	}
}

// saveFailed writes an image of the page of a test that failed.
func (p *Page) saveFailed(ctx context.Context) {
	if *screenshots == "" {
		return
	}
	name := "failed-" + strings.ReplaceAll(p.t.Name(), "/", "-") + ".png"
	if err := save(ctx, name); err != nil {
		p.t.Logf("save %s: %v", name, err)
	}
}

// save writes an image of the whole page to a file in the folder of screenshots.
func save(ctx context.Context, name string) error {
	const lossless = 100
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(lossless))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*screenshots, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*screenshots, name), image, 0o600)
}
