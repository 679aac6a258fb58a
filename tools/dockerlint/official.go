package main

import (
	"context"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// official runs the rules of docker's linter.
//
// The builder gives every Dockerfile its parent as BASE_IMAGE, and the images that it takes files from by other
// arguments, which have no default on purpose: building one by hand without them must fail. So the rule that asks for
// a default is left out.
func official(ctx context.Context, name string, data []byte) []Finding {
	source := llb.NewSourceMap(nil, name, "Dockerfile", data)
	source.Definition = &llb.Definition{} // nil makes the linter panic
	res, err := dockerfile2llb.DockerfileLint(ctx, data, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs: images(data),
		},
		SourceMap:    source,
		MetaResolver: noImages{},
	})
	if err != nil {
		return []Finding{{File: name, Rule: "BuildError", Text: err.Error()}}
	}
	var found []Finding
	for _, w := range res.Warnings {
		if w.RuleName == linter.RuleInvalidDefaultArgInFrom.Name {
			continue
		}
		found = append(found, Finding{File: name, Line: line(w.Location), Rule: w.RuleName, Text: w.Detail})
	}
	if e := res.Error; e != nil {
		found = append(found, Finding{File: name, Line: line(&e.Location), Rule: "BuildError", Text: e.Message})
	}
	return found
}

// images gives the arguments that stand before the first stage, each with an image for a value.
func images(data []byte) map[string]string {
	found := map[string]string{}
	for text := range strings.Lines(string(data)) {
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if strings.EqualFold(words[0], "FROM") {
			break
		}
		if strings.EqualFold(words[0], "ARG") && len(words) == 2 && !strings.Contains(words[1], "=") {
			found[words[1]] = "localhost/poststack/image:latest"
		}
	}
	return found
}

// line returns the first line of l, or 0.
func line(l *pb.Location) int {
	if len(l.GetRanges()) == 0 {
		return 0
	}
	return int(l.GetRanges()[0].GetStart().GetLine())
}

// noImages answers for every image with an empty configuration, so that linting asks no registry.
type noImages struct{}

// ResolveImageConfig returns ref itself and an image that sets nothing.
func (noImages) ResolveImageConfig(
	_ context.Context, ref string, _ sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	return ref, "", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"},"config":{}}`), nil
}
