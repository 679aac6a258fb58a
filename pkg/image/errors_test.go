package image_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

func TestBuildError_Error(t *testing.T) {
	t.Parallel()
	said := []string{"Error: checking on sources: no such file"}
	for want, e := range map[string]*image.BuildError{
		`build image "app": step 2: COPY a /: exit status 125: checking on sources: no such file`: {
			Step: engine.Step{Number: 2, Text: "COPY a /"}, Tail: said, Err: &runner.ExitError{Code: 125},
		},
		`build image "app": step 2: RUN make: exit status 2`: {
			Step: engine.Step{Number: 2, Text: "RUN make"}, Tail: said, Err: &runner.ExitError{Code: 2},
		},
		`build image "app": step 2: RUN make: the builder was killed`: {
			Step: engine.Step{Number: 2, Text: "RUN make"}, Err: &runner.ExitError{Code: -1},
		},
		`build image "app": step 2: RUN make: context canceled`: {
			Step: engine.Step{Number: 2, Text: "RUN make"}, Err: context.Canceled,
		},
		`build image "app": nothing answers`: {Err: errors.New("nothing answers")},
	} {
		e.Image = "app"
		assert.Equal(t, want, e.Error())
	}
}
