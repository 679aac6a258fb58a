package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/docker/go-units"
)

const (
	stallTimeout = 30 * time.Second // without a byte
	slow         = 10_000           // bytes a second, over that time: less is not waited for while another source is left
)

// What a download is given up for.
var (
	errStalled = errors.New("no data")
	errSlow    = fmt.Errorf("less than %s a second", units.HumanSize(slow))
)

// watched is the body of an answer, from offset on. It tells how far it has come, and ends the download when it stands
// still, or gets on too slowly. stop ends watching.
func (d *download) watched(
	resp *http.Response, offset int64, end context.CancelCauseFunc,
) (body io.Reader, stop func()) {
	total := offset + resp.ContentLength
	var came atomic.Int64 // since the timer was set
	timer := time.AfterFunc(d.stall, func() {
		if came.Load() > 0 {
			end(errSlow)
		}
		end(errStalled)
	})
	read := func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		if came.Add(int64(n)) >= d.enough {
			timer.Reset(d.stall)
			came.Store(0)
		}
		offset += int64(n)
		d.progress(offset, total)
		return n, err
	}
	return readerFunc(read), func() { timer.Stop() }
}

// progress reports how far the download is, every two seconds.
func (d *download) progress(done, total int64) {
	if d.told.IsZero() {
		d.told = time.Now()
	}
	if time.Since(d.told) < 2*time.Second {
		return
	}
	d.told = time.Now()
	text := fmt.Sprintf("fetching %s: %s", d.url, units.HumanSize(float64(done)))
	if total > done {
		text += " of " + units.HumanSize(float64(total))
	}
	d.report.Step(text)
}

// readerFunc is a function as an io.Reader.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
