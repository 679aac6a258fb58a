// Package browser_test looks at what Poststack draws for people in a real browser: headless Chromium, or Chrome.
package browser_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// deadline is how long one page may take, the start of the browser included.
const deadline = time.Minute

// programs are the names that Debian, Ubuntu and Google give the browser.
func programs() []string {
	return []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
}

// browser is the path of a browser; a machine without one fails the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range programs() {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.Fail(t, "no browser", "install Debian's package chromium, or run mage test:browser as root: it does")
	return ""
}

// look is how a page is looked at.
type look struct {
	name   string
	width  int64
	height int64
	dark   bool
}

// sight is what was seen.
type sight struct {
	trouble []string // what the page wrote to the console, and requests for anything but the page
	wide    int64    // of the content, in pixels
	picture []byte   // PNG of the whole page
	tab     context.Context
}

// see opens a file and looks at it. The tab stays open until the test ends.
func see(t *testing.T, path string, l look) sight {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser(t)),
		chromedp.UserDataDir(t.TempDir()))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	s := sight{tab: ctx}
	page := "file://" + path
	var mu sync.Mutex
	note := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		s.trouble = append(s.trouble, text)
	}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *cdplog.EventEntryAdded:
			note("log: " + e.Entry.Text)
		case *cdpruntime.EventConsoleAPICalled:
			note("console: " + string(e.Type))
		case *cdpruntime.EventExceptionThrown:
			note("exception: " + e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			if e.Request.URL != page {
				note("request: " + e.Request.URL)
			}
		}
	}))
	for _, enable := range []cdp.Command[cdp.Empty, cdp.Empty]{cdplog.Enable, cdpruntime.Enable} {
		call(ctx, t, enable, cdp.Empty{})
	}
	call(ctx, t, network.Enable, network.EnableParams{})
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600,
	})
	call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(page)))
	s.wide = ask[int64](t, s, `document.documentElement.scrollWidth`)
	var err error
	s.picture, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	return s
}

// call sends a command to the tab.
func call[P, R any](ctx context.Context, t *testing.T, command cdp.Command[P, R], params P) {
	t.Helper()
	_, err := chromedp.Call(ctx, command, params)
	require.NoError(t, err)
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, s sight, expression string) T {
	t.Helper()
	value, err := chromedp.Run(s.tab, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return value
}

// keep writes a picture among the tests' artifacts, logs/browser/NAME.png in the checkout.
func keep(t *testing.T, name string, picture []byte) {
	t.Helper()
	dir := filepath.Join("..", "..", "logs", "browser")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}
