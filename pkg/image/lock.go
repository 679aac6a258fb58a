package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/poststack/poststack/pkg/trace"
)

// lock takes the machine-wide lock of that name below cacheDir, and calls waiting once when someone else has
// it. The kernel frees it with its holder. The file is never removed: who waits for it would then hold
// another one.
func lock(ctx context.Context, cacheDir, name string, waiting func()) (unlock func(), err error) {
	dir := filepath.Join(cacheDir, "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	f := flock.New(filepath.Join(dir, name+".lock"))
	held, err := f.TryLock()
	if err == nil && !held {
		waiting()
		span := trace.Start(ctx, trace.Wait, "wait for another process", trace.Text("lock", name))
		_, err = f.TryLockContext(ctx, 100*time.Millisecond)
		span.End()
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("lock %q: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}
