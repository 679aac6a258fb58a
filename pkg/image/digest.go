package image

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// InputDigest identifies everything that an image is made of: 64 hex digits. Two images with the same digest
// are built from the same Dockerfile, files, arguments and artifacts on the same parent, with files
// of the same images.
type InputDigest string

// Short is the part that tags carry, 12 hex digits.
func (d InputDigest) Short() string {
	if len(d) < 12 {
		return string(d)
	}
	return string(d[:12])
}

// digestVersion changes when equal inputs no longer give an equal image, because the builder itself has
// changed: it makes every image outdated once.
const digestVersion = "1"

// Digest computes the input digest of name for a Debian suite. Neither time stamps nor owners nor the umask
// of the checkout count, and of image.yaml only what reaches the image: arguments, artifacts, parent, stages.
func (c *Catalogue) Digest(name string, suite Suite) (InputDigest, error) {
	d, err := c.Get(name)
	if err != nil {
		return "", err
	}
	h := digester{sha256.New()}
	h.add("version", digestVersion)
	if d.Parent == "" {
		h.add("suite", string(suite))
	} else {
		parent, err := c.Digest(d.Parent, suite)
		if err != nil {
			return "", err
		}
		h.add("parent", d.Parent, string(parent))
	}
	for _, k := range keys(d.Stages) {
		stage, err := c.Digest(d.Stages[k], suite)
		if err != nil {
			return "", err
		}
		h.add("stage", k, d.Stages[k], string(stage))
	}
	args := d.expandArgs(suite)
	for _, k := range keys(args) {
		h.add("arg", k, args[k])
	}
	files := map[string]string{} // target → hash
	for _, a := range d.Artifacts {
		for _, f := range a.Files {
			files[f.To] = f.SHA256
		}
		if pkg := a.program(); pkg != "" {
			if files[a.Files[0].To], err = programDigest(c.root, pkg); err != nil {
				return "", fmt.Errorf("compute digest of image %q: program %s: %w", name, pkg, err)
			}
		}
	}
	for _, to := range keys(files) {
		h.add("artifact", to, files[to])
	}
	if err := h.addContext(c, name, suite); err != nil {
		return "", fmt.Errorf("compute digest of image %q: %w", name, err)
	}
	return InputDigest(hex.EncodeToString(h.Sum(nil))), nil
}

// expandArgs gives the build arguments with the suite filled in.
func (d Definition) expandArgs(suite Suite) map[string]string {
	out := make(map[string]string, len(d.Args))
	for k, v := range d.Args {
		out[k] = strings.ReplaceAll(v, SuiteVariable, string(suite))
	}
	return out
}

// digester hashes records whose parts cannot run into each other.
type digester struct{ hash.Hash }

func (h digester) add(parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	_, _ = h.Write([]byte("\n"))
}

// addContext adds path, mode and content of every file in the build context of name.
func (h digester) addContext(c *Catalogue, name string, suite Suite) error {
	context, err := c.context(name, suite)
	if err != nil {
		return err
	}
	if context.hidden {
		h.add("hidden", dockerfileName)
	}
	for _, f := range context.files {
		content := f.link
		if f.source != "" {
			if content, err = f.hash(); err != nil {
				return fmt.Errorf("%s: %w", c.byName[name].file(f.path), err)
			}
		}
		h.add("file", f.path, f.mode.String(), content)
	}
	return nil
}

// hash gives the SHA-256 of the file, and an error if what is in it must not go into an image.
func (f contextFile) hash() (string, error) {
	in, err := os.Open(filepath.Clean(f.source))
	if err != nil {
		return "", err
	}
	defer in.Close()
	content := bufio.NewReaderSize(in, maxHead)
	head, err := content.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if err := f.check(head); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := content.WriteTo(h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashFile gives the SHA-256 of a file in hex.
func hashFile(path string) (string, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashText gives the SHA-256 of a text in hex.
func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
