package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/runner"
)

//go:embed testdata/program/main.go
var programSource []byte

// Program compiles the program that the contract's containers run, see testdata/program: it is static, so an
// image needs nothing else. It returns the file's path.
func Program(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "main.go"), programSource, 0o600))
	out := filepath.Join(dir, "program")
	_, err := runner.Exec{}.Run(tb.Context(), runner.Command{
		Program: "go", Args: []string{"build", "-ldflags", "-s -w", "-o", out, "main.go"},
		Dir: dir, Env: []string{"CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux"},
	})
	require.NoError(tb, err, "compile the program of the contract")
	return out
}

// importer is what makes an image of an archive, and removes it.
type importer interface {
	ImageImport(ctx context.Context, rootfs io.Reader, ref engine.Ref, changes []string) (engine.ImageID, error)
	ImageRemove(ctx context.Context, ref engine.Ref) error
}

// ProgramImage makes an image of the program alone until the test ends.
func ProgramImage(tb testing.TB, e importer) engine.Ref {
	tb.Helper()
	ref := engine.Ref("localhost/poststack-program-" + strings.ToLower(rand.Text()[:8]) + ":1")
	ImportProgram(tb, e, ref)
	tb.Cleanup(func() { require.NoError(tb, e.ImageRemove(context.WithoutCancel(tb.Context()), ref)) })
	return ref
}

// ImportProgram makes an image of the program alone, with changes such as "ENV A=b", which the caller removes.
func ImportProgram(tb testing.TB, e importer, ref engine.Ref, changes ...string) {
	tb.Helper()
	_, err := e.ImageImport(tb.Context(), rootfs(tb), ref, append(changes, `ENTRYPOINT ["/program"]`))
	require.NoError(tb, err, "import the image of the contract")
}

// rootfs packs the program as the archive of a root file system, with a directory for temporary files.
func rootfs(tb testing.TB) *bytes.Buffer {
	tb.Helper()
	content, err := os.ReadFile(Program(tb))
	require.NoError(tb, err)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o751},
		{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644},
		{Typeflag: tar.TypeReg, Name: "etc/group", Mode: 0o644},
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeReg, Name: "program", Mode: 0o755, Size: int64(len(content))},
	} {
		require.NoError(tb, w.WriteHeader(&h))
	}
	_, err = w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return &b
}
